"""Whether there is room for a code on a door: its digits, the lock's slots, the site's seats."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts import sealing
from accounts.models import ConnectedSite
from accounts.providers.codes import CodeConstraint, CodeRules
from locks.codes import pins
from locks.codes.rules import RuleError, Window, overlap
from locks.models import AccessCode, CodeDoor, Device

#: From here on a page warns, as Seam does (salto_ks_subscription_limit_almost_reached).
NEARLY_FULL = 0.8


@dataclass(frozen=True)
class Room:
    """So many of so many are taken."""

    label: str
    used: int
    total: int

    @property
    def free(self) -> int:
        return max(0, self.total - self.used)

    @property
    def warns_from(self) -> int:
        return int(self.total * NEARLY_FULL)

    @property
    def is_nearly_full(self) -> bool:
        return self.used >= self.total * NEARLY_FULL

    @property
    def tone(self) -> str:
        if not self.free:
            return "danger"
        return "warn" if self.is_nearly_full else "ok"


def lock_doors(devices: Iterable[Device]) -> None:
    """Let nobody else judge the room on these doors until this transaction is over."""
    ids = sorted(device.pk for device in devices)
    missing = set(ids) - set(
        CodeDoor.objects.filter(device_id__in=ids).values_list("device_id", flat=True)
    )
    CodeDoor.objects.bulk_create([_new_door(pk) for pk in missing], ignore_conflicts=True)
    rows = CodeDoor.objects.filter(device_id__in=ids).order_by("device_id")
    list(rows.select_for_update(no_key=True).values_list("pk", flat=True))


def _new_door(device_id: UUID) -> CodeDoor:
    ref = pins.new_ref()
    return CodeDoor(device_id=device_id, ref=ref, seen={"ref": ref})


def window_of(code: AccessCode) -> Window:
    return Window(code.starts_at, code.ends_at)


def check_free(
    device: Device,
    digits: str,
    wanted: Window,
    rules: CodeRules,
    *,
    at: datetime,
    besides: AccessCode | None = None,
) -> None:
    """Raise RuleError if a code with these digits is in use on a door around that window.

    Codes found at the provider count where their digits are known. Digits whose removal is not
    confirmed are reserved whatever their window: they may still open (reliability CODE-09).
    """
    rows = AccessCode.objects.filter(device=device).not_gone().exclude(digits_sealed="")
    if CodeConstraint.UNIQUE_FIRST_FOUR_DIGITS not in rules.constraints:
        rows = rows.filter(digits_index=pins.blind_index(device.site_id, digits))
    for row in rows.exclude(pk=besides.pk) if besides else rows:
        if row.is_wanted(at) and not overlap(window_of(row), wanted):
            continue
        if _same_digits(row, digits):
            raise RuleError("digits", _in_use(device, row, at))
        if _digits_of(row)[:4] == digits[:4]:
            raise RuleError("digits", f"the first four digits are already in use on {device}")


def _same_digits(row: AccessCode, digits: str) -> bool:
    return row.digits_index == pins.blind_index(row.site_id, digits)


def _digits_of(row: AccessCode) -> str:
    try:
        return row.unseal_digits()
    except sealing.UnreadableError:
        return ""


def _in_use(device: Device, row: AccessCode, at: datetime) -> str:
    """Says until when, and never by whom."""
    if not row.is_wanted(at):
        return f"PIN already in use on {device} until its removal is confirmed"
    if row.ends_at is None:
        return f"PIN already in use on {device}"
    until = row.ends_at.astimezone(device.property.zone)
    return f"PIN already in use on {device} until {until:%-d %b %Y, %H:%M}"


def seats(site: ConnectedSite) -> Room | None:
    """Return the seats of a site, those promised to codes on their way included.

    None where the provider names no number.
    """
    if site.seats_total is None:
        return None
    on_their_way = AccessCode.objects.filter(
        site=site, is_managed=True, revoked_at=None, remote_id=""
    ).not_gone()
    # Codes of one guest have one ref, and take one seat.
    guests = on_their_way.values("ref").distinct().count()
    used = (site.seats_used or 0) + guests
    return Room(f"Seats at {site.name}", min(used, site.seats_total), site.seats_total)


def slots(device: Device, rules: CodeRules) -> Room | None:
    """Return the slots of one lock; None where it names no number."""
    if rules.slots is None:
        return None
    used = AccessCode.objects.filter(device=device).not_gone().count()
    return Room(f"Codes on {device.name}", min(used, rules.slots), rules.slots)


def rooms(device: Device, rules: CodeRules | None) -> list[Room]:
    """Return every limit of a door, for its page."""
    if rules is None:
        return []
    found = [slots(device, rules), seats(device.site) if rules.takes_seat else None]
    return [room for room in found if room]


def check_slots(device: Device, rules: CodeRules) -> None:
    room = slots(device, rules)
    if room and not room.free:
        raise RuleError(
            "doors", f"{device} holds {room.total} codes and all are taken: revoke one first"
        )


def check_seats(site: ConnectedSite, wanted: int) -> None:
    """Raise RuleError before anything is sent, where a site has no seat for these codes.

    Salto would say yes and give a code that opens nothing (facts/salto_ks.md 4.5).
    """
    ConnectedSite.objects.select_for_update(no_key=True).filter(pk=site.pk).first()
    room = seats(site)
    if room is None or wanted <= room.free:
        return
    raise RuleError(
        "doors",
        f"{site.name} has {room.free} of {room.total} seats free and {wanted} would be needed:"
        " revoke codes there, or remove users in Salto",
    )
