"""Files that people hand in: what is taken, what is kept of it, who reads it, and how much room there is."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test.client import MULTIPART_CONTENT
from PIL import Image, PngImagePlugin

from shared_apps.common.clock import now
from tenant_apps.attendance.rules.requests import RequestKind, WantedStatus
from tenant_apps.attendance.services.requests import ask
from tenant_apps.events.models import Event
from tenant_apps.uploads.models import Room, Upload
from tenant_apps.uploads.rules import UploadKind
from tenant_apps.uploads.services import sweep_files
from tenant_apps.uploads.storage import delete_file, read_file
from tenant_apps.uploads.tasks import sweep_campus
from tests.cast import Cast, Http, Person, Site
from tests.factories import make_event
from tests.tenant_apps.uploads.test_rules import PDF

SECRET = b"14.5995 N somewhere"


def picture(form: str = "PNG", *, size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: Any) -> bytes:
    drawn = io.BytesIO()
    Image.new(mode, size, "red" if mode != "RGBA" else (255, 0, 0, 0)).save(drawn, form, **options)
    return drawn.getvalue()


def send(http: Http, path: str, content: bytes, *, by: Person, name: str = "a.png", kind: str = "image/png") -> Any:
    body = {"file": SimpleUploadedFile(name, content, content_type=kind)}
    return http.post(f"uploads/{path}", body, by=by, content_type=MULTIPART_CONTENT)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def files_of(site: Site) -> set[str]:
    folder = Path(storages["uploads"].location) / str(site.campus.id)  # type: ignore[attr-defined]
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def make_request(site: Site, by: Person) -> str:
    event = make_event(site)
    with site.here():
        made = ask(
            by=by.user, at=now(), kind=RequestKind.EXCUSE, event_id=event.pk, session_id=None,
            wanted_status=WantedStatus.EXCUSED, category="medical", reason="Ill", evidence="",
        )  # fmt: skip
    return str(made.pk)


@pytest.fixture(autouse=True)
def clean_folder(own_files: None) -> None:
    for path in Path(storages["uploads"].location).rglob("*.*"):  # type: ignore[attr-defined]
        path.unlink()


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of grey, small to send and large to open."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def test_a_logo_for_everybody_of_one_campus(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    assert code(http.get("uploads/logo/", at=here)) == (404, "not_found")

    made = send(http, "logo/", picture("WEBP", mode="RGBA"), by=here.admin, name="../../etc/passwd\x00.svg")

    assert made.status_code == 201, made.content
    assert (made.json()["media_type"], made.json()["width"], made.json()["height"]) == ("image/png", 40, 20)
    shown = http.get("uploads/logo/", at=here)
    assert shown.status_code == 200
    opened = Image.open(io.BytesIO(shown.content))
    assert (opened.format, opened.mode, opened.getpixel((0, 0))[3]) == ("PNG", "RGBA", 0)  # still transparent
    assert shown["Content-Type"] == "image/png"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in shown["Content-Security-Policy"]
    assert (shown["Cache-Control"], shown["Content-Disposition"]) == (
        "public, max-age=300", 'inline; filename="logo.png"',
    )  # fmt: skip
    again = http.send("GET", "uploads/logo/", at=here, headers={"If-None-Match": shown["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert code(http.get("uploads/logo/", at=there)) == (404, "not_found")
    # Names are random, and in the folder of the campus.
    (name,) = files_of(here)
    assert len(name) == 44
    assert files_of(there) == set()

    # Another takes its place, and its room.
    assert send(http, "logo/", picture(size=(50, 50)), by=here.admin).status_code == 201
    assert len(files_of(here)) == 1
    assert name not in files_of(here)
    with here.here():
        assert Room.objects.get().used == Upload.objects.get().size
    assert http.delete("uploads/logo/", by=here.admin).status_code == 204
    assert files_of(here) == set()
    assert code(http.delete("uploads/logo/", by=here.admin)) == (404, "not_found")


def test_nothing_is_kept_but_pixels(cast: Cast, http: Http) -> None:
    site = cast.malimono
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = SECRET.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    sent = {
        "exif": picture("JPEG", exif=exif.tobytes(), comment=SECRET),
        "text": picture("PNG", pnginfo=text),
        "polyglot": picture("JPEG") + b"PK\x03\x04" + SECRET + b"<script>alert(1)</script>",
        "profile": picture("WEBP", icc_profile=SECRET),
    }
    for name, content in sent.items():
        answer = send(http, "photo/", content, by=site.student, name=f"{name}.html", kind="text/html")
        assert answer.status_code == 201, (name, answer.content)
        shown = http.get("uploads/photo/", by=site.student)
        opened = Image.open(io.BytesIO(shown.content))
        opened.load()
        assert (opened.format, opened.mode) == ("JPEG", "RGB")
        assert opened.size == ((20, 40) if name == "exif" else (40, 20))
        assert SECRET not in shown.content
        assert b"<script" not in shown.content
        assert not opened.getexif()
        assert "icc_profile" not in opened.info
        assert shown["Cache-Control"] == "private, no-cache"
    large = send(http, "photo/", picture(size=(3000, 1500)), by=site.student).json()
    assert (large["width"], large["height"]) == (1024, 512)


def test_what_is_refused(cast: Cast, http: Http, settings: Any) -> None:
    site = cast.malimono
    good = picture("PNG")
    refused = {
        "an empty file": (b"", "empty"),
        "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "file_type_unknown"),
        "HTML": (b"<!doctype html><script>alert(1)</script>", "file_type_unknown"),
        "GIF": (picture("GIF"), "file_type_unknown"),
        "BMP": (picture("BMP"), "file_type_unknown"),
        "TIFF": (picture("TIFF"), "file_type_unknown"),
        "a PDF": (PDF, "file_type_unknown"),
        "HTML behind a PNG's head": (good[:8] + b"<html>", "image_unreadable"),
        "cut off": (picture("JPEG", size=(900, 900))[:1500], "image_unreadable"),
        "random behind a JPEG's head": (b"\xff\xd8\xff" + bytes(range(256)) * 40, "image_unreadable"),
        "a GIF in a PNG's name": (b"GIF89a" + good, "file_type_unknown"),
        "more pixels than allowed": (bomb(50_000, 50_000), "image_too_many_pixels"),
        "one line too long": (bomb(2**31 - 1, 1), "image_too_many_pixels"),
        "a text that unpacks": (_text_bomb(), "image_unreadable"),
    }  # fmt: skip
    for name, (content, expected) in refused.items():
        answer = send(http, "photo/", content, by=site.student)
        assert code(answer) == (400, expected), (name, answer.content)

    settings.UPLOAD_LIMIT = 50_000
    assert code(send(http, "photo/", good + bytes(50_001), by=site.student)) == (413, "body_too_large")
    assert code(send(http, "photo/", good + bytes(90_000), by=site.student)) == (413, "body_too_large")
    assert send(http, "photo/", good + bytes(50_000 - len(good)), by=site.student).status_code == 201
    more = {"file": SimpleUploadedFile("a.png", good), "subject_id": str(uuid4())}
    answer = http.post("uploads/photo/", more, by=site.student, content_type=MULTIPART_CONTENT)
    assert code(answer) == (400, "unknown_field")
    assert code(http.post("uploads/photo/", {"file": "x"}, by=site.student))[0] in {400, 415}
    with site.here():
        assert Upload.objects.count() == 1
    assert len(files_of(site)) == 1


def _text_bomb() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    text = b"".join(chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(900_000))) for _ in range(100))
    return b"\x89PNG\r\n\x1a\n" + head + text + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("limit", "value"), [("MEMORY", 40 * 1024 * 1024), ("SECONDS", 0)])
def test_a_picture_that_takes_too_much_ends_its_own_process_only(
    cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    site = cast.malimono
    monkeypatch.setattr(f"tenant_apps.uploads.images.{limit}", value)

    answer = send(http, "photo/", picture(size=(7000, 7000)), by=site.student)

    assert code(answer) == (400, "image_unreadable")
    assert http.get("uploads/usage/", by=site.student).json()["used"] == 0
    monkeypatch.undo()
    assert send(http, "photo/", picture(size=(7000, 7000)), by=site.student).status_code == 201


def test_photos_are_shown_to_who_compares(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    assert send(http, "photo/", picture(), by=here.student).status_code == 201
    path = f"uploads/photos/{here.student.id}/"

    for person in (here.organizer, here.scanner, here.admin):
        assert http.get(path, by=person).status_code == 200
    for person in (here.student, here.friend, here.kiosk):
        assert code(http.get(path, by=person)) == (403, "permission_denied")
    assert code(http.get(path, by=there.admin)) == (404, "not_found")
    assert code(http.get(path, by=there.admin, at=here)) == (401, "not_authenticated")
    assert code(http.delete(path, by=here.organizer)) == (403, "permission_denied")
    assert http.delete(path, by=here.admin).status_code == 204
    assert code(http.get("uploads/photo/", by=here.student)) == (404, "not_found")


def test_a_poster_is_its_events(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    event, draft = make_event(here), make_event(here, status="draft")
    path = f"posters/{event.pk}/"

    assert code(send(http, path, picture(), by=here.other_organizer)) == (403, "not_your_event")
    assert code(send(http, path, picture(), by=there.organizer)) == (404, "not_found")
    assert send(http, path, picture(), by=here.organizer).status_code == 201
    assert send(http, f"posters/{draft.pk}/", picture(), by=here.organizer).status_code == 201
    assert http.get(f"uploads/{path}", by=here.friend)["Content-Type"] == "image/jpeg"
    assert code(http.get(f"uploads/posters/{draft.pk}/", by=here.friend)) == (404, "not_found")
    assert code(http.get(f"uploads/{path}", by=there.admin)) == (404, "not_found")

    # A draft that goes takes its poster along.
    assert http.delete(f"events/events/{draft.pk}/", by=here.organizer).status_code == 204
    with here.here():
        assert [str(one.subject_id) for one in Upload.objects.all()] == [str(event.pk)]
        assert Room.objects.get().used == Upload.objects.get().size
        assert Event.objects.count() == 1
    assert len(files_of(here)) == 1
    assert code(http.delete(f"uploads/{path}", by=here.other_organizer)) == (403, "not_your_event")
    assert http.delete(f"uploads/{path}", by=here.organizer).status_code == 204
    assert files_of(here) == set()


def test_evidence_is_read_by_whose_it_is_and_who_decides(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    request_id = make_request(here, here.student)
    path = f"evidence/{request_id}/"
    made = [send(http, path, content, by=here.student) for content in (PDF, PDF, picture())]
    assert [answer.status_code for answer in made] == [201] * 3, [answer.content for answer in made]
    first, same, image = (answer.json() for answer in made)
    assert first == same  # sent twice it is there once
    assert [first["media_type"], image["media_type"]] == ["application/pdf", "image/jpeg"]

    for person in (here.student, here.organizer, here.admin):
        assert [file["id"] for file in http.get(f"uploads/{path}", by=person).json()["files"]] == [
            first["id"], image["id"],
        ]  # fmt: skip
        saved = http.get(f"uploads/{path}{first['id']}/", by=person)
        assert (saved.status_code, saved.content, saved["Content-Type"]) == (200, PDF, "application/pdf")
        assert saved["Content-Disposition"].startswith('attachment; filename="evidence-')
        assert (saved["Cache-Control"], saved["X-Content-Type-Options"]) == ("no-store", "nosniff")
    for person in (here.friend, here.other_organizer, there.student, there.organizer, there.admin):
        for place in (path, f"{path}{first['id']}/"):
            assert code(http.get(f"uploads/{place}", by=person)) == (404, "not_found"), person
    assert code(http.get(f"uploads/{path}", by=here.scanner)) == (403, "permission_denied")
    # Another request's address does not lead to it.
    own = make_request(here, here.friend)
    assert code(http.get(f"uploads/evidence/{own}/{first['id']}/", by=here.friend)) == (404, "not_found")
    # Only whose it is adds and removes.
    assert code(send(http, path, PDF, by=here.friend)) == (404, "not_found")
    assert code(http.delete(f"uploads/{path}{first['id']}/", by=here.admin)) == (404, "not_found")
    # What begins as a PDF and is something else too.
    assert code(send(http, path, PDF + b"PK\x03\x04", by=here.student)) == (400, "document_unreadable")
    assert code(send(http, path, b"<svg/>" + PDF, by=here.student)) == (400, "file_type_unknown")

    assert http.delete(f"uploads/{path}{image['id']}/", by=here.student).status_code == 204
    assert http.post(f"events/attendance-requests/{request_id}/approve/", {}, by=here.organizer).status_code == 200
    # What was decided by stays as it was.
    assert code(send(http, path, picture("JPEG"), by=here.student)) == (409, "already_decided")
    assert code(http.delete(f"uploads/{path}{first['id']}/", by=here.student)) == (409, "already_decided")
    listed = http.get("uploads/", by=here.student).json()["results"]
    assert [(one["kind"], one["subject"]) for one in listed] == [("evidence", request_id)]
    assert http.get("uploads/", by=here.friend).json()["results"] == []
    assert len(http.get("uploads/", by=here.admin).json()["results"]) == 1


def test_ten_at_once_and_five_fit(cast: Cast, http: Http, settings: Any) -> None:
    """Both bounds hold exactly: how many files a request may have, and how much room a person and a campus have."""
    here = cast.malimono
    files = [PDF.replace(b"/Catalog", b"/Catalog%03d" % number) for number in range(20)]
    request_id, other = make_request(here, here.student), make_request(here, here.student)

    def send_all(path: str, some: list[bytes], by: Person) -> list[str]:
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda content: send(Http(), path, content, by=by), some))
        assert len(files_of(here)) == 5
        with here.here():
            assert {one.file_name for one in Upload.objects.all()} == files_of(here)
            assert Room.objects.get().used == sum(one.size for one in Upload.objects.all())
        return sorted("kept" if answer.status_code == 201 else code(answer)[1] for answer in answers)

    expected = ["kept"] * 5
    assert send_all(f"evidence/{request_id}/", files[:10], here.student) == [*expected, *["too_many_files"] * 5]
    for one in http.get(f"uploads/evidence/{request_id}/", by=here.student).json()["files"]:
        assert http.delete(f"uploads/evidence/{request_id}/{one['id']}/", by=here.student).status_code == 204
    settings.UPLOAD_PERSON_QUOTA = 3 * len(files[0])
    halves = [files[index : index + 5] for index in (0, 5)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda pair: send(Http(), f"evidence/{pair[0]}/", pair[1], by=here.student),
                [(place, content) for place, half in zip((request_id, other), halves, strict=True) for content in half],
            )
        )
    assert sorted(code(one)[1] if one.status_code != 201 else "kept" for one in answers) == [
        *["kept"] * 3, *["upload_quota_person"] * 7,
    ]  # fmt: skip
    assert http.get("uploads/usage/", by=here.student).json() == {
        "used": 3 * len(files[0]), "quota": 3 * len(files[0]), "campus_used": None, "campus_quota": None,
        "largest_file": settings.UPLOAD_LIMIT, "most_pixels": settings.UPLOAD_PIXELS,
    }  # fmt: skip
    settings.UPLOAD_CAMPUS_QUOTA = 5 * len(files[0])
    friends = make_request(here, here.friend)
    assert send_all(f"evidence/{friends}/", files[10:20], here.friend) in (
        [*["kept"] * 2, *["upload_quota_campus"] * 8],
        [*["kept"] * 2, *sorted(["upload_quota_campus"] * 8)],
    )
    # Another campus has room of its own.
    there = cast.delcarmen
    assert send(http, f"evidence/{make_request(there, there.friend)}/", files[0], by=there.friend).status_code == 201


def test_a_photo_sent_ten_times_at_once_is_one(cast: Cast) -> None:
    here = cast.malimono
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda side: send(Http(), "photo/", picture(size=(side, 9)), by=here.student), range(10, 14))
        )
    assert {answer.status_code for answer in answers} == {201}
    with here.here():
        assert {Upload.objects.get().file_name} == files_of(here)
        assert Room.objects.get().used == Upload.objects.get().size


def test_a_full_disk_leaves_nothing_behind(cast: Cast, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    here = cast.malimono
    assert send(http, "photo/", picture(), by=here.student).status_code == 201
    folder = Path(storages["uploads"].location) / str(here.campus.id)  # type: ignore[attr-defined]

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(storages["uploads"]), "_save", full)
    assert code(send(http, "photo/", picture("JPEG", size=(9, 9)), by=here.student)) == (507, "storage_full")
    monkeypatch.undo()
    assert http.get("uploads/photo/", by=here.student).status_code == 200
    # A file that has gone is a 404, not a 500.
    (name,) = files_of(here)
    (folder / name).unlink()
    assert code(http.get("uploads/photo/", by=here.student)) == (404, "not_found")


def test_the_sweep_deletes_what_no_row_names(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    for site in (here, there):
        assert send(http, "photo/", picture(), by=site.student).status_code == 201
        (Path(storages["uploads"].location) / str(site.campus.id) / "left.jpg").write_bytes(b"x")  # type: ignore[attr-defined]
    with here.here():
        kept = Upload.objects.get().file_name
        assert sweep_files(at=now()) == 0  # too young: its row may be on its way
        Room.objects.update(used=7)
        assert sweep_files(at=now() + timedelta(hours=2)) == 1
        assert Room.objects.get().used == Upload.objects.get().size
        sweep_campus.run()
    assert files_of(here) == {kept}
    assert "left.jpg" in files_of(there)


def test_a_file_is_reached_from_its_own_campus_only(cast: Cast, http: Http) -> None:
    here, there = cast.malimono, cast.delcarmen
    assert send(http, "photo/", picture(), by=here.student).status_code == 201
    (name,) = files_of(here)
    for tried in (name, f"../{here.campus.id}/{name}", f"..\\{name}", "..", ".env", "/etc/passwd"):
        with there.here(), pytest.raises(Exception, match="Not found"):
            read_file(tried)
    with there.here():
        delete_file(name)  # there is no such file, and that is well
    assert files_of(here) == {name}


def test_the_database_refuses_by_itself(cast: Cast) -> None:
    here = cast.malimono

    def upload(**changes: Any) -> Upload:
        return Upload(
            **{
                "kind": UploadKind.PHOTO, "subject_id": here.student.id, "media_type": "image/png", "size": 1,
                "file_name": f"{uuid4().hex}.png", "digest": uuid4().hex, "uploaded_by_id": here.student.id,
                "uploaded_at": now(), **changes,
            }
        )  # fmt: skip

    with here.here():
        upload(file_name="x", digest="d", kind=UploadKind.EVIDENCE).save()
        upload().save()
        for constraint, wrong in {
            "uploads_upload_kind_known": {"kind": "virus"},
            "uploads_upload_type_known": {"kind": "logo", "media_type": "text/html"},
            "uploads_upload_not_empty": {"kind": "logo", "size": 0},
            "uploads_upload_file_once": {"kind": "logo", "file_name": "x"},
            "uploads_upload_subject_once": {},
            "uploads_upload_content_once": {"kind": "evidence", "digest": "d"},
        }.items():
            with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
                upload(**wrong).save()
        for constraint, row in {"uploads_room_one_row": (2, 0), "uploads_room_not_negative": (1, -1)}.items():
            with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
                Room.objects.create(id=row[0], used=row[1])
        with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE uploads_upload SET subject_id = id")
