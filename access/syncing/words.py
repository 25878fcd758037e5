"""What is wrong with a system, as the end of a sentence that begins with its name."""

from collections.abc import Iterable, Mapping

WELL = "is well again"

#: Our own word for a system that refuses to be listed.
CLOSED = "closed_to_us"

#: facts/seam.md 8, acs_system errors. What we have no words for is told as the provider says it.
_TROUBLES = {
    "seam_bridge_disconnected": "lost its Seam Bridge",
    "bridge_disconnected": "lost its Seam Bridge",
    "account_disconnected": "is no longer connected to Seam",
    "acs_system_disconnected": "is no longer connected",
    "provider_service_unavailable": "does not answer Seam",
    "insufficient_permissions": "does not let Seam do what it needs to",
    "salto_ks_subscription_limit_exceeded": "has no seats left",
    "salto_ks_certification_expired": "is no longer open to Seam: its certification has expired",
    "user_license_limit_reached": "has reached the number of users of its licence",
    CLOSED: "does not let us see its people and doors",
    "visionline_instance_unreachable": "cannot be reached",
}


def trouble(errors: Iterable[Mapping[str, str]]) -> str:
    """Return what a system's errors say, worst first and once each; "" for none."""
    found = list(errors)
    known = [words for code, words in _TROUBLES.items() if any(e["code"] == code for e in found)]
    if known:
        return " and ".join(dict.fromkeys(known))
    return f"is in trouble: {found[0]['message'] or found[0]['code']}"[:300] if found else ""
