"""The sandbox's own time: the machine's, moved by an offset or standing still."""

from datetime import UTC, datetime, timedelta
from typing import Any


class Clock:
    """A clock that tests and trainers can move. Its state survives restarts.

    `frozen_at` set means that time stands still there until it is moved or reset.
    """

    def __init__(self) -> None:
        self.offset_seconds = 0.0
        self.frozen_at: datetime | None = None

    def now(self) -> datetime:
        return self.frozen_at or datetime.now(UTC) + timedelta(seconds=self.offset_seconds)

    def advance(self, seconds: float) -> None:
        if self.frozen_at:
            self.frozen_at += timedelta(seconds=seconds)
        else:
            self.offset_seconds += seconds

    def set(self, at: datetime) -> None:
        self.advance((at - self.now()).total_seconds())

    def freeze(self) -> None:
        self.frozen_at = self.now()

    def thaw(self) -> None:
        """Run on from where time stood still."""
        if self.frozen_at:
            self.offset_seconds = (self.frozen_at - datetime.now(UTC)).total_seconds()
            self.frozen_at = None

    def reset(self) -> None:
        self.offset_seconds, self.frozen_at = 0.0, None

    def describe(self) -> dict[str, Any]:
        return {
            "now": format_utc(self.now()),
            "offset_seconds": round(self.offset_seconds, 3),
            "frozen": self.frozen_at is not None,
        }


def format_utc(at: datetime) -> str:
    """Return `2026-08-19T09:46:42.118Z`, the form of every moment in the control API."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_moment(text: str) -> datetime:
    """Read an ISO moment; one without an offset is taken as UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
