"""What the ways in are called, and their icons."""

from __future__ import annotations

from access.models import AccessMethod
from accounts.providers.systems import AccessMethod as Mode

WORDS = {
    Mode.CODE: ("PIN", "keypad"),
    Mode.CARD: ("Card", "card"),
    Mode.MOBILE_KEY: ("Mobile key", "phone"),
    Mode.CLOUD_KEY: ("Web key", "world"),
}


def name(method: AccessMethod) -> str:
    """`PIN`, `Card`, `Tag`, `Mobile key`, `Web key`."""
    mode = Mode(method.mode)
    is_tag = mode == Mode.CARD and method.system is not None and method.system.assigns_tags
    return "Tag" if is_tag else WORDS[mode][0]


def icon(method: AccessMethod) -> str:
    return WORDS[Mode(method.mode)][1]
