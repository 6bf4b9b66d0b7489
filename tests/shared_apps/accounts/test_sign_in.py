"""auth/: signing in and out, tokens, passwords, and those who try to guess them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection

from shared_apps.accounts.errors import TooManySignIns, WrongCredentials
from shared_apps.accounts.models import AccessToken, SignInTry, User
from shared_apps.accounts.rules import FREE_TRIES, LONGEST_WAIT, LONGEST_WAIT_ANYWHERE, fold_name, wait_after
from shared_apps.accounts.services.devices import VALID_FOR, issue_device, read_device
from shared_apps.accounts.services.tokens import MOST_TOKENS, issue_token, sign_in
from shared_apps.accounts.services.users import change_password, update_user
from shared_apps.common.clock import now
from tenants.context import owner_context, public_context
from tests.cast import PASSWORD, Cast, Http, Site


def code_of(answer) -> str:
    return answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("name", ["ana", "ANA", " ana ", "ana@example.edu", "Ana@Example.EDU", "2024-0001"])
def test_sign_in_takes_username_email_and_student_id(cast: Cast, http: Http, name: str) -> None:
    answer = http.post("auth/login/", {"username": name, "password": PASSWORD}, at=cast.malimono)

    body = answer.json()
    assert answer.status_code == 200, answer.content
    assert set(body) == {"token", "expires_at", "device", "user"}
    assert (body["user"]["id"], body["user"]["campus"]) == (str(cast.malimono.student.id), "MALIMONO")
    assert body["token"].startswith("eas_malimono_")


def test_the_token_is_stored_nowhere(cast: Cast, http: Http) -> None:
    token = http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=cast.malimono).json()["token"]

    with owner_context("c_malimono"), connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM accounts_accesstoken t")
        stored = cursor.fetchone()[0]
    assert token not in stored
    assert token.removeprefix("eas_malimono_") not in stored


@pytest.mark.parametrize(("name", "password"), [("ana", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD), ("ana", "")])
def test_wrong_credentials_have_one_answer(cast: Cast, http: Http, name: str, password: str) -> None:
    with cast.malimono.here():
        update_user(
            by=cast.malimono.admin.user, at=now(), user_id=cast.malimono.friend.id,
            changes={"username": "off", "is_active": False},
        )  # fmt: skip

    answer = http.post("auth/login/", {"username": name, "password": password}, at=cast.malimono)

    if password:
        assert (answer.status_code, code_of(answer)) == (401, "wrong_credentials")
    else:
        assert answer.status_code == 400


def test_people_of_the_other_campus_do_not_exist_here(cast: Cast, http: Http) -> None:
    with cast.delcarmen.here():
        update_user(
            by=cast.delcarmen.admin.user, at=now(), user_id=cast.delcarmen.student.id, changes={"username": "delia"}
        )

    here = http.post("auth/login/", {"username": "delia", "password": PASSWORD}, at=cast.malimono)
    there = http.post("auth/login/", {"username": "delia", "password": PASSWORD}, at=cast.delcarmen)
    public = http.post("auth/login/", {"username": "sol", "password": PASSWORD}, at=cast.malimono)

    assert (here.status_code, there.status_code, public.status_code) == (401, 200, 401)


def test_a_token_copied_into_another_campus_opens_nothing(cast: Cast, http: Http) -> None:
    with owner_context("c_delcarmen"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_accesstoken WHERE user_id = %s", [cast.delcarmen.student.id])
        cursor.execute(
            "INSERT INTO accounts_accesstoken (id, digest, user_id, label, created_at, expires_at)"
            " SELECT id, digest, %s, label, created_at, expires_at FROM c_malimono.accounts_accesstoken"
            " WHERE user_id = %s",
            [cast.delcarmen.student.id, cast.malimono.student.id],
        )
    token = cast.malimono.student.token

    as_it_is = http.send("GET", "auth/me/", at=cast.delcarmen, headers={"Authorization": f"Token {token}"})
    renamed = http.send(
        "GET", "auth/me/", at=cast.delcarmen,
        headers={"Authorization": f"Token {token.replace('malimono', 'delcarmen')}"},
    )  # fmt: skip

    assert as_it_is.status_code == renamed.status_code == 401


def test_logout_ends_this_sign_in_and_logout_all_every_one(cast: Cast, http: Http) -> None:
    student = cast.malimono.student
    with cast.malimono.here():
        other = issue_token(user=student.user, label="phone", at=now()).text

    assert http.post("auth/logout/", by=student).status_code == 204
    assert http.get("auth/me/", by=student).status_code == 401
    student.token = other
    assert http.get("auth/me/", by=student).status_code == 200
    assert http.post("auth/logout-all/", by=student).status_code == 204
    assert http.get("auth/me/", by=student).status_code == 401
    assert http.get("auth/me/", by=cast.malimono.friend).status_code == 200


def test_tokens_are_listed_and_revoked_by_their_owner_only(cast: Cast, http: Http) -> None:
    student, friend = cast.malimono.student, cast.malimono.friend
    listed = http.get("auth/tokens/", by=student).json()
    own = listed["results"][0]

    stolen = http.delete(f"auth/tokens/{own['id']}/", by=friend)
    revoked = http.delete(f"auth/tokens/{own['id']}/", by=student)

    assert (listed["count"], own["is_current"], own["label"]) == (1, True, "test")
    assert "token" not in own
    assert (stolen.status_code, revoked.status_code) == (404, 204)
    assert http.get("auth/me/", by=student).status_code == 401


def test_at_most_ten_sign_ins_live_at_once(cast: Cast) -> None:
    with cast.malimono.here():
        for number in range(MOST_TOKENS + 3):
            issue_token(user=cast.malimono.student.user, label=str(number), at=now())

        labels = set(AccessToken.objects.filter(user=cast.malimono.student.user).values_list("label", flat=True))
    assert len(labels) == MOST_TOKENS
    assert str(MOST_TOKENS + 2) in labels


def test_a_token_ends_at_its_second(cast: Cast, http: Http) -> None:
    student = cast.malimono.student
    with cast.malimono.here():
        expires = AccessToken.objects.get(user=student.user).expires_at

    with time_machine.travel(expires - timedelta(seconds=1), tick=False):
        assert http.get("auth/me/", by=student).status_code == 200
    with time_machine.travel(expires, tick=False):
        assert http.get("auth/me/", by=student).status_code == 401


@pytest.mark.parametrize(
    "changes", [{"role": "scanner"}, {"is_active": False}, {"password": "quite-another-secret"}], ids=str
)
def test_role_status_and_password_changes_end_every_token_at_once(cast: Cast, http: Http, changes: dict) -> None:
    student = cast.malimono.student

    answer = http.patch(f"accounts/users/{student.id}/", changes, by=cast.malimono.admin)

    assert answer.status_code == 200, answer.content
    assert http.get("auth/me/", by=student).status_code == 401
    assert http.get("auth/me/", by=cast.delcarmen.student).status_code == 200


def test_password_change_needs_the_old_one_and_a_good_new_one(cast: Cast, http: Http) -> None:
    student = cast.malimono.student

    def change(current: str, new: str):
        return http.post("auth/password/change/", {"current_password": current, "new_password": new}, by=student)

    wrong, weak, like_name = (
        change("no", "a-long-new-secret"),
        change(PASSWORD, "short"),
        change(PASSWORD, "ana@example.edu"),
    )
    good = change(PASSWORD, "a-long-new-secret")

    assert (wrong.status_code, code_of(wrong)) == (400, "wrong_password")
    assert (weak.status_code, code_of(weak), weak.json()["errors"][0]["attr"]) == (400, "weak_password", "new_password")
    assert code_of(like_name) == "weak_password"
    assert good.status_code == 200
    assert http.get("auth/me/", by=student).status_code == 401
    student.token = good.json()["token"]
    assert http.get("auth/me/", by=student).status_code == 200


def attempt(site: Site, at: datetime, *, name: str = "ana", address: str = "10.0.0.1", password: str = "no") -> str:
    """Try to sign in; return what happened."""
    try:
        sign_in(name=name, password=password, address=address, label="", at=at)
    except WrongCredentials:
        return "wrong"
    except TooManySignIns as error:
        return f"wait {error.wait}"
    return "in"


def test_guessing_is_slowed_down_but_nobody_is_locked_out_for_good(cast: Cast) -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    with cast.malimono.here():
        first = [attempt(cast.malimono, moment) for _ in range(FREE_TRIES + 1)]
        elsewhere = attempt(cast.malimono, moment, address="10.9.9.9", password=PASSWORD)
        other_person = attempt(cast.malimono, moment, name="ben", password=PASSWORD)
        after_waiting = attempt(cast.malimono, moment + LONGEST_WAIT, password=PASSWORD)

    assert first == ["wrong"] * FREE_TRIES + ["wait 2"]
    assert (elsewhere, other_person, after_waiting) == ("in", "in", "in")


def test_a_day_of_guessing_from_one_address_gets_few_guesses(cast: Cast) -> None:
    moment, wrong = datetime(2026, 5, 1, tzinfo=UTC), 0
    with cast.malimono.here():
        for _ in range(24 * 60 * 2):  # twice a minute
            wrong += attempt(cast.malimono, moment, name="nobody") == "wrong"
            moment += timedelta(seconds=30)

    assert wrong <= 24 * 60 + FREE_TRIES + 10


def test_a_name_that_does_not_exist_is_slowed_down_the_same_and_kept_as_a_digest(cast: Cast) -> None:
    with cast.malimono.here():
        said = [attempt(cast.malimono, now(), name="Nobody-At-All") for _ in range(FREE_TRIES + 1)]

        stored = " ".join(SignInTry.objects.values_list("key", flat=True))
    assert said[-1].startswith("wait")
    assert "nobody" not in stored.lower()


def test_who_has_signed_in_before_is_not_shut_out_by_who_guesses_from_the_same_address(cast: Cast, http: Http) -> None:
    signed_in = http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=cast.malimono).json()
    guess = {"username": "ana", "password": "no"}
    for _ in range(2 * FREE_TRIES):
        http.post("auth/login/", guess, at=cast.malimono)

    mine = {"username": "ana", "password": PASSWORD, "device": signed_in["device"]}
    stranger = http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=cast.malimono)
    owner = http.post("auth/login/", mine, at=cast.malimono)
    guessing = [http.post("auth/login/", {**mine, "password": "no"}, at=cast.malimono) for _ in range(FREE_TRIES + 1)]
    other_spelling = http.post("auth/login/", {**mine, "device": f"-{mine['device']}"}, at=cast.malimono)
    spaced = http.post(
        "auth/login/", {**mine, "device": f"{mine['device'][:9]}!{mine['device'][9:]}"}, at=cast.malimono
    )

    assert (stranger.status_code, code_of(stranger)) == (429, "too_many_sign_ins")
    assert owner.status_code == 200, owner.content
    # The device has tries of its own, and they are as few.
    assert [answer.status_code for answer in guessing] == [401] * FREE_TRIES + [429]
    assert (other_spelling.status_code, spaced.status_code) == (429, 429)


def test_a_device_is_of_one_person_of_one_campus_and_ends_with_password_and_time(cast: Cast) -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    ana, ben, there = cast.malimono.student.user, cast.malimono.friend.user, cast.delcarmen.student.user
    with cast.malimono.here():
        device = issue_device(user=ana, at=moment)
        read = [read_device(device, user=user, at=moment) is not None for user in (ana, ben)]
        late = read_device(device, user=ana, at=moment + VALID_FOR)
        made_up = [read_device(text, user=ana, at=moment) for text in ("", "x", "é", "A" * 72, device[:-4])]
        update_user(
            by=cast.malimono.admin.user, at=moment, user_id=ana.pk, changes={"password": "quite-another-secret"}
        )
        after = read_device(device, user=User.objects.get(pk=ana.pk), at=moment)
    with cast.delcarmen.here():
        there.pk, there.password = ana.pk, ana.password
        elsewhere = read_device(device, user=there, at=moment)

    assert read == [True, False]
    assert [late, after, elsewhere, *made_up] == [None] * 8


def test_guessing_the_current_password_is_slowed_down_and_signing_in_is_not(cast: Cast, http: Http) -> None:
    student = cast.malimono.student

    def change(current: str, new: str = "a-long-new-secret"):
        return http.post("auth/password/change/", {"current_password": current, "new_password": new}, by=student)

    weak = [change(PASSWORD, "short").status_code for _ in range(FREE_TRIES + 1)]
    guesses = [change("no").status_code for _ in range(FREE_TRIES)]
    blocked = change(PASSWORD)
    signed_in = http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=cast.malimono)

    assert weak == [400] * (FREE_TRIES + 1)
    assert guesses == [400] * FREE_TRIES
    assert (blocked.status_code, code_of(blocked)) == (429, "too_many_password_tries")
    assert int(blocked["Retry-After"]) >= 1
    assert signed_in.status_code == 200
    with time_machine.travel(now() + LONGEST_WAIT, tick=False):
        assert change(PASSWORD).status_code == 200


def test_no_name_can_be_made_up_that_uses_somebody_s_tries(cast: Cast) -> None:
    moment, student = datetime(2026, 5, 1, tzinfo=UTC), cast.malimono.student
    with cast.malimono.here():
        for name in ("ana\n10.0.0.1", f"password\n{student.id}", "name\nana\n10.0.0.1"):
            for _ in range(2 * FREE_TRIES):
                attempt(cast.malimono, moment, name=name, address="10.6.6.6")
        signed_in = attempt(cast.malimono, moment, password=PASSWORD)
        change_password(user=student.user, at=moment, current=PASSWORD, new="a-long-new-secret")

    assert signed_in == "in"


def test_throttled_sign_in_says_how_long_and_other_campuses_are_free(cast: Cast, http: Http) -> None:
    for _ in range(FREE_TRIES):
        http.post("auth/login/", {"username": "ana", "password": "no"}, at=cast.malimono)

    here = http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=cast.malimono)
    there = http.post("auth/login/", {"username": "ana", "password": PASSWORD}, at=cast.delcarmen)

    assert (here.status_code, code_of(here)) == (429, "too_many_sign_ins")
    assert int(here["Retry-After"]) >= 1
    assert there.status_code == 200


@pytest.mark.parametrize(
    ("failures", "seconds", "anywhere"),
    [(4, 0, 0), (5, 1, 0), (6, 2, 0), (10, 32, 0), (11, 60, 0), (10**9, 60, 0), (99, 0, 1), (100, 1, 1), (10**9, 5, 1)],
)
def test_waits_grow_and_stay_bounded(failures: int, seconds: int, anywhere: int) -> None:
    assert wait_after(failures, anywhere=bool(anywhere)) == timedelta(seconds=seconds)
    assert timedelta(minutes=1) >= LONGEST_WAIT
    assert timedelta(seconds=5) >= LONGEST_WAIT_ANYWHERE


@pytest.mark.parametrize(
    ("typed", "folded"), [(" Ana ", "ana"), ("ＡＮＡ", "ana"), ("STRAẞE", "strasse"), ("Peña", "peña")]
)
def test_names_have_one_spelling(typed: str, folded: str) -> None:
    assert fold_name(typed) == folded


def test_super_admins_sign_in_on_the_public_site(cast: Cast, http: Http) -> None:
    answer = http.post("auth/login/", {"username": "sol", "password": PASSWORD}, at="localhost")

    assert answer.status_code == 200
    assert answer.json()["user"]["campus"] is None
    with public_context():
        assert AccessToken.objects.filter(user=cast.super_admin.user).count() == 2


def test_authentication_is_one_statement(cast: Cast, http: Http) -> None:
    http.get("auth/tokens/", by=cast.malimono.student)
    before = connection.statements

    http.get(f"auth/tokens/{uuid4()}/", by=cast.malimono.student)  # no such method: nothing but authentication

    assert connection.statements - before <= 1
