"""The Salto KS driver in front of recorded answers, and in front of the sandbox program."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from accounts.providers.base import Connection
from accounts.providers.http import HttpDoor
from accounts.providers.salto_ks import SaltoKS, sandbox_environment
from accounts.providers.salto_ks.words import LEGACY_LOCK_STATES, LOCK_STATES
from tests.accounts.providers.contract import READ_SECONDS, SILENT_SECONDS, Rig
from tests.accounts.providers.keeper import MemoryTokens
from tests.accounts.providers.salto_ks import answers
from tests.accounts.providers.sandbox_rigs import OnSandbox
from tests.accounts.providers.servers import Answer, Cloud

SECRET = "canary-client-secret"
PASSWORD = "canary-password"


def connection_to(origin, dialect="connect", **changes):
    environment = sandbox_environment(origin)
    if dialect == "legacy":
        connection = Connection(
            dialect="legacy",
            grant="client_credentials",
            api_base=environment.legacy_api_base,
            auth_url=environment.legacy_token_url,
            client_id="client-1",
            client_secret=SECRET,
        )
    else:
        connection = Connection(
            dialect="connect",
            grant="password",
            api_base=environment.api_base,
            auth_url=environment.token_url,
            client_id="client-1",
            client_secret=SECRET,
            username="jane@example.com",
            password=PASSWORD,
        )
    return replace(connection, **changes)


class _SaltoRig(Rig):
    def __init__(self, origin, dialect):
        super().__init__()
        self.origin, self.dialect = origin, dialect
        self.door = HttpDoor((), plain_origins=(origin,))
        self.states = LEGACY_LOCK_STATES if dialect == "legacy" else LOCK_STATES

    def driver(self, tokens=None, *, read_seconds=READ_SECONDS, **changes):
        connection = connection_to(self.origin, self.dialect, **{**self.login, **changes})
        driver = SaltoKS(connection, tokens=tokens or MemoryTokens(), door=self.door)
        driver.api.read_budget_seconds = read_seconds
        return driver

    def close(self):
        self.door.close()


class RecordedRig(_SaltoRig):
    site_id, lock_id, hub_id = answers.SITE_ID, answers.LOCK_ID, answers.IQ_ID
    secrets = (SECRET, PASSWORD, answers.TOKEN["access_token"])
    login = {}

    def __init__(self, dialect="connect"):
        self.cloud = Cloud()
        super().__init__(self.cloud.origin, dialect)
        self._lock = dict(answers.LEGACY_LOCK if dialect == "legacy" else answers.LOCK)
        self._tell_all()

    def _tell_all(self):
        legacy = self.dialect == "legacy"
        self.token_path = "/legacy/oauth2/token" if legacy else "/identity/connect/token"
        self.cloud.on("POST", self.token_path, Answer(answers.TOKEN))
        self.tell("sites", [answers.LEGACY_SITE] if legacy else [answers.SITE])
        self.tell_site("locks", lambda _: Answer({"items": [self._lock]}))
        self.tell_site(f"locks/{self.lock_id}", lambda _: Answer(self._lock))
        self.tell_site("users", [answers.LEGACY_USER] if legacy else [answers.USER])
        self.tell_site(f"locks/{self.lock_id}/locking", Answer(), method="PATCH")
        if legacy:
            self.tell_site("audit-trails", [answers.LEGACY_EVENT])
            return
        self.tell("me", answers.ME)
        self.tell_site("me", answers.USER)
        self.tell_site("iqs", [answers.IQ])
        self.tell_site("entries", [answers.ENTRY], version="v1.1")

    def path(self, path, version="v1.2"):
        return f"/legacy/v1.1/{path}" if self.dialect == "legacy" else f"/connect/{version}/{path}"

    def tell(self, path, body, *, method="GET", version="v1.2"):
        script = Answer({"items": body}) if isinstance(body, list) else body
        script = Answer(script) if isinstance(script, dict) else script
        self.cloud.on(method, self.path(path, version), script)

    def tell_site(self, path, body, **options):
        self.tell(f"sites/{self.site_id}/{path}", body, **options)

    def set_lock(self, *, state=None, online=None):
        if state is not None:
            self._lock["locked_state"] = state
        if online is not None:
            self._lock["online"] = online

    def make_trouble(self, trouble):
        answer = Answer(trouble.body, trouble.status, dict(trouble.headers))
        if trouble.body is None and trouble.status == 200:
            answer.raw = b"null"
        if trouble.html:
            answer.raw = b"<!doctype html><h1>busy</h1>"

        def say_nothing(_):
            time.sleep(SILENT_SECONDS + 0.4)
            return answer

        for method, path in list(self.cloud.scripts):
            if path != self.token_path:
                self.cloud.on(method, path, say_nothing if trouble.silent else answer)

    def empty_driver(self):
        self.tell("sites", [])
        return self.driver()

    def count_commands(self):
        return len([each for each in self.cloud.asked if each.method == "PATCH"])

    def close(self):
        super().close()
        self.cloud.close()


class SandboxProgram:
    """The sandbox as a program of its own, on a free port, with a folder of its own."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            "LOCKBOARD_SANDBOX_PORT": str(self.port),
            "LOCKBOARD_SANDBOX_DATA": str(folder),
        }
        root = Path(__file__).parents[4]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            cwd=root,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self._call("GET", "/healthz")
            except (OSError, HTTPException):
                time.sleep(0.05)
            else:
                return
        self.close()
        raise RuntimeError("the sandbox did not start")

    def control(self, method, path, **body):
        text = json.dumps(body) if method == "POST" else None
        status, answer = self._call(method, f"/control/{path}", text)
        assert status == 200, answer
        return answer

    def _call(self, method, path, text=None):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, text, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            connection.close()

    def close(self):
        self._process.terminate()
        self._process.wait(10)


class SandboxRig(OnSandbox, _SaltoRig):
    def __init__(self, program, dialect="connect"):
        self.program = program
        super().__init__(program.origin, dialect)
        # The sandbox has all of today's words; "released" is not one it can be told.
        self.states = LOCK_STATES
        program.control("DELETE", "faults")
        program.control("POST", "reset")
        if dialect == "legacy":
            self.login = {"client_id": "legacy-client", "client_secret": "legacy-secret"}
            self.secrets = ("legacy-secret",)
        else:
            self.login = {
                "client_id": "lockboard-backend",
                "client_secret": "lockboard-backend-secret",
                "username": "jane@example.com",
                "password": "1234",
            }
            self.secrets = ("lockboard-backend-secret",)
        lock = program.control("GET", "locks")[0]
        self.site_id, self.lock_id, self.hub_id = lock["site_id"], lock["id"], lock["iq_id"]

    def set_lock(self, *, state=None, online=None):
        if online is not None:
            self.program.control("POST", f"locks/{self.lock_id}", online_flag=online)
        if state is not None:
            self.program.control("POST", f"locks/{self.lock_id}", locked_state=state)

    def empty_driver(self):
        if self.dialect == "connect":
            return self.driver(username="empty@example.com")
        self.program.control(
            "POST", "faults", match={"route": "sites"}, effect="empty_list", times=None
        )
        return self.driver()

    def close(self):
        super().close()
        self.program.control("DELETE", "faults")
