"""Three sides of one row: what we wish, what was seen before, and what is listed now.

What we changed stays as we wish it until it is seen so; everything else follows the provider,
where people also work. A listing that was asked before our last call says nothing. The same
answer twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from access.models import AcsCredential, AcsMembership, AcsUser
from access.reconciling import facts
from access.states import Part, Phase
from accounts.providers.systems import ListedCredential, ListedUser

#: Complete listings without somebody whom we did not delete, until they are gone here.
ABSENT_LISTINGS = 2
#: So soon after our own wish or call, one answer to the contrary is a doubt and no news.
SETTLES_IN = timedelta(seconds=60)
#: A call whose answer was lost, and what a list shows of it, may be so late.
LANDS_WITHIN = timedelta(seconds=15)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of a row: columns that differ, and what the log should say of it."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    #: What people did to it elsewhere, in a word or two; empty where they did nothing.
    outside: str = ""
    #: A sentence of the provider: it could not do what was wished.
    failure: str = ""


NOTHING = Change()


def is_stale(written_at: datetime | None, asked_at: datetime) -> bool:
    """Tell whether something was asked before a call changed what it is about."""
    return written_at is not None and asked_at <= written_at


# --- users ----------------------------------------------------------------------------------


def merge_user(user: AcsUser, listed: ListedUser, *, asked_at: datetime) -> Change:
    """Return what a listing changes in a user's row. Touches neither the row nor the database."""
    if is_stale(user.written_at, asked_at):
        return NOTHING
    seen, moving = facts.reported(listed), facts.mutations(listed.mutations)
    columns: dict[str, Any] = {
        "remote_id": listed.remote_id,
        "reported": seen,
        "mutations": moving,
        "errors": facts.problems(listed.errors),
        "warnings": facts.problems(listed.warnings),
        "external_number": listed.external_number[:100],
        "is_subscribed": listed.is_subscribed,
        "is_managed": listed.is_managed,
        "ambiguous_since": None,
        "missing_listings": 0,
        "phase": Phase.LIVE if user.delete_asked_at is None else Phase.DELETING,
        "gone_at": None,
        "identity_remote_id": listed.identity_id or user.identity_remote_id,
        "is_identity_linked": bool(listed.identity_id),
        "pending": [
            part
            for part in user.pending
            if facts.is_mutating(Part(part), moving)
            or not facts.is_as_wished(Part(part), user, seen, at=asked_at)
        ],
    }
    followed = _followed(user, seen, asked_at)
    for part in followed:
        columns |= facts.columns_of(part, seen)
    changed = _changed(user, columns)
    if not changed:
        return NOTHING
    return Change(
        columns=changed | {"seen_at": asked_at},
        outside=_in_words(user, followed),
        failure=_new_failure(user, listed),
    )


def _followed(user: AcsUser, seen: dict[str, Any], at: datetime) -> list[Part]:
    """Return the parts of which we wish nothing, and which are not what we have."""
    return [
        part
        for part in Part
        if part not in user.pending and not facts.is_as_wished(part, user, seen, at=at)
    ]


_WORDS = {
    Part.INFORMATION: "name, e-mail or phone",
    Part.SCHEDULE: "access schedule",
    Part.SUSPENSION: "suspension",
}


def _in_words(user: AcsUser, parts: list[Part]) -> str:
    """Say what was changed elsewhere. What was never seen before was not changed."""
    return ", ".join(_WORDS[part] for part in parts) if user.reported else ""


def _new_failure(user: AcsUser, listed: ListedUser) -> str:
    known = {each["code"] for each in user.errors}
    return next((e.message or e.code for e in listed.errors if e.code not in known), "")


def _changed(row: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if getattr(row, name) != value}


def miss_user(user: AcsUser, *, asked_at: datetime) -> Change:
    """Return what follows when a complete listing does not have a user."""
    return _miss(user, asked_at)


def _miss(row: AcsUser | AcsCredential, asked_at: datetime) -> Change:
    if not row.remote_id or row.phase == Phase.GONE or is_stale(row.written_at, asked_at):
        return NOTHING
    columns = gone(asked_at)
    if isinstance(row, AcsCredential):
        columns |= without_secrets(row, asked_at)
    if row.delete_asked_at is not None:
        return Change(columns=columns)
    count = row.missing_listings + 1
    if count < ABSENT_LISTINGS:
        return Change(columns={"missing_listings": count})
    return Change(columns=columns | {"missing_listings": count}, outside="deleted")


def gone(at: datetime) -> dict[str, Any]:
    """Return the columns of a user or a credential that was seen gone."""
    return {
        "phase": Phase.GONE,
        "gone_at": at,
        "next_run_at": None,
        "ambiguous_since": None,
        "error_code": "",
        "error": "",
    }


def without_secrets(row: AcsCredential, at: datetime) -> dict[str, Any]:
    """Return more columns of a credential that is gone: digits and links do not outlive it.

    A link that was made, or may have been, is still to be deleted at the provider.
    """
    has_link = row.instant_key_id or row.instant_key_asked_at
    return {
        "code_sealed": "",
        "instant_key_sealed": "",
        "next_run_at": at if has_link else None,
    }


