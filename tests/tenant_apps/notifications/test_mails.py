"""E-mail: by the campus's name, once, later where the server is away, and never what a name makes of it."""

import socket
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction

from config.env import read_environment
from shared_apps.accounts.models import User
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.notifications.models import Mail, MailRoute, Notice
from tenant_apps.notifications.rules.mails import MOST_REFUSALS, header_text, mailbox, pause_after, reason_not_to_send
from tenant_apps.notifications.services import mailing
from tenant_apps.notifications.services.mailing import CLAIM, send_queued_mails
from tenant_apps.notifications.services.notices import send_notices
from tenant_apps.notifications.tasks import send_due_mails, send_mails
from tests.cast import Cast, Person, Site
from tests.tenant_apps.attendance.test_races import together
from tests.tenant_apps.notifications.mail_servers import read_folder, smtp_server

HOSTILE = (
    "Eve\r\nBcc: all@example.edu", "Eve\nSubject: You won", 'Eve" <all@example.edu>, "', "Eve <all@example.edu>",
    "Eve\x00\x1b[2J", "Eve\u2028Bcc: all@example.edu", "=?utf-8?q?=0d=0aBcc:_all@example.edu?=", "Éva, Ñandú; all@x.y",
    "E" * 5000, "\u202egnirts", "a\\", "(comment) all@example.edu", "",
)  # fmt: skip


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.MAIL_URL = f"file:{tmp_path / 'mail'}"
    return tmp_path / "mail"


def tell(site: Site, *people: Person, kind: str = "event.changed", text: str = "It has moved.", **more: Any) -> None:
    with site.here():
        send_notices(to=[person.id for person in people], kind=kind, text=text, at=now(), **more)


def send(site: Site, *, after: timedelta = timedelta()) -> int:
    """Send what is due, as it is after so much time; return how many were sent."""
    with site.here():
        return send_queued_mails(clock=lambda: now() + after).sent


def states(site: Site) -> list[tuple[str, str]]:
    with site.here():
        return list(Mail.objects.order_by("created_at", "id").values_list("state", "error"))


def test_each_is_sent_once_by_the_name_of_the_campus(cast: Cast, folder: Path) -> None:
    site = cast.malimono
    tell(site, site.student, site.friend, text="“Games” takes place elsewhere: Gym ñ.")
    tell(cast.delcarmen, cast.delcarmen.student)
    with site.here():
        message = OutboxMessage.objects.get(kind="tenant_apps.notifications.tasks.send_mails")
        send_mails.run(message_id=str(message.pk))
        send_mails.run(message_id=str(message.pk))
        send_due_mails.run()
        message.refresh_from_db()
        assert message.finished_at is not None

    sent = read_folder(folder)
    assert {mail["To"].addresses[0].addr_spec for mail in sent} == {"ana@example.edu", "ben@example.edu"}
    mail = next(mail for mail in sent if "ana" in mail["To"])
    name = site.campus.name
    assert (mail["From"].addresses[0].display_name, mail["From"].addresses[0].addr_spec) == (name, "no-reply@localhost")
    assert mail["To"].addresses[0].display_name == "Ana Reyes"
    assert (mail["Subject"], mail["Auto-Submitted"]) == ("An event has changed", "auto-generated")
    text = mail.get_content()
    assert "Hello Ana Reyes" in text
    assert "Gym ñ" in text
    assert name in text
    assert len({mail["Message-ID"] for mail in sent}) == 2
    assert states(site) == [("sent", "")] * 2
    assert states(cast.delcarmen) == [("queued", "")]
    assert send(cast.delcarmen) == 1
    assert len(read_folder(folder)) == 3


