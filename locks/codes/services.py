"""What people do with access codes. Each act is a wish; the reconciler makes it true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from django.db import transaction

from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.codes import CodeConstraint, CodeRules
from audit.services import record
from audit.words import How, Verb
from locks.code_models import SecretState
from locks.codes import pins, room, rules, waking, wishes
from locks.codes.capability import capability_of, driver_of
from locks.codes.rules import RuleError, Window, clock
from locks.models import AccessCode, CodeDoor, Device

DIGITS_END_FIRST = "its digits end before that: change it by itself, to see what that means"
OF_A_STAY = "This code belongs to a stay: change it there."
PERSON = "This is somebody’s account there, not only a code. Change their PIN there."
#: Tries to find digits that are free on all of several doors.
_TRIES = 50


#: What every lock of ours would refuse, where none is chosen yet.
_ANY_KEYPAD = CodeRules(lengths=tuple(range(4, 10)))


class RefusedError(Exception):
    """An act that cannot be done. `problems`: each with the field it is about."""

    def __init__(self, problems: Sequence[RuleError]) -> None:
        super().__init__("; ".join(problem.sentence for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A code as somebody wants it. Empty digits: made by us or the provider; on a change: kept."""

    name: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    digits: str = field(default="", repr=False)


# --- making ---------------------------------------------------------------------------


def create(devices: Iterable[Device], wish: Wish, *, by: Actor, at: datetime) -> list[AccessCode]:
    """Make one code on each door, all or none.

    Returns them before any provider has heard of them. Digits that we choose are the same on
    every door, and free on each. Raises RefusedError with everything that is wrong.
    """
    doors = sorted(set(devices), key=lambda device: device.pk)
    for device in doors:
        by.require(Permission.MANAGE_CODES, device.property_id)
    with transaction.atomic():
        room.lock_doors(doors)
        accepts = _accepted(doors)
        name, window = _checked(wish, list(accepts.values()), at=at)
        _check_room(accepts)
        digits = _digits_for(accepts, wish.digits, window, at=at)
        together = uuid4().hex if len(doors) > 1 else ""
        codes = [
            wishes.new(
                device, name, window, digits=digits.get(device, ""), user_id=by.user.pk, at=at
            )
            for device in doors
        ]
        for code in codes:
            code.common_key = together
        AccessCode.objects.bulk_create(codes)
        for code in codes:
            wishes.asked(code, who=by.who, at=at)
        wishes.wake(codes)
    return codes


def _accepted(doors: Sequence[Device]) -> dict[Device, CodeRules]:
    """Return what each door takes. Raises RefusedError if one takes no codes."""
    try:
        rules.check_count(len(doors))
    except RuleError as error:
        raise RefusedError([error]) from None
    found = {device: capability_of(device) for device in doors}
    problems = [
        RuleError("doors", f"{device}: {each.reason}")
        for device, each in found.items()
        if each.rules is None
    ]
    if problems:
        raise RefusedError(problems)
    return {device: each.rules for device, each in found.items() if each.rules}


def _checked(
    wish: Wish, accepts: Sequence[CodeRules], *, at: datetime, was: AccessCode | None = None
) -> tuple[str, Window]:
    """Return name and window as they will be kept. Raises RefusedError."""
    name, problems = _typed(wish.name, wish.digits, accepts)
    window = Window()
    begun = was is not None and was.starts_at == wish.starts_at
    later = CodeConstraint.START_DATE_IN_FUTURE
    try:
        window = rules.window(
            wish.starts_at,
            wish.ends_at,
            now=at,
            granularity_seconds=max(each.granularity_seconds for each in accepts),
            must_start_later=not begun and any(later in each.constraints for each in accepts),
        )
    except RuleError as error:
        problems.append(error)
    if problems:
        raise RefusedError(problems)
    return name, window


def problems_with(name: str, digits: str, doors: Iterable[Device]) -> list[RuleError]:
    """Return what is wrong with a name and digits, whatever the times and as yet no door."""
    accepts = [each for door in doors if (each := capability_of(door).rules)]
    return _typed(name, digits, accepts or [_ANY_KEYPAD])[1]


