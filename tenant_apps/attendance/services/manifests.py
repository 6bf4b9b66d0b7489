"""What a scanner decides by without a network, signed by its campus. Written nowhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from shared_apps.accounts.models import User
from tenant_apps.attendance.models import Scanner
from tenant_apps.attendance.rules.manifests import (
    DELTA_OVERLAP,
    FORMAT,
    VALID_FOR,
    in_base64url,
    in_utc,
    signed_bytes,
    version_of,
)
from tenant_apps.attendance.selectors.manifests import (
    describe_event,
    describe_pass_keys,
    last_revocation,
    list_manifest_events,
    list_revoked,
)
from tenants.context import current_campus
from tenants.keys import manifest_signing_key, public_bytes

CURRENT_KEY_ID: Final = 1


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A manifest, and the signature over its canonical form."""

    manifest: dict[str, Any]
    key_id: int
    signature: str


def sign_manifest(
    *, by: User, at: datetime, scanner: Scanner | None, event_id: UUID | None = None, since: datetime | None = None
) -> SignedManifest:
    """Return what a device needs to decide alone. It names nobody: opaque ids only.

    The same number of statements whatever the events and revocations are. With ``since`` (the ``until`` of the last
    manifest) only what was revoked from then on, and a little earlier.

    Raises: EventNotFound.
    """
    campus = current_campus()
    content = _content(by=by, at=at, scanner=scanner, event_id=event_id)
    oldest = _oldest_that_matters(at)
    begin = max(oldest, since - DELTA_OVERLAP) if since else oldest
    expires_at = min(at + VALID_FOR, scanner.expires_at) if scanner else at + VALID_FOR
    manifest = {
        "format": FORMAT,
        "key_id": CURRENT_KEY_ID,
        "campus": campus.code,
        "campus_id": str(campus.id),
        "timezone": campus.zone.key,
        "issued_at": in_utc(at),
        "expires_at": in_utc(expires_at),
        "version": version_of(content),
        "events": content["events"],
        "pass_keys": content["pass_keys"],
        "revocations": {
            "is_delta": since is not None,
            "until": in_utc(at),
            "passes": list_revoked(since=begin),
        },
    }
    key = manifest_signing_key(settings.MASTER_KEY, campus_id=str(campus.id), key_id=CURRENT_KEY_ID)
    return SignedManifest(manifest, CURRENT_KEY_ID, in_base64url(key.sign(signed_bytes(manifest))))


def manifest_version(*, by: User, at: datetime, scanner: Scanner) -> str:
    """Return the version of what the device would get now."""
    return version_of(_content(by=by, at=at, scanner=scanner, event_id=None))


def manifest_key() -> dict[str, Any]:
    """Return the public key of this campus's manifests: a device keeps it from its enrolment on."""
    key = manifest_signing_key(settings.MASTER_KEY, campus_id=str(current_campus().id), key_id=CURRENT_KEY_ID)
    return {"key_id": CURRENT_KEY_ID, "public_key": in_base64url(public_bytes(key))}


def _content(*, by: User, at: datetime, scanner: Scanner | None, event_id: UUID | None) -> dict[str, Any]:
    """Return what changes the version: not the time at which it is asked."""
    events = list_manifest_events(user=by, scanner=scanner, event_id=event_id)
    last = last_revocation(since=_oldest_that_matters(at))
    return {
        "events": [describe_event(event) for event in events],
        "pass_keys": describe_pass_keys(),
        "last_revocation": in_utc(last) if last else None,
    }


def _oldest_that_matters(at: datetime) -> datetime:
    """A pass that was revoked earlier than passes last has expired by itself."""
    return at - timedelta(days=settings.PASS_DAYS + 2)
