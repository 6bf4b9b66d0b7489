"""Who hears that an event has changed, was cancelled or is about to start: those it concerns, once, at every campus."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared_apps.campuses.services import reactivate_campus, suspend_campus
from shared_apps.common.clock import now
from shared_apps.federation.services.university import call_event, cancel_event
from shared_apps.federation.tasks import hold_event
from shared_apps.outbox.models import OutboxMessage
from shared_apps.outbox.services import relay_due_messages
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.telling import reminder_text, span
from tenant_apps.events.services.telling import remind_of_sessions
from tenant_apps.events.tasks import remind_here, tell_concerned_people, tell_visitors
from tenant_apps.notifications.models import Mail, Notice
from tenants import registry
from tenants.context import campus_context, public_context
from tenants.registry import find_campus
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_shared_event
from tests.tenant_apps.events.places import make_placed_event, path_of

TASKS = {task.name: task for task in (tell_concerned_people, tell_visitors, hold_event)}
LEAD = timedelta(hours=1)


def work(*sites: Site, at: datetime | None = None) -> None:
    """Carry and run what waits, each message twice, until nothing is left that is due."""
    while True:
        got: list[Any] = []
        relay_due_messages(
            campuses=[site.campus for site in sites],
            at=at or now(),
            publish=lambda *message, got=got: got.append(message),
        )
        known = [message for message in got if message[0] in TASKS]
        if not known:
            return
        for kind, place, message_id, payload in known * 2:
            campus = find_campus(place) if place != "public" else None
            with campus_context(campus) if campus else public_context():
                TASKS[kind].run(message_id=str(message_id), **payload)


def told(person: Person, kind: str | None = None) -> list[str]:
    """Return the texts of what ``person`` was told; every notice has its e-mail."""
    assert person.site is not None
    with person.site.here():
        which = {"user_id": person.id} | ({"kind": kind} if kind else {})
        texts = list(Notice.objects.filter(**which).order_by("created_at", "id").values_list("text", flat=True))
        assert sorted(Mail.objects.filter(**which).values_list("text", flat=True)) == sorted(texts)
        return texts


def session_of(site: Site, event: Event) -> Session:
    with site.here():
        return Session.objects.filter(event=event).order_by("starts_at").first()


def take_places(http: Http, event: Event, *people: Person) -> None:
    for person in people:
        assert http.post(path_of(event), by=person).status_code == 201


def test_a_cancelled_event_is_told_to_those_it_concerns(cast: Cast, http: Http) -> None:
    """To who has a place, waits or is expected; to nobody who gave the place back, and at no other campus."""
    site = cast.malimono
    event = make_placed_event(site, capacity=1, starts=300)
    take_places(http, event, site.student, site.friend)
    path = f"events/events/{event.pk}/cancel/"
    assert http.post(path, {"reason": "Rain"}, by=site.organizer).status_code == 200
    assert http.post(path, {"reason": "Rain"}, by=site.organizer).status_code == 200  # said twice
    work(site)

    session = session_of(site, event)
    when = span(session.starts_at, session.ends_at, site.campus.zone)
    for person in (site.student, site.friend):  # the second waits for a place
        assert told(person, "event.cancelled") == [f"“Foundation Day” ({when}) was cancelled: Rain."]
    assert told(site.admin) == told(site.organizer) == told(cast.delcarmen.student) == []


def test_everybody_of_the_audience_hears_of_a_required_event(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_placed_event(site, starts=300, registration="none", is_required=True, audience=[{"section": "A"}])
    with site.here():
        site.friend.user.profile.section = "B"
        site.friend.user.profile.save()
    http.patch(f"events/events/{event.pk}/", {"venue": "Gym ñ"}, by=site.organizer)
    work(site)

    assert told(site.student, "event.changed") == ["“Foundation Day” takes place elsewhere: Gym ñ."]
    assert told(site.friend) == []


def test_other_times_and_another_place_are_told_and_nothing_else(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_placed_event(site, starts=300)
    take_places(http, event, site.student)
    session = session_of(site, event)
    path = f"events/events/{event.pk}/"
    at_session = f"{path}sessions/{session.pk}/"
    later = session.starts_at + timedelta(hours=1), session.ends_at + timedelta(hours=1)

    def change(where: str, **changes: Any) -> None:
        answer = http.patch(where, changes, by=site.organizer)
        assert answer.status_code == 200, answer.content
        work(site)

    change(path, title="Founders' Day")
    change(path, venue="")
    change(at_session, name="Opening")
    assert told(site.student) == []
    change(path, venue="Gym")
    change(
        at_session, opens_at=session.starts_at.isoformat(), starts_at=later[0].isoformat(),
        late_after=later[0].isoformat(), ends_at=later[1].isoformat(), closes_at=later[1].isoformat(),
    )  # fmt: skip
    change(at_session, late_after=later[1].isoformat())
    added = {"starts_at": later[1].isoformat(), "ends_at": (later[1] + LEAD).isoformat(), "name": "Dance"}
    new = http.post(f"{path}sessions/", added, by=site.organizer).json()
    assert http.delete(f"{path}sessions/{new['id']}/", by=site.organizer).status_code == 204
    work(site)

    zone = site.campus.zone
    assert told(site.student) == [
        "“Founders' Day” takes place elsewhere: Gym.",
        f"“Founders' Day”, Opening takes place at another time: {span(*later, zone)}.",
        f"A session of “Founders' Day” does not take place: Dance, {span(later[1], later[1] + LEAD, zone)}.",
    ]


def test_nobody_hears_of_a_draft_or_of_what_is_over(cast: Cast, http: Http) -> None:
    site = cast.malimono
    draft = make_placed_event(site, status="draft", starts=300, is_required=True)
    past = make_placed_event(site, starts=-300, is_required=True)
    for event in (draft, past):
        assert http.patch(f"events/events/{event.pk}/", {"venue": "Gym"}, by=site.organizer).status_code == 200
    work(site)
    assert told(site.student) == []


def test_visitors_are_told_at_home_and_later_where_home_is_away(cast: Cast, http: Http) -> None:
    host, home, other = cast.delcarmen, cast.malimono, cast.snsu
    event = make_shared_event(host, home, other, starts=300)
    for person in (home.student, home.friend, other.student):
        assert http.post("federation/registrations/", {"event_id": str(event.pk)}, by=person).status_code == 201

    def set_state(change: Any) -> None:
        with public_context():
            change(by=None, at=now(), campus_id=other.campus.id, reason="test")
        registry.forget()

    set_state(suspend_campus)
    assert http.post(f"events/events/{event.pk}/cancel/", {"reason": "Rain"}, by=host.organizer).status_code == 200
    work(host, home)

    for person in (home.student, home.friend):
        (text,) = told(person, "event.cancelled")
        assert text.startswith(f"{host.campus.name}: “Intercampus Games”")
    assert told(other.student) == told(host.student) == told(home.admin) == []
    set_state(reactivate_campus)
    with host.here():  # the time has come
        OutboxMessage.objects.filter(finished_at__isnull=True).update(due_at=now())
    work(host, home, other)
    assert len(told(other.student, "event.cancelled")) == 1
    assert len(told(home.student, "event.cancelled")) == 1


def test_a_visitor_who_gets_a_seat_is_told_at_home(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    event = make_shared_event(host, home, seats=1, starts=300)
    for person in (home.student, home.friend):
        assert http.post("federation/registrations/", {"event_id": str(event.pk)}, by=person).status_code == 201
    assert http.post(f"federation/registrations/{event.pk}/withdraw/", by=home.student).status_code == 200
    work(host, home)

    (text,) = told(home.friend, "registration.promoted")
    assert "Intercampus Games" in text
    assert told(home.student) == []


def test_a_university_wide_event_called_off_is_told_where_it_was_published(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    begins = now() + timedelta(hours=5)
    with public_context():
        common = call_event(
            by=cast.super_admin.user, at=now(), title="University Day", starts_at=begins, ends_at=begins + LEAD,
            campuses=["MALIMONO", "DELCARMEN"],
        )  # fmt: skip
    work(here, there)
    with here.here():
        event = Event.objects.get(federated_event_id=common.pk)
        Event.objects.filter(pk=event.pk).update(status="published", is_required=True)
    with public_context():
        cancel_event(by=cast.super_admin.user, at=now(), event_id=common.pk, reason="Storm")
    work(here, there)

    (text,) = told(here.student, "event.cancelled")
    assert "Storm" in text
    assert told(there.student) == []


def remind(sites: Sequence[Site], *, at: Any) -> int:
    count = 0
    for site in sites:
        with site.here():
            count += remind_of_sessions(at=at, lead=LEAD)
    work(*sites, at=at)
    return count


def test_reminders_go_out_once_before_the_start_to_who_has_a_place_or_is_expected(cast: Cast, http: Http) -> None:
    host, home = cast.delcarmen, cast.malimono
    shared = make_shared_event(host, home, starts=300)
    assert http.post("federation/registrations/", {"event_id": str(shared.pk)}, by=home.student).status_code == 201
    placed = make_placed_event(host, capacity=1, starts=300, title="Placed", venue="Gym")
    take_places(http, placed, host.student, host.friend)
    required = make_placed_event(host, starts=300, title="Required", registration="none", is_required=True)
    make_placed_event(host, status="draft", starts=300, title="Draft", is_required=True)
    start = session_of(host, placed).starts_at

    assert remind((host, home), at=start - LEAD - timedelta(minutes=3)) == 0
    assert remind((host, home), at=start - LEAD + timedelta(seconds=50)) == 3
    for minute in range(1, 4):
        assert remind((host, home), at=start - LEAD + timedelta(minutes=minute)) == 0
    session = session_of(host, placed)
    when = span(session.starts_at, session.ends_at, host.campus.zone)
    assert sorted(told(host.student, "session.reminder")) == sorted([
        reminder_text(title="Placed", session="Session 1", venue="Gym", when=when),
        reminder_text(title="Required", session="Session 1", venue="", when=span(
            *(getattr(session_of(host, required), name) for name in ("starts_at", "ends_at")), host.campus.zone)),
    ])  # fmt: skip
    assert len(told(host.friend, "session.reminder")) == 1  # who waits has no place yet
    (text,) = told(home.student, "session.reminder")
    assert text.startswith(f"{host.campus.name}: “Intercampus Games”")
    with host.here():
        assert set(Mail.objects.filter(kind="session.reminder").values_list("expires_at", flat=True)) == {
            session.starts_at, session_of(host, required).starts_at,
        }  # fmt: skip


def test_a_beat_that_was_away_reminds_late_and_never_of_what_has_begun(cast: Cast, http: Http) -> None:
    site = cast.malimono
    events = [make_placed_event(site, starts=starts, title=f"{starts}", is_required=True) for starts in (200, 240)]
    begun, soon = (session_of(site, event).starts_at for event in events)
    remind([site], at=begun - 2 * LEAD)
    assert remind([site], at=soon - timedelta(minutes=20)) == 1
    (text,) = told(site.student)
    assert "“240”" in text


def test_a_session_that_is_moved_is_reminded_of_again(cast: Cast, http: Http) -> None:
    site = cast.malimono
    event = make_placed_event(site, starts=300, is_required=True)
    session = session_of(site, event)
    assert remind([site], at=session.starts_at - LEAD) == 1
    with site.here():
        Session.objects.filter(pk=session.pk).update(
            starts_at=session.starts_at + LEAD, late_after=session.starts_at + LEAD
        )
    assert remind([site], at=session.starts_at) == 1
    assert len(told(site.student, "session.reminder")) == 2


def test_a_run_that_is_killed_is_followed_by_one_that_reminds(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenant_apps.events.services import telling

    class Killed(BaseException):
        pass

    def die(**_: Any) -> None:
        raise Killed

    site = cast.malimono
    event = make_placed_event(site, starts=30, is_required=True)
    session = session_of(site, event)
    with site.here():
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(telling, "send_notices", die)
            remind_of_sessions(at=session.starts_at - LEAD, lead=LEAD)
        assert not Notice.objects.exists()
        assert remind_of_sessions(at=session.starts_at - LEAD + timedelta(seconds=1), lead=LEAD) == 1
        remind_here.run()
    assert len(told(site.student)) == 1


def test_texts_say_when_in_the_campus_s_zone(cast: Cast) -> None:
    zone = cast.malimono.campus.zone
    start = now().replace(year=2026, month=1, day=5, hour=16, minute=30)
    assert span(start, start + timedelta(hours=2), zone) == "Tue 06 Jan 2026, 00:30 to 02:30"
    assert span(start - timedelta(hours=1), start, zone) == "Mon 05 Jan 2026, 23:30 to Tue 06 Jan 2026, 00:30"
