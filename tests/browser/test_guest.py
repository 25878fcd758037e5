"""A guest's page in a real browser: a mail scanner opens nothing, a person does."""

import re
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Error, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.staying import attempts, stay
from tests.browser.test_accessibility import both_themes, still

pytestmark = [pytest.mark.browser, pytest.mark.processes]

DOOR, OTHER = "Room 201", "Room 202"
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 800},
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "locale": "en-GB",
}


def openings(demo: Demo, after: int) -> list[dict[str, Any]]:
    return [e for e in demo.effects(after) if e["kind"] == "lock_opened" and e["cause"] == "remote"]


def come(browser: Browser, demo: Demo, path: str, **options: Any) -> Page:
    page = new_context(browser, demo, **PHONE | options).new_page()
    page.goto(path)
    assert page.url == f"{demo.url}/k/"
    return page


def prove(page: Page, code: str) -> None:
    page.get_by_label("Link code").fill(code)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-unlock]")).to_have_attribute("data-ready", "")


def hold(page: Page, door: str, milliseconds: int | None = None) -> None:
    """Put a finger on a door's button; for so long, or until it is being sent."""
    button = page.locator(".guest-hold", has_text=door)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    if milliseconds is None:
        # Sent while the finger is down, as it is held long enough.
        expect(
            page.locator(".guest-door", has_text=door).locator("[data-outcome] p")
        ).to_be_visible()
    else:
        page.wait_for_timeout(milliseconds)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


# --- the mail scanner ---------------------------------------------------------------------


class Scanner:
    """What stands between a mail and its reader: follows, runs, submits and presses everything."""

    def __init__(self, page: Page, demo: Demo) -> None:
        self.page, self.demo = page, demo
        self.seen: set[str] = set()

    def scan(self, path: str, depth: int = 3) -> None:
        if path in self.seen or depth == 0:
            return
        self.seen.add(path)
        if not self._load(path):
            return
        links = self.page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
        self._press_everything(path)
        self._hold_everything(path)
        self._submit_everything(path)
        for link in links:
            if "language=" in link:
                self.page.request.get(link)
            elif link.startswith(f"{self.demo.url}/k/"):
                self.scan(link.removeprefix(self.demo.url), depth - 1)

    def _load(self, path: str) -> bool:
        """Go there; a press before may still be on its way. False: it is a download, no page."""
        for _ in range(3):
            try:
                self.page.goto(path)
            except Error:
                self.page.wait_for_timeout(300)
            else:
                return True
        return False

    def _press_everything(self, path: str) -> None:
        self._load(path)
        for number in range(self.page.locator("button").count()):
            button = self.page.locator("button").nth(number)
            if button.is_visible():
                button.dblclick(force=True)
            self.page.wait_for_load_state()
            self._load(path)
            if button.is_visible():
                button.press("Enter")
            self.page.wait_for_load_state()
            self._load(path)

    def _hold_everything(self, path: str) -> None:
        self._load(path)
        for number in range(self.page.locator("button, [role=button]").count()):
            box = self.page.locator("button, [role=button]").nth(number).bounding_box()
            if box:
                self.page.mouse.move(box["x"] + 5, box["y"] + 5)
                self.page.mouse.down()
                self.page.wait_for_timeout(1200)
                self.page.mouse.up()
            self._load(path)

    def _submit_everything(self, path: str) -> None:
        for typed in ("", "scan@example.org", "1"):
            self._load(path)
            for number in range(self.page.locator("form").count()):
                with self.page.expect_navigation():
                    self.page.evaluate(
                        """([number, typed]) => {
                      const form = document.forms[number];
                      for (const each of form.querySelectorAll("input:not([type=hidden])")) each.value = typed;
                      form.submit();
                    }""",
                        [number, typed],
                    )
                self._load(path)


def test_gst_01_a_mail_scanner_opens_no_door(browser: Browser, demo: Demo) -> None:
    made, before = stay(demo, doors=[DOOR, OTHER]), demo.latest()
    for method in ("HEAD", "GET", "OPTIONS", "POST"):
        requests.request(method, f"{demo.url}{made['path']}", timeout=10)
    page = new_context(browser, demo).new_page()

    Scanner(page, demo).scan(made["path"])
    page.goto(made["path"])
    key = page.locator("input[name=key]").first.get_attribute("value")
    for address in ("hold", "unlock"):  # and even by hand, with a form's own key
        answer = page.request.post(
            f"/k/{address}/", form={"key": key or "", "door": "", "nonce": ""}
        )
        assert answer.status == 403

    assert attempts(demo, **made) == []
    assert openings(demo, before) == []
    # The link still works for the person it was meant for.
    guest = come(browser, demo, made["path"])
    prove(guest, made["code"])
    page.context.close()
    guest.context.close()


# --- a person -----------------------------------------------------------------------------


