"""campus/campuses/: the registry for super admins, and what each state means for a campus's people."""

import os

import pytest
from django.core.management import CommandError, call_command

from shared_apps.audit.models import AuditEntry
from shared_apps.campuses.services import create_campus
from shared_apps.campuses.tasks import provision_pending_campuses
from shared_apps.common.clock import now
from tenants import registry
from tenants.context import public_context
from tenants.models import Campus, CampusDomain
from tenants.registry import find_site
from tests.cast import Cast, Http
from tests.databases import make_campus

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main").upper()
CODE = f"TUBOD{WORKER}"
NEW = {
    "code": CODE, "name": "SNSU Tubod Campus", "hosts": ["tubod.localhost", "tubod.example.edu"],
    "first_admin": {"username": "tita", "email": "tita@example.edu", "password": "a-long-enough-secret"},
}  # fmt: skip


def error_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_a_campus_is_created_in_the_background_and_then_served(cast: Cast, http: Http) -> None:
    created = http.post("campus/campuses/", NEW, by=cast.super_admin)
    path = f"campus/campuses/{created.json()['id']}/"
    waiting = http.post("auth/login/", {"username": "tita", "password": "x"}, at="tubod.localhost")
    provision_pending_campuses.run()  # what the provisioning worker does with every beat
    ready = http.get(path, by=cast.super_admin).json()

    signed_in = http.post(
        "auth/login/", {"username": "tita", "password": "a-long-enough-secret"}, at="tubod.example.edu"
    )

    assert (created.status_code, created.json()["state"]) == (202, "provisioning")
    assert created.json()["progress"] == {"step": "", "done": 0, "of": 6, "error": ""}
    assert error_of(waiting) == (503, "campus_not_ready")
    assert int(waiting["Retry-After"]) > 0
    assert (ready["state"], ready["is_active"], ready["domain"]) == ("ready", True, "tubod.localhost")
    assert ready["progress"]["done"] == ready["progress"]["of"]
    assert signed_in.status_code == 200
    assert signed_in.json()["user"]["role"] == "campus_admin"
    with public_context():
        assert Campus.objects.get(code=CODE).first_admin is None
        assert AuditEntry.objects.filter(action="campus.created").count() == 1


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"code": "malimono"}, (409, "campus_exists")),
        ({"hosts": ["malimono.localhost"]}, (409, "host_taken")),
        ({"hosts": ["localhost"]}, (409, "host_taken")),
        ({"hosts": ["no host"]}, (400, "invalid_host")),
        ({"hosts": []}, (400, "min_length")),
        ({"code": "9X"}, (400, "invalid")),
        ({"code": "public"}, (400, "invalid_code")),
        ({"code": "TEMPLATE"}, (400, "invalid_code")),
        ({"code": "Relay"}, (400, "invalid_code")),
        ({"code": "NONE"}, (400, "invalid_code")),
        ({"code": "OWNER"}, (400, "invalid_code")),
        ({"name": "SNSU \u202eTubod"}, (400, "control_characters")),
        ({"timezone": "Mars/Base"}, (400, "invalid_timezone")),
        ({"allowed_origins": ["https://x/y"]}, (400, "invalid_origin")),
        ({"state": "ready"}, (400, "unknown_field")),
        ({"schema_name": "public"}, (400, "unknown_field")),
        ({"first_admin": {"username": "t", "password": "short"}}, (400, "invalid_username")),
        ({"first_admin": {"username": "tita", "password": "short"}}, (400, "weak_password")),
    ],
)
def test_an_unusable_campus_is_not_entered(cast: Cast, http: Http, change: dict, answer: tuple[int, str]) -> None:
    refused = http.post("campus/campuses/", {**NEW, **change}, by=cast.super_admin)

    assert error_of(refused) == answer, refused.content
    with public_context():
        assert Campus.objects.count() == 3
        assert CampusDomain.objects.filter(campus__isnull=False).count() == 3


