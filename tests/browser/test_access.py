"""Cardholders of the sandbox's Salto Space, by hand in the pages: they follow by themselves."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.test_accessibility import both_themes, still

pytestmark = [pytest.mark.browser, pytest.mark.processes]

SYSTEM = "SIMULATED Harbour Annex"
#: Seconds until a system that was just connected is read, on a busy machine.
_PATIENCE_MS = 60_000
SETTLED = re.compile(r"Active|Ready for a card")


def open_system(page: Page, name: str = "manager") -> str:
    """Sign in and go to the system. Returns its address."""
    sign_in(page, name)
    page.goto("/access/")
    link = page.get_by_role("link", name=SYSTEM)
    expect(link).to_be_visible(timeout=_PATIENCE_MS)
    link.click()
    expect(page.get_by_role("heading", name=SYSTEM)).to_be_visible()
    return page.url


def add(page: Page, system: str, name: str) -> None:
    page.goto(f"{system}new/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add the cardholder").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_somebody_is_added_changed_suspended_and_deleted_and_the_page_follows(page: Page):
    system = open_system(page)
    page.goto(f"{system}groups/")  # are read one after another
    rows = page.locator(".code-row", has_text="Housekeeping")
    expect(rows).to_contain_text(re.compile(r"\b[1-9]\d* entrance"), timeout=_PATIENCE_MS)
    page.goto(system)

    page.get_by_role("link", name="New cardholder").click()
    page.get_by_label("Name", exact=True).fill("Joan Doe")
    page.get_by_role("checkbox", name=re.compile("Housekeeping")).check()
    expect(page.locator("#opens")).to_contain_text(re.compile(r"This opens these \d+ doors"))
    page.get_by_role("button", name="Add the cardholder").click()

    state = page.locator("[data-state]")
    expect(state).to_have_text(SETTLED, timeout=_PATIENCE_MS)
    page.get_by_role("link", name="Change").click()
    page.get_by_role("checkbox", name=re.compile("Everybody")).check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#groups-title + ul")).to_contain_text("Everybody")
    expect(page.get_by_role("heading", name="Under way")).to_be_hidden(timeout=_PATIENCE_MS)
    page.get_by_role("link", name="Suspend…").click()
    page.get_by_role("button", name="Suspend").click()
    expect(state).to_have_text("Suspended", timeout=_PATIENCE_MS)
    page.get_by_role("link", name="Delete…").click()
    expect(page.get_by_text("stay in this list until they were seen gone")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(state).to_have_text("Gone", timeout=_PATIENCE_MS)
    page.goto(system)
    expect(page.get_by_role("link", name="Joan Doe")).to_have_count(0)


def test_a_list_under_the_pointer_does_not_move_and_typed_words_stay(
    browser: Browser, demo: Demo, page: Page
):
    other = new_context(browser, demo).new_page()
    system = open_system(page)
    open_system(other, "admin")
    page.get_by_role("searchbox").press_sequentially("nobody has this name")
    expect(page.get_by_text("Nobody fits")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    expect(page).to_have_url(re.compile(r"\?q=$"))  # what was asked for last is there
    expect(page.locator(".person-row").first).to_be_visible()
    page.locator(".person-row").first.hover()

    add(other, system, "AAA First")

    held = page.get_by_role("button", name="The list changed – show it")
    expect(held).to_be_visible(timeout=_PATIENCE_MS)
    expect(page.get_by_role("link", name="AAA First")).to_have_count(0)
    page.get_by_role("searchbox").press_sequentially("AAA")
    expect(page.get_by_role("link", name="AAA First")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("AAA")
    other.context.close()


def test_the_form_needs_no_mouse(page: Page):
    system = open_system(page)
    page.goto(f"{system}new/")

    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("Keyboard Only")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # for a time
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # tonight
    expect(page.locator("#id_starts")).not_to_have_value("")
    page.get_by_label("Name", exact=True).press("Enter")

    expect(page.get_by_role("heading", name="Keyboard Only")).to_be_visible()
    expect(page.get_by_text(re.compile("Times in "))).to_be_visible()


def test_axe_finds_no_violation_on_any_page_of_a_system(browser: Browser, demo: Demo):
    page = still(browser, demo)
    system = open_system(page)
    found = {"people": both_themes(page)}

    for part in ("groups", "entrances", "credentials", "encoders", "settings", "new"):
        page.goto(f"{system}{part}/")
        found[part] = both_themes(page)
        if part in ("groups", "entrances"):
            page.goto(page.locator(".code-who a").first.get_attribute("href") or "")
            found[f"one of {part}"] = both_themes(page)
    add(page, system, "Axe Only")
    found["person"] = both_themes(page)
    person = page.url
    for act in ("edit", "suspend", "delete"):
        page.goto(f"{person}{act}/")
        found[act] = both_themes(page)

    assert {part: rows for part, rows in found.items() if rows} == {}
    page.context.close()


def test_doors_are_ticked_and_said_to_be_wired_all_at_once(page: Page):
    system = open_system(page)
    page.goto(f"{system}entrances/")
    first, second = (page.locator("[name=doors]").nth(number) for number in range(2))

    first.focus()
    page.keyboard.press("Space")
    all_of_them = page.get_by_role("checkbox", name="All on this page")
    expect(all_of_them).to_have_js_property("indeterminate", True)  # noqa: FBT003  of playwright
    second.check()
    page.get_by_role("button", name="are wired").click()

    expect(page.get_by_text("Saved for 2 doors.")).to_be_visible()
    expect(page.locator(".code-row .chip", has_text=re.compile("^Wired$"))).to_have_count(2)
    all_of_them.check()
    expect(page.locator("[name=doors]:not(:checked)")).to_have_count(0)
    page.get_by_role("button", name="are not known").click()
    expect(page.get_by_text("Saved for 2 doors.")).to_be_visible()


def test_a_page_about_what_is_gone_says_so_and_asks_no_more(page: Page):
    open_system(page)
    page.route(f"{page.url}?*", lambda route: route.fulfill(status=404, body=""))

    # Unless news came by themselves meanwhile.
    page.evaluate("document.querySelectorAll('[data-live]').forEach(e => htmx.trigger(e, 'news'))")

    expect(page.locator("#access-live > .notice").first).to_have_text(
        "This is no longer here. What you see is how it was."
    )
    expect(page.locator("[data-live]")).to_have_count(0)
