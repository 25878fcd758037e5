"""What is done with messages to guests. Each act writes a row; `sending` carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db import transaction

from access import tasks
from access.grants.asking import By
from access.guests import languages
from access.guests.letters import Change, Kind
from access.models import AccessGrant, Delivery, GuestLink
from access.models.guests import Channel, DeliveryState
from accounts.permissions import Permission
from accounts.providers.systems import AccessMethod as Mode
from locks import live
from locks.codes.rules import RuleError
from locks.codes.services import RefusedError

#: A message that still waits for something this long before the stay begins is late. It is not
#: sent all the same: it would promise what is not there. Staff see it, and can send it.
LATE_BEFORE = timedelta(hours=2)
#: When somebody is reminded on their day, on the clock of the property.
REMINDED_AT = time(8)
#: Of one stay within an hour; more is a slip, or somebody who must be stopped.
_MOST_PER_HOUR = 20
_LONGEST_ADDRESS = 254
_OPEN = (DeliveryState.WAITING, DeliveryState.SENDING)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A message as somebody wants it. Empty: their own address, their own language."""

    kind: Kind = Kind.INVITATION
    address: str = ""
    language: str = ""
    #: Write the digits, too. Never before its provider has the code (`readiness`).
    has_digits: bool = False
    waits_until_ready: bool = True
    not_before: datetime | None = None
    changes: tuple[Change, ...] = ()


# --- by people --------------------------------------------------------------------------------


def send(grant: AccessGrant, wanted: Wanted, *, pk: UUID, by: By, at: datetime) -> Delivery:
    """Have a message sent by mail: at once, or when it may. Returns before it is.

    `pk` is made with the form: pressed twice, it is one message. Raises RefusedError.
    """
    by.require(Permission.MANAGE_GRANTS, grant.property_id)
    address = _address(wanted.address or grant.identity.email)
    with transaction.atomic():
        AccessGrant.objects.select_for_update().get(pk=grant.pk)
        made: Delivery | None = Delivery.objects.filter(pk=pk, grant=grant).first()
        if made:
            return made
        check(grant, wanted.kind, at)
        made = Delivery.objects.create(
            pk=pk,
            grant=grant,
            channel=Channel.EMAIL,
            address=address,
            language=_language(grant, wanted),
            kind=wanted.kind,
            has_digits=wanted.has_digits and wanted.kind != Kind.REVOKED and has_code(grant),
            waits_until_ready=wanted.waits_until_ready and wanted.kind != Kind.REVOKED,
            not_before=wanted.not_before,
            created_by=by.user,
            created_at=at,
            next_run_at=earliest(grant, wanted.kind, wanted.not_before) or at,
            detail={"by": by.who.name, "changes": list(wanted.changes)},
        )
        _hint(grant)
    return made


def again(delivery: Delivery, *, pk: UUID, by: By, at: datetime) -> Delivery:
    """Send what was sent, or could not be: as things are now, with a link of its own."""
    wanted = Wanted(
        kind=Kind(delivery.kind),
        address=delivery.address if delivery.channel == Channel.EMAIL else "",
        language=delivery.language,
        has_digits=delivery.has_digits,
        waits_until_ready=False,
        changes=tuple(Change(each) for each in delivery.detail.get("changes", ())),
    )
    return send(delivery.grant, wanted, pk=pk, by=by, at=at)


def send_now(delivery: Delivery, *, by: By, at: datetime) -> bool:
    """Wait no longer for what is not ready. Return False if it waits no more.

    Digits are still not written before they are settled.
    """
    by.require(Permission.MANAGE_GRANTS, delivery.grant.property_id)
    with transaction.atomic():
        moved = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING).update(
            waits_until_ready=False, not_before=None, next_run_at=at, error=""
        )
        _hint(delivery.grant)
    return moved == 1


def cancel(delivery: Delivery, *, by: By, at: datetime) -> bool:
    """Do not send what still waits. Return False if it is too late for that."""
    by.require(Permission.MANAGE_GRANTS, delivery.grant.property_id)
    with transaction.atomic():
        moved = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING).update(
            state=DeliveryState.CANCELLED, next_run_at=None, error=f"Cancelled by {by.who.name}."
        )
        tell(delivery.grant)
    return moved == 1


# --- by other acts ----------------------------------------------------------------------------


def tell_change(
    grant: AccessGrant, changes: Iterable[Change], *, pk: UUID, by: By, at: datetime
) -> Delivery | None:
    """Write to a guest who was written to that their stay changed; None where nobody was.

    What still waits says how things are when it goes out, so nothing more is said then. Who
    was written the old digits is written the new ones.
    """
    look_again(grant, at=at)
    last = _last_told(grant)
    if last is None or _waits(grant):
        return None
    wanted = Wanted(
        kind=Kind.CHANGED,
        address=last.address,
        language=last.language,
        has_digits=last.has_digits,
        changes=tuple(changes),
    )
    return send(grant, wanted, pk=pk, by=by, at=at)


