"""Cards that are lost, and cards that are given back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from access import credentials, waking
from access.cards import doors, intents, outcomes, rows, worth
from access.cards.refusals import RefusedError
from access.models import AcsCredential, AcsUser, EncodeJob
from access.people import words
from access.people.opening import MOST_IN_A_SENTENCE, in_words
from access.states import CardState, JobState
from accounts.actors import Actor
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod
from audit.services import record
from audit.words import How, Verb


@dataclass(frozen=True, kw_only=True)
class LostReport:
    """What a lost or returned card still opens, and until when."""

    person: str
    last_four: str
    #: Doors that learn of it late: they decide by what is on the card.
    offline_doors: tuple[str, ...] = ()
    #: Doors that know at once.
    online_doors: tuple[str, ...] = ()
    #: What happens, in whole sentences.
    sentences: tuple[str, ...] = ()
    #: How sure it is that these are the doors; "" where it is.
    note: str = ""
    #: Whether a card in its place can be made now.
    can_replace: bool = False
    #: What the plastic is called.
    thing: str = "card"

    @property
    def more_doors(self) -> tuple[str, ...]:
        """Offline doors that the sentences only count."""
        return self.offline_doors[MOST_IN_A_SENTENCE:]


@dataclass(frozen=True, kw_only=True)
class StillOpening:
    """A card that was cancelled while somebody may carry it."""

    card: AcsCredential
    #: "was reported lost"
    why: str
    since: datetime | None = None
    #: Which doors it may still open, and until when.
    sentence: str


_WHY = {"lost": "was reported lost", "replaced": "was replaced"}
_REMEMBERED = timedelta(days=30)
_MOST_REMEMBERED = 3


def consequences(credential: AcsCredential, *, returned: bool = False) -> LostReport:
    """Say what cancelling this card means, before anybody decides. Changes nothing."""
    holder, system = credential.user, credential.system
    opened = doors.of_card(credential)
    is_written = system.writes_cards and credential.was_written
    offline = opened.offline if is_written else ()
    sentences = [_what_happens(credential)]
    if is_written and not returned:
        sentences += _late(credential, offline)
        sentences += [opened.note] if opened.note else []
    if returned:
        sentences += _in_hand(credential)
    return LostReport(
        person=holder.full_name if holder else "",
        last_four=credential.last_four,
        offline_doors=offline,
        online_doors=opened.online,
        sentences=tuple(sentences),
        note=opened.note,
        can_replace=_can_replace(credential),
        thing=words.thing(system),
    )


def _what_happens(credential: AcsCredential) -> str:
    thing = words.thing(credential.system)
    name = f"The {thing} …{credential.last_four}" if credential.card_number else f"The {thing}"
    # Told already, and not seen yet: the page beside it says "being cancelled".
    verb = "is being" if credential.delete_asked_at and not credential.gone_at else "is"
    if credential.system.assigns_tags:
        return (
            f"{name} {verb} taken out of {credential.system.name}. Doors hear of it from the cloud;"
            " one that is not connected, when it is again."
        )
    return f"{name} {verb} cancelled in {credential.system.name}."


def _late(credential: AcsCredential, offline: tuple[str, ...]) -> list[str]:
    if not offline:
        return []
    until = "until a list of cancelled cards reaches them"
    if credential.user and credential.user.ends_at:
        until += ", or the card’s time is over"
    return [
        f"These offline doors may still open with it {until}: {in_words(offline)}.",
        "The list travels with cards that were written or updated since, when they are held to "
        "these doors.",
        *filter(None, [doors.wiring_note(credential.system)]),
    ]


def _in_hand(credential: AcsCredential) -> list[str]:
    if not credential.system.writes_cards:
        return ["To give it to somebody else, assign it to them as a new tag."]
    return [
        "Keep the card at the desk: until it is written again, offline doors may open with it.",
        "It cannot be erased from here. Write it for somebody else, or erase it in ProAccess Space.",
    ]


def _can_replace(credential: AcsCredential) -> bool:
    user = credential.user
    if user is None or not credential.system.writes_cards:
        return False
    return not (user.delete_asked_at or user.is_suspended or user.gone_at)


def still_opening(cards: Iterable[AcsCredential], now: datetime) -> list[StillOpening]:
    """Return the cards somebody may still carry although they are to open nothing any more.

    Newest first, the few that somebody may remember. A card that was given back lies at the
    desk; one whose time is over opens nothing; nothing is left of one that was written anew.
    """
    found = [each for each in cards if _is_written(each, now)]
    carried = [each for each in found if not _is_overwritten(each, found)]
    said = [still for card in carried if (still := _lost(card, now) or _shut_out(card, now))]
    said.sort(key=lambda still: still.since or now, reverse=True)
    return said[:_MOST_REMEMBERED]


def _is_written(card: AcsCredential, now: datetime) -> bool:
    is_card = card.access_method == AccessMethod.CARD and card.system.writes_cards
    is_back = card.card_state == CardState.RETURNED or card.delete_reason == "returned"
    return is_card and card.was_written and not is_back and not card.is_over(now)


def _is_overwritten(card: AcsCredential, cards: Iterable[AcsCredential]) -> bool:
    """Tell whether the same piece of plastic carries a later one of these."""
    return any(
        each.card_number == card.card_number
        and each.is_issued
        and each.created_at > card.created_at
        for each in cards
        if card.card_number
    )


def _lost(card: AcsCredential, now: datetime) -> StillOpening | None:
    """A card that was cancelled unseen. None where no door hears of that late."""
    asked_at, why = card.delete_asked_at, _WHY.get(card.delete_reason)
    if why is None or asked_at is None or asked_at < now - _REMEMBERED:
        return None
    report = consequences(card)
    if not report.offline_doors:
        return None
    sentence = f"{report.sentences[1]} {report.note}".rstrip()
    return StillOpening(card=card, why=why, since=asked_at, sentence=sentence)


def _shut_out(card: AcsCredential, now: datetime) -> StillOpening | None:
    """The card of somebody who is suspended or deleted: nothing reaches it by itself."""
    user = card.user
    if user is None:
        return None
    since = user.delete_asked_at or user.gone_at
    was_gone = card.gone_at is not None and (since is None or card.gone_at < since)
    if was_gone or not (since or user.is_suspended):
        return None
    report = consequences(card)
    if report.online_doors and not report.offline_doors:
        return None
    who = in_words(report.offline_doors) or "offline doors"
    sentence = (
        f"Until it is held to a wall reader that updates cards, or its time is over, it may still "
        f"open {who}. {report.note}"
    )
    sentence = f"{sentence.rstrip()} Take it back if you can."
    return StillOpening(card=card, why="was not given back", sentence=sentence)


def lost(credential: AcsCredential, *, by: Actor, at: datetime) -> LostReport:
    """Report a card lost: its credential is withdrawn. Raises RefusedError, PermissionDenied."""
    _take_back(credential, CardState.LOST, Verb.CARD_LOST, by=by, at=at)
    return consequences(credential)


def returned(credential: AcsCredential, *, by: Actor, at: datetime) -> LostReport:
    """Take a card back: its credential is withdrawn. Raises RefusedError, PermissionDenied.

    Cards cannot be erased from here; the report's sentences say how it is done.
    """
    _take_back(credential, CardState.RETURNED, Verb.CARD_RETURNED, by=by, at=at)
    return consequences(credential, returned=True)


def _take_back(
    credential: AcsCredential, state: CardState, verb: Verb, *, by: Actor, at: datetime
) -> None:
    system = credential.system
    by.require(Permission.CANCEL_CARDS, system.property_id)
    if credential.access_method != AccessMethod.CARD:
        raise RefusedError("This is no card.", field="credential")
    if not credential.is_managed:
        raise RefusedError(intents.MADE_OUTSIDE, field="credential")
    with transaction.atomic():
        # As workers do, so that none waits for a row while it keeps another from us.
        rows.lock(AcsUser, [credential.user_id])
        rows.lock(AcsCredential, [credential.pk])
        if worth.is_being_written(credential):
            raise RefusedError(
                "This card is being written now. Wait until that has ended, then report it.",
                field="credential",
            )
        found = AcsCredential.objects.filter(pk=credential.pk).exclude(card_state=state)
        if not found.update(card_state=state):
            return  # said before
        credential.card_state = state
        credentials.withdraw(credential, state.value, by=by, at=at)
        for job in EncodeJob.objects.filter(credential=credential, state=JobState.UNKNOWN):
            after = f"it was {state.label.lower()}, and its right withdrawn"
            outcomes.settled_as_failed(job, evidence="person", after=after, who=by.who)
        record(
            verb,
            workspace_id=system.workspace_id,
            at=at,
            who=by.who,
            place=system.as_place(),
            subject=str(credential.user or ""),
            how=How.WEB,
            system=system.name,
            last_four=credential.last_four,
        )
        waking.tell(system)
