"""How far a card, a PIN or a mobile key of an access control system is. From rows at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from access.grants.progress import GONE, Progress
from access.models import AcsCredential, AcsMembership, AcsSystem, AcsUser, DoorShare
from access.people import words
from access.states import CardState, Part, Phase
from accounts.providers.systems import AccessMethod as Mode
from locks.codes.overdue import ALERT_AFTER
from locks.codes.words import State


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds it in the system, with what was fetched of them."""

    user: AcsUser
    system: AcsSystem
    memberships: Sequence[AcsMembership]
    credentials: Sequence[AcsCredential]

    @property
    def zone(self) -> ZoneInfo:
        return self.system.property.zone

    @property
    def is_moving(self) -> bool:
        return any(each.is_pending for each in self.memberships)


_PREPARED = State("setting", "Setting", "info", "hourglass", "They are added to the system.")
#: How somebody is, while nothing stands between them and what they shall hold.
_SETTLED = frozenset({"ready", "active", "ahead"})
_UNDER_WAY = frozenset({"creating", "unsuspending", "changing", "carrying"})


def of_holder(holder: Holder | None, mode: Mode, at: datetime) -> Progress:
    """Return how far something is that its person shall have in a system."""
    if holder is None:
        return Progress(state=_PREPARED)
    user = holder.user
    doing = words.state_of(user, at, is_moving=holder.is_moving)
    if doing.key not in _SETTLED | _UNDER_WAY:
        return Progress(state=_out(doing), since=user.seen_at)
    if mode == Mode.CARD:
        return _of_card(holder, doing, at)
    return _of_key(holder, mode, doing, at)


def _out(doing: State) -> State:
    """Say why somebody who shall be in the system is not."""
    if doing.key == "gone":
        note = "They were deleted at the provider, and not from here."
        return State("failed", "Gone from the system", "danger", "x-circle", note)
    note = doing.note or "The system does not let them in."
    return replace(doing, key="failed", tone="danger", icon="x-circle", note=note)


def _of_card(holder: Holder, doing: State, at: datetime) -> Progress:
    card = words.card_word(holder.system, holder.credentials, at)
    written = max((each.issued_at for each in holder.credentials if each.issued_at), default=None)
    is_settled = doing.key in _SETTLED
    if card.key == "issued" and is_settled:
        state = replace(card, key="ready", note=_written(card, holder))
        return Progress(state=state, since=written, is_issued=True, is_done=True)
    if card.key in ("suspect", "trouble", "shut_out"):
        key = "suspect" if card.key == "suspect" else "failed"
        return Progress(state=replace(card, key=key, tone="danger"), since=written)
    if card.key in ("update", "unconfirmed"):
        return Progress(state=replace(card, key="card_behind"), since=written, is_done=is_settled)
    if not is_settled:
        return Progress(state=replace(doing, key="setting"), since=holder.user.written_at)
    return Progress(state=_to_be_made(holder.system), since=holder.user.seen_at, is_done=True)


def _written(card: State, holder: Holder) -> str:
    return "It was assigned to them." if holder.system.assigns_tags else f"Written. {card.note}"


def _to_be_made(system: AcsSystem) -> State:
    if system.assigns_tags:
        note = "Somebody at the desk assigns them a tag."
        return State("assignment_required", "Needs a tag", "info", "badge", note)
    note = "Somebody at the desk writes it at an encoder."
    return State("encoding_required", "Needs a card", "info", "card", note)


