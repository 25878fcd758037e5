"""What a door takes in codes, as its driver says. Asks nobody: rules are worked out from rows."""

from dataclasses import dataclass

from accounts.driving import HeldToken, door_for
from accounts.models import ConnectedAccount, ConnectedSite
from accounts.providers import PROVIDERS, UnknownProviderError, open_driver
from accounts.providers.base import Connection, LockSnapshot, LockState, Site
from accounts.providers.codes import AccessCodes, CodeRules
from locks.models import CodeDoor, Device

NO_KEYPAD_HERE = "An admin said that this lock has no keypad."
NOT_OFFERED = "Codes are not available over this connection."


@dataclass(frozen=True)
class Capability:
    """What codes a door takes, or why it takes none."""

    rules: CodeRules | None
    reason: str = ""
    #: The brand's name, for sentences.
    brand: str = "The provider"


def capability_of(device: Device) -> Capability:
    """Return what codes a door takes. An admin's word on its keypad counts more than a listing.

    Needs the rows `account`, `account.workspace`, `site` and `code_door` at hand.
    """
    brand = brand_of(device.account)
    override = keypad_override(device)
    if override is False:
        return Capability(None, NO_KEYPAD_HERE, brand)
    driver = driver_of(device.account)
    if driver is None:
        return Capability(None, NOT_OFFERED, brand)
    lock, site = snapshot_of(device, has_keypad=override), site_of(device.site)
    rules = driver.code_rules(lock, site)
    return Capability(rules, "" if rules else driver.why_no_codes(lock, site), brand)


def brand_of(account: ConnectedAccount) -> str:
    """`Salto`, as people say it."""
    provider = PROVIDERS.get(account.provider)
    return provider.brand if provider else "The provider"


def driver_of(account: ConnectedAccount) -> AccessCodes | None:
    """Return a driver for questions that need no network, or None where there are no codes.

    It holds no secrets, so it works where these cannot be read any more.
    """
    connection = Connection(
        dialect=account.dialect,
        grant=account.grant,
        api_base=account.api_base,
        auth_url=account.auth_url,
    )
    door = door_for(account.workspace)
    try:
        driver: object = open_driver(account.provider, connection, tokens=HeldToken(), door=door)
    except UnknownProviderError:
        return None
    return driver if isinstance(driver, AccessCodes) else None


def keypad_override(device: Device) -> bool | None:
    door = door_of(device)
    return door.keypad_override if door else None


def door_of(device: Device) -> CodeDoor | None:
    """Return what is known of the door's codes; None where there never was one."""
    try:
        return device.code_door
    except CodeDoor.DoesNotExist:
        return None


def is_reached(device: Device) -> bool | None:
    """Tell whether a lock hears of changes now: not while its hub is offline. None: not known."""
    if device.hub and device.hub.is_online is False:
        return False
    return device.is_online


def snapshot_of(device: Device, *, has_keypad: bool | None = None) -> LockSnapshot:
    """Return the door as a driver would have listed it when it was last seen."""
    return LockSnapshot(
        remote_id=device.remote_id,
        name=device.name,
        model=device.model,
        state=LockState(device.state),
        is_online=device.is_online,
        battery_percent=device.battery_percent,
        observed_at=device.changed_at,
        has_keypad=device.has_keypad if has_keypad is None else has_keypad,
        raw=device.raw,
    )


def site_of(site: ConnectedSite) -> Site:
    return Site(
        remote_id=site.remote_id,
        name=site.name,
        seats_used=site.seats_used,
        seats_total=site.seats_total,
    )
