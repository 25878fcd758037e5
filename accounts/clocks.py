"""When two clocks disagree: the provider's, by the `Date` of its replies, and the database's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

#: Replies tell whole seconds, and take a while to come: less than this means nothing.
WARN_SECONDS = 5.0
ALERT_SECONDS = 60.0

_FIX = (
    "Check the clock of this server and of the database; both should be set by the network (NTP)."
)


@dataclass(frozen=True)
class ClockTrouble:
    """How far the provider's clock is from ours, in words, and what to do (POLL-09)."""

    skew_seconds: float

    @classmethod
    def of(cls, skew_seconds: float | None) -> Self | None:
        """Return the trouble, or None where the clocks agree or nothing is known."""
        if skew_seconds is None or abs(skew_seconds) <= WARN_SECONDS:
            return None
        return cls(skew_seconds)

    @property
    def is_alert(self) -> bool:
        return abs(self.skew_seconds) > ALERT_SECONDS

    @property
    def tone(self) -> str:
        return "danger" if self.is_alert else "warn"

    @property
    def short(self) -> str:
        direction = "ahead of" if self.skew_seconds > 0 else "behind"
        return f"{_length(abs(self.skew_seconds))} {direction} ours"

    @property
    def fix(self) -> str:
        if self.is_alert:
            return (
                "Times in the log are off by as much, and where doors ask for one-time codes, "
                f"these may be refused. {_FIX}"
            )
        return _FIX


def _length(seconds: float) -> str:
    """A number and its unit, which no line end parts."""
    if seconds < 120:
        return f"{seconds:.0f}\u00a0s"
    minutes = round(seconds / 60)
    return f"{minutes}\u00a0min" if minutes < 120 else f"{round(minutes / 60)}\u00a0h"
