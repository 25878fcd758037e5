"""A provider that costs next to nothing: the shapes of the Connect API, and a stopwatch.

    python -m tests.bench.provider PORT SITES DOORS_PER_SITE

Every account sees the one site that its user name says (`3@…`). `GET /log` returns when each
command arrived and was answered, in seconds of this machine's monotonic clock.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import NAMESPACE_URL, uuid5

PAGE = 20
LOG: list[dict[str, Any]] = []


def id_of(*words: object) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, words))))


class World:
    def __init__(self, sites: int, doors: int) -> None:
        self.sites = {id_of("site", n): self._site(n) for n in range(sites)}
        self.locks = {site: [self._lock(site, n) for n in range(doors)] for site in self.sites}

    def _site(self, n: int) -> dict[str, Any]:
        return {
            "id": id_of("site", n),
            "customer_reference": f"Site {n}",
            "site_uid": f"SIM{n:08}",
            "time_zone": "Europe/Amsterdam",
            "subscription_valid": True,
            "installation_state": "released",
        }

    def _lock(self, site: str, n: int) -> dict[str, Any]:
        return {
            "id": id_of("lock", site, n),
            "customer_reference": f"Room {n:03}",
            "mac": f"51A7{n:08}",
            "floor": str(n % 5),
            "locked_state": "locked",
            "lock_type": "escutcheon_pin",
            "online": True,
            "iq_link_state": "attached",
            "tag_registration_state": "not_started",
            "battery_level": "fresh",
            "left_open_alarm": False,
            "intrusion_alarm": False,
            "privacy_mode": False,
            "communication_type": "blue_net",
            "easy_office_mode_schedule": None,
            "iq": self.iq(site) | {"is_online": True},
            "repeater": None,
        }

    def iq(self, site: str) -> dict[str, Any]:
        return {
            "id": id_of("iq", site),
            "customer_reference": "IQ 01",
            "online": True,
            "otp_enabled": False,
        }

    def answer(self, path: str, query: dict[str, list[str]], account: str) -> Any:
        """Return the body for a GET."""
        if path.endswith("/me"):
            return {"id": id_of("person", account), "first_name": "Bench", "email": account}
        if path.endswith("/sites"):
            site = self.sites[id_of("site", account.partition("@")[0])]
            return {"items": [site], "next_page_link": None, "count": 1}
        site = re.search(r"/sites/([0-9a-f-]{36})", path)[1]
        if path.endswith("/locks"):
            return self._page(path, query, self.locks[site])
        if path.endswith("/iqs"):
            return {"items": [self.iq(site)], "next_page_link": None, "count": 1}
        if path.endswith("/entries"):
            return {"items": [], "continuation_token": None}
        lock = path.rpartition("/")[2]
        return next(each for each in self.locks[site] if each["id"] == lock)

    def _page(self, path: str, query: dict[str, list[str]], rows: list[Any]) -> Any:
        start = int(query.get("$skip", ["0"])[0])
        size = min(int(query.get("$top", [str(PAGE)])[0]), 100)
        more = start + size < len(rows)
        link = f"{path}?$skip={start + size}" if more else None
        return {"items": rows[start : start + size], "next_page_link": link, "count": len(rows)}


class Connection(asyncio.Protocol):
    def __init__(self, world: World) -> None:
        self._world = world
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        arrived = time.monotonic()
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not end or (length and len(body) < int(length[1])):
            return
        self._read = b""
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        self._answer(method, target, head.decode("latin-1"), body, arrived)

    def _answer(self, method: str, target: str, head: str, body: bytes, arrived: float) -> None:
        parts = urlsplit(target)
        if method == "PATCH":
            self._send(b"")
            request_id = re.search(r"(?i)x-request-id: (\S+)", head)
            LOG.append(
                {
                    "id": request_id[1] if request_id else "",
                    "arrived": arrived,
                    "answered": time.monotonic(),
                }
            )
        elif parts.path == "/log":
            self._send(json.dumps(LOG).encode())
        elif method == "POST":
            user = parse_qs(body.decode()).get("username", [""])[0]
            token = {"access_token": user, "token_type": "Bearer", "expires_in": 3600}
            self._send(json.dumps(token).encode())
        else:
            account = unquote(re.search(r"(?i)authorization: bearer (\S*)", head)[1])
            found = self._world.answer(parts.path, parse_qs(parts.query), account)
            self._send(json.dumps(found).encode())

    def _send(self, body: bytes) -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )


async def main(port: int, sites: int, doors: int) -> None:
    world = World(sites, doors)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(world), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
