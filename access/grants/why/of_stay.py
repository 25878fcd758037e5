"""Links between a stay and the lock: its time, whether it stands, what was made and told."""

from __future__ import annotations

from access.grants import progress, ways
from access.grants.standing import DoorStanding
from access.grants.stay import when
from access.grants.why.walking import Case, Finding, Fix, Remedy, broken, ok, unsure, worst
from access.models.guests import DeliveryState
from access.people import words as people_words
from accounts.providers.systems import AccessMethod as Mode
from locks.codes.rules import clock
from locks.codes.words import State

#: What is wrong with somebody in a system that their schedule or their seats explain.
OF_SCHEDULE = frozenset({"no_seat", "over", "suspended", "ahead"})


def time(case: Case) -> Finding:
    grant, zone, now = case.grant, case.grant.property.zone, case.now
    by = f"by the clock of {grant.property.name} ({grant.property.time_zone})"
    if now < grant.starts_at:
        said = when.day_and_clock(grant.starts_at, zone, now)
        far = when.length(grant.starts_at - now)
        sentence = f"Their time begins {said}, in {far}, {by}."
        return broken(sentence, Fix(Remedy.CHANGE))
    if grant.ends_at is not None and grant.ends_at <= now:
        said = when.day_and_clock(grant.ends_at, zone, now)
        far = when.length(now - grant.ends_at)
        sentence = f"Their time ended {said}, {far} ago, {by}."
        return broken(sentence, Fix(Remedy.NEW))
    if grant.ends_at is None:
        return ok(f"Their time has begun and has no end. It is {now.astimezone(zone):%H:%M} there.")
    until = when.day_and_clock(grant.ends_at, zone, now)
    return ok(f"It is {now.astimezone(zone):%H:%M} there: their time lasts until {until}.")


def standing(case: Case) -> Finding:
    grant = case.grant
    if grant.revoked_at is None:
        return ok("Nobody revoked it.")
    by = f" by {grant.revoked_by_name}" if grant.revoked_by_name else ""
    reason = f": {grant.revoke_reason}" if grant.revoke_reason else ""
    at = clock(grant.revoked_at, grant.property.zone, case.now)
    sentence = f"It was revoked {at}{by}{reason}."
    return broken(sentence, Fix(Remedy.UNDO if grant.given_up_at is None else Remedy.NEW))


# --- what was made --------------------------------------------------------------------


def made(case: Case) -> Finding:
    if not case.ways:
        return _nothing(case)
    found = [_made_at(each, case) for each in case.ways]
    names = ", ".join(dict.fromkeys(ways.name(each.door.method) for each in case.ways))
    return worst(found, f"{names}: made, at every door looked at.")


def _nothing(case: Case) -> Finding:
    if case.left_out:
        name, why = case.left_out[0]
        return broken(f"Nothing opens {name}. {why}", Fix(Remedy.CHANGE))
    if case.grant.plan_error:
        return broken(case.grant.plan_error, Fix(Remedy.CHANGE))
    return broken("No way in was made.", Fix(Remedy.CHANGE))


def _made_at(each: DoorStanding, case: Case) -> Finding:
    key, holder = each.progress.key, each.door.method.acs_user
    said = _said(each)
    if key in progress.NEEDS_DESK:
        return broken(said, Fix(Remedy.ENCODE, holder, _INTENTS[key]))
    if key in ("waiting", "mobile_pending"):
        return broken(said, Fix(Remedy.HOLDER, holder) if holder else Fix(Remedy.CHANGE))
    if key not in progress.FAILED or is_of_schedule(each, case):
        return ok(said)
    if each.door.code is not None:
        return broken(said, Fix(Remedy.PUSH, each.door.code), Fix(Remedy.DOOR, each.door.device))
    return broken(said, Fix(Remedy.HOLDER, holder))


_INTENTS = {"assignment_required": "tag", "encoding_required": "first", "card_behind": "update"}


def is_of_schedule(each: DoorStanding, case: Case) -> bool:
    """Tell whether all that is wrong is the schedule or the seat of somebody in a system."""
    state = holder_state(each, case)
    return state is not None and state.key in OF_SCHEDULE


def holder_state(each: DoorStanding, case: Case) -> State | None:
    user = each.door.method.acs_user
    return people_words.state_of(user, case.now) if user is not None else None


def _said(each: DoorStanding) -> str:
    return f"{ways.name(each.door.method)} at {each.name}: {_lower(each.state.word)}. {each.state.note}".strip()


def _lower(word: str) -> str:
    return word if word[1:2].isupper() else word[:1].lower() + word[1:]


# --- what they were told --------------------------------------------------------------

_AT_THE_DESK = (Mode.CARD,)


def told(case: Case) -> Finding:
    if all(each.door.method.mode in _AT_THE_DESK for each in case.ways):
        return ok("They get their card at the desk.")
    if any(code.delivered_at for code in case.codes):
        return ok("The digits were shown or sent to somebody.")
    latest = next((x for x in case.deliveries if x.state != DeliveryState.CANCELLED), None)
    fix = Fix(Remedy.MESSAGE)
    if latest is None:
        return broken("No message was sent, and nobody looked at the digits to tell them.", fix)
    if latest.state == DeliveryState.FAILED:
        return broken(f"The message was not delivered. {latest.error}".strip(), fix)
    if latest.state != DeliveryState.SENT:
        return broken(f"The message was not sent yet. {latest.error}".strip(), fix)
    if latest.opened_at is None:
        sent = clock(latest.sent_at, case.grant.property.zone, case.now) if latest.sent_at else ""
        return unsure(f"A message was sent {sent}, and nobody opened it yet.", fix)
    opened = clock(latest.opened_at, case.grant.property.zone, case.now)
    return ok(f"They opened their message {opened}.")
