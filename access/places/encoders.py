"""Encoders as a list shows them. Nobody says whether one is online: only attempts show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from access.models import AcsEncoder
from accounts.providers.systems import CardFailure

_WORDS = {
    CardFailure.ENCODER_OFFLINE: "It did not answer. Check power and network cable.",
    CardFailure.COMMS_TIMEOUT: "Contact was lost while it worked.",
    CardFailure.ENCODER_UNINIT: "It must be initialised in ProAccess Space.",
    CardFailure.ENCODER_MISSING: "Salto does not know it any more.",
    CardFailure.ENCODER_BUSY: "It was busy. Somebody may be using it.",
    CardFailure.BRIDGE_DOWN: "The link to the Salto server was down.",
}


@dataclass(frozen=True)
class Row:
    encoder: AcsEncoder
    word: str
    tone: str
    icon: str
    error: str


def rows_of(encoders: Iterable[AcsEncoder]) -> list[Row]:
    return [_row(encoder) for encoder in encoders]


def _row(encoder: AcsEncoder) -> Row:
    if encoder.errors:
        said = encoder.errors[0].get("message") or "Salto does not know it any more."
        return Row(encoder, "Removed at Salto", "danger", "x-circle", said)
    if encoder.last_error:
        error = _WORDS.get(CardFailure(encoder.last_error)) if _is_known(encoder) else None
        told = error or encoder.last_error.replace("_", " ").capitalize()
        return Row(encoder, "Failed last time", "warn", "alert", told)
    if encoder.last_ok_at:
        return Row(encoder, "Worked last time", "ok", "check", "")
    return Row(encoder, "Not used yet", "unknown", "question", "")


def _is_known(encoder: AcsEncoder) -> bool:
    return encoder.last_error in set(CardFailure)
