"""How somebody is doing, how their card is, and what is under way, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser
from access.people import stays
from access.states import CardState, Part, Phase
from accounts.providers.systems import AccessMethod, SystemType
from locks.codes.rules import clock
from locks.codes.words import State

ALWAYS = "Always"


def brand_of(system: AcsSystem) -> str:
    """`Salto Space`, as people say it."""
    brands = {SystemType.SALTO_SPACE: "Salto Space", SystemType.SALTO_KS: "Salto KS"}
    return brands.get(system.type, "the system")


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- time -----------------------------------------------------------------------------


def schedule(starts_at: datetime | None, ends_at: datetime | None, zone: ZoneInfo) -> str:
    """`from 20 Nov 2026, 15:00 until 27 Nov 2026, 11:00`, for the log."""
    shape = "%-d %b %Y, %H:%M"
    if starts_at is None and ends_at is None:
        return "no schedule"
    said = [f"from {starts_at.astimezone(zone):{shape}}"] if starts_at else []
    said.append(f"until {ends_at.astimezone(zone):{shape}}" if ends_at else "with no end")
    return " ".join(said)


def window(user: AcsUser, now: datetime) -> str:
    """`Always`; `20 Nov, 15:00 – 27 Nov, 11:00`; `From 20 Nov, 15:00`. In property time."""
    zone = user.system.property.zone
    starts = clock(user.starts_at, zone, now) if user.starts_at else ""
    ends = clock(user.ends_at, zone, now) if user.ends_at else ""
    if starts and ends:
        return f"{starts} – {ends}"
    if ends:
        return f"Until {ends}"
    return f"From {starts}" if starts else ALWAYS


# --- somebody -------------------------------------------------------------------------


def state_of(user: AcsUser, now: datetime, *, is_moving: bool = False) -> State:
    """Return how somebody is doing. Needs the row `system`.

    `is_moving`: whether one of their groups is not yet as wished.
    """
    brand = sentence(brand_of(user.system))
    if user.phase == Phase.GONE:
        return State("gone", "Gone", "unknown", "check", "Seen gone.")
    if user.delete_asked_at or user.phase == Phase.DELETING:
        return _deleting(user, brand)
    if user.error_code:
        still = " They may still open doors." if _is_shutting_out(user) else ""
        return State("failed", "Not as wished", "danger", "x-circle", user.error + still)
    if user.errors:
        return State("trouble", "Trouble", "danger", "alert", trouble(user.errors))
    return _on_its_way(user, brand, is_moving=is_moving) or _settled(user, brand, now)


def _is_shutting_out(user: AcsUser) -> bool:
    return user.is_suspended and Part.SUSPENSION in user.pending


def next_try(user: AcsUser, now: datetime) -> str:
    """Say what happens next to a wish in trouble; "" where nothing is wrong."""
    if not user.error_code:
        return ""
    if user.next_run_at is None:
        return "It is not tried again by itself."
    if user.next_run_at <= now:
        return "Next try in a moment."
    return f"Next try {clock(user.next_run_at, user.system.property.zone, now)}."


def _deleting(user: AcsUser, brand: str) -> State:
    if user.error_code:
        note = f"{user.error} They may still open doors."
        return State("still_there", "Still there", "danger", "alert", note)
    note = f"{brand} is being told. They may still open doors."
    return State("deleting", "Being deleted", "warn", "hourglass", note)


def _on_its_way(user: AcsUser, brand: str, *, is_moving: bool) -> State | None:
    told = f"{brand} is being told."
    if user.phase == Phase.CREATING:
        return State("creating", "Being added", "info", "hourglass", told)
    if Part.SUSPENSION in user.pending:
        if user.is_suspended:
            note = f"{told} They may still open doors."
            return State("suspending", "Being suspended", "warn", "hourglass", note)
        return State("unsuspending", "Being let in", "info", "hourglass", told)
    if user.pending or is_moving:
        return State("changing", "Being changed", "info", "hourglass", told)
    if any(each["code"] != "deferring_creation" for each in user.mutations):
        note = f"Seam has it, and is carrying it to {brand}."
        return State("carrying", "Being changed", "info", "hourglass", note)
    return None


def _settled(user: AcsUser, brand: str, now: datetime) -> State:
    if user.is_suspended:
        return State("suspended", "Suspended", "warn", "ban", _suspended_note(user, brand))
    if user.is_over(now):
        return State("over", "Ended", "unknown", "clock", "Their schedule is over.")
    if user.starts_at and user.starts_at > now:
        when = clock(user.starts_at, user.system.property.zone, now)
        return State("ahead", "Scheduled", "info", "calendar", f"Their time begins {when}.")
    if any(each["code"] == "deferring_creation" for each in user.mutations):
        note = f"{brand} makes them with their first card."
        return State("ready", "Ready for a card", "info", "card", note)
    if user.is_subscribed is False:
        note = "No seat of the subscription, so nothing opens for them."
        return State("no_seat", "No seat", "warn", "alert", note)
    return State("active", "Active", "ok", "check")


def _suspended_note(user: AcsUser, brand: str) -> str:
    if user.system.writes_cards:
        return f"Shut out in {brand}. Offline doors go by what is on a card, until it is updated."
    return "Opens nothing until let in again."


#: What providers tell of somebody, in our words. Others are shown as they come.
_TROUBLES = {
    "deleted_externally": "They were deleted at the provider.",
    "failed_to_create_on_acs_system": "The system did not add them.",
    "failed_to_update_on_acs_system": "The system did not take a change.",
    "failed_to_delete_on_acs_system": "The system did not delete them: they may open doors.",
    "salto_ks_subscription_limit_exceeded": (
        "All seats of the Salto KS subscription are taken, so nothing opens for them until one is"
        " free."
    ),
    "salto_ks_user_not_subscribed": "They have no seat of the Salto KS subscription.",
    "acs_user_inactive": "They are inactive in the system.",
    "needs_to_be_reissued": "The card does not know the latest rights.",
    "waiting_to_be_issued": "It waits to be written on a card.",
}


def trouble(problems: Sequence[dict[str, str]]) -> str:
    """Return what a provider tells of somebody or of a card, a sentence each."""
    said = [_TROUBLES.get(each["code"]) or each.get("message") or each["code"] for each in problems]
    return " ".join(dict.fromkeys(said))


# --- what is under way ----------------------------------------------------------------

_PARTS = {
    Part.INFORMATION: "Name, e-mail and phone",
    Part.SCHEDULE: "The schedule",
    Part.SUSPENSION: "The suspension",
}
_MUTATIONS = {
    "creating": "is adding them",
    "deleting": "is deleting them",
    "deferring_creation": "adds them with their first card",
    "updating_user_information": "is changing name, e-mail or phone",
    "updating_access_schedule": "is changing the schedule",
    "updating_suspension_state": "is changing the suspension",
    "updating_group_membership": "is changing their groups",
    "deferring_group_membership_update": "changes their groups later",
    "updating_credential_assignment": "is changing what card is theirs",
}


def under_way(user: AcsUser, memberships: Iterable[AcsMembership]) -> list[str]:
    """Return everything wished of somebody and not yet seen true, a sentence each."""
    if user.phase == Phase.GONE:
        return []
    brand = brand_of(user.system)
    told = f"not taken yet by {brand}." if user.error_code else f"being told to {brand}."
    said = []
    if user.delete_asked_at:
        said.append(f"Deletion: {told}")
    elif user.phase == Phase.CREATING:
        said.append(f"{user.full_name}: {told}")
    else:  # somebody new is told of in one piece
        said += [f"{_PARTS[Part(part)]}: {told}" for part in user.pending]
    for each in memberships:
        if each.is_pending and user.phase == Phase.LIVE:
            verb = "being put into" if each.is_wanted else "being taken out of"
            note = "" if each.is_wanted else " It still opens doors until then."
            said.append(f"{sentence(verb)} “{each.group.name}”.{note}")
    said += [
        f"Seam {_MUTATIONS.get(each['code'], 'is changing something')}." for each in user.mutations
    ]
    return list(dict.fromkeys(said))


# --- cards ----------------------------------------------------------------------------


def thing(system: AcsSystem) -> str:
    """What the plastic is called: Salto KS knows tags."""
    return "tag" if system.assigns_tags else "card"


def cards_of(credentials: Iterable[AcsCredential]) -> list[AcsCredential]:
    return [each for each in credentials if each.access_method == AccessMethod.CARD]


_UNWRITTEN = State("waiting", "Not written yet", "info", "card", "It is written at an encoder.")
_UNASSIGNED = State("waiting", "Not assigned", "info", "badge", "Registered at the site.")


def card_state(
    card: AcsCredential, now: datetime, *, is_tag: bool = False, zone: ZoneInfo | None = None
) -> State:
    """Return how one card or tag is. `zone`: of the times in its words; without it they have none."""
    mark = f"…{card.last_four}" if card.last_four else "tag" if is_tag else "card"
    if card.phase == Phase.GONE or (card.user is not None and card.user.phase == Phase.GONE):
        return State("gone", f"{mark} cancelled", "unknown", "x", _why_gone(card))
    if card.card_state == CardState.SUSPECT:
        note = "A write was broken off. Read it before anybody gets it."
        return State("suspect", f"{mark} in doubt", "danger", "alert", note)
    if card.delete_asked_at or card.phase == Phase.DELETING:
        note = "It may still open doors."
        return State("cancelling", f"{mark} being cancelled", "warn", "hourglass", note)
    if card.error_code or card.errors:
        note = card.error or trouble(card.errors)
        return State("trouble", f"{mark} in trouble", "danger", "x-circle", note)
    if card.was_written and (why := _why_shut_out(card.user)):
        note = why if is_tag else f"{why} Offline doors may still open with it."
        return State("shut_out", f"{mark} shut out", "warn", "ban", note)
    if not is_tag and zone and (word := stays.in_short(card, mark, zone, now)):
        return replace(_out_of_date(mark), word=word)
    if card.is_issued:
        return _issued(card, mark, now)
    return _UNASSIGNED if is_tag else _unissued(card, mark)


def _issued(card: AcsCredential, mark: str, now: datetime) -> State:
    if card.is_over(now):
        return State("over", f"{mark} ended", "unknown", "clock", "Its time is over.")
    if card.needs_to_be_reissued:
        return _out_of_date(mark)
    return State("issued", mark, "ok", "check", "Issued.")


def _unissued(card: AcsCredential, mark: str) -> State:
    if card.card_state == CardState.IN_USE:
        note = "It is in use, and Salto does not confirm that it was written. Read it to be sure."
        return State("unconfirmed", f"{mark} not confirmed", "warn", "alert", note)
    return _out_of_date(mark) if card.was_written else _UNWRITTEN


def _out_of_date(mark: str) -> State:
    note = "It still has the old rights, until it is updated."
    return State("update", f"{mark} to be updated", "warn", "refresh", note)


def _why_shut_out(user: AcsUser | None) -> str:
    if user is None:
        return ""
    if user.delete_asked_at:
        return "Its holder is being deleted."
    return "Its holder is suspended." if user.is_suspended else ""


_WHY = {
    "lost": "Reported lost.",
    "returned": "Given back.",
    "replaced": "Replaced by another.",
    "cancelled": "Cancelled.",
    "unused": "Never written.",
}


def _why_gone(card: AcsCredential) -> str:
    if card.phase != Phase.GONE:
        return "Its holder was deleted."
    return _WHY.get(card.delete_reason, "Gone at the provider.")


def credential_state(credential: AcsCredential, system: AcsSystem, now: datetime) -> State:
    """Return how a card, a PIN or a phone is."""
    if credential.access_method == AccessMethod.CARD:
        zone = system.property.zone
        return card_state(credential, now, is_tag=system.assigns_tags, zone=zone)
    if credential.phase == Phase.GONE:
        return State("gone", "Gone", "unknown", "x", _why_gone(credential))
    if credential.delete_asked_at or credential.phase == Phase.DELETING:
        return State("cancelling", "Being removed", "warn", "hourglass", "It may still open doors.")
    if credential.error_code or credential.errors:
        note = credential.error or trouble(credential.errors)
        return State("trouble", "Trouble", "danger", "x-circle", note)
    if credential.phase == Phase.CREATING:
        return State("creating", "Being made", "info", "hourglass", "Salto makes it.")
    if credential.is_over(now):
        return State("over", "Ended", "unknown", "clock", "Its time is over.")
    return _made(credential)


def _made(credential: AcsCredential) -> State:
    if credential.is_issued is False:
        return State("creating", "Being made", "info", "hourglass", "Salto has not made it yet.")
    if credential.access_method == AccessMethod.CODE and not credential.code_sealed:
        note = "Salto has not told the digits yet."
        return State("untold", "No digits yet", "info", "hourglass", note)
    return State("active", "In use", "ok", "check")


#: The card that says most about somebody: what needs a person comes first.
_TELLING = (
    "suspect",
    "trouble",
    "update",
    "unconfirmed",
    "shut_out",
    "issued",
    "cancelling",
    "waiting",
    "over",
)
NO_CARD = State("none", "No card", "unknown", "dashed")
NO_TAG = State("none", "No tag", "unknown", "dashed")


def card_word(system: AcsSystem, credentials: Iterable[AcsCredential], now: datetime) -> State:
    """Return how somebody's cards are, in one word for a list."""
    is_tag, zone = system.assigns_tags, system.property.zone
    states = [card_state(each, now, is_tag=is_tag, zone=zone) for each in cards_of(credentials)]
    known = [state for state in states if state.key in _TELLING]
    if not known:
        return NO_TAG if system.assigns_tags else NO_CARD
    return min(known, key=lambda state: _TELLING.index(state.key))