def _typed(name: str, digits: str, accepts: Sequence[CodeRules]) -> tuple[str, list[RuleError]]:
    """Return the name as it will be kept, and what is wrong with it and with the digits."""
    kept, problems = "", []
    try:
        kept = rules.clean_name(name)
    except RuleError as error:
        problems.append(error)
    try:
        for each in accepts:
            rules.check_digits(digits, each)
    except RuleError as error:
        problems.append(error)
    return kept, problems


def _check_room(accepts: dict[Device, CodeRules]) -> None:
    problems = []
    for device, each in accepts.items():
        try:
            room.check_slots(device, each)
        except RuleError as error:
            problems.append(error)
    wanted = Counter(device.site for device, each in accepts.items() if each.takes_seat)
    for site, count in sorted(wanted.items(), key=lambda item: item[0].pk):
        try:
            room.check_seats(site, count)
        except RuleError as error:
            problems.append(error)
    if problems:
        raise RefusedError(problems)


def _digits_for(
    accepts: dict[Device, CodeRules], chosen: str, window: Window, *, at: datetime
) -> dict[Device, str]:
    """Return the digits of each door that takes ours: those chosen, or new ones."""
    ours = {device: each for device, each in accepts.items() if not each.digits_by_provider}
    if not ours:
        return {}
    together = combined(list(ours.values()))
    for left in reversed(range(1 if chosen else _TRIES)):
        try:
            digits = chosen or pins.make(together)
            for device, each in ours.items():
                room.check_free(device, digits, window, each, at=at)
        except RuleError as error:
            if not left:
                raise RefusedError([error]) from None
        else:
            return dict.fromkeys(ours, digits)
    raise AssertionError("the last try either returns or raises")


def combined(each: Sequence[CodeRules]) -> CodeRules:
    """Return rules that satisfy all of these."""
    lengths = set(each[0].lengths).intersection(*(one.lengths for one in each))
    if not lengths:
        sentence = "these locks take different numbers of digits: make their codes one by one"
        raise RefusedError([RuleError("doors", sentence)])
    constraints = frozenset().union(*(one.constraints for one in each))
    return CodeRules(lengths=tuple(sorted(lengths)), constraints=constraints)


# --- changing -------------------------------------------------------------------------


def change(code: AccessCode, wish: Wish, *, generation: int, by: Actor, at: datetime) -> AccessCode:
    """Change name, window or digits of a code that is wanted; "" keeps the digits.

    `generation` is the one the person looked at: if somebody was quicker, nothing is done.
    Where the new end is beyond the digits' own, new digits are made; `foretelling` says so
    before. Raises RefusedError.
    """
    by.require(Permission.MANAGE_CODES, code.device.property_id)
    with transaction.atomic():
        room.lock_doors([code.device])
        code = wishes.fresh(code.pk)
        check_changeable(code, generation, at)
        check_no_stay(code)
        accepts = _accepted([code.device])[code.device]
        name, window = _checked(wish, [accepts], at=at, was=code)
        _check_start(code, window, at)
        digits = _changed_digits(code, wish.digits, accepts)
        if digits or window != room.window_of(code):
            _check_still_free(code, digits, window, accepts, at=at)
        before, needs_new = wishes.facts(code), needs_new_digits(code, window)
        code.name, code.starts_at, code.ends_at = name, window.starts_at, window.ends_at
        if digits:
            pins.store(code, digits)
            code.delivered_at = None
        elif needs_new:
            pins.drop(code)
        if before == wishes.facts(code) and not digits:
            return code
        why = "New digits asked for: the old ones end too soon" if needs_new else ""
        said = "New digits chosen" if digits else why
        wishes.changed(code, before, new_digits=said, who=by.who, at=at)
        wishes.wake([code])
    return code


