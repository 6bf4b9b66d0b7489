"""A scanner at the door, complete: enrols, decides without a network, keeps every scan, and sends it once there is one.

Needs Python 3.11 and ``cryptography``, nothing of EAS. See write-a-scanner.md beside it.

    scanner.py DIRECTORY enrol        reads the text of the enrolment's QR code
    scanner.py DIRECTORY run EVENT    reads passes, one a line, as a QR reader that acts as a keyboard types them
    scanner.py DIRECTORY sync         sends what waits, once

``--address HOST:PORT`` is where the server is reached if not by its name; with plain HTTP only.
"""

import argparse
import base64
import http.client
import json
import os
import queue
import shutil
import struct
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SOFTWARE = "example scanner 1.0"
BATCH = 500
PAGE = 500
CONTACT_EVERY = 60  # seconds
PASS = struct.Struct(">16s16sHII")  # campus, person, key id, serial, expiry
Json = dict[str, Any]


class Offline(Exception):
    """No usable answer: there is no network, or the server is busy. Try again later."""


class Ended(Exception):
    """The server does not know this device any more: it was revoked, replaced, or its time is over."""


class Refused(Exception):
    """The answer to a call was an error; ``code`` is stable."""

    def __init__(self, body: Json) -> None:
        self.code = body["errors"][0]["code"]
        super().__init__(self.code)