def test_a_conflict_names_its_field(cast: Cast, http: Http) -> None:
    refused = http.post("campus/campuses/", {**NEW, "hosts": ["malimono.localhost"]}, by=cast.super_admin).json()

    assert refused["type"] == "client_error"
    assert [(error["code"], error["attr"]) for error in refused["errors"]] == [("host_taken", "hosts")]


def test_creating_twice_with_one_key_is_creating_once(cast: Cast, http: Http) -> None:
    send = {"by": cast.super_admin, "headers": {"Idempotency-Key": "tubod-1"}}

    first = http.post("campus/campuses/", NEW, **send)
    again = http.post("campus/campuses/", NEW, **send)

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again["Idempotent-Replayed"] == "true"
    with public_context():
        assert Campus.objects.filter(code=CODE).count() == 1


def test_suspension_reaches_the_next_request_of_every_process(cast: Cast, http: Http) -> None:
    path = f"campus/campuses/{cast.malimono.campus.id}/"
    stale = registry.get_snapshot()

    suspended = http.post(f"{path}suspend/", {"reason": "unpaid"}, by=cast.super_admin)
    registry._snapshot = stale  # a process that has not noticed
    refused = http.get("auth/me/", by=cast.malimono.student)
    sign_in = http.post("auth/login/", {"username": "ana", "password": "x"}, at=cast.malimono)
    others = http.get("auth/me/", by=cast.delcarmen.student)
    reactivated = http.post(f"{path}reactivate/", {"reason": "paid"}, by=cast.super_admin)
    again = http.get("auth/me/", by=cast.malimono.student)

    assert (suspended.status_code, suspended.json()["state"], suspended.json()["is_active"]) == (
        200,
        "suspended",
        False,
    )
    assert error_of(refused) == error_of(sign_in) == (403, "campus_suspended")
    assert (others.status_code, reactivated.status_code, again.status_code) == (200, 200, 200)
    with public_context():
        reasons = list(AuditEntry.objects.filter(target_type="campus").order_by("at").values_list("action", "reason"))
    assert reasons == [("campus.suspended", "unpaid"), ("campus.ready", "paid")]


def test_archiving_takes_two_decisions_and_keeps_the_data(cast: Cast, http: Http) -> None:
    campus = make_campus(f"OLD{WORKER}", "old.localhost")
    path = f"campus/campuses/{campus.pk}/"

    too_soon = http.post(f"{path}archive/", {"reason": "closed"}, by=cast.super_admin)
    http.post(f"{path}suspend/", {"reason": "closing"}, by=cast.super_admin)
    archived = http.post(f"{path}archive/", {"reason": "closed"}, by=cast.super_admin)
    back = http.post(f"{path}reactivate/", {"reason": "oops"}, by=cast.super_admin)
    visited = http.get("auth/me/", at="old.localhost")
    reused = http.post("campus/campuses/", {**NEW, "code": campus.code}, by=cast.super_admin)

    assert error_of(too_soon) == error_of(back) == (409, "wrong_campus_state")
    assert archived.json()["state"] == "archived"
    assert error_of(visited) == (404, "unknown_host")
    assert error_of(reused) == (409, "campus_exists")


def test_hosts_and_origins_are_changed(cast: Cast, http: Http) -> None:
    path = f"campus/campuses/{make_campus(f'MOV{WORKER}', 'move.localhost').pk}/"

    changed = http.patch(
        path,
        {"hosts": ["moved.localhost", "move.localhost"], "allowed_origins": ["https://app.example.edu"]},
        by=cast.super_admin,
    )

    assert changed.status_code == 200, changed.content
    assert (changed.json()["domain"], changed.json()["allowed_origins"]) == (
        "moved.localhost",
        ["https://app.example.edu"],
    )
    assert find_site("moved.localhost")[1] == find_site("move.localhost")[1]


