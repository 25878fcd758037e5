"""What people may ask of an access code: digits, names, windows, local times. Pure.

Sentences are those of reliability C and stand next to the field they are about.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from accounts.providers.codes import CodeConstraint, CodeRules

NAME_LONGEST = 60
#: Doors in one go; more is a slip, or a job for the API.
MOST_DOORS = 100
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=5 * 365 + 1)
#: Codes of one door with the same digits must be at least this far apart (reliability CODE-09).
APART = timedelta(minutes=15)

_DIGITS = re.compile(r"[0-9]{4,9}")
_YEAR = re.compile(r"(19|20)\d\d")
#: Letters and blanks of Unicode that show nothing.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
#: They join letters and emoji, and are harmless there.
_JOINERS = frozenset("\u200c\u200d")
#: Marks, embeddings, overrides and isolates of the direction of text.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")


class RuleError(ValueError):
    """Something a person typed that cannot be. `field` is where the sentence belongs."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence


class TwiceError(RuleError):
    """A local time that happens twice. `choices`: first and second, in words."""

    def __init__(self, field: str, clock: str, choices: tuple[str, str]) -> None:
        first, second = choices
        super().__init__(field, f"{clock} happens twice. First ({first}) or second ({second})?")
        self.choices = choices


# --- digits and doors ------------------------------------------------------------------


def check_count(doors: int) -> None:
    """Raise RuleError unless so many doors can be given in one go."""
    if not doors:
        raise RuleError("doors", "choose at least one door")
    if doors > MOST_DOORS:
        raise RuleError("doors", f"choose at most {MOST_DOORS} doors")


def check_digits(digits: str, rules: CodeRules, *, phone: str = "") -> None:
    """Raise RuleError unless a lock with these rules takes these digits, and nobody guesses them.

    Empty digits are for whoever makes them, us or the provider.
    """
    if not digits:
        return
    if rules.digits_by_provider:
        raise RuleError("digits", "Salto chooses the PIN; leave empty")
    check_typed(digits, phone=phone)
    if len(digits) not in rules.lengths:
        raise RuleError("digits", f"this lock accepts {lengths_in_words(rules)}")
    for constraint, (is_broken, sentence) in _BROKEN.items():
        if constraint in rules.constraints and is_broken(digits):
            raise RuleError("digits", sentence)


def check_typed(digits: str, *, phone: str = "") -> None:
    """Raise RuleError unless these are digits of a PIN, at whatever lock, that nobody guesses."""
    if not _DIGITS.fullmatch(digits):
        raise RuleError("digits", "code: 4–9 digits 0–9")
    if is_guessable(digits) or (phone and digits == phone[-len(digits) :]):
        raise RuleError("digits", "code is too easy to guess")


