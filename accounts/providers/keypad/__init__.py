"""Keypad Cloud, an invented brand that lives in the sandbox only (docs/sandbox.md).

It is here so that codes of our own choosing, short names, late lists and locks without a
calendar are met before a real provider brings them.
"""

from accounts.providers.keypad.driver import KeypadCloud
from accounts.providers.keypad.errors import LABEL, advice, troubleshooting

__all__ = ["LABEL", "KeypadCloud", "advice", "troubleshooting"]
