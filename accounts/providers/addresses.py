"""Which addresses Lockboard may speak to. The sentences are for forms."""

import ipaddress
import re
from urllib.parse import unquote

HTTPS_PORT = 443

MUST_BE_HTTPS = "must start with https://"
NOT_ON_THE_LIST = "host is not on the allowed list (ask your administrator to add it)"
NOT_ALLOWED = "address is not allowed"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: One expression for the whole address, so that no two parsers can disagree about its host.
#: A host has a dot and ends in a label that starts with a letter: no IP address in any
#: spelling does (127.1, 0x7f.1, 2130706433 and [::1] all mean 127.0.0.1 to a resolver).
_HTTPS_URL = re.compile(
    rf"https://(?P<host>(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)(?::{HTTPS_PORT})?"
    r"(?P<rest>/.*)?",
    re.IGNORECASE,
)
_PATH = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*")
_QUERY = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*")


_PUBLIC_PORTS = (443, 8443)
_PUBLIC_URL = re.compile(
    rf"https://(?P<host>(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)"
    rf"(?::(?:{'|'.join(map(str, _PUBLIC_PORTS))}))?(?P<rest>[/?].*)?",
    re.IGNORECASE,
)
LONGEST_URL = 2048

#: What carries an IPv4 address inside an IPv6 one besides `ipv4_mapped`, `sixtofour` and
#: `teredo`: NAT64 and the long deprecated "compatible" form. The library calls them global.
_CARRIERS = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
#: Called global by the library too: relays of 6to4, and NAT64 of one's own network.
_OURS = (ipaddress.ip_network("192.88.99.0/24"), ipaddress.ip_network("64:ff9b:1::/48"))


def check_address(
    url: str,
    allowed_hosts: tuple[str, ...],
    plain_origins: tuple[str, ...] = (),
    *,
    query_allowed: bool = False,
) -> None:
    """Raise ValueError, with a sentence for a form, unless `url` may be spoken to.

    `allowed_hosts` are exact names or `*.suffix` (which does not include the suffix itself).
    `plain_origins` are the only http addresses, such as `http://127.0.0.1:8001`.
    """
    rest = rest_after_plain_origin(url, plain_origins)
    if rest is None:
        rest = _rest_after_allowed_host(url, allowed_hosts)
    path, mark, query = rest.partition("?")
    if mark and not (query_allowed and _QUERY.fullmatch(query)):
        raise ValueError(NOT_ALLOWED)
    if not _PATH.fullmatch(path) or not _is_straight(unquote(path)):
        raise ValueError(NOT_ALLOWED)


def check_public_address(url: str) -> None:
    """Raise ValueError, with a sentence for a form, unless `url` may be read by `PublicDoor`.

    Any host with a name, https only. Where the name leads is looked at when connecting.
    """
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_URL:
        raise ValueError(NOT_ALLOWED)
    if url.lower().startswith("http://") or "://" not in url:
        raise ValueError(MUST_BE_HTTPS)
    match = _PUBLIC_URL.fullmatch(url)
    path, _, query = (match["rest"] or "").partition("?") if match else ("", "", "")
    if match is None or not _QUERY.fullmatch(query):
        raise ValueError(NOT_ALLOWED)
    if not _PATH.fullmatch(path) or not _is_straight(unquote(path)):
        raise ValueError(NOT_ALLOWED)


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the internet, and no form of it to anything else."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # with a scope, such as fe80::1%eth0
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inside = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if any(found in carrier for carrier in _CARRIERS):
            inside.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        carried = [each for each in inside if each is not None]
        if carried:
            return all(map(_is_public, carried))
    return _is_public(found)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    ours = any(address in network for network in _OURS)
    return address.is_global and not address.is_multicast and not ours


def _is_straight(path: str) -> bool:
    """Tell whether no server can read a step up, or an end of line, into this path."""
    return path.isprintable() and "\\" not in path and not {".", ".."} & set(path.split("/"))


def rest_after_plain_origin(url: str, plain_origins: tuple[str, ...]) -> str | None:
    for origin in plain_origins:
        if url == origin or url.startswith((f"{origin}/", f"{origin}?")):
            return url[len(origin) :]
    return None


def _rest_after_allowed_host(url: str, allowed_hosts: tuple[str, ...]) -> str:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(NOT_ALLOWED)
    if url.lower().startswith("http://") or "://" not in url:
        raise ValueError(MUST_BE_HTTPS)
    match = _HTTPS_URL.fullmatch(url)
    if match is None or _looks_like_an_allowed_host(match["host"], allowed_hosts):
        raise ValueError(NOT_ALLOWED)
    if not any(_is_host(match["host"].lower(), allowed) for allowed in allowed_hosts):
        raise ValueError(NOT_ON_THE_LIST)
    return match["rest"] or ""


def _is_host(host: str, allowed: str) -> bool:
    return host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed


def _looks_like_an_allowed_host(host: str, allowed_hosts: tuple[str, ...]) -> bool:
    # connect.my-clay.com.evil.example is not a slip to be put on a list.
    return any(host.lower().startswith(f"{allowed.lstrip('*.')}.") for allowed in allowed_hosts)
