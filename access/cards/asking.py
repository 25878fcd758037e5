"""Asking for a card: one transaction, one row, one line in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access.models import AcsCredential, AcsEncoder, AcsUser, EncodeJob
from access.states import Intent
from accounts.actors import Actor


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the person at the desk wants."""

    intent: Intent
    encoder: AcsEncoder
    #: Whose card; None for reading one.
    user: AcsUser | None = None
    #: The card to write again or to replace, where the person has several.
    credential: AcsCredential | None = None
    #: Made with every form (reliability ACT-06).
    key: str
    #: The browser it is asked from.
    station: str = ""
    #: Salto KS: the tag was never registered.
    detects_new_tags: bool = False
    #: For reading: the job whose card is in doubt.
    settles: EncodeJob | None = None


def ask(order: Order, *, by: Actor, at: datetime) -> EncodeJob:
    """Ask for one card or one reading. Returns before the encoder was asked.

    The same wish twice (same key, or the same wish at the same encoder while it runs) is the
    running job. Raises RefusedError, BusyError; PermissionDenied when the actor may not.
    """
    raise NotImplementedError


def try_again(
    job: EncodeJob, *, by: Actor, key: str, encoder: AcsEncoder | None = None, at: datetime
) -> EncodeJob:
    """Ask again for what a finished job did not bring, at the same or another encoder.

    A new job with the same wish, counted by `tries`. Raises as `ask`; RefusedError too while
    the job is open, and before its countdown is over.
    """
    raise NotImplementedError
