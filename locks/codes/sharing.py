"""The rows of codes that are one guest at the provider (`family`)."""

from datetime import datetime
from uuid import UUID

from accounts.sealing import UnreadableError
from locks.code_models import AccessCodeQuerySet
from locks.codes import family, pins
from locks.codes.actions import Change
from locks.codes.waking import announce
from locks.models import AccessCode


def all_of(code: AccessCode) -> AccessCodeQuerySet:
    """Return all codes there ever were of a code's guest; none for one that shares none."""
    if not code.shared_key:
        return AccessCode.objects.none()
    return (
        AccessCode.objects.filter(account_id=code.account_id, ref=code.ref)
        .managed()
        .exclude(shared_key="")
    )


def others_of(code: AccessCode) -> AccessCodeQuerySet:
    """Return the other codes of its guest that are not gone."""
    return all_of(code).not_gone().exclude(pk=code.pk)


def lock(code_id: UUID) -> None:
    """Keep a guest's codes from others until this transaction is over; all in one order."""
    code = AccessCode.objects.only("account_id", "ref", "shared_key").get(pk=code_id)
    rows = all_of(code).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk", flat=True))


def write(change: Change, mine: AccessCode, at: datetime) -> None:
    """Write what a change of one code is for the others. Wants `lock`, and `mine` as changed."""
    for other in others_of(mine):
        columns = family.for_other(change, mine, other, at)
        for name, value in columns.items():
            setattr(other, name, value)
        names = set(columns)
        if change.digits and other.digits_index != mine.digits_index:
            pins.store(other, change.digits)
            names |= {"digits_sealed", "digits_index", "secret_state"}
        if names:
            other.save(update_fields=sorted(names))
            announce(other.workspace_id, other.device_id)


def digits_of(code_id: UUID | None) -> str:
    """Return the digits of another code of the same guest, or "" where they cannot be read."""
    code = AccessCode.objects.filter(pk=code_id).first() if code_id else None
    try:
        return code.unseal_digits() if code else ""
    except UnreadableError:
        return ""
