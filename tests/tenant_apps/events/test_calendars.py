"""Calendars: read by a parser that we did not write, and by the rules of RFC 5545; whose they are, and when they end."""

from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from shared_apps.accounts.services.users import update_user
from shared_apps.common.clock import now
from tenant_apps.events.models import CalendarFeed, Event, Session
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.tenant_apps.events.places import error_of, make_placed_event, path_of


def read(content: bytes) -> dict[str, Any]:
    """Return the sessions of a calendar by title, as vobject reads them."""
    vobject = pytest.importorskip("vobject", reason="no vobject here (pip install -r requirements-dev.txt)")
    calendar = vobject.readOne(content.decode())
    return {one.summary.value: one for one in getattr(calendar, "vevent_list", [])}


def check_lines(content: bytes) -> None:
    """RFC 5545, 3.1: lines end with CRLF and have at most 75 octets, none of them cut within a letter."""
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    for line in lines:
        assert len(line) <= 75
        line.decode()


def subscribe(http: Http, person: Person) -> str:
    """Return the path of a new feed of ``person``."""
    answer = http.post("events/calendar/", by=person)
    assert answer.status_code == 201, answer.content
    assert person.site is not None
    site, _, path = answer.json()["url"].partition("/api/v1/")
    assert site == f"http://{person.site.host}:8000"
    return path


def feed(http: Http, path: str, site: Site) -> dict[str, Any]:
    answer = http.get(path, at=site)
    assert answer.status_code == 200, answer.content
    check_lines(answer.content)
    return read(answer.content)


