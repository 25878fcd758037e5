"""The board in a real browser, with the doors of the sandbox behind it."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def tile(page: Page, name: str) -> Any:
    return page.locator("article.tile").filter(has=page.get_by_role("link", name=name, exact=True))


def openings(demo: Demo, after: int) -> list[dict[str, Any]]:
    return [e for e in demo.effects(after) if e["kind"] == "lock_opened" and e["cause"] == "remote"]


def wait_for_opening(demo: Demo, after: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 5
    while not openings(demo, after) and time.monotonic() < until:
        time.sleep(0.05)
    return openings(demo, after)


def unlock(place: Page | Locator, name: str) -> None:
    confirm = place.get_by_role("button", name=f"Confirm unlock {name}", exact=True)
    for _ in range(2):  # a browser that stalls for five seconds finds it disarmed
        place.get_by_role("button", name=f"Unlock {name}", exact=True).click()
        time.sleep(0.45)  # a second click within 400 ms is taken for a double click
        if confirm.is_visible():
            break
    confirm.click()


def test_two_clicks_open_a_door_once_and_two_browsers_watch_it_relock(
    browser: Browser, page: Page, demo: Demo
):
    sign_in(page)
    other = sign_in(new_context(browser, demo).new_page(), "frontdesk")
    before = demo.latest()

    unlock(page, "Room 101")

    expect(tile(page, "Room 101")).to_contain_text("Door released")
    expect(tile(other, "Room 101")).to_contain_text("Door released", timeout=1000)
    opened = wait_for_opening(demo, before)
    assert [(e["lock_name"], e["account"]) for e in opened] == [("Room 101", "harbour@example.com")]
    expect(tile(page, "Room 101")).to_contain_text("Locked", timeout=12_000)
    expect(tile(other, "Room 101")).to_contain_text("Locked", timeout=2000)
    page.goto("/log/")
    expect(page.get_by_text("Mia Manager unlocked Room 101")).to_be_visible()
    other.context.close()


def test_a_double_click_opens_nothing(page: Page, demo: Demo):
    sign_in(page)
    before = demo.latest()

    page.get_by_role("button", name="Unlock Room 102", exact=True).dblclick()

    expect(page.get_by_role("button", name="Confirm unlock Room 102", exact=True)).to_be_visible()
    page.wait_for_timeout(600)
    assert openings(demo, before) == []


def test_escape_and_waiting_disarm(page: Page, demo: Demo):
    sign_in(page)
    before = demo.latest()
    idle = page.get_by_role("button", name="Unlock Room 103", exact=True)
    armed = page.get_by_role("button", name="Confirm unlock Room 103", exact=True)

    idle.click()
    expect(armed).to_be_visible()
    page.keyboard.press("Escape")
    expect(idle).to_be_visible()
    idle.click()
    expect(armed).to_be_visible()
    expect(idle).to_be_visible(timeout=6000)

    assert openings(demo, before) == []


def test_a_door_is_opened_with_the_keyboard_alone(page: Page, demo: Demo):
    sign_in(page)
    before = demo.latest()

    page.keyboard.press("/")
    page.keyboard.type("Room 205")
    expect(page.locator("article.tile")).to_have_count(1)
    button = page.get_by_role("button", name="Unlock Room 205", exact=True)
    for _ in range(30):
        page.keyboard.press("Tab")
        if button.evaluate("el => el === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    page.keyboard.press("Enter")

    expect(tile(page, "Room 205")).to_contain_text("Door released")
    assert len(wait_for_opening(demo, before)) == 1


def test_an_auditor_sees_doors_and_no_buttons(page: Page):
    sign_in(page, "auditor")

    expect(page.locator("article.tile").first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^(Unlock|Lock) "))).to_have_count(0)


def test_a_lost_answer_is_told_as_not_confirmed_and_settled_by_the_feed(page: Page, demo: Demo):
    sign_in(page)
    before = demo.latest()
    demo.control("faults", match={"route": "locking"}, effect="drop_after", times=1)
    # The feed must not settle it before it was read.
    demo.control("settings", entry_lag_min_seconds=3, entry_lag_max_seconds=3)
    try:
        unlock(page, "Room 201")

        expect(tile(page, "Room 201")).to_contain_text("Sent, not confirmed")
        expect(tile(page, "Room 201")).to_contain_text("The door may have opened")
        assert len(wait_for_opening(demo, before)) == 1
        expect(tile(page, "Room 201")).not_to_contain_text("not confirmed", timeout=45_000)
        assert len(openings(demo, before)) == 1
    finally:
        demo.clear_faults()
        demo.control("settings", entry_lag_min_seconds=0.3, entry_lag_max_seconds=1.5)


def test_a_refusal_says_that_the_door_did_not_open(page: Page, demo: Demo):
    sign_in(page)
    before = demo.latest()
    demo.control("faults", match={"route": "locking"}, effect="status", status=422, times=1)
    try:
        unlock(page, "Room 202")

        expect(tile(page, "Room 202")).to_contain_text("did not open")
        assert openings(demo, before) == []
    finally:
        demo.clear_faults()


def test_filters_live_in_the_address(page: Page):
    sign_in(page)

    page.get_by_role("link", name=re.compile("Offline")).first.click()

    expect(page).to_have_url(re.compile(r"show=offline"))
    expect(page.locator("article.tile")).to_have_count(1)
    page.reload()
    expect(page.locator("article.tile")).to_have_count(1)


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_is_wider_than_the_screen(browser: Browser, demo: Demo, width: int):
    context = new_context(browser, demo, viewport={"width": width, "height": 900})
    page = sign_in(context.new_page())

    for path in ("/", "/log/", "/accounts/"):
        page.goto(path)
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert (path, overflow) == (path, 0)
    context.close()
