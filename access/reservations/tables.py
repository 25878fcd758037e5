"""A table of bookings, as spreadsheets save it -> stays, with a row for each of its lines. Pure.

What looks like a formula is text here, and whoever exports it again escapes it. A table is
stored whole or not at all: `Reading.may_be_imported`. It lists what somebody chose to list,
so nobody concludes from it that another stay is gone.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from access.people import rules as people
from access.reservations.dates import DayOrder, read_cell, read_clock
from access.reservations.headings import columns_of, plain
from access.reservations.stays import (
    Guest,
    House,
    ReadError,
    Reading,
    Row,
    Stay,
    Verdict,
    check_window,
    left_out,
    shown,
)
from locks.codes.rules import RuleError, local_moment, rounded

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 10_000
_CELL_LONGEST = 500
_REFERENCE_LONGEST = 100

_CANCELLED = {
    "cancelled", "canceled", "cancellation", "geannuleerd", "storniert", "annule", "annulee",
    "cancelado", "cancelada", "anulado", "anulada", "cancellato", "cancellata", "annullato",
}  # fmt: skip


def read(content: bytes, *, house: House, now: datetime, order: DayOrder | None = None) -> Reading:
    """Read a CSV upload. Raises ReadError where it is none; a bad line is a row with a reason.

    `order` is what 03/04/2026 means at the property. Without it such a date is refused.
    """
    if len(content) > MAX_BYTES:
        raise ReadError("The file is larger than 5 MB. Nothing was imported.")
    lines = _lines(_text(content))
    _, headings = next(lines, (0, []))
    if not headings:
        raise ReadError("The file is empty.")
    columns = columns_of(headings)
    reader = _Reader(house, now, order)
    return Reading(rows=tuple(reader.rows(_as_columns(lines, columns))))


# --- the file -------------------------------------------------------------------------

_NO_TABLE = "The file is no table of text. Save it as CSV and choose it again."


def _text(content: bytes) -> str:
    if content[:4] == b"PK\x03\x04" or content[:4] == b"\xd0\xcf\x11\xe0":
        raise ReadError("The file is a workbook of Excel. Save it as CSV and choose it again.")
    try:
        if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            text = content.decode("utf-16")
        else:
            text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise ReadError(_NO_TABLE) from None
    if "\x00" in text:
        raise ReadError(_NO_TABLE)
    return text


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield lines that are not empty, by their number. Raises ReadError for too many."""
    first, _, rest = text.lstrip("\r\n ").partition("\n")
    told = first.strip().lower()
    if told.startswith("sep=") and len(told) == 5:  # Excel's own way to say it
        mark, begins = told[4], rest
    else:
        mark, begins = max(";,\t|", key=first.count), text
    reader = csv.reader(io.StringIO(begins, newline=""), delimiter=mark)
    skipped = 1 if begins is rest else 0
    count = 0
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MAX_ROWS + 1:
                raise ReadError(f"The file has more than {MAX_ROWS:,} lines. Nothing was imported.")
            yield reader.line_num + skipped, cells
    except csv.Error:
        raise ReadError(_NO_TABLE) from None


def _as_columns(
    lines: Iterator[tuple[int, list[str]]], columns: Mapping[str, int]
) -> Iterator[tuple[int, dict[str, str]]]:
    for number, cells in lines:
        yield (
            number,
            {
                column: cells[place].strip() if place < len(cells) else ""
                for column, place in columns.items()
            },
        )


# --- its lines ------------------------------------------------------------------------


