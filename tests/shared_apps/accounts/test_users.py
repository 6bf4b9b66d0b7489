"""accounts/: people and their profiles."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from shared_apps.accounts.models import AccessToken, Profile, SignInName, User
from shared_apps.accounts.services.users import create_user
from shared_apps.audit.models import AuditEntry
from shared_apps.common.clock import now
from tests.cast import Cast, Http

NEW = {
    "username": "dina", "email": "dina@example.edu", "student_id": "2024-0099", "first_name": "Dina",
    "last_name": "Ñuñez", "department": "CITE", "program": "BSIT", "year_level": 1, "section": "B",
    "password": "a-long-enough-secret",
}  # fmt: skip


def error_of(answer) -> tuple[int, str, str | None]:
    error = answer.json()["errors"][0]
    return answer.status_code, error["code"], error["attr"]


def test_admin_enters_a_student_who_then_signs_in(cast: Cast, http: Http) -> None:
    created = http.post("accounts/users/", NEW, by=cast.malimono.admin)

    signed_in = http.post("auth/login/", {"username": "2024-0099", "password": NEW["password"]}, at=cast.malimono)

    body = created.json()
    assert created.status_code == 201, created.content
    assert (body["role"], body["department"], body["year_level"], body["campus"]) == ("student", "CITE", 1, "MALIMONO")
    assert "password" not in body
    assert signed_in.status_code == 200
    with cast.malimono.here():
        assert AuditEntry.objects.filter(action="user.created", target_id=body["id"]).count() == 1
    with cast.delcarmen.here():
        assert not User.objects.filter(username="dina").exists()


def test_the_guide_s_second_list_is_the_same_list(cast: Cast, http: Http) -> None:
    one = http.get("accounts/users/", by=cast.malimono.admin).json()
    two = http.get("accounts/users/campus_users/", by=cast.malimono.admin).json()

    assert one == two
    assert (one["count"], one["next"], one["previous"]) == (7, None, None)
    assert {person["campus"] for person in one["results"]} == {"MALIMONO"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "reyes"}, ["ana"]),
        ({"search": "ana rey"}, ["ana"]),
        ({"search": "2024-0002"}, ["ben"]),
        ({"role": "organizer"}, ["oscar", "olga"]),
        ({"department": "CITE", "ordering": "-last_name"}, ["ana", "ben"]),
        ({"student_id": "2024-0001"}, ["ana"]),
        ({"is_active": "false"}, []),
        ({"year_level": "2", "section": "A", "ordering": "username"}, ["ana", "ben"]),
        ({"program": "BSCS"}, []),
    ],
)
def test_filters_search_and_ordering(cast: Cast, http: Http, query: dict, found: list[str]) -> None:
    answer = http.get("accounts/users/", by=cast.malimono.organizer, **query)

    assert [person["username"] for person in answer.json()["results"]] == found


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"username": "ANA"}, "username"),
        ({"email": "ana@EXAMPLE.edu"}, "email"),
        ({"student_id": "2024-0001"}, "student_id"),
        ({"username": "ana@example.edu"}, "username"),
        ({"username": "2024-0001"}, "username"),
    ],
)
def test_a_name_another_person_signs_in_with_is_taken(cast: Cast, http: Http, change: dict, attr: str) -> None:
    answer = http.post("accounts/users/", {**NEW, **change}, by=cast.malimono.admin)

    assert error_of(answer) == (400, "name_taken", attr)
    with cast.malimono.here():
        assert User.objects.count() == Profile.objects.count() == 7


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"username": "a b"}, "invalid_username", "username"),
        ({"username": ""}, "blank", "username"),
        ({"email": "x"}, "invalid", "email"),
        ({"role": "super_admin"}, "role_not_here", "role"),
        ({"role": "king"}, "invalid_choice", "role"),
        ({"password": "short"}, "weak_password", "password"),
        ({"password": "password1234"}, "weak_password", "password"),
        ({"year_level": 0}, "min_value", "year_level"),
        ({"id": str(uuid4())}, "unknown_field", "id"),
        ({"is_superuser": True}, "unknown_field", "is_superuser"),
        ({"person_id": str(uuid4())}, "unknown_field", "person_id"),
        ({"first_name": "a\nb"}, "control_characters", "first_name"),
    ],
)
def test_unusable_values_are_named(cast: Cast, http: Http, change: dict, code: str, attr: str) -> None:
    answer = http.post("accounts/users/", {**NEW, **change}, by=cast.malimono.admin)

    assert error_of(answer) == (400, code, attr)
    with cast.malimono.here():
        assert User.objects.count() == 7


def test_people_change_what_is_theirs_and_nothing_else(cast: Cast, http: Http) -> None:
    student = cast.malimono.student

    own = http.patch("auth/me/", {"phone": "0917 000", "email": "new@example.edu"}, by=student)
    forbidden = [
        http.patch("auth/me/", {field: value}, by=student)
        for field, value in {
            "role": "campus_admin", "is_active": True, "student_id": "1", "id": str(uuid4()), "username": "x1",
            "password": "a-long-enough-secret",
        }.items()
    ]  # fmt: skip
    profile = http.patch(f"accounts/profiles/{student.id}/", {"department": "COE"}, by=student)
    phone = http.patch(f"accounts/profiles/{student.id}/", {"phone": "0918"}, by=student)
    friends = http.patch(f"accounts/profiles/{cast.malimono.friend.id}/", {"phone": "0918"}, by=student)

    assert (own.status_code, own.json()["phone"], own.json()["email"]) == (200, "0917 000", "new@example.edu")
    assert {answer.status_code for answer in forbidden} == {400}
    assert error_of(profile) == (400, "read_only_field", "department")
    assert (phone.status_code, phone.json()["phone"]) == (200, "0918")
    assert friends.status_code == 404
    with cast.malimono.here():
        kept = User.objects.select_related("profile").get(pk=student.id)
        assert (kept.role, kept.profile.department) == ("student", "CITE")


def test_a_student_sees_nobody_but_themselves(cast: Cast, http: Http) -> None:
    student = cast.malimono.student

    own = http.get(f"accounts/users/{student.id}/", by=student)
    friend = http.get(f"accounts/users/{cast.malimono.friend.id}/", by=student)
    nobody = http.get(f"accounts/users/{uuid4()}/", by=student)

    assert own.status_code == 200
    assert (friend.status_code, friend.content) == (404, nobody.content)


def test_the_last_admin_stays(cast: Cast, http: Http) -> None:
    admin = cast.malimono.admin

    demoted = http.patch(f"accounts/users/{admin.id}/", {"role": "student"}, by=admin)
    closed = http.patch(f"accounts/users/{admin.id}/", {"is_active": False}, by=admin)
    with cast.malimono.here():
        create_user(by=None, at=now(), username="second", role="campus_admin")
    now_possible = http.patch(f"accounts/users/{admin.id}/", {"role": "organizer"}, by=admin)

    assert error_of(demoted)[:2] == error_of(closed)[:2] == (409, "last_admin")
    assert now_possible.status_code == 200


def test_renaming_moves_the_sign_in_names(cast: Cast, http: Http) -> None:
    http.patch(f"accounts/users/{cast.malimono.student.id}/", {"username": "annie"}, by=cast.malimono.admin)

    with cast.malimono.here():
        names = set(SignInName.objects.filter(user_id=cast.malimono.student.id).values_list("name", flat=True))
    with cast.delcarmen.here():
        untouched = set(SignInName.objects.filter(user_id=cast.delcarmen.student.id).values_list("name", flat=True))
    assert names == {"annie", "ana@example.edu", "2024-0001"}
    assert untouched == {"ana", "ana@example.edu", "2024-0001"}


def test_constraints_hold_whatever_the_code_does(cast: Cast) -> None:
    with cast.malimono.here():
        ana = User.objects.get(username="ana")
        for name, changes in {
            "accounts_user_username_once": {"username": "ANA"},
            "accounts_user_student_id_once": {"username": "x1", "student_id": "2024-0001"},
            "accounts_user_person_once": {"username": "x2", "person_id": ana.person_id},
            "accounts_user_role_known": {"username": "x3", "role": "king"},
            "accounts_user_student_id_not_empty": {"username": "x4", "student_id": ""},
        }.items():
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                User.objects.create(**changes)
        token = AccessToken.objects.first()
        with pytest.raises(IntegrityError, match="accounts_accesstoken_digest_once"):
            AccessToken.objects.create(digest=token.digest, user=ana, created_at=now(), expires_at=now())


def test_lists_cost_the_same_at_few_and_at_many(cast: Cast, http: Http) -> None:
    with cast.malimono.here():
        for number in range(60):
            create_user(by=None, at=now(), username=f"s{number}", role="student", student_id=f"S-{number}")

    def statements(path: str, size: str) -> int:
        before = connection.statements
        assert http.get(path, by=cast.malimono.admin, page_size=size).status_code == 200
        return connection.statements - before

    for path in ("accounts/users/", "accounts/profiles/"):
        assert statements(path, "1") == statements(path, "100") <= 6
