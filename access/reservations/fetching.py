"""Fetch the calendar of a room from a booking site.

The address is a secret: whoever has it reads who comes when. It is in no message, no log and
no error; the host alone may be.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from access.reservations.lines import MAX_BYTES
from accounts.providers.base import ProviderError, Reach, UnexpectedReplyError
from accounts.providers.http import HttpDoor, Reply
from accounts.providers.public import PublicDoor

BUDGET_SECONDS = 20.0
MAX_REDIRECTS = 3
#: What a host asks us to wait is heeded, within reason.
LONGEST_WAIT_SECONDS = 24 * 3600

_MOVED = {301, 302, 303, 307, 308}
_GONE, _FORBIDDEN, _TOO_MANY = {404, 410}, {401, 403}, 429
_VALIDATOR_LONGEST = 500


class FetchError(Exception):
    """The calendar did not come. `str(error)` is a sentence for people, without the address.

    `is_lasting`: trying again does not help, somebody has to enter an address anew.
    """

    def __init__(
        self, sentence: str, *, is_lasting: bool = False, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.is_lasting = is_lasting
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, kw_only=True)
class Validators:
    """What a host said of the version it gave: sent back, it may answer `not modified`."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A calendar, or None where the host says it is the one we have."""

    content: bytes | None = field(repr=False)
    validators: Validators


def clean_address(text: str, *, door: HttpDoor) -> str:
    """Return the address of a calendar as it is kept. Raises ValueError with a sentence.

    `webcal://` is what calendar programs write for https.
    """
    address = text.strip()
    if address[:9].lower() == "webcal://":
        address = f"https://{address[9:]}"
    door.check_address(address, query_allowed=True)
    return address


def fetch(
    address: str,
    *,
    door: PublicDoor,
    seen: Validators | None = None,
    budget_seconds: float = BUDGET_SECONDS,
) -> Fetched:
    """Return the calendar at an address. Raises FetchError.

    `seen` only where nothing but a change matters: see `matching.may_ask_for_changes_only`.
    """
    headers = _headers(seen)
    for _ in range(MAX_REDIRECTS + 1):
        reply = _ask(address, door, headers, budget_seconds)
        if reply.status not in _MOVED:
            return _fetched(reply, seen)
        address = _next(address, reply, door)
    raise FetchError(f"{_host(address)} sends us from one address to the next.")


def _ask(
    address: str, door: PublicDoor, headers: Mapping[str, str], budget_seconds: float
) -> Reply:
    problem = ""
    try:
        return door.request(
            "GET",
            address,
            headers=headers,
            budget_seconds=budget_seconds,
            fresh=True,
            max_body_bytes=MAX_BYTES,
        )
    except UnexpectedReplyError:
        problem = f"{_host(address)} answered with more than 5 MB."
    except ProviderError as error:
        # Its own sentence names the host and the reason, never the path.
        is_refused = error.reach is Reach.NOT_SENT and str(error).startswith("not called")
        problem = "The address is not allowed." if is_refused else f"{error}."
    raise FetchError(problem)  # outside of `except`: no chain leads back to the address


def _next(address: str, reply: Reply, door: PublicDoor) -> str:
    """Return where a host sends us, if we may go there."""
    try:
        following = urljoin(address, reply.headers.get("Location", ""))
        door.check_address(following, query_allowed=True)
        # Nobody on the internet sends us to the sandbox beside us.
        is_allowed = following != address and door.is_plain(following) == door.is_plain(address)
    except ValueError:
        is_allowed = False
    if not is_allowed:
        raise FetchError(f"{reply.host} sends us to an address that is not allowed.")
    return following


def _fetched(reply: Reply, seen: Validators | None) -> Fetched:
    status = reply.status
    if status == 304 and seen is not None:
        return Fetched(content=None, validators=seen)
    if status == 200:
        return Fetched(content=reply.body, validators=_validators(reply))
    if status in _GONE:
        raise FetchError(
            f"{reply.host} knows no calendar at this address. Copy the address anew.",
            is_lasting=True,
        )
    if status in _FORBIDDEN:
        raise FetchError(
            f"{reply.host} does not let us read this calendar. Copy the address anew.",
            is_lasting=True,
        )
    wait = _wait(reply) if status == _TOO_MANY or status >= 500 else None
    if status == _TOO_MANY:
        raise FetchError(f"{reply.host} asks us to come less often.", retry_after_seconds=wait)
    raise FetchError(f"{reply.host} answered with HTTP {status}.", retry_after_seconds=wait)


def _headers(seen: Validators | None) -> dict[str, str]:
    headers = {"Accept": "text/calendar, text/plain;q=0.9, */*;q=0.1"}
    if seen and seen.etag:
        headers["If-None-Match"] = seen.etag
    if seen and seen.last_modified:
        headers["If-Modified-Since"] = seen.last_modified
    return headers


def _validators(reply: Reply) -> Validators:
    def kept(name: str) -> str:
        value = reply.headers.get(name, "")
        is_sound = len(value) <= _VALIDATOR_LONGEST and value.isascii() and value.isprintable()
        return value if is_sound else ""

    return Validators(etag=kept("ETag"), last_modified=kept("Last-Modified"))


def _wait(reply: Reply) -> int | None:
    told = reply.headers.get("Retry-After", "")
    is_seconds = told.isascii() and told.isdigit() and len(told) < 10
    return min(int(told), LONGEST_WAIT_SECONDS) if is_seconds else None


def _host(address: str) -> str:
    return urlsplit(address).hostname or "The host"
