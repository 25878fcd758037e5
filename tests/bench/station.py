"""Guests one after another at the station, by keyboard: keys per card, and the time we add.

    python -m tests.bench.station [--guests 50] [--write 1.0]

A real browser at real programs. A card is laid on as soon as the encoder waits for one and taken
off when the page says done; Enter is the only key. What is left of a card's time without the
hand and the encoder's writing is ours: from the key to the encoder, and from the written card to
the tick on the screen.
"""

import argparse
import os
import time
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, sync_playwright

from tests.bench import inside
from tests.processes.stack import Stack, until

ENCODER = "Front desk 1"
GOAL_KEYS = 1
#: 95 of 100 cards.
GOAL_SECONDS = 0.3
#: Enter counts again so long after the page changed: a double press is no decision.
GUARD_SECONDS = 0.45


class _Desk:
    def __init__(self, stack: Stack, page: Page, write_seconds: float) -> None:
        self.stack, self.page, self.write_seconds = stack, page, write_seconds
        self.keys = 0

    def run(self, guests: int) -> list[tuple[float, float]]:
        """Make all the cards. Return the seconds we added to each, before and after writing."""
        page = self.page
        page.goto("/cards/?new")
        page.get_by_label(ENCODER).check()
        page.locator("#person-search").focus()
        self.press()  # the first who arrives
        page.locator("#desk[data-kind=person]").wait_for()
        page.get_by_label(ENCODER).check()
        page.locator("#desk .is-main").focus()
        return [self.card(n) for n in range(guests)]

    def press(self) -> None:
        time.sleep(GUARD_SECONDS)
        self.page.keyboard.press("Enter")
        self.keys += 1

    def card(self, n: int) -> tuple[float, float]:
        time.sleep(GUARD_SECONDS)
        job = self.page.locator("#desk").get_attribute("data-job")
        began = time.perf_counter()
        self.page.keyboard.press("Enter")
        self.keys += 1
        until(lambda: self.light() == "waiting", seconds=30, every=0.005)
        ready = time.perf_counter()
        self.stack.sandbox.ask("POST", f"/cards/Card {n}/place", {"encoder_id": ENCODER})
        placed = time.perf_counter()
        self.page.wait_for_function(
            """was => document.querySelector(`#desk[data-stage=done]:not([data-job="${was}"])`)""",
            arg=job or "",
            timeout=30_000,
        )
        done = time.perf_counter()
        self.stack.sandbox.ask("POST", f"/cards/Card {n}/take", {})
        return ready - began, done - placed - self.write_seconds

    def light(self) -> str:
        rows = self.stack.sandbox.ask("GET", "/encoders")
        return next(str(row["state"]) for row in rows if row["name"] == ENCODER)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--guests", type=int, default=50)
    parser.add_argument("--write", type=float, default=1.0, help="seconds an encoder writes")
    asked = parser.parse_args()
    with Stack(programs=("web", "actuator", "beat")) as stack:
        inside.join(stack)
        workspace = _guests(stack, asked.guests, asked.write)
        cookie = {
            "name": inside.session_cookie(),
            "value": inside.sign_in_somebody(workspace),
            "url": stack.url,
        }
        with sync_playwright() as playwright:
            path = os.environ.get("LOCKBOARD_CHROMIUM", "/usr/bin/chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            context = browser.new_context(base_url=stack.url)
            context.add_cookies([cookie])  # type: ignore[list-item]
            desk = _Desk(stack, context.new_page(), asked.write)
            added = desk.run(asked.guests)
            browser.close()
    keys = desk.keys / asked.guests
    print(f"{asked.guests} guests, an encoder that writes for {asked.write:g} s")
    print(f"keys per card {keys:.2f}, the first guest's choice included (goal: {GOAL_KEYS})")
    _tell("from the key to the encoder", [before for before, _after in added])
    _tell("from the written card to the tick", [after for _before, after in added])
    _tell(f"added by us (goal: p95 ≤ {GOAL_SECONDS:g} s)", [sum(each) for each in added])


def _tell(what: str, seconds: list[float]) -> None:
    p50, p95 = (inside.percentile(seconds, percent) * 1000 for percent in (50, 95))
    print(f"{what:38} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms")


def _guests(stack: Stack, count: int, write_seconds: float) -> Any:
    """Make guests who arrive now, and a card for each. Return their workspace."""
    cards: Any = import_module("tests.processes.cards")
    models: Any = import_module("access.models")
    stack.sandbox.ask("POST", "/settings", {"preset": "instant"})
    system = cards.connect()
    encoder = {"write_seconds": write_seconds}
    stack.sandbox.ask("POST", f"/encoders/{ENCODER}", encoder)
    for n in range(count):
        cards.person(f"Guest {n:03}")
        stack.sandbox.ask("POST", "/cards", {"label": f"Card {n}"})
    models.AcsUser.objects.update(starts_at=timezone.now() - timedelta(minutes=1))
    return system.workspace


if __name__ == "__main__":
    main()
