"""``manage.py up``: everything, embedded, with a demo university."""

import argparse
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from config.local.environment import without_credentials, write_private
from config.local.processes import Child, Supervisor, child_environment, tail
from config.local.say import say
from config.local.servers import start_servers

HOST = "127.0.0.1"
_PATIENCE = 90.0


def main(root: Path, arguments: list[str]) -> int:
    """Come up, stay until Ctrl-C, stop; return the exit status."""
    options = _parse(arguments)
    folder = root / "var"
    folder.mkdir(exist_ok=True, mode=0o700)
    lock = _lock(folder)
    supervisor = Supervisor(folder / "run" / "processes.json")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.stopping.set())
    try:
        if options.reset and os.environ.get("DATABASE_URL"):
            raise SystemExit(
                "--reset deletes the embedded data; the database that DATABASE_URL names is yours to empty."
            )
        supervisor.end_leftovers()
        if options.reset:
            _reset(folder)
        return _run(root, folder, options, supervisor)
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        if supervisor.stopping.is_set():
            return 130  # what failed was told to stop, as we were
        print(f"\nEAS could not start: {error}", file=sys.stderr)
        return 1
    finally:
        if supervisor.children:
            say("stopping …")
        supervisor.stop()
        say("stopped; data stay in var/")
        lock.close()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py up", description=__doc__)
    parser.add_argument(
        "--port", type=_port, default=8000, help="where the web server listens (8000, or the next free)"
    )
    parser.add_argument("--no-demo", action="store_true", help="without the demo university")
    parser.add_argument("--reset", action="store_true", help="delete the embedded data first")
    parser.add_argument("--exit", action="store_true", help="come up, check, stop: for CI")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: 1 to 65535")
    return int(text)


def _run(root: Path, folder: Path, options: argparse.Namespace, supervisor: Supervisor) -> int:
    servers, _ = start_servers(
        folder, supervisor, settings={"max_connections": "300", "shared_buffers": "256MB"}, createdb=False
    )
    port = _free_port(options.port)
    live_port = _free_port(port + 1)
    logins = folder / "demo-logins.json"
    settings = {
        "EAS_ENV": "development",
        "EAS_TLS": "false",
        "CAMPUS_LOGIN_PREFIX": "eas_dev_",
        **servers,
        "EAS_WEB_PORT": str(port),
        "EAS_LIVE_PORT": str(live_port),
        "EAS_DEMO_LOGINS": str(logins),
        "EAS_MAIL_URL": f"file:{folder / 'mail'}",
    }
    write_private(folder / "local.env", "".join(f"{name}={value}\n" for name, value in settings.items()))
    environment = child_environment({**settings, "DJANGO_SETTINGS_MODULE": "config.settings"})
    _command(root, environment, "migrate_campuses", supervisor)
    if not options.no_demo:
        _command(root, environment, "seed_demo", supervisor)
    for child in _processes(root, folder, environment):
        supervisor.start(child)
    _wait_until_healthy(supervisor, environment)
    say("everything answers")
    print(_banner(port, live_port, logins if not options.no_demo else None), flush=True)
    if options.exit:
        return 0
    while not supervisor.stopping.is_set():
        supervisor.watch(3600)
    return 0


def _processes(root: Path, folder: Path, environment: dict[str, str]) -> list[Child]:
    """What runs beside the two servers. Only the provisioner is given the owner's credentials."""
    limited = {**environment, "DATABASE_URL": without_credentials(environment["DATABASE_URL"])}
    python, log = sys.executable, folder / "log"
    celery = [python, "-m", "celery", "--quiet", "--app", "config.celery"]
    commands: list[tuple[str, list[str], dict[str, str]]] = [
        (
            "web",
            [
                python, "-m", "granian", "config.wsgi:application", "--interface", "wsgi", "--host", HOST,
                "--port", environment["EAS_WEB_PORT"], "--workers", "2", "--blocking-threads", "4",
                "--respawn-failed-workers", "--no-ws", "--working-dir", str(root),
            ],
            limited,
        ),
        (
            "live",
            [
                python, "-m", "granian", "config.asgi:application", "--interface", "asginl", "--host", HOST,
                "--port", environment["EAS_LIVE_PORT"], "--backpressure", "5000", "--no-ws",
                "--workers-kill-timeout", "5", "--working-dir", str(root),
            ],
            limited,
        ),
        ("worker", [*celery, "worker", "-Q", "default", "-c", "1", "-n", "worker@eas"], limited),
        ("mailer", [*celery, "worker", "-Q", "mail", "-c", "1", "-n", "mailer@eas"], limited),
        ("provisioner", [*celery, "worker", "-Q", "provisioning", "-c", "1", "-n", "provisioner@eas"], environment),
        ("beat", [*celery, "beat", "--schedule", str(folder / "beat-schedule")], limited),
        ("relay", [python, str(root / "manage.py"), "relay_outbox"], limited),
    ]  # fmt: skip
    return [
        Child(
            name=name,
            command=command,
            environment={**values, "PYTHONPATH": str(root), "EAS_NO_VENV": "1"},
            log=log / f"{name}.log",
        )
        for name, command, values in commands
    ]


