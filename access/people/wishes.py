"""Writing down what is wished of somebody: the row, their groups, the log, the alarm."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from access import waking
from access.models import AcsMembership, AcsSystem, AcsUser
from access.states import Part, Phase
from audit.services import record
from audit.who import Who
from audit.words import How, Verb
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError


def fresh(user: AcsUser) -> AcsUser:
    """Return the row as it is now, kept from others until this transaction is over."""
    rows = AcsUser.objects.select_related("system__account", "system__property")
    found: AcsUser = rows.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    return found


def hold_system(system: AcsSystem) -> None:
    """Let nobody else add somebody to this system until this transaction is over."""
    AcsSystem.objects.select_for_update(no_key=True).get(pk=system.pk)


def check_changeable(user: AcsUser) -> None:
    """Raise RefusedError where nothing can be wished of somebody."""
    sentence = ""
    if not user.is_managed:
        sentence = "This person was not made through Seam, and cannot be changed from here."
    elif user.phase == Phase.GONE:
        sentence = "This person is gone."
    elif user.delete_asked_at:
        sentence = "This person is being deleted."
    if sentence:
        raise RefusedError([RuleError("", sentence)])


def wanted_ids(user: AcsUser) -> set[UUID]:
    rows = AcsMembership.objects.filter(user=user, is_wanted=True)
    return set(rows.values_list("group_id", flat=True))


def version_of(user: AcsUser, group_ids: Iterable[UUID]) -> str:
    """Return a word for everything that the form shows of somebody.

    It changes too when the provider's people change something, which raises no generation.
    """
    shown = (user.full_name, user.email, user.phone, user.starts_at, user.ends_at)
    text = repr((shown, user.generation, sorted(map(str, group_ids))))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save(user: AcsUser, *columns: str, parts: Iterable[Part] = (), at: datetime) -> None:
    """Store a wish as a new generation, due now. What was said about the last one is over."""
    user.pending = list(dict.fromkeys([*user.pending, *parts]))
    user.generation += 1
    user.next_run_at, user.attempts = at, 0
    user.error_code = user.error = ""
    user.save(update_fields=[*columns, *_WITH_EACH])


_WITH_EACH = ("pending", "generation", "next_run_at", "attempts", "error_code", "error")


def join(user: AcsUser, group_ids: Iterable[UUID], *, at: datetime) -> None:
    for pk in group_ids:
        AcsMembership.objects.update_or_create(
            user=user, group_id=pk, defaults={"is_wanted": True, "wanted_at": at}
        )


def leave(user: AcsUser, group_ids: Iterable[UUID], *, at: datetime) -> None:
    """Wish somebody out of groups.

    A row goes only where the provider cannot have heard of it: once there is somebody to be
    put into groups, a call may be under way, or its answer lost.
    """
    rows = AcsMembership.objects.filter(user=user, group_id__in=list(group_ids))
    if not user.remote_id and user.ambiguous_since is None:
        rows.delete()
    rows.update(is_wanted=False, wanted_at=at)


def tell(verb: Verb, user: AcsUser, *, who: Who, at: datetime, **detail: Any) -> None:
    """Add a line to the log; have the system looked at, and pages told."""
    assert transaction.get_connection().in_atomic_block
    record(
        verb,
        workspace_id=user.system.workspace_id,
        at=at,
        who=who,
        place=user.system.as_place(),
        subject=user.full_name,
        how=How.SYSTEM if who.kind == "system" else How.WEB,
        system=user.system.name,
        **detail,
    )
    waking.wake(user.system, at=at)
