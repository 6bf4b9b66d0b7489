"""From the bytes of a file to rows of text: CSV and XLSX of strangers, rosters first of all."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import openpyxl

from shared_apps.accounts.errors import EmptyFile, InvalidMapping, MissingColumns, TooManyRows, UnreadableFile
from shared_apps.common.text import is_printable

MOST_ROWS: Final = 20_000
MOST_COLUMNS: Final = 100
MOST_UNPACKED: Final = 50 * 1024 * 1024
MOST_RATIO: Final = 100
MOST_PARTS: Final = 1_000
LONGEST_CELL: Final = 1_000

_COLUMNS: Final = {
    "student_id": ("studentno", "studentnumber", "studentid", "idnumber", "idno", "lrn"),
    "username": ("user", "login"),
    "email": ("emailaddress", "mail"),
    "first_name": ("firstname", "givenname"),
    "last_name": ("lastname", "surname", "familyname"),
    "role": ("usertype", "position"),
    "department": ("college", "dept"),
    "program": ("course", "degree", "programme"),
    "year_level": ("year", "yearlevel", "yr"),
    "section": ("block",),
    "phone": ("mobile", "contactnumber", "phonenumber", "telephone"),
    "is_active": ("active", "isactive"),
}


FIELDS: Final = tuple(_COLUMNS)


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was understood: rows as ``(line number, {field: text})``, and the headers nobody asked for."""

    rows: list[tuple[int, dict[str, str]]]
    ignored: list[str]


def read_roster(content: bytes, mapping: Mapping[str, str]) -> Table:
    """Read a CSV or XLSX file of people.

    ``mapping`` leads from the file's headers to our fields; headers that are close to ours need none.

    Raises: UnreadableFile, EmptyFile, TooManyRows, MissingColumns, InvalidMapping.
    """
    return read_table(content, columns=_COLUMNS, confirm=_confirm_roster, mapping=check_mapping(dict(mapping)))


def _confirm_roster(fields: set[str]) -> None:
    if not {"student_id", "username", "email"} & fields:
        raise MissingColumns


def read_table(
    content: bytes,
    *,
    columns: Mapping[str, Sequence[str]],
    confirm: Callable[[set[str]], None],
    mapping: Mapping[str, str] | None = None,
) -> Table:
    """Read a CSV or XLSX file. What it is follows from its bytes, not from its name.

    ``columns`` are the fields, each with other names that its header may have; ``mapping`` says more of them.
    ``confirm`` raises where the fields that were found do not do.

    Raises: UnreadableFile, EmptyFile, TooManyRows, and what ``confirm`` does.
    """
    table = _read_xlsx(content) if content.startswith(b"PK\x03\x04") else _read_csv(content)
    numbered = ((number, row) for number, row in enumerate(table, start=1) if any(cell.strip() for cell in row))
    header_line = next(numbered, None)
    if header_line is None:
        raise EmptyFile
    headers = [cell.strip()[:LONGEST_CELL] for cell in header_line[1]]
    fields = _match(headers, columns, mapping or {})
    confirm(set(fields.values()))
    rows: list[tuple[int, dict[str, str]]] = []
    for number, row in numbered:
        if len(rows) >= MOST_ROWS:
            raise TooManyRows
        rows.append((number, {field: row[column].strip() for column, field in fields.items() if column < len(row)}))
    if not rows:
        raise EmptyFile
    return Table(rows, [header for column, header in enumerate(headers) if column not in fields and header])


def check_mapping(mapping: object) -> dict[str, str]:
    """Return ``mapping`` if it leads from texts to fields that can be imported.

    Raises: InvalidMapping.
    """
    if (
        not isinstance(mapping, dict)
        or len(mapping) > MOST_COLUMNS
        or not all(isinstance(header, str) and is_printable(header, also="\n\r\t") for header in mapping)
        or not all(isinstance(field, str) and field in FIELDS for field in mapping.values())
        or len(set(mapping.values())) != len(mapping)
    ):
        raise InvalidMapping(attr="mapping")
    return mapping


def _match(headers: list[str], columns: Mapping[str, Sequence[str]], mapping: Mapping[str, str]) -> dict[int, str]:
    """Return which column holds which field; the first of two columns that fit wins."""
    said = {_plain(header): field for header, field in mapping.items()}
    guessed = {_plain(name): field for field, names in columns.items() for name in (field, *names)}
    fields: dict[int, str] = {}
    for lookup in (said, guessed):
        for column, header in enumerate(headers):
            field = lookup.get(_plain(header))
            if field and column not in fields and field not in fields.values():
                fields[column] = field
    return fields


def _plain(header: str) -> str:
    return re.sub(r"[^a-z0-9]", "", header.lower())


def _read_csv(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")  # what Excel saves where nobody asked for UTF-8
        except UnicodeDecodeError:
            raise UnreadableFile from None
    if "\x00" in text.split("\n", 1)[0]:
        raise UnreadableFile
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(1_000_000)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield row[:MOST_COLUMNS]
    except csv.Error as error:
        raise UnreadableFile(f"Not readable as CSV: {error}") from None


def _read_xlsx(content: bytes) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            packed = sum(part.compress_size for part in parts) or 1
            if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or unpacked / packed > MOST_RATIO:
                raise UnreadableFile("This workbook unpacks to more than can be read.")
        workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = workbook.worksheets[0]
        for row in sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS, max_row=MOST_ROWS + 100):
            yield [_cell(value) for value in row]
    except UnreadableFile:
        raise
    except Exception as error:  # noqa: BLE001 -- openpyxl raises whatever a broken file makes it trip over
        raise UnreadableFile(f"Not readable as XLSX: {type(error).__name__}") from None


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # 2024001.0 is how a sheet keeps a student number
    return str(value)