# --- memberships ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MembershipChange:
    #: None: the row is neither wished nor seen, and goes.
    columns: Mapping[str, Any] | None
    outside: str = ""
    #: It is to be asked again before anything is believed.
    is_doubtful: bool = False


def merge_membership(
    row: AcsMembership,
    *,
    is_listed: bool,
    is_moving: bool,
    asked_at: datetime,
    is_second_look: bool = False,
) -> MembershipChange | None:
    """Return what it means for a membership that it is, or is not, listed; None: nothing.

    `is_moving`: the provider says that it has not carried out the change yet, so that what
    was true before still is. `is_second_look`: another answer said the same just before.
    """
    if is_stale(row.written_at, asked_at):
        return None
    if is_stale(row.wanted_at, asked_at):
        is_over = row.is_wanted and row.is_seen and not is_listed
        return MembershipChange(columns={"is_seen": False}) if is_over else None
    if is_listed:
        is_in = row.is_seen or (row.is_pending and is_moving)
        return None if is_in else MembershipChange(columns={"is_seen": True})
    if not row.is_wanted:
        return None if is_moving else _left(row, asked_at, is_second_look=is_second_look)
    return _not_listed(row, asked_at, is_second_look=is_second_look) if row.is_seen else None


def _left(
    row: AcsMembership, asked_at: datetime, *, is_second_look: bool
) -> MembershipChange | None:
    """Return what it means that somebody whom we want out of a group is not listed there.

    A removal that was never told is not over because of one answer: that may be a short one.
    """
    if not row.is_seen:  # unwished while a call was telling the provider to add them
        is_late = row.written_at is None or asked_at >= row.written_at + LANDS_WITHIN
        return MembershipChange(columns=None) if is_late else None
    is_told = row.wanted_at is not None and is_stale(row.written_at, row.wanted_at)
    if is_told or is_second_look:
        return MembershipChange(columns=None)
    return MembershipChange(columns={"is_seen": True}, is_doubtful=True)


def _not_listed(
    row: AcsMembership, asked_at: datetime, *, is_second_look: bool
) -> MembershipChange:
    """Return what it means that somebody who is in a group is not listed there."""
    is_told = row.wanted_at is None or is_stale(row.written_at, row.wanted_at)
    if is_settling(row.wanted_at, asked_at) and not is_told:
        return MembershipChange(columns={"is_seen": False})  # wished again, and never told
    if is_second_look or not is_settling(row.written_at, asked_at):
        return MembershipChange(columns=None, outside="groups")
    return MembershipChange(columns={"is_seen": True}, is_doubtful=True)


def is_settling(changed_at: datetime | None, asked_at: datetime) -> bool:
    """Tell whether something was asked so soon after a change of ours that it may lag behind."""
    return changed_at is not None and asked_at < changed_at + SETTLES_IN


# --- credentials ----------------------------------------------------------------------------


def merge_credential(
    row: AcsCredential,
    listed: ListedCredential,
    *,
    user_id: Any,
    asked_at: datetime,
    is_settled: bool = False,
) -> Change:
    """Return what a listing changes in a credential's row. The digits of a PIN are not in it.

    `user_id`: whose it is; None for somebody not known here, or nobody. `is_settled`: their user was seen as wished before it was asked, so that what it says of
    the card's rights is the last word.
    """
    if is_stale(row.written_at, asked_at):
        return NOTHING
    columns: dict[str, Any] = {
        "remote_id": listed.remote_id,
        "user_id": user_id or (row.user_id if listed.user_id else None),
        "external_type": listed.external_type[:60],
        "is_managed": listed.is_managed,
        "is_issued": listed.is_issued,
        "issued_at": listed.issued_at,
        "card_number": listed.card_number[:64],
        "starts_at": listed.starts_at,
        "ends_at": listed.ends_at,
        "errors": facts.problems(listed.errors),
        "warnings": facts.problems(listed.warnings),
        "ambiguous_since": None,
        "missing_listings": 0,
        "phase": Phase.LIVE if row.delete_asked_at is None else Phase.DELETING,
        "gone_at": None,
    }
    if is_rewritten(row.issued_at, listed.issued_at):
        columns |= {"written_doors": None, "written_schedule": None}
    if is_settled or not is_settling(row.rights_changed_at, asked_at):
        columns["rights_changed_at"] = None
    changed = _changed(row, columns)
    return Change(columns=changed | {"seen_at": asked_at}) if changed else NOTHING


def is_rewritten(known_at: datetime | None, issued_at: datetime | None) -> bool:
    """Tell whether a card that was written is said to have been written again."""
    return known_at is not None and issued_at is not None and issued_at > known_at


def miss_credential(row: AcsCredential, *, asked_at: datetime) -> Change:
    return _miss(row, asked_at)
