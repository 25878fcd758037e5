"""When an attempt is looked at, and for how long. Pure."""

from __future__ import annotations

from datetime import timedelta

#: How long an encoder waits for a card, or a reader for a tag, as far as we know: the ring on
#: the page.
CARD_WINDOW = timedelta(seconds=30)
#: Salto KS: the window in which a reader registers new tags.
NEW_TAG_WINDOW = timedelta(seconds=120)
#: After this a pending attempt is unknown.
DEADLINE = timedelta(seconds=90)
NEW_TAG_DEADLINE = timedelta(seconds=180)
#: After this nobody looks any more, and the encoder is free.
WATCHED = timedelta(minutes=10)
#: What is not sent by then is not sent at all.
SEND_WITHIN = timedelta(seconds=30)
#: How long one call that starts an attempt may take.
START_SECONDS = 10.0

#: Until so many seconds of waiting: how long to wait for the next look. A hand and an encoder take
#: at least one second together, and a card is mostly written within six: looks are closest there.
#: One encoder then takes 8 of the 10 requests a second of an account of Seam; looks of several
#: wait for their turns, behind commands (accounts.turns).
_STEPS = ((0.8, 0.2), (6.0, 0.125), (15.0, 0.2), (40.0, 0.5), (90.0, 1.0))
_SLOW_SECONDS = 5.0


def next_look_seconds(waited_seconds: float) -> float:
    """Return how long to wait for the next look at an attempt that has been waited for so long."""
    return next((pace for until, pace in _STEPS if waited_seconds < until), _SLOW_SECONDS)


def window_of(*, is_new_tag: bool) -> timedelta:
    return NEW_TAG_WINDOW if is_new_tag else CARD_WINDOW


def deadline_of(*, is_new_tag: bool) -> timedelta:
    return NEW_TAG_DEADLINE if is_new_tag else DEADLINE
