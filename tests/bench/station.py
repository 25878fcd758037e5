"""Guests one after another at the station, by keyboard: keys per card, and the time we add.

    python -m tests.bench.station [--guests 50] [--write 1.0]

A real browser at real programs. A card is laid on as soon as the encoder waits for one and taken
off when the page says done; Enter is the only key. Ours is what is left of a card's time without
the hand, the encoder's writing, and the cloud's own time between taking an attempt and its
encoder waiting (as in tests.bench.cards): from the key until the cloud has the attempt, and from
the written card to the tick on the screen. The moments between are those our row keeps.
"""

import argparse
import os
import time
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """When things happened to one card, for who sits at the desk; on this machine's clock."""

    job: str
    pressed: float
    written: float
    shown: float


@dataclass(frozen=True, kw_only=True)
class _Made:
    """The same with the moments that its row kept."""

    seen: _Seen
    asked: float
    claimed: float
    taken: float
    stored: float

    @property
    def before(self) -> float:
        return self.taken - self.seen.pressed

    @property
    def after(self) -> float:
        return self.seen.shown - self.seen.written


class _Desk:
    def __init__(self, stack: Stack, page: Page, write_seconds: float) -> None:
        self.stack, self.page, self.write_seconds = stack, page, write_seconds
        self.keys = 0

    def run(self, guests: int) -> list[_Seen]:
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

    def card(self, n: int) -> _Seen:
        time.sleep(GUARD_SECONDS)
        job = self.page.locator("#desk").get_attribute("data-job")
        pressed = time.time()
        self.page.keyboard.press("Enter")
        self.keys += 1
        until(lambda: self.light() == "waiting", seconds=30, every=0.025)
        self.stack.sandbox.ask("POST", f"/cards/Card {n}/place", {"encoder_id": ENCODER})
        written = time.time() + self.write_seconds
        self.page.wait_for_function(
            """was => document.querySelector(`#desk[data-stage=done]:not([data-job="${was}"])`)""",
            arg=job or "",
            timeout=30_000,
        )
        shown = time.time()
        self.stack.sandbox.ask("POST", f"/cards/Card {n}/take", {})
        made = self.page.locator("#desk").get_attribute("data-job") or ""
        return _Seen(job=made, pressed=pressed, written=written, shown=shown)

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
            seen = desk.run(asked.guests)
            browser.close()
        made = [_with_row(each) for each in seen]
    keys = desk.keys / asked.guests
    print(f"{asked.guests} guests, an encoder that writes for {asked.write:g} s")
    print(f"keys per card {keys:.2f}, the first guest's choice included (goal: {GOAL_KEYS})")
    _tell("the key until it is asked for", [each.asked - each.seen.pressed for each in made])
    _tell("… until it may be sent", [each.claimed - each.asked for each in made])
    _tell("… until the cloud has it", [each.taken - each.claimed for each in made])
    _tell("written until we know", [each.stored - each.seen.written for each in made])
    _tell("… until the tick", [each.seen.shown - each.stored for each in made])
    _tell("before writing", [each.before for each in made])
    _tell("after writing", [each.after for each in made])
    added = [each.before + each.after for each in made]
    _tell(f"added by us (goal: p95 ≤ {GOAL_SECONDS:g} s)", added)


def _with_row(seen: _Seen) -> _Made:
    row: Any = import_module("access.models").EncodeJob.objects.get(pk=seen.job)
    return _Made(
        seen=seen,
        asked=row.created_at.timestamp(),
        claimed=row.requested_at.timestamp(),
        taken=row.waiting_since.timestamp(),
        stored=row.finished_at.timestamp(),
    )


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
