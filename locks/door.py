"""What the page of one door tells, in words."""

from dataclasses import dataclass

from locks.codes import rules
from locks.codes.capability import capability_of
from locks.models import Device
from locks.obstacles import obstacle_of


@dataclass(frozen=True)
class Fact:
    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Capability:
    label: str
    yes: bool
    reason: str = ""


def _yes_no(value: bool | None) -> str:  # noqa: FBT001  it is the value
    return {True: "yes", False: "no", None: "the provider does not say"}[value]


def facts(device: Device) -> list[Fact]:
    """Return what is known about a door, unknown words of the provider included."""
    account = device.account
    battery = (
        f"{device.battery_percent}\u00a0%" if device.battery_percent is not None else "not known"
    )
    words = device.unknown_words
    return [
        *_troubles(device),
        Fact("Property", device.property.name),
        Fact("Floor", device.floor_name or "–"),
        Fact("Account", account.name, account.trouble),
        Fact("Hub", device.hub.name if device.hub else "–"),
        Fact("Lock type", _lock_type(device.model)),
        Fact("Online", _yes_no(device.is_online), _doubt(device)),
        Fact("Battery", battery, _word(words, "battery_level")),
        Fact("Office mode", _yes_no(device.office_mode)),
        Fact("Privacy mode", _yes_no(device.privacy_mode)),
        Fact("Last event", _last_event(device)),
    ]


def _troubles(device: Device) -> list[Fact]:
    said = " ".join(each["text"] for each in device.troubles)
    return [Fact("Trouble", said)] if said else []


def _lock_type(word: str) -> str:
    """A word of the provider as people write it: `wall_reader_pin` has a keypad."""
    if not word:
        return "–"
    if word != word.lower():
        return word  # a name already
    plain = word.removesuffix("_pin").replace("_", " ").capitalize()
    return f"{plain} with keypad" if word.endswith("_pin") else plain


def _word(words: dict[str, str], field: str) -> str:
    return f"the provider says “{words[field]}”" if field in words else ""


def _doubt(device: Device) -> str:
    return "not confirmed: the last look found it offline" if device.unheard_since else ""


def _last_event(device: Device) -> str:
    if not device.last_event:
        return "none yet"
    by = f" by {device.last_event_user}" if device.last_event_user else ""
    return f"{device.last_event.replace('_', ' ')}{by}"


def capabilities(device: Device) -> list[Capability]:
    """Return what can be done with a door from here, and why not what cannot."""
    can_lock = device.can_lock and device.lock_refused_at is None
    return [
        _can_open(device),
        Capability(
            "Lock from here",
            device.is_lockable,
            _why_lock(device, can_lock=can_lock),
        ),
        _codes(device),
    ]


def _can_open(device: Device) -> Capability:
    if not device.can_unlock:
        return Capability(
            "Open from here", yes=False, reason="This lock cannot be opened remotely."
        )
    obstacle = obstacle_of(device)
    return Capability("Open from here", obstacle is None, obstacle.text if obstacle else "")


def _codes(device: Device) -> Capability:
    takes = capability_of(device)
    if takes.rules is None:
        return Capability("PIN codes", yes=False, reason=takes.reason)
    if takes.rules.digits_by_provider:
        return Capability("PIN codes", yes=True, reason=f"{takes.brand} chooses the digits.")
    return Capability("PIN codes", yes=True, reason=rules.in_words(takes.rules, takes.brand)[0])


def _why_lock(device: Device, *, can_lock: bool) -> str:
    if device.lock_refused_at:
        return "The provider refused it: this hardware cannot be locked remotely."
    if can_lock:
        return ""
    if device.office_mode:
        return "Ends office mode."
    return "This lock relocks by itself; only office mode can be ended."
