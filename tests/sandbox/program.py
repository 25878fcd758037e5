"""The sandbox as a real program on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]


class Program:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = os.environ | {
            "LOCKBOARD_SANDBOX_DATA": str(self.folder),
            "LOCKBOARD_SANDBOX_PORT": str(self.port),
        }
        command = [sys.executable, "-W", "error", "-m", "sandbox"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 15
        while not self.is_up():
            assert self.process.poll() is None, "the sandbox did not start"
            assert time.monotonic() < deadline, "the sandbox does not answer"
            time.sleep(0.02)

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.base}/healthz", timeout=1).ok
        except requests.ConnectionError:
            return False

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.communicate()
            self.process = None

    def control(self, path: str, **wish: Any) -> Any:
        reply = requests.post(f"{self.base}/control/{path}", json=wish, timeout=5)
        assert reply.ok, reply.text
        return reply.json()

    def effects(self, kind: str) -> list[dict[str, Any]]:
        return requests.get(f"{self.base}/control/effects?kind={kind}", timeout=5).json()

    def sign_in(self, name: str = "jane") -> "Visitor":
        reply = requests.post(
            f"{self.base}/identity/connect/token",
            auth=("lockboard-backend", "lockboard-backend-secret"),
            data={
                "grant_type": "password",
                "username": f"{name}@example.com",
                "password": "1234",
                "scope": "user_api.full_access",
            },
            timeout=5,
        )
        return Visitor(self, reply.json()["access_token"])


class Visitor:
    """Somebody signed in over HTTP, and the first lock of their first site."""

    def __init__(self, program: Program, token: str) -> None:
        self.headers = {"Authorization": f"Bearer {token}"}
        api = f"{program.base}/connect/v1.2"
        sites = requests.get(f"{api}/sites", headers=self.headers, timeout=5).json()
        self.root = f"{api}/sites/{sites['items'][0]['id']}"
        self.lock_id = self.get("/locks").json()["items"][0]["id"]

    def get(self, path: str, *, timeout: float = 5) -> requests.Response:
        return requests.get(self.root + path, headers=self.headers, timeout=timeout)

    def unlock(self, *, timeout: float = 5, request_id: str = "") -> requests.Response:
        return requests.patch(
            f"{self.root}/locks/{self.lock_id}/locking",
            json={"locked_state": "unlocked"},
            headers=self.headers | ({"X-Request-Id": request_id} if request_id else {}),
            timeout=timeout,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
