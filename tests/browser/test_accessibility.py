"""axe finds nothing on any page, light or dark."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.test_main_job import begin, sign_in_at_salto

pytestmark = [pytest.mark.browser, pytest.mark.processes]

SIGNED_OUT = ["/user/login/", "/user/password/reset/", "/nowhere/"]
SIGNED_IN = [
    "/",
    "/?layout=list",
    "/?q=nothing-like-this",
    "/log/",
    "/accounts/",
    "/accounts/connect/",  # a form's address, opened by hand
    "/access/",
    "/grants/",
    "/grants/?tab=ended",
    "/grants/calendar/",
    "/grants/arrivals/",
    "/people/",
    "/people/invite/",
    "/people/outbox/",
    "/you/",
    "/user/reauthenticate/",
]


def violations(page: Page, *, only: list[str] | None = None) -> list[str]:
    """Return what axe finds, by all its rules or only by some."""
    # Without this it also describes each node with which all is well: megabytes per page.
    options = {"resultTypes": ["violations"]} | ({"runOnly": only} if only else {})
    found = Axe().run(page, options=options).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found]


def still(browser: Browser, demo: Demo, **options: Any) -> Page:
    """Return a page on which a colour is there at once: without motion."""
    options = {"color_scheme": "light", "reduced_motion": "reduce"} | options
    return new_context(browser, demo, **options).new_page()


def both_themes(page: Page) -> list[str]:
    """Return what axe finds; in the dark only colours can be otherwise."""
    # A fragment that is swapped in half way confuses it.
    page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-settling')")
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {row}" for row in violations(page, only=["color-contrast"])]
    page.emulate_media(color_scheme="light")
    return found


def test_axe_finds_no_violation_on_any_page(browser: Browser, demo: Demo):
    page = still(browser, demo)
    found = {}

    for path in SIGNED_OUT:
        page.goto(path)
        found[path] = both_themes(page)
    sign_in(page, "admin")
    for path in SIGNED_IN:
        page.goto(path)
        found[path] = both_themes(page)
    page.goto("/")
    for kind in ("doors", "accounts"):
        page.goto("/" if kind == "doors" else "/accounts/")
        href = page.locator(f'a[href^="/{kind}/"]').filter(has_not_text="Accounts").first
        address = href.get_attribute("href") or "/"
        page.goto(address)
        found[re.sub(r"[0-9a-f-]{36}", "…", address)] = both_themes(page)
    page.goto(f"{address}sites/")
    found["more sites"] = both_themes(page)

    assert {path: rows for path, rows in found.items() if rows} == {}
    page.context.close()


def test_axe_finds_no_violation_on_the_way_through_onboarding(browser: Browser, demo: Demo):
    page = still(browser, demo)
    sign_in(page, "admin")
    begin(page)
    found = {"sign in": both_themes(page)}
    sign_in_at_salto(page, "fullseats@example.com")
    expect(page.get_by_role("heading", name="Live checks")).to_be_visible()
    for name in ("checks", "sites", "confirm"):
        found[name] = both_themes(page)
        if name != "confirm":
            page.get_by_role("button", name="Continue").click()
            page.wait_for_load_state()

    expect(page.get_by_role("heading", name="What is not in order")).to_be_visible()
    assert {step: rows for step, rows in found.items() if rows} == {}
    page.context.close()
