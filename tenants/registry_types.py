"""The registry's rows as plain values, safe to share between threads."""

from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class CampusEntry:
    """One campus as routing needs it. Two entries are equal when they are the same campus, whatever its state."""

    id: UUID
    code: str = field(compare=False)
    name: str = field(compare=False)
    schema_name: str = field(compare=False)
    state: str = field(compare=False)
    schema_version: int = field(compare=False)
    zone: ZoneInfo = field(compare=False)
    hosts: tuple[str, ...] = field(compare=False, default=())
    origins: frozenset[str] = field(compare=False, default=frozenset())

    def is_named(self, text: str) -> bool:
        """Return whether ``text`` is this campus's code or id, in any case."""
        return text.strip().casefold() in {self.code.casefold(), str(self.id)}
