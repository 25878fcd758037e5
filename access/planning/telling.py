"""What happens at each door, a sentence for people, in the property's time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from access.planning.asked import Wish
from access.planning.doors import Door
from access.planning.held import HeldDoor, HeldMethod
from access.planning.outcome import Action, Line, Need, Row, Source
from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window, clock

_THE = {
    AccessMethod.CODE: "The PIN",
    AccessMethod.CARD: "The card",
    AccessMethod.MOBILE_KEY: "The mobile key",
    AccessMethod.CLOUD_KEY: "Their web key",
}


def span(window: Window, zone: ZoneInfo, now: datetime) -> str:
    """`from 13 Jul, 15:00 until 16 Jul, 11:00`; `from now until somebody revokes it`."""
    starts_at, ends_at = window.starts_at, window.ends_at
    starts = clock(starts_at, zone, now) if starts_at and starts_at > now else "now"
    ends = clock(ends_at, zone, now) if ends_at else "somebody revokes it"
    return f"from {starts} until {ends}"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What sentences are about. `wish` is None where everything ends."""

    doors: Mapping[UUID, Door]
    methods: Mapping[UUID, HeldMethod]
    wish: Wish | None
    now: datetime
    #: The row that opens a door from now on, by method and door.
    opening: Mapping[tuple[AccessMethod, UUID], Row] = field(default_factory=dict)


def told(row: Row, scene: Scene) -> Row:
    """Return a row with a sentence and notes at each door."""
    method = scene.methods.get(row.method_id) if row.method_id else None
    return replace(row, lines=tuple(_told(line, row, method, scene) for line in row.lines))


def _told(line: Line, row: Row, method: HeldMethod | None, scene: Scene) -> Line:
    door, there = scene.doors.get(line.door_id), method.at(line.door_id) if method else None
    if door is None or scene.wish is None or not line.opens:
        assert there is not None
        sentence, notes = _ended(line, row, there, scene), _notes_of_end(line, there)
    else:
        sentence = _sentence(line, row, door, scene.now)
        notes = _notes(line, row, door, scene)
    return replace(line, sentence=sentence, notes=tuple(notes))


# --- what ends ------------------------------------------------------------------------


def opening(rows: Sequence[Row]) -> dict[tuple[AccessMethod, UUID], Row]:
    """Return the row that opens each door, by method and door."""
    return {(line.mode, line.door_id): row for row in rows for line in row.lines if line.opens}


def _ended(line: Line, row: Row, there: HeldDoor, scene: Scene) -> str:
    the, after = _THE[line.mode], scene.opening.get((line.mode, line.door_id))
    if line.is_left:
        return f"{the} stays for their other stay, {span(line.window, there.zone, scene.now)}."
    if after and row.digits and after.digits == row.digits:
        return "It becomes one with the PIN of their other stay, with the same digits."
    if after and line.mode == AccessMethod.CODE:
        return "The old PIN stops opening it."
    if line.mode == AccessMethod.CARD and there.writes_cards:
        return "The card stops opening it once the card is updated, or the door hears of it."
    return f"{the} stops opening it."


def _notes_of_end(line: Line, there: HeldDoor) -> Iterator[str]:
    if line.action != Action.REVOKE or there.is_online is not False:
        return
    if line.mode != AccessMethod.CLOUD_KEY:
        yield "It is offline now: it may go on opening until it is online again."


# --- what begins or goes on -----------------------------------------------------------


def _sentence(line: Line, row: Row, door: Door, now: datetime) -> str:
    when = span(line.window, door.zone, now)
    if line.action == Action.CREATE:
        return _created(row, door, when)
    if line.action == Action.KEEP:
        if row.need == Need.ENCODING and row.action != Action.KEEP:
            return f"The card goes on opening it, {when}."
        return f"{_THE[line.mode]} stays as it is, {when}."
    if row.wants_new_digits:
        return f"The PIN changes: {door.brand} ends the present one sooner. {_new(row, door, when)}"
    if line.mode == AccessMethod.CARD and row.need == Need.ENCODING:
        return f"The card opens it {when}, once it was written again; until then as before."
    if line.mode == AccessMethod.CODE:
        return f"The PIN stays the same and opens it {when}."
    if line.action == Action.REISSUE and line.mode != AccessMethod.CARD:
        return f"{_THE[line.mode]} is given out again and opens it {when}."
    return f"{_THE[line.mode]} opens it {when}."