def _of_key(holder: Holder, mode: Mode, doing: State, at: datetime) -> Progress:
    """A PIN or a mobile key: the system makes it."""
    found = [each for each in holder.credentials if each.access_method == mode]
    live = [each for each in found if each.phase != Phase.GONE and each.delete_asked_at is None]
    pending = "mobile_pending" if mode == Mode.MOBILE_KEY else "setting"
    if not live or doing.key not in _SETTLED:
        state = State(pending, "Being made", "info", "hourglass", _made_by(holder))
        return Progress(state=state, since=holder.user.created_at)
    state = words.credential_state(live[0], holder.system, at)
    since = live[0].issued_at or live[0].created_at
    if state.key == "trouble":
        return Progress(state=replace(state, key="failed"), since=since)
    if state.key == "active" and (mode != Mode.MOBILE_KEY or live[0].is_issued):
        ahead = holder.user.starts_at is not None and holder.user.starts_at > at
        note = "The system made it, and starts it by itself." if ahead else "The system made it."
        ready = State("ready", "Ready", "ok", "check", note)
        return Progress(state=ready, since=since, is_issued=True, is_done=True)
    return Progress(state=replace(state, key=pending), since=since)


def _made_by(holder: Holder) -> str:
    return f"{words.sentence(words.brand_of(holder.system))} makes it."


# --- what ends ------------------------------------------------------------------------


def of_ended(holder: Holder | None, share: DoorShare, at: datetime) -> Progress:
    """Return what is left of it at a door where no grant wants it any more."""
    if holder is None:
        return GONE
    user = holder.user
    if user.phase != Phase.GONE and (user.delete_asked_at or user.phase == Phase.DELETING):
        return _deleting(holder, at)
    if user.phase == Phase.LIVE and Part.SCHEDULE not in user.pending and user.is_over(at):
        state = State("ended", "Ended", "unknown", "clock", "Their time in the system is over.")
        return Progress(state=state, since=user.ends_at)
    if user.phase != Phase.GONE and holder.is_moving:
        return Progress(state=_removing(holder), since=share.ended_at)
    return _on_a_card(holder, share, at) or GONE


def _deleting(holder: Holder, at: datetime) -> Progress:
    user = holder.user
    since = user.delete_asked_at
    if since is None or at - since < ALERT_AFTER:
        return Progress(state=_removing(holder), since=since)
    tries = f", {user.attempts} tries" if user.attempts > 1 else ""
    note = f"Removing since {since.astimezone(holder.zone):%H:%M on %-d %b}{tries}. {user.error}"
    state = State("still_active", "STILL ACTIVE", "danger", "alert", note.strip())
    return Progress(state=state, since=since)


def _removing(holder: Holder) -> State:
    note = (
        f"{words.sentence(words.brand_of(holder.system))} is being told. It may still open doors."
    )
    return State("removing", "Removing", "warn", "hourglass", note)


def carried(credentials: Iterable[AcsCredential], at: datetime) -> list[AcsCredential]:
    """Return the cards that doors may open with and somebody may have."""
    return words.carried(_not_overwritten(credentials), at)


def handed_back(credentials: Iterable[AcsCredential], at: datetime) -> list[AcsCredential]:
    """Return the cards that doors may open with and that somebody says are back."""
    back = [each for each in credentials if each.card_state == CardState.RETURNED]
    return [each for each in _not_overwritten(back) if each.was_written and not each.is_over(at)]


def _not_overwritten(credentials: Iterable[AcsCredential]) -> list[AcsCredential]:
    """Nothing is left of what was written over."""
    return [each for each in credentials if not getattr(each, "is_overwritten", False)]


def goes_by_card(share: DoorShare, at: datetime) -> bool:
    """Tell whether a door goes by what is on a card, until the end that stands on it."""
    entrance, method = share.door.entrance, share.door.method
    if method.mode != Mode.CARD or method.system is None or not method.system.writes_cards:
        return False
    is_early = share.ends_at is None or at < share.ends_at
    return is_early and entrance is not None and not entrance.is_wired


def _on_a_card(holder: Holder, share: DoorShare, at: datetime) -> Progress | None:
    """Say that an offline door may open with a card that somebody may have."""
    if not goes_by_card(share, at) or not carried(holder.credentials, at):
        return None
    note = "Offline doors go by what is on a card: take it back."
    state = State("card_out", "Card may still open it", "warn", "card", note)
    return Progress(state=state, since=share.ended_at)
