"""The first look at a new account's doors, site by site, while somebody watches."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from uuid import UUID

from celery import shared_task
from django.db import connection
from django.utils import timezone

from accounts import health
from accounts.driving import driver_for
from accounts.models import ConnectedAccount, ConnectedSite
from accounts.onboarding import progress
from accounts.providers.base import LockDriver, ProviderError
from accounts.sealing import UnreadableError
from accounts.turns import Work
from locks import live
from locks.models import Device
from locks.polling import poll_site

logger = logging.getLogger(__name__)

#: A hint that waited longer than this is not worth following: the page has asked again.
_EXPIRES_SECONDS = 30


@shared_task(name="locks.tasks.first_sync")  # type: ignore[untyped-decorator]
def first_sync(webview_id: str) -> None:
    run(UUID(webview_id))


def dispatch(webview_id: UUID, *, here: bool) -> None:
    """Have a worker do it; do it `here` or if the broker does not take the hint. Returns at once."""
    _executor(os.getpid()).submit(_dispatch, webview_id, here=here)


@cache
def _executor(_pid: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="first-sync")


def _dispatch(webview_id: UUID, *, here: bool) -> None:
    if not here and live.send(first_sync, expires=_EXPIRES_SECONDS, webview_id=str(webview_id)):
        return
    try:
        run(webview_id)
    except Exception:
        # The page that waits asks again; the usual polls come in any case.
        logger.exception("a first sync could not be done here")
    finally:
        connection.close()


def run(webview_id: UUID) -> None:
    """Fetch the doors of an attempt's sites, if nobody else does. Safe to call at any time.

    A site that cannot be fetched is told so and left to the usual polls: it holds up nothing.
    """
    site_ids = progress.claim(webview_id, at=timezone.now())
    if site_ids is None:
        return
    started, is_complete = timezone.now(), True
    driver: LockDriver | None = None
    sites = _sites(site_ids)
    for site in sites:
        progress.note_site(webview_id, site.pk, at=timezone.now(), **progress.found("running"))
        try:
            driver = driver or driver_for(site.account, work=Work.POLL)
            poll_site(driver, site)
            outcome = progress.found("done", _door_names(site))
        except ProviderError as error:
            health.note_failure(site.account, error, at=timezone.now())
            outcome = progress.found("done", _door_names(site), str(error))
        except UnreadableError:
            health.note_unreadable(site.account)
            outcome = progress.found("done", [], "The stored secret cannot be read.")
        is_complete = is_complete and not outcome["trouble"]
        progress.note_site(webview_id, site.pk, at=timezone.now(), **outcome)
    if sites and is_complete:
        ConnectedAccount.objects.filter(pk=sites[0].account_id).update(status_polled_at=started)
    progress.finish(webview_id, at=timezone.now())


def _sites(site_ids: list[UUID]) -> list[ConnectedSite]:
    return list(
        ConnectedSite.objects.filter(pk__in=site_ids)
        .select_related("account__workspace", "property")
        .order_by("name")
    )


def _door_names(site: ConnectedSite) -> list[str]:
    doors = Device.objects.filter(site=site, removed_at=None).order_by("name")
    return list(doors.values_list("name", flat=True))
