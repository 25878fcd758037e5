"""What prevents a grant from being saved, whatever its doors can do (reliability C)."""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime

from access.planning.asked import Request, Wish
from access.planning.doors import Door
from access.planning.held import Holding
from access.planning.outcome import Problem
from accounts.providers.systems import AccessMethod
from locks.codes import rules
from locks.codes.rules import RuleError

METHODS = "choose 1–4 of code, mobile_key, card, cloud_key"
HAS_BEGUN = "this stay has begun: revoke it and make a new one to start later"


def problems_of(
    wish: Wish, doors: Collection[Door], held: Holding, *, now: datetime
) -> Iterator[Problem]:
    """Yield everything that is wrong with what was typed."""
    if wish.key_taken_by is not None:
        sentence = f"access_grant_key is taken by the grant {wish.key_taken_by}"
        yield Problem(field="access_grant_key", sentence=sentence, status=409)
    yield from _of_doors(doors)
    yield from _of_times(wish, held, now)
    yield from _of_requests(wish)


def _of_doors(doors: Collection[Door]) -> Iterator[Problem]:
    try:
        rules.check_count(len(doors))
    except RuleError as error:
        yield Problem(field=error.field, sentence=error.sentence)
    if len({door.property_id for door in doors}) > 1:
        yield Problem(field="doors", sentence="doors belong to different sites")


def _of_times(wish: Wish, held: Holding, now: datetime) -> Iterator[Problem]:
    ends_at = wish.ends_at
    try:
        if ends_at is not None:
            rules.window(wish.starts_at, ends_at, now=now)
    except RuleError as error:
        yield Problem(field=error.field, sentence=error.sentence)
    begins = [
        door.window.starts_at
        for method in held.methods
        for door in method.doors
        if door.window.starts_at and not door.also  # else the other stay may have begun
    ]
    # A minute is what rounding alone may move it by.
    later = wish.starts_at - rules.SHORTEST
    if wish.starts_at > now and any(begin <= now and begin < later for begin in begins):
        yield Problem(field="starts_at", sentence=HAS_BEGUN)


def _of_requests(wish: Wish) -> Iterator[Problem]:
    times = Counter(request.mode for request in wish.requests)
    if not wish.requests or any(count > 1 for count in times.values()):
        yield Problem(field="requested_access_methods", sentence=METHODS)
    for request in wish.requests:
        yield from _of_digits(request, wish)
        if request.instant_key_max_use_count < 1:
            sentence = "instant_key_max_use_count: whole number from 1"
            yield Problem(field="requested_access_methods", sentence=sentence)


def _of_digits(request: Request, wish: Wish) -> Iterator[Problem]:
    if not request.digits:
        return
    if request.mode != AccessMethod.CODE:
        yield Problem(field="digits", sentence="digits are for codes only")
        return
    try:
        rules.check_typed(request.digits, phone=wish.person.phone)
    except RuleError as error:
        yield Problem(field=error.field, sentence=error.sentence)