def _created(row: Row, door: Door, when: str) -> str:
    if row.mode == AccessMethod.CODE:
        return _new(row, door, when)
    if row.mode == AccessMethod.CARD:
        return _new_on_card(row, door, when)
    what = "A mobile key" if row.mode == AccessMethod.MOBILE_KEY else "A button on their page"
    return f"{what} opens it {when}."


def _new(row: Row, door: Door, when: str) -> str:
    count = len(row.door_ids)
    shared = f", the same at {count} doors" if count > 1 else ""
    if row.source == Source.PROVIDER:
        return f"{door.brand} chooses the PIN{shared}. It opens the door {when}."
    what = {
        Source.ASKED: "The PIN asked for",
        Source.KEPT: "The PIN of their other doors",
        Source.REUSED: "The PIN they have already",
    }.get(row.source or Source.MADE, "A new PIN")
    return f"{what}{shared}{',' if shared else ''} opens it {when}."


def _new_on_card(row: Row, door: Door, when: str) -> str:
    if row.method_id:
        what = "The card they have" if door.writes_cards else "The tag they have"
        again = ", once it was written again" if row.need == Need.ENCODING else ""
        return f"{what} opens it {when}{again}."
    if door.writes_cards:
        return f"A card opens it {when}, once it was written at the desk."
    return f"A tag opens it {when}, once one was assigned at the desk."


# --- what to know ---------------------------------------------------------------------


def _notes(line: Line, row: Row, door: Door, scene: Scene) -> Iterator[str]:
    if scene.wish:
        yield from _rounding(line, door, scene.wish)
    if line.action == Action.KEEP:
        return
    if line.mode == AccessMethod.CODE:
        yield from _of_code(line, door, scene.now)
    elif line.mode == AccessMethod.CLOUD_KEY and door.is_online is False:
        yield "It is offline now, and opens from the page only while it is online."
    if line.also:
        yield "Their other stay follows on here, so one goes over into the other."


def _rounding(line: Line, door: Door, wish: Wish) -> Iterator[str]:
    """Said where it was moved, and not only joined to another stay."""
    own, zone = line.window, door.zone
    if line.also:
        return
    if own.starts_at and own.starts_at < wish.starts_at:
        yield f"The start is rounded down to {own.starts_at.astimezone(zone):%H:%M}."
    elif own.starts_at and own.starts_at > wish.starts_at:
        yield f"This lock wants a start to come: {own.starts_at.astimezone(zone):%H:%M}."
    if own.ends_at and wish.ends_at and own.ends_at > wish.ends_at:
        yield f"The end is rounded up to {own.ends_at.astimezone(zone):%H:%M}."


def _of_code(line: Line, door: Door, now: datetime) -> Iterator[str]:
    if door.is_online is False:
        yield "It is offline now: it hears of this when it is online again."
    ends_at = line.window.ends_at
    if ends_at is None or door.codes is None:
        return
    if door.codes.native_end:
        yield f"{door.brand} ends it by itself, even while the lock is offline."
    else:
        when = clock(ends_at, door.zone, now)
        yield f"Lockboard removes it {when}: the lock has to be online then."


def told_again(rows: Sequence[Row], methods: Sequence[HeldMethod]) -> Iterator[str]:
    """Yield that somebody was told digits which do not count any more."""
    after = opening(rows)
    for method in methods:
        if method.mode != AccessMethod.CODE or not method.is_delivered:
            continue
        names = [
            door.door_name
            for door in method.doors
            if _is_new(after.get((method.mode, door.door_id)), method)
        ]
        if names:
            yield (
                f"The PIN of {', '.join(names)} changes. They were told the old one: tell them"
                " the new one."
            )


def _is_new(row: Row | None, method: HeldMethod) -> bool:
    if row is None:
        return False
    if row.method_id == method.id:
        return row.wants_new_digits
    return not row.digits or row.digits != method.digits
