"""The plan of a grant: who gets in where, when and how. Pure, and the same for every change.

Extending, moving to another room, adding a door: each is the grant as wished now, beside what
it has. Revoking is `plan_end`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from access.planning import (
    checking,
    comparing,
    keys,
    parting,
    reservations,
    telling,
    warning,
    windows,
)
from access.planning.asked import IsFree, MakeDigits, Wish
from access.planning.choosing import Choice, choose
from access.planning.digits import Digits
from access.planning.doors import Door
from access.planning.groups import Group, Spot
from access.planning.held import HeldMethod, Holding
from access.planning.outcome import Plan, Problem, Row
from accounts.providers.systems import AccessMethod


@dataclass(frozen=True, kw_only=True)
class World:
    """What a plan stands on besides the wish."""

    #: In walking order; the same twice counts once.
    doors: Sequence[Door]
    #: The methods of this grant that are not revoked.
    held: Sequence[HeldMethod] = ()
    #: Those of the same person's other grants, past ones included if their PIN may be used again.
    others: Sequence[HeldMethod] = ()
    is_free: IsFree
    make_digits: MakeDigits


def plan(wish: Wish, world: World, *, now: datetime) -> Plan:
    """Return what this wish will do. With problems, the rest is as good as can be told."""
    doors = list({door.id: door for door in world.doors}.values())
    held = Holding(world.held)
    problems = list(checking.problems_of(wish, doors, held, now=now))
    if not wish.requests or _has_no_window(wish):
        return Plan(problems=tuple(problems))
    choices = choose(wish, doors, held, now=now)
    groups, of_digits = _groups(wish, choices, world, held, now)
    order = [door.id for door in doors]
    rows = comparing.rows_of(groups, held.methods, wish, order)
    problems += [*warning.problems_of(wish, choices), *of_digits]
    problems += reservations.problems_of(wish, choices)
    return replace(_told(wish, world, choices, rows, now=now), problems=tuple(problems))


def _has_no_window(wish: Wish) -> bool:
    return wish.ends_at is not None and wish.ends_at <= wish.starts_at


def plan_end(held: Iterable[HeldMethod], *, now: datetime) -> Plan:
    """Return what revoking a grant will do. What other grants want too stays for them."""
    methods = Holding(held).methods
    known = {method.id: method for method in methods}
    scene = telling.Scene(doors={}, methods=known, wish=None, now=now)
    rows = tuple(telling.told(comparing.ended(each), scene) for each in methods)
    return Plan(rows=rows, warnings=tuple(warning.of_times(rows)), devices_before=_devices(methods))


def _groups(
    wish: Wish, choices: Sequence[Choice], world: World, held: Holding, now: datetime
) -> tuple[list[Group], list[Problem]]:
    own = {method.id for method in held.methods}
    others = [each for each in world.others if each.id not in own]
    away = parting.parted(held.methods, choices, wish, now=now)
    gone = [parting.left_to_others(each) for each in held.methods if each.id in away]
    held = Holding(each for each in held.methods if each.id not in away)
    placing = Digits(
        wish=wish,
        held=held,
        others=others,
        is_free=world.is_free,
        make=world.make_digits,
        now=now,
        parted=gone,
    )
    placing.place(_spots(AccessMethod.CODE, wish, choices, held, now))
    groups = list(placing.groups)
    for mode in (AccessMethod.CARD, AccessMethod.MOBILE_KEY, AccessMethod.CLOUD_KEY):
        spots = _spots(mode, wish, choices, held, now)
        if spots:
            groups += keys.place(mode, spots, held, others)
    return groups, placing.problems


def _spots(
    mode: AccessMethod, wish: Wish, choices: Sequence[Choice], held: Holding, now: datetime
) -> list[Spot]:
    spots = []
    for choice in choices:
        if mode not in choice.modes:
            continue
        there = held.at(mode, choice.door.id)
        window = windows.window_at(choice.door, mode, wish.window, there, now=now)
        if there and mode in choice.stays:
            window = there.window
        spots.append(Spot(choice.door, window, also=there.also if there else None))
    return spots


def _told(
    wish: Wish, world: World, choices: Sequence[Choice], rows: Sequence[Row], *, now: datetime
) -> Plan:
    doors = {choice.door.id: choice.door for choice in choices}
    known = {method.id: method for method in (*world.others, *world.held)}
    used = frozenset(method.id for method in world.held if method.is_used)
    scene = telling.Scene(
        doors=doors, methods=known, wish=wish, now=now, opening=telling.opening(rows)
    )
    said = tuple(telling.told(row, scene) for row in rows)
    warnings = [
        *warning.of_choices(choices),
        *warning.of_digits(wish, said, doors, used),
        *warning.of_mobile_keys(wish.person, choices),
        *warning.of_times(said),
    ]
    notes = [
        *warning.notes_of(wish, choices),
        *reservations.notes_of(wish, choices),
        *telling.told_again(said, world.held),
    ]
    return Plan(
        rows=said,
        warnings=tuple(warnings),
        left_out=tuple(warning.left_out(choices)),
        notes=tuple(notes),
        devices_before=_devices(world.held),
        devices_after=frozenset(
            door_id for row in said for door_id in row.door_ids if doors[door_id].is_device
        ),
    )


def _devices(methods: Iterable[HeldMethod]) -> frozenset[UUID]:
    return frozenset(door.door_id for method in methods for door in method.doors if door.is_device)
