"""The way out to a system's provider."""

from __future__ import annotations

import threading

from django.db import connection

from accounts import health
from accounts.driving import driver_for
from accounts.models import ConnectedAccount
from accounts.providers.base import UnsupportedError
from accounts.providers.systems import AccessSystems
from accounts.sealing import UnreadableError
from accounts.turns import Work

#: How long one call that changes nothing at an encoder may take.
CALL_SECONDS = 8.0
LOOK_SECONDS = 2.0
#: How long a driver may take over one reading, and over reading a list.
READ_SECONDS, LIST_SECONDS = 10.0, 30.0


def systems_of(account: ConnectedAccount, *, work: Work = Work.ACTUATE) -> AccessSystems:
    """Return what speaks for an account's systems. Nothing is sent yet.

    Raises UnsupportedError where the provider has none, or the secret cannot be read.
    """
    try:
        driver = driver_for(account, work=work)
    except UnreadableError:
        health.note_unreadable(account)
        raise UnsupportedError(
            "The account’s secret cannot be read here.", code="secret_unreadable"
        ) from None
    if not isinstance(driver, AccessSystems):
        raise UnsupportedError("This provider has no access control systems.")
    return driver


def let_go() -> None:
    """Give the database connection back: nothing of it is held over a call or a pause."""
    connection.close()


def pause(seconds: float) -> None:
    let_go()
    threading.Event().wait(seconds)
