"""Child processes: started, watched, restarted, stopped in order, and found again after our own sudden death."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from config.local.say import say

_PR_SET_PDEATHSIG = 1
_LONGEST_PAUSE = 10.0
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Child:
    """One process to keep alive. ``stop_signal`` is what makes it end cleanly."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 20.0
    is_server: bool = False
    before_start: Callable[[], None] | None = None
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    not_before: float = 0.0
    started_at: float = 0.0
    created: float = 0.0


class Supervisor:
    """Keeps children alive until ``stop``; their pids are in ``run_file``, so that a later start can end leftovers."""

    def __init__(self, run_file: Path) -> None:
        self.run_file = run_file
        self.children: list[Child] = []
        self.stopping = threading.Event()

    def start(self, child: Child) -> None:
        """Start ``child`` and keep it running from now on."""
        self.children.append(child)
        self._launch(child)

    def watch(self, seconds: float) -> None:
        """Look after the children for that long, or until asked to stop."""
        until = time.monotonic() + seconds
        while not self.stopping.is_set() and time.monotonic() < until:
            self.revive()
            self.stopping.wait(0.3)

    def revive(self) -> None:
        """Start again whatever has died, each with growing pauses."""
        for child in self.children:
            process = child.process
            if process is not None and process.poll() is not None:
                _end_session(process.pid, child.created)  # workers that outlived their parent would share its port
                lived = time.monotonic() - child.started_at
                child.failures = 0 if lived > 30 else child.failures + 1
                pause = min(_LONGEST_PAUSE, 0.5 * 2**child.failures) if child.failures else 0.0
                child.not_before = time.monotonic() + pause
                child.process = None
                say(f"{child.name} ended ({_how(process.returncode)}); starting it again")
            if child.process is None and time.monotonic() >= child.not_before:
                self._launch(child)

    def stop(self) -> None:
        """End the children, each with its own signal; servers after those that use them; kill what does not listen."""
        self.stopping.set()
        for servers in (False, True):
            group = [child for child in self.children if child.is_server is servers and child.process is not None]
            for child in group:
                if child.process is not None and child.process.poll() is None:
                    child.process.send_signal(child.stop_signal)
            for child in group:
                _await_end(child)
        self.run_file.unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """End what an earlier supervisor left running when it was killed; only processes that are really those."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            for entry in reversed(json.loads(self.run_file.read_text())):
                _end_leftover(entry["name"], entry["pid"], entry["created"], signal.Signals(entry["signal"]))
        self.run_file.unlink(missing_ok=True)

    def _launch(self, child: Child) -> None:
        if child.before_start is not None:
            child.before_start()
        child.log.parent.mkdir(parents=True, exist_ok=True)
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                env=child.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on, in order
                preexec_fn=_die_with_parent,
            )
        child.started_at = time.monotonic()
        child.created = time.time() - 1
        self._write_run_file()

    def _write_run_file(self) -> None:
        entries = []
        for child in self.children:
            if child.process is not None:
                entries.append(
                    {
                        "name": child.name,
                        "pid": child.process.pid,
                        "created": child.created,
                        "signal": int(child.stop_signal),
                    }
                )
        self.run_file.parent.mkdir(parents=True, exist_ok=True)
        self.run_file.write_text(json.dumps(entries))


def tail(path: Path, lines: int = 15) -> str:
    """Return the end of a log, for an error message."""
    with contextlib.suppress(FileNotFoundError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""


def child_environment(extra: dict[str, str], *, drop: Iterable[str] = ()) -> dict[str, str]:
    """Return our environment with ``extra`` and without names that start with one of ``drop``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tuple(drop))}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


def _die_with_parent() -> None:
    """Ask the kernel to end the child when its parent is killed before it could stop anything."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _await_end(child: Child) -> None:
    if child.process is None:
        return
    try:
        child.process.wait(child.grace)
    except subprocess.TimeoutExpired:
        say(f"{child.name} does not end; killing it")
        child.process.kill()
        child.process.wait()
    _end_session(child.process.pid, child.created)


def _end_leftover(name: str, pid: int, created: float, stop_signal: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if not created <= process.create_time() <= created + 5:
            return  # the number belongs to somebody else by now
        say(f"ending {name}, left over from a run that was killed")
        process.send_signal(stop_signal)
        try:
            process.wait(15)
        except psutil.TimeoutExpired:
            process.kill()
    _end_session(pid, created)


def _end_session(leader: int, created: float) -> None:
    """Kill what is left of the session that ``leader`` began at ``created`` (Unix seconds): its workers."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            if process.pid != leader and os.getsid(process.pid) == leader and process.create_time() >= created:
                process.kill()


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit status {code}"
