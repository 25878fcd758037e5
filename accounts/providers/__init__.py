"""The companies whose clouds we talk to, and the way to a driver for one account."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.providers.base import Connection, LockDriver, TokenKeeper, Turns
from accounts.providers.http import HttpDoor
from accounts.providers.salto_ks import SaltoKS


class UnknownProviderError(KeyError):
    """No driver has this name."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One brand, as lists of brands show it."""

    name: str
    label: str
    dialects: tuple[str, ...]
    driver: Callable[..., Any]


PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            name="salto_ks", label=SaltoKS.label, dialects=("connect", "legacy"), driver=SaltoKS
        ),
    )
}


def open_driver(
    provider: str,
    connection: Connection,
    *,
    tokens: TokenKeeper,
    door: HttpDoor,
    turns: Turns | None = None,
) -> LockDriver:
    """Return the driver for one account; no call is made. Raises UnknownProviderError.

    Without `turns`, nobody counts its requests: for a sign-in that is no account yet.

    What it can do besides seeing locks is asked with `isinstance(driver, RemoteUnlock)` and
    the other protocols of `base`.
    """
    if provider not in PROVIDERS:
        raise UnknownProviderError(provider)
    driver: LockDriver = PROVIDERS[provider].driver(
        connection, tokens=tokens, door=door, turns=turns
    )
    return driver
