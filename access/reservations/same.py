"""Which stay read now is which known one. Pure.

By its number; and where a source gave it another number, which some do when dates change, by
the booking's own reference or by name and dates. Never by dates alone: another guest may have
booked the nights of one who cancelled, and must not get that guest's digits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from access.reservations.known import Ending, Known
from access.reservations.stays import Reading, Stay

_Sign = tuple[object, ...]


def same_stays(reading: Reading, known: Iterable[Known], *, at: datetime) -> dict[str, Known]:
    """Return number of a stay in the reading -> the known stay that it is."""
    by_uid = {each.stay.uid: each for each in known}
    listed = {row.uid for row in reading.rows if row.uid}
    found = {stay.uid: by_uid[stay.uid] for stay in reading.stays if stay.uid in by_uid}
    lost = [
        each
        for uid, each in by_uid.items()
        if uid not in listed and each.ending is not Ending.BY_SOURCE and each.ends_at > at
    ]
    read = list(reading.stays)
    _join(found, read, lost, _by_reference)
    # Who was ended by hand and books the same nights again has another booking.
    _join(found, read, [each for each in lost if each.ending is None], _by_name)
    return found


def _join(
    found: dict[str, Known], read: list[Stay], lost: list[Known], signs: Callable[[Stay], _Sign]
) -> None:
    """Join what has the same sign, where it is the only one of its side that has it.

    Also beside those that are joined already: a sign of two stays says of neither which it is.
    """
    taken = {each.stay.uid for each in found.values()}
    left = [each for each in lost if each.stay.uid not in taken]
    wanted = [stay for stay in read if stay.uid not in found]
    counts = Counter(signs(each.stay) for each in left)
    new_counts = Counter(map(signs, read))
    by_sign = {signs(each.stay): each for each in left}
    for stay in wanted:
        sign = signs(stay)
        if sign and counts[sign] == 1 and new_counts[sign] == 1:
            found[stay.uid] = by_sign[sign]


def _by_reference(stay: Stay) -> _Sign:
    return (stay.reference, stay.room) if stay.reference else ()


def _by_name(stay: Stay) -> _Sign:
    # Two references that differ are two bookings, also of one person.
    if not stay.guest.name or stay.reference:
        return ()
    return (stay.guest.name.casefold(), stay.room, stay.starts_on, stay.ends_on)
