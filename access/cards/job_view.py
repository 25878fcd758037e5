"""One try at an encoder, as the station shows it. Made by `presenting.view_of`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Stage(StrEnum):
    """Which of the station's screens a job is at."""

    #: The provider is being made ready.
    PREPARING = "preparing"
    #: Place the card, or: writing, don't move it. The provider tells no difference.
    PLACE = "place"
    #: Nobody is told yet what became of it; the answer is being asked for.
    CHECKING = "checking"
    DONE = "done"
    #: A reading's answer.
    READ = "read"
    FAILED = "failed"
    #: Don't hand this card out.
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class NextKind(StrEnum):
    """The one button for the right next step, and those beside it."""

    TRY_AGAIN = "try_again"
    #: The same with another encoder.
    OTHER_ENCODER = "other_encoder"
    READ = "read"
    UPDATE = "update"
    REPLACE = "replace"
    FIRST = "first"
    ASSIGN = "assign"
    #: Put the card aside: it is taken for spoilt, and its right withdrawn.
    DISCARD = "discard"
    OPEN_USER = "open_user"


@dataclass(frozen=True, kw_only=True)
class NextStep:
    kind: NextKind
    label: str
    #: Where it leads, for steps that are links; empty for those that are posted.
    url: str = ""
    is_first: bool = False
    #: The encoder for OTHER_ENCODER, the user for UPDATE, REPLACE …
    target_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class JobView:
    """Everything the station says about a job. Texts are plain sentences; names are not safe."""

    id: UUID
    stage: Stage
    #: Large: "Place the card on Front desk 1".
    headline: str
    #: Below it: what happened, what to do. Words of facts/salto_space.md 6.1.
    sentence: str = ""
    encoder_id: UUID
    encoder_name: str
    #: Whose card; empty for a reading that found nobody.
    person: str = ""
    person_url: str = ""
    #: Groups and rooms: shown, can be hidden, never spoken.
    rooms: tuple[str, ...] = ()
    intent: str
    #: Ends of the ring: when the encoder stops waiting. None: no ring.
    waiting_since: datetime | None = None
    card_by: datetime | None = None
    last_four: str = ""
    #: "valid until Fri 11:00" in property time, or "no end".
    valid: str = ""
    #: For a reading: (label, value) rows, in order.
    facts: tuple[tuple[str, str], ...] = ()
    failure: str = ""
    provider_message: str = ""
    reference: str = ""
    tries: int = 1
    #: Until when "Try again" waits: nothing is sent by itself. None: it may be pressed now.
    try_again_at: datetime | None = None
    #: Shown after two failures: metal, other cards, laptop under the encoder.
    tips: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    can_cancel: bool = False
    #: Esc stops watching: the attempt goes on at the encoder until it ends.
    is_stopped: bool = False
    #: Whoever began it, where that is somebody else.
    by_other: str = ""
    #: To be asked for again while it changes by itself.
    is_moving: bool = False
    spoken: str = ""
