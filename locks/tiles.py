"""Tiles: rendered once per change of a door and audience, out of one template.

A board of a thousand doors is a join of strings that exist already, and a change costs one
rendering however many boards show it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid4

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from accounts.providers.base import Code
from locks.models import Device
from locks.obstacles import obstacle_of
from locks.states import AttemptStatus, LockState

#: At or below this a battery is worth a walk.
LOW_BATTERY_PERCENT = 25


class Audience(StrEnum):
    """For whom a tile is rendered. Two are enough: it holds nothing about a single person."""

    OPERATOR = "operator"
    VIEWER = "viewer"


@dataclass(frozen=True)
class Problem:
    """One thing about a door that is not normal. `is_problem` moves it to the front."""

    key: str
    label: str
    tone: str
    is_problem: bool = True


UNCONFIRMED = Problem("unconfirmed", "Not confirmed", "warn")
ACCOUNT = Problem("account", "Account needs reconnect", "danger")
MISSING = Problem("missing", "Not in the provider's list", "danger")
OFFLINE = Problem("offline", "Offline", "danger")
ALARM = Problem("alarm", "Intrusion alarm", "danger")
LEFT_OPEN = Problem("left_open", "Left open", "danger")
BATTERY = Problem("battery", "Low battery", "warn")
TROUBLE = Problem("trouble", "Opening may fail", "warn")
UNKNOWN = Problem("unknown", "State unknown", "unknown")
OFFICE = Problem("office", "Office mode", "info", is_problem=False)
PRIVACY = Problem("privacy", "Privacy mode", "info", is_problem=False)

#: In the order in which people should read them.
ALL_PROBLEMS = (
    ALARM,
    LEFT_OPEN,
    UNCONFIRMED,
    ACCOUNT,
    OFFLINE,
    MISSING,
    TROUBLE,
    UNKNOWN,
    BATTERY,
    OFFICE,
    PRIVACY,
)


def problems_of(device: Device) -> list[Problem]:
    """Return what is not normal about a door, most urgent first."""
    attempt = device.attempt
    is_down = device.account.is_silent
    held = {
        ALARM: device.intrusion_alarm is True,
        LEFT_OPEN: device.left_open_alarm is True,
        UNCONFIRMED: attempt is not None and attempt.status == AttemptStatus.UNCONFIRMED,
        ACCOUNT: is_down,
        OFFLINE: device.is_online is False,
        MISSING: device.missing_since is not None,
        TROUBLE: any(each.get("hinders_opening") for each in device.troubles),
        UNKNOWN: device.state == LockState.UNKNOWN and device.missing_since is None,
        BATTERY: device.battery_percent is not None
        and device.battery_percent <= LOW_BATTERY_PERCENT,
        OFFICE: device.office_mode is True,
        PRIVACY: device.privacy_mode is True,
    }
    return [problem for problem in ALL_PROBLEMS if held[problem]]


@dataclass(frozen=True)
class Tile:
    """One door as it is shown, and what a board needs to place it."""

    pk: UUID
    revision: int
    workspace_id: UUID
    property_id: UUID
    floor: str
    name: str
    search: str
    problems: tuple[Problem, ...]
    html: dict[Audience, SafeString]

    @property
    def sort_key(self) -> tuple[bool, list[tuple[int, str | int]]]:
        return not any(p.is_problem for p in self.problems), natural(self.name)


def natural(text: str) -> list[tuple[int, str | int]]:
    """Sort key by which `Room 9` comes before `Room 10`."""
    return [
        (0, int(part)) if part.isdecimal() else (1, part.casefold())
        for part in re.split(r"(\d+)", text)
        if part
    ]


def _caution(device: Device) -> str:
    """What to know before pressing, where the press may well be refused."""
    attempt = device.attempt
    if device.privacy_mode:
        was_told = attempt is not None and attempt.error_code == Code.PRIVACY_MODE
        return "" if was_told else "It will be refused."
    return "The lock may not hear it." if device.is_online is False else ""


def render(
    device: Device, audience: Audience, *, notice: str = "", is_good: bool = False
) -> SafeString:
    """Render one door's tile. With a `notice`, good news or not, it is for one reader."""
    attempt = device.attempt
    is_unsure = attempt is not None and attempt.status == AttemptStatus.UNCONFIRMED
    return render_to_string(
        "locks/tile.html",
        {
            "device": device,
            "attempt": attempt,
            "again": is_unsure or device.released_until is not None,
            "caution": _caution(device),
            "zone": device.property.zone,
            "may_unlock": audience == Audience.OPERATOR,
            "may_lock": audience == Audience.OPERATOR,
            "obstacle": obstacle_of(device),
            "problems": problems_of(device),
            "key": uuid4(),
            "notice": notice,
            "is_good": is_good,
        },
    )


class TileCache:
    """The tiles of this process, by door and revision. Old ones are replaced, never trusted."""

    def __init__(self, *, limit: int = 20_000) -> None:
        self._tiles: dict[UUID, Tile] = {}
        self._limit = limit

    def get(self, revisions: Iterable[tuple[UUID, int]]) -> dict[UUID, Tile]:
        """Return the tiles of these doors at these revisions or newer, in that order."""
        wanted = list(revisions)
        if len(self._tiles) > self._limit:
            self._tiles = {}  # a new one: another thread may be reading the old one
        kept = self._tiles
        stale = [pk for pk, revision in wanted if not _is_fresh(kept.get(pk), revision)]
        if stale:
            for device in Device.objects.with_tile().filter(pk__in=stale):
                kept[device.pk] = make_tile(device)
        return {pk: kept[pk] for pk, _ in wanted if pk in kept}

    def keep(self, device: Device) -> Tile:
        """Return the tile of a door that was just read `with_tile`, rendering it if it is new."""
        tile = self._tiles.get(device.pk)
        if tile is None or tile.revision < device.revision:
            tile = self._tiles[device.pk] = make_tile(device)
        return tile


def _is_fresh(tile: Tile | None, revision: int) -> bool:
    return tile is not None and tile.revision >= revision


def make_tile(device: Device) -> Tile:
    floor = device.floor_name
    return Tile(
        pk=device.pk,
        revision=device.revision,
        workspace_id=device.workspace_id,
        property_id=device.property_id,
        floor=floor,
        name=device.name,
        search=f"{device.name} {floor} {device.property.name}".casefold(),
        problems=tuple(problems_of(device)),
        html={audience: render(device, audience) for audience in Audience},
    )


tiles = TileCache()