def test_no_name_makes_a_header_of_its_own(cast: Cast, folder: Path) -> None:
    """Past every validator, as a file or a restore might bring them; with every name also as the campus's."""
    site = cast.malimono
    with site.here():
        for number, name in enumerate(HOSTILE):
            # NUL is what PostgreSQL itself refuses.
            User.objects.filter(pk=site.student.id).update(first_name=name.replace("\x00", "")[:100], last_name="")
            send_notices(
                to=[site.student.id],
                kind=("event.changed", "x\r\nBcc: a@b.c")[number % 2],
                text=name.replace("\x00", ""),
                at=now(),
            )
            assert send_queued_mails(clock=now).sent == (number + 1) % 2
    sent = read_folder(folder)
    assert len(sent) == (len(HOSTILE) + 1) // 2
    for mail in sent:
        assert [address.addr_spec for address in mail["To"].addresses] == ["ana@example.edu"]
        assert len(mail["From"].addresses) == 1
        assert set(mail.keys()) == {
            "Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Subject", "From", "To", "Message-ID", "Date", "Auto-Submitted",
        }  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_header_text_is_one_line_and_a_mailbox_is_one_address(name: str) -> None:
    text = header_text(name)
    assert text == " ".join(text.split())
    assert len(text) <= 150
    parsed = EmailMessage()
    parsed["To"] = mailbox(name, "ana@example.edu")
    assert [address.addr_spec for address in parsed["To"].addresses] == ["ana@example.edu"]


def test_what_cannot_be_sent_is_said_and_holds_up_nobody(cast: Cast, folder: Path) -> None:
    site = cast.malimono
    people = [site.student, site.friend, site.organizer, site.other_organizer, site.admin]
    with site.here():
        User.objects.filter(pk=site.student.id).update(email="")
        User.objects.filter(pk=site.friend.id).update(email="a@b.c, all@example.edu")
        User.objects.filter(pk=site.organizer.id).update(email="x@example.edu\r\nBcc: all@example.edu")
        User.objects.filter(pk=site.other_organizer.id).update(is_active=False)
    tell(site, *people)
    tell(site, site.admin, expires_at=now() + timedelta(minutes=5))

    assert send(site, after=timedelta(minutes=6)) == 1

    found = sorted(states(site))
    assert found == [
        ("dropped", "account_closed"), ("dropped", "no_address"), ("dropped", "too_late"),
        ("dropped", "unusable_address"), ("dropped", "unusable_address"), ("sent", ""),
    ]  # fmt: skip
    assert [mail["To"].addresses[0].addr_spec for mail in read_folder(folder)] == ["carla@example.edu"]
    with site.here():
        assert Notice.objects.filter(user_id=site.student.id).count() == 1  # the app has it all the same


def test_who_corrects_an_address_gets_what_waits(cast: Cast, folder: Path) -> None:
    site = cast.malimono
    tell(site, site.student)
    with site.here():
        User.objects.filter(pk=site.student.id).update(email="new@example.edu")
    send(site)
    assert [mail["To"].addresses[0].addr_spec for mail in read_folder(folder)] == ["new@example.edu"]


def test_told_once_is_told_once_whoever_tries_again(cast: Cast, folder: Path) -> None:
    site = cast.malimono

    def tell_all(_: int) -> None:
        tell(site, site.student, site.friend, once="event.changed:1")

    assert together(8, tell_all) == []
    send(site)
    with site.here():
        assert Notice.objects.count() == 2
        with pytest.raises(IntegrityError, match="notifications_notice_told_once"), transaction.atomic():
            Notice.objects.create(user_id=site.student.id, kind="x", text="x", once="event.changed:1", created_at=now())
        queued = {"user_id": site.student.id, "kind": "x", "text": "x", "created_at": now(), "due_at": now()}
        with pytest.raises(IntegrityError, match="notifications_mail_told_once"), transaction.atomic():
            Mail.objects.create(once="event.changed:1", **queued)
        with pytest.raises(IntegrityError, match="notifications_mail_state_known"), transaction.atomic():
            Mail.objects.create(state="lost", ended_at=now(), **queued)
        with pytest.raises(IntegrityError, match="notifications_mail_ends_once"), transaction.atomic():
            Mail.objects.create(state="sent", **queued)
        with pytest.raises(IntegrityError, match="notifications_mailroute_one_row"), transaction.atomic():
            MailRoute.objects.create(id=2)
    assert len(read_folder(folder)) == 2


def test_many_workers_send_each_once(cast: Cast, settings: Any) -> None:
    site = cast.malimono
    with smtp_server() as server:
        settings.MAIL_URL = server.url
        for number in range(40):
            tell(site, site.student, text=f"Number {number}.")
        assert together(6, lambda _: send(site)) == []
        assert len(server.accepted) == 40
        assert len({mail["Message-ID"] for mail in server.accepted}) == 40
    assert set(states(site)) == {("sent", "")}


