"""The live checks after a sign-in: their lines, who this is, and which sites there are."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.actors import Actor
from accounts.models import ConnectedAccount, ConnectedSite, ConnectWebview, WebviewStep
from accounts.onboarding import credentials, webviews
from accounts.providers.base import (
    AccountIdentity,
    Check,
    CheckResult,
    LockDriver,
    ProviderError,
    Site,
)
from accounts.providers.systems import AccessSystems

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
    found = list(driver.checks())
    identity, seen = _look(driver, found)
    with webviews.preparing(webview) as locked:
        if credentials.kept(locked) != given:
            return True  # another tab signed in as somebody else meanwhile
        credentials.keep(locked, given, held.token)
        locked.answers["checks"] = [asdict(line) for line in found]
        locked.answers["checked_at"] = at.isoformat()
        locked.answers["identity"] = asdict(identity) if identity else None
        locked.answers["sites"] = seen
        if may_go_on(locked) and not locked.reconnects_id:
            webviews.advance(locked, WebviewStep.SITES)
    return True


def _look(
    driver: LockDriver, found: list[Check]
) -> tuple[AccountIdentity | None, list[dict[str, Any]]]:
    if any(line.key == "token" and line.result == CheckResult.FAILED for line in found):
        return None, []
    try:
        identity = driver.identity()
        seen = driver.list_sites()
    except ProviderError:
        return None, []  # the lines above say what is wrong
    ends = time.monotonic() + _COUNTING_SECONDS
    rows = [site_row(site, *_count(driver, site, ends)) for site in seen]
    if isinstance(driver, AccessSystems) and len(rows) == 1:
        rows[0]["systems"] = _systems(driver, found)
    return identity, rows


def _systems(driver: AccessSystems, found: list[Check]) -> list[str] | None:
    """Return the names of the access control systems that come too; None where not known.

    Adds a line on them to the checks, unless there are none.
    """
    try:
        names = sorted(system.name for system in driver.list_systems())
    except ProviderError as error:
        found.append(_systems_line(CheckResult.NOT_CHECKED, str(error).rstrip(".")))
        return None
    if names:
        detail = f"{len(names)} found: {', '.join(names)}"
        found.append(_systems_line(CheckResult.OK, detail))
    return names


def _systems_line(result: CheckResult, detail: str) -> Check:
    return Check(key="systems", label="Access control systems", result=result, detail=detail)


def _count(driver: LockDriver, site: Site, ends: float) -> tuple[int | None, int | None]:
    """Return how many doors a site has, and how many are offline; None where not known."""
    if time.monotonic() > ends:
        return None, None
    try:
        locks = driver.list_locks(site.remote_id)
    except ProviderError:
        return None, None
    return len(locks), sum(lock.is_online is False for lock in locks)


def site_row(site: Site, doors: int | None = None, offline: int | None = None) -> dict[str, Any]:
    """Return what is kept of a site; `doors` and `offline` are None where not counted."""
    return {
        "remote_id": site.remote_id,
        "name": site.name[:200] or site.remote_id,
        "time_zone": site.time_zone,
        "seats_used": site.seats_used,
        "seats_total": site.seats_total,
        "doors": doors,
        "offline": offline,
        "blocked": blocked_because(site),
        #: Names of the access control systems that come with it; None where not known.
        "systems": [],
    }


def blocked_because(site: Site) -> str:
    """Return why a site cannot be connected at all: a sentence, or ""."""
    if site.is_released is False:
        return (
            "It is not released: the installer has not handed it over to its owner in Salto KS, "
            "and Salto refuses everything on it until then."
        )
    if site.subscription_valid is False:
        return (
            "Its Salto KS subscription has ended, so Salto refuses every opening and every change."
        )
    return ""


def was_run(webview: ConnectWebview) -> bool:
    return "checks" in webview.answers


def may_go_on(webview: ConnectWebview) -> bool:
    """Whether the login could work: we are signed in, in the right place, as somebody."""
    return bool(webview.answers.get("identity")) and bool(sites(webview)) and not obstacle(webview)


def obstacle(webview: ConnectWebview) -> dict[str, Any] | None:
    """Return the failed line without which nothing can be connected, if there is one."""
    return next(
        (line for line in lines(webview) if line["key"] in _NEEDED and has_failed(line)), None
    )


def lines(webview: ConnectWebview) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = webview.answers.get("checks", [])
    return found


def has_failed(line: dict[str, Any]) -> bool:
    return bool(line["result"] == CheckResult.FAILED)


def problems(webview: ConnectWebview, site_ids: Container[str]) -> list[dict[str, Any]]:
    """Return the lines that are not in order and say something about these sites, worst first."""
    return _not_in_order(lines(webview), site_ids)


def not_in_order(found: Iterable[Check], site_ids: Container[str]) -> list[dict[str, Any]]:
    """As `problems`, of checks that are made now."""
    return _not_in_order([asdict(line) for line in found], site_ids)


def _not_in_order(found: list[dict[str, Any]], site_ids: Container[str]) -> list[dict[str, Any]]:
    wanting = (CheckResult.FAILED, CheckResult.WARNING)
    kept = [line for line in found if line["result"] in wanting and _concerns(line, site_ids)]
    return sorted(kept, key=lambda line: wanting.index(line["result"]))


def _concerns(line: dict[str, Any], site_ids: Container[str]) -> bool:
    about = line.get("site_ids")
    return not about or any(site_id in site_ids for site_id in about)


# --- sites ------------------------------------------------------------------------------------


def sites(webview: ConnectWebview) -> list[dict[str, Any]]:
    """Return every site this login sees."""
    found: list[dict[str, Any]] = webview.answers.get("sites", [])
    return found


def free_sites(webview: ConnectWebview) -> list[dict[str, Any]]:
    """Return the sites that can be connected: in order, and operated by no account yet."""
    taken = operators(webview)
    return [
        site
        for site in sites(webview)
        if not site.get("blocked") and site["remote_id"] not in taken
    ]


def unavailable(
    seen: Iterable[dict[str, Any]], taken: Mapping[str, ConnectedAccount], actor: Actor | None
) -> dict[str, str]:
    """Return why some sites cannot be chosen: a sentence by the site's id."""
    reasons = {site["remote_id"]: site["blocked"] for site in seen if site.get("blocked")}
    return reasons | {
        site_id: f"It is operated through {name_for(actor, account)} already."
        for site_id, account in taken.items()
    }


def name_for(actor: Actor | None, account: ConnectedAccount) -> str:
    """Name an account to whoever may see it; to others it is another account."""
    if actor and ConnectedAccount.objects.for_actor(actor).filter(pk=account.pk).exists():
        return account.name
    return f"another account of {account.workspace}"


def operators(webview: ConnectWebview) -> dict[str, ConnectedAccount]:
    """Return the account that operates each site already, by the site's id."""
    return operators_of(
        webview.workspace_id, webview.provider, [site["remote_id"] for site in sites(webview)]
    )


def operators_of(
    workspace_id: UUID, provider: str, site_ids: Iterable[str]
) -> dict[str, ConnectedAccount]:
    """As `operators`. A site is the same in every dialect and through every login."""
    rows = (
        ConnectedSite.objects.filter(
            account__in=ConnectedAccount.objects.live().filter(
                workspace_id=workspace_id, provider=provider
            ),
            remote_id__in=list(site_ids),
        )
        .select_related("account__workspace")
        .order_by("account__connected_at")
    )
    return {row.remote_id: row.account for row in reversed(rows)}


# --- who this is ------------------------------------------------------------------------------


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
