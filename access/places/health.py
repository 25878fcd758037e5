"""How a system is doing, in words. Codes are Seam's (facts/seam.md); others come as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access.models import AcsSystem

_BRIDGE = (
    "The link to the Salto server is down (Seam Bridge)",
    "Cards cannot be made and changes wait. Check that the computer with Seam Bridge runs and is"
    " on the network.",
)
_LOGIN = (
    "Seam’s login at Salto does not work any more",
    "Whoever connected it has to reconnect it in Seam.",
)
_SEATS = (
    "All seats of the Salto KS subscription are taken",
    "Nobody new gets in. Delete people who left, or buy seats at Salto.",
)
_WORDS: dict[str, tuple[str, str]] = {
    "seam_bridge_disconnected": _BRIDGE,
    "bridge_disconnected": _BRIDGE,
    "acs_system_disconnected": (
        "Seam does not reach the system",
        "Changes wait until it does.",
    ),
    "account_disconnected": _LOGIN,
    "insufficient_permissions": (
        "Seam’s login at Salto may not do everything",
        "Give it the rights of a site admin.",
    ),
    "provider_service_unavailable": ("Salto’s service is down", "Changes wait until it is back."),
    "salto_ks_subscription_limit_exceeded": _SEATS,
    "salto_ks_subscription_limit_almost_reached": (
        "Most seats of the Salto KS subscription are taken",
        "Soon nobody new gets in.",
    ),
    "salto_ks_certification_expired": (
        "The certificate of the Salto KS site has expired",
        "Ask your Salto partner.",
    ),
    "setup_required": ("The system is not set up to its end", "Go on with it in Seam."),
    "time_zone_does_not_match_location": (
        "The system’s time zone does not fit its place",
        "Times at its doors may be off by hours. Correct it in Salto.",
    ),
}


@dataclass(frozen=True)
class Trouble:
    title: str
    fix: str
    tone: str


@dataclass(frozen=True)
class Health:
    word: str
    tone: str
    icon: str
    troubles: list[Trouble]
    since: datetime | None


def health_of(system: AcsSystem) -> Health:
    """Needs the row `account` at hand."""
    troubles = [_trouble(each, "danger") for each in system.errors]
    troubles += [_trouble(each, "warn") for each in system.warnings if not _is_said(each, system)]
    if system.account.trouble:
        fix = "The account page says what to do."
        troubles.insert(0, Trouble(system.account.trouble.rstrip("."), fix, "danger"))
    troubles = list(dict.fromkeys(troubles))  # Seam says the same with several codes
    since = system.trouble_since if system.errors else None
    if system.is_bridge_down:
        return Health("Bridge down", "danger", "plug-off", troubles, since)
    if any(each.tone == "danger" for each in troubles):
        return Health("Trouble", "danger", "alert", troubles, since)
    if troubles:
        return Health("Look at this", "warn", "alert", troubles, since)
    if system.listed_at is None:
        return Health("Being read", "info", "hourglass", [], None)
    return Health("In order", "ok", "check", [], None)


def _trouble(problem: dict[str, str], tone: str) -> Trouble:
    known = _WORDS.get(problem["code"])
    if known:
        return Trouble(*known, tone)
    return Trouble((problem.get("message") or problem["code"]).rstrip("."), "", tone)


def _is_said(warning: dict[str, str], system: AcsSystem) -> bool:
    """Tell whether an error says more: that most seats are taken, where all are."""
    codes = {each["code"] for each in system.errors}
    return (
        warning["code"] == "salto_ks_subscription_limit_almost_reached"
        and "salto_ks_subscription_limit_exceeded" in codes
    )
