"""What has served its time is deleted, in each site by itself, and nothing else."""

from datetime import timedelta
from uuid import uuid4

from shared_apps.accounts.models import AccessToken, ActingToken, SignInTry
from shared_apps.accounts.rules import ACTING_TIME
from shared_apps.accounts.services.tokens import begin_acting
from shared_apps.campuses.tasks import tidy_site
from shared_apps.common.clock import now
from shared_apps.idempotency.models import StoredAnswer
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.services import add_message
from tests.cast import Cast, Site


def leave_things(site: Site) -> None:
    """Leave one old and one fresh thing of each kind."""
    moment = now()
    with site.here():
        AccessToken.objects.filter(user=site.student.user).update(expires_at=moment - timedelta(seconds=1))
        for days in (0, 4):
            begin_acting(
                grant_id=uuid4(), super_admin_id=uuid4(), super_admin_name="Sol", reason="x", may_write=False,
                at=moment - days * ACTING_TIME,
            )  # fmt: skip
            answer = StoredAnswer.objects.create(
                user_id=site.student.id, key=f"k{days}", operation="POST x", fingerprint=b"x"
            )
            StoredAnswer.objects.filter(pk=answer.pk).update(created_at=moment - timedelta(days=days))
            SignInTry.objects.create(key=f"k{days}", failures=1, last_failed_at=moment - timedelta(days=days))
            message = add_message(kind="x", payload={}, at=moment)
            finished = moment - timedelta(days=2 * days)
            OutboxMessage.objects.filter(pk=message.pk).update(finished_at=finished)
        add_message(kind="given up", payload={}, at=moment - timedelta(days=99))


def count(site: Site) -> list[int]:
    with site.here():
        return [model.objects.count() for model in (AccessToken, ActingToken, StoredAnswer, SignInTry, OutboxMessage)]


def test_old_things_go_fresh_ones_and_other_campuses_stay(cast: Cast) -> None:
    for site in (cast.malimono, cast.delcarmen):
        leave_things(site)

    with cast.malimono.here():
        tidy_site.run()

    assert count(cast.malimono) == [6, 1, 1, 1, 2]
    assert count(cast.delcarmen) == [7, 2, 2, 2, 3]
