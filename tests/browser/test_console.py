"""No page has the browser complain: no error in its console, nothing that the policy forbids."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.xdist_group("demo")]

PAGES = ["/", "/codes/", "/codes/new/", "/access/", "/cards/", "/log/", "/accounts/", "/people/"]
#: On which of them a link leads to one thing of its kind, and how its address begins.
ONE_OF = {"/": "/doors/", "/access/": "/access/0", "/accounts/": "/accounts/0"}
#: Chromium says what a policy forbids in the console; told as an event it also says where.
REPORT = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`${event.violatedDirective} at ${event.sourceFile}:${event.lineNumber}`))"""


@pytest.fixture
def said(browser: Browser, demo: Demo):
    """A page of the admin's, and what its console was told."""
    context = new_context(browser, demo)
    context.add_init_script(REPORT)
    page, told = context.new_page(), []
    page.on(
        "console",
        lambda line: (
            told.append((page.url, line.text)) if line.type in {"error", "warning"} else None
        ),
    )
    page.on("pageerror", lambda error: told.append((page.url, str(error))))
    sign_in(page, "admin")
    yield page, told
    context.close()


def test_no_page_writes_an_error_into_the_console(said: tuple[Page, list[tuple[str, str]]]):
    page, told = said
    found = []
    for path in PAGES:
        page.goto(path)
        if path in ONE_OF:
            link = page.locator(f'main a[href^="{ONE_OF[path]}"]').first
            found.append(link.get_attribute("href"))
    system = found[1]
    for address in [*found, f"{system}groups/", f"{system}entrances/", f"{system}new/", "/you/"]:
        page.goto(address)

    assert told == []


def test_what_scripts_do_to_a_page_is_allowed(said: tuple[Page, list[tuple[str, str]]], demo: Demo):
    page, told = said
    page.goto("/")
    page.get_by_role("button", name="Unlock").first.click()  # armed: a bar runs out
    page.keyboard.press("Escape")
    page.locator("summary").first.click()
    page.goto("/cards/?new")
    page.get_by_label("Front desk 1").check()
    page.get_by_role("button", name="Read a card").click()
    expect(page.locator("#desk[data-stage=place]")).to_be_visible(timeout=20_000)
    demo.control("cards", label="Of the console")
    demo.control("cards/Of the console/place", encoder_id="Front desk 1")
    expect(page.get_by_role("heading", name="This card is blank")).to_be_visible(timeout=20_000)
    demo.control("cards/Of the console/take")

    assert told == []