class Journal:
    """Every scan and what became of it: lines of JSON that are only ever appended. What is in it survives a kill."""

    def __init__(self, path: Path) -> None:
        self.scans: dict[str, Json] = {}  # by scan_id: {"scan", "person", "told"}
        self.answers: dict[str, Json] = {}  # by scan_id: {"status", "code", …}
        self.parked: dict[str, str] = {}  # by scan_id: the manifest under which its event was unknown to the server
        self.last_sequence = 0
        whole = 0
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break  # killed while it was written: nobody was told anything of it
                self._learn(json.loads(line))
                whole += len(line)
        self.file = path.open("ab")
        self.file.truncate(whole)

    def append(self, line: Json) -> None:
        self.file.write(json.dumps(line).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self._learn(line)

    def _learn(self, line: Json) -> None:
        if "scan" in line:
            self.scans[line["scan"]["scan_id"]] = line
            self.last_sequence = max(self.last_sequence, line["scan"].get("sequence") or 0)
        elif "parked" in line:
            self.parked[line["parked"]] = line["version"]
        else:
            self.answers[line["answered"]] = line

    def waiting(self, version: str | None = None) -> list[Json]:
        """Return what the server has not answered yet; with ``version`` only what is worth sending now."""
        return [
            line["scan"]
            for scan_id, line in self.scans.items()
            if scan_id not in self.answers and (version is None or self.parked.get(scan_id) != version)
        ]


class Scanner:
    """One enrolled device. ``clock`` is the device's own, right or wrong."""

    def __init__(self, directory: Path, *, address: str = "", clock: Callable[[], float] = time.time) -> None:
        self.directory, self.address, self.clock = directory, address, clock
        self.online = False
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state = self._load("state")  # token, url, campus_id, manifest_key, skew, …
        self.manifest = self._load("manifest")
        self.revoked = self._load("revoked")  # "campus/person": serial up to which passes are refused
        self.rosters = self._load("rosters")  # by event: {"as_of", "people": {person_id: row}}
        self.journal = Journal(directory / "scans.jsonl")

    # What it keeps

    def _load(self, name: str) -> Json:
        path = self.directory / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def _save(self, name: str, value: Json) -> None:
        """Replace a file as a whole: a kill leaves the old one or the new one."""
        path = self.directory / f"{name}.json"
        new = path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def wipe(self) -> None:
        """Forget everything: token, names and scans."""
        self.journal.file.close()
        shutil.rmtree(self.directory)
        self.state, self.manifest, self.revoked, self.rosters, self.online = {}, {}, {}, {}, False

    def now(self) -> datetime:
        """Return the server's time, as well as this device knows it: its clock less what the last contact measured."""
        return datetime.fromtimestamp(self.clock(), UTC) - timedelta(milliseconds=self.state.get("skew", 0))

    def device_now(self) -> str:
        """Return this device's own clock, uncorrected. The server measures it and corrects; never do both."""
        return datetime.fromtimestamp(self.clock(), UTC).isoformat()

    # Talking

    def call(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Return status and body. Raises: Offline, Ended."""
        target = urlsplit(self.state["url"])
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        headers = {"Host": target.netloc, "Content-Type": "application/json", "Accept": "application/json"}
        if "token" in self.state:
            headers["Authorization"] = f"Token {self.state['token']}"
        link = kind(self.address or target.netloc, timeout=15)
        try:
            link.request(method, path, None if body is None else json.dumps(body), headers)
            answer = link.getresponse()
            status, said = answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            # Also the page of a hotspot that wants a login: what is no JSON is no answer.
            self.online = False
            raise Offline(str(error)) from None
        codes = {error["code"] for error in said.get("errors", [])}
        if "token" in self.state and codes & {"not_authenticated", "scanner_not_valid"}:
            self.wipe()
            raise Ended
        if status in {408, 429} or status >= 500:
            self.online = False
            raise Offline(", ".join(codes))
        return status, said

    def get(self, method: str, path: str, body: Json | None = None) -> Json:
        """Return the body of a call that succeeds. Raises: Offline, Ended, Refused."""
        status, said = self.call(method, path, body)
        if status >= 400:
            raise Refused(said)
        return said

    def enrol(self, text: str) -> None:
        """Use up the one-time code of a QR code; the token is answered this once. Raises: Offline, Refused."""
        said = json.loads(text)
        self.state = {"url": said["url"]}
        body = {"code": said["code"], "software": SOFTWARE}
        self.state = {**self.get("POST", urlsplit(said["url"]).path, body), "url": said["url"]}
        self._save("state", self.state)
        self.manifest, self.revoked, self.rosters = {}, {}, {}

    def sync(self) -> None:
        """Say hello, fetch what changed, send what waits. Raises: Offline, Ended, Refused."""
        body = {"device_now": self.device_now(), "queue_depth": len(self.journal.waiting()), "software": SOFTWARE}
        if self.manifest:
            body["manifest_version"] = self.manifest["version"]
        said = self.get("POST", "/api/v1/events/scanners/contact/", body)
        self.online = True
        self.state |= {"skew": said["skew"], "expires_at": said["expires_at"]}
        self._save("state", self.state)
        if self.state["kind"] == "scanner":  # a kiosk is shown nothing: it keeps scans and sends them
            if said["manifest_changed"] or self._manifest_ends_within(timedelta(hours=12)):
                self.fetch_manifest()
            for event in self.manifest["events"]:
                self.fetch_roster(event)
        self.upload()

    def fetch_manifest(self) -> None:
        """Fetch the manifest, all of it or with what was revoked since, and believe it only if its signature holds."""
        since = self.manifest.get("revocations", {}).get("until")
        query = f"?{urlencode({'since': since})}" if since else ""
        said = self.get("GET", f"/api/v1/events/scanners/manifest/{query}")
        manifest, key = said["manifest"], self.state["manifest_key"]
        text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        public_key = Ed25519PublicKey.from_public_bytes(decode(key["public_key"]))
        public_key.verify(decode(said["signature"]), b"EASM1." + text.encode())  # or InvalidSignature
        if said["key_id"] != key["key_id"] or manifest["campus_id"] != self.state["campus_id"]:
            raise InvalidSignature
        revocations = manifest["revocations"]
        revoked = dict(self.revoked) if revocations["is_delta"] else {}
        revoked |= {f"{campus}/{person}": serial for campus, person, serial in revocations["passes"]}
        self._save("revoked", revoked)  # first: a kill in between only means that a delta is fetched twice
        self._save("manifest", manifest)
        self.manifest, self.revoked = manifest, revoked

    def fetch_roster(self, event: Json) -> None:
        """Read the roster, or what changed of it, page by page; keep it when the last page is there."""
        known = self.rosters.get(event["id"], {})
        query = {"modified_since": known["as_of"]} if known else {}
        path: str | None = f"{event['roster']}?{urlencode({**query, 'page_size': PAGE})}"
        people: Json = dict(known.get("people", {}))
        is_first = True
        while path:
            page = self.get("GET", path)
            if is_first and page["is_complete"]:  # all pages of one walk are of one kind
                people = {}
            is_first = False
            people |= {row["person_id"]: row for row in page["results"]}
            for row in page["gone"]:
                people.pop(row["person_id"], None)
            path = page["next"] and "?".join(urlsplit(page["next"])[2:4])
        self.rosters[event["id"]] = {"as_of": page["as_of"], "people": people}
        self._save("rosters", self.rosters)

    def upload(self) -> None:
        """Send what waits, 500 at a time. Whatever fails is sent again: the server counts each ``scan_id`` once."""
        version = self.manifest.get("version", "")
        waiting = self.journal.waiting(version)
        for start in range(0, len(waiting), BATCH):
            scans = waiting[start : start + BATCH]
            left = len(waiting) - start - len(scans)
            body = {"device_now": self.device_now(), "queue_depth": left, "scans": scans}
            said = self.get("POST", "/api/v1/events/attendance/batch/", body)
            for scan, result in zip(scans, said["results"], strict=True):
                self.keep_answer(scan, result["status"], result["body"])

    def keep_answer(self, scan: Json, status: int, body: Json) -> None:
        """Do with a result what its kind asks for."""
        scan_id = scan["scan_id"]
        if "outcome" in body:  # judged and stored: 201, 200, 403, 404, 422
            told = self.journal.scans[scan_id]["told"]
            differs = told["outcome"] != body["outcome"]
            answer: Json = {"outcome": body["outcome"], "code": body["code"], "differs": differs}
        elif status >= 500:
            return  # by itself: it goes with the next batch
        elif status == 404:  # the event is a draft still, or this device's no more: once its manifest is another
            self.journal.append({"parked": scan_id, "version": self.manifest.get("version", "")})
            return
        else:  # 400, 409: this program is wrong; kept for whoever mends it
            answer = {"outcome": "unusable", "code": body["errors"][0]["code"], "differs": True}
        self.journal.append({"answered": scan_id, "status": status, **answer})

    # Deciding

    def scan(self, text: str, event_id: str, *, session_id: str | None = None, direction: str = "in") -> Json:
        """Keep a scan, and return what the operator is told. Raises: Ended."""
        told = self.decide(text, event_id, session_id=session_id, direction=direction)
        person, session = told.pop("person"), told.pop("session")
        field = "guest_pass" if text.startswith("EASG1.") else "pass"
        scan: Json = {
            "scan_id": str(uuid.uuid4()), "event_id": event_id, "session_id": session_id, field: text[:200],
            "direction": direction, "captured_at": self.device_now(),
        }  # fmt: skip
        if not self.online:
            # Only what is sent in a batch has a number; so a number that is missing there has not arrived.
            scan["sequence"] = self.journal.last_sequence + 1
        self.journal.append({"scan": scan, "person": person, "session": session, "told": told})
        if not self.online:
            return told
        try:
            path = "/api/v1/events/attendance/mark_attendance/"
            status, body = self.call("POST", path, {**scan, "device_now": self.device_now()})
        except Offline:
            return told  # whether it arrived is not known: it waits, and is sent again with the same scan_id
        self.keep_answer(scan, status, body)
        if "outcome" not in body:
            return {"outcome": "refused", "code": body["errors"][0]["code"], "name": None, "is_final": True}
        name = body["person"] and body["person"]["display_name"]
        return {"outcome": body["outcome"], "code": body["code"], "name": name or told["name"], "is_final": True}

    def decide(self, text: str, event_id: str, *, session_id: str | None, direction: str) -> Json:
        """Return the verdict by what this device knows, with the server's codes and in its order of reasons.

        ``is_final`` false: let them in, the server will judge. It always does; what it says then is what counts.
        """
        told: Json = {"code": "recorded", "name": None, "person": None, "session": session_id, "is_final": False}
        event = next((each for each in self.manifest.get("events", []) if each["id"] == event_id), None)
        if event is None or self._manifest_ends_within(timedelta(0)):
            return {**told, "outcome": "undecided", "code": "no_manifest"}
        told["code"] = self._look(text, event, told, direction)
        kinds = {"recorded": "recorded", "duplicate": "duplicate"}
        return {**told, "outcome": kinds.get(told["code"], "refused")}

    def _look(self, text: str, event: Json, told: Json, direction: str) -> str:
        if event["status"] in {"cancelled", "completed"}:  # a draft may have been published since
            return f"event_{event['status']}"
        if text.startswith("EASG1."):  # a guest's: random, so only the server knows it
            told["person"] = text
            return self._look_at_session(event, told, direction)
        at = self.now()
        try:
            campus, person, key_id, serial, expires_at, step = read_pass(text)
        except ValueError:
            return "unknown_pass"
        key = next((k for k in self.manifest["pass_keys"] if (k["campus_id"], k["key_id"]) == (campus, key_id)), None)
        if key is None or not is_genuine(text, decode(key["public_key"])):
            return "pass_forged"
        told["person"] = f"{campus}/{person}"
        if step is None and event["needs_rotating_pass"]:
            return "rotating_pass_required"
        if step is not None and abs(step - int(at.timestamp()) // 20) > 1:
            return "pass_code_expired"
        if expires_at <= at.timestamp():
            return "pass_expired"
        invited, at_home = event["invited_campuses"], campus == self.manifest["campus_id"]
        row: Json | None = self.rosters.get(event["id"], {}).get("people", {}).get(person) if at_home else None
        if key["is_archived"] and not at_home:
            return "home_archived"
        if self.revoked.get(f"{campus}/{person}", 0) >= serial or (row and row["pass_serial"] != serial):
            return "pass_revoked"
        if not at_home and invited is not None and campus not in invited:
            return "campus_not_invited"
        told["name"] = row["display_name"] if row else None
        if at_home and direction == "in" and event["registration"] in {"required", "approval"}:
            place = row["place"] if row else ""
            if place != "registered":
                return {"waiting": "place_waiting", "requested": "place_not_approved"}.get(place, "not_registered")
        # Of a rotating pass only a server can tell the last part; of visitors and seats this device knows nothing.
        told["is_final"] = at_home and step is None
        return self._look_at_session(event, told, direction)

    def _look_at_session(self, event: Json, told: Json, direction: str) -> str:
        at = self.now()
        wanted = [each for each in event["sessions"] if told["session"] in {None, each["id"]}]
        sessions = [each for each in wanted if instant(each["opens_at"]) <= at <= instant(each["closes_at"])]
        if len(sessions) != 1:
            return "session_required" if sessions else "session_closed" if wanted else "unknown_session"
        told["session"] = sessions[0]["id"]
        return self._look_at_repetition(event["id"], told, sessions[0], direction)

    def _look_at_repetition(self, event_id: str, told: Json, session: Json, direction: str) -> str:
        """Return what it means that this device has seen the person at this session already."""
        last = None
        for scan_id, line in self.journal.scans.items():
            answer = self.journal.answers.get(scan_id) or line["told"]
            counted = answer["outcome"] in {"recorded", "duplicate"}
            if counted and (line["scan"]["event_id"], line["session"], line["person"]) == (
                event_id, session["id"], told["person"],
            ):  # fmt: skip
                last = line["scan"]["direction"]
        if direction == "in" and last == "out":
            return "recorded" if session["allows_re_entry"] else "re_entry_not_allowed"
        return "duplicate" if direction == "in" and last == "in" else "recorded"

    def _manifest_ends_within(self, time_left: timedelta) -> bool:
        return not self.manifest or instant(self.manifest["expires_at"]) <= self.now() + time_left


def read_pass(text: str) -> tuple[str, str, int, int, int, int | None]:
    """Return campus, person, key id, serial, expiry and, of a rotating pass, its step. Raises: ValueError."""
    kind, *parts = text.split(".") if len(text) <= 200 else [""]
    if (kind, len(parts)) not in {("EAS1", 2), ("EAS2", 4)}:
        raise ValueError("not a pass")
    payload, signature = decode(parts[0]), decode(parts[1])
    if len(payload) != PASS.size or len(signature) != 64:
        raise ValueError("not a pass")
    campus, person, key_id, serial, expires_at = PASS.unpack(payload)
    step = int(parts[2]) if kind == "EAS2" else None
    return str(uuid.UUID(bytes=campus)), str(uuid.UUID(bytes=person)), key_id, serial, expires_at, step


def is_genuine(text: str, public_key: bytes) -> bool:
    """Return whether the campus has signed the pass: of both kinds the signature covers ``EAS1.<payload>``."""
    _, payload, signature, *_ = text.split(".")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(decode(signature), f"EAS1.{payload}".encode())
    except InvalidSignature:
        return False
    return True


def decode(text: str) -> bytes:
    """Return the bytes of base64url without padding, of which there is one spelling. Raises: ValueError."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError("another spelling")
    return raw


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def run(scanner: Scanner, event_id: str) -> None:
    """Take passes from standard input until it ends; sync every minute, and less often while nobody answers."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    pause, next_sync = CONTACT_EVERY, 0.0
    while True:
        if time.monotonic() >= next_sync:
            try:
                scanner.sync()
                pause = CONTACT_EVERY
            except (Offline, Refused, InvalidSignature) as error:  # the door goes on with what it has
                print(f"not synchronized: {error!r}", file=sys.stderr)
                pause = min(pause * 2, 600)
            next_sync = time.monotonic() + pause
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            continue
        if line is None:
            return
        if line.strip():
            print(json.dumps(scanner.scan(line.strip(), event_id)), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="A scanner at the door.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("command", choices=["enrol", "run", "sync"])
    parser.add_argument("event", nargs="?", default="")
    parser.add_argument("--address", default="")
    asked = parser.parse_args()
    scanner = Scanner(asked.directory, address=asked.address)
    try:
        if asked.command == "enrol":
            scanner.enrol(sys.stdin.readline())
        elif asked.command == "run":
            run(scanner, asked.event)
        else:
            scanner.sync()
    except Offline:
        print("no answer: what is waiting stays", file=sys.stderr)
        return 75
    except Refused as error:
        print(f"refused: {error.code}", file=sys.stderr)
        return 1
    except Ended:
        print("this device was revoked or its time is over: everything here is deleted", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
