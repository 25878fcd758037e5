"""Reservations in a browser: by keyboard alone, and as axe sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, sign_in
from tests.browser.test_accessibility import both_themes, still

pytestmark = [pytest.mark.browser, pytest.mark.processes]

ROOM_205 = "/calendars/sim-room-205-4f1d2c.ics"
ROOM_201 = "/calendars/sim-room-201-8b7a90.ics"


def days(ahead: int) -> str:
    return (date.today() + timedelta(days=ahead)).isoformat()  # noqa: DTZ011  as the sandbox does


def go_to(page: Page, label: str) -> None:
    """Walk on by Tab until something of this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if (
            page.evaluate("() => document.activeElement.name || document.activeElement.innerText")
            == label
        ):
            return
    raise AssertionError(f"Tab does not lead to {label}")


def test_a_calendar_is_connected_and_its_guest_appears_by_keyboard_alone(page: Page, demo: Demo):
    token = ROOM_201.removeprefix("/calendars/").removesuffix(".ics")
    demo.control(
        f"calendars/{token}/bookings", guest="Zoë Quick", arrives_on=days(2), leaves_on=days(4)
    )
    sign_in(page)
    page.goto("/reservations/")
    go_to(page, "Connect a calendar")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Connect a calendar")).to_be_visible()

    go_to(page, "room")
    page.keyboard.type("Room 201")
    go_to(page, "address")
    page.keyboard.type(f"{demo.sandbox}{ROOM_201}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Would be created")).to_be_visible()
    go_to(page, "Connect this calendar")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Room 201")).to_be_visible()
    expect(page.get_by_text("Zoë Quick").first).to_be_visible(timeout=40_000)


@pytest.fixture
def looked(browser: Browser, demo: Demo) -> Iterator[tuple[Page, Callable[[str], None]]]:
    """A signed-in page, and what looks at it: by axe in both themes, and in three widths."""
    page = still(browser, demo)
    sign_in(page)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = both_themes(page)
        for width in (390, 820, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
                found[name].append(f"too wide at {width}")

    yield page, look
    page.context.close()
    assert {name: rows for name, rows in found.items() if rows} == {}


def test_axe_finds_nothing_at_a_calendar(looked):
    page, look = looked
    page.goto("/reservations/")
    look("list")
    page.get_by_role("link", name="Room 205").click()
    expect(page.get_by_text("Up to date").first).to_be_visible(timeout=40_000)
    look("calendar")
    address = page.url
    for name in ("edit", "remove"):
        page.goto(f"{address}{name}/")
        look(name)


def test_axe_finds_nothing_at_what_would_happen(looked, demo: Demo):
    page, look = looked
    page.goto("/reservations/new/")
    look("new")
    page.fill("input[name=address]", f"{demo.sandbox}{ROOM_205}")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("Please correct this")).to_be_visible()
    look("no room chosen")
    page.select_option("select[name=room]", label="Room 203")
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    look("what would happen")


def test_axe_finds_nothing_at_a_table(looked):
    page, look = looked
    page.goto("/reservations/import/")
    look("import")
    table = f"Name,Room,Arrival,Departure\nJane,Room 999,{days(1)},{days(2)}\n"
    page.set_input_files(
        "input[type=file]", [{"name": "t.csv", "mimeType": "text/csv", "buffer": table.encode()}]
    )
    page.get_by_role("button", name="Look at it").click()
    expect(page.get_by_text("1 line cannot be read")).to_be_visible()
    look("a bad table")
