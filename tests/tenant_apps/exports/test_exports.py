"""Lists as files: the rows of the list, to whom the list is open, made once, and gone in time."""

import csv
import io
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.urls import resolve

from shared_apps.accounts.models import User
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.events.models import Event
from tenant_apps.exports import services
from tenant_apps.exports.errors import ExportBusy
from tenant_apps.exports.models import Export
from tenant_apps.exports.rules.cells import find_value, to_cell, write_cell
from tenant_apps.exports.rules.datasets import DATASETS
from tenant_apps.exports.rules.exports import MOST_ROWS, ExportFormat
from tenant_apps.exports.services import TASK, make_file
from tenant_apps.exports.tasks import expire_campus, make_export
from tenant_apps.uploads.models import Room, Upload
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event
from tests.isolation.world import World, build_world

EVIL = '=HYPERLINK("http://evil","Ñandú, \'x\'")'


def ask(http: Http, by: Person, dataset: str, form: str = "csv", **filters: str) -> Any:
    return http.post("reports/exports/", {"dataset": dataset, "format": form, "filters": filters}, by=by)


def work(site: Site) -> None:
    """Do what the worker does with every export that waits."""
    with site.here():
        for message in OutboxMessage.objects.filter(kind=TASK, finished_at__isnull=True):
            make_export.run(message_id=str(message.pk), **message.payload)


def export(http: Http, by: Person, dataset: str, form: str = "csv", **filters: str) -> bytes:
    """Return the file that comes of it."""
    asked = ask(http, by, dataset, form, **filters)
    assert (asked.status_code, asked.json()["state"]) == (202, "queued"), asked.content
    assert by.site is not None
    work(by.site)
    made = http.get(f"reports/exports/{asked.json()['id']}/", by=by).json()
    assert made["state"] == "done", made
    file = http.get(made["file"].removeprefix("/api/v1/"), by=by)
    assert file.status_code == 200, file.content
    return b"".join(file.streaming_content)