def rehearse(
    code: AccessCode, wish: Wish, *, generation: int, by: Actor, at: datetime
) -> AccessCode:
    """Return a code as `change` would leave it, with nothing done. Raises RefusedError."""
    with transaction.atomic():
        changed = change(code, wish, generation=generation, by=by, at=at)
        transaction.set_rollback(True)
    return changed


def needs_new_digits(code: AccessCode, window: Window) -> bool:
    """Tell whether the digits end before the window would (Salto: a PIN has its own end)."""
    end = digits_end(code)
    return end is not None and (window.ends_at is None or window.ends_at > end)


def digits_end(code: AccessCode) -> datetime | None:
    """Return when the digits themselves end, where the provider has such a thing."""
    driver = driver_of(code.device.account)
    return driver.digits_end(code.seen) if driver else None


def extend(
    ends: Sequence[tuple[AccessCode, datetime]], *, by: Actor, at: datetime
) -> list[AccessCode]:
    """Give several codes a later end, all or none. Raises RefusedError, which names the doors.

    Where that would shorten one, or change digits, it is refused: those are decisions of
    their own (CODE-08).
    """
    done, problems = [], []
    with transaction.atomic():
        for code, ends_at in ends:
            try:
                if code.starts_at is None:
                    raise RefusedError([RuleError("ends_at", "it is ongoing and has no end")])
                if code.ends_at and ends_at < code.ends_at:
                    zone = code.device.property.zone
                    sentence = f"ends later already: {clock(code.ends_at, zone, at)}"
                    raise RefusedError([RuleError("ends_at", sentence)])
                if needs_new_digits(code, Window(code.starts_at, ends_at)):
                    raise RefusedError([RuleError("ends_at", DIGITS_END_FIRST)])
                wish = Wish(name=code.name, starts_at=code.starts_at, ends_at=ends_at)
                done.append(change(code, wish, generation=code.generation, by=by, at=at))
            except RefusedError as error:
                where = f"{code.name} on {code.device}"
                problems += [RuleError(e.field, f"{where}: {e.sentence}") for e in error.problems]
        if problems:
            raise RefusedError(problems)
    return done


def check_changeable(code: AccessCode, generation: int, at: datetime) -> None:
    sentence = ""
    if code.generation != generation:
        sentence = "Somebody changed this code a moment ago. Look at it, then change it again."
    elif not code.is_managed:
        sentence = "This code was not made here. Adopt it first."
    elif not code.is_wanted(at):
        sentence = "This code has ended. Make a new one."
    if sentence:
        raise RefusedError([RuleError("", sentence)])


def check_no_stay(code: AccessCode) -> None:
    """What a grant wishes is wished by the grant alone, or the two would contradict each other."""
    if code.grant_id is not None:
        raise RefusedError([RuleError("", OF_A_STAY)])


def _check_start(code: AccessCode, window: Window, at: datetime) -> None:
    """What a lock knows already cannot be told to begin later."""
    has_begun = code.starts_at is None or code.starts_at <= at
    if has_begun and window.starts_at is not None and window.starts_at > at:
        sentence = "this code has begun: revoke it and make a new one to start later"
        raise RefusedError([RuleError("starts_at", sentence)])


def _changed_digits(code: AccessCode, digits: str, accepts: CodeRules) -> str:
    if not digits or digits == code.unseal_digits():
        return ""
    if not accepts.can_change_digits:
        sentence = "this lock cannot change digits: make a new code"
        raise RefusedError([RuleError("digits", sentence)])
    return digits


def _check_still_free(
    code: AccessCode, digits: str, window: Window, accepts: CodeRules, *, at: datetime
) -> None:
    digits = digits or code.unseal_digits()
    if not digits or accepts.digits_by_provider:
        return
    try:
        room.check_free(code.device, digits, window, accepts, at=at, besides=code)
    except RuleError as error:
        raise RefusedError([error]) from None


# --- ending ---------------------------------------------------------------------------


