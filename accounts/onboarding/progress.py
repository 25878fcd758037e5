"""How the first sync goes: written by whoever does the work, read by the page that waits.

The work itself needs doors and is done in `locks`, which asks here for its orders.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.models import ConnectedAccount, ConnectedSite, ConnectWebview, WebviewStep
from accounts.onboarding import webviews
from accounts.signals import first_sync_requested

QUEUED, RUNNING, DONE = "queued", "running", "done"

#: A hint that no worker took in this time was lost, or there is none.
_LOST_AFTER = timedelta(seconds=3)
#: A worker that says nothing for this long is gone: longer than a site's listing may take.
_GONE_AFTER = timedelta(seconds=150)
#: Names kept for the last page; a whole campus would not be read there.
_NAMES_SHOWN = 60


def begin(webview: ConnectWebview, sites: Iterable[ConnectedSite], *, at: datetime) -> None:
    """Note that nothing has been fetched yet. Does not save."""
    webview.answers["sync"] = {
        "state": QUEUED,
        "at": at.isoformat(),
        "sites": [{"id": str(site.pk), "name": site.name, "state": QUEUED} for site in sites],
    }


def claim(webview_id: UUID, *, at: datetime) -> list[UUID] | None:
    """Take the work on. Return the sites still to be fetched, or None if it is not ours to do."""
    webview = ConnectWebview.objects.filter(pk=webview_id, step=WebviewStep.SYNC).first()
    if webview is None:
        return None
    with webviews.changing(webview) as locked:
        sync = locked.answers["sync"]
        if sync["state"] == DONE or (
            sync["state"] == RUNNING and not _is_older(sync, _GONE_AFTER, at)
        ):
            return None
        sync |= {"state": RUNNING, "at": at.isoformat()}
        return [UUID(site["id"]) for site in sync["sites"] if site["state"] != DONE]


def note_site(webview_id: UUID, site_id: UUID, *, at: datetime, **found: Any) -> None:
    """Note how far one site is: `state`, and `doors` (names) or `trouble` (a sentence)."""
    with webviews.changing(ConnectWebview(pk=webview_id)) as locked:
        sync = locked.answers["sync"]
        sync["at"] = at.isoformat()
        for site in sync["sites"]:
            if site["id"] == str(site_id):
                site.update(found)


def found(state: str, doors: list[str] | None = None, trouble: str = "") -> dict[str, Any]:
    """Return what `note_site` keeps of a site."""
    if doors is None:
        return {"state": state, "trouble": trouble}
    return {"state": state, "count": len(doors), "doors": doors[:_NAMES_SHOWN], "trouble": trouble}


def finish(webview_id: UUID, *, at: datetime) -> None:
    """The first sync is over: the usual polls begin. Safe to repeat."""
    with webviews.changing(ConnectWebview(pk=webview_id)) as locked:
        if locked.finished_at:
            return
        locked.answers["sync"] |= {"state": DONE, "at": at.isoformat()}
        locked.step, locked.finished_at = WebviewStep.DONE, at
        if locked.account_id is not None:
            ConnectedAccount.objects.filter(pk=locked.account_id).update(
                next_status_poll_at=at, next_event_poll_at=at
            )


def nudge(webview: ConnectWebview, *, at: datetime) -> None:
    """Have the work done by this process where no worker took the hint, or one is gone."""
    if not _is_stuck(webview, at):
        return
    with webviews.changing(webview) as locked:
        if _is_stuck(locked, at):
            locked.answers["sync"] |= {"state": QUEUED, "at": at.isoformat()}
            first_sync_requested.send(ConnectWebview, webview_id=locked.pk, here=True)


def _is_stuck(webview: ConnectWebview, at: datetime) -> bool:
    sync = webview.answers.get("sync", {})
    limits = {QUEUED: _LOST_AFTER, RUNNING: _GONE_AFTER}
    limit = limits.get(sync.get("state"))
    return limit is not None and _is_older(sync, limit, at)


def _is_older(sync: dict[str, Any], limit: timedelta, at: datetime) -> bool:
    return at - datetime.fromisoformat(sync["at"]) > limit
