"""What a tile says of a press while it lasts, after it, and to whom."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.test_accessibility import both_themes, still
from tests.browser.test_board import tile, unlock

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(autouse=True)
def orderly(demo: Demo) -> Iterator[None]:
    """Leave the sandbox as it was, whatever a test asked of it."""
    yield
    demo.clear_faults()
    demo.control("settings", entry_lag_min_seconds=0.3, entry_lag_max_seconds=1.5)


def fault(demo: Demo, effect: str, **options: object) -> None:
    demo.control("faults", match={"route": "locking"}, effect=effect, times=1, **options)


def late_feed(demo: Demo, seconds: float) -> None:
    demo.control("settings", entry_lag_min_seconds=seconds, entry_lag_max_seconds=seconds)


def test_whoever_presses_reads_of_themselves_and_others_by_name(
    browser: Browser, page: Page, demo: Demo
):
    sign_in(page)
    other = sign_in(new_context(browser, demo).new_page(), "frontdesk")
    fault(demo, "slow", seconds=4)
    late_feed(demo, 20)

    unlock(page, "Room 303")

    expect(tile(page, "Room 303")).to_contain_text("You are unlocking this door")
    expect(tile(other, "Room 303")).to_contain_text("Mia Manager is unlocking this door")
    expect(tile(page, "Room 303")).to_contain_text(re.compile("Opened between .* locked again by"))
    other.context.close()


def test_what_was_not_confirmed_is_asked_for_again_and_then_says_when_it_opened(
    page: Page, demo: Demo
):
    sign_in(page)
    fault(demo, "drop_after")
    late_feed(demo, 6)
    unlock(page, "Room 304")
    place = tile(page, "Room 304")
    expect(place).to_contain_text("Sent, not confirmed")

    page.get_by_role("button", name="Check again: Room 304").click()

    expect(place).to_contain_text("We are asking the lock again.")
    expect(page.locator("#polite")).to_have_text(re.compile("We are asking the lock again"))
    expect(place).to_contain_text(
        re.compile(r"Confirmed: it opened \d\d:\d\d:\d\d"), timeout=45_000
    )
    expect(place).not_to_contain_text("We are asking the lock again.", timeout=12_000)
    expect(page.locator("#urgent")).to_be_empty(timeout=12_000)


def test_axe_finds_nothing_on_a_phone_where_presses_went_wrong(browser: Browser, demo: Demo):
    page = sign_in(still(browser, demo, viewport={"width": 390, "height": 844}))
    late_feed(demo, 60)
    unsure, refused = "Room 305", "Room 306"
    fault(demo, "drop_after")
    unlock(page, unsure)
    expect(tile(page, unsure)).to_contain_text("Sent, not confirmed")
    fault(demo, "status", status=422)
    unlock(page, refused)
    expect(tile(page, refused)).to_contain_text("did not open")

    found = {}
    for name in (unsure, refused):
        tile(page, name).scroll_into_view_if_needed()
        found[name] = both_themes(page)

    assert found == {unsure: [], refused: []}
    page.context.close()


def test_an_emptied_search_leaves_a_clean_address(page: Page):
    sign_in(page)
    box = page.get_by_role("searchbox")
    everything = page.locator("article.tile").count()
    box.fill("Room 1")
    expect(page).to_have_url(re.compile(r"/\?q=Room\+1$"))

    box.press("Escape")

    expect(page).to_have_url(re.compile(r"[^?]/$"))
    expect(page.locator("article.tile")).to_have_count(everything)


def test_a_button_that_was_armed_while_the_door_relocked_no_longer_says_again(
    page: Page, demo: Demo
):
    sign_in(page)
    unlock(page, "Room 303")
    place = tile(page, "Room 303")
    place.get_by_role("button", name="Unlock Room 303 again").wait_for()

    # Armed for 5 s at a time, so that the tile of the relocked door keeps the button as it is.
    while place.get_attribute("data-state") == "released":
        armed = place.get_by_role("button", name="Confirm unlock Room 303")
        if not armed.count():
            again = place.get_by_role("button", name="Unlock Room 303 again")
            if again.count():
                again.click()
        page.wait_for_timeout(200)
    page.keyboard.press("Escape")

    expect(place.get_by_role("button", name="Unlock Room 303", exact=True)).to_have_text("Unlock")
