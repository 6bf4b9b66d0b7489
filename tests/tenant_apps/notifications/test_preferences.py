"""notifications/preferences/: each person's own channels, kind by kind."""

from typing import Any

from shared_apps.common.clock import now
from tenant_apps.notifications.models import Mail, Notice
from tenant_apps.notifications.rules.kinds import NoticeKind, default_channels
from tenant_apps.notifications.services.notices import send_notices
from tests.cast import Cast, Http, Person, Site

PATH = "notifications/preferences/"


def choose(http: Http, person: Person, *choices: dict[str, Any]) -> Any:
    return http.patch(PATH, {"preferences": list(choices)}, by=person)


def told(site: Site, person: Person, kind: str) -> tuple[int, int]:
    """Tell ``person`` something; return how many notices and e-mails that made."""
    with site.here():
        Notice.objects.all().delete()
        Mail.objects.all().delete()
        send_notices(to=[person.id], kind=kind, text="Something", at=now())
        return Notice.objects.filter(user_id=person.id).count(), Mail.objects.filter(user_id=person.id).count()


def test_each_kind_goes_by_the_channels_that_one_chose(cast: Cast, http: Http) -> None:
    site = cast.malimono
    ana, ben = site.student, site.friend

    before = http.get(PATH, by=ana)
    assert before.status_code == 200
    assert [row["kind"] for row in before.json()] == list(NoticeKind.values)
    assert {row["kind"]: (row["in_app"], row["email"]) for row in before.json()} == {
        kind: default_channels(kind) for kind in NoticeKind.values
    }
    assert told(site, ana, "event.changed") == (1, 1)

    answer = choose(http, ana, {"kind": "event.changed", "email": False}, {"kind": "session.reminder", "in_app": False})
    assert answer.status_code == 200, answer.content
    chosen = {row["kind"]: (row["in_app"], row["email"]) for row in answer.json()}
    assert (chosen["event.changed"], chosen["session.reminder"]) == ((True, False), (False, True))
    assert answer.json() == http.get(PATH, by=ana).json()
    assert (told(site, ana, "event.changed"), told(site, ana, "session.reminder")) == ((1, 0), (0, 1))
    choose(http, ana, {"kind": "event.changed", "in_app": False})
    assert told(site, ana, "event.changed") == (0, 0)
    choose(http, ana, {"kind": "event.changed", "in_app": True, "email": True})
    assert told(site, ana, "event.changed") == (1, 1)
    # Nobody else's, and nothing of the account of the same name elsewhere.
    assert told(site, ben, "session.reminder") == (1, 1)
    for other in (ben, cast.delcarmen.student):
        assert http.get(PATH, by=other).json() == before.json()


def test_a_kind_that_is_unknown_is_told_in_the_app(cast: Cast) -> None:
    assert told(cast.malimono, cast.malimono.student, "of.a.later.release") == (1, 0)


def test_choices_that_make_no_sense_change_nothing(cast: Cast, http: Http) -> None:
    ana = cast.malimono.student
    for body, code in (
        ({"preferences": []}, "empty"),
        ({"preferences": [{"kind": "no.such"}]}, "invalid_choice"),
        ({"preferences": [{"kind": "event.changed", "sms": True}]}, "unknown_field"),
        ({"preferences": [{"kind": "event.changed", "email": "perhaps"}]}, "invalid"),
        ({"preferences": [{"kind": "event.changed", "email": None}]}, "null"),
        ({"preferences": [{"kind": "event.changed"}] * 51}, "max_length"),
        ({"preferences": {"kind": "event.changed"}}, "not_a_list"),
        ({"preferences": [{"kind": "event.changed", "user": str(cast.malimono.friend.id)}]}, "unknown_field"),
        ({}, "required"),
    ):
        answer = http.patch(PATH, body, by=ana)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code), (body, answer.content)
    assert all((row["in_app"], row["email"]) == default_channels(row["kind"]) for row in http.get(PATH, by=ana).json())
