"""Onboarding by the keyboard alone: Tab, typing, Space and Enter, as somebody without a mouse."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.processes]

#: What has the focus: its role-like tag, and the name assistive technology would read.
FOCUSED = """() => {
  const el = document.activeElement;
  const label = el.labels && el.labels.length ? el.labels[0].innerText : "";
  return (el.getAttribute("aria-label") || label || el.innerText || el.value || "").trim();
}"""
MOST_TABS = 60


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on something called this, and is seen to be there."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if re.search(name, page.evaluate(FOCUSED)):
            assert page.evaluate("() => document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"no Tab leads to {name}")


def press(page: Page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def write(page: Page, name: str, text: str) -> None:
    tab_to(page, name)
    page.keyboard.type(text)


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=20_000)


def disconnect(page: Page, name: str) -> None:
    """Leave Mill Lane as the demo has it at first: other tests connect it as well."""
    page.goto("/accounts/")
    account = page.get_by_role("link", name=name, exact=True)
    if not account.count():
        return
    account.click()
    page.get_by_role("link", name="Disconnect").click()
    page.get_by_label(f"Type “{name}” to confirm").fill(name)
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text(f"{name} is disconnected")).to_be_visible()


def sign_in(page: Page) -> None:
    page.goto("/user/login/")
    write(page, "^E-mail", "manager@lockboard.test")
    write(page, "^Password", PASSWORD)
    page.keyboard.press("Enter")
    heading(page, "Doors")


def sign_in_at_salto(page: Page) -> None:
    press(page, "^Sign in with Salto$")
    page.wait_for_url("**/identity/**")
    write(page, "^E-mail", "jane@example.com")
    write(page, "^Password", "1234")
    page.keyboard.press("Enter")
    heading(page, "Allow access")
    press(page, "^Allow$")


def test_mill_lane_is_connected_without_a_mouse(page: Page) -> None:
    sign_in(page)
    disconnect(page, "Salto KS Mill Lane")
    page.goto("/")
    for name, leads_to in (
        ("^Accounts$", "Accounts"),
        ("^Connect an account", "Connect your locks"),
        ("^Continue$", "Select your brand"),
        ("^Salto KS", "Sign in at Salto"),
    ):
        press(page, name)
        heading(page, leads_to)
    sign_in_at_salto(page)
    heading(page, "Live checks")
    press(page, "^Continue$")
    heading(page, "Choose sites")
    tab_to(page, "SIMULATED Mill Lane")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="SIMULATED Mill Lane")).not_to_be_checked()
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="SIMULATED Mill Lane")).to_be_checked()
    press(page, "^Continue$")
    heading(page, "Add this")
    press(page, "^Allow and add$")
    heading(page, "Salto KS Mill Lane is connected")
    press(page, "^Go to the board$")

    mill_lane = page.get_by_role("region", name="Mill Lane")
    expect(mill_lane.locator("article.tile")).to_have_count(8)
    disconnect(page, "Salto KS Mill Lane")
