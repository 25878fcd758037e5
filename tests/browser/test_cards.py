"""The encoding station as a desk uses it: against the simulated Salto Space, by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.xdist_group("demo")]

#: Generous, for a busy machine. The page usually follows within a second.
SOON = 30_000
DESK = "Front desk 1"


class Station:
    """A page at the desk, and the hands in front of it."""

    def __init__(self, page: Page, demo: Demo) -> None:
        self.page, self.demo = page, demo

    # --- hands ---

    def place(self, card: str = "Blank 1", encoder: str = DESK) -> None:
        self.demo.control(f"cards/{card}/place", encoder_id=encoder)

    def take(self, card: str = "Blank 1") -> None:
        self.demo.control(f"cards/{card}/take")

    def opens(self, card: str, door: str) -> bool:
        answer = self.demo.control(f"cards/{card}/try", door_id=door)
        return bool(answer["opened"])

    def script(self, error: Any, **more: Any) -> None:
        self.demo.control("scripts", action_type="ENCODE_CREDENTIAL", error=error, times=1, **more)

    def clear_scripts(self) -> None:
        requests.delete(f"{self.demo.sandbox}/control/scripts", timeout=5)

    # --- the page ---

    @property
    def desk(self) -> Any:
        return self.page.locator("#desk")

    @property
    def headline(self) -> Any:
        return self.desk.locator(".desk-headline")

    @property
    def main(self) -> Any:
        return self.desk.locator(".is-main")

    def is_at(self, stage: str) -> None:
        expect(self.page.locator(f"#desk[data-stage={stage}]")).to_be_visible(timeout=SOON)

    def choose(self, name: str) -> None:
        """Find somebody by typing, and take the first who fits."""
        self.page.goto("/cards/?new")
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")
        expect(self.desk.get_by_role("heading", name=name)).to_be_visible(timeout=SOON)
        encoder = self.page.get_by_label(DESK)
        if not encoder.is_checked():
            encoder.check()

    def press(self, name: str) -> None:
        self.settle()
        self.desk.get_by_role("button", name=name).or_(
            self.desk.get_by_role("link", name=name)
        ).first.press("Enter")

    def settle(self) -> None:
        """Wait until Enter counts again: the end of a double press is not a decision."""
        self.page.wait_for_timeout(450)

    def enter(self) -> None:
        self.settle()
        self.page.keyboard.press("Enter")

    def make(self, name: str, card: str = "Blank 1", button: str = "Make a card") -> str:
        """Bring a card to its good end. Return its last four digits."""
        self.choose(name)
        self.press(button)
        return self.lay(card)

    def lay(self, card: str) -> str:
        self.is_at("place")
        self.place(card)
        self.is_at("done")
        self.take(card)
        return str(self.desk.locator(".desk-number .number").inner_text())


def new_person(page: Page, name: str, *groups: str) -> None:
    """Add somebody on the page of the system, as the manager does."""
    page.goto("/access/")
    page.get_by_role("link", name="SIMULATED Harbour Annex").first.click()
    page.get_by_role("link", name="New cardholder").click()
    page.get_by_label("Name", exact=True).fill(name)
    for group in groups:
        page.get_by_label(re.compile(f"^SIMULATED {group}$")).check()
    page.get_by_role("button", name=re.compile("^Add ")).click()
    page.wait_for_url(re.compile(r"/access/people/[0-9a-f-]{36}/$"))


@pytest.fixture(scope="module")
def station(browser: Browser, demo: Demo) -> Iterator[Station]:
    context = new_context(browser, demo, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in(page, "manager")
    page.goto("/access/")
    for _ in range(60):  # the first sync
        if page.get_by_role("link", name="SIMULATED Harbour Annex").count():
            break
        page.wait_for_timeout(500)
        page.goto("/access/")
    yield Station(page, demo)
    context.close()


@pytest.fixture(autouse=True)
def clean(station: Station) -> Iterator[None]:
    yield
    station.clear_scripts()
    for card in station.demo.get("cards"):
        if card["encoder_id"]:
            station.take(card["label"])


# --- making, updating, replacing ------------------------------------------------------


def test_a_first_card_opens_its_doors_and_no_other(station: Station) -> None:
    new_person(station.page, "Jane Doe", "Everybody", "Room 102")

    number = station.make("Jane Doe")

    assert re.fullmatch(r"….{4}", number)
    expect(station.headline).to_have_text("Done")
    cards = {each["label"]: each for each in station.demo.get("cards")}
    assert cards["Blank 1"]["serial"].endswith(number[1:])
    opened = {
        door["name"]
        for door in station.demo.get("doors")
        if door.get("is_updater") is not None and station.opens("Blank 1", door["id"])
    }
    assert opened == {"Main Entrance", "Lift", "Room 102"}


def test_an_update_brings_a_new_group_onto_the_same_card(station: Station) -> None:
    page = station.page
    station.choose("Jane Doe")
    new_person(page, "Groups Change", "Everybody")
    first = station.make("Groups Change", "Blank 2")
    page.goto("/access/")
    page.get_by_role("link", name="SIMULATED Harbour Annex").first.click()
    page.get_by_role("link", name="Groups Change").first.click()
    page.get_by_role("link", name=re.compile("^Change")).first.click()
    page.get_by_label("SIMULATED Spa guests").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/access/people/[0-9a-f-]{36}/$"))
    assert not station.opens("Blank 2", "Spa")
    for _ in range(60):  # Salto must know of the group before the card is written
        if not any("being" in t.lower() for t in page.locator(".pending").all_inner_texts()):
            break
        page.wait_for_timeout(500)

    second = station.make("Groups Change", "Blank 2", "Update the card")

    assert second == first
    assert station.opens("Blank 2", "Spa")


def test_a_replaced_card_opens_an_offline_door_until_the_list_comes_and_the_page_says_so(
    station: Station,
) -> None:
    new_person(station.page, "Lost Hers", "Everybody", "Staff")
    old = station.make("Lost Hers", "Blank 3")

    station.choose("Lost Hers")
    station.press("Replace")
    warning = station.desk.locator(".desk-warning")
    expect(warning).to_contain_text(f"The card {old} stops working")
    expect(warning).to_contain_text("until a list reaches them")
    expect(warning).to_contain_text("Office")
    expect(warning).to_contain_text("Kitchen")
    station.press("Replace the card")
    new = station.lay("Blank 4")

    assert new != old
    assert station.opens("Blank 3", "Office")  # as the page said
    assert station.opens("Blank 4", "Office")  # it carried the list there
    assert not station.opens("Blank 3", "Office")


# --- the failure table ----------------------------------------------------------------

READ, AGAIN = "Read the card", "Try again"
#: Row: headline, a part of its sentence, the button with the focus, what it leads to.
ROWS: dict[str, tuple[str, str, str, str]] = {
    "misplaced": ("The card was not lying right", "Centre one single card", AGAIN, "place"),
    "interrupted": ("Don’t hand this card out", "lifted too early", "Try again with", "place"),
    "bad_card": ("Take another card", "cannot be used here", "Try again with", "place"),
    "card_full": ("It does not fit on the card", "do not fit on this card", "Open ", "person"),
    "card_of_other": ("Take another card", "belongs to someone else", "Try again with", "place"),
    "staff_card": ("Take another card", "valid staff card", "Try again with", "place"),
    "has_key": ("There is a card already", "already has a card", "Update the card", "place"),
    "no_key_to_update": ("There is nothing to update", "Make a new card", "Make a new card", ""),
    "other_card": ("This is another card", "is on another card", "Try again with", "place"),
    "encoder_offline": ("The encoder does not answer", "power and network", "Use Back", "place"),
    "encoder_uninit": ("The encoder is not set up", "ProAccess Space", "Use Back", "place"),
    "encoder_busy": ("The encoder is busy", "Wait a few seconds", AGAIN, "wait"),
    "user_locked": ("Somebody else has", "edited in Salto right now", AGAIN, "wait"),
    "room_locked": ("Another station is", "making a card for this room", AGAIN, "wait"),
    "room_bad": ("Salto does not know the room", "Room unknown", "Open ", "person"),
    "rule": ("Salto refuses", "dates or access level", "Open ", "person"),
    "licence": ("Salto refuses", "licence does not cover", AGAIN, "place"),
    "pool_full": ("Salto has no keys left", "No more keys", AGAIN, "place"),
    "server_db": ("The Salto server is in trouble", "database problem", AGAIN, "place"),
    "cancelled": ("Cancelled", "Cancelled at the encoder", AGAIN, "place"),
    "protocol": ("Technical error", "Technical error, reference", AGAIN, "place"),
    "comms_timeout": ("Don’t hand this card out", "lost contact", READ, "read"),
    "bridge_down": ("Don’t hand this card out", "link to the Salto server", READ, "read"),
    "expired": ("Don’t hand this card out", "not finished in time", READ, "read"),
    "unknown_error": ("Don’t hand this card out", "It did not work", READ, "read"),
}


@pytest.fixture(scope="module")
def holder(station: Station) -> str:
    """Somebody whose card may be written again and again."""
    new_person(station.page, "Row Holder", "Everybody")
    station.make("Row Holder", "Blank 5")
    return "Row Holder"


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_failure_table_has_its_words_and_its_remedy(
    station: Station, holder: str, row: str
) -> None:
    headline, sentence, button, remedy = ROWS[row]
    station.script(row, phase="before")
    station.choose(holder)
    station.press("Update the card")
    expect(station.headline).to_contain_text(headline, timeout=SOON)

    expect(station.desk.locator(".desk-sentence")).to_contain_text(sentence)
    expect(station.main).to_have_count(1)
    expect(station.main).to_contain_text(button)
    expect(station.main).to_be_focused()
    if remedy == "wait":
        expect(station.main).to_have_attribute("aria-disabled", "true")
        expect(station.main).not_to_have_attribute("aria-disabled", "true", timeout=SOON)
    _remedy(station, remedy)


def _remedy(station: Station, remedy: str) -> None:
    if remedy == "person":
        expect(station.main).to_have_attribute("href", re.compile("/access/people/"))
        return
    if not remedy:
        return
    encoder = "Back office" if "Use Back" in station.main.inner_text() else DESK
    station.enter()
    station.is_at("place")
    station.place("Blank 5", encoder)
    if remedy == "read":  # what the card says settles the doubt
        station.is_at("read")
        expect(station.headline).to_contain_text("as it should be")
    else:
        station.is_at("done")


def test_nobody_lays_a_card_on_and_then_it_works(station: Station, holder: str) -> None:
    station.demo.control(f"encoders/{DESK}", wait_seconds=2)
    station.choose(holder)
    station.press("Update the card")

    expect(station.headline).to_have_text("No card was found", timeout=SOON)
    station.demo.control(f"encoders/{DESK}", wait_seconds=30)
    expect(station.main).to_be_focused()
    station.enter()
    station.lay("Blank 5")


def test_a_card_lifted_too_early_is_not_handed_out_and_the_same_card_is_good_again(
    station: Station, holder: str
) -> None:
    station.demo.control(f"encoders/{DESK}", write_seconds=4)
    station.choose(holder)
    station.press("Update the card")
    station.is_at("place")
    station.place("Blank 5")
    station.page.wait_for_timeout(1000)
    station.take("Blank 5")

    expect(station.headline).to_have_text("Don’t hand this card out", timeout=SOON)
    station.demo.control(f"encoders/{DESK}", write_seconds=1)
    station.press("Try again with the same card")
    station.lay("Blank 5")


def test_an_answer_lost_after_the_write_is_never_shown_as_issued_before_salto_says_so(
    station: Station,
) -> None:
    new_person(station.page, "Lost Answer", "Everybody")
    station.script("comms_timeout", phase="after", report_seconds=6)
    station.choose("Lost Answer")
    station.press("Make a card")
    station.is_at("place")
    station.place("Blank 6")

    station.is_at("unknown")
    expect(station.headline).to_have_text("Don’t hand this card out")
    assert Axe().run(station.page).response["violations"] == []
    assert not station.desk.get_by_text("Done", exact=True).count()
    station.is_at("done")  # the system says at last that it is issued
    expect(station.headline).to_have_text("Written after all")


# --- the desk -------------------------------------------------------------------------


def test_two_desks_on_one_encoder(station: Station, browser: Browser, holder: str) -> None:
    new_person(station.page, "Second Desk", "Everybody")
    context = new_context(browser, station.demo)
    other = Station(context.new_page(), station.demo)
    sign_in(other.page, "admin")
    station.choose(holder)
    station.press("Update the card")
    station.is_at("place")

    other.choose("Second Desk")
    expect(other.desk.locator(".encoder-note").first).to_contain_text("in use by Mia Manager")
    other.press("Make a card")

    expect(other.desk.locator("[data-problem]")).to_contain_text("in use by Mia Manager")
    other.page.get_by_label("Back office").check()
    other.press("Make a card")
    other.is_at("place")
    station.lay("Blank 5")
    other.place("Blank 2", "Back office")
    other.is_at("done")
    context.close()


def test_a_reload_and_a_second_tab_show_the_running_job(station: Station, holder: str) -> None:
    station.choose(holder)
    station.press("Update the card")
    station.is_at("place")
    station.page.goto("/cards/")
    station.is_at("place")
    tab = Station(station.page.context.new_page(), station.demo)
    tab.page.goto("/cards/")
    tab.is_at("place")

    station.place("Blank 5")

    station.is_at("done")
    tab.is_at("done")
    tab.page.close()


def test_without_the_connection_the_page_says_so_and_comes_back(
    station: Station, holder: str
) -> None:
    context = station.page.context
    station.choose(holder)
    station.press("Update the card")
    station.is_at("place")

    context.set_offline(True)
    notice = station.page.locator("[data-station-lost]")
    expect(notice).to_contain_text("the card may still be written", timeout=SOON)
    station.place("Blank 5")
    station.page.wait_for_timeout(2000)
    context.set_offline(False)

    station.is_at("done")
    expect(notice).to_be_hidden(timeout=SOON)


def test_esc_stops_watching_and_the_page_says_to_keep_cards_off(
    station: Station, holder: str
) -> None:
    station.demo.control(f"encoders/{DESK}", wait_seconds=6)
    station.choose(holder)
    station.press("Update the card")
    station.is_at("place")

    station.page.keyboard.press("Escape")

    expect(station.desk).to_contain_text(f"Keep cards off {DESK}", timeout=SOON)
    expect(station.page.locator("#desk[data-stage=failed]")).to_be_visible(timeout=SOON)
    station.demo.control(f"encoders/{DESK}", wait_seconds=30)


def test_a_row_of_people_takes_one_key_each(station: Station) -> None:
    names = [f"Row {letter}" for letter in "ABC"]
    for name in names:
        new_person(station.page, name, "Everybody")
    # The manager's arrivals: made through the form of several people, which the list posts.
    ids = []
    for name in names:
        station.choose(name)
        ids.append(station.desk.locator("input[name=user]").input_value())
    station.page.evaluate(
        """ids => {
          const form = document.createElement("form");
          form.method = "post";
          form.action = "/cards/batch/";
          const add = (name, value) => {
            const field = document.createElement("input");
            field.type = "hidden";
            field.name = name;
            field.value = value;
            form.append(field);
          };
          add("csrfmiddlewaretoken", document.querySelector('meta[name="csrf-token"]').content);
          for (const id of ids) add("people", id);
          document.body.append(form);
          form.submit();
        }""",
        ids,
    )
    expect(station.desk).to_contain_text("Card 1 of 3")
    for number, name in enumerate(names, 1):
        expect(station.main).to_be_focused(timeout=SOON)
        station.enter()
        station.is_at("place")
        expect(station.desk).to_contain_text(f"Card {number} of 3")
        expect(station.desk).to_contain_text(name)
        station.demo.control("cards", label=f"Row card {number}")
        station.lay(f"Row card {number}")
    expect(station.main).to_have_text("Finish")


def test_reading_says_whose_card_it_is_and_what_a_blank_is(station: Station, holder: str) -> None:
    for card, headline in (("Blank 5", "as it should be"), ("Foreign card", "Not one of ours")):
        station.page.goto("/cards/?new")
        station.page.get_by_label(DESK).check()
        station.press("Read a card")
        station.is_at("place")
        station.place(card)
        station.is_at("read")
        expect(station.headline).to_contain_text(headline)
        station.take(card)


def test_a_lost_card_names_the_offline_doors_before_it_is_cancelled(station: Station) -> None:
    page = station.page
    new_person(page, "Card Gone", "Staff")
    person = page.url
    station.demo.control("cards", label="Gone card")
    station.make("Card Gone", "Gone card")
    page.goto(person)

    page.get_by_role("link", name="Card lost…").first.click()
    expect(page.locator(".card").first).to_contain_text("Office")
    page.get_by_role("button", name="Cancel the lost card").click()

    expect(page.locator(".notices")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_at_any_stage(
    browser: Browser, demo: Demo, station: Station, holder: str, scheme: str
) -> None:
    context = new_context(browser, demo, color_scheme=scheme, storage_state=None)
    page = context.new_page()
    sign_in(page, "manager")
    desk = Station(page, demo)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        rows = Axe().run(page).response["violations"]
        found[name] = [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in rows]

    page.goto("/cards/?new")
    look("nobody")
    desk.choose(holder)
    look("person")
    desk.press("Replace")
    expect(desk.desk.locator(".desk-warning")).to_be_visible()
    look("replace")
    for error, stages in ((None, ("place", "done")), ("licence", ("failed",))):
        if error:
            desk.script(error, phase="before")
        desk.choose(holder)
        desk.press("Update the card")
        for stage in stages:
            desk.is_at(stage)
            look(stage)
            if stage == "place":
                desk.place("Blank 5")

    assert {name: rows for name, rows in found.items() if rows} == {}
    context.close()
