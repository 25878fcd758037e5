"""The bytes of a calendar feed -> its entries, each a list of lines. Pure.

Each entry is cut out and read by itself, so that one that is broken costs itself only, and
only of properties that we use. The definitions of time zones inside a feed are left behind:
the library would keep them for every feed that it reads later.
"""

import re
from dataclasses import dataclass, field

from access.reservations.stays import ReadError

MAX_BYTES = 5 * 1024 * 1024
MAX_ENTRIES = 5000
#: A description is read for a name, a phone and a number, all near its beginning.
_LINE_LONGEST = 8000

_USED = {
    "DESCRIPTION",
    "DTEND",
    "DTSTART",
    "DURATION",
    "EXDATE",
    "LAST-MODIFIED",
    "RDATE",
    "RECURRENCE-ID",
    "RRULE",
    "SEQUENCE",
    "STATUS",
    "SUMMARY",
    "UID",
}
#: What may stand in a parameter holds a colon only between quotation marks.
_PROPERTY = re.compile(
    r"""(?P<name>[A-Za-z0-9-]+)(?:;(?:[^:"]|"[^"]*")*)?:(?P<value>.*)""", re.DOTALL
)
_LINE_ENDS = re.compile(rb"\r+\n|\r")
_FOLD = re.compile(rb"\n[ \t]")
#: All that is no text. A tab is.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(kw_only=True)
class Entry:
    number: int
    lines: list[str] = field(default_factory=list)
    #: The feed broke off inside it.
    is_cut: bool = False

    @property
    def text(self) -> str:
        return "\r\n".join(["BEGIN:VEVENT", *self.lines, "END:VEVENT", ""])


@dataclass(kw_only=True)
class Entries:
    entries: list[Entry] = field(default_factory=list)
    #: What the feed calls its zone; "" where it does not.
    zone_name: str = ""
    #: Names a feed gives to zones -> the names everybody knows, where it tells them.
    zone_names: dict[str, str] = field(default_factory=dict)
    product: str = ""
    is_whole: bool = False


def entries_of(content: bytes) -> Entries:
    """Cut a feed into entries. Raises ReadError where it is no calendar, or too much of one."""
    if len(content) > MAX_BYTES:
        raise ReadError("The calendar is larger than 5 MB. It was not read.")
    text = _text(content)
    if not text.strip():
        raise ReadError("The address answered with nothing at all instead of a calendar.")
    if text.lstrip()[:1] == "<":
        raise ReadError("The address answered with a web page instead of a calendar.")
    cutter = _Cutter()
    for line in _logical_lines(text):
        cutter.take(line)
    if not cutter.is_calendar:
        raise ReadError("The address answered with something that is no calendar.")
    return cutter.done()


def _text(content: bytes) -> str:
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        content = content.decode("utf-16", "replace").encode()
    # Unfolded before it is decoded: folds fall inside of letters.
    unfolded = _FOLD.sub(b"", _LINE_ENDS.sub(b"\n", content))
    try:
        text = unfolded.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = unfolded.decode("cp1252", "replace")
    return _CONTROL.sub("", text.replace("\n", "\r").replace("\r", "\n"))


def _logical_lines(text: str) -> list[str]:
    """Return the lines, those that are no property joined to the one before.

    Feeds do write line breaks of a description as line breaks.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if _is_property(line) or not lines:
            lines.append(line)
        elif line.strip() and len(lines[-1]) < _LINE_LONGEST:
            lines[-1] += "\\n" + line
    return [line[:_LINE_LONGEST] for line in lines]


def _is_property(line: str) -> bool:
    match = _PROPERTY.match(line)
    # `Phone: +31 6 …` is the rest of a description: names of properties are in capitals.
    return match is not None and (match["name"].isupper() or match["name"].upper() in _USED)


class _Cutter:
    """Takes line after line, and keeps what belongs to an entry."""

    def __init__(self) -> None:
        self.found = Entries()
        self.is_calendar = False
        self._entry: Entry | None = None
        #: What is inside of what now: names after BEGIN.
        self._inside: list[str] = []
        self._zone = ""

    def take(self, line: str) -> None:
        match = _PROPERTY.match(line)
        if match is None:
            return
        name, value = match["name"].upper(), match["value"].strip()
        if name == "BEGIN":
            self._begin(value.upper())
        elif name == "END":
            self._end(value.upper())
        elif self._entry is not None and self._inside[-1:] == ["VEVENT"]:
            if name in _USED:
                self._entry.lines.append(line)
        else:
            self._note(name, value)

    def done(self) -> Entries:
        if self._entry is not None:
            self._entry.is_cut = True
        return self.found

    def _begin(self, kind: str) -> None:
        if kind == "VCALENDAR":
            self.is_calendar = True
            self._inside = []
        if kind == "VEVENT":
            # One that begins inside of another: the other forgot its end.
            self._inside = ["VCALENDAR"]
            if len(self.found.entries) == MAX_ENTRIES:
                raise ReadError(
                    f"The calendar has more than {MAX_ENTRIES:,} entries. It was not read."
                )
            self._entry = Entry(number=len(self.found.entries) + 1)
            self.found.entries.append(self._entry)
        if len(self._inside) < 10:
            self._inside.append(kind)

    def _end(self, kind: str) -> None:
        if kind in self._inside:
            while self._inside.pop() != kind:
                pass
        if kind == "VEVENT":
            self._entry = None
        if kind == "VCALENDAR":
            self.found.is_whole = self._entry is None

    def _note(self, name: str, value: str) -> None:
        """Keep what is told of the whole calendar, or of a zone in it."""
        if self._inside[-1:] == ["VTIMEZONE"]:
            if name == "TZID":
                self._zone = value
            elif name == "X-LIC-LOCATION":
                self.found.zone_names[self._zone] = value
        elif name == "X-WR-TIMEZONE":
            self.found.zone_name = value
        elif name == "PRODID":
            self.found.product = value
