"""What has to happen so that what is there becomes what is planned."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from access.planning.asked import Wish
from access.planning.groups import Group, Spot
from access.planning.held import HeldDoor, HeldMethod
from access.planning.outcome import Action, Line, Need, Row
from accounts.providers.systems import AccessMethod


def rows_of(
    groups: Sequence[Group], methods: Sequence[HeldMethod], wish: Wish, order: Sequence[UUID]
) -> list[Row]:
    """Return a row per method: those planned, then those that end. Lines as the doors stand."""
    planned = [_row(group, wish, order) for group in groups if group.spots]
    planned.sort(key=lambda row: (_place(row.lines[0], order), row.mode))
    kept = {row.method_id for row in planned}
    return planned + [ended(method) for method in methods if method.id not in kept]


def ended(method: HeldMethod) -> Row:
    """Return what becomes of a method that this grant wants no more."""
    lines = tuple(_ended_line(door, method) for door in method.doors)
    return Row(
        mode=method.mode,
        action=_together(lines, method, set()),
        method_id=method.id,
        lines=lines,
        system_id=method.system_id,
        digits=method.digits,
        is_joined=any(door.also for door in method.doors),
    )


def _ended_line(door: HeldDoor, method: HeldMethod) -> Line:
    line = Line(
        door_id=door.door_id,
        door_name=door.door_name,
        mode=method.mode,
        action=Action.REVOKE,
        window=door.window,
        was=door.window,
    )
    if door.also is None:
        return line
    action = _moved(door.window == door.also, method)
    return replace(line, action=action, window=door.also, also=door.also, is_left=True)


def _moved(is_same: bool, method: HeldMethod) -> Action:  # noqa: FBT001  it is the question
    if is_same:
        return Action.KEEP
    return Action.REISSUE if method.is_issued else Action.CHANGE


def _row(group: Group, wish: Wish, order: Sequence[UUID]) -> Row:
    method = group.method
    lines = tuple(sorted(_lines(group), key=lambda line: _place(line, order)))
    action = _together(lines, method, group.spots.keys())
    if group.wants_new_digits:
        action = Action.REISSUE
    request = wish.request(group.mode)
    is_mobile = group.mode == AccessMethod.MOBILE_KEY and request is not None
    return Row(
        mode=group.mode,
        action=action,
        method_id=method.id if method else None,
        lines=lines,
        system_id=group.system_id,
        digits="" if group.wants_new_digits else group.digits,
        source=group.source,
        source_id=group.source_id,
        wants_new_digits=group.wants_new_digits,
        need=_need(group, action),
        is_joined=group.is_joined,
        instant_key_max_use_count=(
            request.instant_key_max_use_count if is_mobile and request else None
        ),
    )


def _place(line: Line, order: Sequence[UUID]) -> tuple[int, str, UUID]:
    at = order.index(line.door_id) if line.door_id in order else len(order)
    return (at, line.door_name, line.door_id)


def _lines(group: Group) -> Iterator[Line]:
    method = group.method
    for spot in group.spots.values():
        yield _line(spot, group)
    # Of a joined method, the doors that only other grants want are not this grant's.
    if method and not group.is_joined:
        yield from (_ended_line(d, method) for d in method.doors if d.door_id not in group.spots)


def _line(spot: Spot, group: Group) -> Line:
    there = group.method.at(spot.door.id) if group.method else None
    action = Action.CREATE
    if there and group.method:
        is_same = there.window == spot.window and not group.wants_new_digits
        action = _moved(is_same, group.method)
    return Line(
        door_id=spot.door.id,
        door_name=spot.door.name,
        mode=group.mode,
        action=action,
        window=spot.window,
        was=there.window if there else None,
        also=spot.also,
    )


def _together(lines: Iterable[Line], method: HeldMethod | None, wanted: Collection[UUID]) -> Action:
    """Return what happens to a method, from what happens at its doors."""
    actions = {line.action for line in lines}
    if method is None:
        return Action.CREATE
    if actions <= {Action.KEEP}:
        return Action.KEEP
    if actions == {Action.REVOKE} and not wanted:
        return Action.REVOKE
    is_rewritten = method.mode == AccessMethod.CARD and method.is_issued
    if Action.REISSUE in actions or is_rewritten:
        return Action.REISSUE
    return Action.CHANGE


def _need(group: Group, action: Action) -> Need:
    if group.mode != AccessMethod.CARD:
        return Need.NOTHING
    is_issued = group.method is not None and group.method.is_issued
    writes = any(spot.door.writes_cards for spot in group.spots.values())
    if writes:
        return Need.NOTHING if is_issued and action == Action.KEEP else Need.ENCODING
    return Need.NOTHING if is_issued else Need.ASSIGNMENT
