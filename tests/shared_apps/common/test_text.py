"""What people may type: what can be read, in every script."""

import pytest
from django.core.exceptions import ValidationError

from shared_apps.common.text import PRINTABLE, check_paragraphs, is_printable
from tests.cast import Cast, Http

UNPRINTABLE = {
    "NUL": "a\x00b", "line break": "a\nb", "C1 control": "a\x85b", "bidi override": "a\u202eb", "bidi isolate": "a\u2066b",
    "zero-width space": "a\u200bb", "byte order mark": "\ufeffa", "soft hyphen": "a\u00adb", "tag": "a\U000e0041b",
    "line separator": "a\u2028b", "half of a pair": "a\ud800b",
}  # fmt: skip


@pytest.mark.parametrize("name", UNPRINTABLE)
def test_what_cannot_be_seen_is_refused(name: str) -> None:
    with pytest.raises(ValidationError) as raised:
        PRINTABLE(UNPRINTABLE[name])
    assert raised.value.code == "control_characters"


@pytest.mark.parametrize(
    "text", ["", "Niña Peñaflor", "José ₱ – “x”", "محمد", "नमस्ते", "می\u200cخواهم", "👩\u200d🎓", "山田"]
)
def test_what_can_be_read_is_taken(text: str) -> None:
    PRINTABLE(text)
    assert is_printable(text)


def test_paragraphs_may_have_line_breaks_and_tabs_and_nothing_else() -> None:
    check_paragraphs("One\n\tTwo\r\nThree")
    for text in set(UNPRINTABLE.values()) - {"a\nb"}:
        with pytest.raises(ValidationError):
            check_paragraphs(text)


@pytest.mark.parametrize(("field", "status"), [("title", 400), ("venue", 400), ("description", 201)])
def test_events_take_line_breaks_in_their_description_only(cast: Cast, http: Http, field: str, status: int) -> None:
    event = {"title": "T", "starts_at": "2026-12-01T08:00", "ends_at": "2026-12-01T09:00"}

    lines = http.post("events/events/", {**event, field: "a\nb"}, by=cast.malimono.organizer)
    hidden = http.post("events/events/", {**event, field: "a\u202eb"}, by=cast.delcarmen.organizer)

    assert lines.status_code == status
    assert (hidden.status_code, hidden.json()["errors"][0]["code"]) == (400, "control_characters")
