"""What a reading found, in words; a tag that was read carries nothing but its number."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from access.cards import tag_words, times
from access.cards.evidence import Finding
from access.models import EncodeJob
from access.people.words import thing
from access.states import CardState, JobState, Phase
from accounts.providers.systems import CardFailure


def of(job: EncodeJob, now: datetime) -> tuple[str, str]:
    """Return headline and sentence of a reading."""
    return _of_tag(job, now) if job.system.assigns_tags else _of_card(job, now)


def _of_card(job: EncodeJob, now: datetime) -> tuple[str, str]:
    finding = job.result.get("finding")
    if finding == Finding.BLANK:
        return "This card is blank", _blank_words(job)
    if finding == Finding.FOREIGN:
        return "Not one of ours", _FOREIGN
    card, user = job.credential, job.user
    if card and (card.delete_asked_at or card.phase == Phase.GONE):
        return "This card was cancelled", _CANCELLED.get(card.card_state, _CANCELLED_ELSE)
    if user and user.is_suspended:
        return "This person is suspended", f"{user} may not come in. Keep the card."
    if user and user.is_over(now):
        return "This card’s time is over", f"{user}’s access has ended."
    fields = ", ".join(job.result.get("fields", ()))
    if not fields and card and card.needs_to_be_reissued:
        return "This card is out of date", "Rights changed since it was written. Update it."
    if not job.result.get("is_in_sync", True):
        return (
            "This card is out of date",
            f"Card and system disagree on: {fields or 'what is on it'}. Re-encode this card.",
        )
    return "This card is as it should be", "It matches what Salto has."


def _of_tag(job: EncodeJob, now: datetime) -> tuple[str, str]:
    tag, user = job.credential, job.user
    if job.result.get("finding") == Finding.BLANK:
        return "This tag is nobody’s", tag_words.SENTENCES[CardFailure.BLANK_ON_SCAN]
    if job.result.get("finding") == Finding.FOREIGN or user is None:
        return "This tag is nobody’s", "Nobody here has it. It can be given to somebody."
    if tag and (tag.delete_asked_at or tag.phase == Phase.GONE):
        return "This tag was taken back", f"{user} has it no more. It can be given to somebody."
    if user.is_suspended:
        return "This person is suspended", f"{user} may not come in. Keep the tag."
    if user.is_over(now):
        return "This tag’s time is over", f"{user}’s access has ended."
    return f"This is {user}’s tag", "It opens whatever they may open now."


_FOREIGN = (
    "Not one of ours, or made outside this dashboard. A card that was lifted too early looks like "
    "this too: don’t hand it out before it was written again."
)


def _blank_words(job: EncodeJob) -> str:
    if job.settles and job.settles.state == JobState.UNKNOWN:
        return f"Nothing is written on it, so it is not the card of {job.settles.user} in doubt."
    return "Nothing is written on it."


_ERASE = "Write it for somebody else, or erase it in ProAccess Space."
_CANCELLED_ELSE = f"Its right was withdrawn. {_ERASE}"
_CANCELLED: dict[str, str] = {
    CardState.LOST: f"It was reported lost. Keep it. {_ERASE}",
    CardState.RETURNED: f"It was given back. {_ERASE}",
}


def facts(job: EncodeJob, groups: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return what the card or tag tells, in rows. `groups`: the names of its holder's."""
    found, zone = job.result, job.system.property.zone
    rows: list[tuple[str, str]] = []
    if job.user:
        rows.append(("Holder", job.user.full_name))
    if found.get("last_four"):
        rows.append((thing(job.system).capitalize(), f"…{found['last_four']}"))
    rows += [
        (label, times.day_and_clock(at, zone))
        for label, key in (("From", "starts_at"), ("Until", "ends_at"))
        if (at := _moment(found.get(key)))
    ]
    if groups:
        rows.append(("Groups", ", ".join(groups)))
    if found.get("finding") == Finding.OURS and job.system.writes_cards:
        fields = ", ".join(found.get("fields", ())) or "what is on it"
        is_same = found.get("is_in_sync", True)
        rows.append(("Same as in Salto", "yes" if is_same else f"no: {fields}"))
    return tuple(rows)


def _moment(text: Any) -> datetime | None:
    return parse_datetime(text) if isinstance(text, str) and text else None
