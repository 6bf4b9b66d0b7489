"""What attendance does later."""

import logging
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import transaction

from shared_apps.common.clock import now
from shared_apps.federation.directory import ask_display_name
from shared_apps.federation.selectors import get_reconciliation
from shared_apps.federation.services import transfers
from shared_apps.federation.services.reconciliations import finish_reconciliation, request_reconciliation
from shared_apps.outbox.services import CAMPUS_RESTS, claim_message, finish_message, postpone_message, take_slot
from shared_apps.periodic.services import record_own_run, send_turn
from tenant_apps.attendance.selectors.attendance import list_presences
from tenant_apps.attendance.services import closing
from tenant_apps.attendance.services.digests import DIGEST_EVERY, send_digests
from tenant_apps.attendance.services.imports import run_import
from tenant_apps.attendance.services.reconciling import reconcile_hosts
from tenant_apps.attendance.services.requests import REMIND_EVERY, remind_of_overdue_requests
from tenant_apps.attendance.services.reviews import REVIEW_EVERY, review_scans
from tenant_apps.attendance.services.seals import SEAL_EVERY, seal_campus
from tenant_apps.attendance.services.visitors import name_visitor
from tenants.context import campus_context
from tenants.errors import CampusNotReady, CampusSuspended, SiteNotFound
from tenants.registry import confirm_current_campus, find_campus

logger = logging.getLogger("eas.tasks")

CLOSE_EVERY: Final = timedelta(minutes=1)
RECONCILE_EVERY: Final = timedelta(hours=6)


@shared_task
def learn_visitor_name(*, message_id: str, home: str, person_id: str, **later: Any) -> None:
    """Ask the home campus what a visitor is called. Asking twice does no harm.

    One that is being restored or migrated is asked later: the message waits.
    """
    try:
        name = ask_display_name(home=home, person_id=UUID(person_id))
    except CampusNotReady:
        postpone_message(message_id=UUID(message_id), until=now() + CAMPUS_RESTS)
        return
    with transaction.atomic():
        if claim_message(message_id=UUID(message_id)):
            name_visitor(person_id=UUID(person_id), display_name=name)
            finish_message(message_id=UUID(message_id), at=now())


@shared_task
def reconcile(*, message_id: str, run_id: str, **later: Any) -> None:
    """Compare the ledger with every host, for the run that was asked for. Repairing twice changes nothing."""
    at = now()
    run = get_reconciliation(UUID(run_id))
    hosts, skipped, differences = [], [], []
    for code, found in reconcile_hosts(at=at, repair=run.repairs):
        if found is None:
            skipped.append(code)
        else:
            hosts.append(code)
            differences += found
    with transaction.atomic():
        if claim_message(message_id=UUID(message_id)):
            finish_reconciliation(run_id=run.pk, at=now(), hosts=hosts, skipped=skipped, differences=differences)
            finish_message(message_id=UUID(message_id), at=now())


@shared_task
def reconcile_on_schedule() -> None:
    """Ask for a comparison once a slot, whatever the number of beats. It names differences, and repairs nothing."""
    at = now()
    with transaction.atomic():
        if take_slot(name="reconcile", every=RECONCILE_EVERY, at=at):
            request_reconciliation(by=None, at=at, repairs=False)
            record_own_run(name="reconcile", every=RECONCILE_EVERY, at=at)


@shared_task
def run_scan_import(*, message_id: str, import_id: str, **later: Any) -> None:
    """Work off one file of scans. It may be started twice: each row is recorded once."""
    run_import(import_id=UUID(import_id), clock=now)
    finish_message(message_id=UUID(message_id), at=now())


@shared_task
def seal_every_campus() -> None:
    """Send ``seal_events`` to every campus that is served, once a slot whatever the number of beats."""
    send_turn(seal_events, name="seal-campuses", every=SEAL_EVERY, at=now())


@shared_task
def seal_events() -> int:
    """Seal what is committed and in no seal. Sealing twice at once makes one seal."""
    count = seal_campus(at=now())
    logger.info("events_sealed", extra={"count": count})
    return count


@shared_task
def review_every_campus() -> None:
    """Send ``review_campus`` to every campus that is served, once a slot whatever the number of beats."""
    send_turn(review_campus, name="review-campuses", every=REVIEW_EVERY, at=now())


@shared_task
def review_campus() -> int:
    """Look at what came since the last turn, and raise what is suspicious."""
    count = review_scans(at=now())
    logger.info("scans_reviewed", extra={"count": count})
    return count


@shared_task
def remind_every_campus() -> None:
    """Send ``remind_campus`` to every campus that is served, once a slot whatever the number of beats."""
    send_turn(remind_campus, name="remind-campuses", every=REMIND_EVERY, at=now())


@shared_task
def remind_campus() -> int:
    """Tell those who decide of requests that are overdue."""
    count = remind_of_overdue_requests(at=now())
    logger.info("requests_reminded", extra={"count": count})
    return count


@shared_task
def digest_everywhere() -> None:
    """Send ``digest_here`` to every campus that is served, once a slot whatever the number of beats."""
    send_turn(digest_here, name="digest-organizers", every=DIGEST_EVERY, at=now())


@shared_task
def digest_here() -> int:
    """Tell organizers what their day brings, from the set hour of the campus's day on."""
    if count := send_digests(at=now(), hour=settings.DIGEST_HOUR):
        logger.info("digests_sent", extra={"count": count})
    return count


@shared_task
def close_transfer(*, message_id: str, transfer_id: str, origin: str, **later: Any) -> None:
    """Close the account of somebody who has come here, at the campus they came from. Closing twice does no harm.

    For this the task stands in the origin, under that campus's own login. While the origin is suspended, behind or
    archived, the message waits, however long that takes.
    """
    at = now()
    try:
        campus = find_campus(origin)
        if campus is None:
            raise SiteNotFound
        with campus_context(campus):
            confirm_current_campus()
            transfers.close_transfer(at=at, transfer_id=UUID(transfer_id), list_presences=list_presences)
    except (CampusSuspended, CampusNotReady, SiteNotFound):
        postpone_message(message_id=UUID(message_id), until=at + CAMPUS_RESTS)
    else:
        finish_message(message_id=UUID(message_id), at=at)


@shared_task
def close_sessions_everywhere() -> None:
    """Send ``close_sessions`` to every campus that is served, once a slot whatever the number of beats. What gets lost
    is done a minute later.
    """
    send_turn(close_sessions, name="close_sessions", every=CLOSE_EVERY, at=now())


@shared_task
def close_sessions() -> int:
    """Close the sessions of this campus that are due. The lock on each decides who does it, so any number may run."""
    return closing.close_due_sessions(at=now())


@shared_task
def close_event_sessions(*, message_id: str, event_id: str, **later: Any) -> None:
    """Close the sessions of a completed event that are over. Closing twice does no harm, and what is left, the task of
    the minute closes.
    """
    at = now()
    closing.close_event_sessions(event_id=UUID(event_id), at=at)
    finish_message(message_id=UUID(message_id), at=at)
