"""Whether a message is signed by whom we gave the address to: Svix, also Standard Webhooks.

Written out, because the libraries there are end in a ValueError at some malformed headers; the
tests compare with one of them. Source: https://docs.svix.com/receiving/verifying-payloads/how-manual
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=5)
#: Seam writes the first; other senders of the same standard the second.
PREFIXES = ("svix", "webhook")
MOST_SIGNATURES = 10

_ID = re.compile(r"[!-~]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_VERSION = "v1,"


class MalformedError(Exception):
    """The headers are none of a signed message."""


class NotSignedError(Exception):
    """Well-formed, and not signed with our secret, or not now."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> str:
    """Return the message's id. `headers` are looked up by lower-case names.

    Raises MalformedError or NotSignedError.
    """
    message_id, seconds, signatures = _read(headers)
    expected = hmac.new(
        _key(secret), f"{message_id}.{seconds}.".encode() + body, hashlib.sha256
    ).digest()
    # Every one is compared, so that time tells nothing of which was near.
    good = [hmac.compare_digest(expected, each) for each in signatures]
    if not any(good):
        raise NotSignedError("no signature fits")
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        raise NotSignedError("too old, or from the future")
    return message_id


def _read(headers: Mapping[str, str]) -> tuple[str, str, list[bytes]]:
    for prefix in PREFIXES:
        found = [headers.get(f"{prefix}-{part}", "") for part in ("id", "timestamp", "signature")]
        if any(found):
            message_id, seconds, signatures = found
            if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(seconds):
                break
            return message_id, seconds, _signatures(signatures)
    raise MalformedError


def _signatures(header: str) -> list[bytes]:
    """Return the signatures of our version; those of versions to come are passed over."""
    listed = header.split(" ")
    if len(listed) > MOST_SIGNATURES or not all("," in each for each in listed):
        raise MalformedError
    try:
        return [
            base64.b64decode(each.removeprefix(_VERSION), validate=True)
            for each in listed
            if each.startswith(_VERSION)
        ]
    except (binascii.Error, ValueError):
        raise MalformedError from None


def _key(secret: str) -> bytes:
    """Return the key of a secret. Raises ValueError if it is none; `is_secret` asks first."""
    encoded = secret.removeprefix("whsec_")
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)


def is_secret(value: str) -> bool:
    """Tell whether this can sign anything: some bytes in base64 after `whsec_`."""
    try:
        return value.startswith("whsec_") and len(_key(value)) >= 16
    except (binascii.Error, ValueError):
        return False