def test_a_server_that_is_away_is_tried_later_and_holds_up_no_other_campus(
    cast: Cast, settings: Any, folder: Path
) -> None:
    """One campus's server accepts connections and says nothing; another campus's mail leaves meanwhile."""
    site, other = cast.malimono, cast.delcarmen
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.MAIL_URLS = {site.campus.code: f"smtp://127.0.0.1:{silent.getsockname()[1]}"}
        settings.MAIL_TIMEOUT = 1
        for number in range(5):
            tell(site, site.student, text=f"Number {number}.")
        tell(other, other.student)
        assert send(site) == 0
        assert send(other) == 1
    with site.here():
        route = MailRoute.objects.get()
        assert (route.failures, Mail.objects.filter(attempts__gt=0).count()) == (1, 1)  # one try for all of them
        assert route.rests_until is not None
    assert sorted(states(site)) == [("queued", "")] * 4 + [("queued", route.error)]
    assert send(site) == 0  # it rests: nothing is tried, whatever the beat says
    with site.here():
        assert MailRoute.objects.get().failures == 1
    # Nobody listens there now: refused at once, and the pause grows.
    assert send(site, after=timedelta(minutes=2)) == 0
    with site.here():
        route = MailRoute.objects.get()
        assert route.failures == 2
        assert route.rests_until > now() + timedelta(minutes=3)
    with smtp_server() as server:
        settings.MAIL_URLS = {site.campus.code: server.url}
        assert send(site, after=timedelta(minutes=10)) == 5
        assert len(server.accepted) == 5
    with site.here():
        assert MailRoute.objects.get().failures == 0


def test_a_server_that_hangs_up_keeps_what_it_has_and_gets_the_rest_later(cast: Cast, settings: Any) -> None:
    site = cast.malimono
    with smtp_server(hangs_up_after=2) as server:
        settings.MAIL_URL = server.url
        for number in range(5):
            tell(site, site.student, text=f"Number {number}.")
        assert send(site) == 2
        server.hangs_up_after = None
        send(site, after=timedelta(minutes=3))
        send(site, after=timedelta(minutes=9))
        assert sorted(mail.get_content().splitlines()[2] for mail in server.accepted) == [
            f"Number {n}." for n in range(5)
        ]
    assert set(states(site)) == {("sent", "")}


def test_an_address_that_is_refused_ends_and_one_that_is_put_off_waits(cast: Cast, settings: Any) -> None:
    site = cast.malimono
    answers = {"ana@example.edu": "550 no such user", "ben@example.edu": "450 later"}
    with smtp_server(answers=answers) as server:
        settings.MAIL_URL = server.url
        tell(site, site.student, site.friend, site.admin)
        send(site)
        assert [envelope[1] for envelope in server.envelopes] == [["carla@example.edu"]]
        assert sorted(states(site)) == [
            ("queued", "SMTPRecipientsRefused"), ("refused", "SMTPRecipientsRefused 550"), ("sent", ""),
        ]  # fmt: skip
        with site.here():
            assert not MailRoute.objects.filter(failures__gt=0).exists()  # the server is well
            Mail.objects.filter(state="queued").update(refusals=MOST_REFUSALS - 2)
        send(site, after=timedelta(minutes=2))
        assert ("queued", "SMTPRecipientsRefused") in states(site)
        send(site, after=timedelta(hours=3))
        assert ("refused", "SMTPRecipientsRefused 450") in states(site)


