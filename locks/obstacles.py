"""Why a door cannot be opened from here at all: one place for tile, page and refusal."""

from dataclasses import dataclass

from django.urls import reverse

from accounts.models import AccountState
from locks.models import Device


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way, and what whoever manages accounts can do about it."""

    key: str
    text: str
    mend: str = ""
    mend_url: str = ""


def obstacle_of(device: Device) -> Obstacle | None:
    """Return what stops every command to this door, or None. Reads `account` and `hub`."""
    account_url = reverse("account", args=[device.account_id])
    if device.account.is_silent:
        text = "Account needs reconnect."
        return Obstacle("account", text, "Reconnect", account_url)
    if device.account.state == AccountState.ACTUATION_BLOCKED:
        text = "Remote opening is blocked for this account."
        return Obstacle("blocked", text, "See the account", account_url)
    if device.hub and device.hub.needs_activation:
        text = "Remote opening is not activated on its IQ."
        return Obstacle("activation", text, "Activate", f"{account_url}#hub-{device.hub_id}")
    return None
