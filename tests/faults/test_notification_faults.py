"""Workers and relay killed, Valkey killed and emptied, while a thousand people are told: each once, nobody forgotten."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from config.local.processes import Child, Supervisor, tail
from config.local.valkey import EmbeddedValkey
from shared_apps.accounts.models import Profile, User
from shared_apps.common.clock import now
from shared_apps.outbox.models import OutboxMessage
from tenant_apps.events.models import Event
from tenant_apps.events.services.editing import cancel_event
from tenant_apps.notifications.models import Mail, Notice
from tests.cast import Cast, Site
from tests.factories import make_event
from tests.live import ROOT, environment
from tests.tenant_apps.notifications.mail_servers import read_folder, smtp_server

PEOPLE = 500
# At how many sent e-mails what is done: workers always, and with them the relay or Valkey.
HARM = ((40, ""), (150, "Valkey"), (350, "relay"), (550, "Valkey"), (800, ""))


def crowd(site: Site) -> None:
    with site.here():
        people = User.objects.bulk_create(
            User(username=f"n{n}", email=f"n{n}@example.edu", first_name="N", last_name=str(n), password="!")
            for n in range(PEOPLE)
        )
        Profile.objects.bulk_create(Profile(user=person, section="Told") for person in people)


def sent(*sites: Site) -> int:
    count = 0
    for site in sites:
        with site.here():
            count += Mail.objects.filter(state="sent").count()
    return count


def let_time_pass(*sites: Site) -> None:
    """Let leases and claims run out; everybody who had any is dead."""
    for site in sites:
        with site.here():
            OutboxMessage.objects.filter(finished_at__isnull=True).update(due_at=now(), attempts=0)
            Mail.objects.filter(state="queued").update(due_at=now())


def kill(child: Child) -> None:
    assert child.process is not None
    family = [psutil.Process(child.process.pid), *psutil.Process(child.process.pid).children(recursive=True)]
    for member in family:
        member.send_signal(signal.SIGKILL)
    child.process.wait()
    psutil.wait_procs(family[1:], timeout=10)
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family)
    child.failures = 0  # so that it is started again soon


@pytest.mark.slow
@pytest.mark.skipif("EAS_TEST_SUPERUSER_URL" not in os.environ, reason="needs an embedded Valkey of its own")
def test_a_thousand_are_told_once_while_workers_and_valkey_die(cast: Cast, tmp_path: Path) -> None:
    """One campus's mail goes to a folder, which takes a Message-ID once; the other's to a server that takes what it gets.

    In the app everybody has one notice. By SMTP there may be one more copy for each worker that died between the server's
    yes and the mark, under the same Message-ID; none is missing.
    """
    sites = (cast.malimono, cast.delcarmen)
    for site in sites:
        crowd(site)
        event = make_event(site, starts=300)
        with site.here():
            Event.objects.filter(pk=event.pk).update(is_required=True, audience=[{"section": "Told"}])
            cancel_event(by=site.organizer.user, at=now(), event_id=event.pk, reason="Rain")
    supervisor, valkey = Supervisor(tmp_path / "processes.json"), EmbeddedValkey(tmp_path)
    with smtp_server() as server:
        variables = {
            **environment(), "REDIS_URL": valkey.url, "EAS_MAIL_URL": f"file:{tmp_path / 'mail'}",
            "EAS_MAIL_URLS": f"DELCARMEN={server.url}", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        celery = [sys.executable, "-m", "celery", "--quiet", "--app", "config.celery", "worker", "-c", "1"]
        relay = [sys.executable, str(ROOT / "manage.py"), "relay_outbox", "--sweep", "0.5"]
        workers = [
            Child(
                f"worker{n}", [*celery, "-Q", "default,mail", "-n", f"w{n}@t"], variables, tmp_path / f"worker{n}.log"
            )
            for n in range(2)
        ]
        carrier = Child("relay", relay, variables, tmp_path / "relay.log")
        try:
            valkey.start(supervisor)
            for child in (*workers, carrier):
                supervisor.start(child)
            until, harm, struck = time.monotonic() + 240, list(HARM), 0
            while sent(*sites) < 2 * PEOPLE:
                assert time.monotonic() < until, [tail(child.log) for child in (*workers, carrier)]
                if harm and sent(*sites) >= harm[0][0]:
                    _, also = harm.pop(0)
                    for worker in workers:
                        kill(worker)
                    struck += 1
                    if also == "relay":
                        kill(carrier)
                    if also == "Valkey":  # with all that it had
                        server_of_queues = next(child for child in supervisor.children if child.name == "Valkey")
                        kill(server_of_queues)
                        shutil.rmtree(valkey.data)
                        valkey.data.mkdir()
                    let_time_pass(*sites)
                    while any(worker.process is None or worker.process.poll() is not None for worker in workers):
                        supervisor.revive()
                        time.sleep(0.05)
                # Here and not in a thread: the kernel ends a child with the thread that started it.
                supervisor.revive()
                time.sleep(0.02)
        finally:
            supervisor.stop()

    assert struck >= 4
    for site in sites:
        with site.here():
            notices = Notice.objects.filter(kind="event.cancelled")
            assert (notices.count(), notices.values("user_id").distinct().count()) == (PEOPLE, PEOPLE)
            assert list(Mail.objects.values_list("state", flat=True).distinct()) == ["sent"]
            assert Mail.objects.filter(attempts__gt=1).count() <= len(workers) * struck
    for mails, most in ((read_folder(tmp_path / "mail"), PEOPLE), (server.accepted, PEOPLE + len(workers) * struck)):
        assert len({mail["Message-ID"] for mail in mails}) == PEOPLE
        assert {mail["To"].addresses[0].addr_spec for mail in mails} == {f"n{n}@example.edu" for n in range(PEOPLE)}
        assert PEOPLE <= len(mails) <= most
