"""The live checks after a sign-in: what a property manager must know before the first click.

What was not looked at is never called good: it has a line of its own, and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from accounts.providers.base import (
    Check,
    CheckResult,
    Hub,
    LockSnapshot,
    ProviderError,
    RemoteUser,
    Site,
)
from accounts.providers.salto_ks import words
from accounts.providers.salto_ks.errors import troubleshooting

if TYPE_CHECKING:
    from accounts.providers.salto_ks.driver import SaltoKS

#: Every user and guest takes a seat, and a full site suspends the next one without an error.
SEATS_WARNING = 0.8

OK, WARNING, FAILED = CheckResult.OK, CheckResult.WARNING, CheckResult.FAILED
NOT_CHECKED = CheckResult.NOT_CHECKED

#: What each scope of the older dialect is for, said of a credential that lacks it.
_LEGACY_SCOPES = {
    "locks:read": "Doors cannot be seen.",
    "users:read": "The names of people at doors are not known here.",
    "audit:read": "Nothing that happens at the doors reaches the log.",
}
_OPENS = "locks:write"
_NEW_CREDENTIAL = (
    "Make a new credential with the scopes locks:read, locks:write, users:read and audit:read."
)


class Line(NamedTuple):
    """What one look found; see `Check`."""

    result: CheckResult
    detail: str = ""
    fix: str = ""
    consequence: str = ""
    site_ids: tuple[str, ...] = ()


def checks(driver: SaltoKS, site_ids: Iterable[str] | None = None) -> Iterator[Check]:
    """Yield one line per check, in a fixed order, each when it is known.

    Keys: token, environment, role (connect) or scopes (legacy), remote_opening, released,
    subscription, locks, seats. Without a token nothing else is tried. `site_ids` limits the
    checks to chosen sites.
    """
    look = _Look(driver, None if site_ids is None else set(site_ids))
    token = look.line("token", "Signed in", look.token)
    yield token
    if token.result is FAILED:
        return
    yield look.line("environment", "Right environment", look.environment)
    if driver.is_legacy:
        yield look.line("scopes", "Rights of the credential", look.scopes)
    else:
        yield look.line("role", "Role is site admin", look.role)
    yield look.line("remote_opening", "Remote opening", look.remote_opening)
    yield look.line("released", "Sites released", look.released)
    yield look.line("subscription", "Subscription valid", look.subscription)
    yield look.line("locks", "Locks", look.locks)
    yield look.line("seats", "Seats", look.seats)


class _Look:
    """Looks things up once and remembers them for the lines that follow."""

    def __init__(self, driver: SaltoKS, site_ids: set[str] | None) -> None:
        self.driver = driver
        self.site_ids = site_ids
        self._sites: list[Site] | None = None
        self._me: dict[str, RemoteUser] = {}

    def line(self, key: str, label: str, look: Callable[[], Line]) -> Check:
        try:
            found = look()
        except ProviderError as error:
            title, fix = troubleshooting(error, dialect=self.driver.connection.dialect)
            found = Line(FAILED, title, fix)
        return Check(key=key, label=label, **found._asdict())

    @property
    def sites(self) -> list[Site]:
        if self._sites is None:
            self._sites = [
                site
                for site in self.driver.list_sites()
                if self.site_ids is None or site.remote_id in self.site_ids
            ]
        return self._sites

    @property
    def open_sites(self) -> list[Site]:
        """The sites that answer: Salto refuses all further questions about the others (2210)."""
        return [site for site in self.sites if site.is_released is not False]

    # --- one line each ---

    def token(self) -> Line:
        self.driver.ensure_token()
        # A fresh token that the API itself refuses is no sign-in.
        who = self.driver.identity()
        return Line(OK, who.name or who.email or who.remote_id)

    def environment(self) -> Line:
        match self.driver.environment:
            case "production":
                return Line(OK, "Salto KS")
            case "sandbox":
                return Line(OK, "Sandbox: simulated doors")
            case "accept":
                fix = "Sign in to the production environment, with the account you use every day."
                return Line(FAILED, "This is Salto's test system, not your doors", fix)
            case "mixed":
                fix = "Use the sign-in and the API address of the same environment."
                return Line(FAILED, "Sign-in and API belong to different environments", fix)
            case _:
                return Line(
                    NOT_CHECKED, "This is no address of Salto's; your administrator has allowed it"
                )

    def me(self, site: Site) -> RemoteUser:
        if site.remote_id not in self._me:
            self._me[site.remote_id] = self.driver.get_me(site.remote_id)
        return self._me[site.remote_id]

    def role(self) -> Line:
        if not self.sites:
            fix = "Add this user to your site in Salto KS, as Site Admin."
            return Line(FAILED, "This user sees no site", fix)
        lacking = [site for site in self.sites if words.SITE_ADMIN not in self.me(site).roles]
        return _found(
            lacking,
            "Not a site admin of",
            "Ask the owner of the site to give this user the role Site Admin in Salto KS.",
            "Salto may keep the people, the codes and the activity log of the site from this "
            "user: the log here may stay without its events.",
        )

    def scopes(self) -> Line:
        granted = self._granted
        if not granted:
            return Line(NOT_CHECKED, "Salto does not say which scopes it granted")
        lacking = [scope for scope in _LEGACY_SCOPES if scope not in granted]
        if not lacking:
            return Line(OK, ", ".join(_LEGACY_SCOPES))
        consequence = " ".join(_LEGACY_SCOPES[scope] for scope in lacking)
        return Line(WARNING, f"Without {', '.join(lacking)}", _NEW_CREDENTIAL, consequence)

    @property
    def _granted(self) -> set[str]:
        token = self.driver.api.tokens.current()
        return set(token.scope.split()) if token else set()

    def remote_opening(self) -> Line:
        if self.driver.is_legacy:
            return self._may_open_by_scope()
        if not self.open_sites:
            return self._no_site()
        mine = {site.remote_id: self.me(site).can_open_remotely for site in self.open_sites}
        barred = [site for site in self.open_sites if mine[site.remote_id] is False]
        if barred:
            return _found(
                barred,
                "Not allowed on",
                "Allow remote opening for this user in Salto KS, under Users.",
                "Doors are shown, but none can be opened from here.",
            )
        return self._one_time_codes() or (
            Line(NOT_CHECKED, "Salto does not say whether this user may open doors remotely")
            if None in mine.values()
            else Line(OK, "Allowed")
        )

    def _may_open_by_scope(self) -> Line:
        if not self._granted:
            return Line(NOT_CHECKED, "Salto does not say which scopes it granted")
        if _OPENS in self._granted:
            return Line(OK, f"Allowed ({_OPENS})")
        return Line(
            FAILED,
            f"The credential has no scope {_OPENS}",
            _NEW_CREDENTIAL,
            "Doors are shown, but none can be opened or locked from here.",
        )

    def _one_time_codes(self) -> Line | None:
        waiting: dict[str, list[str]] = {}
        for site in self.open_sites:
            for hub in self.driver.list_hubs(site.remote_id):
                if hub.otp_enabled and not self._has_code(hub):
                    waiting.setdefault(site.remote_id, []).append(hub.name)
        if not waiting:
            return None
        hubs = [name for names in waiting.values() for name in names]
        verb = "asks" if len(hubs) == 1 else "ask"
        return Line(
            WARNING,
            f"{_names(hubs)} {verb} for a one-time code at every opening",
            "Once the account is connected, activate remote opening for each IQ here; or have "
            "Salto switch the one-time code off.",
            "Doors there are shown, but cannot be opened from here before remote opening is "
            "activated.",
            tuple(waiting),
        )

    def _has_code(self, hub: Hub) -> bool:
        secrets = self.driver.connection.otp_secrets
        return any(each.hub_id == hub.remote_id and each.pin for each in secrets)

    def released(self) -> Line:
        return self._told(
            lambda site: site.is_released,
            "Not released:",
            "Ask the installer to release the site to its owner in Salto KS.",
            "Salto refuses everything on the site until then, so it cannot be connected.",
        )

    def subscription(self) -> Line:
        return self._told(
            lambda site: site.subscription_valid,
            "Ended:",
            "Renew the subscription of the site with Salto.",
            "Salto refuses every opening and every change on the site, so it cannot be connected.",
        )

    def _told(
        self, of: Callable[[Site], bool | None], before: str, fix: str, consequence: str
    ) -> Line:
        """What Salto says of each site, where it says anything."""
        if not self.sites:
            return self._no_site()
        if bad := [site for site in self.sites if of(site) is False]:
            return _found(bad, before, fix, consequence)
        if any(of(site) is None for site in self.sites):
            return Line(NOT_CHECKED, self._silence)
        return Line(OK)

    @property
    def _silence(self) -> str:
        return "The legacy API does not say" if self.driver.is_legacy else "Salto does not say"

    def _no_site(self) -> Line:
        if not self.sites:
            return Line(NOT_CHECKED, "This login sees no site")
        return Line(NOT_CHECKED, "No site is released yet")

    def locks(self) -> Line:
        if not self.open_sites:
            return self._no_site()
        found: list[tuple[Site, LockSnapshot]] = [
            (site, lock)
            for site in self.open_sites
            for lock in self.driver.list_locks(site.remote_id)
        ]
        if not found:
            fix = "Check that the right sites are chosen, and that this user may see their locks."
            return Line(WARNING, "No lock found", fix, "The board has no door to show.")
        offline = [(site, lock) for site, lock in found if lock.is_online is False]
        count = f"{len(found)} found"
        if offline:
            names = _names([lock.name for _, lock in offline])
            return Line(
                WARNING,
                f"{count}, {len(offline)} offline: {names}",
                "Check the battery of the lock, and its IQ.",
                "Offline doors show their last known state. You may still try to open them "
                "from here, but the lock may not hear it.",
                tuple(dict.fromkeys(site.remote_id for site, _ in offline)),
            )
        if any(lock.is_online is None for _, lock in found):
            return Line(OK, count)
        return Line(OK, f"{count}, all online")

    def seats(self) -> Line:
        if not self.sites:
            return self._no_site()
        known = [
            (site, site.seats_used, site.seats_total)
            for site in self.sites
            if site.seats_used is not None and site.seats_total
        ]
        if not known:
            return Line(NOT_CHECKED, self._silence)
        said = "; ".join(f"{site.name}: {used} of {total} used" for site, used, total in known)
        full = [site for site, used, total in known if used >= total * SEATS_WARNING]
        if not full:
            return Line(OK, said)
        return Line(
            WARNING,
            said,
            "Buy seats or remove users in Salto KS.",
            "Once a site is full, new guests are suspended without a word from Salto.",
            _ids(full),
        )


def _found(sites: list[Site], before: str, fix: str, consequence: str) -> Line:
    if not sites:
        return Line(OK)
    names = _names([site.name for site in sites])
    return Line(FAILED, f"{before} {names}", fix, consequence, _ids(sites))


def _ids(sites: list[Site]) -> tuple[str, ...]:
    return tuple(site.remote_id for site in sites)


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
