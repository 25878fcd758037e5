"""The desk's day by the keyboard alone: somebody gets a card, is shut out, and loses it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, sign_in
from tests.browser.test_cards import SOON, new_person
from tests.browser.test_keyboard import FOCUSED, heading, press, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.xdist_group("demo")]

ENCODER = "Front desk 1"


def focused(page: Page) -> str:
    name: str = page.evaluate(FOCUSED)
    return name


def settle(page: Page) -> None:
    """Wait until Enter counts again: the end of a double press is not a decision."""
    page.wait_for_timeout(450)


def test_a_card_is_made_and_lost_without_a_mouse(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    new_person(page, "Kay Board", "Everybody")
    number = _make_card(page, demo)
    _find_by_card(page, number)
    _suspend_and_let_in(page)
    _lose_card(page)


def _make_card(page: Page, demo: Demo) -> str:
    """Return its last four digits."""
    page.goto("/cards/?new")
    page.keyboard.press("/")  # the focus is there already: no letter of the name
    page.keyboard.type("kay board")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Kay Board")).to_be_visible(timeout=SOON)
    for _ in range(5):  # a browser that has chosen no encoder yet
        if ENCODER not in focused(page):
            page.keyboard.press("ArrowDown")
    assert ENCODER in focused(page)
    tab_to(page, "^Make a card$")
    settle(page)
    page.keyboard.press("Enter")
    expect(page.locator("#desk[data-stage=place]")).to_be_visible(timeout=SOON)
    tab_to(page, "^Cancel$")
    demo.control("cards", label="Of Kay")
    demo.control("cards/Of Kay/place", encoder_id=ENCODER)
    expect(page.locator("#desk[data-stage=done]")).to_be_visible(timeout=SOON)
    demo.control("cards/Of Kay/take")
    assert page.evaluate("document.activeElement.closest('#desk') !== null")
    return page.locator(".desk-number .number").inner_text().strip("…")


def _find_by_card(page: Page, number: str) -> None:
    press(page, "^Access$")
    heading(page, "Access")
    press(page, "Harbour Annex")
    heading(page, "SIMULATED Harbour Annex")
    tab_to(page, "^Search people")
    page.keyboard.type(number)
    expect(page.locator(".person-row")).to_have_count(1, timeout=SOON)
    press(page, "^Kay Board$")
    heading(page, "Kay Board")


def _suspend_and_let_in(page: Page) -> None:
    state = page.locator("[data-state]")
    press(page, "^Suspend…$")
    heading(page, "Suspend Kay Board")
    press(page, "^Suspend")
    expect(state).to_have_text("Suspended", timeout=SOON)
    press(page, "^Let in again…$")
    heading(page, "Let Kay Board in again")
    press(page, "^Let ")
    expect(state).to_have_text("Active", timeout=SOON)


def _lose_card(page: Page) -> None:
    press(page, "^Card lost…$")
    heading(page, "Kay Board lost the card")
    press(page, "^Cancel the lost card$")
    expect(page.get_by_text("is being cancelled in")).to_be_visible(timeout=SOON)
    heading(page, "Kay Board")
    page.keyboard.press("Escape")
    expect(page.locator("#person-search")).to_be_focused()
