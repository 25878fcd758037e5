"""Which of the methods asked for each door gets, and why not the others."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from access.planning import windows
from access.planning.asked import Wish
from access.planning.doors import Door
from access.planning.held import Holding
from access.planning.outcome import TimeReason
from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window

NOT_HERE = {
    AccessMethod.CODE: "It takes no PIN.",
    AccessMethod.CARD: "It takes no card.",
    AccessMethod.MOBILE_KEY: "It takes no mobile key.",
    AccessMethod.CLOUD_KEY: "It cannot be opened from afar.",
}
_NEEDS_SEAT = (AccessMethod.CODE, AccessMethod.CARD, AccessMethod.MOBILE_KEY)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a door does not get a method that was asked for."""

    mode: AccessMethod
    sentence: str
    reason: TimeReason | None = None
    #: No room is left: somebody can make some, so it is worth not saving yet.
    is_quota: bool = False


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one door gets."""

    door: Door
    modes: tuple[AccessMethod, ...]
    refusals: tuple[Refusal, ...] = ()
    #: Has a code that may stay as it is, though the new window does not fit this lock.
    stays: frozenset[AccessMethod] = frozenset()


Full = Mapping[UUID, str]


def choose(wish: Wish, doors: Sequence[Door], held: Holding, *, now: datetime) -> list[Choice]:
    """Return what each door gets, in the order of the doors.

    What a door has already goes before what it has not, so that a change elsewhere takes
    nothing from anybody. Sites without enough seats are found by choosing once as if they had.
    """
    chosen = [_choice(wish, door, held, {}, now) for door in doors]
    full = _full_sites(chosen, held)
    return [_choice(wish, door, held, full, now) for door in doors] if full else chosen


def _choice(wish: Wish, door: Door, held: Holding, full: Full, now: datetime) -> Choice:
    modes: list[AccessMethod] = []
    refusals: list[Refusal] = []
    stays = set()
    for mode in _in_order(wish, door, held):
        if len(modes) >= wish.policy.most:
            break
        refused = refusal_of(wish, door, mode, held, full)
        may_stay = refused is not None and _may_stay(refused, wish.window, door, held, now)
        if refused:
            refusals.append(refused)
        if may_stay:
            stays.add(mode)
        if refused is None or may_stay:
            modes.append(mode)
    return Choice(door=door, modes=tuple(modes), refusals=tuple(refusals), stays=frozenset(stays))


def _in_order(wish: Wish, door: Door, held: Holding) -> list[AccessMethod]:
    asked = list(dict.fromkeys(request.mode for request in wish.requests))
    return sorted(asked, key=lambda mode: held.of(mode, door.id) is None)


def _may_stay(refused: Refusal, asked: Window, door: Door, held: Holding, now: datetime) -> bool:
    """Tell whether a code may keep its window where the lock does not take the new one."""
    here = held.at(refused.mode, door.id)
    if refused.reason is None or here is None:
        return False
    return windows.is_within(
        here.window, windows.window_at(door, refused.mode, asked, here, now=now)
    )


def refusal_of(
    wish: Wish, door: Door, mode: AccessMethod, held: Holding, full: Full
) -> Refusal | None:
    """Return why a door does not get a method; None if it does.

    What is there already needs no capability that a lock only has while it is online, and no
    new room; but times must fit.
    """
    is_new = held.of(mode, door.id) is None
    if is_new and not door.takes(mode):
        return Refusal(mode=mode, sentence=door.why_not.get(mode, NOT_HERE[mode]))
    if mode == AccessMethod.CODE and (reason := windows.refusal(door, wish.window)):
        return Refusal(mode=mode, sentence=_why_times(door, reason), reason=reason)
    if not is_new:
        return None
    if mode == AccessMethod.CODE and door.slots and not door.slots.free:
        sentence = f"It holds {door.slots.total} codes and all are taken: revoke one first."
        return Refusal(mode=mode, sentence=sentence, is_quota=True)
    if door.system_id in full and _takes_seat(door, mode):
        return Refusal(mode=mode, sentence=full[door.system_id], is_quota=True)
    return None


def _why_times(door: Door, reason: TimeReason) -> str:
    if reason == TimeReason.ONGOING_NOT_SUPPORTED:
        return "Its codes must have an end."
    if reason == TimeReason.DURATION_EXCEEDS_MAX and door.limits.longest:
        hours = int(door.limits.longest.total_seconds() // 3600)
        longest = f"{hours // 24} days" if hours >= 48 and not hours % 24 else f"{hours} hours"
        return f"Its codes last {longest} at most."
    if door.limits.same_time:
        return "Its codes must end at the time of day they start."
    pairs = [f"{a:02}:{b:02} to {c:02}:{d:02}" for (a, b), (c, d) in door.limits.slots]
    return f"Its codes go from {' or '.join(pairs)} only."


def _takes_seat(door: Door, mode: AccessMethod) -> bool:
    if door.seats is None:
        return False
    if not door.seats.is_shared:
        return mode == AccessMethod.CODE
    return mode in _NEEDS_SEAT


def _full_sites(chosen: Iterable[Choice], held: Holding) -> dict[UUID, str]:
    """Return the sites that have too few seats for this, with what to say."""
    needed, by_site = Counter[UUID](), defaultdict[UUID, list[Door]](list)
    for door, mode in _seated(chosen):
        by_site[door.system_id].append(door)
        if held.of(mode, door.id) is None:
            needed[door.system_id] += 1
    full = {}
    for site, doors in by_site.items():
        seats = doors[0].seats
        assert seats is not None
        wanted = needed[site]
        if seats.is_shared:
            wanted = int(bool(wanted) and not seats.is_held and not _sits(site, held))
        if wanted > seats.free:
            full[site] = (
                f"{doors[0].system_name} has {seats.free} of {seats.total} seats free and"
                f" {wanted} would be needed: revoke codes there, or remove users in Salto."
            )
    return full


def _seated(chosen: Iterable[Choice]) -> Iterator[tuple[Door, AccessMethod]]:
    for choice in chosen:
        for mode in choice.modes:
            if _takes_seat(choice.door, mode):
                yield choice.door, mode


def _sits(site: UUID, held: Holding) -> bool:
    return any(each.system_id == site and each.mode in _NEEDS_SEAT for each in held.methods)