def test_a_guest_with_a_phone_opens_their_door(browser: Browser, demo: Demo) -> None:
    made, before = stay(demo, doors=[DOOR]), demo.latest()
    page = come(browser, demo, made["path"])
    expect(page.locator(".guest-hold")).to_have_count(0)
    prove(page, made["code"])
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.wait_for_timeout(300)

    hold(page, DOOR, 200)
    expect(page.get_by_text("Hold the button for a whole second.")).to_be_visible()
    assert attempts(demo, **made) == []
    hold(page, DOOR)

    expect(page.get_by_text(re.compile("Door released"))).to_be_visible()
    assert attempts(demo, **made) == [["success", "Jane Doe"]]
    assert len(openings(demo, before)) == 1
    page.context.close()


def test_a_guest_without_a_pointer_presses_twice(browser: Browser, demo: Demo) -> None:
    made, before = stay(demo, doors=[OTHER]), demo.latest()
    page = come(browser, demo, made["path"], has_touch=False, is_mobile=False)
    prove(page, made["code"])
    button = page.locator(".guest-hold")

    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_contain_text("Press again to open")
    expect(button).to_have_attribute("data-armed", "")
    assert attempts(demo, **made) == []
    page.keyboard.press("Escape")
    expect(button).to_contain_text("Hold to open")
    page.keyboard.press("Space")
    expect(button).to_have_attribute("data-armed", "")
    page.keyboard.press("Space")

    expect(page.get_by_text(re.compile("Door released"))).to_be_visible()
    assert len(openings(demo, before)) == 1
    page.context.close()


def test_without_a_connection_there_is_the_way_and_no_code(browser: Browser, demo: Demo) -> None:
    made = stay(demo, doors=[DOOR], modes=["code", "cloud_key"], has_house=True)
    page = come(browser, demo, made["path"])
    expect(page.get_by_role("heading", name="Your code")).to_be_visible()
    for _ in range(100):
        if page.evaluate("async () => (await caches.match('/k/offline/'))?.status") == 200:
            break
        page.wait_for_timeout(200)

    page.context.set_offline(True)
    page.goto("/k/")

    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    expect(page.get_by_text("Quay 12, 1011 AB Amsterdam")).to_be_visible()
    for secret in ("714", "tall-ships-ahoy", DOOR):
        assert secret not in page.content()
    page.context.close()


def test_the_page_is_light_and_asks_nobody_else(browser: Browser, demo: Demo) -> None:
    made = stay(demo, doors=[DOOR], modes=["code", "cloud_key"], has_house=True)
    page = new_context(browser, demo, **PHONE, service_workers="block").new_page()
    loaded: dict[str, int] = {}

    def weigh(response: Any) -> None:
        if response.status == 200:
            loaded[response.url] = len(response.body())

    page.goto(made["path"])
    prove(page, made["code"])
    page.on("response", weigh)
    page.reload(wait_until="networkidle")

    assert sum(loaded.values()) <= 100_000, loaded
    assert {url for url in loaded if not url.startswith(demo.url)} == set()
    page.context.close()


def test_axe_finds_no_violation_on_any_page_of_a_guest(browser: Browser, demo: Demo) -> None:
    made = stay(demo, doors=[DOOR, OTHER], modes=["code", "card", "cloud_key"], has_house=True)
    soon = stay(demo, doors=[DOOR], modes=["code", "cloud_key"], starts_in_hours=50)
    page = come(browser, demo, made["path"])
    found = {"with a form": both_themes(page)}
    page.get_by_label("Link code").fill("12")
    page.get_by_role("button", name="Go on").click()
    found["with a mistake"] = both_themes(page)
    prove(page, made["code"])
    found["with buttons"] = both_themes(page)
    page.get_by_role("button", name="Show bigger").first.click()
    found["bigger"] = both_themes(page)
    for path in ("/k/help/", "/k/offline/", "/k/nowhere/"):
        page.goto(path)
        found[path] = both_themes(page)
    page.goto(soon["path"])
    found["before"] = both_themes(page)

    assert {part: rows for part, rows in found.items() if rows} == {}
    page.context.close()


def test_what_guests_are_told_is_written_and_looked_at(browser: Browser, demo: Demo) -> None:
    made = stay(demo, doors=[DOOR])
    page = still(browser, demo)
    sign_in(page, "manager")
    page.goto(f"/grants/guest-page/{made['property']}/")
    found = {"form": both_themes(page)}
    page.get_by_label("Address").fill("Quay 14")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("link", name="During the stay").click()

    expect(page.get_by_text("Quay 14")).to_be_visible()
    found["preview"] = both_themes(page)
    page.locator(".guest-hold").first.click()
    expect(page.locator("[data-outcome] p")).to_have_count(0)
    page.get_by_role("link", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert {part: rows for part, rows in found.items() if rows} == {}
    page.context.close()
