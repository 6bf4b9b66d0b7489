"""Cache keys carry the campus, and refuse to work without one."""

from tenants.context import current_standing
from tenants.errors import CampusNotSet


def make_key(key: str, key_prefix: str, version: int) -> str:
    """Return the key under which the current campus (or the public site) keeps ``key``.

    Raises: CampusNotSet when the thread stands nowhere.
    """
    standing = current_standing()
    if standing is None:
        raise CampusNotSet(f"The cache was asked for {key!r} while standing nowhere.")
    owner = standing.campus.id if standing.campus else standing.schema
    return f"eas:{owner}:{key_prefix}:{version}:{key}"
