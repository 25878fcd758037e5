"""The live checks after a sign-in: what a property manager must know before the first click."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

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
Line = tuple[CheckResult, str, str]


def checks(driver: SaltoKS, site_ids: Iterable[str] | None = None) -> Iterator[Check]:
    """Yield one line per check, in a fixed order, each when it is known.

    Keys: token, environment, role, remote_opening, released, subscription, locks, seats.
    Without a token nothing else is tried. `site_ids` limits the checks to chosen sites.
    The older dialect says nothing of roles, hubs, release, subscription and seats: no lines.
    """
    look = _Look(driver, None if site_ids is None else set(site_ids))
    token = look.line("token", "Signed in", look.token)
    yield token
    if token.result is FAILED:
        return
    yield look.line("environment", "Right environment", look.environment)
    if not driver.is_legacy:
        yield look.line("role", "Role is site admin", look.role)
        yield look.line("remote_opening", "Remote opening", look.remote_opening)
        yield look.line("released", "Sites released", look.released)
        yield look.line("subscription", "Subscription valid", look.subscription)
    yield look.line("locks", "Locks", look.locks)
    if not driver.is_legacy:
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
            result, detail, fix = look()
        except ProviderError as error:
            title, fix = troubleshooting(error, dialect=self.driver.connection.dialect)
            result, detail = FAILED, title
        return Check(key=key, label=label, result=result, detail=detail, fix=fix)

    @property
    def sites(self) -> list[Site]:
        if self._sites is None:
            self._sites = [
                site
                for site in self.driver.list_sites()
                if self.site_ids is None or site.remote_id in self.site_ids
            ]
        return self._sites

    # --- one line each ---

    def token(self) -> Line:
        self.driver.ensure_token()
        # A fresh token that the API itself refuses is no sign-in.
        who = self.driver.identity()
        return OK, who.name or who.email or who.remote_id, ""

    def environment(self) -> Line:
        match self.driver.environment:
            case "production":
                return OK, "Salto KS", ""
            case "sandbox":
                return OK, "Sandbox: simulated doors", ""
            case "accept":
                fix = "Sign in to the production environment, with the account you use every day."
                return FAILED, "This is Salto's test system, not your doors", fix
            case "mixed":
                fix = "Use the sign-in and the API address of the same environment."
                return FAILED, "Sign-in and API belong to different environments", fix
            case _:
                return OK, "An address your administrator has allowed", ""

    def me(self, site: Site) -> RemoteUser:
        if site.remote_id not in self._me:
            self._me[site.remote_id] = self.driver.get_me(site.remote_id)
        return self._me[site.remote_id]

    def role(self) -> Line:
        if not self.sites:
            fix = "Add this user to your site in Salto KS, as Site Admin."
            return FAILED, "This user sees no site", fix
        lacking = [site.name for site in self.sites if words.SITE_ADMIN not in self.me(site).roles]
        fix = "Ask the owner of the site to give this user the role Site Admin in Salto KS."
        return _found(lacking, "Not a site admin of", fix)

    def remote_opening(self) -> Line:
        barred = [site.name for site in self.sites if self.me(site).can_open_remotely is False]
        if barred:
            fix = "Allow remote opening for this user in Salto KS, under Users."
            return FAILED, f"Not allowed on {_names(barred)}", fix
        waiting = [hub.name for hub in self._hubs() if hub.otp_enabled and not self._has_code(hub)]
        if waiting:
            fix = (
                "Activate remote opening for each IQ on the account page, or ask Salto to "
                "switch the one-time code off for it."
            )
            return WARNING, f"A one-time code is wanted by {_names(waiting)}", fix
        return OK, "Allowed", ""

    def _hubs(self) -> list[Hub]:
        return [hub for site in self.sites for hub in self.driver.list_hubs(site.remote_id)]

    def _has_code(self, hub: Hub) -> bool:
        secrets = self.driver.connection.otp_secrets
        return any(each.hub_id == hub.remote_id and each.pin for each in secrets)

    def released(self) -> Line:
        waiting = [site.name for site in self.sites if site.is_released is False]
        fix = "Ask the installer to release the site to its owner in Salto KS."
        return _found(waiting, "Not released:", fix)

    def subscription(self) -> Line:
        ended = [site.name for site in self.sites if site.subscription_valid is False]
        return _found(ended, "Ended:", "Renew the subscription of the site with Salto.")

    def locks(self) -> Line:
        locks: list[LockSnapshot] = []
        for site in self.sites:
            locks += self.driver.list_locks(site.remote_id)
        if not locks:
            fix = "Check that the right sites are chosen, and that this user may see their locks."
            return WARNING, "No lock found", fix
        offline = [lock.name for lock in locks if lock.is_online is False]
        found = f"{len(locks)} found" if len(locks) != 1 else "1 found"
        if offline:
            fix = "Offline locks cannot be opened from here. Check their battery and their IQ."
            return WARNING, f"{found}, {len(offline)} offline: {_names(offline)}", fix
        return OK, f"{found}, all online", ""

    def seats(self) -> Line:
        known = [
            (site.name, site.seats_used, site.seats_total)
            for site in self.sites
            if site.seats_used is not None and site.seats_total
        ]
        said = "; ".join(f"{name}: {used} of {total} used" for name, used, total in known)
        if any(used >= total * SEATS_WARNING for _, used, total in known):
            fix = "A full site suspends new guests without a word. Buy seats or remove users."
            return WARNING, said, fix
        return OK, said or "Salto does not say", ""


def _found(names: list[str], words_before: str, fix: str) -> Line:
    return (FAILED, f"{words_before} {_names(names)}", fix) if names else (OK, "", "")


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
