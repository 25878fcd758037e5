"""The one-time code an IQ asks for, and the change of PIN that activates a user on it.

Source: https://saltoks.com/developers/connect/generating-otp, and measured with a real door
in August 2026 (https://github.com/ECCdigital/smart-city-booking-backend).
"""

from datetime import UTC, datetime
from hashlib import md5

from accounts.providers.base import OtpSecret

CODE_LENGTH = 5
#: new PIN = old PIN − delta, digit by digit. Any other delta was seen to leave cloud and IQ
#: with different PINs; this one keeps the PIN and is a harmless test of secret and PIN.
KEEP_THE_PIN = "0000"


def one_time_code(secret: OtpSecret, at: datetime) -> str:
    """Return the code for a moment, in whole seconds. The IQ takes it for 3 minutes."""
    text = f"{at.astimezone(UTC):%Y%m%d%H%M%S}{secret.secret}{secret.pin}"
    return md5(text.encode(), usedforsecurity=False).hexdigest()[:CODE_LENGTH]