def test_a_campus_behind_the_code_answers_503(cast: Cast, http: Http) -> None:
    with public_context():
        Campus.objects.filter(pk=cast.malimono.campus.id).update(schema_version=1)

    answer = http.get("auth/me/", by=cast.malimono.student)

    try:
        assert error_of(answer) == (503, "campus_not_ready")
        assert http.get("auth/me/", by=cast.delcarmen.student).status_code == 200
    finally:
        with public_context():
            Campus.objects.filter(pk=cast.malimono.campus.id).update(schema_version=cast.malimono.campus.schema_version)


def test_on_a_campus_there_is_only_that_campus(cast: Cast, http: Http) -> None:
    listed = http.get("campus/campuses/", by=cast.malimono.student).json()
    other = http.get(f"campus/campuses/{cast.delcarmen.campus.id}/", by=cast.malimono.student)
    write = http.post("campus/campuses/", NEW, by=cast.malimono.admin)

    assert [row["code"] for row in listed["results"]] == ["MALIMONO"]
    assert other.status_code == 404
    assert error_of(write) == (405, "method_not_allowed")


def test_a_failing_campus_does_not_stop_the_others(cast: Cast, http: Http) -> None:
    http.post("campus/campuses/", {**NEW, "code": f"BAD{WORKER}", "hosts": ["bad.localhost"]}, by=cast.super_admin)
    with public_context():
        Campus.objects.filter(code=f"BAD{WORKER}").update(first_admin={"username": "x" * 200, "password_hash": "!"})
    http.post("campus/campuses/", NEW, by=cast.super_admin)

    provision_pending_campuses.run()

    with public_context():
        states = dict(Campus.objects.filter(code__in=[CODE, f"BAD{WORKER}"]).values_list("code", "state"))
        assert states == {CODE: "ready", f"BAD{WORKER}": "provisioning"}
        assert "first_admin" in Campus.objects.get(code=f"BAD{WORKER}").provisioning_error


def test_admins_are_created_by_command_on_their_own_site_only(
    cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EAS_ADMIN_PASSWORD", "a-long-enough-secret")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-enough-secret")
    call_command("create_campus_admin", "malimono", "--username", "tita", "--noinput")
    call_command("createsuperuser", "--username", "sol2", "--email", "sol2@example.edu", "--noinput")

    def sign_in(name: str, at) -> int:
        return http.post("auth/login/", {"username": name, "password": "a-long-enough-secret"}, at=at).status_code

    assert [sign_in("tita", at) for at in (cast.malimono, cast.delcarmen, "localhost")] == [200, 401, 401]
    assert [sign_in("sol2", at) for at in (cast.malimono, cast.delcarmen, "localhost")] == [401, 401, 200]
    with pytest.raises(CommandError, match="name_taken"):
        call_command("create_campus_admin", "malimono", "--username", "ana", "--noinput")


def test_the_same_by_command(cast: Cast, capsys) -> None:
    code = f"CMD{WORKER}"
    call_command("create_campus", code, "--name", "Command", "--host", "cmd.localhost")
    call_command("create_campus", code, "--name", "Command", "--host", "cmd.localhost")
    call_command("suspend_campus", code, "--reason", "test")
    call_command("reactivate_campus", code, "--reason", "test")
    call_command("suspend_campus", code, "--reason", "test")
    call_command("archive_campus", code, "--reason", "test")
    with pytest.raises(CommandError, match="not typed"):
        call_command("drop_campus", code, "--backup", "/b", "--confirm", "x")
    call_command("drop_campus", code, "--backup", "/b", "--confirm", code)
    call_command("list_campuses")

    printed = capsys.readouterr().out
    assert "6/6 ready" in printed
    assert f"{code} is archived" in printed
    with pytest.raises(CommandError, match="only an archived"):
        call_command("drop_campus", "MALIMONO", "--backup", "/b", "--confirm", "MALIMONO")
    with pytest.raises(CommandError, match="no campus"):
        call_command("suspend_campus", "NOWHERE", "--reason", "x")