def test_an_event_as_calendar_says_what_was_typed_and_nothing_else(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    title = "Araw ng Niño; ₱50, \\n “mga” " + "ñ" * 60
    description = "One\r\nBEGIN:VEVENT\r\nSUMMARY:forged\r\nEND:VEVENT\r\n" + "الجامعة " * 30
    event = make_event(here, title=title, sessions=2, apart=60)
    with here.here():
        Event.objects.filter(pk=event.pk).update(
            description=description, venue="Gym, 2/F; left", latitude=9.78, longitude=125.49
        )
        first, second = Session.objects.filter(event=event).order_by("starts_at")
    path = path_of(event, "ical/")
    answer = http.get(path, by=here.student)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    check_lines(answer.content)
    entries = read(answer.content)
    assert set(entries) == {f"{title}: Session 1", f"{title}: Session 2"}
    one = entries[f"{title}: Session 1"]
    assert (one.uid.value, one.status.value, one.location.value) == (str(first.pk), "CONFIRMED", "Gym, 2/F; left")
    assert one.description.value == description.replace("\r\n", "\n")
    assert (one.dtstart.value, one.dtend.value) == (
        first.starts_at.replace(microsecond=0), first.ends_at.replace(microsecond=0),
    )  # fmt: skip
    assert one.dtstart.value.utcoffset() == first.starts_at.astimezone(ZoneInfo("Asia/Manila")).utcoffset()
    assert one.url.value == f"http://{here.host}:8000/api/v1/events/events/{event.pk}/"
    assert one.geo.value == "9.78;125.49"

    # The same again is 304, whatever the app says that it accepts; what has changed has a higher SEQUENCE.
    again = http.send("GET", path, by=here.student, headers={"If-None-Match": answer["ETag"], "Accept": "image/png"})
    assert again.status_code == 304
    with here.here():
        Event.objects.filter(pk=event.pk).update(created_at=event.created_at.replace(year=2025))
    assert http.post(path_of(event, "cancel/"), {"reason": "Typhoon"}, by=here.organizer).status_code == 200
    cancelled = read(http.get(path, by=here.student).content)[f"{title}: Session 2"]
    assert (cancelled.uid.value, cancelled.status.value) == (str(second.pk), "CANCELLED")
    assert cancelled.description.value.startswith("Cancelled: Typhoon\n\nOne")
    assert int(cancelled.sequence.value) > int(one.sequence.value)
    assert cancelled.last_modified.value > one.last_modified.value.replace(year=2025)

    draft = make_event(here, status="draft")
    for who, which in ((here.student, draft.pk), (here.student, uuid4()), (there.student, event.pk)):
        assert error_of(http.get(f"events/events/{which}/ical/", by=who)) == (404, "not_found")
    assert http.get(f"events/events/{draft.pk}/ical/", by=here.organizer).status_code == 200


def test_a_feed_has_what_concerns_its_person_here_and_away(cast: Cast, http: Http) -> None:
    here, host = cast.malimono, cast.delcarmen
    make_event(here, title="Nobody is expected")
    make_event(here, title="Draft", status="draft")
    held, waits = make_placed_event(here, title="Place"), make_placed_event(here, title="Waits", capacity=0)
    required = make_event(here, title="Required")
    others = make_event(here, title="Required of others")
    with here.here():
        Event.objects.filter(pk__in=[required.pk, others.pk]).update(is_required=True)
        Event.objects.filter(pk=others.pk).update(audience=[{"section": "B"}])
    counted, placed, unseen = (
        make_shared_event(host, here, title=title) for title in ("Counted away", "Place away", "Only invited")
    )
    body = {"event_id": str(counted.pk), "pass": pass_of(here.student)}
    assert http.post("events/attendance/mark_attendance/", body, by=host.scanner).status_code == 201
    away = http.post("federation/registrations/", {"event_id": str(placed.pk)}, by=here.student)
    assert away.status_code == 201, away.content
    for event in (held, waits):
        assert http.post(path_of(event), by=here.student).status_code == 201
    path = subscribe(http, here.student)

    entries = feed(http, path, here)

    plain = {title.partition(":")[0]: one.status.value for title, one in entries.items()}
    assert plain == {
        "Place": "CONFIRMED", "Waits": "TENTATIVE", "Required": "CONFIRMED", "Counted away": "CONFIRMED",
        "Place away": "CONFIRMED",
    }  # fmt: skip
    # Where one is only invited an event can be saved by itself.
    alone = read(http.get(f"events/events/{unseen.pk}/ical/", by=here.student).content)
    assert [title.partition(":")[0] for title in alone] == ["Only invited"]
    # A place that was given back is gone; what was called off says so.
    assert http.post(path_of(held, "registrations/withdraw/"), by=here.student).status_code == 200
    assert http.post(path_of(required, "cancel/"), {"reason": "rain"}, by=here.organizer).status_code == 200
    later = {title.partition(":")[0]: one.status.value for title, one in feed(http, path, here).items()}
    assert ("Place" in later, later["Required"]) == (False, "CANCELLED")
    # An organizer's has what they run, and nobody else's.
    runs = {title.partition(":")[0] for title in feed(http, subscribe(http, here.organizer), here)}
    assert runs == {"Nobody is expected", "Place", "Waits", "Required", "Required of others"}
    assert feed(http, subscribe(http, here.other_organizer), here) == {}


def test_only_the_secret_of_now_opens_a_feed(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    make_event(here, title="Secret of here", organizer=here.organizer)
    assert http.get("events/calendar/", by=here.organizer).json() == {"created_at": None}
    first = subscribe(http, here.organizer)
    assert http.get("events/calendar/", by=here.organizer).json()["created_at"] is not None
    assert http.get(first, at=here).status_code == 200
    # A token beside it changes nothing; at another campus it is nothing, even where somebody copied the row.
    assert http.send("GET", first, at=here, headers={"Authorization": "Token x"}).status_code == 200
    with here.here():
        row = CalendarFeed.objects.get()
    with there.here():
        CalendarFeed.objects.create(user_id=there.organizer.id, digest=row.digest, created_at=now())
    nowhere = http.get(f"events/calendar/{'x' * 43}.ics", at=there)
    foreign = http.get(first, at=there)
    assert (foreign.status_code, foreign.content) == (nowhere.status_code, nowhere.content)
    assert error_of(foreign) == (404, "not_found")

    second = subscribe(http, here.organizer)
    assert error_of(http.get(first, at=here)) == (404, "not_found")
    assert http.get(second, at=here).status_code == 200
    for _ in range(2):
        assert http.delete("events/calendar/", by=here.organizer).status_code == 204
    assert error_of(http.get(second, at=here)) == (404, "not_found")

    # Whose account is closed has none.
    third = subscribe(http, here.organizer)
    with here.here():
        update_user(by=here.admin.user, at=now(), user_id=here.organizer.id, changes={"is_active": False})
    closed = http.get(third, at=here)
    assert (closed.status_code, closed.content) == (nowhere.status_code, nowhere.content)

    # Guessing gets slow; who knows theirs does not wait for those who guess.
    mine = subscribe(http, here.student)
    guesses = [http.get(f"events/calendar/{number}.ics", at=here).status_code for number in range(8)]
    assert guesses[-1] == 429
    assert http.get(mine, at=here).status_code == 200

    with here.here():
        one, other = CalendarFeed.objects.order_by("created_at")
        with pytest.raises(IntegrityError, match="events_calendarfeed_digest_once"), transaction.atomic():
            CalendarFeed.objects.filter(pk=other.pk).update(digest=one.digest)
