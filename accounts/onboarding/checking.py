"""The live checks after a sign-in: their lines, who this is, and which sites there are."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import Any

from accounts.models import ConnectedAccount, ConnectWebview, WebviewStep
from accounts.onboarding import credentials, webviews
from accounts.providers.base import (
    AccountIdentity,
    Check,
    CheckResult,
    LockDriver,
    ProviderError,
    Site,
)

#: Counting doors site by site ends here: it is a kindness, not needed to go on.
_COUNTING_SECONDS = 15.0

#: What must be right to go on. The rest is told, and can be mended later.
_NEEDED = ("token", "environment")


def run(webview: ConnectWebview, *, at: datetime) -> bool:
    """Make the live checks and keep what they found. A refusal is a line, not an error.

    Return False where there is nothing to check with: a person signs in again first.
    """
    given = credentials.kept(webview)
    if given is None:
        return False
    driver, held = credentials.driver_for(
        webview.workspace, webview.provider, given, credentials.kept_token(webview)
    )
    lines = list(driver.checks())
    identity, sites = _look(driver, lines)
    with webviews.preparing(webview) as locked:
        if credentials.kept(locked) != given:
            return True  # another tab signed in as somebody else meanwhile
        credentials.keep(locked, given, held.token)
        locked.answers["checks"] = [asdict(line) for line in lines]
        locked.answers["checked_at"] = at.isoformat()
        locked.answers["identity"] = asdict(identity) if identity else None
        locked.answers["sites"] = sites
        if may_go_on(locked) and not locked.reconnects_id:
            webviews.advance(locked, WebviewStep.SITES)
    return True


def _look(
    driver: LockDriver, lines: list[Check]
) -> tuple[AccountIdentity | None, list[dict[str, Any]]]:
    if any(line.key == "token" and line.result == CheckResult.FAILED for line in lines):
        return None, []
    try:
        identity = driver.identity()
        sites = driver.list_sites()
    except ProviderError:
        return None, []  # the lines above say what is wrong
    ends = time.monotonic() + _COUNTING_SECONDS
    return identity, [_site(site, _count(driver, site, ends)) for site in sites]


def _count(driver: LockDriver, site: Site, ends: float) -> tuple[int | None, int | None]:
    """Return how many doors a site has, and how many are offline; None where not known."""
    if time.monotonic() > ends:
        return None, None
    try:
        locks = driver.list_locks(site.remote_id)
    except ProviderError:
        return None, None
    return len(locks), sum(lock.is_online is False for lock in locks)


def _site(site: Site, counted: tuple[int | None, int | None]) -> dict[str, Any]:
    return {
        "remote_id": site.remote_id,
        "name": site.name[:200] or site.remote_id,
        "time_zone": site.time_zone,
        "seats_used": site.seats_used,
        "seats_total": site.seats_total,
        "doors": counted[0],
        "offline": counted[1],
    }


def was_run(webview: ConnectWebview) -> bool:
    return "checks" in webview.answers


def may_go_on(webview: ConnectWebview) -> bool:
    """Whether the account could work: we are signed in, in the right place, as somebody."""
    failed = [
        line["key"]
        for line in webview.answers.get("checks", [])
        if line["result"] == CheckResult.FAILED
    ]
    return (
        bool(webview.answers.get("identity"))
        and bool(webview.answers.get("sites"))
        and not any(key in _NEEDED for key in failed)
    )


def twin_of(webview: ConnectWebview) -> ConnectedAccount | None:
    """Return the account of this workspace that is the same login as this attempt's, if any."""
    identity = webview.answers.get("identity")
    given = webview.answers.get("credentials")
    if not identity or not given:
        return None
    return (
        ConnectedAccount.objects.live()
        .filter(
            workspace_id=webview.workspace_id,
            provider=webview.provider,
            dialect=given["dialect"],
            api_base=given["api_base"],
            remote_id=identity["remote_id"],
        )
        .first()
    )


def is_other_account(webview: ConnectWebview) -> bool:
    """Whether an attempt to reconnect came back as somebody else."""
    identity = webview.answers.get("identity")
    if webview.reconnects is None or not identity:
        return False
    return bool(identity["remote_id"] != webview.reconnects.remote_id)
