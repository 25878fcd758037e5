"""More sites for an account that is there already."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import health
from accounts.actors import Actor
from accounts.driving import driver_for
from accounts.models import AccountState, ConnectedAccount
from accounts.onboarding import checking, connecting
from accounts.onboarding.choosing import Choice
from accounts.onboarding.connecting import CannotConnectError
from audit.services import record
from audit.words import How, Verb


def visible_sites(account: ConnectedAccount) -> list[dict[str, Any]]:
    """Ask the provider which sites this login sees now, by name.

    Raises ProviderError, sealing.UnreadableError.
    """
    sites = [checking.site_row(site) for site in driver_for(account).list_sites()]
    return sorted(sites, key=lambda site: site["name"].lower())


def problems(account: ConnectedAccount, site_ids: set[str]) -> list[dict[str, Any]]:
    """Make the live checks of these sites and return what is not in order, worst first.

    Raises sealing.UnreadableError.
    """
    return checking.not_in_order(driver_for(account).checks(site_ids), site_ids)


def add(
    account: ConnectedAccount,
    sites: list[dict[str, Any]],
    choices: list[Choice],
    *,
    actor: Actor,
    at: datetime,
) -> None:
    """Give an account the chosen ones of `sites`. Its next poll, which is due, fetches the doors.

    All or nothing. Raises CannotConnectError.
    """
    rows = {site["remote_id"]: site for site in sites}
    with transaction.atomic():
        connecting.refuse_unavailable(
            account.workspace, account.provider, [rows[choice.remote_id] for choice in choices]
        )
        row = ConnectedAccount.objects.select_for_update().get(pk=account.pk)
        if row.state == AccountState.DISCONNECTED:
            raise CannotConnectError(f"{row.name} was disconnected meanwhile.")
        before = list(row.sites.order_by("name").values_list("name", flat=True))
        places = connecting.properties_of(actor, choices, actor.who, at)
        for choice, place in zip(choices, places, strict=True):
            connecting.add_site(row, rows[choice.remote_id], place)
        due = {"next_status_poll_at": at}
        if row.event_poll_interval_ms:
            due["next_event_poll_at"] = at
        ConnectedAccount.objects.filter(pk=row.pk).update(**due)
        record(
            Verb.ACCOUNT_CHANGED,
            workspace_id=row.workspace_id,
            at=at,
            who=actor.who,
            how=How.WEB,
            place=row.as_place(),
            subject=row.name,
            before={"sites": before[:10]},
            after={
                "sites": [*before, *(rows[choice.remote_id]["name"] for choice in choices)][:10]
            },
        )
        health.account_changed.send(ConnectedAccount, account=row, at=at)