def test_a_worker_that_died_over_an_e_mail_is_followed_by_another(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the server had it: sent once. Between its yes and the mark: sent twice, by one Message-ID, and no later."""

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    site = cast.malimono
    with smtp_server() as server:
        settings.MAIL_URL = server.url
        for step, copies in (("_send", 1), ("_end", 2)):
            server.accepted.clear()
            tell(site, site.student)
            with monkeypatch.context() as patch, pytest.raises(Killed):
                patch.setattr(mailing, step, die)
                send(site)
            assert send(site) == 0  # claimed: it may still be in somebody's hands
            assert send(site, after=CLAIM) == 1
            assert send(site, after=2 * CLAIM) == 0
            assert len(server.accepted) == copies
            assert len({mail["Message-ID"] for mail in server.accepted}) == 1


def test_a_campus_with_much_mail_takes_turns(cast: Cast, folder: Path) -> None:
    site = cast.malimono
    for number in range(3):
        tell(site, site.student, text=f"Number {number}.")
    start, ticks = now(), iter(range(100))
    with site.here():
        OutboxMessage.objects.all().delete()
        turn = send_queued_mails(clock=lambda: start + timedelta(seconds=15 * next(ticks)))
        assert (turn.sent, turn.is_unfinished) == (1, True)
    assert len(read_folder(folder)) == 1


def test_without_a_mail_server_none_is_written(cast: Cast, settings: Any) -> None:
    site = cast.malimono
    settings.MAIL_URL = ""
    tell(site, site.student)
    with site.here():
        assert (Notice.objects.count(), Mail.objects.count(), OutboxMessage.objects.count()) == (1, 0, 0)
        send_due_mails.run()


def test_old_mails_are_forgotten_and_a_restore_sends_none_again(cast: Cast, folder: Path) -> None:
    site = cast.malimono
    tell(site, site.student, site.friend)
    send(site)
    tell(site, site.student)
    with site.here():
        assert mailing.forget_old_mails(at=now() + timedelta(days=29)) == 0
        assert mailing.forget_old_mails(at=now() + timedelta(days=31)) == 2
        assert mailing.abandon_mails(at=now()) == 1
    assert states(site) == [("dropped", "campus_restored")]
    assert send(site) == 0


def test_ten_thousand_people_are_told_in_a_handful_of_statements(cast: Cast, folder: Path) -> None:
    from django.db import connection

    site = cast.malimono
    with site.here():
        people = User.objects.bulk_create(
            User(username=f"crowd{number}", email=f"crowd{number}@example.edu", password="!")
            for number in range(10_000)
        )
        before = connection.statements
        with transaction.atomic():
            send_notices(to=[person.pk for person in people], kind="event.cancelled", text="Off.", at=now())
        assert connection.statements - before <= 8
        assert (Notice.objects.count(), Mail.objects.count()) == (10_000, 10_000)


def test_pauses_double_up_to_an_hour() -> None:
    minutes = [pause_after(failures).total_seconds() / 60 for failures in (0, 1, 2, 3, 6, 7, 8, 1000)]
    assert minutes == [1, 1, 2, 4, 32, 60, 60, 60]


@pytest.mark.parametrize(
    ("address", "is_active", "expires", "why"),
    [
        ("a@example.edu", True, None, ""),
        ("a@example.edu", True, 1, ""),
        ("a@example.edu", True, 0, "too_late"),
        ("a@example.edu", False, None, "account_closed"),
        ("", True, None, "no_address"),
        ("a@b@c", True, None, "unusable_address"),
        ("ñ@example.edu", True, None, "unusable_address"),
        ("a@example.edu\n", True, None, "unusable_address"),
        ("<a@example.edu>", True, None, "unusable_address"),
    ],
)
def test_why_an_e_mail_is_not_sent(address: str, is_active: bool, expires: int | None, why: str) -> None:
    at = datetime.fromisoformat("2026-01-05T08:00:00+00:00")
    until = None if expires is None else at + timedelta(minutes=expires)
    assert reason_not_to_send(address=address, is_active=is_active, expires_at=until, at=at) == why


@pytest.mark.parametrize(
    "url", ["mail.example.edu", "smtp://", "http://example.edu", "file:", "file:///", "smtp://u:secret@host:port"]
)
def test_a_mail_server_that_is_none_is_refused_at_the_start_without_its_password(url: str) -> None:
    known = {"DATABASE_URL": "postgres:///x", "REDIS_URL": "redis://x", "EAS_MASTER_KEY": "0" * 64}
    for name, value in (("EAS_MAIL_URL", url), ("EAS_MAIL_URLS", f"SNSU={url}")):
        with pytest.raises(ImproperlyConfigured) as refused:
            read_environment({**known, name: value})
        assert name in str(refused.value)
        assert "secret" not in str(refused.value)
    good = read_environment({**known, "EAS_MAIL_URLS": "snsu=smtp+tls://a:b@mail.example.edu, MALIMONO=file:var/mail"})
    assert good["EAS_MAIL_URLS"] == {"SNSU": "smtp+tls://a:b@mail.example.edu", "MALIMONO": "file:var/mail"}
