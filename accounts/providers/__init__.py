"""The companies whose clouds we talk to, and the way to a driver for one account."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.providers import keypad, salto_ks, seam
from accounts.providers.base import Advice, Connection, LockDriver, TokenKeeper, Turns
from accounts.providers.http import HttpDoor
from accounts.providers.keypad import KeypadCloud
from accounts.providers.salto_ks import SaltoKS
from accounts.providers.seam import Seam


class UnknownProviderError(KeyError):
    """No driver has this name."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One brand, as lists of brands show it."""

    name: str
    label: str
    dialects: tuple[str, ...]
    driver: Callable[..., Any]
    #: What the account page says about an error code.
    advice: Callable[..., Advice]
    #: An API key is all it asks for.
    signs_in_by_key: bool = False
    #: Where its API is, for those who sign in by key; the sandbox has it under `/<name>`.
    api_base: str = ""
    #: The sandbox's key, shown to whoever connects it there.
    sandbox_key: str = ""
    #: Where a person finds the key: a sentence.
    key_hint: str = ""
    #: Its doors close by themselves, usually after some seconds. False: only a look tells.
    closes_doors: bool = True
    #: It exists in the sandbox only.
    is_simulated: bool = False
    #: It also knows access control systems (providers.systems).
    has_systems: bool = False
    #: It tells of changes at once where it is given an address (base.TellsChanges).
    tells_changes: bool = False
    #: How many requests a second an account may make. None: what the operator set.
    requests_per_second: float | None = None
    #: The dialects in which an opening says how long it lasts.
    timed_dialects: tuple[str, ...] = ()

    @property
    def brand(self) -> str:
        """`Salto`, as people say it."""
        return self.label.removesuffix(" KS")


PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            name="salto_ks",
            label=SaltoKS.label,
            dialects=("connect", "legacy"),
            driver=SaltoKS,
            advice=salto_ks.advice,
            timed_dialects=("legacy",),
        ),
        Provider(
            name="seam",
            label=Seam.label,
            dialects=("connect",),
            driver=Seam,
            advice=seam.advice,
            signs_in_by_key=True,
            closes_doors=False,
            has_systems=True,
            tells_changes=True,
            # Seam publishes limits per lock only (15 commands a minute). While a card is being
            # written eight looks a second are due, and a page of people is one request.
            requests_per_second=10.0,
            api_base="https://connect.getseam.com",
            sandbox_key="seam_test1_sandboxdemokey",
            key_hint="You find it in Seam Console. One key opens one workspace.",
        ),
        Provider(
            name="keypad",
            label=KeypadCloud.label,
            dialects=("connect",),
            driver=KeypadCloud,
            advice=keypad.advice,
            signs_in_by_key=True,
            sandbox_key="keypad-demo-key",
            is_simulated=True,
            timed_dialects=("connect",),
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
