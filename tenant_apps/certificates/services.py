"""Issuing certificates and revoking them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.audit.services import record_action
from shared_apps.outbox.services import add_message
from tenant_apps.attendance.models import Attendance
from tenant_apps.certificates.errors import CertificateNotFound, RunNotFound, UnknownPlaceholder
from tenant_apps.certificates.models import Certificate, Run, Template
from tenant_apps.certificates.rules import (
    HEADING,
    TEXT,
    RunState,
    fill_text,
    find_unknown_placeholders,
    issued_text,
    revoked_text,
)
from tenant_apps.certificates.selectors import find_template, get_certificate, list_credited
from tenant_apps.events.errors import NotYourEvent
from tenant_apps.events.rules.events import runs_event
from tenant_apps.events.selectors.registrations import get_run_event
from tenant_apps.notifications.services.notices import send_notices
from tenants.context import current_campus

CHUNK: Final = 500
TASK: Final = "tenant_apps.certificates.tasks.issue_certificates"


@transaction.atomic
def set_template(
    *, by: User, at: datetime, event_id: UUID | None, heading: str, text: str, signatories: list[dict[str, str]]
) -> Template:
    """Decide what certificates of an event will say, or (None) those of the campus. Those that were issued stay.

    Raises: EventNotFound, NotYourEvent, UnknownPlaceholder.
    """
    if event_id is not None:
        get_run_event(user=by, event_id=event_id)
    for attr, words in (("heading", heading), ("text", text)):
        if find_unknown_placeholders(words):
            raise UnknownPlaceholder(attr=attr)
    values = {"heading": heading, "text": text, "signatories": signatories, "updated_at": at}
    Template.objects.bulk_create(
        [Template(event_id=event_id, **values)], update_conflicts=True, unique_fields=["event"],
        update_fields=list(values),
    )  # fmt: skip
    rows = Template.objects.all()
    template = rows.get(event_id=event_id) if event_id else rows.get(event_id__isnull=True)
    record_action(at=at, by=by, action="certificate.worded", target_type="event", target_id=event_id or "campus")
    return template


@transaction.atomic
def request_run(*, by: User, at: datetime, event_id: UUID) -> Run:
    """Have certificates issued, by a worker, for everybody who attended an event and has none.

    Raises: EventNotFound, NotYourEvent.
    """
    event = get_run_event(user=by, event_id=event_id)
    run = Run.objects.create(
        event=event, total=list_credited(event.pk).count(), requested_by_id=by.pk, created_at=at
    )  # fmt: skip
    add_message(kind=TASK, payload={"run_id": str(run.pk)}, at=at)
    record_action(
        at=at, by=by, action="certificates.requested", target_type="event", target_id=event.pk,
        changes={"run": str(run.pk)},
    )  # fmt: skip
    return run


def work_off(*, run_id: UUID, clock: Callable[[], datetime]) -> Run:
    """Issue what a run asks for, to its end, in chunks. It may be started twice, and after a kill: each chunk and how
    far the run is are one transaction, and PostgreSQL keeps one certificate for each presence.

    Raises: RunNotFound.
    """
    while True:
        run = issue_chunk(run_id=run_id, at=clock())
        if run.state == RunState.DONE:
            return run


@transaction.atomic
def issue_chunk(*, run_id: UUID, at: datetime) -> Run:
    """Issue the next certificates of a run, and tell those of this campus who get one.

    Locks: the run, then the presences, against corrections. Raises: RunNotFound.
    """
    run = Run.objects.select_for_update(of=("self",)).select_related("event").filter(pk=run_id).first()
    if run is None:
        raise RunNotFound
    if run.state == RunState.DONE:
        return run
    rows = list_credited(run.event_id).select_related("session", "user", "visitor", "guest")
    if run.done_until:
        rows = rows.filter(pk__gt=run.done_until)
    chunk = list(rows.select_for_update(no_key=True, of=("self",))[:CHUNK])
    template = find_template(run.event_id)
    # Two runs of one event take turns at the locked presences, so this is exact; a constraint says so too.
    has = set(Certificate.objects.filter(attendance__in=chunk).values_list("attendance_id", flat=True))
    made = Certificate.objects.bulk_create(
        _word(attendance, run.event.title, template, by_id=run.requested_by_id, at=at)
        for attendance in chunk
        if attendance.pk not in has
    )
    # Several sessions are several certificates, and one notice.
    send_notices(
        to={one.attendance.user_id for one in made if one.attendance.user_id}, kind="certificate.issued", at=at,
        text=issued_text(title=run.event.title), event_id=run.event_id, once=f"certificates of {run.pk}",
    )  # fmt: skip
    run.issued += len(made)
    run.processed += len(chunk)
    run.state = RunState.RUNNING if len(chunk) == CHUNK else RunState.DONE
    if chunk:
        run.done_until = chunk[-1].pk
    run.finished_at = at if run.state == RunState.DONE else None
    run.save(update_fields=["issued", "processed", "state", "done_until", "finished_at"])
    return run


@transaction.atomic
def revoke_certificate(*, by: User, at: datetime, certificate_id: UUID, reason: str) -> Certificate:
    """Revoke a certificate of an event that one runs, for good; revoked twice it keeps the first reason.

    Locks: the certificate. Raises: CertificateNotFound, NotYourEvent.
    """
    found = get_certificate(user=by, certificate_id=certificate_id)
    event = found.attendance.event
    if not runs_event(role=by.role, user_id=by.pk, organizer_id=event.organizer_id):
        raise NotYourEvent
    locked = Certificate.objects.select_for_update(no_key=True).filter(pk=found.pk).first()
    if locked is None:
        raise CertificateNotFound
    if locked.revoked_at is None:
        locked.revoked_at, locked.revoke_reason = at, reason
        locked.save(update_fields=["revoked_at", "revoke_reason"])
        record_action(
            at=at, by=by, action="certificate.revoked", target_type="certificate", target_id=found.pk, reason=reason
        )
        if found.attendance.user_id:
            send_notices(
                to=[found.attendance.user_id], kind="certificate.revoked", at=at, event_id=event.pk,
                text=revoked_text(title=found.event_title, session=found.session_name, reason=reason),
            )  # fmt: skip
    return get_certificate(user=by, certificate_id=certificate_id)


def _word(attendance: Attendance, title: str, template: Template | None, *, by_id: UUID, at: datetime) -> Certificate:
    session, campus = attendance.session, current_campus()
    held_on = session.starts_at.astimezone(campus.zone).date()
    values = {
        "name": attendance.person.display_name or "", "event": title, "session": session.name, "campus": campus.name,
        "date": f"{held_on:%B} {held_on.day}, {held_on.year}",
    }  # fmt: skip
    words: dict[str, Any] = {
        "heading": fill_text(template.heading if template else HEADING, values)[:100],
        "text": fill_text(template.text if template else TEXT, values)[:1000],
        "signatories": template.signatories if template else [],
    }
    return Certificate(
        attendance=attendance, name=values["name"], event_title=title, session_name=session.name, held_on=held_on,
        issued_by_id=by_id, issued_at=at, **words,
    )  # fmt: skip
