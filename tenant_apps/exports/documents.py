"""Rows as a file: CSV, XLSX or PDF. Each writes to an open file; the first two hold no more than a part of the rows."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from tenant_apps.documents.printing import print_document
from tenant_apps.exports.rules.cells import Cell, Kind, clean_text, find_value, to_cell, write_cell
from tenant_apps.exports.rules.datasets import Column, Dataset
from tenant_apps.exports.rules.exports import ExportFormat
from tenant_apps.uploads.rules import MediaType
from tenants.context import current_campus

MEDIA_TYPES: Final = {
    ExportFormat.CSV: MediaType.CSV,
    ExportFormat.XLSX: MediaType.XLSX,
    ExportFormat.PDF: MediaType.PDF,
}
_SOURCE: Final = (Path(__file__).parent / "table.typ").read_bytes()
# In characters of a sheet, and in parts of a page.
_WIDTHS: Final = {Kind.TEXT: 24, Kind.INSTANT: 19, Kind.DAY: 12, Kind.NUMBER: 10, Kind.YES_NO: 9, Kind.ID: 37}
_NARROW: Final = 6
# Of a longer table the tags for screen readers are most of the file.
_MOST_TAGGED: Final = 500

Rows = Iterable[Mapping[str, Any]]


def write_rows(file: BinaryIO, *, format: str, dataset: Dataset, about: str, at: datetime, rows: Rows) -> None:
    """Write all of ``rows`` as ``format`` says. ``about`` stands under the title of a PDF."""
    if format == ExportFormat.PDF:
        _write_pdf(file, dataset, rows, about=about, at=at)
    else:
        write: Callable[[BinaryIO, Dataset, Rows], None] = _write_csv if format == ExportFormat.CSV else _write_xlsx
        write(file, dataset, rows)


def _cells(columns: Sequence[Column], rows: Rows) -> Iterator[list[Cell]]:
    for row in rows:
        yield [to_cell(find_value(row, column.path), column.kind) for column in columns]


def _write_csv(file: BinaryIO, dataset: Dataset, rows: Rows) -> None:
    """RFC 4180, with the mark by which spreadsheets know UTF-8."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.title for column in dataset.columns])
    for cells in _cells(dataset.columns, rows):
        writer.writerow([write_cell(cell) for cell in cells])
    text.detach()


def _write_xlsx(file: BinaryIO, dataset: Dataset, rows: Rows) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(dataset.title)
    sheet.freeze_panes = "A2"
    for number, column in enumerate(dataset.columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = max(_WIDTHS[column.kind], len(column.title) + 2)
    head = [WriteOnlyCell(sheet, value=column.title) for column in dataset.columns]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    for cells in _cells(dataset.columns, rows):
        sheet.append([_typed(sheet, cell) if isinstance(cell, str) else cell for cell in cells])
    book.save(file)


def _typed(sheet: Any, text: str) -> Any:
    """Return text as text: openpyxl takes what begins like this for a formula, or for an error."""
    text = clean_text(text)
    if not text.startswith(("=", "#")):
        return text
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell


def _write_pdf(file: BinaryIO, dataset: Dataset, rows: Rows, *, about: str, at: datetime) -> None:
    """A4, upright where there are few columns."""
    columns = [column for column in dataset.columns if column.kind != Kind.ID]
    words: dict[str, Any] = {
        "title": dataset.title,
        "about": about,
        "made": f"{at.astimezone(current_campus().zone):%Y-%m-%d %H:%M} {current_campus().zone}",
        "landscape": len(columns) > _NARROW,
        "size": 9 if len(columns) <= _NARROW else 7.5 if len(columns) <= 2 * _NARROW else 5.5,
        "columns": [{"title": column.title, "width": _WIDTHS[column.kind]} for column in columns],
        "rows": [[_on_paper(cell) for cell in cells] for cells in _cells(columns, rows)],
    }
    file.write(print_document(_SOURCE, words=words, at=at, tagged=len(words["rows"]) <= _MOST_TAGGED))


def _on_paper(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    return clean_text(cell) if isinstance(cell, str) else write_cell(cell)
