"""Everything secret that EAS can compute again instead of storing it.

One master key, one HKDF (RFC 5869) purpose per use. A purpose names what the key is for and whose it is, so no two
campuses and no two uses ever share one.
"""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def derive_key(master_key: str, *purpose: str, length: int = 32) -> bytes:
    """Return ``length`` bytes for ``purpose``, the same ones every time."""
    info = "eas/1/" + "/".join(purpose)
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info.encode()).derive(bytes.fromhex(master_key))


def login_password(master_key: str, login: str) -> str:
    """Return the PostgreSQL password of ``login``: a new campus needs no new configuration."""
    return derive_key(master_key, "login", login).hex()


def pass_signing_key(master_key: str, *, campus_id: str, key_id: int) -> Ed25519PrivateKey:
    """Return the key with which a campus signs passes. It exists in memory only, while it is used."""
    return Ed25519PrivateKey.from_private_bytes(derive_key(master_key, "pass", campus_id, str(key_id)))


def manifest_signing_key(master_key: str, *, campus_id: str, key_id: int) -> Ed25519PrivateKey:
    """Return the key with which a campus signs what its scanners decide by; no pass was ever signed with it."""
    return Ed25519PrivateKey.from_private_bytes(derive_key(master_key, "manifest", campus_id, str(key_id)))


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 raw bytes of the public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def digest(text: str) -> bytes:
    """Return SHA-256 of ``text``: for secrets of 128 bits and more, which need no slow hash."""
    return hashlib.sha256(text.encode()).digest()
