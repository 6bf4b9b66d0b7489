"""People by file."""

import io
import json
import zipfile

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test.client import MULTIPART_CONTENT

from shared_apps.accounts.models import AccessToken, RosterImport, SignInName, User
from shared_apps.accounts.services import rosters
from shared_apps.accounts.services.rosters import queue_import, run_import
from shared_apps.accounts.services.users import create_user
from shared_apps.accounts.tasks import run_roster_import
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from tests.cast import Cast, Http, Site

HEADER = "Student No.,Last Name,First Name,Email,Course,Year,Favourite Colour\n"
TWO = HEADER + "2025-1,Peñaflor,Niña,nina@example.edu,BSIT,2,blue\n2025-2,Cruz,Ben,ben2@example.edu,BSCS,3,red\n"


def bring_in(site: Site, content: bytes | str, **options) -> RosterImport:
    """Import a file into a campus from beginning to end."""
    raw = content.encode() if isinstance(content, str) else content
    with site.here():
        queued = queue_import(
            by=site.admin.user,
            at=now(),
            file_name="roster.csv",
            content=raw,
            **{"mapping": {}, "dry_run": False, **options},
        )
        return run_import(import_id=queued.pk, clock=now)


def counts(done: RosterImport) -> tuple[int, int, int, int]:
    return done.created, done.updated, done.unchanged, done.failed


def hand_in(http: Http, site: Site, content: bytes, by=None, **fields):
    return http.post(
        "accounts/imports/",
        {"file": SimpleUploadedFile("roster.csv", content), **fields},
        by=by or site.admin,
        content_type=MULTIPART_CONTENT,
    )


def as_xlsx(rows: list[list]) -> bytes:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def test_a_roster_creates_people_of_this_campus_only(cast: Cast) -> None:
    done = bring_in(cast.malimono, TWO)

    assert (done.state, counts(done)) == ("done", (2, 0, 0, 0))
    assert done.ignored_columns == ["Favourite Colour"]
    with cast.malimono.here():
        nina = User.objects.select_related("profile").get(student_id="2025-1")
        assert (nina.first_name, nina.last_name, nina.username, nina.role) == ("Niña", "Peñaflor", "2025-1", "student")
        assert (nina.profile.program, nina.profile.year_level) == ("BSIT", 2)
        assert not nina.has_usable_password()
        assert set(SignInName.objects.filter(user=nina).values_list("name", flat=True)) == {
            "2025-1",
            "nina@example.edu",
        }
    with cast.delcarmen.here():
        assert not User.objects.filter(student_id="2025-1").exists()


def test_the_same_file_again_changes_nothing(cast: Cast) -> None:
    bring_in(cast.malimono, TWO)

    assert counts(bring_in(cast.malimono, TWO)) == (0, 0, 2, 0)


def test_changes_are_applied_and_empty_cells_say_nothing(cast: Cast) -> None:
    bring_in(cast.malimono, TWO)

    done = bring_in(cast.malimono, HEADER + "2025-1,,,new@example.edu,BSCE,,\n2025-2,Cruz,Ben,,,,\n")

    assert counts(done) == (0, 1, 1, 0)
    with cast.malimono.here():
        nina = User.objects.select_related("profile").get(student_id="2025-1")
        assert (nina.last_name, nina.email, nina.profile.program) == ("Peñaflor", "new@example.edu", "BSCE")
        names = set(SignInName.objects.filter(user=nina).values_list("name", flat=True))
        assert names == {"2025-1", "new@example.edu"}


def test_a_dry_run_says_what_would_change_and_changes_nothing(cast: Cast) -> None:
    done = bring_in(cast.malimono, TWO + "2024-0001,Reyes,Anna,,,,\n", dry_run=True)

    assert counts(done) == (2, 1, 0, 0)
    assert [result["action"] for result in done.results] == ["created", "created", "updated"]
    assert "first_name" in done.results[2]["detail"]
    with cast.malimono.here():
        assert not User.objects.filter(student_id__startswith="2025").exists()
        assert User.objects.get(student_id="2024-0001").first_name == "Ana"


