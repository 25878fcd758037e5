"""Secrets at rest: AES-256-GCM, bound to the row, column and host they belong to.

An envelope reads `v1.<kid>.<base64 of nonce and ciphertext>`. Keys come from the setting
FIELD_KEYS: the first encrypts, all decrypt (reliability SEC-01).
"""

import base64
import binascii
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_NONCE_BYTES = 12


class UnreadableError(Exception):
    """A sealed value cannot be opened: other key, other row, or damaged."""


def seal(text: str, bound_to: str) -> str:
    """Encrypt `text` so that it opens only where `bound_to` is the same."""
    kid, key = next(iter(_keys().items()))
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), bound_to.encode())
    return f"v1.{kid}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(envelope: str, bound_to: str) -> str:
    """Return the text of an envelope. Raises UnreadableError, which names the key it wants."""
    version, _, rest = envelope.partition(".")
    kid, _, body = rest.partition(".")
    key = _keys().get(kid)
    if version != "v1" or key is None:
        raise UnreadableError(f"sealed with key {kid!r}, which FIELD_KEYS does not hold")
    try:
        sealed = base64.urlsafe_b64decode(body)
        opened = AESGCM(key).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode()
        )
    except (InvalidTag, binascii.Error, ValueError):
        raise UnreadableError("damaged, or sealed for another row or host") from None
    return opened.decode()


def _keys() -> dict[str, bytes]:
    return _parse(tuple(settings.FIELD_KEYS))


@cache
def _parse(pairs: tuple[str, ...]) -> dict[str, bytes]:
    keys = {}
    for pair in pairs:
        kid, colon, encoded = pair.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not (kid.isalnum() and colon and len(key) == 32):
            raise ImproperlyConfigured("FIELD_KEYS: `name:base64 of 32 bytes`, comma separated")
        keys[kid] = key
    if not keys:
        raise ImproperlyConfigured("FIELD_KEYS is empty; make one with `manage.py make_field_key`")
    return keys