class _Reader:
    def __init__(self, house: House, now: datetime, order: DayOrder | None) -> None:
        self.house = house
        self.now = now
        self.order = order
        #: Number of a stay -> its line, and itself.
        self.known: dict[str, tuple[int, Stay]] = {}

    def rows(self, lines: Iterator[tuple[int, dict[str, str]]]) -> Iterator[Row]:
        for number, cells in lines:
            text = shown(cells.get("name", "") or _whole_name(cells) or cells.get("reference", ""))
            row = Row(number=number, text=text or f"Line {number}", verdict=Verdict.STAY)
            try:
                stay = self._stay(cells)
                yield self._checked(replace(row, uid=stay.uid, stay=stay), stay)
            except ReadError as error:
                yield replace(row, verdict=Verdict.UNREADABLE, reason=str(error))

    def _checked(self, row: Row, stay: Stay) -> Row:
        if reason := left_out(stay, now=self.now):
            return replace(row, stay=None, verdict=Verdict.LEFT_OUT, reason=reason)
        line, same = self.known.setdefault(stay.uid, (row.number, stay))
        if line == row.number:
            return row
        if same == stay:
            reason = f"It is the same as line {line}."
            return replace(row, stay=None, verdict=Verdict.LEFT_OUT, reason=reason)
        raise ReadError(f"It contradicts line {line}: the same booking with other details.")

    def _stay(self, cells: Mapping[str, str]) -> Stay:
        if any(len(cell) > _CELL_LONGEST for cell in cells.values()):
            raise ReadError(f"A cell is longer than {_CELL_LONGEST} characters.")
        guest = _guest(cells)
        starts_at, is_date = self._moment(cells, "arrival", up=False)
        ends_at, is_end_date = self._moment(cells, "departure", up=True)
        check_window(starts_at, ends_at)
        starts_on, ends_on = (at.astimezone(self.house.zone).date() for at in (starts_at, ends_at))
        reference = shown(cells.get("reference", ""), _REFERENCE_LONGEST)
        room = shown(cells.get("room", ""), 100)
        return Stay(
            uid=_uid(reference, room, guest, starts_on),
            starts_at=starts_at,
            ends_at=ends_at,
            starts_on=starts_on,
            ends_on=ends_on,
            by_date=is_date and is_end_date,
            guest=guest,
            reference=reference,
            room=room,
            is_cancelled=plain(cells.get("status", "")) in _CANCELLED,
        )

    def _moment(self, cells: Mapping[str, str], column: str, *, up: bool) -> tuple[datetime, bool]:
        """Return when somebody arrives or leaves, and whether only the day was told."""
        text = cells[column]
        if not text:
            raise ReadError(f"It tells no {column}.")
        at = read_cell(text, self.order)
        clock = cells.get(f"{column}_time", "")
        if isinstance(at, datetime) and at.tzinfo:
            return rounded(at, 60, up=up), False
        if isinstance(at, datetime):
            # Spreadsheets write the midnight of a date that was formatted as a moment.
            given = None if at.time() == time() else at.time()
            day: date = at.date()
        else:
            given, day = None, at
        if clock and given is None:
            given = read_clock(clock)
        if given is None:
            return (self.house.departure(day) if up else self.house.arrival(day)), True
        return _local(column, day, given, self.house.zone), False


def _local(column: str, day: date, clock: time, zone: ZoneInfo) -> datetime:
    try:
        return local_moment(column, day, clock, zone)
    except RuleError as error:
        raise ReadError(f"{error.sentence}.".replace("?.", "?")) from None


def _guest(cells: Mapping[str, str]) -> Guest:
    """Return whom a line is about. Raises ReadError: what somebody typed is not dropped."""
    try:
        name = cells.get("name", "") or _whole_name(cells)
        return Guest(
            name=people.clean_full_name(name),
            email=people.clean_email(cells.get("email", "")),
            phone=people.clean_phone(cells.get("phone", "").lstrip("'")),
        )
    except RuleError as error:
        raise ReadError(f"{error.sentence}.") from None


def _whole_name(cells: Mapping[str, str]) -> str:
    return f"{cells.get('first_name', '')} {cells.get('last_name', '')}".strip()


def _uid(reference: str, room: str, guest: Guest, starts_on: date) -> str:
    """Return a number for a booking: its own and the room's, else who arrives where and when."""
    told: tuple[str, ...]
    if reference:
        told = ("reference", reference, room.casefold())
    else:
        told = ("guest", guest.name.casefold(), guest.email, room.casefold(), str(starts_on))
    return f"table:{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}"
