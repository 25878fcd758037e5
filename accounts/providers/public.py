"""A door to addresses that people typed in: calendars of the booking sites.

`HttpDoor` speaks to a list of hosts. This one speaks to any host of the internet, and to no
machine beside or behind us (reliability SSRF-02): the name is resolved once, every address it
has must be public, and it is these addresses that are connected to.
"""

from urllib.parse import urlsplit

from accounts.providers.addresses import (
    check_address,
    check_public_address,
    is_public,
    rest_after_plain_origin,
)
from accounts.providers.budget import Call
from accounts.providers.http import HttpDoor


class PublicDoor(HttpDoor):
    """Hands back redirects and 304 too. Logs name only the host: the rest may be a secret.

    `plain_origins` are the only http addresses and the only private ones: the sandbox.
    """

    def __init__(self, plain_origins: tuple[str, ...] = (), *, ca_file: str = "") -> None:
        super().__init__((), plain_origins, ca_file=ca_file)

    def check_address(self, url: str, *, query_allowed: bool = True) -> None:
        if rest_after_plain_origin(url, self.plain_origins) is not None:
            check_address(url, (), self.plain_origins, query_allowed=query_allowed)
        else:
            check_public_address(url)

    def _call(self, url: str, budget_seconds: float) -> Call:
        return Call(budget_seconds, may_reach=None if self.is_plain(url) else is_public)

    def _shown(self, url: str) -> str:
        return urlsplit(url).netloc

    def _is_an_answer(self, status: int) -> bool:
        return status >= 200
