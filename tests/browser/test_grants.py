"""Guests by hand: how many keys and clicks the commonest jobs take, by the keyboard alone."""

import re
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, sign_in
from tests.browser.test_accessibility import both_themes, still
from tests.browser.test_codes import type_at_keypad

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.xdist_group("demo")]

SOON = 20_000
#: What the three jobs may take, beside the text of name and e-mail.
GOAL_NEW, GOAL_EXTEND, GOAL_REVOKE = 12, 3, 2


@dataclass
class Counted:
    """A keyboard that counts."""

    page: Page
    keys: int = 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.keys += 1

    def type(self, text: str) -> None:
        for letter in text:
            self.press(letter)

    def free(self, text: str) -> None:
        self.page.keyboard.type(text)


def tell(job: str, hands: Counted, goal: int) -> None:
    sys.stdout.write(f"\n{job}: {hands.keys} keys, 0 clicks (goal {goal})\n")


def focused(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.id || document.activeElement.textContent")
    return found.strip()


def new_guest(page: Page, name: str, room: str = "203") -> Counted:
    """Let somebody in for tonight, with a PIN, from the list of guests."""
    hands = Counted(page)
    page.goto("/grants/")
    hands.press("n")
    expect(page.locator("#id_full_name")).to_be_focused()
    hands.free(name)
    hands.press("Tab")
    hands.free(f"{name.split(maxsplit=1)[0].lower()}@example.com")
    while focused(page) != "id_doors":
        hands.press("Tab")
    hands.type(room)
    hands.press("Enter")
    expect(page.locator("[data-chip]")).to_have_count(1, timeout=SOON)
    hands.press("Enter")
    assert "Create and send" in focused(page)
    hands.press("Enter")
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    return hands


def test_a_new_guest_for_tonight_takes_few_keys(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")

    hands = new_guest(page, "Nora Quick")

    tell("new guest for tonight", hands, GOAL_NEW)
    assert hands.keys <= GOAL_NEW
    expect(page.get_by_text("Nora Quick can get in")).to_be_visible()


def test_one_more_night_takes_few_keys(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    key = page.locator("[name=key]").input_value()
    _fill(page, "Lena Longer")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    hands = Counted(page)

    page.goto("/grants/?q=lena")
    page.locator(f"#extend-{key}").focus()
    hands.press("e")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_focused()
    expect(page.locator("#grant-plan")).to_contain_text("Changes")
    hands.press("Enter")
    page.wait_for_url(lambda url: "/extend/" not in url, timeout=SOON)

    tell("extend by one night", hands, GOAL_EXTEND)
    assert hands.keys <= GOAL_EXTEND
    expect(page.get_by_text("Saved.")).to_be_visible()


def _fill(page: Page, name: str, room: str = "203") -> None:
    page.locator("#id_full_name").fill(name)
    page.locator("#id_doors").fill(room)
    page.locator("#id_doors").press("Enter")
    expect(page.locator("[data-chip]")).to_have_count(1, timeout=SOON)
    expect(page.locator("#grant-plan [name=outline]")).to_have_count(1, timeout=SOON)


def _two_doors(page: Page, name: str) -> str:
    """Let somebody in at two doors; return the digits they share."""
    page.goto("/grants/new/")
    _fill(page, name, "203")
    page.locator("#id_doors").fill("205")
    expect(page.locator("#places-found [role=option]").first).to_be_visible(timeout=SOON)
    page.locator("#id_doors").press("Enter")
    expect(page.locator("[data-chip]")).to_have_count(2, timeout=SOON)
    page.locator("#id_starts").fill(f"{page.locator('#id_starts').input_value()[:8]}01T00:00")
    expect(page.locator("#grant-plan")).to_contain_text("the same at 2 doors", timeout=SOON)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    expect(page.locator("#grant-live")).to_contain_text("Accepted by Salto", timeout=2 * SOON)
    page.get_by_role("button", name="Reveal").first.click()
    shown = page.locator("[data-digits-shown]").first
    expect(shown).to_have_text(re.compile(r"^\d{6}$"), timeout=SOON)
    return shown.inner_text()


def _opens(page: Page, demo: Demo, digits: str, wanted: list[str]) -> list[str]:
    """Return the doors that these digits open, once they are those; or after forty seconds."""
    doors, found = ("Room 201", "Room 203", "Room 205"), [""]
    for _ in range(80):  # a change takes its time to reach each lock
        found = [door for door in doors if type_at_keypad(demo, digits, door)["opened"]]
        if found == wanted:
            break
        page.wait_for_timeout(500)
    return found


def test_one_pin_opens_just_its_doors_until_it_is_revoked_by_two_keys(
    page: Page, demo: Demo
) -> None:
    sign_in(page, "manager")
    digits = _two_doors(page, "Paula Pin")
    both = ["Room 203", "Room 205"]
    assert _opens(page, demo, digits, both) == both

    hands = Counted(page)
    page.locator("body").click(position={"x": 2, "y": 2})
    hands.press("r")
    expect(page.locator("#confirm")).to_be_focused()
    hands.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    tell("revoke", hands, GOAL_REVOKE)
    assert hands.keys <= GOAL_REVOKE
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back. Nothing changed at any door.")).to_be_visible()
    assert _opens(page, demo, digits, both) == both

    page.locator("#revoke").click()
    page.locator("#confirm").click()
    assert _opens(page, demo, digits, []) == []


def test_axe_finds_nothing_on_the_pages_of_a_stay(browser: Browser, demo: Demo) -> None:
    page = still(browser, demo)
    found: dict[str, Any] = {}
    sign_in(page, "manager")
    page.goto("/grants/new/")
    key = page.locator("[name=key]").input_value()
    _fill(page, "Anna Axe")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    for path in ("", "revoke/", "why/"):
        page.goto(f"/grants/{key}/{path}")
        found[path] = both_themes(page)
    page.goto("/guests/?q=anna")
    found["people"] = both_themes(page)
    page.locator("[data-row] a").first.click()
    found["person"] = both_themes(page)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/grants/{key}/")
    found["on a phone"] = both_themes(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()

    assert {name: rows for name, rows in found.items() if rows} == {}


def test_the_plan_follows_what_is_filled_in_and_keeps_the_focus(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    plan = page.locator("#grant-plan")
    expect(plan).to_contain_text("Still needed: a name, a room or a door.")
    _fill(page, "Fay Focus")
    expect(plan).to_contain_text("1 door opens.")

    until = datetime.fromisoformat(page.locator("#id_ends").input_value())
    page.locator("#night-more").focus()
    page.keyboard.press("Enter")
    expect(plan).to_contain_text(f"{until + timedelta(days=1):%-d %b}", timeout=SOON)
    expect(page.locator("#night-more")).to_be_focused()

    page.locator("#id_email").fill("not an address")
    page.locator("#id_email").press("Tab")
    expect(page.locator("#id_email_problem")).to_have_text("e-mail address is not valid")
    expect(page.locator("#id_email")).to_have_attribute("aria-invalid", "true")
    page.locator("#id_email").fill("")
    page.locator("#id_email").press("Tab")
    expect(page.locator("#id_email_problem")).to_be_empty()


def test_a_press_waits_for_the_plan_and_stops_where_it_is_not_as_asked(
    page: Page, demo: Demo
) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    _fill(page, "Hal Held")
    until = datetime.fromisoformat(page.locator("#id_ends").input_value())
    page.locator("#id_digits").evaluate("each => { each.closest('details').open = true }")
    page.locator("#id_digits").fill("274983")  # Salto chooses

    page.get_by_role("button", name="Create", exact=True).click()

    expect(page.locator("#urgent")).to_contain_text("Not saved yet.", timeout=SOON)
    expect(page.get_by_text("Not saved yet: look at the plan, then press again.")).to_be_visible()
    expect(page.locator("#grant-plan")).to_contain_text("Salto chooses the PIN.")
    page.locator("#id_digits").fill("")
    page.locator("#id_ends").fill(f"{until + timedelta(days=2):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    expect(page.get_by_text("Hal Held can get in")).to_be_visible()


def test_a_move_asks_for_the_room_beside_its_field(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    key = page.locator("[name=key]").input_value()
    _fill(page, "Mo Mover")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    page.goto(f"/grants/{key}/move/")
    save = page.get_by_role("button", name="Save", exact=True)
    expect(page.locator("#id_doors")).to_be_focused()
    page.keyboard.press("Enter")
    expect(save).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#id_doors_problem")).to_have_text("choose the room they move to")
    page.locator("#id_doors").fill("205")
    expect(page.locator("#places-found [role=option]").first).to_be_visible(timeout=SOON)
    page.locator("#id_doors").press("Enter")
    expect(page.locator("#grant-plan [name=outline]")).to_have_count(1, timeout=SOON)
    expect(page.locator("#id_doors_problem")).to_be_empty()
    save.click()
    page.wait_for_url(lambda url: "/move/" not in url, timeout=SOON)
    expect(page.get_by_text("Saved.")).to_be_visible()


def test_a_refresh_keeps_what_was_typed_but_digits(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    _fill(page, "Rita Refresh")
    page.locator("#when-weekend").click()
    page.locator("#id_digits").evaluate("each => { each.closest('details').open = true }")
    page.locator("#id_digits").fill("274983")
    page.locator("#way-cloud_key").check()
    ends = page.locator("#id_ends").input_value()
    assert "274983" not in page.evaluate("JSON.stringify({...sessionStorage})")

    page.reload()

    notice = page.locator("[data-kept]")
    expect(notice).to_contain_text("Kept from before: what you had typed.")
    expect(notice).to_be_visible()
    expect(page.locator("#id_full_name")).to_have_value("Rita Refresh")
    expect(page.locator("#id_ends")).to_have_value(ends)
    expect(page.locator("#id_digits")).to_have_value("")
    expect(page.locator("#way-cloud_key")).to_be_checked()
    expect(page.locator("[data-chip]")).to_have_count(1)
    expect(page.locator("#grant-plan [name=outline]")).to_have_count(1, timeout=SOON)

    page.get_by_role("button", name="Start afresh").click()
    expect(page.locator("#id_full_name")).to_have_value("")
    expect(notice).to_be_hidden()
    _fill(page, "Rita Refresh")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    page.goto("/grants/new/")
    expect(page.locator("#id_full_name")).to_have_value("")
    expect(notice).to_be_hidden()


def test_somebody_else_at_the_same_desk_does_not_get_what_was_typed(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    page.locator("#id_full_name").fill("Sam Secret")
    page.context.clear_cookies()
    sign_in(page, "frontdesk")

    page.goto("/grants/new/")

    expect(page.locator("#id_full_name")).to_have_value("")
    assert "Sam Secret" not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_without_a_plan_a_press_goes_on_and_the_reason_is_shown(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    _fill(page, "Nell Noplan")
    sorry = {"status": 409, "content_type": "text/plain; charset=utf-8", "body": "Not now, sorry."}
    page.route("**/grants/plan/", lambda route: route.fulfill(**sorry))
    page.locator("#night-more").click()
    expect(page.locator(".grant-summary")).to_have_text("Not now, sorry.")
    page.locator("#night-more").click()
    page.get_by_role("button", name="Create", exact=True).click()

    page.wait_for_url(lambda url: "/grants/new/" in url, timeout=SOON)
    expect(page.get_by_text("Not saved yet. Look at this, then press again")).to_be_visible()


def test_ways_in_and_rooms_are_ordered_by_buttons(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    page.goto("/grants/new/")
    _fill(page, "Olga Order")
    later = page.get_by_role("button", name="Prefer less: PIN")
    later.click()
    expect(page.locator("[data-way]").first).to_have_attribute("data-way", "card")
    expect(later).to_be_focused()


def test_somebody_known_is_chosen_by_arrows(page: Page, demo: Demo) -> None:
    sign_in(page, "manager")
    new_guest(page, "Kay Known")
    page.goto("/grants/new/")
    page.keyboard.type("kay kn")
    expect(page.locator("#people-found [role=option]")).to_have_count(1, timeout=SOON)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.locator("[data-who-known]")).to_contain_text("Kay Known")
    expect(page.locator("#id_doors")).to_be_focused()
    expect(page.locator("#grant-plan")).to_contain_text("Still needed: a room or a door.")
    page.get_by_role("button", name="Somebody else").click()
    expect(page.locator("#id_full_name")).to_be_focused()


def test_axe_finds_nothing_in_the_form(browser: Browser, demo: Demo) -> None:
    page = still(browser, demo)
    found: dict[str, Any] = {}
    sign_in(page, "manager")
    page.goto("/grants/new/")
    found["empty"] = both_themes(page)
    page.locator("#id_doors").fill("o")
    expect(page.locator("#places-found [role=option]").first).to_be_visible(timeout=SOON)
    found["searching"] = both_themes(page)
    page.goto("/grants/new/")
    key = page.locator("[name=key]").input_value()
    _fill(page, "Axel Axe")
    found["filled"] = both_themes(page)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(lambda url: "/grants/new/" not in url, timeout=SOON)
    for name in ("change", "extend", "move"):
        page.goto(f"/grants/{key}/{name}/")
        found[name] = both_themes(page)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/grants/{key}/change/")
    found["change on a phone"] = both_themes(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()

    assert {name: rows for name, rows in found.items() if rows} == {}
