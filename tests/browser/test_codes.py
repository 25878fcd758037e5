"""Access codes as the front desk makes them: by keyboard, live, and true to the keypad."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.test_accessibility import both_themes, still

pytestmark = [pytest.mark.browser, pytest.mark.processes]

#: Generous, for a busy machine. The page usually follows within a second.
SOON = 30_000


def state(page: Page) -> Any:
    return page.locator(".code-head [data-state]")


def make(page: Page, door: str, name: str) -> None:
    """From the door to the code, with the keyboard alone."""
    page.goto("/")
    page.get_by_role("link", name=door, exact=True).first.press("Enter")
    page.locator("#new-code").press("Enter")
    page.wait_for_url(re.compile("/codes/new/"))  # loaded, its scripts too
    page.get_by_label("Name").focus()
    page.keyboard.type(name)
    page.get_by_role("button", name="Tonight").press("Enter")
    expect(page.get_by_label("Until", exact=True)).not_to_have_value("")
    starts = page.get_by_label("From", exact=True)
    day = starts.input_value()[:8]
    starts.fill(f"{day}01T00:00")  # it has begun, whatever time it is
    page.get_by_role("button", name="Make the code").press("Enter")
    page.wait_for_url(re.compile(r"/codes/[0-9a-f-]{36}/"))


def type_at_keypad(demo: Demo, digits: str, door: str) -> dict[str, Any]:
    lock = next(each for each in demo.get("locks") if each["name"] == door)
    answer: dict[str, Any] = demo.control("keypad", lock_id=lock["id"], code=f"{digits}#")
    return answer


def test_a_code_made_by_keyboard_opens_its_door_until_it_is_revoked(
    browser: Browser, demo: Demo
) -> None:
    context = new_context(browser, demo, viewport={"width": 390, "height": 800})
    page = context.new_page()
    sign_in(page, "frontdesk")
    make(page, "Room 203", "Jane Guest")

    expect(state(page)).to_contain_text("Accepted by Salto", timeout=SOON)
    page.get_by_role("button", name="Reveal").press("Enter")
    shown = page.locator("[data-digits-shown]")
    expect(shown).to_have_text(re.compile(r"^\d{6}$"))
    digits = shown.inner_text()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")

    assert type_at_keypad(demo, digits, "Room 203")["opened"]

    page.get_by_role("link", name="Revoke…").press("Enter")
    expect(page.get_by_text("“Jane Guest” stops opening Room 203.")).to_be_visible()
    page.get_by_role("button", name="Revoke").press("Enter")
    expect(state(page)).to_contain_text(re.compile("Removing|Removed"), timeout=SOON)
    for _ in range(60):
        said = state(page).inner_text()
        opened = type_at_keypad(demo, digits, "Room 203")["opened"]
        assert not (opened and "Removed" in said)  # never claimed before it is so
        if not opened:
            break
        page.wait_for_timeout(500)
    assert not opened
    context.close()


def test_axe_finds_no_violation_on_the_pages_of_codes(browser: Browser, demo: Demo) -> None:
    page = still(browser, demo)
    sign_in(page, "frontdesk")
    make(page, "Room 205", "Axe")
    code, found = page.url, {}

    for path in (code, f"{code}edit/", f"{code}revoke/", "/codes/", "/codes/new/", "/codes/?q=zz"):
        page.goto(path)
        found[path] = both_themes(page)
    page.goto("/codes/new/")
    page.get_by_role("button", name="Make the code").click()
    found["with errors"] = both_themes(page)

    assert {path: rows for path, rows in found.items() if rows} == {}
    page.context.close()


def test_digits_go_from_the_page_by_themselves(page: Page) -> None:
    page.clock.install()
    sign_in(page, "frontdesk")
    make(page, "Room 201", "Twenty Seconds")
    expect(page.get_by_role("button", name="Reveal")).to_be_visible(timeout=SOON)

    page.get_by_role("button", name="Reveal").click()
    shown = page.locator("[data-digits-shown]")
    expect(shown).to_have_text(re.compile(r"^\d{6}$"))
    page.clock.run_for(21_000)

    expect(shown).to_have_count(0)
    expect(page.locator("[data-digits-place]")).to_contain_text("Hidden")


def test_news_does_not_take_the_place_of_digits_on_their_way(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    sign_in(page, "frontdesk")
    make(page, "Room 201", "Overtaken")
    page.route("**/reveal/", hold)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("form[data-digits] [aria-busy=true]")).to_be_visible()

    with page.expect_response(lambda answer: answer.url == page.url):
        page.evaluate("() => window.htmx.trigger('[data-live]', 'news')")
    held.pop().continue_()

    expect(page.locator("[data-digits-shown]")).to_have_text(re.compile(r"^\d{6}$"))


def test_what_the_locks_take_is_said_as_doors_are_chosen(page: Page) -> None:
    sign_in(page, "manager")
    page.goto("/codes/new/")
    expect(page.get_by_text("Choose doors to see what their locks take.")).to_be_visible()

    page.get_by_label(re.compile("^Room 203")).check()

    expect(page.get_by_text("6 digits, made by Salto: you cannot choose.")).to_be_visible()
    expect(page.get_by_text("Times in Europe/Amsterdam")).to_be_visible()
    page.get_by_label("Ongoing, until somebody revokes it").check()
    expect(page.get_by_label("From", exact=True)).to_be_hidden()


def test_the_chosen_state_is_in_sight_on_a_phone(browser: Browser, demo: Demo) -> None:
    context = new_context(browser, demo, viewport={"width": 390, "height": 800})
    page = context.new_page()
    sign_in(page, "frontdesk")

    for chosen in ("unmanaged", "ended"):
        page.goto(f"/codes/?state={chosen}")
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        expect(page.locator(".pill[aria-current]")).to_be_in_viewport(ratio=1)
    context.close()


def press_tab_to(page: Page, query: str) -> None:
    """Go on with Tab until that has the focus. Fails where the keyboard never gets there."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("query => document.activeElement.matches(query)", query):
            return
    raise AssertionError(f"Tab never reaches {query}")


def test_a_code_is_made_without_a_mouse_its_door_included(page: Page) -> None:
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    sign_in(page, "frontdesk")
    page.goto("/codes/new/")

    press_tab_to(page, "[data-door-search]")
    page.keyboard.type("room 2")
    for _ in range(3):  # quickly, one after the other: the last counts
        press_tab_to(page, "input[name=doors]")
        page.keyboard.press("Space")
    chosen = page.locator("input[name=doors]:checked")
    expect(chosen).to_have_count(3)
    for _ in range(2):
        page.keyboard.press("Space")
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(chosen).to_have_count(0)
    page.keyboard.press("Space")
    door = page.locator(".code-door:has(:checked) bdi").first.inner_text()
    expect(page.locator("#doors-chosen")).to_have_text(door)
    press_tab_to(page, "#id_name")
    page.keyboard.type("No Mouse")
    press_tab_to(page, "#id_kind_0")
    page.keyboard.press("ArrowDown")
    press_tab_to(page, "form.code-form button[type=submit]")
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(r"/codes/[0-9a-f-]{36}/"))
    expect(page.locator(".facts dd").first).to_contain_text(door)
    assert wrong == []


def test_the_link_of_an_error_leads_to_the_doors(page: Page) -> None:
    sign_in(page, "frontdesk")
    page.goto("/codes/new/")

    page.get_by_role("button", name="Make the code").press("Enter")
    page.locator(".error-summary a[href='#id_doors']").press("Enter")

    expect(page.locator("#id_doors")).to_be_focused()
