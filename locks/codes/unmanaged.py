"""Codes found at a provider that nobody made here: shown, and left alone."""

from datetime import datetime
from uuid import UUID

from accounts.models import ConnectedAccount
from audit.ids import new_id
from locks.codes.actions import NoteUnmanaged
from locks.codes.states import CodePhase, CodeStatus
from locks.codes.waking import announce
from locks.models import AccessCode, CodeMoment, Device


def note(account: ConnectedAccount, site_id: UUID, found: NoteUnmanaged, *, at: datetime) -> None:
    """Take up a code on one door, or renew what is known of it. Its digits are never stored."""
    listed = found.listed
    device = Device.objects.filter(account=account, remote_id=found.lock_id).first()
    if device is None:
        return
    has_window = listed.starts_at and listed.ends_at and listed.starts_at < listed.ends_at
    code, is_new = AccessCode.objects.get_or_create(
        device=device,
        remote_id=listed.remote_id,
        is_managed=False,
        defaults={
            "workspace_id": account.workspace_id,
            "account": account,
            "site_id": site_id,
            "created_at": at,
            "name": (listed.name or "No name")[:60],
            "reported_name": listed.name[:200],
            "person_id": listed.person_id[:200],
            "starts_at": listed.starts_at if has_window else None,
            "ends_at": listed.ends_at if has_window else None,
            "phase": CodePhase.ON_LOCK,
            "status": CodeStatus.UNSET if listed.is_suspended else CodeStatus.SET,
            "observed_generation": 1,
            "last_seen_at": at,
            "seen": dict(listed.seen) | ({"is_person": True} if listed.is_person else {}),
            "ref": str(new_id().hex[-8:]).upper(),
        },
    )
    if is_new:
        CodeMoment.objects.create(
            code=code, at=at, what="found", text="Found at the provider; nobody made it here."
        )
        announce(account.workspace_id, device.pk)
