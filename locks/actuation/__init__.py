"""Commands to the physical world: a row, a claim, one provider call, one outcome.

Rules: reliability A1 and E1. The row is the command. Messages carry its id and may be lost,
doubled or late without harm, because only the UPDATE in `sending` lets anybody call.

`asking` writes the row, `sending` carries it out, `settling` takes evidence, `sweeping` does
what time does. Each of them takes the door's row (`rows.hold`) before any attempt's.
"""

from locks.actuation.asking import (
    AccountSilentError,
    BusyError,
    KeyReusedError,
    NotActivatedError,
    NotAllowedError,
    NotSupportedError,
    Order,
    ReasonMissingError,
    RefusedHere,
    TooManyError,
    request,
)
from locks.actuation.authorities import Authority
from locks.actuation.sending import Outcome, dispatch, perform
from locks.actuation.settling import settle_by_person, settle_from_feed
from locks.actuation.sweeping import sweep

__all__ = [
    "AccountSilentError",
    "Authority",
    "BusyError",
    "KeyReusedError",
    "NotActivatedError",
    "NotAllowedError",
    "NotSupportedError",
    "Order",
    "Outcome",
    "ReasonMissingError",
    "RefusedHere",
    "TooManyError",
    "dispatch",
    "perform",
    "request",
    "settle_by_person",
    "settle_from_feed",
    "sweep",
]
