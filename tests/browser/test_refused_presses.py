"""What a press says when the server does not take it: nothing was sent, and why."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.test_board import openings, tile, unlock

pytestmark = [pytest.mark.browser, pytest.mark.processes]

ROOM = "Room 301"


def answer_unlock(page: Page, status: int) -> None:
    """Stand in for a server that refuses: presses never reach the real one."""

    def answer(route: Route) -> None:
        route.fulfill(status=status, content_type="text/html", body="<h1>No</h1>")

    page.route(re.compile(r"/doors/[^/]+/unlock/"), answer)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "You may no longer open this door"), (404, "This door is no longer on the board")],
)
def test_a_door_that_is_gone_or_forbidden_says_so_where_the_button_is(
    page: Page, status: int, reason: str
):
    sign_in(page)
    answer_unlock(page, status)

    unlock(page, ROOM)

    expect(tile(page, ROOM)).to_contain_text(f"Nothing was sent. {reason}.")
    button = page.get_by_role("button", name=f"Unlock {ROOM}", exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(re.compile(reason))


def test_a_press_after_signing_out_elsewhere_opens_nothing_and_leads_to_the_sign_in(
    page: Page, demo: Demo
):
    sign_in(page)
    page.goto("/?layout=list")
    before = demo.latest()
    token = page.locator('meta[name="csrf-token"]').get_attribute("content") or ""
    page.get_by_role("button", name=f"Unlock {ROOM}", exact=True).click()
    time.sleep(0.45)  # a second click within 400 ms is taken for a double click
    # Between the clicks: the stream looks at sessions now and then, and takes the buttons away.
    page.context.request.post(
        "/user/logout/", headers={"Referer": demo.url}, form={"csrfmiddlewaretoken": token}
    )

    page.get_by_role("button", name=f"Confirm unlock {ROOM}", exact=True).click()

    expect(tile(page, ROOM)).to_contain_text("Nothing was sent. You are signed out.")
    assert openings(demo, before) == []
    tile(page, ROOM).get_by_role("link", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/user/login/\?next=%2F%3Flayout%3Dlist$"))


def test_a_page_from_before_another_sign_in_asks_to_be_loaded_again(page: Page, demo: Demo):
    sign_in(page)
    before = demo.latest()
    name = next(c["name"] for c in page.context.cookies() if c["name"].startswith("csrf"))
    page.context.add_cookies([{"name": name, "value": "x" * 32, "url": demo.url}])

    unlock(page, ROOM)

    expect(tile(page, ROOM)).to_contain_text("Nothing was sent. This page is too old.")
    assert openings(demo, before) == []
    tile(page, ROOM).get_by_role("link", name="Load it again").click()
    expect(tile(page, ROOM)).not_to_contain_text("Nothing was sent")


def test_who_wants_a_dialog_is_asked_in_one_that_waits(browser: Browser, demo: Demo):
    page = sign_in(new_context(browser, demo).new_page(), "frontdesk")
    page.goto("/you/")
    choice = page.get_by_label(re.compile("Ask me in a dialog"))
    choice.check()
    page.get_by_role("button", name="Save").click()
    before = demo.latest()
    page.goto("/")

    page.get_by_role("button", name=f"Unlock {ROOM}", exact=True).click()
    page.wait_for_timeout(5500)  # longer than a button waits
    expect(page.get_by_role("dialog")).to_contain_text(f"Unlock {ROOM}?")
    page.keyboard.press("Enter")

    expect(tile(page, ROOM)).to_contain_text("Door released")
    assert len(openings(demo, before)) == 1
    page.goto("/you/")
    choice.uncheck()
    page.get_by_role("button", name="Save").click()
    page.context.close()
