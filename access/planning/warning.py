"""What a grant will not do as asked, in Seam's words and fields (facts/seam.md 8)."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from access.planning.asked import Person, Wish
from access.planning.choosing import Choice, Refusal
from access.planning.doors import Door
from access.planning.outcome import (
    Action,
    GrantWarning,
    LeftOut,
    Line,
    Problem,
    Row,
    Source,
    WarningCode,
)
from accounts.providers.systems import AccessMethod
from locks.codes import rules


def of_choices(choices: Sequence[Choice]) -> Iterator[GrantWarning]:
    """Yield a warning per device that is left out of the codes."""
    for choice in choices:
        door = choice.door
        for each in choice.refusals:
            if each.mode != AccessMethod.CODE or each.is_quota or not door.is_device:
                continue
            yield _left_out_of_codes(door, each)


def _left_out_of_codes(door: Door, refused: Refusal) -> GrantWarning:
    code = WarningCode.DEVICE_DOES_NOT_SUPPORT_ACCESS_CODES
    fields: tuple[tuple[str, str], ...] = (("device_id", str(door.id)),)
    if refused.reason:
        code = WarningCode.DEVICE_TIME_CONSTRAINTS_VIOLATED
        fields += (("reason", refused.reason.value),)
    when = " for these times" if refused.reason else ""
    sentence = f"{door.name} gets no PIN{when}. {refused.sentence}"
    return GrantWarning(code=code, sentence=sentence, fields=fields)


def of_digits(
    wish: Wish, rows: Sequence[Row], doors: Mapping[UUID, Door], used: frozenset[UUID]
) -> Iterator[GrantWarning]:
    """Yield a warning per door whose digits are not those asked for.

    `used`: methods whose digits are not changed any more.
    """
    salto = sum(doors[line.door_id].is_salto for line in _code_lines(rows) if line.door_id in doors)
    for row in rows:
        if row.mode != AccessMethod.CODE or not wish.digits or row.digits == wish.digits:
            continue
        for line in row.lines:
            door = doors.get(line.door_id)
            if door and line.opens:
                why = _why_other(door, wish, row, salto, is_used=row.method_id in used)
                yield _unavailable(door, wish, row, why)


def _code_lines(rows: Sequence[Row]) -> Iterator[Line]:
    for row in rows:
        if row.mode == AccessMethod.CODE:
            yield from (line for line in row.lines if line.opens)


def _unavailable(door: Door, wish: Wish, row: Row, why: str) -> GrantWarning:
    return GrantWarning(
        code=WarningCode.REQUESTED_CODE_UNAVAILABLE,
        sentence=why,
        fields=(
            ("device_id", str(door.id)),
            ("original_code", wish.digits),
            ("new_code", row.digits),
        ),
        awaits_digits=not row.digits,
    )


def _why_other(door: Door, wish: Wish, row: Row, salto: int, *, is_used: bool) -> str:
    if door.is_salto and salto > 1:
        return f"{door.name}: several Salto locks share a PIN that is made for them."
    if row.source == Source.PROVIDER or door.makes_digits:
        return f"{door.name}: {door.brand} chooses the PIN."
    if is_used:
        return f"{door.name}: the PIN in use there is not changed."
    accepted = door.codes
    if accepted and len(wish.digits) not in accepted.lengths:
        return f"{door.name} gets another PIN: it accepts {rules.lengths_in_words(accepted)}."
    return f"{door.name} gets another PIN: the one asked for cannot be used there at that time."


def of_mobile_keys(person: Person, choices: Sequence[Choice]) -> Iterator[GrantWarning]:
    """Yield what somebody lacks for a mobile key; each said once."""
    needs = {
        each.door.mobile_key_needs for each in choices if AccessMethod.MOBILE_KEY in each.modes
    }
    if "email" in needs and not person.has_email:
        sentence = "Their mobile key needs an e-mail address."
        yield GrantWarning(code=WarningCode.MISSING_EMAIL, sentence=sentence)
    if "phone" in needs and not person.phone:
        sentence = "Their mobile key needs a phone number."
        yield GrantWarning(code=WarningCode.MISSING_PHONE, sentence=sentence)


def of_times(rows: Sequence[Row]) -> Iterator[GrantWarning]:
    """Yield that times of existing methods are being changed."""
    moved = [
        str(row.method_id)
        for row in rows
        if row.method_id
        and any(line.action in (Action.CHANGE, Action.REISSUE) for line in row.lines)
    ]
    if moved:
        ids = tuple(sorted(moved))
        yield GrantWarning(
            code=WarningCode.UPDATING_ACCESS_TIMES,
            sentence="Times are being changed.",
            fields=(("access_method_ids", ids),),
        )


def problems_of(wish: Wish, choices: Sequence[Choice]) -> Iterator[Problem]:
    """Yield the want of room that a person has to mend first, and a grant that opens nothing."""
    short = [
        (choice.door, each)
        for choice in choices
        if len(choice.modes) < wish.policy.most
        for each in choice.refusals
        if each.is_quota
    ]
    said = dict.fromkeys(
        each.sentence
        if door.system_name in each.sentence and door.system_name
        else f"{door.name}: {each.sentence}"
        for door, each in short
    )
    yield from (Problem(field="doors", sentence=sentence.rstrip(".")) for sentence in said)
    if choices and wish.requests and not short and not any(each.modes for each in choices):
        sentence = "none of these doors can be opened in any of these ways"
        yield Problem(field="requested_access_methods", sentence=sentence)


def left_out(choices: Sequence[Choice]) -> Iterator[LeftOut]:
    for choice in choices:
        if not choice.modes and choice.refusals:
            sentence = " ".join(dict.fromkeys(each.sentence for each in choice.refusals))
            door = choice.door
            yield LeftOut(
                door_id=door.id,
                door_name=door.name,
                sentence=sentence,
                is_device=door.is_device,
            )


def notes_of(wish: Wish, choices: Sequence[Choice]) -> Iterator[str]:
    """Yield why doors with a way in do not get another that was asked for, too."""
    names: dict[str, list[str]] = {}
    for choice in choices:
        for each in choice.refusals if choice.modes else ():
            if not _is_said_elsewhere(each, choice, wish):
                names.setdefault(each.sentence, []).append(choice.door.name)
    for sentence, doors in names.items():
        yield f"{', '.join(doors)}: {sentence}"


def _is_said_elsewhere(refused: Refusal, choice: Choice, wish: Wish) -> bool:
    if refused.is_quota:
        return len(choice.modes) < wish.policy.most  # it is a problem
    return refused.mode == AccessMethod.CODE and choice.door.is_device  # it is a warning
