"""auth/login/ and what follows from it."""

import pytest

from tests.cast import PASSWORD, Cast, Http


@pytest.mark.parametrize("name", ["ana", "ANA", "ana@example.edu", "2024-0001"])
def test_sign_in_takes_username_email_and_student_id(cast: Cast, http: Http, name: str) -> None:
    answer = http.post("auth/login/", {"username": name, "password": PASSWORD}, at=cast.malimono)

    assert answer.status_code == 200, answer.content
    assert answer.json()["user"]["id"] == str(cast.malimono.student.id)
    assert answer.json()["user"]["campus"] == "MALIMONO"
    assert answer.json()["token"].startswith("eas_malimono_")


def test_token_of_one_campus_is_nothing_on_another(cast: Cast, http: Http) -> None:
    answer = http.get("auth/me/", by=cast.malimono.student, at=cast.delcarmen)

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "not_authenticated"
