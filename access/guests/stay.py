"""What a guest's page tells of their stay at one moment: never more than that moment allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from access.guests.facts import credentials_of
from access.guests.walking import in_walking_order
from access.models import AccessGrant, AcsCredential, DoorShare, MethodDoor
from accounts.models import Space
from accounts.providers.systems import AccessMethod as Mode
from accounts.sealing import UnreadableError
from locks.codes.states import CodePhase
from locks.models import AccessCode, Device

#: In these phases the provider has all of a code, and the lock has it or will soon.
_THERE = (CodePhase.ACCEPTED, CodePhase.ON_LOCK)


class Phase(StrEnum):
    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


def phase_of(grant: AccessGrant, at: datetime) -> Phase:
    """Tell where a moment lies to the half-open window of a grant."""
    if at < grant.starts_at:
        return Phase.BEFORE
    if grant.ends_at is not None and at >= grant.ends_at:
        return Phase.AFTER
    return Phase.DURING


class Progress(StrEnum):
    READY = "ready"
    #: Not on the lock yet, not written, not made.
    PENDING = "pending"
    #: Somebody at the property has to do something.
    TROUBLE = "trouble"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way in, and the doors it opens in walking order."""

    mode: Mode
    progress: Progress
    doors: tuple[str, ...]
    #: For codes that are ready, or on their way to the lock.
    digits: str = field(default="", repr=False)
    #: For mobile keys that are ready.
    url: str = field(default="", repr=False)

    @property
    def groups(self) -> list[str]:
        """The digits as they are read out: in threes, or in twos where that comes out even."""
        size = 3 if len(self.digits) % 3 == 0 or len(self.digits) > 6 else 2
        return [self.digits[n : n + size] for n in range(0, len(self.digits), size)]


@dataclass(frozen=True, kw_only=True)
class WebDoor:
    """A door that the page can open."""

    id: UUID
    name: str
    #: False: nobody hears it at the moment, so a press may well be refused.
    is_heard: bool = True


