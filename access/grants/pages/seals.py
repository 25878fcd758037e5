"""The outline of a plan, as it goes out with a form and comes back with it: signed."""

from __future__ import annotations

from django.core import signing

from access.planning.fingerprints import Outline, outline
from access.planning.outcome import Plan


def seal(plan: Plan, bound_to: str) -> str:
    """Return what proves that this plan was shown in this form."""
    return signing.dumps(outline(plan), salt=_salt(bound_to), compress=True)


def unseal(text: str, bound_to: str) -> Outline | None:
    """Return the outline that was shown; None where none was, or another form's."""
    try:
        told: Outline = signing.loads(text, salt=_salt(bound_to))
    except (signing.BadSignature, ValueError):
        return None
    return told


def _salt(bound_to: str) -> str:
    return f"access.grants.outline:{bound_to}"
