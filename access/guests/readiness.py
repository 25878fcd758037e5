"""Whether everything that a message promises is there."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from access.grants import standing
from access.guests import facts
from access.models import AccessGrant, DoorShare
from locks.codes.states import CodePhase
from locks.models import AccessCode

#: The provider has the digits, so they can no more turn out to be refused and be replaced.
_SETTLED = (CodePhase.ACCEPTED, CodePhase.ON_LOCK)


def are_digits_settled(shares: Iterable[DoorShare]) -> bool:
    """Tell whether every code has digits that stay (reliability CODE-08).

    Until its provider has taken a code over, its digits may still be replaced by others. So
    they are never written to anybody before.
    """
    wanted = list(shares)
    codes = facts.codes_of(wanted)
    pins = facts.system_pins(wanted)
    return (
        bool(codes or pins)
        and all(code is not None and _is_settled(code) for code in codes)
        and all(pin is not None and bool(pin.code_sealed) for pin in pins.values())
    )


def _is_settled(code: AccessCode) -> bool:
    return bool(code.digits_sealed) and code.phase in _SETTLED


def is_ready(grant: AccessGrant) -> bool:
    """Tell whether everything that can be ready without a person at the desk is."""
    return standing.is_ready(grant, timezone.now())
