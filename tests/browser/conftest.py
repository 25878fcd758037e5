"""A real browser against the real thing: everything `bin/run` starts, on ports of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

#: Generous, for a busy machine: what is there sooner is seen sooner.
expect.set_options(timeout=15_000)

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "demo-password-for-tests"
#: What must not leak from the test run's own environment into the demo.
_OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "FIELD_KEYS",
    "PIN_",
    "ALLOWED_HOSTS",
    "LOCKBOARD_",
)
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Pages of the address bar that nobody sees: half a second of processor time per context.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)


@dataclass
class Demo:
    url: str
    sandbox: str
    process: subprocess.Popen[str]

    def effects(self, after: int = 0) -> list[dict[str, Any]]:
        """What really happened at the simulated doors: the oracle."""
        answer = requests.get(f"{self.sandbox}/control/effects", params={"after": after}, timeout=5)
        effects: list[dict[str, Any]] = answer.json()
        return effects

    def latest(self) -> int:
        effects = self.effects()
        return int(effects[-1]["n"]) if effects else 0

    def control(self, path: str, **body: Any) -> Any:
        answer = requests.post(f"{self.sandbox}/control/{path}", json=body, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str) -> Any:
        found = requests.get(f"{self.sandbox}/control/{path}", timeout=5).json()
        return found["items"] if isinstance(found, dict) and "items" in found else found

    def clear_faults(self) -> None:
        requests.delete(f"{self.sandbox}/control/faults", timeout=5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# For this package only: a browser driver left running would keep an event loop in the way
# of every other test of the worker.
@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    port, sandbox_port = _free_port(), _free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    environment |= {
        "LOCKBOARD_PORT": str(port),
        "LOCKBOARD_SANDBOX_PORT": str(sandbox_port),
        "LOCKBOARD_DATA": str(folder / "data"),
        "LOCKBOARD_DEMO_PASSWORD": PASSWORD,
    }
    _SIGNED_IN.clear()
    process = subprocess.Popen(
        [sys.executable, "-m", "config.demo"],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_until_ready(process)
        yield Demo(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}", process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Lockboard is ready:"):
            # Somebody must go on reading, or the processes block on a full pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return
    raise AssertionError("bin/run ended:\n" + "".join(said[-40:]))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = os.environ.get("LOCKBOARD_CHROMIUM") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, demo: Demo) -> Iterator[Page]:
    context = new_context(browser, demo)
    yield context.new_page()
    context.close()


def new_context(browser: Browser, demo: Demo, **options: Any) -> BrowserContext:
    context = browser.new_context(base_url=demo.url, **options)
    context.set_default_timeout(8000)
    return context


#: Sign-ins that were made already, by name: each takes a browser and a server a second.
_SIGNED_IN: dict[str, list[Any]] = {}


def sign_in(page: Page, name: str = "manager") -> Page:
    """Sign in, or go on with an earlier sign-in of this person that is still good."""
    page.context.add_cookies(_SIGNED_IN.get(name, []))
    page.goto("/")
    if "/user/login" not in page.url:
        return page
    page.get_by_label("E-mail").fill(f"{name}@lockboard.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/user/login" not in url)
    _SIGNED_IN[name] = page.context.cookies()
    return page
