"""Where each remedy leads: a link or a button, for those who may; a sentence for the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.urls import NoReverseMatch, reverse

from access.grants.why.walking import Fix, Remedy
from access.models import AccessGrant
from accounts.actors import Actor
from accounts.permissions import Permission
from locks.models import Device


@dataclass(frozen=True)
class Way:
    """One way out. Without an address it is only said who can take it."""

    label: str
    icon: str
    url: str = ""
    #: Posted, where it is a button.
    fields: dict[str, str] = field(default_factory=dict)


_WHO = {
    Permission.MANAGE_GRANTS: "Somebody at the desk can do this",
    Permission.MAKE_CARDS: "Somebody at the desk can do this",
    Permission.MANAGE_CODES: "Somebody at the desk can do this",
    Permission.MANAGE_ACCOUNTS: "A manager can do this",
}
_LABELS = {
    Remedy.CHANGE: ("Change the stay", "pencil"),
    Remedy.EXTEND: ("Extend the stay", "plus"),
    Remedy.NEW: ("Make a new stay", "plus"),
    Remedy.UNDO: ("Undo", "history"),
    Remedy.ENCODE: ("Encode card", "card"),
    Remedy.MESSAGE: ("Send a message", "mail"),
    Remedy.PUSH: ("Try again", "send"),
    Remedy.SYNC: ("Look again", "refresh"),
    Remedy.LOOK: ("Look at the lock again", "refresh"),
    Remedy.DOOR: ("Go to the door", "door"),
    Remedy.HOLDER: ("Their page in the system", "user"),
    Remedy.RECONNECT: ("Reconnect the account", "plug"),
    Remedy.LOG: ("What happened at this door", "history"),
}
_NEEDS = {
    Remedy.CHANGE: Permission.MANAGE_GRANTS,
    Remedy.EXTEND: Permission.MANAGE_GRANTS,
    Remedy.NEW: Permission.MANAGE_GRANTS,
    Remedy.UNDO: Permission.MANAGE_GRANTS,
    Remedy.MESSAGE: Permission.MANAGE_GRANTS,
    Remedy.PUSH: Permission.MANAGE_GRANTS,
    Remedy.SYNC: Permission.MANAGE_GRANTS,
    Remedy.LOOK: Permission.MANAGE_GRANTS,
    Remedy.ENCODE: Permission.MAKE_CARDS,
    Remedy.RECONNECT: Permission.MANAGE_ACCOUNTS,
}


def way_out(fix: Fix, grant: AccessGrant, actor: Actor) -> Way | None:
    """Return where a remedy leads; None where there is no such page."""
    needs = _NEEDS.get(fix.remedy)
    label, icon = _LABELS[fix.remedy]
    if needs is not None and not actor.may(needs, grant.property_id):
        return Way(f"{label}: {_WHO[needs].lower()}", icon)
    url, fields = _address(fix, grant)
    return Way(label, icon, url, fields) if url else None


def _address(fix: Fix, grant: AccessGrant) -> tuple[str, dict[str, str]]:
    if fix.remedy in (Remedy.PUSH, Remedy.SYNC, Remedy.LOOK):
        what = "device" if isinstance(fix.thing, Device) else "code"
        fields = {what: str(fix.thing.pk), "step": fix.remedy.value, "back": "why"}
        return reverse("grant-again", args=[grant.pk]), fields
    if fix.remedy == Remedy.UNDO:
        return reverse("grant-undo", args=[grant.pk]), {"back": "why"}
    return _PAGES[fix.remedy](fix, grant), {}


def _page(name: str, *args: object) -> str:
    """Return an address, or "" where this installation has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _of_thing(fix: Fix, grant: AccessGrant) -> str:
    gone = fix.thing is None or getattr(fix.thing, "removed_at", None) is not None
    return "" if gone else str(fix.thing.get_absolute_url())


_PAGES: dict[Remedy, Callable[[Fix, AccessGrant], str]] = {
    Remedy.CHANGE: lambda fix, grant: _page("grant-change", grant.pk),
    Remedy.EXTEND: lambda fix, grant: _page("grant-extend", grant.pk),
    Remedy.NEW: lambda fix, grant: _page("grant-new"),
    Remedy.MESSAGE: lambda fix, grant: _page("grant-message-new", grant.pk),
    Remedy.ENCODE: lambda fix, grant: (
        f"{_page('cards')}?user={fix.thing.pk}&intent={fix.more}" if fix.thing else ""
    ),
    Remedy.RECONNECT: lambda fix, grant: _page("account", fix.thing.pk),
    Remedy.LOG: lambda fix, grant: f"{_page('door', fix.thing)}#history-title",
    Remedy.DOOR: _of_thing,
    Remedy.HOLDER: _of_thing,
}