@dataclass(frozen=True, kw_only=True)
class Stay:
    """A grant as its guest sees it. Outside of its window: only times and kinds of ways in."""

    place: Space
    guest_name: str
    starts_at: datetime
    ends_at: datetime | None
    phase: Phase
    modes: tuple[Mode, ...]
    ways: tuple[Way, ...] = ()
    web_doors: tuple[WebDoor, ...] = ()
    doors: tuple[str, ...] = ()
    #: The codes whose digits are among the ways.
    codes: tuple[AccessCode, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return self.place.zone

    @property
    def is_before(self) -> bool:
        return self.phase == Phase.BEFORE

    @property
    def is_during(self) -> bool:
        return self.phase == Phase.DURING

    @property
    def is_after(self) -> bool:
        return self.phase == Phase.AFTER

    @property
    def has_code(self) -> bool:
        return Mode.CODE in self.modes

    @property
    def has_web_key(self) -> bool:
        return Mode.CLOUD_KEY in self.modes

    @property
    def has_card(self) -> bool:
        return Mode.CARD in self.modes

    @property
    def has_mobile_key(self) -> bool:
        return Mode.MOBILE_KEY in self.modes


def stay_of(grant: AccessGrant, *, at: datetime) -> Stay:
    """Return what the page of a grant tells at a moment. Doors, digits: in the window only."""
    phase = phase_of(grant, at)
    told = Stay(
        place=grant.property,
        guest_name=grant.identity.full_name,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        phase=phase,
        modes=() if phase == Phase.AFTER else _modes(grant),
    )
    if phase != Phase.DURING or grant.revoked_at is not None:
        return told
    rows = in_walking_order(grant, _rows(grant, at))
    return Stay(
        **{name: getattr(told, name) for name in _ALWAYS},
        ways=tuple(_ways(rows, at)),
        web_doors=tuple(_web_door(each.device) for each in _by_web(rows) if each.device),
        doors=tuple(dict.fromkeys(name_of(each) for each in rows)),
        codes=tuple(each.code for each in rows if each.code and _digits_of(each.code)),
    )


_ALWAYS = ("place", "guest_name", "starts_at", "ends_at", "phase", "modes")


def web_doors_of(grant: AccessGrant, *, at: datetime) -> dict[UUID, Device]:
    """Return the locks that a grant's web key opens at a moment, by id."""
    if phase_of(grant, at) != Phase.DURING or grant.revoked_at is not None:
        return {}
    return {each.device.pk: each.device for each in _by_web(_rows(grant, at)) if each.device}


def _modes(grant: AccessGrant) -> tuple[Mode, ...]:
    found = DoorShare.objects.filter(grant=grant, ended_at=None, door__method__revoked_at=None)
    modes = set(found.values_list("door__method__mode", flat=True))
    return tuple(mode for mode in Mode if mode.value in modes)


def _rows(grant: AccessGrant, at: datetime) -> list[MethodDoor]:
    wanted = Q(shares__ends_at=None) | Q(shares__ends_at__gt=at)
    return list(
        MethodDoor.objects.select_related(
            "method", "device__space", "entrance__space", "entrance__system", "code"
        )
        .defer("device__raw", "device__unknown_words")
        .filter(
            wanted,
            ended_at=None,
            method__revoked_at=None,
            shares__grant=grant,
            shares__ended_at=None,
            shares__starts_at__lte=at,
        )
    )


def name_of(row: MethodDoor) -> str:
    return str(row.device or row.entrance)


def _by_web(rows: Iterable[MethodDoor]) -> list[MethodDoor]:
    return [each for each in rows if each.method.mode == Mode.CLOUD_KEY and each.device]


def _web_door(device: Device) -> WebDoor:
    is_heard = device.is_online is not False and device.removed_at is None
    return WebDoor(id=device.pk, name=device.name, is_heard=is_heard)


def _ways(rows: Sequence[MethodDoor], at: datetime) -> list[Way]:
    """Return the ways in but for the web key, one per PIN, card or mobile key."""
    credentials = credentials_of(each.method.acs_user_id for each in rows)
    found: dict[tuple[Mode, Progress, str], list[str]] = {}
    late: set[str] = set()
    for row in rows:
        mode = Mode(row.method.mode)
        if mode == Mode.CLOUD_KEY:
            continue
        if row.code:
            progress, secret = _progress_of_code(row.code)
            if secret and progress == Progress.PENDING:  # one PIN is told once, for all its doors
                late.add(secret)
                progress = Progress.READY
        else:
            progress, secret = _progress_of(
                credentials.get((row.method.acs_user_id, mode)), mode, at
            )
        found.setdefault((mode, progress, secret), []).append(name_of(row))
    return [
        Way(
            mode=mode,
            progress=Progress.PENDING if secret in late else progress,
            doors=tuple(dict.fromkeys(doors)),
            digits=secret if mode == Mode.CODE else "",
            url=secret if mode == Mode.MOBILE_KEY else "",
        )
        for (mode, progress, secret), doors in found.items()
    ]


def _progress_of_code(code: AccessCode) -> tuple[Progress, str]:
    if code.phase == CodePhase.BLOCKED and code.delivered_at is None:
        return Progress.TROUBLE, ""
    digits = _digits_of(code)
    # Offline locks hear late of what their provider has: the digits help, but may not open yet.
    is_there = digits and code.phase != CodePhase.ACCEPTED
    return (Progress.READY if is_there else Progress.PENDING), digits


def _digits_of(code: AccessCode) -> str:
    """Return the digits that work; a code that was told once does, whatever is being changed."""
    if code.revoked_at is not None or (code.delivered_at is None and code.phase not in _THERE):
        return ""
    try:
        return code.unseal_digits()
    except UnreadableError:
        return ""


def _progress_of(
    credential: AcsCredential | None, mode: Mode, at: datetime
) -> tuple[Progress, str]:
    """Tell how far a card, a PIN or a mobile key of an access system is, and its secret."""
    if credential is None:
        return Progress.PENDING, ""
    if mode == Mode.CARD:
        is_good = credential.was_written and not credential.needs_to_be_reissued
        return (Progress.READY if is_good else Progress.PENDING), ""
    try:
        secret = credential.unseal_code() if mode == Mode.CODE else credential.unseal_instant_key()
    except UnreadableError:
        return Progress.TROUBLE, ""
    ends_at = credential.instant_key_expires_at
    if mode == Mode.MOBILE_KEY and ends_at is not None and ends_at <= at:
        return Progress.READY, ""  # its link is over; the key may be on a phone
    return (Progress.READY, secret) if secret else (Progress.PENDING, "")
