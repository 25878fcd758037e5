"""Links that are their own authority: 256 random bits, of which only the hash is stored.

A link found in a stolen database opens nothing (reliability SEC-06); the price is that a
link can be shown once and never again.
"""

import secrets
from hashlib import sha256

_BYTES = 32


def new_token() -> str:
    return secrets.token_urlsafe(_BYTES)


def hash_token(token: str) -> str:
    return sha256(token.encode()).hexdigest()