def is_guessable(digits: str) -> bool:
    """Tell whether these are the digits that people try first (reliability CODE-10)."""
    return (
        len(set(digits)) == 1
        or _longest_run(digits) == len(digits)
        or _YEAR.fullmatch(digits) is not None
        or (len(digits) % 2 == 0 and digits == digits[:2] * (len(digits) // 2))
    )


def lengths_in_words(rules: CodeRules) -> str:
    """`6 digits`, `4 or 6 digits`, `4–9 digits`."""
    lengths = sorted(rules.lengths)
    if len(lengths) > 2 and lengths == list(range(lengths[0], lengths[-1] + 1)):
        return f"{lengths[0]}–{lengths[-1]} digits"
    words = [str(length) for length in lengths]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) + " digits"


def in_words(rules: CodeRules, brand: str) -> list[str]:
    """What a lock takes, a sentence each, for the form."""
    if rules.digits_by_provider:
        return [f"{lengths_in_words(rules)}, made by {brand}: you cannot choose."]
    said = [f"{lengths_in_words(rules).capitalize()}."]
    said += [
        f"{sentence.capitalize()}."
        for constraint, (_, sentence) in _BROKEN.items()
        if constraint in rules.constraints
    ]
    return said


def _longest_run(digits: str) -> int:
    """How many neighbours go up, or down, by one; 0 follows 9."""
    best = 1
    for step in (1, -1):
        here = 1
        for one, two in pairwise(digits):
            here = here + 1 if (int(one) + step) % 10 == int(two) else 1
            best = max(best, here)
    return best


def _has_any(letters: str) -> Callable[[str], bool]:
    return lambda digits: bool(set(letters) & set(digits))


#: Constraints that digits alone can break, with what to say.
_BROKEN: dict[CodeConstraint, tuple[Callable[[str], bool], str]] = {
    CodeConstraint.NO_ZEROS: (_has_any("0"), "this lock does not accept the digit 0"),
    CodeConstraint.CANNOT_START_WITH_12: (
        lambda digits: digits.startswith("12"),
        "this lock does not accept digits that start with 12",
    ),
    CodeConstraint.NO_TRIPLE_CONSECUTIVE_INTS: (
        lambda digits: _longest_run(digits) >= 3 or re.search(r"(.)\1\1", digits) is not None,
        "this lock does not accept three in a row such as 345, 543 or 555",
    ),
    CodeConstraint.NO_ASCENDING_OR_DESCENDING_SEQUENCE: (
        lambda digits: _longest_run(digits) == len(digits),
        "this lock does not accept digits that count up or down",
    ),
    CodeConstraint.AT_LEAST_THREE_UNIQUE_DIGITS: (
        lambda digits: len(set(digits)) < 3,
        "this lock wants at least three different digits",
    ),
    CodeConstraint.CANNOT_CONTAIN_089: (
        _has_any("089"),
        "this lock does not accept the digits 0, 8 and 9",
    ),
    CodeConstraint.CANNOT_CONTAIN_0789: (
        _has_any("0789"),
        "this lock does not accept the digits 0, 7, 8 and 9",
    ),
    CodeConstraint.NO_ALL_SAME_DIGITS: (
        lambda digits: len(set(digits)) == 1,
        "this lock does not accept one digit repeated",
    ),
}


# --- names ----------------------------------------------------------------------------


def clean_name(text: str, *, longest: int = NAME_LONGEST, of: str = "visible characters") -> str:
    """Return a name as it is kept: NFC, no blanks around it. Raises RuleError.

    Markup and formulas are only text: pages and exports escape them.
    """
    name = unicodedata.normalize("NFC", text).strip()
    is_shown = any(not each.isspace() and each not in _BLANK | _JOINERS for each in name)
    refused = next(filter(None, map(_refused_for, name)), "")
    if refused or not is_shown or len(name) > longest:
        sentence = f"name: 1–{longest} {of}"
        raise RuleError("name", f"{sentence}; {refused}" if refused else sentence)
    return name


def _refused_for(letter: str) -> str:
    """Say why a name cannot have this letter; "" where it can."""
    kind = unicodedata.category(letter)
    if kind in {"Cc", "Zl", "Zp"}:
        return "it has a control character, such as a tab or a line break"
    if letter in _TURNING:
        return "it has a hidden character that turns the direction of text"
    if kind == "Cf" and letter not in _JOINERS:
        return "it has a hidden character"
    return "it has a character that cannot be shown" if kind in {"Cs", "Co"} else ""


# --- times ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """When a code opens: half-open, in UTC; both ends or neither."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None


def window(
    starts_at: datetime | None,
    ends_at: datetime | None,
    *,
    now: datetime,
    granularity_seconds: int = 60,
    must_start_later: bool = False,
) -> Window:
    """Return a window rounded to what the provider keeps: start down, end up.

    Raises RuleError for one that cannot be, or is over.
    """
    if starts_at is None and ends_at is None:
        return Window()
    if starts_at is None or ends_at is None:
        raise RuleError(
            "ends_at" if ends_at is None else "starts_at",
            "time-bound codes need both start and end; leave both empty for an ongoing code",
        )
    if ends_at <= starts_at:
        raise RuleError("ends_at", "end must be after start")
    if ends_at <= now:
        raise RuleError("ends_at", "end is already over")
    if not SHORTEST <= ends_at - starts_at <= LONGEST:
        raise RuleError("ends_at", "duration 1 minute – 5 years")
    if must_start_later and starts_at <= now:
        raise RuleError("starts_at", "this lock wants a start that is still to come")
    return Window(
        rounded(starts_at, granularity_seconds), rounded(ends_at, granularity_seconds, up=True)
    )


def rounded(at: datetime, seconds: int, *, up: bool = False) -> datetime:
    """Return a time at a whole multiple of so many seconds, in UTC."""
    since = at.astimezone(UTC) - datetime(2000, 1, 1, tzinfo=UTC)
    step = timedelta(seconds=seconds)
    whole = -(-since // step) if up else since // step
    return datetime(2000, 1, 1, tzinfo=UTC) + whole * step


def overlap(one: Window, other: Window, *, apart: timedelta = APART) -> bool:
    """Tell whether two windows come nearer to one another than `apart`."""

    def begins_before_end(a: Window, b: Window) -> bool:
        return a.starts_at is None or b.ends_at is None or a.starts_at < b.ends_at + apart

    return begins_before_end(one, other) and begins_before_end(other, one)


def read_moment(field: str, text: object) -> datetime:
    """Read an RFC 3339 date-time with its offset. Raises RuleError."""
    if isinstance(text, str) and _NAIVE.fullmatch(text):
        raise RuleError(field, f"{field}: needs a timezone, e.g. 2025-07-13T15:00:00Z")
    try:
        if isinstance(text, str) and _MOMENT.fullmatch(text):
            at = datetime.fromisoformat(text).astimezone(UTC)
            if 2000 <= at.year < 2100:
                return at
    except (ValueError, OverflowError):
        pass
    raise RuleError(field, f"{field}: RFC 3339 date-time between 2000 and 2100")


def local_moment(
    field: str, day: date, clock: time, zone: ZoneInfo, *, fold: int | None = None
) -> datetime:
    """Return the moment, in UTC, that a clock at the property shows this.

    Raises RuleError where clocks skip it, TwiceError where they show it twice and `fold` does
    not say whether the first (0) or the second (1) is meant.
    """
    naive = datetime.combine(day, clock.replace(tzinfo=None, fold=0))
    first, second = (naive.replace(tzinfo=zone, fold=each) for each in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
        before, after = _around_gap(first, second, zone)
        raise RuleError(
            field,
            f"{naive:%H:%M} does not exist on {naive:%-d %b %Y} (clocks go forward)."
            f" Choose {_clock(before, naive)} or {_clock(after, naive)}",
        )
    if fold is None:
        raise TwiceError(field, f"{naive:%H:%M}", (offset_words(first), offset_words(second)))
    return (second if fold else first).astimezone(UTC)


def clock(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`12:04`; on another day `27 Nov, 12:04`; in another year with that."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{local:%-d %b, %H:%M}" if local.year == today.year else f"{local:%-d %b %Y, %H:%M}"


def offset_words(at: datetime) -> str:
    """`UTC+2`, `UTC+5:30`, `UTC`."""
    offset = at.utcoffset() or timedelta(0)
    minutes = abs(int(offset.total_seconds())) // 60
    if not minutes:
        return "UTC"
    sign = "+" if offset > timedelta(0) else "−"
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")


def _around_gap(first: datetime, second: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the last minute before clocks jump and the first after, as clocks show them."""
    early, late = sorted((first.astimezone(UTC), second.astimezone(UTC)))
    old = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            early = middle
        else:
            late = middle
    last = late - timedelta(minutes=1)
    return last.astimezone(zone), late.astimezone(zone)


def _clock(at: datetime, near: datetime) -> str:
    return f"{at:%H:%M}" if at.date() == near.date() else f"{at:%H:%M on %-d %b}"
