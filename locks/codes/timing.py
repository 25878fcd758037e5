"""When a listing is worth its calls. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from locks.codes.actions import Doors
from locks.codes.known import CALL, KnownCode, KnownDoor
from locks.codes.sighting import REMOVE_AGAIN_AFTER, proof_after
from locks.codes.states import CodePhase

#: The usual listing, which finds what somebody changed at the provider.
USUAL = timedelta(seconds=60)
#: Never sooner after the one before, however much is pending.
AT_LEAST = timedelta(seconds=10)
#: A call without an answer may be shown soon: found is found.
EARLY_LOOK = timedelta(seconds=5)


def listing_due_at(
    codes: Iterable[KnownCode], doors: Doors, listed_at: datetime | None, now: datetime
) -> datetime:
    """Return when a listing is due: each minute, or as soon as one can settle something."""
    if listed_at is None or listed_at > now:
        return now
    wanted = [at for code in codes for at in _worth(code, doors[code.device_id], listed_at)]
    wanted += [at for door in doors.values() for at in _worth_of_door(door)]
    sooner = [max(at, listed_at + AT_LEAST) for at in wanted if at > listed_at]
    return min([listed_at + USUAL, *sooner])


def _worth(code: KnownCode, door: KnownDoor, listed_at: datetime) -> Iterator[datetime]:
    settle = door.lives_by.settle
    if code.ambiguous_since is not None:
        yield code.ambiguous_since + EARLY_LOOK
        yield code.ambiguous_since + CALL + settle
    if code.phase == CodePhase.VERIFYING_ABSENT and code.removal_accepted_at:
        yield code.removal_accepted_at + REMOVE_AGAIN_AFTER
        yield code.removal_accepted_at + proof_after(code, door)
    if code.phase == CodePhase.ACCEPTED and door.lives_by.propagation is None:
        yield listed_at + AT_LEAST
    if code.missing_since is not None:
        yield code.missing_since + settle


def _worth_of_door(door: KnownDoor) -> Iterator[datetime]:
    if door.ambiguous_since is not None:
        yield door.ambiguous_since + EARLY_LOOK
        yield door.ambiguous_since + CALL + door.lives_by.settle