def _wait_until_healthy(supervisor: Supervisor, environment: dict[str, str]) -> None:
    until = time.monotonic() + _PATIENCE
    waiting = {
        "web": lambda: _is_ready(int(environment["EAS_WEB_PORT"])),
        "live": lambda: _is_ready(int(environment["EAS_LIVE_PORT"])),
        "workers": lambda: _workers(environment) >= 3,
    }
    while waiting:
        if supervisor.stopping.is_set():
            raise KeyboardInterrupt
        if time.monotonic() > until:
            logs = "\n".join(f"--- {child.log}\n{tail(child.log)}" for child in supervisor.children)
            raise SystemExit(f"{' and '.join(waiting)} did not answer within {_PATIENCE:.0f} s.\n{logs}")
        supervisor.watch(0.3)
        for name in [name for name, check in waiting.items() if check()]:
            say(f"{name} answering")
            del waiting[name]


def _is_ready(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection(HOST, port, timeout=3)
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _workers(environment: dict[str, str]) -> int:
    """Return how many Celery workers answer through the broker."""
    from celery import Celery

    url = environment["REDIS_URL"]
    if url.startswith("unix://"):
        url = "redis+socket://" + url.removeprefix("unix://").replace("?db=", "?virtual_host=")
    app = Celery(broker=url, set_as_current=False)
    try:
        return len(app.control.ping(timeout=0.7) or [])
    except Exception:  # noqa: BLE001 -- whatever the broker says while it comes up, it is asked again
        return 0


def _command(root: Path, environment: dict[str, str], name: str, supervisor: Supervisor) -> None:
    """Run a management command, its output indented under its name; end it when asked to stop."""
    say(f"{name} …")
    process = subprocess.Popen(
        [sys.executable, str(root / "manage.py"), name],
        env={**environment, "EAS_NO_VENV": "1"},
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is ours to pass on: a command that gets it shows a traceback
    )
    output = threading.Thread(target=_show, args=(process.stdout,), daemon=True)
    output.start()
    while process.poll() is None and not supervisor.stopping.wait(0.05):
        pass
    if process.poll() is None:
        process.terminate()  # what it has not committed is rolled back, and done with the next start
        process.wait()
        raise KeyboardInterrupt
    output.join()
    if process.returncode:
        raise SystemExit(f"manage.py {name} failed; its last lines are above.")


def _show(lines: IO[str]) -> None:
    for line in lines:
        print(f"         {line.rstrip()}", flush=True)


def _free_port(wanted: int) -> int:
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port != wanted:
            say(f"port {wanted} is taken; using {port}")
        return port
    raise SystemExit(f"no free port from {wanted} on")


def _lock(folder: Path) -> IO[str]:
    lock = (folder / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"EAS is running already from {folder.parent}; stop it first (Ctrl-C there).") from None
    return lock


def _reset(folder: Path) -> None:
    for path in [
        *folder.glob("pg[0-9]*"),
        folder / "valkey",
        folder / "demo-logins.json",
        *folder.glob("beat-schedule*"),
    ]:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    say("the embedded data are deleted")


def _banner(port: int, live_port: int, logins: Path | None) -> str:
    lines = ["", "  EAS is running", ""]
    people: list[dict[str, Any]] = json.loads(logins.read_text()) if logins and logins.is_file() else []
    host = "localhost"
    for site in dict.fromkeys((person["site"], person["host"]) for person in people):
        host = site[1]
        lines.append(f"  {'Public site' if site[0] == 'PUBLIC' else site[0]:<12} http://{host}:{port}/api/v1/docs/")
        lines += [
            f"               {person['role']:<13} {person['username']:<22} {person['password']}"
            for person in people
            if person["site"] == site[0]
        ]
    if not people:
        lines += [
            f"  Public site  http://localhost:{port}/api/v1/docs/",
            "  Its first super admin:  python3 manage.py createsuperuser --username NAME --email ADDRESS",
        ]
    lines += [
        "",
        f"  Live views answer on port {live_port}, under the same hosts: /api/v1/live/",
        f"  Where *.localhost is not known:  curl -H 'Host: {host}' http://{HOST}:{port}/api/v1/schema/",
        "  Logs: var/log/    Ctrl-C stops everything; data stay in var/",
        "",
    ]
    return "\n".join(lines)
