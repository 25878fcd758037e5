"""What a name of a room means: a space of the property, or a door that has a room of its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from django.db import transaction

from access.reservations.stays import Reading, Row, Verdict
from accounts.models import Space, SpaceKind
from locks.models import Device

NOWHERE = "It names no room."
_NAME_LONGEST = 100


def spaces_of(place: Space) -> dict[str, list[Space]]:
    """Return name -> spaces of a property that are called so, without regard to capitals."""
    found: dict[str, list[Space]] = {}
    for space in Space.objects.filter(property=place).order_by("name", "pk"):
        found.setdefault(space.name.casefold(), []).append(space)
    return found


def doors_of(place: Space) -> dict[str, list[Device]]:
    found: dict[str, list[Device]] = {}
    rows = Device.objects.filter(property=place, removed_at=None).select_related("space")
    for device in rows.order_by("name", "pk"):
        found.setdefault(device.name.casefold(), []).append(device)
    return found


class Rooms:
    """The rooms of a property, by what a table calls them."""

    def __init__(self, place: Space, *, usual: str = "") -> None:
        self.place = place
        #: The room of lines that name none.
        self.usual = usual
        self.spaces = spaces_of(place)
        self.doors = doors_of(place)

    def problem(self, name: str) -> str:
        """Say why nobody knows which room is meant; "" where it is known."""
        key = self._key(name)
        if not key:
            return NOWHERE
        spaces = self.spaces.get(key, [])
        found = spaces or self.doors.get(key, [])
        if len(found) == 1:
            return ""
        if found:
            return f"{len(found)} rooms or doors are called “{name or self.usual}”: give each a name of its own."
        return f"No room or door of {self.place.name} is called “{name or self.usual}”."

    def checked(self, reading: Reading) -> Reading:
        """Return a table whose lines with a room that nobody knows cannot be read."""
        return replace(reading, rows=tuple(map(self._row, reading.rows)))

    def _row(self, row: Row) -> Row:
        problem = self.problem(row.stay.room) if row.stay else ""
        if not problem:
            return row
        return replace(row, verdict=Verdict.UNREADABLE, reason=problem, stay=None)

    def spaces_called(self, names: Collection[str]) -> dict[str, Space]:
        """Return the spaces that names mean; a room is made for a door that has none."""
        found: dict[str, Space] = {}
        for name in {each.casefold() for each in names}:
            key = self._key(name)
            spaces, doors = self.spaces.get(key, []), self.doors.get(key, [])
            if len(spaces) == 1:
                found[name] = spaces[0]
            elif not spaces and len(doors) == 1:
                found[name] = room_around(doors[0])
        return found

    def places(self) -> dict[str, Space | Device]:
        """Return what names mean, for a look: no room is made around a door."""
        found: dict[str, Space | Device] = {
            name: _room_of(rows[0]) for name, rows in self.doors.items() if len(rows) == 1
        }
        for name, rows in self.spaces.items():
            if len(rows) == 1:
                found[name] = rows[0]
            else:
                found.pop(name, None)
        usual = self._key("")
        return found | ({"": found[usual]} if usual in found else {})

    def _key(self, name: str) -> str:
        return (name or self.usual).casefold()


def _room_of(device: Device) -> Space | Device:
    """Return the room that a door leads to, or the door itself where there is none."""
    if device.space is not None and device.space.kind == SpaceKind.ROOM:
        return device.space
    return device


def room_around(device: Device) -> Space:
    """Return the room that a door leads to, made with the door's name where there is none."""
    room = _room_of(device)
    if isinstance(room, Space):
        return room
    with transaction.atomic():
        made, _ = Space.objects.get_or_create(
            workspace_id=device.workspace_id,
            parent_id=device.space_id or device.property_id,
            name=device.name[:_NAME_LONGEST],
            defaults={"kind": SpaceKind.ROOM, "property_id": device.property_id, "time_zone": ""},
        )
        Device.objects.filter(pk=device.pk).update(space=made)
    device.space = made
    return made
