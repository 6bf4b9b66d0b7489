"""The registry in memory: which host leads where, without a query.

A process reads all of it in one statement and keeps it for ``settings.REGISTRY_TTL`` seconds. Nothing depends on that
age for safety: the authentication statement returns the campus's state and the registry's version, and a changed
version drops what is held. An unknown host, or a campus that is not ready, makes the process look again at most once
a second, so that a new campus is served at once and a flood of wrong hosts costs nothing.
"""

import json
import threading
import time
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from tenants.context import find_current_campus, public_context
from tenants.errors import CampusNotReady, CampusSuspended, SiteNotFound
from tenants.models import CampusState
from tenants.registry_types import CampusEntry
from tenants.versions import code_version

_LOOK_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole registry at one version. ``by_host`` holds None for the hosts of the public site."""

    version: int
    loaded_at: float
    by_host: Mapping[str, CampusEntry | None]
    by_id: Mapping[UUID, CampusEntry]
    by_code: Mapping[str, CampusEntry]
    public_keys: Mapping[tuple[UUID, int], bytes]
    """Public pass keys by (campus id, key id); retired ones are left out."""


_lock = threading.Lock()
_snapshot: Snapshot | None = None


def find_site(host: str) -> tuple[bool, CampusEntry | None]:
    """Return (known, campus) for a normalised host; campus None is the public site."""
    snapshot = get_snapshot()
    campus = snapshot.by_host.get(host)
    if (campus is None and host not in snapshot.by_host) or (campus is not None and campus.state != "ready"):
        snapshot = get_snapshot(max_age=_LOOK_AGAIN_SECONDS)
        campus = snapshot.by_host.get(host)
    return host in snapshot.by_host, campus


def find_held_site(host: str) -> CampusEntry | None:
    """Return the campus of a host from what is held, whatever its age: for when the database is away."""
    return _snapshot.by_host.get(host) if _snapshot is not None else None


def find_campus(code_or_id: str) -> CampusEntry | None:
    """Return the campus with that code (any case) or id, whatever its state."""
    for max_age in (None, _LOOK_AGAIN_SECONDS):
        snapshot = get_snapshot(max_age=max_age)
        campus = snapshot.by_code.get(code_or_id.upper()) or snapshot.by_id.get(_uuid(code_or_id) or UUID(int=0))
        if campus is not None:
            return campus
    return None


def list_campuses() -> list[CampusEntry]:
    """Return every campus of the registry, by code."""
    return sorted(get_snapshot(max_age=_LOOK_AGAIN_SECONDS).by_id.values(), key=lambda campus: campus.code)


def find_pass_key(campus_id: UUID, key_id: int) -> bytes | None:
    """Return the public key with which that campus signs under that key id."""
    for max_age in (None, _LOOK_AGAIN_SECONDS):
        key = get_snapshot(max_age=max_age).public_keys.get((campus_id, key_id))
        if key is not None:
            return key
    return None


def get_snapshot(max_age: float | None = None) -> Snapshot:
    """Return the registry, at most ``max_age`` seconds old (default: settings.REGISTRY_TTL)."""
    limit = settings.REGISTRY_TTL if max_age is None else max_age
    snapshot = _snapshot
    if snapshot is not None and time.monotonic() - snapshot.loaded_at < limit:
        return snapshot
    return _reload(limit)


def note_version(version: int) -> None:
    """Drop what is held when the database says that the registry has changed since."""
    snapshot = _snapshot
    if snapshot is not None and snapshot.version != version:
        forget()


def confirm_served(state: str, schema_version: int) -> None:
    """Refuse a campus that is not to be served now, from what its own database has just said.

    Raises: CampusSuspended, CampusNotReady; SiteNotFound for an archived one.
    """
    if state == CampusState.READY and schema_version >= code_version():
        return
    if state == CampusState.SUSPENDED:
        raise CampusSuspended
    if state == CampusState.ARCHIVED:
        raise SiteNotFound
    raise CampusNotReady


def confirm_current_campus() -> None:
    """The same for requests that no token authenticates (sign-in): one statement. Nothing on the public site."""
    campus = find_current_campus()
    if campus is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, schema_version FROM public.tenants_campus WHERE id = %s", [campus.id])
        confirm_served(*cursor.fetchone())


def forget() -> None:
    """Let the next question read the registry again. What is held serves threads that are inside a transaction."""
    global _snapshot
    if _snapshot is not None:
        _snapshot = replace(_snapshot, loaded_at=float("-inf"))


def _reload(limit: float) -> Snapshot:
    global _snapshot
    with _lock:
        snapshot = _snapshot
        if snapshot is not None and time.monotonic() - snapshot.loaded_at < limit:
            return snapshot  # another thread was faster
        if connection.in_atomic_block and snapshot is not None:
            return snapshot  # inside a campus's transaction the public site is out of reach
        _snapshot = _load()
        return _snapshot


def _load() -> Snapshot:
    loaded_at = time.monotonic()
    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.code, c.name, c.schema_name, c.state, c.schema_version, c.timezone, c.allowed_origins::text,
                   (SELECT array_agg(d.host ORDER BY d.is_primary DESC, d.host)
                      FROM tenants_campusdomain d WHERE d.campus_id = c.id),
                   (SELECT array_agg(k.key_id || ':' || encode(k.public_key, 'hex'))
                      FROM tenants_campuskey k WHERE k.campus_id = c.id AND k.retired_at IS NULL),
                   NULL::bigint
              FROM tenants_campus c
            UNION ALL
            SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                   (SELECT array_agg(host) FROM tenants_campusdomain WHERE campus_id IS NULL),
                   NULL,
                   (SELECT version FROM tenants_registryversion WHERE id = 1)
            """
        )
        rows = cursor.fetchall()
    by_host: dict[str, CampusEntry | None] = {}
    by_id: dict[UUID, CampusEntry] = {}
    keys: dict[tuple[UUID, int], bytes] = {}
    version = 0
    for id_, code, name, schema, state, schema_version, zone, origins, hosts, public_keys, row_version in rows:
        if id_ is None:
            version = row_version or 0
            by_host.update(dict.fromkeys(hosts or ()))
            continue
        campus = CampusEntry(
            id=id_,
            code=code,
            name=name,
            schema_name=schema,
            state=state,
            schema_version=schema_version,
            zone=zoneinfo.ZoneInfo(zone),
            hosts=tuple(hosts or ()),
            origins=frozenset(json.loads(origins)),
        )
        by_id[id_] = campus
        by_host.update(dict.fromkeys(campus.hosts, campus))
        for key in public_keys or ():
            key_id, _, text = key.partition(":")
            keys[id_, int(key_id)] = bytes.fromhex(text)
    return Snapshot(
        version=version,
        loaded_at=loaded_at,
        by_host=by_host,
        by_id=by_id,
        by_code={campus.code: campus for campus in by_id.values()},
        public_keys=keys,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
