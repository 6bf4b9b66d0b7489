"""What the registry does later: making campuses, and keeping every site tidy.

``provision_pending_campuses`` has a queue of its own: its worker is the only process besides migrations that holds the
owner's credentials.
"""

import logging
from datetime import timedelta
from typing import Final

from celery import shared_task

from shared_apps.accounts.services.tokens import forget_old_sign_ins
from shared_apps.campuses.services import list_pending, provision
from shared_apps.common.clock import now
from shared_apps.idempotency.services import forget_old_answers
from shared_apps.outbox.selectors import MessageState, count_messages
from shared_apps.outbox.services import forget_finished_messages
from shared_apps.periodic.rules import LOOK_EVERY, STUCK_MESSAGES
from shared_apps.periodic.services import PUBLIC, forget_old_runs, list_served, send_turn
from tenants.context import find_current_campus
from tenants.errors import WrongCampusState

logger = logging.getLogger("eas.tasks")

TIDY_EVERY: Final = timedelta(hours=1)


@shared_task
def provision_pending_campuses() -> None:
    """Make every campus that waits; one that fails is tried again with the next beat and does not stop the others.

    The registry row is the message: nothing is lost with the broker, and a worker that died is simply followed by
    another.
    """
    for campus_id in list_pending():
        try:
            for step in provision(campus_id=campus_id):
                logger.info("campus_provisioning", extra={"step": step.name})
        except WrongCampusState:
            continue
        except Exception:
            logger.exception("campus_provisioning_failed")


@shared_task
def tidy_every_site() -> None:
    """Send ``tidy_site`` to the public site and to every campus that is served, once a slot whatever the number of
    beats. What gets lost is done the next time.
    """
    send_turn(tidy_site, name="tidy", every=TIDY_EVERY, at=now(), sites=[PUBLIC, *list_served()])


@shared_task
def tidy_site() -> int:
    """Delete what has served its time here: expired sign-ins, old answers, messages that are done."""
    at = now()
    count = forget_old_sign_ins(at=at) + forget_old_answers(at=at) + forget_finished_messages(at=at)
    if find_current_campus() is None:
        count += forget_old_runs(at=at)
    logger.info("site_tidied", extra={"count": count})
    return count


@shared_task
def look_for_stuck_messages_everywhere() -> None:
    """Send ``look_for_stuck_messages`` to every site, once a turn: so the public site knows without asking campuses."""
    send_turn(look_for_stuck_messages, name=STUCK_MESSAGES, every=LOOK_EVERY, at=now(), sites=[PUBLIC, *list_served()])


@shared_task
def look_for_stuck_messages() -> int:
    """Count the messages of this site that were given up; the run says how many."""
    return count_messages()[MessageState.GIVEN_UP]