def test_a_dry_run_promises_what_the_real_run_does(cast: Cast) -> None:
    for site in (cast.malimono, cast.delcarmen):
        with site.here():
            create_user(by=None, at=now(), username="zed", role="student")
    content = "email,first_name\nzed@q.ph,Other\nyan@q.ph,Yan\nyan@r.ph,Yan\n"

    dry = bring_in(cast.malimono, content, dry_run=True)
    real = bring_in(cast.malimono, content)

    assert counts(dry) == counts(real) == (1, 0, 0, 2)
    assert dry.results == real.results
    failed = [
        (result["row"], result["code"], result["attr"]) for result in real.results if result["action"] == "failed"
    ]
    assert failed == [(2, "name_taken", "username"), (4, "name_taken", "username")]
    with cast.delcarmen.here():
        assert not User.objects.filter(username="yan").exists()


def test_bad_rows_do_not_stop_the_rest(cast: Cast) -> None:
    rows = [
        "2025-1,Good,One,one@example.edu,student,2",
        ",Nobody,,,student,",
        "2025-2,Bad,Mail,not-a-mail,student,",
        "2025-3,Bad,Year,,student,99",
        "2025-4,Bad,Role,,campus_admin,",
        "2025-5,Taken,Mail,ana@example.edu,student,",
        "2025-1,Twice,,,student,",
        "2025-6,Nul\x00l,,,student,",
        "2025-7," + "x" * 300 + ",,,student,",
        "carla,Admin,Changed,,student,",
        "2025-8,Good,Two,,organizer,",
    ]
    done = bring_in(cast.malimono, "student_id,last_name,first_name,email,role,year\n" + "\n".join(rows) + "\n")

    failed = {
        result["row"]: (result["code"], result["attr"]) for result in done.results if result["action"] == "failed"
    }
    assert counts(done) == (2, 0, 0, 9)
    assert failed == {
        3: ("no_key", None),
        4: ("invalid", "email"),
        5: ("max_value", "year_level"),
        6: ("role_not_allowed", "role"),
        7: ("name_taken", "email"),
        8: ("duplicate_row", None),
        9: ("control_characters", "last_name"),
        10: ("max_length", "last_name"),
        11: ("name_taken", "student_id"),
    }
    with cast.malimono.here():
        assert User.objects.get(username="carla").role == "campus_admin"


def test_a_new_role_ends_the_sign_ins(cast: Cast) -> None:
    bring_in(cast.malimono, "student_id,role\n2024-0001,scanner\n")

    with cast.malimono.here():
        assert not AccessToken.objects.filter(user=cast.malimono.student.user).exists()
    with cast.delcarmen.here():
        assert AccessToken.objects.filter(user=cast.delcarmen.student.user).exists()


def test_xlsx_with_numbers_as_the_sheet_keeps_them(cast: Cast) -> None:
    done = bring_in(cast.malimono, as_xlsx([["Student ID", "Surname", "Year"], [2025001, "Ibañez", 3.0]]))

    assert counts(done) == (1, 0, 0, 0)
    with cast.malimono.here():
        person = User.objects.select_related("profile").get(student_id="2025001")
        assert (person.last_name, person.profile.year_level) == ("Ibañez", 3)


def test_semicolons_and_the_letters_of_excel(cast: Cast) -> None:
    done = bring_in(cast.malimono, "student_id;last_name\n2025-1;Peñaflor\n".encode("cp1252"))

    assert counts(done) == (1, 0, 0, 0)
    with cast.malimono.here():
        assert User.objects.get(student_id="2025-1").last_name == "Peñaflor"


