"""events/scanners/: devices at the door, from the one-time code to the revocation."""

import base64
import json
import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from shared_apps.accounts.models import AccessToken, SignInName, User
from shared_apps.accounts.roles import Can
from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from tenant_apps.attendance.models import Scanner
from tests.cast import PASSWORD, Cast, Http, Person, Site
from tests.factories import make_event, pass_of
from tests.isolation.routes import all_routes
from tests.isolation.world import build_world

SCANNERS = "events/scanners/"


def prepare(http: Http, site: Site, *events: Any, by: Person | None = None, **more: Any) -> Any:
    body = {"name": "Gym, left door", "event_ids": [str(event.pk) for event in events], **more}
    return http.post(SCANNERS, body, by=by or site.organizer)


def enrol(http: Http, site: Site, code: str, **more: Any) -> Any:
    return http.post(f"{SCANNERS}enrol/", {"code": code, **more}, at=site)


def device(http: Http, site: Site, *events: Any, **more: Any) -> tuple[Person, dict[str, Any]]:
    """Return an enrolled device as somebody who can call, and what its enrolment answered."""
    prepared = prepare(http, site, *events, **more)
    assert prepared.status_code == 201, prepared.content
    enrolled = enrol(http, site, prepared.json()["code"])
    assert enrolled.status_code == 200, enrolled.content
    with site.here():
        user = Scanner.objects.select_related("user").get(pk=enrolled.json()["scanner_id"]).user
    return Person(user=user, site=site, token=enrolled.json()["token"]), enrolled.json()


def codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


def test_from_the_code_to_the_first_scan(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)

    prepared = prepare(http, campus, event)

    body = prepared.json()
    said = json.loads(body["text"])
    assert said == {
        "eas": 1, "url": f"http://{campus.host}:8000/api/v1/events/scanners/enrol/", "code": body["code"],
    }  # fmt: skip
    assert body["qr_svg"].startswith("<svg")
    assert (body["scanner"]["state"], body["scanner"]["kind"]) == ("waiting", "scanner")
    with campus.here():
        assert body["code"] not in str(list(Scanner.objects.values()))

    enrolled = enrol(http, campus, body["code"], hardware="Pixel 8", software="gate 1.0")
    told = enrolled.json()
    assert (told["campus"], told["event_ids"], told["scanner_id"]) == (
        "MALIMONO", [str(event.pk)], body["scanner"]["id"],
    )  # fmt: skip
    with campus.here():
        scanner = Scanner.objects.get()
        by_device = Person(user=scanner.user, site=campus, token=told["token"])
        assert AccessToken.objects.get(user=scanner.user).expires_at == scanner.expires_at
    scan = {"event_id": str(event.pk), "pass": pass_of(campus.student)}
    assert http.post("events/attendance/mark_attendance/", scan, by=by_device).status_code == 201
    shown = http.get(f"{SCANNERS}{scanner.pk}/", by=campus.organizer).json()
    assert (shown["state"], shown["hardware"], shown["software"]) == ("enrolled", "Pixel 8", "gate 1.0")
    with campus.here():
        actions = set(AuditEntry.objects.filter(target_id=str(scanner.pk)).values_list("action", flat=True))
    assert actions == {"scanner.created", "scanner.enrolled"}


