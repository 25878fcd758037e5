"""A plan as the form shows it: door by door, in walking order, with what differs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from access.grants.pages import times
from access.grants.pages.forms import GrantForm
from access.grants.pages.sheet import Sheet
from access.grants.ways import WORDS
from access.planning.choosing import NOT_HERE
from access.planning.doors import Door
from access.planning.outcome import Action, Line, Need, Plan, Row, WarningCode
from accounts.providers.systems import AccessMethod as Mode
from locks.codes import rules

_MEANS = {
    Mode.CODE: "Digits to type at the door.",
    Mode.CARD: "Written or assigned at the desk.",
    Mode.MOBILE_KEY: "An app on their phone opens.",
    Mode.CLOUD_KEY: "A button on their page opens.",
}


_NO_DOOR = {
    Mode.CODE: "None of these doors takes a PIN.",
    Mode.CARD: "None of these doors takes a card.",
    Mode.MOBILE_KEY: "None of these doors takes a mobile key.",
    Mode.CLOUD_KEY: "None of these doors can be opened from afar.",
}
_TAGS = {
    Action.CREATE: ("New", "ok"),
    Action.KEEP: ("Stays", "unknown"),
    Action.CHANGE: ("Changes", "info"),
    Action.REISSUE: ("Changes", "info"),
    Action.REVOKE: ("Ends", "danger"),
}


#: Beside what is wrong with the times: a plan of them would be of nothing that can be.
NOT_THEN = "No plan for these times."
#: The same of one, and of several.
_TOLD = {
    "New": ("is new", "are new"),
    "Stays": ("stays", "stay"),
    "Changes": ("changes", "change"),
    "Ends": ("ends", "end"),
    "Stays for another stay": ("stays for another stay", "stay for another stay"),
    "Write the card again": ("needs its card written again", "need their card written again"),
    "New digits": ("gets new digits", "get new digits"),
    "Given out again": ("is given out again", "are given out again"),
}


@dataclass(frozen=True)
class Way:
    """One method at one door."""

    word: str
    icon: str
    #: What a change does to it: a word, and its tone.
    tag: str
    tone: str
    sentence: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DoorShown:
    id: UUID
    name: str
    ways: tuple[Way, ...] = ()
    #: Why nothing opens it.
    why: str = ""
    #: What is not as asked here.
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Option:
    """One way in, as it can be asked for."""

    mode: str
    word: str
    icon: str
    means: str
    is_wanted: bool
    #: Why none of the chosen doors takes it.
    why_not: str


@dataclass(frozen=True)
class Shown:
    doors: list[DoorShown]
    warnings: list[str]
    notes: list[str]
    summary: str
    #: Nothing in it is other than asked: it may be saved as soon as it is seen.
    is_plain: bool


def shown(sheet: Sheet) -> Shown:
    """Return what the plan says. Empty while there is too little to plan with."""
    if sheet.is_incomplete:
        return Shown(doors=[], warnings=[], notes=[], summary=_still(sheet), is_plain=False)
    if not sheet.fits_time:
        return Shown(doors=[], warnings=[], notes=[], summary=NOT_THEN, is_plain=False)
    plan, is_change = sheet.plan, sheet.grant is not None
    warnings = _warnings(plan)
    doors = _doors(plan, sheet.scene.found.doors, sheet.form.order, is_change=is_change)
    for door in doors:
        if door.why:  # that says it already
            warnings.pop(str(door.id), None)
    return Shown(
        doors=[replace(door, warnings=tuple(warnings.get(str(door.id), ()))) for door in doors],
        warnings=_at_the_top(warnings, {str(door.id) for door in doors}),
        notes=[*plan.notes, *_clocks(sheet)],
        summary=_summary(plan, is_change=is_change),
        is_plain=not (
            any(warnings.values()) or plan.left_out or plan.problems or sheet.form.errors
        ),
    )


def _still(sheet: Sheet) -> str:
    missing = sheet.missing or ["times"]
    return f"Still needed: {', '.join(missing)}."


def _clocks(sheet: Sheet) -> Iterator[str]:
    asked = sheet.scene.asked
    if sentence := times.change_of_clocks(sheet.place, asked.starts_at, asked.ends_at):
        yield sentence


def _warnings(plan: Plan) -> dict[str, list[str]]:
    """Return what will not be as asked, by door. That times change is said at each of them."""
    told: dict[str, list[str]] = defaultdict(list)
    for each in plan.warnings:
        if each.code != WarningCode.UPDATING_ACCESS_TIMES:
            told[each.device_id].append(each.sentence)
    return told


def _at_the_top(warnings: Mapping[str, list[str]], doors: Collection[str]) -> list[str]:
    """Return what belongs to no door that is shown, and at how many doors to look."""
    said = [each for pk, told in warnings.items() if pk not in doors for each in told]
    here = sum(pk in doors for pk in warnings)
    if here:
        said.insert(0, f"{_count(here, 'door does', 'doors do')} not get all that was asked for.")
    return said


# --- doors ----------------------------------------------------------------------------


def _doors(
    plan: Plan, doors: Sequence[Door], order: Sequence[Mode], *, is_change: bool
) -> list[DoorShown]:
    """Return the doors as one walks, then those that are given up; ways in as they were asked."""
    known = {door.id: door for door in doors}
    ways: dict[UUID, list[Way]] = defaultdict(list)
    names = {door.id: door.name for door in doors}
    for row in sorted(plan.rows, key=lambda row: order.index(row.mode)):
        for line in row.lines:
            names.setdefault(line.door_id, line.door_name)
            ways[line.door_id].append(_way(line, row, known.get(line.door_id), is_change))
    why = {each.door_id: each.sentence for each in plan.left_out}
    return [
        DoorShown(id=pk, name=name, ways=tuple(ways[pk]), why=why.get(pk, ""))
        for pk, name in names.items()
        if ways[pk] or pk in why
    ]


def _way(line: Line, row: Row, door: Door | None, is_change: bool) -> Way:  # noqa: FBT001
    word, icon = WORDS[line.mode]
    tag, tone = _tag(line, row) if is_change else ("", "")
    notes = (*line.notes, *(_limits(door) if door and line.mode == Mode.CODE else ()))
    return Way(word=word, icon=icon, tag=tag, tone=tone, sentence=line.sentence, notes=tuple(notes))


def _tag(line: Line, row: Row) -> tuple[str, str]:
    """Say what a change does here, in a word."""
    if line.is_left:
        return "Stays for another stay", "unknown"
    if line.action == Action.CREATE:
        return "New", "ok"
    if line.opens and row.need == Need.ENCODING:
        return "Write the card again", "warn"
    if line.opens and row.wants_new_digits:
        return "New digits", "warn"
    if line.action == Action.REISSUE and line.mode in (Mode.MOBILE_KEY, Mode.CLOUD_KEY):
        return "Given out again", "info"
    return _TAGS[line.action]


def _limits(door: Door) -> Iterator[str]:
    if door.codes:
        yield from rules.in_words(door.codes, door.brand)
    if door.slots:
        yield f"{door.slots.free} of its {door.slots.total} codes are free."
    if door.seats and not door.seats.is_held:
        yield f"{door.seats.free} of {door.seats.total} seats of {door.system_name} are free."


def _summary(plan: Plan, *, is_change: bool) -> str:
    if is_change:
        return _summary_of_change(plan)
    opened = {line.door_id for line in plan.lines if line.opens}
    said = [_count(len(opened), "door opens", "doors open")]
    if plan.left_out:
        said.append(_count(len(plan.left_out), "is left out", "are left out"))
    cards = sum(row.need != Need.NOTHING for row in plan.rows)
    if cards:
        said.append(_count(cards, "card to make at the desk", "cards to make at the desk"))
    return f"{', '.join(said)}."


def _summary_of_change(plan: Plan) -> str:
    if not plan.problems and plan.changes_nothing:
        return "Nothing changes: this is how it is already."
    tags = Counter(_tag(line, row)[0] for row in plan.rows for line in row.lines)
    said = [_count(count, *_TOLD[tag]) for tag, count in tags.items()]
    if plan.left_out:
        said.append(_count(len(plan.left_out), "door is left out", "doors are left out"))
    return f"Ways in: {', '.join(said)}." if said else ""


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


# --- ways in --------------------------------------------------------------------------


def options(form: GrantForm, doors: Sequence[Door]) -> list[Option]:
    """Return every way in, in its order, with why no chosen door takes it."""
    wanted = form.wanted
    return [
        Option(
            mode=mode.value,
            word=WORDS[mode][0],
            icon=WORDS[mode][1],
            means=_MEANS[mode],
            is_wanted=mode in wanted,
            why_not=_why_not(mode, doors),
        )
        for mode in form.order
    ]


def _why_not(mode: Mode, doors: Iterable[Door]) -> str:
    doors = list(doors)
    if not doors or any(door.takes(mode) for door in doors):
        return ""
    said = list(dict.fromkeys(door.why_not.get(mode, NOT_HERE[mode]) for door in doors))
    if len(doors) == 1:
        return said[0]
    return f"{_NO_DOOR[mode]}{'' if said == [NOT_HERE[mode]] else f' {doors[0].name}: {said[0]}'}"
