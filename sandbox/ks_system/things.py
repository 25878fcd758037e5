"""What a simulated Salto KS site has beyond a Space installation: rights are in the cloud.

Its system, users, groups, doors and readers are rows of `space.things`.
"""

from dataclasses import dataclass
from datetime import datetime

from sandbox.things import Thing

KIND = "salto_ks"


@dataclass(kw_only=True)
class KsLock(Thing):
    """What an online lock tells beside its name; `id` is its door's."""

    lock_type: str
    has_keypad: bool = False
    bolt: str = "locked"  # locked | unlocked | office_mode
    battery_level: str = "fresh"
    privacy_mode: bool = False
    left_open_alarm: bool = False
    intrusion_alarm: bool = False
    open_seconds: float = 7.0


@dataclass(kw_only=True)
class KsTag(Thing):
    """A piece of plastic with a number. Nothing is ever written on it.

    A tag belongs to one site only; `site` names a foreign one, or is empty.
    """

    label: str
    number: str
    site: str = ""


@dataclass(kw_only=True)
class KsCredential(Thing):
    """A PIN that Salto made (`code`), or a tag that was registered (`card`).

    A tag may be nobody's; a PIN without `code` is on its way.
    """

    system_id: str
    method: str  # code | card
    created_at: datetime
    user_id: str | None = None
    code: str | None = None
    tag_id: str | None = None
    card_number: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    issued_at: datetime | None = None
