"""Bearer tokens: signed, remembered by their hash, looked up in a dictionary.

Shapes measured in August 2026. The text of a token is kept nowhere.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.seed import make_id
from sandbox.things import Client, Person, Token
from sandbox.world import World

AUDIENCES = {"connect": "user_api", "legacy": "clp_legacy_api"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def find(world: World, text: str, *, kind: str) -> Token | None:
    token = world.tokens.get(digest(text))
    return token if token and token.kind == kind else None


def account_of(world: World, token: Token) -> str | None:
    """Return the e-mail of whoever a token stands for; the client's id in the legacy dialect."""
    person = world.people.get(token.person_id)
    return person.account if person else token.client_id


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who gets a token, from whom, and what it is good for."""

    client: Client
    issuer: str
    scopes: list[str]
    person: Person | None = None

    @property
    def account(self) -> str:
        return self.person.account if self.person else self.client.id


def issue(world: World, claim: Claim) -> dict[str, Any]:
    """Return a token answer. A refresh token comes only where offline_access was asked."""
    lifetime = world.settings.token_lifetime_seconds
    text = sign(world, _claims(world, claim, lifetime))
    _remember(world, text, claim, kind=claim.client.dialect, lifetime_seconds=lifetime)
    world.effect("token_issued", cause="sign_in", account=claim.account)
    answer: dict[str, Any] = {
        "access_token": text,
        "expires_in": round(lifetime),
        "token_type": "Bearer",
        "scope": " ".join(claim.scopes),
    }
    if "offline_access" in claim.scopes:
        refresh = secrets.token_urlsafe(32)
        lifetime = world.settings.refresh_lifetime_seconds
        _remember(world, refresh, claim, kind="refresh", lifetime_seconds=lifetime)
        answer["refresh_token"] = refresh
    return answer


def identity_token(world: World, client: Client, person: Person, *, issuer: str, nonce: str) -> str:
    now = int(world.now().timestamp())
    claims = {
        "iss": issuer,
        "aud": client.id,
        "sub": subject_of(person),
        "iat": now,
        "exp": now + 300,
        "name": person.name,
        "email": person.email,
    }
    return sign(world, claims | ({"nonce": nonce} if nonce else {}))


def subject_of(person: Person) -> str:
    """Return `sub`: neither the platform user's id nor a site user's."""
    return make_id("subject", person.id)


def revoke_all(world: World, account: str) -> int:
    """Forget every token of an account or client; return how many there were."""
    doomed = [token for token in world.tokens if account_of(world, token) == account]
    for token in doomed:
        world.tokens.drop(token.id)
    return len(doomed)


def _remember(world: World, text: str, claim: Claim, *, kind: str, lifetime_seconds: float) -> None:
    _forget_old(world)
    world.tokens.put(
        Token(
            id=digest(text),
            kind=kind,
            client_id=claim.client.id,
            person_id=claim.person.id if claim.person else None,
            scopes=claim.scopes,
            expires_at=world.now() + timedelta(seconds=lifetime_seconds),
        )
    )


def _forget_old(world: World) -> None:
    long_ago = world.now() - timedelta(days=1)
    for token in world.tokens:
        if token.expires_at < long_ago:
            world.tokens.drop(token.id)


def _claims(world: World, claim: Claim, lifetime_seconds: float) -> dict[str, Any]:
    now = int(world.now().timestamp())
    claims: dict[str, Any] = {
        "iss": claim.issuer,
        "aud": AUDIENCES[claim.client.dialect],
        "scope": claim.scopes,
        "client_id": claim.client.id,
        "iat": now,
        "nbf": now,
        "exp": now + round(lifetime_seconds),
        "jti": secrets.token_hex(16),
    }
    return claims | (_about(claim.person, now) if claim.person else {})


def _about(person: Person, now: int) -> dict[str, Any]:
    return {
        "sub": subject_of(person),
        "amr": ["password"],
        "idp": "local",
        "auth_time": now,
        "product_id": make_id("product"),
        "tenant_id": make_id("tenant"),
        "identity_id": make_id("identity", person.id),
        "skip_email": False,
    }


# --- signing ------------------------------------------------------------------------------


def sign(world: World, claims: dict[str, Any]) -> str:
    """Return a compact JWT, RS256, `typ` at+jwt as measured."""
    key = _key(world)
    header = {"alg": "RS256", "typ": "at+jwt", "kid": _key_id(key)}
    text = f"{_encode(_json(header))}.{_encode(_json(claims))}"
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{_encode(signature)}"


def key_set(world: World) -> dict[str, Any]:
    """Return the public key as a JSON Web Key Set."""
    key = _key(world)
    numbers = key.public_key().public_numbers()
    return {
        "keys": [
            {
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                "kid": _key_id(key),
                "n": _encode(numbers.n.to_bytes(256, "big")),
                "e": _encode(numbers.e.to_bytes(3, "big")),
            }
        ]
    }


def _key(world: World) -> rsa.RSAPrivateKey:
    """Return this sandbox's key; made the first time, kept over restarts."""
    pem = world.kept("signing_key")
    if pem is None:
        pem = _new_key()
        world.keep("signing_key", pem)
    return _load_key(pem)


@cache
def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@cache
def _load_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@cache
def _key_id(key: rsa.RSAPrivateKey) -> str:
    return digest(str(key.public_key().public_numbers().n))[:32].upper()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