def test_a_mapping_names_headers_of_any_kind(cast: Cast, http: Http) -> None:
    content = b"Matrikel,Nachname\n2025-1,Cruz\n"

    without = hand_in(http, cast.malimono, content)
    mapped = hand_in(
        http, cast.malimono, content, mapping=json.dumps({"Matrikel": "student_id", "Nachname": "last_name"})
    )

    assert (without.status_code, without.json()["errors"][0]["code"]) == (400, "missing_columns")
    assert mapped.status_code == 202


def bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\n\n", "empty_file"),
        (b"student_id\n", "empty_file"),
        (b"colour\nblue\n", "missing_columns"),
        (b"\x00\x01\x02\xff\xfe", "unreadable_file"),
        (b"PK\x03\x04 not a zip", "unreadable_file"),
        (bomb(), "unreadable_file"),
        (b"student_id\n" + b"1\n" * 20_001, "too_many_rows"),
        (b"", "empty"),
    ],
    ids=["blank", "header only", "no key", "binary", "broken zip", "bomb", "too many", "nothing"],
)
def test_unusable_files_are_refused_at_once(cast: Cast, http: Http, content: bytes, code: str) -> None:
    answer = hand_in(http, cast.malimono, content)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    with cast.malimono.here():
        assert RosterImport.objects.count() == OutboxMessage.objects.count() == 0


@pytest.mark.parametrize(
    "mapping", ["[]", "{", '{"a": "password"}', '{"a": 1}', '{"a": "email", "b": "email"}', "[" * 5000,
                '{"a\\u0000": "email"}', '{"\\ud800": "email"}', '{"a": ["email"]}', '{"a\\u202e": "email"}']
)  # fmt: skip
def test_unusable_mappings_are_refused(cast: Cast, http: Http, mapping: str) -> None:
    answer = hand_in(http, cast.malimono, TWO.encode(), mapping=mapping)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_mapping")


def test_a_file_over_the_limit_is_413(cast: Cast, http: Http, settings) -> None:
    settings.IMPORT_LIMIT = 1000

    answer = hand_in(http, cast.malimono, b"student_id\n" + b"x" * 20_000)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, "body_too_large")


def test_a_campus_named_in_the_form_is_an_assertion_too(cast: Cast, http: Http) -> None:
    own = hand_in(http, cast.malimono, TWO.encode(), campus_id="MALIMONO")
    other = hand_in(http, cast.malimono, TWO.encode(), campus_id="DELCARMEN")
    huge = hand_in(http, cast.malimono, TWO.encode(), mapping="x" * 2_000_000)

    assert own.status_code == 202
    assert (other.status_code, other.json()["errors"][0]["code"]) == (403, "campus_mismatch")
    assert (huge.status_code, huge.json()["errors"][0]["code"]) == (413, "body_too_large")
    with cast.malimono.here():
        assert RosterImport.objects.count() == 1


def test_progress_is_shown_and_the_other_campus_sees_nothing(cast: Cast, http: Http) -> None:
    queued = hand_in(http, cast.malimono, TWO.encode()).json()
    path = f"accounts/imports/{queued['id']}/"
    with cast.malimono.here():
        message = OutboxMessage.objects.get()
        run_roster_import.run(message_id=str(message.pk), **message.payload)
        run_roster_import.run(message_id=str(message.pk), **message.payload)  # delivered twice

    done = http.get(path, by=cast.malimono.admin).json()

    assert (queued["state"], queued["total"], queued["processed"]) == ("queued", 2, 0)
    assert (done["state"], done["processed"], done["created"], done["failed"]) == ("done", 2, 2, 0)
    assert http.get(path, by=cast.delcarmen.admin).status_code == 404
    assert http.get(path, by=cast.malimono.organizer).status_code == 403
    with cast.malimono.here():
        assert OutboxMessage.objects.get().finished_at is not None