def holds_card(credentials: Iterable[AcsCredential], now: datetime) -> bool:
    """Tell whether somebody has a card that was written, and that can be written again."""
    kept = {"issued", "unconfirmed", "update", "shut_out", "suspect"}
    states = [(each, card_state(each, now).key) for each in cards_of(credentials)]
    return any(key in kept or (key == "trouble" and each.was_written) for each, key in states)


#: So long a cancelled card is taken for one that some door still opens with.
LAGGING = timedelta(days=30)


def carried(credentials: Iterable[AcsCredential], now: datetime) -> list[AcsCredential]:
    """Return the cards somebody may have in their pocket and some door may open with.

    Cancelled ones, too: doors hear of it late. Not those that were given back.
    """
    return [each for each in cards_of(credentials) if _is_carried(each, now)]


def _is_carried(card: AcsCredential, now: datetime) -> bool:
    if card.card_state == CardState.RETURNED or card.delete_reason == "returned":
        return False
    is_old = card.gone_at is not None and card.gone_at < now - LAGGING
    is_on_a_card = card.was_written or card.card_state == CardState.SUSPECT
    return is_on_a_card and not is_old and not card.is_over(now)


def is_left_over(card: AcsCredential, credentials: Iterable[AcsCredential]) -> bool:
    """Tell whether a card was never written, and another was in its place: it is no card."""
    if card.was_written or card.access_method != AccessMethod.CARD:
        return False
    if card.delete_reason == "unused":
        return True
    return card.card_state != CardState.SUSPECT and any(
        each.is_issued and each.issued_at and each.issued_at >= card.created_at
        for each in cards_of(credentials)
    )


#: The provider tells that a card is out of date, not which of these is enough. Seam does not
#: pass the key status on that would say it (facts/salto_space.md §3).
WHAT_TO_DO = (
    "Changed doors or times: hold the card to a wall reader that updates cards, or write it"
    " again at the desk. If the wall reader does not help, only the desk does: some changes"
    " rebuild the card. Until then it opens what it opened before."
)