def revoke(codes: Iterable[AccessCode], *, by: Actor, at: datetime, reason: str = "") -> int:
    """Wish codes gone; for one found at the provider: have it removed there.

    Returns how many were not already. A code stays in the lists until it was seen gone.
    Raises RefusedError for somebody's account, and for a code of a stay.
    """
    done = []
    with transaction.atomic():
        for code in sorted(codes, key=lambda each: each.pk):
            by.require(Permission.MANAGE_CODES, code.device.property_id)
            fresh = wishes.fresh(code.pk)
            if fresh.revoked_at or fresh.is_gone:
                continue
            _check_no_person(fresh)
            check_no_stay(fresh)
            wishes.revoke(fresh, who=by.who, at=at, reason=reason)
            done.append(fresh)
        wishes.wake(done)
    return len(done)


def adopt(code: AccessCode, *, by: Actor, at: datetime) -> AccessCode:
    """Make a code that was found at the provider ours. Its digits stay, and stay unknown to us.

    Somebody out there uses them, so they count as handed out: nothing may change them silently.
    """
    by.require(Permission.MANAGE_CODES, code.device.property_id)
    with transaction.atomic():
        code = wishes.fresh(code.pk)
        if code.is_managed:
            return code
        if code.revoked_at or code.is_gone:
            raise RefusedError([RuleError("", "This code is being removed.")])
        _check_no_person(code)
        _accepted([code.device])
        code.is_managed = True
        code.created_by = by.user
        code.ref = pins.new_ref()
        code.name = _adopted_name(code)
        code.starts_at, code.ends_at = _adopted_window(code, at)
        if not code.digits_sealed:
            code.secret_state = SecretState.LOST
        code.delivered_at = code.delivered_at or at
        wishes.save(code)
        wishes.tell(
            Verb.CODE_ADOPTED, code, "adopted", "Adopted", who=by.who, at=at, **wishes.facts(code)
        )
        wishes.wake([code])
    return code


def is_person(code: AccessCode) -> bool:
    """Tell whether this is somebody's account at the provider, which would go with its code."""
    return not code.is_managed and bool(code.seen.get("is_person"))


def _check_no_person(code: AccessCode) -> None:
    if is_person(code):
        raise RefusedError([RuleError("", PERSON)])


def _adopted_name(code: AccessCode) -> str:
    try:
        return rules.clean_name(code.name[: rules.NAME_LONGEST])
    except RuleError:
        return "Adopted code"


def _adopted_window(code: AccessCode, at: datetime) -> tuple[datetime | None, datetime | None]:
    """Keep the window it was seen with; where only its end is told, it began when we saw it."""
    starts_at, ends_at = code.reported_starts_at, code.reported_ends_at
    if ends_at is None:
        return None, None
    starts_at = starts_at or min(code.created_at, at)
    return (starts_at, ends_at) if starts_at < ends_at else (ends_at - rules.SHORTEST, ends_at)


# --- doors ----------------------------------------------------------------------------


def override_keypad(device: Device, *, has_keypad: bool | None, by: Actor, at: datetime) -> None:
    """Say that a lock has a keypad, or has none, whatever its provider says; None: as it says."""
    by.require(Permission.MANAGE_DOORS, device.property_id)
    with transaction.atomic():
        room.lock_doors([device])
        door = CodeDoor.objects.get(device=device)
        before, door.keypad_override = door.keypad_override, has_keypad
        door.keypad_doubted_at = None
        door.save(update_fields=["keypad_override", "keypad_doubted_at"])
        record(
            Verb.KEYPAD_OVERRIDDEN,
            workspace_id=device.workspace_id,
            at=at,
            who=by.who,
            place=device.as_place(),
            how=How.WEB,
            before=_keypad_word(before),
            after=_keypad_word(has_keypad),
        )
        waking.wake(device.account_id)
        waking.announce(device.workspace_id, device.pk)


def _keypad_word(value: bool | None) -> str:  # noqa: FBT001  it is the value
    return {True: "has a keypad", False: "has no keypad", None: "as the provider says"}[value]
