"""What the simulated booking site keeps."""

from dataclasses import dataclass

from sandbox.things import Thing


@dataclass(kw_only=True)
class Calendar(Thing):
    """The calendar of one room. Its id is in its address, which is a secret elsewhere."""

    name: str
    #: What it does wrong; see `feed.MODES`.
    mode: str = "whole"
    #: How long `slow` waits.
    slow_seconds: float = 30.0


@dataclass(kw_only=True)
class Booking(Thing):
    """One booking, by nights. Dates are ISO days of the room's own clock."""

    calendar_id: str
    guest: str
    arrives_on: str
    leaves_on: str
    email: str = ""
    phone: str = ""
    #: The number that a guest knows.
    reference: str = ""
    is_cancelled: bool = False
    #: Rises with every change, as SEQUENCE does.
    version: int = 0
