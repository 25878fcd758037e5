"""What is on cards that carry their rights, and how far behind it is (facts: Salto Space)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from access.models import AcsCredential, AcsEntrance, AcsUser
from access.models.credentials import ON_A_CARD, WAS_WRITTEN


def doors_of(user_ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    """Return the entrances that these users' groups open, by user, as last seen."""
    rows = AcsEntrance.objects.filter(
        groups__memberships__user__in=list(user_ids),
        groups__memberships__is_seen=True,
        groups__removed_at=None,
        removed_at=None,
    ).exclude(takes_card=False)
    found = defaultdict(list)
    for user_id, pk in rows.values_list("groups__memberships__user_id", "pk").distinct():
        found[user_id].append(str(pk))
    return found


def note_rights_changed(user: AcsUser, *, at: datetime) -> None:
    """A call changes what somebody's written cards should carry: call it before that is seen.

    They count as out of date until a look tells. What is on them is kept while it is known.
    """
    if not user.system.writes_cards:
        return
    for card in AcsCredential.objects.select_for_update().filter(ON_A_CARD, user=user):
        if not is_behind(card):
            card.written_schedule = _schedule(user.reported)
            if card.written_doors is None:
                card.written_doors = doors_of([user.pk]).get(user.pk, [])
        card.rights_changed_at = card.next_run_at = at
        card.save(
            update_fields=["written_doors", "written_schedule", "rights_changed_at", "next_run_at"]
        )


def note_schedules_changed(before: Mapping[UUID, dict[str, Any]]) -> None:
    """The schedules of these users were changed elsewhere: keep what their cards carry.

    `before`: what was reported of each until now. A card that was behind already carries
    something older.
    """
    if not before:
        return
    cards = AcsCredential.objects.select_for_update().filter(ON_A_CARD, user__in=list(before))
    rows = [card for card in cards.order_by("pk") if card.user_id and not is_behind(card)]
    for card in rows:
        card.written_schedule = _schedule(before[card.user_id])
    AcsCredential.objects.bulk_update(rows, ["written_schedule"], batch_size=500)


def is_schedule_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether another schedule is reported than before; nothing was, of somebody new."""
    return bool(before) and _schedule(before) != _schedule(now)


def _schedule(reported: Mapping[str, Any]) -> dict[str, Any] | None:
    if not reported:
        return None
    return {name: reported.get(name) for name in ("starts_at", "ends_at")}


def note_written(card: AcsCredential, *, begun_at: datetime | None) -> None:
    """A card was written just now: it carries the rights of now, unless they changed meanwhile."""
    card.refresh_from_db(fields=["rights_changed_at"])
    changed_at = card.rights_changed_at
    if changed_at is not None and (begun_at is None or changed_at < begun_at):
        card.rights_changed_at = None
    keep_doors([card])
    card.save(update_fields=["rights_changed_at", "written_doors", "written_schedule"])


def remember_doors(user_ids: Iterable[UUID]) -> None:
    """Keep what cards open whose people are to go: their groups go with them."""
    ids = list(user_ids)
    cards = AcsCredential.objects.select_for_update().filter(
        WAS_WRITTEN, user__in=ids, written_doors__isnull=True
    )
    found = doors_of(ids) if (rows := list(cards.order_by("pk"))) else {}
    for card in rows:
        card.written_doors = found.get(card.user_id, [])
    AcsCredential.objects.bulk_update(rows, ["written_doors"], batch_size=500)


def keep_doors(cards: Iterable[Any]) -> None:
    """Put what cards were just written for into their rows; does not save them."""
    written = list(cards)
    found = doors_of([each.user_id for each in written if each.user_id]) if written else {}
    for card in written:
        is_known = card.user_id is not None and not is_behind(card)
        card.written_doors = found.get(card.user_id, []) if is_known else None
        card.written_schedule = None  # that of now, until another is wished


def note(card: AcsCredential, named: Iterable[UUID]) -> str:
    """Say how sure it is that a card opens the doors that are `named`; "" where it is."""
    if card.written_doors is not None:
        if set(card.written_doors) == set(map(str, named)):
            return ""
        return (
            "Named are the doors the card was written for and those of the groups now: a wall "
            "reader may have updated it since."
        )
    if not is_behind(card):
        return ""
    return (
        "What the card was last written for is not known here. Named are the doors of the groups "
        "now; it may open others."
    )


def is_behind(card: AcsCredential) -> bool:
    """Tell whether a card does not carry its person's rights of now, or may not."""
    return card.is_issued is False or card.needs_to_be_reissued