def tell_revoked(grant: AccessGrant, *, pk: UUID, by: By, at: datetime) -> Delivery | None:
    """Write to a guest who was written to that their stay was cancelled.

    It goes out once the revocation can no more be taken back.
    """
    last = _last_told(grant)
    if last is None:
        return None
    wanted = Wanted(
        kind=Kind.REVOKED,
        address=last.address,
        language=last.language,
        not_before=grant.revoke_due_at,
    )
    return send(grant, wanted, pk=pk, by=by, at=at)


def look_again(grant: AccessGrant, *, at: datetime) -> None:
    """Have waiting messages looked at now: something that they wait for may have changed.

    Call it in the transaction of the change. Loss is harmless: they are looked at anyway.
    """
    with transaction.atomic():
        waiting = Delivery.objects.filter(grant=grant, state=DeliveryState.WAITING)
        if waiting.exclude(next_run_at__lte=at).update(next_run_at=at):
            _hint(grant)


def note_opened(link: GuestLink, at: datetime) -> None:
    """Write down that a person seems to have looked at the page behind a link.

    Fetching the page proves nothing, mail scanners do that: call this for a sign of life only.
    """
    with transaction.atomic():
        opened = Delivery.objects.filter(link=link, opened_at=None)
        if opened.update(opened_at=at):
            tell(link.grant)


# --- facts about rows -------------------------------------------------------------------------


def is_late(delivery: Delivery, at: datetime) -> bool:
    """Tell whether a message still waits although its stay is about to begin.

    Needs the row `grant` at hand.
    """
    is_open = delivery.state in _OPEN and delivery.kind != Kind.REVOKED
    return is_open and delivery.grant.starts_at - LATE_BEFORE <= at


def has_code(grant: AccessGrant) -> bool:
    """Tell whether a stay was asked to have digits that can be told."""
    return bool(grant.requests.filter(mode=Mode.CODE).exists())


def reminded_at(grant: AccessGrant) -> datetime:
    """Return when somebody is reminded: in the morning of their day, at the latest at its start."""
    local = grant.starts_at.astimezone(grant.property.zone)
    morning = datetime.combine(local.date(), REMINDED_AT, tzinfo=grant.property.zone)
    return min(morning, grant.starts_at)


def earliest(grant: AccessGrant, kind: str, not_before: datetime | None) -> datetime | None:
    """Return when a message may go at the earliest, by the times of the stay as they are now."""
    if kind == Kind.REMINDER:
        return max(filter(None, (reminded_at(grant), not_before)))
    return not_before


# --- inside -----------------------------------------------------------------------------------


def _address(text: str) -> str:
    address = text.strip()
    try:
        validate_email(address)
        MaxLengthValidator(_LONGEST_ADDRESS)(address)
    except ValidationError:
        raise RefusedError([RuleError("address", "e-mail address is not valid")]) from None
    return address


def check(grant: AccessGrant, kind: Kind, at: datetime) -> None:
    """Raise RefusedError where there is nothing to tell, or too much was told."""
    if (kind == Kind.REVOKED) != (grant.revoked_at is not None):
        raise RefusedError([RuleError("kind", _wrong_kind(kind))])
    if kind != Kind.REVOKED and grant.is_over(at):
        raise RefusedError([RuleError("kind", "This stay is over.")])
    hour_ago = at - timedelta(hours=1)
    if Delivery.objects.filter(grant=grant, created_at__gt=hour_ago).count() >= _MOST_PER_HOUR:
        sentence = f"{_MOST_PER_HOUR} messages within an hour is the most for one stay."
        raise RefusedError([RuleError("kind", sentence)])


def _wrong_kind(kind: Kind) -> str:
    return "This stay is not revoked." if kind == Kind.REVOKED else "This stay is revoked."


def _language(grant: AccessGrant, wanted: Wanted) -> str:
    return languages.choose(wanted.language, grant.identity.language)


def _last_told(grant: AccessGrant) -> Delivery | None:
    told = Delivery.objects.filter(grant=grant, channel=Channel.EMAIL, state=DeliveryState.SENT)
    found: Delivery | None = told.exclude(kind=Kind.REVOKED).order_by("-created_at").first()
    return found


def were_told(grants: Sequence[AccessGrant]) -> list[AccessGrant]:
    """Return those whose guest was sent an e-mail of their stay."""
    told = Delivery.objects.filter(
        grant__in=grants, channel=Channel.EMAIL, state=DeliveryState.SENT
    ).exclude(kind=Kind.REVOKED)
    ids = set(told.values_list("grant_id", flat=True))
    return [each for each in grants if each.pk in ids]


def _waits(grant: AccessGrant) -> bool:
    waiting = Delivery.objects.filter(grant=grant, state=DeliveryState.WAITING)
    return waiting.filter(kind__in=[Kind.INVITATION, Kind.CHANGED]).exists()


def _hint(grant: AccessGrant) -> None:
    transaction.on_commit(lambda: live.send(tasks.send_messages, expires=30))
    tell(grant)


def tell(grant: AccessGrant) -> None:
    live.announce_topic(grant.workspace_id, grant.property_id, "grants", grant.pk)