def test_creating_what_is_there_with_other_values_is_refused(cast: Cast) -> None:
    code = f"TWO{WORKER}"
    create = ["create_campus", code, "--name", "Two", "--host", "two.localhost"]
    call_command(*create, "--host", "two.example.edu", "--origin", "https://two.example.edu")

    call_command("create_campus", code.lower(), "--name", "Two", "--host", "two.example.edu", "--host", "two.localhost")
    for given, differing in [
        (create, "hosts"),
        (["create_campus", "MALIMONO", "--name", "Other", "--host", "malimono.localhost"], "name"),
        ([*create, "--host", "two.example.edu", "--timezone", "UTC"], "timezone"),
        ([*create, "--host", "two.example.edu", "--origin", "https://x.example.edu"], "origins"),
        ([*create, "--host", "two.example.edu", "--admin", "tita"], "admin"),
    ]:
        with pytest.raises(CommandError, match=f"campus_exists: .* another {differing}"):
            call_command(*given)

    with public_context():
        assert Campus.objects.get(code="MALIMONO").name != "Other"


def test_a_campus_in_provisioning_is_gone_on_with(cast: Cast, capsys) -> None:
    code = f"RES{WORKER}"
    with public_context():
        create_campus(by=None, at=now(), code=code, name="Resumed", hosts=["res.localhost"], timezone="Asia/Manila")

    call_command("create_campus", code, "--name", "Whatever", "--host", "res.localhost")

    assert "6/6 ready" in capsys.readouterr().out


def test_the_first_admin_s_password_comes_from_the_environment_where_nobody_can_be_asked(
    cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_there(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", nobody_there)
    code = f"PWD{WORKER}"
    create = ["create_campus", code, "--name", "Password", "--host", "pwd.localhost", "--admin", "tita"]

    with pytest.raises(CommandError, match="EAS_ADMIN_PASSWORD"):
        call_command(*create)
    with pytest.raises(CommandError, match="EAS_ADMIN_PASSWORD"):
        call_command("create_campus_admin", "malimono", "--username", "tita")
    monkeypatch.setenv("EAS_ADMIN_PASSWORD", "a-long-enough-secret")
    call_command(*create)
    call_command(*create)

    credentials = {"username": "tita", "password": "a-long-enough-secret"}
    assert http.post("auth/login/", credentials, at="pwd.localhost").json()["user"]["role"] == "campus_admin"
    assert http.post("auth/login/", credentials, at=cast.malimono).status_code == 401


def test_a_campus_is_changed_by_command(cast: Cast) -> None:
    code = f"UPD{WORKER}"
    make_campus(code, "upd.localhost")

    call_command(
        "update_campus", code, "--name", "Updated", "--host", "new.localhost", "--host", "upd.localhost",
        "--timezone", "Asia/Tokyo", "--origin", "https://app.example.edu",
    )  # fmt: skip
    changed = find_site("new.localhost")[1]
    call_command("update_campus", code, "--origin", "")
    emptied = find_site("upd.localhost")[1]

    assert changed is not None
    assert (changed.code, changed.name, changed.hosts) == (code, "Updated", ("new.localhost", "upd.localhost"))
    assert (changed.zone.key, changed.origins) == ("Asia/Tokyo", {"https://app.example.edu"})
    assert emptied is not None
    assert (emptied.name, emptied.origins) == ("Updated", frozenset())
    with public_context():
        assert AuditEntry.objects.filter(action="campus.changed", target_id=changed.id).count() == 2
        assert Campus.objects.get(code="MALIMONO").timezone == "Asia/Manila"
    for wrong, said in [
        ([], "Say what"),
        (["--host", "malimono.localhost"], "host_taken"),
        (["--timezone", "Mars/Base"], "invalid_campus"),
        (["--origin", "https://x/y"], "invalid_campus: allowed_origins"),
        (["--name", "a\u202eb"], "invalid_campus: name"),
    ]:
        with pytest.raises(CommandError, match=said):
            call_command("update_campus", code, *wrong)
