"""A pass that was taken back is refused at home and at every other campus, from that moment on."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.passes import replace_pass
from shared_apps.accounts.services.tokens import issue_token
from shared_apps.accounts.services.users import create_user, update_user
from shared_apps.audit.models import AuditEntry
from shared_apps.campuses.services import backup_campus, restore_campus
from shared_apps.common.clock import now
from tenant_apps.events.models import Event
from tenants.context import public_context
from tenants.models import RevokedPass
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event, make_shared_event, pass_of
from tests.shared_apps.accounts.test_rosters import bring_in
from tests.tenant_apps.attendance.test_races import together

MARK = "events/attendance/mark_attendance/"


def scan(http: Http, site: Site, event: Event, text: str, **more: Any) -> tuple[int, str]:
    """Show a pass at the door; return status and code."""
    answer = http.post(MARK, {"event_id": str(event.pk), "pass": text, **more}, by=site.scanner)
    return answer.status_code, answer.json()["code"]


def replace(http: Http, person: Person, by: Person):
    return http.post(f"accounts/users/{person.id}/replace-pass/", by=by)


def revoked(cast: Cast, person: Person) -> list[tuple[str, int]]:
    """What another campus reads of it."""
    with cast.snsu.here():
        rows = RevokedPass.objects.filter(person_id=person.user.person_id)
        return list(rows.values_list("home", "through_serial"))


def test_a_replaced_pass_is_refused_at_home_and_away_and_the_new_one_works(cast: Cast, http: Http) -> None:
    home, host, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    here, there = make_event(home), make_shared_event(host, home)
    old = pass_of(ana)

    answer = replace(http, ana, by=home.admin)

    assert (answer.status_code, answer.json()["id"]) == (200, str(ana.id))
    new = pass_of(ana)
    assert scan(http, home, here, old) == scan(http, host, there, old) == (422, "pass_revoked")
    assert scan(http, home, here, new) == scan(http, host, there, new) == (201, "recorded")
    assert revoked(cast, ana) == [("MALIMONO", 1)]
    with home.here():
        entry = AuditEntry.objects.get(action="user.pass_replaced")
    assert (entry.actor_id, entry.target_id) == (home.admin.id, str(ana.id))


def test_one_replaces_one_s_own_and_nobody_else_s(cast: Cast, http: Http) -> None:
    ana, ben, olga = cast.malimono.student, cast.malimono.friend, cast.malimono.organizer

    own = replace(http, ana, by=ana)
    friends, staffs = replace(http, ben, by=ana), replace(http, ben, by=olga)
    nobodys = http.post(f"accounts/users/{uuid4()}/replace-pass/", by=ana)

    assert own.status_code == 200
    assert http.get("accounts/users/me/pass/", by=ana).json()["serial"] == 2
    assert {(answer.status_code, answer.content) for answer in (friends, staffs)} == {(404, nobodys.content)}
    assert revoked(cast, ben) == []
    assert replace(http, ana, by=cast.malimono.scanner).status_code == 403


def test_whoever_is_deactivated_is_refused_away_and_comes_back_with_a_new_pass(cast: Cast, http: Http) -> None:
    home, host, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    here, there = make_event(home), make_shared_event(host, home)
    old = pass_of(ana)

    http.patch(f"accounts/users/{ana.id}/", {"is_active": False}, by=home.admin)

    assert scan(http, home, here, old) == (422, "person_inactive")
    assert scan(http, host, there, old) == (422, "pass_revoked")

    http.patch(f"accounts/users/{ana.id}/", {"is_active": True}, by=home.admin)

    assert scan(http, home, here, old) == scan(http, host, there, old) == (422, "pass_revoked")
    assert scan(http, home, here, pass_of(ana)) == scan(http, host, there, pass_of(ana)) == (201, "recorded")


def test_a_roster_that_deactivates_revokes_too(cast: Cast, http: Http) -> None:
    home, host, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    there = make_shared_event(host, home)
    old = pass_of(ana)

    bring_in(home, "student_id,is_active\n2024-0001,no\n2024-0002,yes\n")
    assert scan(http, host, there, old) == (422, "pass_revoked")
    assert revoked(cast, home.friend) == []

    bring_in(home, "student_id,is_active\n2024-0001,yes\n")
    assert scan(http, host, there, old) == (422, "pass_revoked")
    assert scan(http, host, there, pass_of(ana)) == (201, "recorded")


def test_passes_of_the_same_serial_of_other_people_and_campuses_stay_valid(cast: Cast, http: Http) -> None:
    host = cast.snsu
    there = make_shared_event(host, cast.malimono, cast.delcarmen)

    replace(http, cast.malimono.student, by=cast.malimono.admin)

    assert scan(http, host, there, pass_of(cast.malimono.friend)) == (201, "recorded")
    assert scan(http, host, there, pass_of(cast.delcarmen.student)) == (201, "recorded")


def test_a_campus_restored_from_a_backup_does_not_bring_revoked_passes_back(cast: Cast, http: Http) -> None:
    home, host, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    there = make_shared_event(host, home)
    for _ in range(3):
        replace(http, ana, by=home.admin)
    with home.here():
        ana.user.pass_serial = 1
        ana.user.save()

    assert scan(http, host, there, pass_of(ana)) == (422, "pass_revoked")
    replace(http, ana, by=home.admin)

    assert scan(http, host, there, pass_of(ana)) == (201, "recorded")
    assert revoked(cast, ana) == [("MALIMONO", 3)]


def test_replaced_eight_times_at_once_it_is_replaced_eight_times(cast: Cast) -> None:
    home, ana = cast.malimono, cast.malimono.student

    def work(_: int) -> None:
        with home.here():
            replace_pass(by=home.admin.user, at=now(), user_id=ana.id)

    assert together(8, work) == []
    with home.here():
        ana.user.refresh_from_db()
    assert ana.user.pass_serial == 9
    assert revoked(cast, ana) == [("MALIMONO", 8)]


def test_the_public_site_has_no_passes_to_revoke(cast: Cast) -> None:
    with public_context():
        other = create_user(by=None, at=now(), username="second", role=Role.SUPER_ADMIN)
        update_user(by=cast.super_admin.user, at=now(), user_id=other.pk, changes={"is_active": False})

        assert not RevokedPass.objects.exists()


def test_a_campus_restored_from_an_older_backup_remembers_what_was_revoked(
    cast: Cast, http: Http, tmp_path: Path
) -> None:
    home, host, ana = cast.malimono, cast.delcarmen, cast.malimono.student
    here, there = make_event(home), make_shared_event(host, home)
    file, old = tmp_path / "malimono.backup", pass_of(ana)
    backup_campus(by=None, at=now(), campus=home.campus, file=file, on_progress=lambda _: None)
    replace(http, ana, by=home.admin)

    restore_campus(by=None, at=now(), campus=home.campus, file=file, on_progress=lambda _: None)

    with home.here():
        home.scanner.token = issue_token(user=home.scanner.user, label="", at=now()).text
    new = pass_of(ana)
    assert scan(http, home, here, old) == scan(http, host, there, old) == (422, "pass_revoked")
    assert scan(http, home, here, new) == scan(http, host, there, new) == (201, "recorded")
