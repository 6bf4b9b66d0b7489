"""A scan that is read without the serializer is what the serializer would have made of it, or is left to it."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from tenant_apps.attendance.api.batches import BatchedScanSerializer
from tenant_apps.attendance.api.plain import read_plain_scan
from tenant_apps.attendance.api.serializers import MarkAttendanceSerializer, read_scan

ID = str(uuid4())
ODD = (None, "", 0, -1, 2**63, True, [], {}, ID.upper(), ID.replace("-", ""), f" {ID}", "x" * 36, "in ", "2026-11-25")
TIMES = (
    "2026-11-25T08:00:00Z",
    "2026-11-25T08:00:00.5+08:00",
    "2026-11-25T08:00:00",
    "1999-01-01T00:00:00Z",
    "20261125T080000Z",
)
TEXTS = ("EAS1.abc.def", "2024-0001", " EAS1", "Ñ-1", "a\tb", "x" * 20, "x" * 21, "x" * 400, "a b")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "event_id": st.sampled_from([ID, ID, ID, *ODD]),
    "session_id": st.sampled_from([ID, ID, *ODD]),
    "scan_id": st.sampled_from([ID, ID, *ODD]),
    "user_id": st.sampled_from([ID, ID, *ODD]),
    "pass": st.sampled_from([*TEXTS, *ODD]),
    "guest_pass": st.sampled_from([*TEXTS, *ODD]),
    "student_id": st.sampled_from([*TEXTS, *ODD]),
    "captured_at": st.sampled_from([*TIMES, *ODD]),
    "direction": st.sampled_from(["in", "out", "In", *ODD]),
    "reason": st.sampled_from(["", " ", "late bus", *ODD]),
    "sequence": st.sampled_from([1, 7, 2**63 - 1, "3", 1.0, *ODD]),
    "dry_run": st.sampled_from([True, False]),
    "colour": st.just("blue"),
}
MARK, BATCHED = MarkAttendanceSerializer(), BatchedScanSerializer()


def bodies() -> st.SearchStrategy[dict[str, Any]]:
    any_fields = st.fixed_dictionaries({}, optional=VALUES)
    some = st.fixed_dictionaries({}, optional={name: VALUES[name] for name in ("captured_at", "direction", "sequence")})
    return st.one_of(some.map(lambda body: {"event_id": ID, "scan_id": ID, "pass": "EAS1.a.b", **body}), any_fields)


@given(bodies(), st.booleans())
def test_it_says_what_the_serializer_says_or_nothing(body: dict[str, Any], batched: bool) -> None:
    read = read_plain_scan(body, has_sequence=batched)
    if read is None:
        return
    said = (BATCHED if batched else MARK).run_validation(body)

    assert read_scan(read, skew=None) == read_scan(said, skew=None)
    assert (read.get("sequence"), read["dry_run"]) == (said.get("sequence"), said.get("dry_run", False))


@pytest.mark.parametrize("named", [{"pass": "EAS1.abc.def"}, {"student_id": "2024-0001"}, {"user_id": ID}])
def test_what_apps_send_is_read(named: dict[str, str]) -> None:
    body = {"event_id": ID, "scan_id": ID, "captured_at": "2026-11-25T08:00:00+08:00", "direction": "out", **named}

    read = read_plain_scan(body)
    assert read is not None
    assert read["captured_at"] == datetime(2026, 11, 25, tzinfo=UTC)
    assert read_plain_scan({**body, "sequence": 4}, has_sequence=True) is not None


@pytest.mark.parametrize(
    "body", [None, [], "text", 5, {}, {"event_id": ID}, {"event_id": ID, "pass": "a", "user_id": ID}]
)
def test_the_rest_is_left_to_the_serializer(body: Any) -> None:
    assert read_plain_scan(body) is None
    with pytest.raises(ValidationError):
        MARK.run_validation(body)
