"""The main job, as somebody who has never seen Lockboard does it."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.test_board import openings, tile, unlock, wait_for_opening

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def begin(page: Page) -> None:
    """From the accounts page to the choice of how to sign in at Salto."""
    page.goto("/accounts/")
    page.get_by_role("button", name="Connect an account").first.click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name=re.compile("^Salto KS")).click()


def sign_in_at_salto(page: Page, email: str) -> None:
    page.get_by_role("button", name="Sign in with Salto").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill("1234")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Allow").click()


def paste_legacy_credentials(page: Page) -> None:
    page.get_by_text("Back-end credentials instead").click()
    page.get_by_role("link", name=re.compile("Legacy")).click()
    page.get_by_label("Client id", exact=False).fill("legacy-multisite")
    page.get_by_label("Client secret", exact=True).fill("legacy-secret")
    page.get_by_role("button", name="Use these credentials").click()


def add(page: Page, site: str = "") -> None:
    """From the live checks, which run by themselves, to the doors that were found."""
    expect(page.get_by_role("heading", name="Live checks")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Choose sites")).to_be_visible()
    if site:
        page.get_by_role("checkbox", name=site).check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow and add").click()
    expect(page.get_by_role("link", name="Go to the board")).to_be_visible(timeout=20_000)


def finish(page: Page, site: str = "") -> None:
    add(page, site)
    page.get_by_role("link", name="Go to the board").click()


def test_a_newcomer_connects_mill_lane_and_opens_a_door(browser: Browser, page: Page, demo: Demo):
    sign_in(page)
    begin(page)
    sign_in_at_salto(page, "jane@example.com")
    finish(page)

    mill_lane = page.locator("section").filter(has=page.get_by_role("heading", name="Mill Lane"))
    expect(mill_lane.locator("article.tile")).to_have_count(8)
    other = sign_in(new_context(browser, demo).new_page(), "admin")
    before = demo.latest()
    unlock(page, "Front Door")

    expect(tile(page, "Front Door")).to_contain_text("Door released")
    expect(tile(other, "Front Door")).to_contain_text("Door released", timeout=1000)
    opened = wait_for_opening(demo, before)
    assert [(e["lock_name"], e["account"]) for e in opened] == [("Front Door", "jane@example.com")]
    for board in (page, other):
        expect(tile(board, "Front Door")).to_contain_text("Locked", timeout=12_000)
    assert len(openings(demo, before)) == 1
    page.goto("/log/")
    expect(page.get_by_text("Mia Manager unlocked Front Door")).to_be_visible()
    other.context.close()


def test_a_site_over_the_legacy_dialect(page: Page, demo: Demo):
    """Its credential sees Mill Lane too, which is operated through another login already."""
    sign_in(page, "admin")
    begin(page)
    paste_legacy_credentials(page)
    finish(page, "SIMULATED Station Road")
    before = demo.latest()

    name = "Back Door"
    station_road = page.get_by_role("region", name="Station Road")
    legacy = station_road.locator(
        "article.tile", has=page.get_by_role("link", name=name, exact=True)
    )
    legacy.get_by_role("button", name=f"Unlock {name}", exact=True).click()
    page.wait_for_timeout(450)
    legacy.get_by_role("button", name=f"Confirm unlock {name}", exact=True).click()

    expect(legacy).to_contain_text("Door released")
    opened = wait_for_opening(demo, before)
    assert [(e["lock_name"], e["account"]) for e in opened] == [(name, "legacy-multisite")]


def test_an_iq_that_demands_a_one_time_code(page: Page, demo: Demo):
    sign_in(page, "admin")
    begin(page)
    sign_in_at_salto(page, "otp@example.com")
    add(page)
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_label(re.compile("PIN"))).to_be_visible()
    pin = demo.get("outbox")[-1]["pin"]
    page.get_by_label(re.compile("PIN")).fill(pin)
    page.get_by_role("button", name="Activate", exact=True).click()
    expect(page.get_by_role("heading", name="Remote opening works on")).to_be_visible()
    page.goto("/")
    before = demo.latest()

    canal_house = page.get_by_role("region", name="Canal House")
    unlock(canal_house, "Flat 1")

    expect(canal_house.locator("article.tile", has_text="Flat 1")).to_contain_text("Door released")
    assert [e["account"] for e in wait_for_opening(demo, before)] == ["otp@example.com"]
