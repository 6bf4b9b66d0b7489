"""How values stand in cells, and that no text becomes a formula."""

import csv
import io
import unicodedata
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_apps.exports.rules.cells import Kind, clean_text, find_value, is_formula, to_cell, write_cell
from tenant_apps.exports.rules.datasets import DATASETS


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\rx", "\n=1", "  =1", "\u00a0=1", "\u200b=1", "\ufeff-1", "＝1", "＋1",
        "－1", "＠x", "﹢1", "\u22121", "=cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "+63 917 000 0000",
    ],
)  # fmt: skip
def test_what_could_be_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert is_formula(text)
    assert write_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ana", "2024-0001", "a=1", "'=1", "#N/A", "ñ", "10-2", "(=1)", "  x"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert not is_formula(text)
    assert write_cell(text) == text


@pytest.mark.parametrize(
    ("value", "kind", "cell", "written"),
    [
        (None, Kind.TEXT, None, ""),
        ("", Kind.INSTANT, None, ""),
        (-5, Kind.NUMBER, -5, "-5"),
        (0.25, Kind.NUMBER, 0.25, "0.25"),
        ("-5", Kind.NUMBER, "-5", "'-5"),
        (True, Kind.YES_NO, True, "yes"),
        (False, Kind.YES_NO, False, "no"),
        ("2026-03-01T08:00:00.5+08:00", Kind.INSTANT, datetime(2026, 3, 1, 8), "2026-03-01 08:00:00"),
        ("2026-03-01", Kind.DAY, date(2026, 3, 1), "2026-03-01"),
        (["a", "b"], Kind.ID, "a, b", "a, b"),
        (5, Kind.TEXT, "5", "5"),
    ],
)
def test_a_value_is_what_its_column_says(value: Any, kind: Kind, cell: Any, written: str) -> None:
    assert to_cell(value, kind) == cell
    assert write_cell(to_cell(value, kind)) == written


def test_a_path_that_leads_nowhere_is_an_empty_cell() -> None:
    row = {"key": {"title": "A", "none": None}}
    assert [find_value(row, path) for path in ("key.title", "key.none.x", "key.title.x", "other")] == [
        "A", None, None, None,
    ]  # fmt: skip


@given(st.text())
def test_no_text_is_a_formula_once_it_is_written(text: str) -> None:
    written = write_cell(text)
    shown = "".join(c for c in unicodedata.normalize("NFKC", written) if unicodedata.category(c)[0] not in "CZ")
    assert shown[:1] not in {"=", "+", "-", "@", "\u2212"}
    assert written.removeprefix("'") == text or written == text
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerow([written, "next"])
    assert next(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [written, "next"]
    assert not any(ord(c) < 32 and c not in "\t\n" for c in clean_text(text))


def test_columns_have_one_name_each() -> None:
    for dataset in DATASETS.values():
        titles = [column.title for column in dataset.columns]
        assert len(set(titles)) == len(titles), dataset.title