def test_an_import_that_was_killed_goes_on(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosters, "CHUNK", 10)
    content = "student_id\n" + "".join(f"2025-{number}\n" for number in range(35))

    def die(current: RosterImport) -> None:
        if current.processed == 20:
            raise KeyboardInterrupt

    with cast.malimono.here():
        queued = queue_import(by=None, at=now(), file_name="r.csv", content=content.encode(), mapping={}, dry_run=False)
        with pytest.raises(KeyboardInterrupt):
            run_import(import_id=queued.pk, clock=now, on_progress=die)
        assert User.objects.filter(student_id__startswith="2025").count() == 20

        done = run_import(import_id=queued.pk, clock=now)

        assert counts(done) == (35, 0, 0, 0)
        assert User.objects.filter(student_id__startswith="2025").count() == 35


def test_a_name_taken_in_that_moment_fails_its_row_only(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = rosters._Chunk._look_up

    def then_somebody_is_faster(self, rows) -> None:
        look_up(self, rows)
        self.owners.pop("2024-0001", None)  # as if Ana had been created after the look-up

    monkeypatch.setattr(rosters._Chunk, "_look_up", then_somebody_is_faster)

    done = bring_in(cast.malimono, "student_id\n2025-1\n2024-0001\n2025-2\n")

    assert counts(done) == (2, 0, 0, 1)
    assert done.results[-2]["code"] == "name_taken" or done.results[1]["code"] == "name_taken"


def test_command_imports_and_says_what_failed(cast: Cast, tmp_path, capsys) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("Nr,role\n2025-1,student\n2025-2,king\n")

    call_command("import_roster", "malimono", str(path), "--map", "Nr=student_id")

    printed = capsys.readouterr()
    assert "1 created, 0 updated, 0 unchanged, 1 failed" in printed.out
    assert "row 3: role_not_allowed" in printed.err


def test_mock_users_go_to_the_campus_of_their_college(cast: Cast, tmp_path, capsys) -> None:
    people = [
        {"college": "Malimono", "studentId": "M-1", "firstName": "Ana", "lastName": "Uy", "email": "m1@example.edu",
         "department": "CITE", "role": "student"},
        {"college": "del carmen", "studentId": "M-1", "firstName": "Ben", "lastName": "Go", "email": "m1@example.edu",
         "department": "COE", "role": "student"},
        {"college": "Atlantis", "studentId": "M-2", "firstName": "Cy", "lastName": "Ong", "email": "", "department": "",
         "role": "student"},
        "Dana",
        {"college": "Malimono", "studentId": "M-3", "firstName": "Eve", "lastName": "Po", "email": "no mail",
         "department": "", "role": "student"},
    ]  # fmt: skip
    path = tmp_path / "mockUsers.json"
    path.write_text(json.dumps(people))

    for _ in range(2):
        with pytest.raises(CommandError, match="3 of 5 people were not imported"):
            call_command("import_mock_users", str(path))

    printed = capsys.readouterr()
    assert "person 3: unknown_college" in printed.err
    assert "person 4: not_an_object" in printed.err
    assert "person 5: invalid: " in printed.err
    assert printed.out.count("1 unchanged") == 2
    path.write_text(json.dumps(people[:2]))
    call_command("import_mock_users", str(path))
    path.write_text(json.dumps({"people": people}))
    with pytest.raises(CommandError, match="list"):
        call_command("import_mock_users", str(path))
    for site, first_name in ((cast.malimono, "Ana"), (cast.delcarmen, "Ben")):
        with site.here():
            assert User.objects.get(student_id="M-1").first_name == first_name


@pytest.mark.slow
def test_ten_thousand_rows_in_one_go(cast: Cast) -> None:
    rows = "".join(f"2025-{n:05},Last{n},First{n},s{n}@example.edu,BSIT,{n % 4 + 1},\n" for n in range(10_000))

    assert counts(bring_in(cast.malimono, HEADER + rows)) == (10_000, 0, 0, 0)
    assert counts(bring_in(cast.malimono, HEADER + rows)) == (0, 0, 10_000, 0)
