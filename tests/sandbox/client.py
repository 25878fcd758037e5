"""Talks to a sandbox inside this process: no port, no thread, no waiting."""

import asyncio
import base64
import json as jsonlib
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.app import Config, Sandbox

BASE = "http://127.0.0.1:8001"


class HungUpError(ConnectionError):
    """The sandbox closed the connection without an answer."""


class Answer:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode().lower(): value.decode() for name, value in headers}
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return jsonlib.loads(self.body)


class Client:
    """A sandbox and one visitor of it. Time only passes when it is told to."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(Config(folder=None, base_url=BASE))
        self.world = self.sandbox.open()
        self.loop = asyncio.new_event_loop()

    def close(self) -> None:
        self.sandbox.close()
        self.loop.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: dict[str, str] | None = None,
        token: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        sent = {"host": "127.0.0.1:8001"} | (headers or {})
        if token:
            sent["authorization"] = f"Bearer {token}"
        if json is not None:
            sent.setdefault("content-type", "application/json")
            body = jsonlib.dumps(json).encode()
        if form is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        return self.loop.run_until_complete(self._exchange(method, path, sent, body))

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        parts = urlsplit(url)
        sent: list[dict[str, Any]] = []
        asked = [{"type": "http.request", "body": body, "more_body": False}]
        hung_up: list[bool] = []

        async def receive() -> dict[str, Any]:
            return asked.pop() if asked else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.replace(" ", "%20").encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "scheme": "http",
            "server": ("127.0.0.1", 8001),
            "client": ("127.0.0.1", 5000),
            "root_path": "",
            "extensions": {"sandbox.drop": lambda **_: hung_up.append(True)},
        }
        await self.sandbox(scope, receive, send)
        if not sent:
            raise HungUpError(f"hung up on {method} {url}")
        whole = b"".join(message.get("body", b"") for message in sent)
        return Answer(sent[0]["status"], sent[0]["headers"], whole)

    def get(self, path: str, **more: Any) -> Answer:
        return self.request("GET", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self.request("POST", path, json=json, **more)

    def put(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self.request("PUT", path, json=json, **more)

    def patch(self, path: str, json: Any = None, **more: Any) -> Answer:
        return self.request("PATCH", path, json=json, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.request("DELETE", path, **more)

    # --- what most tests begin with ---

    def control(self, path: str, **wish: Any) -> Any:
        answer = self.post(f"/control/{path}", wish)
        assert answer.status == 200, answer.text
        return answer.json()

    def pass_time(self, seconds: float) -> None:
        self.control("clock", advance_seconds=seconds)

    def effects(self, **query: Any) -> list[dict[str, Any]]:
        return self.get(f"/control/effects?{urlencode(query)}").json()

    def kinds(self, *, after: int = 0) -> list[str]:
        return [effect["kind"] for effect in self.effects(after=after)]

    def latest(self) -> int:
        rows = self.effects()
        return rows[-1]["n"] if rows else 0

    def sign_in(self, name: str, scope: str = "user_api.full_access") -> "Account":
        answer = self.post(
            "/identity/connect/token",
            form={
                "grant_type": "password",
                "username": f"{name}@example.com",
                "password": "1234",
                "scope": scope,
            },
            headers=basic("lockboard-backend", "lockboard-backend-secret"),
        )
        assert answer.status == 200, answer.text
        return Account(self, answer.json()["access_token"])

    def legacy(self, name: str = "legacy-client") -> "LegacyAccount":
        answer = self.post(
            "/legacy/oauth2/token",
            form={
                "grant_type": "client_credentials",
                "client_id": name,
                "client_secret": "legacy-secret",
            },
        )
        assert answer.status == 200, answer.text
        return LegacyAccount(self, answer.json()["access_token"])


class Account:
    """Somebody signed in at the Connect API, on their first site."""

    version = "/connect/v1.2"

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.token = token
        rows = self.client.get(f"{self.version}/sites", token=token).json()["items"]
        self.site = rows[0] if rows else None
        self.root = f"{self.version}/sites/{rows[0]['id']}" if rows else ""

    def call(self, method: str, path: str, json: Any = None, **more: Any) -> Answer:
        return self.client.request(method, self.root + path, json=json, token=self.token, **more)

    def get(self, path: str, **more: Any) -> Answer:
        return self.call("GET", path, **more)

    def items(self, path: str) -> list[Any]:
        answer = self.get(path)
        assert answer.status == 200, answer.text
        return answer.json()["items"]

    def lock(self, name: str = "Front Door") -> dict[str, Any]:
        rows = self.client.get(f"{self.root}/locks?$top=100", token=self.token).json()["items"]
        return next(row for row in rows if row.get("name", row.get("customer_reference")) == name)

    def locking(self, lock_id: str, state: str = "unlocked", **more: Any) -> Answer:
        return self.call("PATCH", f"/locks/{lock_id}/locking", {"locked_state": state} | more)

    def entries(self, query: str = "", **headers: str) -> dict[str, Any]:
        path = self.root.replace("v1.2", "v1.1") + f"/entries?{query}"
        answer = self.client.get(path, token=self.token, headers=headers)
        assert answer.status == 200, answer.text
        return answer.json()


class LegacyAccount(Account):
    version = "/legacy/v1.1"


def basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def refusal(answer: Answer) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status, body["ErrorCode"], body["Message"]
