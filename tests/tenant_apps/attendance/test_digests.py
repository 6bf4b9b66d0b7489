"""The organizer's digest: once a day of the campus, of their own events, and only where there is something to say."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared_apps.accounts.models import User
from shared_apps.common.clock import now
from tenant_apps.attendance.models import Flag
from tenant_apps.attendance.rules.digests import Ahead, Over, Waiting, compose_digest, digest_instant
from tenant_apps.attendance.services.closing import close_session
from tenant_apps.attendance.services.digests import send_digests
from tenant_apps.attendance.tasks import digest_here
from tenant_apps.events.models import Event, Registration, Session
from tenant_apps.notifications.models import Mail, Notice
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event
from tests.tenant_apps.attendance.test_races import together
from tests.tenant_apps.events.places import make_placed_event, path_of

ZONE = ZoneInfo("Asia/Manila")
HOUR = 6


def morning(*, days: int = 0, hours: float = 0) -> datetime:
    """Return six o'clock of today, or of ``days`` later, and ``hours`` more, at the campuses."""
    today = digest_instant(at=now(), hour=HOUR, zone=ZONE)
    return today + timedelta(days=days, hours=hours)


def send(site: Site, at: datetime) -> int:
    with site.here():
        return send_digests(at=at, hour=HOUR)


def digests(person: Person) -> list[str]:
    assert person.site is not None
    with person.site.here():
        rows = Mail.objects.filter(user_id=person.id, kind="digest.organizer")
        return list(rows.order_by("created_at").values_list("text", flat=True))


def put(site: Site, event: Event, starts_at: datetime) -> Session:
    """Let the event's session begin then; return it."""
    with site.here():
        session = Session.objects.get(event=event)
        shift = starts_at - session.starts_at
        for name in ("opens_at", "starts_at", "late_after", "ends_at", "closes_at"):
            setattr(session, name, getattr(session, name) + shift)
        session.save()
        return session


def test_each_organizer_reads_of_their_own_events(cast: Cast, http: Http) -> None:
    site = cast.malimono
    placed = make_placed_event(site, title="Placed", capacity=3, registration="approval")
    assert http.post(path_of(placed), by=site.student).status_code == 201
    other = make_event(site, title="Oscar's", organizer=site.other_organizer)
    tomorrow = make_event(site, title="Tomorrow's")
    yesterday = make_event(site, title="Yesterday's", starts=-240)
    make_event(site, title="Draft", status="draft")
    put(site, placed, morning(days=1, hours=3))
    put(site, other, morning(days=1, hours=4))
    put(site, tomorrow, morning(days=2, hours=1))
    with site.here():
        Registration.objects.filter(event=placed).update(state="requested")
        Event.objects.filter(pk=yesterday.pk).update(is_required=True)
        session = Session.objects.get(event=yesterday)
        assert close_session(session_id=session.pk, at=now()) is not None
        Session.objects.filter(pk=session.pk).update(closed_at=morning(days=1, hours=-5))
        Flag.objects.create(kind="two_doors", subject="s", event=other, raised_at=now())

    assert send(site, morning(days=1, hours=0.1)) == 2

    (text,) = digests(site.organizer)
    assert text.splitlines()[0] == "Sessions today: 1. Closed since yesterday: 1. Waiting for you: 1."
    assert "“Placed”, Session 1: " in text
    assert "0 of 3 places taken" in text
    assert "“Yesterday's”, Session 1: 0 present, 0 of them late; 2 absent, 0 excused" in text
    assert "- 1 requests for a place" in text
    assert not any(word in text for word in ("Oscar", "Tomorrow", "Draft", "suspicions"))
    (theirs,) = digests(site.other_organizer)
    assert "Oscar's" in theirs
    assert "1 suspicions" in theirs
    assert "Placed" not in theirs
    assert digests(site.admin) == digests(cast.delcarmen.organizer) == []
    with site.here():
        assert not Notice.objects.filter(kind="digest.organizer").exists()  # by e-mail, unless one chose otherwise


def test_once_a_day_whoever_tries(cast: Cast) -> None:
    site = cast.malimono
    for days in (1, 2):
        put(site, make_event(site, title=f"Day {days}"), morning(days=days, hours=2))

    send(site, morning(days=1, hours=-0.1))
    assert together(6, lambda _: send(site, morning(days=1, hours=0.2))) == []
    assert send(site, morning(days=1, hours=5)) == 0
    assert len(digests(site.organizer)) == 1
    assert send(site, morning(days=2, hours=13)) == 0  # of a morning that is long over
    assert send(site, morning(days=2, hours=11)) == 1
    assert ["Day 1" in text for text in digests(site.organizer)] == [True, False]


def test_nothing_to_say_or_nobody_to_tell(cast: Cast) -> None:
    site = cast.malimono
    assert send(site, morning(days=1)) == 0
    put(site, make_event(site), morning(days=2, hours=1))
    with site.here():
        User.objects.filter(pk=site.organizer.id).update(is_active=False)
        digest_here.run()
    assert send(site, morning(days=2)) == 0
    assert digests(site.organizer) == []


@pytest.mark.parametrize(
    ("zone", "at", "due"),
    [
        ("Asia/Manila", "2026-01-05T06:00:00+08:00", "2026-01-05T06:00:00+08:00"),
        ("Asia/Manila", "2026-01-05T05:59:59+08:00", "2026-01-04T06:00:00+08:00"),
        ("Asia/Manila", "2026-01-05T23:59:00+00:00", "2026-01-06T06:00:00+08:00"),
        # The clocks went forward in the night, and back in the other.
        ("Europe/Berlin", "2026-03-29T06:30:00+02:00", "2026-03-29T06:00:00+02:00"),
        ("Europe/Berlin", "2026-10-25T05:30:00+01:00", "2026-10-24T06:00:00+02:00"),
    ],
)
def test_when_a_digest_is_due(zone: str, at: str, due: str) -> None:
    found = digest_instant(at=datetime.fromisoformat(at), hour=HOUR, zone=ZoneInfo(zone))
    assert found == datetime.fromisoformat(due)


def test_words() -> None:
    begins = datetime(2026, 1, 5, 8, tzinfo=ZONE)
    ahead = Ahead("Games", "", begins, begins + timedelta(hours=1), 0, None)
    over = Over("Mass", "Opening", begins, begins, 5, 2, 1, 0)
    assert compose_digest(ahead=[], over=[], waiting=Waiting(), zone=ZONE) == ""
    text = compose_digest(ahead=[ahead] * 32, over=[over], waiting=Waiting(requests=2, flags=1), zone=ZONE)
    lines = text.splitlines()
    assert lines[0] == "Sessions today: 32. Closed since yesterday: 1. Waiting for you: 3."
    assert lines[3] == "- “Games”: Mon 05 Jan 2026, 08:00 to 09:00"
    assert "- and 2 more" in lines
    assert lines[-5:] == [
        "- “Mass”, Opening: 5 present, 2 of them late; 1 absent, 0 excused", "", "Waiting for you",
        "- 2 requests about attendance wait for a decision", "- 1 suspicions wait for a look",
    ]  # fmt: skip