def test_a_code_works_once_for_15_minutes_and_at_its_campus_only(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    code = prepare(http, campus, event).json()["code"]

    elsewhere = enrol(http, cast.delcarmen, code)
    wrong = enrol(http, campus, "x" * 22)
    first, second = enrol(http, campus, code), enrol(http, campus, code)
    late = prepare(http, campus, event).json()
    with time_machine.travel(now() + timedelta(minutes=15, seconds=1), tick=False):
        lapsed = enrol(http, campus, late["code"])
        state = http.get(f"{SCANNERS}{late['scanner']['id']}/", by=campus.organizer).json()["state"]
        renewed = http.post(f"{SCANNERS}{late['scanner']['id']}/renew-code/", by=campus.organizer).json()
        old, again = enrol(http, campus, late["code"]), enrol(http, campus, renewed["code"])

    assert first.status_code == again.status_code == 200
    assert state == "lapsed"
    for refused in (elsewhere, wrong, second, lapsed, old):
        assert (refused.status_code, codes(refused)) == (404, ["enrolment_code_invalid"])


def test_of_two_devices_with_one_code_one_is_enrolled(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    code = prepare(http, campus, make_event(campus)).json()["code"]
    barrier, answers = threading.Barrier(8), []

    def run() -> None:
        barrier.wait()
        answers.append(enrol(Http(), campus, code).status_code)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [200] + [404] * 7
    with campus.here():
        assert AccessToken.objects.filter(user__is_device=True).count() == 1


def test_wrong_codes_are_limited_by_address(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    with time_machine.travel(now(), tick=False):
        answers = [enrol(http, campus, f"wrong-{number}") for number in range(105)]

    assert [answer.status_code for answer in answers[:100]] == [404] * 100
    assert (answers[-1].status_code, codes(answers[-1])) == (429, ["too_many_tries"])
    assert int(answers[-1]["Retry-After"]) >= 1


def test_a_renewed_code_ends_the_token_of_the_device_before(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    old, told = device(http, campus, make_event(campus))

    code = http.post(f"{SCANNERS}{told['scanner_id']}/renew-code/", by=campus.organizer).json()["code"]
    meanwhile = http.get("auth/me/", by=old).status_code
    enrol(http, campus, code)

    assert (meanwhile, http.get("auth/me/", by=old).status_code) == (200, 401)


def test_a_revoked_device_is_refused_by_its_next_request(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    gate, told = device(http, campus, event)
    path = f"{SCANNERS}{told['scanner_id']}/"
    code = http.post(f"{path}renew-code/", by=campus.organizer).json()["code"]

    without_reason = http.post(f"{path}revoke/", {}, by=campus.organizer)
    revoked = http.post(f"{path}revoke/", {"reason": "It was stolen"}, by=campus.organizer)

    assert without_reason.status_code == 400
    assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
    scan = {"event_id": str(event.pk), "pass": pass_of(campus.student)}
    assert http.post("events/attendance/mark_attendance/", scan, by=gate).status_code == 401
    assert enrol(http, campus, code).status_code == 404
    assert codes(http.post(f"{path}renew-code/", by=campus.organizer)) == ["scanner_ended"]
    assert codes(http.patch(path, {"name": "x"}, by=campus.organizer)) == ["scanner_ended"]
    with campus.here():
        user = User.objects.get(pk=gate.user.pk)
        assert (user.is_active, AccessToken.objects.filter(user=user).count()) == (False, 0)
        entry = AuditEntry.objects.get(action="scanner.revoked")
        assert (entry.reason, entry.changes["tokens"]) == ("It was stolen", 1)


def test_who_prepares_devices_for_which_events(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    own, draft = make_event(campus), make_event(campus, status="draft")
    others, over = make_event(campus, organizer=campus.other_organizer), make_event(campus, status="completed")
    there = make_event(cast.delcarmen)

    for events in ([others], [over], [there], [own, there], [own, others]):
        assert codes(prepare(http, campus, *events)) == ["unknown_events"], events
    nowhere = http.post(SCANNERS, {"name": "x", "event_ids": [str(uuid4())]}, by=campus.organizer)
    assert codes(nowhere) == ["unknown_events"]
    assert prepare(http, campus, own, draft).status_code == 201
    assert prepare(http, campus, own, others, by=campus.admin).status_code == 201
    assert codes(prepare(http, campus, there, by=campus.admin)) == ["unknown_events"]
    for body in ({}, {"name": "x", "event_ids": []}, {"name": "x", "event_ids": "x"}, {"name": "x", "event_ids": [1]},
                 {"name": "x", "event_ids": [str(own.pk)] * 51}, {"name": "x", "event_ids": [str(own.pk)], "role": "a"},
                 {"name": "x", "event_ids": [str(own.pk)], "kind": "campus_admin"}):  # fmt: skip
        assert http.post(SCANNERS, body, by=campus.organizer).status_code == 400, body


def test_a_device_ends_within_180_days(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)

    for wrong in (now() - timedelta(minutes=1), now() + timedelta(days=181)):
        assert codes(prepare(http, campus, event, expires_at=wrong.isoformat())) == ["unusable_expiry"]
    gate, told = device(http, campus, event)
    with campus.here():
        assert Scanner.objects.get().expires_at == event.ends_at + timedelta(days=1)
    soon = now() + timedelta(hours=1)
    changed = http.patch(f"{SCANNERS}{told['scanner_id']}/", {"expires_at": soon.isoformat()}, by=campus.organizer)

    assert changed.status_code == 200
    assert http.get("auth/me/", by=gate).status_code == 200
    with time_machine.travel(soon + timedelta(seconds=1), tick=False):
        assert http.get("auth/me/", by=gate).status_code == 401
        state = http.get(f"{SCANNERS}{told['scanner_id']}/", by=campus.admin)
    assert state.json()["state"] == "expired"


def test_organizers_see_devices_of_events_they_run(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    own, others = make_event(campus), make_event(campus, organizer=campus.other_organizer)
    mine = prepare(http, campus, own).json()["scanner"]["id"]
    theirs = prepare(http, campus, others, by=campus.other_organizer).json()["scanner"]["id"]
    both = prepare(http, campus, own, others, by=campus.admin).json()["scanner"]["id"]

    seen = {row["id"] for row in http.get(SCANNERS, by=campus.organizer).json()["results"]}
    all_of_them = {row["id"] for row in http.get(SCANNERS, by=campus.admin).json()["results"]}

    assert seen == {mine, both}
    assert all_of_them == {mine, theirs, both}
    assert http.get(f"{SCANNERS}{theirs}/", by=campus.organizer).status_code == 404
    for method, path, body in (("POST", "revoke/", {"reason": "x"}), ("POST", "renew-code/", None), ("PATCH", "", {})):
        assert http.send(method, f"{SCANNERS}{theirs}/{path}", body, by=campus.organizer).status_code == 404
        shared = http.send(method, f"{SCANNERS}{both}/{path}", body, by=campus.organizer)
        assert (shared.status_code, codes(shared)) == (403, ["not_your_scanner"])


def test_the_list_costs_the_same_for_one_and_for_many(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    costs = []
    for more in (1, 9):
        for _ in range(more):
            prepare(http, campus, event)
        with campus.here(), CaptureQueriesContext(connection) as queries:
            assert http.get(SCANNERS, by=campus.organizer).status_code == 200
        costs.append(len(queries))

    assert costs[0] == costs[1]


def test_contact(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus)
    gate, told = device(http, campus, event)
    ahead = (now() + timedelta(minutes=7)).isoformat()
    body = {"device_now": ahead, "queue_depth": 12, "software": "gate 1.1"}

    first = http.post(f"{SCANNERS}contact/", body, by=gate).json()
    version = first["manifest_version"]
    second = http.post(f"{SCANNERS}contact/", {**body, "manifest_version": version}, by=gate).json()
    http.patch(f"events/events/{event.pk}/", {"title": "Another title"}, by=campus.organizer)
    third = http.post(f"{SCANNERS}contact/", {**body, "manifest_version": version}, by=gate).json()
    http.post(f"accounts/users/{cast.delcarmen.student.id}/replace-pass/", by=cast.delcarmen.admin)
    changed = third["manifest_version"]
    fourth = http.post(f"{SCANNERS}contact/", {**body, "manifest_version": changed}, by=gate).json()

    assert [answer["manifest_changed"] for answer in (first, second, third, fourth)] == [True, False, True, True]
    assert 415_000 < first["skew"] <= 420_000
    assert first["event_ids"] == [str(event.pk)]
    shown = http.get(f"{SCANNERS}{told['scanner_id']}/", by=campus.organizer).json()
    assert (shown["queue_depth"], shown["software"]) == (12, "gate 1.1")
    assert 410_000 < shown["skew"] <= 420_000
    assert shown["last_contact_at"] is not None
    for wrong in ({}, {**body, "queue_depth": -1}, {**body, "device_now": "soon"}, {**body, "scanner_id": "x"}):
        assert http.post(f"{SCANNERS}contact/", wrong, by=gate).status_code == 400
    for nobody in (campus.scanner, campus.organizer):
        assert codes(http.post(f"{SCANNERS}contact/", body, by=nobody)) == ["not_a_device"]


def test_a_device_is_nobody_and_cannot_become_one(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    gate, _ = device(http, campus, make_event(campus))
    username = gate.user.username

    people = http.get("accounts/users/", by=campus.admin, page_size="100").json()["results"]
    assert str(gate.id) not in {row["id"] for row in people}
    profiles = http.get("accounts/profiles/", by=campus.admin, page_size="100").json()["results"]
    assert str(gate.id) not in {row["user"] for row in profiles}
    for changes in ({"password": PASSWORD}, {"role": "campus_admin"}, {"email": "gate@example.edu"}):
        answer = http.patch(f"accounts/users/{gate.id}/", changes, by=campus.admin)
        assert (answer.status_code, codes(answer)) == (409, ["device_account"])
    assert codes(http.patch("auth/me/", {"email": "gate@example.edu"}, by=gate)) == ["device_account"]
    body = {"current_password": "!", "new_password": PASSWORD}
    assert codes(http.post("auth/password/change/", body, by=gate)) == ["wrong_password"]
    for name in (username, "gate@example.edu"):
        assert http.post("auth/login/", {"username": name, "password": PASSWORD}, at=campus).status_code == 401
    with campus.here():
        assert not SignInName.objects.filter(user=gate.user).exists()
        with pytest.raises(IntegrityError, match="accounts_user_device_without_password"), transaction.atomic():
            User.objects.filter(pk=gate.user.pk).update(password="md5$x$y")


def test_a_kiosk_records_and_is_shown_nothing(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    world = build_world(cast, http)
    event = world.here.event
    kiosk, _ = device(http, campus, event, kind="kiosk")

    scan = {"event_id": str(event.pk), "pass": pass_of(campus.organizer)}
    assert http.post("events/attendance/mark_attendance/", scan, by=kiosk).status_code == 201
    shown = set()
    for route in all_routes():
        if route.site != "campus" or route.method != "get" or route.needs == Can.ANYONE:
            continue
        names = [part.split("}")[0] for part in route.path.split("{")[1:]]
        ids = {name: world.here.ids.get(name.removesuffix("_id"), str(event.pk)) for name in names}
        answer = http.get(route.path.format(**ids), by=kiosk)
        if answer.status_code not in {401, 403}:
            shown.add(route.path)
    assert shown == {"auth/me/", "auth/tokens/", "campus/campuses/", "campus/campuses/{pk}/"}


# --- The manifest ---------------------------------------------------------------------------------


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed_bytes(manifest: dict[str, Any]) -> bytes:
    """As a scanner's author would write it from the documentation."""
    return b"EASM1." + json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def test_a_manifest_is_verified_with_the_key_of_the_enrolment_alone(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    event = make_event(campus, title="Pista sa Niño — “Linggo”", sessions=2)
    gate, told = device(http, campus, event)
    http.post(f"accounts/users/{cast.delcarmen.student.id}/replace-pass/", by=cast.delcarmen.admin)

    answer = http.get(f"{SCANNERS}manifest/", by=gate)

    body = json.loads(answer.content)
    manifest, signature = body["manifest"], raw(body["signature"])
    assert manifest["key_id"] == body["key_id"] == told["manifest_key"]["key_id"]
    key = Ed25519PublicKey.from_public_bytes(raw(told["manifest_key"]["public_key"]))
    signed = signed_bytes(manifest)
    key.verify(signature, signed)
    for place in range(0, len(signed), 37):
        changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
        with pytest.raises(InvalidSignature):
            key.verify(signature, changed)
    with pytest.raises(InvalidSignature):  # no other campus's key, and not the one of its passes
        other, _ = device(http, cast.delcarmen, make_event(cast.delcarmen))
        foreign = http.get(f"{SCANNERS}manifest/", by=other).json()
        key.verify(raw(foreign["signature"]), signed_bytes(foreign["manifest"]))

    assert [each["id"] for each in manifest["events"]] == [str(event.pk)]
    assert len(manifest["events"][0]["sessions"]) == 2
    campuses = {str(site.campus.id) for site in (cast.malimono, cast.delcarmen, cast.snsu)}
    assert {key["campus_id"] for key in manifest["pass_keys"]} >= campuses
    person = str(cast.delcarmen.student.user.person_id)
    assert [str(cast.delcarmen.campus.id), person, 1] in manifest["revocations"]["passes"]
    assert manifest["expires_at"] > manifest["issued_at"]
    text = answer.content.decode()
    for name in ("Reyes", "Ana", "Olga", "Santos", "2024-0001", "example.edu"):
        assert name not in text


def test_revocations_come_as_a_delta(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    gate, _ = device(http, campus, make_event(campus))
    http.post(f"accounts/users/{campus.student.id}/replace-pass/", by=campus.admin)
    later = now() + timedelta(hours=2)
    with time_machine.travel(later, tick=False):
        until = http.get(f"{SCANNERS}manifest/", by=gate).json()["manifest"]["revocations"]["until"]
        http.post(f"accounts/users/{campus.friend.id}/replace-pass/", by=campus.admin)
        full = http.get(f"{SCANNERS}manifest/", by=gate).json()["manifest"]
        delta = http.get(f"{SCANNERS}manifest/", by=gate, since=until).json()["manifest"]
        wrong = http.get(f"{SCANNERS}manifest/", by=gate, since="yesterday")

    assert len(full["revocations"]["passes"]) == 2
    assert delta["revocations"]["passes"] == [[str(campus.campus.id), str(campus.friend.user.person_id), 1]]
    assert (full["revocations"]["is_delta"], delta["revocations"]["is_delta"]) == (False, True)
    assert full["version"] == delta["version"]
    assert wrong.status_code == 400


def test_which_events_are_in_a_manifest(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    own, draft = make_event(campus), make_event(campus, status="draft")
    other, hidden = make_event(campus), make_event(campus, status="draft")
    there = make_event(cast.delcarmen)
    gate, _ = device(http, campus, own, draft)

    def events(by: Person, **query: str) -> Any:
        answer = http.get(f"{SCANNERS}manifest/", by=by, **query)
        return {each["id"] for each in answer.json()["manifest"]["events"]} if answer.status_code == 200 else 404

    assert events(gate) == {str(own.pk), str(draft.pk)}
    assert events(gate, event=str(own.pk)) == {str(own.pk)}
    for none_of_its in (other, hidden, there):
        assert events(gate, event=str(none_of_its.pk)) == 404
    assert events(campus.organizer, event=str(hidden.pk)) == {str(hidden.pk)}
    assert events(campus.other_organizer, event=str(hidden.pk)) == 404
    assert events(campus.scanner, event=str(other.pk)) == {str(other.pk)}
    assert events(campus.scanner, event=str(hidden.pk)) == 404


def test_a_manifest_costs_the_same_whatever_is_in_it(cast: Cast, http: Http) -> None:
    campus = cast.malimono
    small, _ = device(http, campus, make_event(campus))
    large, _ = device(http, campus, *[make_event(campus, sessions=4, apart=200) for _ in range(6)])
    costs = []
    for gate in (small, large):
        with campus.here(), CaptureQueriesContext(connection) as queries:
            assert http.get(f"{SCANNERS}manifest/", by=gate).status_code == 200
        costs.append(len(queries))
        http.post(f"accounts/users/{campus.student.id}/replace-pass/", by=campus.admin)

    assert costs[0] == costs[1]
