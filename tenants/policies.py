"""Row-level security as models declare it: which rows of a public table a campus's login may see and write.

A campus's login is its prefix and ``c_<code in lower case>`` (a constraint of the registry says so), and rows name
campuses by code: so a policy needs no look-up, and no session variable that a client could set.
"""

from dataclasses import dataclass
from typing import Final, Literal

# Stands for the code of the campus whose login runs the statement; put in by ``tenants.logins``.
ME: Final = "{me}"


@dataclass(frozen=True, slots=True)
class RowPolicy:
    """One policy. ``using`` says which rows are there at all, ``check`` which may result; both SQL with ``{me}``."""

    name: str
    command: Literal["SELECT", "INSERT", "UPDATE", "DELETE", "ALL"]
    using: str = ""
    check: str = ""