def rows_of(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def files_of(site: Site) -> list[Path]:
    return list((Path(storages["uploads"].location) / str(site.campus.id)).glob("*.*"))  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def clean_folder(own_files: None) -> None:
    for path in Path(storages["uploads"].location).rglob("*.*"):  # type: ignore[attr-defined]
        path.unlink()


@pytest.fixture
def world(cast: Cast, http: Http) -> World:
    return build_world(cast, http)


def test_rows_are_those_of_the_list_for_every_dataset(
    world: World, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenant_apps.exports.lists.PAGE", 2)  # so that there are several pages
    here = world.here.site
    ids = {"event": world.here.ids["required"], "session": world.here.ids["closed"]}
    queries: dict[str, dict[str, str]] = {
        "comparison": {"events": f"{ids['event']},{world.here.event.pk}"},
        "figures": {"per": "person"},
        "registrations": {"event": world.here.ids["placed"]},
        "guests": {"event": world.here.ids["placed"]},
        "attendance": {"ordering": "status"},
        "reviews": {"kind": "two_doors"},
        "transcript": {"user": str(here.student.id)},
    }
    empty = set()
    for name, dataset in DATASETS.items():
        by = here.friend if name == "requests" else here.admin
        filters = {needed: ids[needed] for needed in dataset.needed} | queries.get(name, {})
        got = rows_of(export(http, by, name, **filters))
        assert got[0] == [column.title for column in dataset.columns]
        path = dataset.path.format(**filters)
        query = {key: value for key, value in filters.items() if key not in dataset.needed}
        answer = http.get(path, by=by, **query).json()
        wanted = answer[dataset.part] if dataset.part else answer
        if isinstance(wanted, dict):
            assert wanted["next"] is None
            wanted = wanted["results"]
        assert got[1:] == [
            [write_cell(to_cell(find_value(row, column.path), column.kind)) for column in dataset.columns]
            for row in wanted
        ], name
        if not wanted:
            empty.add(name)
        for column in dataset.columns:
            if wanted and "." not in column.path and name not in {"events", "comparison"}:
                assert column.path in wanted[0], (name, column.path)
        with here.here():
            Export.objects.all().delete()
    assert empty <= {"certificates"}


def test_filters_are_those_of_the_list(http: Http, cast: Cast) -> None:
    described = http.get("schema/", at=cast.malimono, format="json").json()["paths"]
    for name, dataset in DATASETS.items():
        of_path = resolve(
            f"/api/v1/{dataset.path.format(**dict.fromkeys(dataset.needed, uuid4()))}", "config.urls_campus"
        )
        path = f"/api/v1/{dataset.path}"
        for needed, given in zip(dataset.needed, of_path.kwargs, strict=True):
            path = path.replace(f"{{{needed}}}", f"{{{given}}}")
        asked = {one["name"] for one in described[path]["get"].get("parameters", []) if one["in"] == "query"}
        assert set(dataset.query) == asked - {"page", "page_size", "cursor"}, name


def test_to_whom_the_list_is_open(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    event = make_event(here)
    for person, dataset, filters, answer in [
        (here.student, "people", {}, (403, "permission_denied")),
        (here.student, "report_rows", {}, (403, "permission_denied")),
        (here.other_organizer, "registrations", {"event": str(event.pk)}, (403, "not_your_event")),
        (there.admin, "registrations", {"event": str(event.pk)}, (404, "not_found")),
        (there.admin, "report_rows", {"event": str(event.pk)}, (404, "not_found")),
        (here.student, "transcript", {"user": str(here.friend.id)}, (404, "not_found")),
        (here.admin, "attendance", {"status": "asleep"}, (400, "invalid_choice")),
        (here.admin, "attendance", {"page": "2"}, (400, "unknown_field")),
        (here.admin, "attendance", {"campus_id": "DELCARMEN"}, (400, "unknown_field")),
        (here.admin, "sessions", {}, (400, "required")),
        (here.admin, "sessions", {"event": "../../../accounts/users"}, (400, "invalid")),
        (here.admin, "arrivals", {"minutes": "0"}, (400, "min_value")),
    ]:
        assert code(ask(http, person, dataset, **filters)) == answer, (dataset, filters)
    for person in (here.scanner, there.scanner):
        assert code(ask(http, person, "events")) == (403, "permission_denied")
    for body in ({}, {"dataset": "passwords", "format": "csv"}, {"dataset": "events", "format": "exe"},
                 {"dataset": "events", "format": "csv", "filters": ["x"]},
                 {"dataset": "events", "format": "csv", "filters": {"search": "a\u0000"}},
                 {"dataset": "events", "format": "csv", "state": "done"}):  # fmt: skip
        assert http.post("reports/exports/", body, by=here.admin).status_code == 400, body

    asked = ask(http, here.organizer, "registrations", event=str(event.pk)).json()
    work(here)
    at = f"reports/exports/{asked['id']}/"
    assert http.get(f"{at}file/", by=here.organizer).status_code == 200
    # An admin sees that it is there, and has no use for another's file.
    assert http.get(at, by=here.admin).json()["state"] == "done"
    for person in (here.admin, here.other_organizer, here.student, there.admin, there.organizer):
        assert code(http.get(f"{at}file/", by=person)) == (404, "not_found")
    for person in (here.other_organizer, here.student, there.admin):
        assert code(http.get(at, by=person)) == (404, "not_found")
        assert code(http.delete(at, by=person)) == (404, "not_found")
        assert http.get("reports/exports/", by=person).json()["count"] == 0
    # The event has another organizer now: what was made before is not theirs to fetch any more.
    with here.here():
        Event.objects.filter(pk=event.pk).update(organizer_id=here.other_organizer.id)
    assert code(http.get(f"{at}file/", by=here.organizer)) == (403, "not_your_event")
    assert http.delete(at, by=here.organizer).status_code == 204
    assert files_of(here) == []


def test_the_worker_looks_again_at_who_asked(cast: Cast, http: Http) -> None:
    here = cast.malimono
    ask(http, here.organizer, "people")
    ask(http, here.admin, "people")
    with here.here():
        User.objects.filter(pk=here.organizer.id).update(role="student")
        User.objects.filter(pk=here.admin.id).update(is_active=False)
    work(here)
    with here.here():
        ended = dict(Export.objects.values_list("requested_by_id", "error_code"))
        assert ended == {here.organizer.id: "permission_denied", here.admin.id: "not_found"}
        assert set(Export.objects.values_list("state", flat=True)) == {"failed"}
        assert Upload.objects.count() == 0


def test_what_people_typed_is_never_a_formula(cast: Cast, http: Http) -> None:
    here = cast.malimono
    with here.here():
        User.objects.filter(pk=here.friend.id).update(last_name=EVIL, first_name="#N/A")
    got = rows_of(export(http, here.admin, "people"))
    assert any(row[2] == f"'{EVIL}" for row in got)
    content = export(http, here.admin, "people", "xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    assert (sheet.freeze_panes, sheet.title) == ("A2", "People")
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "b", "d"}
    assert {EVIL, "#N/A"} <= {cell.value for cell in cells}
    head = [cell.value for cell in sheet[1]]
    created = sheet[2][head.index("Created")]
    assert created.is_date
    (first, *_) = http.get("accounts/users/", by=here.admin).json()["results"]
    assert f"{created.value:%Y-%m-%dT%H:%M:%S}" == first["created_at"][:19]

    if (office := shutil.which("soffice") or shutil.which("libreoffice")) is None:
        pytest.skip("LibreOffice is not installed: nothing but openpyxl has opened the sheet.")
    table = opened_by(office, content, "xlsx")
    assert [row[2] for row in table].count(EVIL) == 1
    assert len(table) == len(got)
    # In the CSV the apostrophe stands before the text, and nothing was calculated.
    plain = opened_by(office, export(http, here.admin, "people"), "csv")
    assert f"'{EVIL}" in {row[2] for row in plain}


def opened_by(office: str, content: bytes, ending: str) -> list[list[str]]:
    """Return the cells as LibreOffice reads them."""
    folder = Path(storages["uploads"].location).parent / f"office-{uuid4().hex}"  # type: ignore[attr-defined]
    folder.mkdir()
    (folder / f"in.{ending}").write_bytes(content)
    options = ["--infilter=Text - txt - csv (StarCalc):44,34,76,1"] if ending == "csv" else []
    subprocess.run(
        [office, f"-env:UserInstallation=file://{folder}/profile", "--headless", *options, "--convert-to",
         "csv:Text - txt - csv (StarCalc):44,34,76", "--outdir", str(folder / "out"), str(folder / f"in.{ending}")],
        check=True, capture_output=True, timeout=200,
    )  # fmt: skip
    with (folder / "out/in.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_page_of_paper(cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cast.malimono
    make_event(here, title="Fundación Day #eval[panic()] *x* $y$")
    content = export(http, here.admin, "events", "pdf")
    assert content.startswith(b"%PDF-")
    monkeypatch.setitem(MOST_ROWS, ExportFormat.PDF, 1)
    assert code(ask(http, here.admin, "people", "pdf")) == (409, "export_too_long")
    assert ask(http, here.admin, "people", "xlsx").status_code == 202
    if (reader := shutil.which("pdftotext")) is None:
        pytest.skip("poppler is not installed: nothing has read the page.")
    text = subprocess.run([reader, "-layout", "-", "-"], input=content, capture_output=True, check=True).stdout.decode()
    for words in (here.campus.name, "Events", "Page 1 of 1", "#eval[panic()]"):
        assert words in text


def test_made_once_and_whole_whoever_dies(cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cast.malimono
    make_event(here)
    asked = ask(http, here.admin, "events").json()
    export_id = asked["id"]

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with here.here(), monkeypatch.context() as patched:
        # Between the file and the row that names it.
        patched.setattr("tenant_apps.exports.services.keep_made_file", die)
        with pytest.raises(Killed):
            make_file(export_id=export_id, clock=now)
    half = http.get(f"reports/exports/{export_id}/", by=here.admin).json()
    assert (half["state"], half["file"]) == ("running", None)
    assert code(http.get(f"reports/exports/{export_id}/file/", by=here.admin)) == (409, "export_not_ready")
    with here.here():
        # The next worker waits while the first could be alive; its message is carried again.
        with pytest.raises(ExportBusy):
            make_file(export_id=export_id, clock=now)
        message = OutboxMessage.objects.get(kind=TASK)
        make_export.run(message_id=str(message.pk), **message.payload)
        assert OutboxMessage.objects.get(pk=message.pk).finished_at is None
        later = now() + timedelta(minutes=1)
        make_file(export_id=export_id, clock=lambda: later)
        make_file(export_id=export_id, clock=lambda: later)
        assert (Upload.objects.filter(kind="export").count(), Room.objects.get().used) == (
            1, Upload.objects.get().size,
        )  # fmt: skip
    assert len(files_of(here)) == 1
    done = http.get(f"reports/exports/{export_id}/", by=here.admin).json()
    assert (done["state"], done["rows_done"], done["rows_total"]) == ("done", 1, 1)
    told = [notice["text"] for notice in http.get("notifications/", by=here.admin).json()["results"]]
    assert told.count("Your export is ready: Events (CSV).") == 1

    # Whoever was overtaken keeps nothing.
    with here.here():
        slow = Export.objects.create(
            dataset="events", format="csv", requested_by_id=here.admin.id, created_at=now(), expires_at=later
        )
        claimed = services._claim(slow.pk, at=now())
        assert claimed is not None
        assert services._claim(slow.pk, at=later) is not None
        with pytest.raises(services._Overtaken):
            services._make(claimed, clock=now)
    assert len(files_of(here)) == 1


def test_an_export_that_always_kills_is_given_up(cast: Cast, http: Http) -> None:
    here = cast.malimono
    ask(http, here.admin, "events")
    with here.here():
        Export.objects.update(state="running", attempts=3, seen_at=now() - timedelta(hours=1))
    work(here)
    with here.here():
        assert Export.objects.get().error_code == "export_given_up"


def test_removed_while_it_is_made(cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cast.malimono
    asked = ask(http, here.admin, "events").json()
    keep = services.keep_made_file

    def remove_first(**how: Any) -> Any:
        with here.here(), transaction.atomic():
            Export.objects.filter(pk=asked["id"]).delete()
        return keep(**how)

    monkeypatch.setattr(services, "keep_made_file", remove_first)
    work(here)
    assert files_of(here) == []
    with here.here():
        assert (Upload.objects.count(), Room.objects.filter(used__gt=0).count()) == (0, 0)


def test_gone_after_a_week_and_few_at_once(cast: Cast, http: Http) -> None:
    here = cast.malimono
    export(http, here.admin, "events")
    assert len(files_of(here)) == 1
    with here.here():
        assert expire_campus.run() == 0
        Export.objects.update(expires_at=now())
        assert expire_campus.run() == 1
        assert (Export.objects.count(), Upload.objects.count(), Room.objects.get().used) == (0, 0, 0)
    assert files_of(here) == []
    answers = [ask(http, here.student, "events") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [409]
    assert code(answers[-1]) == (409, "too_many_exports")
    assert ask(http, here.friend, "events").status_code == 202


def test_a_key_asks_once(cast: Cast, http: Http) -> None:
    here = cast.malimono
    body = {"dataset": "events", "format": "csv"}
    sent = [
        http.send("POST", "reports/exports/", body, by=here.admin, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    ]
    assert sent[0].json()["id"] == sent[1].json()["id"]
    with here.here():
        assert Export.objects.count() == 1


def test_constraints(cast: Cast) -> None:
    at = now()
    for wrong in ({"state": "x"}, {"format": "x"}):
        with cast.malimono.here(), pytest.raises(IntegrityError), transaction.atomic():
            Export.objects.create(
                **{"dataset": "events", "format": "csv", "requested_by_id": uuid4(), "created_at": at,
                   "expires_at": at, **wrong}
            )  # fmt: skip
