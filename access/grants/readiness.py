"""Whether somebody who arrives will get in: what there is to check, and what came of it.

The tones are those that `ranking` works out in SQL for the order of the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from access.grants import progress, row_words
from access.grants.standing import DoorStanding, GrantStanding, Standing
from access.grants.status import is_slow
from access.models import AccessGrant, AcsEntrance, Delivery
from access.models.guests import Channel, DeliveryState
from accounts.models import AccountState
from accounts.providers.systems import AccessMethod as Mode
from locks.codes.decide import NEAR_START
from locks.codes.rules import clock
from locks.models import Device
from locks.tiles import LOW_BATTERY_PERCENT

#: A door counts as seen for so long.
SEEN_WITHIN = timedelta(hours=1)
RED, AMBER, GREEN, ARRIVED = range(4)
_TONES = {"danger": RED, "warn": AMBER}
_ICONS = {
    "ok": "check",
    "warn": "alert",
    "danger": "x-circle",
    "unknown": "dashed",
    "info": "clock",
}


@dataclass(frozen=True)
class Check:
    """One line of the list. `word` says it all; the tone only repeats it."""

    what: str
    word: str
    tone: str
    note: str = ""

    @property
    def icon(self) -> str:
        return _ICONS[self.tone]


def is_near(grant: AccessGrant, at: datetime) -> bool:
    return grant.starts_at - at <= NEAR_START


def checks(standing: GrantStanding, deliveries: Sequence[Delivery], at: datetime) -> list[Check]:
    """Return all that is to be checked of an arrival, in the order of a walk to the door."""
    grant = standing.grant
    found = list(_ways(standing, at))
    found += chain.from_iterable(_of_doors(standing, at))
    found.append(_message(deliveries, grant, at))
    if grant.plan_error:
        found.append(Check("Doors", "A new door is not in it", "warn", grant.plan_error))
    return found


def rank(found: Sequence[Check], grant: AccessGrant) -> int:
    """Return RED, AMBER, GREEN, or ARRIVED."""
    if grant.arrived_at is not None:
        return ARRIVED
    return min((_TONES.get(each.tone, GREEN) for each in found), default=GREEN)


# --- ways in --------------------------------------------------------------------------


def _ways(standing: GrantStanding, at: datetime) -> Iterator[Check]:
    grant = standing.grant
    wanted = [each for each in standing.methods if each.wanted]
    if not wanted:
        is_late = is_near(grant, at) and is_slow(grant.created_at, at)
        yield Check("Ways in", "Nothing is made yet", "danger" if is_late else "warn")
    for method in wanted:
        yield _way(method, grant, at)


def _way(method: Standing, grant: AccessGrant, at: datetime) -> Check:
    worst = min(method.wanted, key=lambda each: (_tone(each, grant, at), each.name))
    tone = {RED: "danger", AMBER: "warn", GREEN: "ok"}[_tone(worst, grant, at)]
    name = f" ({worst.name})" if tone != "ok" and len(method.wanted) > 1 else ""
    return Check(method.what, f"{worst.state.word}{name}", tone, worst.state.note)


def _tone(each: DoorStanding, grant: AccessGrant, at: datetime) -> int:
    found, mode = each.progress, Mode(each.door.method.mode)
    if found.key in progress.FAILED:
        return RED
    is_of_lock = mode == Mode.CODE and each.door.device is not None
    if is_of_lock and not found.is_done:
        since = found.since or each.door.method.created_at
        return RED if is_near(grant, at) and is_slow(since, at) else AMBER
    if found.key in progress.NEEDS_DESK or not found.is_done:
        return AMBER
    return GREEN


# --- doors ----------------------------------------------------------------------------


def _of_doors(standing: GrantStanding, at: datetime) -> Iterator[list[Check]]:
    doors = {each.door.door_id: each for method in standing.methods for each in method.wanted}
    things = [each.door.device or each.door.entrance for each in doors.values()]
    yield _worst([_seen(each, standing.grant, at) for each in things if each], "Doors")
    yield _worst([_battery(each) for each in things if isinstance(each, Device)], "Battery")


def _worst(found: Sequence[Check], what: str) -> list[Check]:
    """Keep what is wrong; one line for all that is fine."""
    bad = [each for each in found if each.tone in _TONES]
    if bad or not found:
        return bad
    told = [each for each in found if each.tone == "ok"]
    if not told:
        return [Check(what, "Not told by the provider", "unknown")]
    return [told[0] if len(found) == 1 else Check(what, told[0].word, "ok")]


def _seen(thing: Device | AcsEntrance, grant: AccessGrant, at: datetime) -> Check:
    soon = "danger" if is_near(grant, at) else "warn"
    if thing.removed_at is not None:
        return Check("Doors", f"{thing.name} is gone from the provider's list", "danger")
    if thing.is_online is False:
        since = getattr(thing, "online_since", None)
        when = f" since {clock(since, grant.property.zone, at)}" if since else ""
        return Check("Doors", f"{thing.name} is offline{when}", soon)
    if isinstance(thing, Device):
        if thing.account.state == AccountState.RECONNECT_REQUIRED:
            return Check("Doors", f"{thing.name}: its account needs reconnect", soon)
        polled = thing.account.status_polled_at
        if polled is None or at - polled > SEEN_WITHIN:
            return Check("Doors", f"{thing.name} was not seen within the hour", "warn")
    if thing.is_online is None:
        return Check("Doors", f"Nobody says whether {thing.name} is online", "unknown")
    return Check("Doors", "Seen online within the hour", "ok")


def _battery(device: Device) -> Check:
    if device.battery_percent is None:
        return Check("Battery", "Not told", "unknown")
    if device.battery_percent <= LOW_BATTERY_PERCENT:
        return Check("Battery", f"{device.name}: {device.battery_percent} %", "warn")
    return Check("Battery", "Fine", "ok")


# --- the message ----------------------------------------------------------------------

_BY_HAND = (Channel.COPIED, Channel.PRINTED)


def _message(deliveries: Sequence[Delivery], grant: AccessGrant, at: datetime) -> Check:
    state = row_words.delivery(deliveries, grant, at)
    latest = next((each for each in deliveries if each.state != DeliveryState.CANCELLED), None)
    if latest is None:
        has_address = bool(grant.identity.email) and not grant.identity.is_staff
        return Check("Message", "Nothing sent", "warn" if has_address else "unknown")
    is_by_hand = latest.state == DeliveryState.SENT and latest.channel in _BY_HAND
    if latest.opened_at or is_by_hand:
        return Check("Message", state.word, "ok", state.note)
    word = "Sent, not opened yet" if state.key == "sent" else state.word
    return Check("Message", word, "warn", state.note)
