"""Storing what a provider answered although the database may be away for a moment."""

import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection


def insist(store: Callable[[], None], *, seconds: float = 30) -> None:
    """Store a result, again and again for a while (reliability DB-02).

    Raises what the database raised last. What could not be stored is found out later: an
    attempt by the sweeper, a step of a code by a listing.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            store()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > until:
                raise
            threading.Event().wait(0.5)
        else:
            return
