"""The encoding station as a desk uses it: against the simulated Salto Space, by keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Demo, new_context, sign_in
from tests.browser.test_accessibility import both_themes

pytestmark = [pytest.mark.browser, pytest.mark.processes]

#: Generous, for a busy machine. The page usually follows within a second.
SOON = 30_000
DESK, OTHER = "Front desk 1", "Back office"
HARBOUR, WEIR = "SIMULATED Harbour Annex", "SIMULATED Weir House"


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

    def new_card(self, label: str) -> str:
        self.demo.control("cards", label=label)
        return label

    def is_waiting(self, encoder: str = DESK) -> None:
        """Return once the encoder blinks; the page may know of it before."""
        self.light_is(encoder, "waiting")

    def light_is(self, encoder: str, state: str) -> None:
        until = time.monotonic() + 20
        while (now := self.light(encoder)) != state:
            assert time.monotonic() < until, f"{encoder} is {now}, not {state}"
            self.page.wait_for_timeout(20)

    def light(self, encoder: str) -> str:
        rows = self.demo.get("encoders")
        return next(str(row["state"]) for row in rows if row["name"] == encoder)

    def written(self, card: str, *, after: int) -> int:
        pk = next(each["id"] for each in self.demo.get("cards") if each["label"] == card)
        effects = [e for e in self.demo.effects(after) if e["kind"] == "card_written"]
        return sum(each["detail"]["card_id"] == pk for each in effects)

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
        """Return as soon as the desk shows this. `expect` would look ever more seldom."""
        self.page.wait_for_function(
            "stage => document.querySelector('#desk')?.dataset.stage === stage",
            arg=stage,
            timeout=SOON,
        )

    def says(self, headline: str) -> None:
        """Return as soon as the headline has these words."""
        self.page.wait_for_function(
            "words => document.querySelector('.desk-headline')?.innerText.includes(words)",
            arg=headline,
            timeout=SOON,
        )

    def choose(self, name: str) -> None:
        """Find somebody by typing, and take the first who fits."""
        self.page.goto("/cards/?new")
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")
        expect(self.desk.get_by_role("heading", name=name)).to_be_visible(timeout=SOON)
        self.page.get_by_label(DESK).check()

    def open(self, user: str, encoder: str = DESK) -> None:
        """Show somebody's cards, as a link from their own page does."""
        self.page.goto(f"/cards/?user={user}")
        self.page.get_by_label(encoder).check()

    def wait_for_encoder(self, user: str, encoder: str = DESK) -> None:
        """Return once it is offered: a listing that saw it gone is mended by the next one."""
        until = time.monotonic() + 90
        self.page.goto(f"/cards/?user={user}")
        while not self.page.get_by_label(encoder).count():
            assert time.monotonic() < until, f"{encoder} did not come back"
            self.page.wait_for_timeout(2000)
            self.page.goto(f"/cards/?user={user}")

    def click(self, name: str) -> None:
        self.desk.get_by_role("button", name=name).first.click()

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

    def make(self, user: str, card: str = "Blank 1", button: str = "Make a card") -> str:
        """Bring a card to its good end. Return its last four digits."""
        self.open(user)
        self.press(button)
        return self.lay(card)

    def lay(self, card: str) -> str:
        self.is_at("place")
        self.place(card)
        self.is_at("done")
        self.take(card)
        expect(self.main).to_be_focused()
        return str(self.desk.locator(".desk-number .number").inner_text())


def new_person(page: Page, name: str, *groups: str, house: str = HARBOUR) -> str:
    """Add somebody on the page of the system, as the manager does. Return their id."""
    page.goto("/access/")
    page.get_by_role("link", name=house).first.click()
    page.get_by_role("link", name="New cardholder").first.click()  # a list without anybody has two
    page.get_by_label("Name", exact=True).fill(name)
    for group in groups:
        page.get_by_label(re.compile(f"^SIMULATED {group}$")).check()
    page.get_by_role("button", name=re.compile("^Add ")).click()
    page.wait_for_url(re.compile(r"/access/people/[0-9a-f-]{36}/$"))
    return page.url.rstrip("/").rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def station(browser: Browser, demo: Demo) -> Iterator[Station]:
    context = new_context(
        browser, demo, viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    sign_in(page, "manager")
    page.goto("/access/")
    for _ in range(60):  # the first sync
        if page.get_by_role("link", name="SIMULATED Harbour Annex").count():
            break
        page.wait_for_timeout(500)
        page.goto("/access/")
    # What a cloud and an encoder take is not what is tried here.
    before = demo.get("settings")["seam_attempt_seconds"]
    demo.control("settings", seam_attempt_seconds=0.05)
    for encoder in (DESK, OTHER):
        demo.control(f"encoders/{encoder}", write_seconds=0.2)
    yield Station(page, demo)
    for encoder in (DESK, OTHER):
        demo.control(f"encoders/{encoder}", write_seconds=1)
    demo.control("settings", seam_attempt_seconds=before)
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
    station.choose("Jane Doe")
    station.press("Make a card")

    number = station.lay("Blank 1")

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
    user = new_person(page, "Groups Change", "Everybody")
    first = station.make(user, "Blank 2")
    page.goto(f"/access/people/{user}/")
    page.get_by_role("link", name=re.compile("^Change")).first.click()
    page.get_by_label("SIMULATED Spa guests").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/access/people/[0-9a-f-]{36}/$"))
    assert not station.opens("Blank 2", "Spa")
    for _ in range(60):  # Salto must know of the group before the card is written
        if not any("being" in t.lower() for t in page.locator(".pending").all_inner_texts()):
            break
        page.wait_for_timeout(500)

    second = station.make(user, "Blank 2", "Update the card")

    assert second == first
    assert station.opens("Blank 2", "Spa")


def test_a_replaced_card_opens_an_offline_door_until_the_list_comes_and_the_page_says_so(
    station: Station,
) -> None:
    user = new_person(station.page, "Lost Hers", "Everybody", "Staff")
    old = station.make(user, "Blank 3")

    station.open(user)
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
#: Row: headline, a part of its sentence, the button with the focus, what it leads to. Those that
#: lead to another try come first: the next failure is what that try meets.
ROWS: dict[str, tuple[str, str, str, str]] = {
    "misplaced": ("The card was not lying right", "Centre one single card", AGAIN, "place"),
    "interrupted": ("Don’t hand this card out", "lifted too early", "Try again with", "place"),
    "bad_card": ("Take another card", "cannot be used here", "Try again with", "place"),
    "card_of_other": ("Take another card", "belongs to someone else", "Try again with", "place"),
    "staff_card": ("Take another card", "valid staff card", "Try again with", "place"),
    "other_card": ("This is another card", "is on another card", "Try again with", "place"),
    "licence": ("Salto refuses", "licence does not cover", AGAIN, "place"),
    "pool_full": ("Salto has no keys left", "No more keys", AGAIN, "place"),
    "server_db": ("The Salto server is in trouble", "database problem", AGAIN, "place"),
    "cancelled": ("Cancelled", "Cancelled at the encoder", AGAIN, "place"),
    "protocol": ("Technical error", "Technical error, reference", AGAIN, "place"),
    "encoder_busy": ("The encoder is busy", "Wait a few seconds", AGAIN, "place"),
    "has_key": ("There is a card already", "already has a card", "Update the card", "place"),
    "encoder_offline": ("The encoder does not answer", "power and network", "Use Back", "place"),
    "encoder_uninit": ("The encoder is not set up", "ProAccess Space", "Use Front", "place"),
    "user_locked": ("Somebody else has", "edited in Salto right now", AGAIN, "wait"),
    "room_locked": ("Another station is", "making a card for this room", AGAIN, "wait"),
    "card_full": ("It does not fit on the card", "do not fit on this card", "Open ", "person"),
    "room_bad": ("Salto does not know the room", "Room unknown", "Open ", "person"),
    "rule": ("Salto refuses", "dates or access level", "Open ", "person"),
    "no_key_to_update": ("There is nothing to update", "Make a new card", "Make a new card", ""),
    "comms_timeout": ("Don’t hand this card out", "lost contact", READ, "read"),
    "bridge_down": ("Don’t hand this card out", "link to the Salto server", "Back to", "later"),
    "expired": ("Don’t hand this card out", "not finished in time", READ, "read"),
    "unknown_error": ("Don’t hand this card out", "It did not work", READ, "read"),
}


@pytest.fixture(scope="module")
def holder(station: Station) -> str:
    """Somebody whose card, Blank 5, may be written again and again."""
    user = new_person(station.page, "Row Holder", "Everybody")
    station.make(user, "Blank 5")
    return user


def test_each_row_of_the_failure_table_has_its_words_and_its_remedy(
    station: Station, holder: str
) -> None:
    table = _Table(station, holder)
    for row in ROWS:
        table.try_row(row)

    assert table.wrong == {}


class _Table:
    """Goes from one failure to the next by the button that each of them offers."""

    def __init__(self, station: Station, holder: str) -> None:
        self.station, self.holder = station, holder
        self.leads_on = False
        self.wrong: dict[str, str] = {}

    def try_row(self, row: str) -> None:
        try:
            self._meet(row)
            self._follow(row)
        except AssertionError as error:
            self.wrong[row] = str(error)[:1500]
            self.leads_on = False
            self.station.clear_scripts()

    def _meet(self, row: str) -> None:
        station = self.station
        station.script(row, phase="before")
        if self.leads_on:
            station.main.click()
        else:
            station.open(self.holder)
            station.click("Update the card")
        headline, sentence, button, _remedy = ROWS[row]
        station.says(headline)
        expect(station.desk.locator(".desk-sentence")).to_contain_text(sentence)
        expect(station.main).to_have_count(1)
        expect(station.main).to_contain_text(button)
        expect(station.main).to_be_focused()

    def _follow(self, row: str) -> None:
        station, remedy = self.station, ROWS[row][3]
        self.leads_on = remedy == "place"
        if remedy == "wait" or row == "encoder_busy":
            expect(station.main).to_have_attribute("aria-disabled", "true")
        if row == "encoder_busy":
            expect(station.main).not_to_have_attribute("aria-disabled", "true", timeout=SOON)
        if row == "encoder_uninit":  # the last of those that lead on: now nothing fails
            station.main.click()
            station.lay("Blank 5")
            self.leads_on = False
        if remedy == "person":
            expect(station.main).to_have_attribute("href", re.compile("/access/people/"))
        if remedy in {"read", "later"}:  # what the card says settles the doubt
            station.desk.locator("#step-read").click()
            station.is_at("place")
            station.place("Blank 5")
            station.is_at("read")
            expect(station.headline).to_contain_text("as it should be")
            station.take("Blank 5")


def test_a_credential_that_is_gone_is_made_anew(station: Station) -> None:
    user = new_person(station.page, "Credential Gone", "Everybody")
    station.script("credential_gone", phase="before")
    station.open(user)
    station.press("Make a card")

    expect(station.desk.locator(".desk-sentence")).to_contain_text("withdrawn", timeout=SOON)
    expect(station.main).to_be_focused()
    station.enter()
    station.lay(station.new_card("Gone once"))


def test_an_encoder_that_was_removed_is_left_for_another(station: Station, holder: str) -> None:
    station.open(holder)
    station.demo.control(f"encoders/{DESK}", is_removed=True)
    station.press("Update the card")

    expect(station.desk.locator(".desk-sentence")).to_contain_text("removed", timeout=SOON)
    station.demo.control(f"encoders/{DESK}", is_removed=False)
    expect(station.main).to_contain_text(f"Use {OTHER}")
    station.enter()
    station.is_at("place")
    station.place("Blank 5", OTHER)
    station.is_at("done")
    station.take("Blank 5")
    station.wait_for_encoder(holder)


def test_a_card_that_was_half_written_is_found_out_by_reading_and_written_again(
    station: Station,
) -> None:
    user = new_person(station.page, "Half Written", "Everybody")
    card = station.new_card("Half a card")
    station.make(user, card)
    station.script("comms_timeout", phase="during")
    station.open(user)
    station.press("Update the card")
    station.is_at("place")
    station.place(card)
    station.is_at("unknown")
    doubtful = station.desk.get_attribute("data-job")
    station.enter()
    station.is_at("read")
    station.page.goto(f"/cards/jobs/{doubtful}/")

    expect(station.headline).to_contain_text("Don’t hand this card out")
    expect(station.desk.locator(".desk-sentence")).to_contain_text("Card and system disagree on")
    expect(station.main).to_have_text("Write this card again")
    station.press("Write this card again")
    station.is_at("done")
    station.take(card)


def test_nobody_lays_a_card_on_and_then_it_works(station: Station, holder: str) -> None:
    station.demo.control(f"encoders/{DESK}", wait_seconds=0.6)
    station.open(holder)
    station.press("Update the card")

    expect(station.headline).to_have_text("No card was found", timeout=SOON)
    station.demo.control(f"encoders/{DESK}", wait_seconds=30)
    expect(station.main).to_be_focused()
    station.enter()
    station.lay("Blank 5")


def test_a_card_lifted_too_early_is_not_handed_out_and_the_same_card_is_good_again(
    station: Station, holder: str
) -> None:
    station.demo.control(f"encoders/{DESK}", write_seconds=10)
    station.open(holder)
    station.press("Update the card")
    station.is_at("place")
    station.place("Blank 5")
    station.light_is(DESK, "processing")
    station.take("Blank 5")

    expect(station.headline).to_have_text("Don’t hand this card out", timeout=SOON)
    station.demo.control(f"encoders/{DESK}", write_seconds=0.2)
    station.press("Try again with the same card")
    station.lay("Blank 5")


def test_an_answer_lost_after_the_write_is_never_shown_as_issued_before_salto_says_so(
    station: Station,
) -> None:
    user = new_person(station.page, "Lost Answer", "Everybody")
    station.script("comms_timeout", phase="after", report_seconds=3)
    station.open(user)
    station.press("Make a card")
    station.is_at("place")
    station.place("Blank 6")

    station.is_at("unknown")
    expect(station.headline).to_have_text("Don’t hand this card out")
    assert both_themes(station.page) == []
    assert not station.desk.get_by_text("Done", exact=True).count()
    station.is_at("done")  # the system says at last that it is issued
    expect(station.headline).to_have_text("Written after all")


# --- the desk -------------------------------------------------------------------------


def test_two_desks_on_one_encoder(station: Station, browser: Browser, holder: str) -> None:
    second = new_person(station.page, "Second Desk", "Everybody")
    card = station.new_card("Second card")
    context = new_context(browser, station.demo)
    other = Station(context.new_page(), station.demo)
    sign_in(other.page, "admin")
    other.open(second)
    other.page.get_by_label(OTHER).check()
    key = other.page.locator("#desk [name=key]").input_value()
    station.open(holder)
    station.press("Update the card")
    station.is_at("place")

    # Unasked, on a page where nobody does anything; what was chosen there stays.
    expect(other.desk.locator(".encoder-note").first).to_contain_text("in use by Mia Manager")
    expect(other.page.get_by_label(OTHER)).to_be_checked()
    assert other.page.locator("#desk [name=key]").input_value() == key
    other.page.get_by_label(DESK).check()
    other.press("Make a card")

    expect(other.desk.locator("[data-problem]")).to_contain_text("in use by Mia Manager")
    other.page.get_by_label(OTHER).check()
    other.press("Make a card")
    other.is_at("place")
    station.lay("Blank 5")
    other.place(card, OTHER)
    other.is_at("done")
    context.close()


def test_a_reload_and_a_second_tab_show_the_running_job(station: Station, holder: str) -> None:
    station.open(holder)
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
    station.open(holder)
    station.press("Update the card")
    station.is_at("place")

    context.set_offline(True)
    notice = station.page.locator("[data-station-lost]")
    expect(notice).to_contain_text("the card may still be written", timeout=SOON)
    written = station.demo.latest()
    station.place("Blank 5")
    station.light_is(DESK, "idle")
    assert station.written("Blank 5", after=written) == 1
    context.set_offline(False)

    station.is_at("done")
    expect(notice).to_be_hidden(timeout=SOON)


def test_esc_stops_watching_and_the_page_says_to_keep_cards_off(
    station: Station, holder: str
) -> None:
    station.demo.control(f"encoders/{DESK}", wait_seconds=2.5)
    station.open(holder)
    station.press("Update the card")
    station.is_at("place")

    station.page.keyboard.press("Escape")

    expect(station.desk).to_contain_text(f"Keep cards off {DESK}", timeout=SOON)
    expect(station.page.locator("#desk[data-stage=failed]")).to_be_visible(timeout=SOON)
    station.demo.control(f"encoders/{DESK}", wait_seconds=30)


def test_a_row_of_people_takes_one_key_each(station: Station) -> None:
    names = [f"Row {letter}" for letter in "ABC"]
    # The manager's arrivals: made through the form of several people, which the list posts.
    ids = [new_person(station.page, name, "Everybody") for name in names]
    station.page.goto("/cards/?new")
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
          for (const id of ids) add(`pick-${id}`, "on");
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
    blank = station.new_card("Nothing on it")
    for card, headline, button in (
        ("Blank 5", "as it should be", "Read another card"),
        ("Foreign card", "Not one of ours", "Read another card"),
        (blank, "lank", "Write it for somebody"),
    ):
        station.page.goto("/cards/?new")
        station.page.get_by_label(DESK).check()
        station.press("Read a card")
        station.is_at("place")
        station.place(card)
        station.is_at("read")
        expect(station.headline).to_contain_text(headline)
        expect(station.main).to_contain_text(button)
        station.take(card)


def test_a_lost_card_names_the_offline_doors_before_it_is_cancelled(station: Station) -> None:
    page = station.page
    user = new_person(page, "Card Gone", "Staff")
    station.make(user, station.new_card("Gone card"))
    page.goto(f"/access/people/{user}/")

    page.get_by_role("link", name="Card lost…").first.click()
    expect(page.locator(".card").first).to_contain_text("Office")
    page.get_by_role("button", name="Cancel the lost card").click()

    expect(page.locator(".notices")).to_be_visible(timeout=SOON)


def test_axe_finds_no_violation_at_any_stage(station: Station, holder: str) -> None:
    page = station.page
    page.goto("/cards/?new")
    found = {"nobody": both_themes(page)}
    station.open(holder)
    found["person"] = both_themes(page)
    station.press("Replace")
    expect(station.desk.locator(".desk-warning")).to_be_visible()
    found["replace"] = both_themes(page)
    for error, stages in ((None, ("place", "done")), ("licence", ("failed",))):
        if error:
            station.script(error, phase="before")
        station.open(holder)
        station.press("Update the card")
        for stage in stages:
            station.is_at(stage)
            found[stage] = both_themes(page)
            if stage == "place":
                station.place("Blank 5")

    assert {name: rows for name, rows in found.items() if rows} == {}


# --- tags of Salto KS -----------------------------------------------------------------


def test_tags_are_registered_and_given_and_never_taken_from_others(station: Station) -> None:
    reader = "Weir Gate"
    user = new_person(station.page, "Tag Owner", "Tenants", house=WEIR)
    tags = {each["label"]: each["id"] for each in station.demo.get("tags")}

    def hold(label: str) -> bool:
        station.light_is(reader, "waiting")
        return bool(station.demo.control(f"tags/{tags[label]}/hold", encoder_id=reader)["seen"])

    def assign(*, is_new: bool = False) -> None:
        station.open(user, reader)
        station.page.get_by_label("The tag is new").set_checked(is_new)
        station.press("Assign a tag")
        station.is_at("place")

    assign()
    assert hold("Spare tag")
    station.is_at("done")
    expect(station.desk).to_contain_text("The tag is Tag Owner’s now.")

    station.demo.control(f"encoders/{reader}", wait_seconds=1)
    assign()
    assert not hold("New tag 1")
    expect(station.desk).to_contain_text("If the tag is new", timeout=SOON)
    station.demo.control(f"encoders/{reader}", wait_seconds=30)

    assign(is_new=True)
    assert hold("New tag 1")
    station.is_at("done")

    assign()
    assert hold("Noor's tag")
    expect(station.desk).to_contain_text("belongs to", timeout=SOON)
    owners = {each["label"]: each["user_name"] for each in station.demo.get("tags")}
    assert [owners[label] for label in ("Spare tag", "New tag 1")] == ["Tag Owner"] * 2
    assert owners["Noor's tag"] == "SIMULATED Noor Haddad"


# --- last: what leaves an encoder in use, or ends programs ---------------------------------------------------------------


def test_a_start_that_nobody_answered_leaves_doubt_until_salto_tells_of_the_card(
    station: Station,
) -> None:
    user = new_person(station.page, "No Answer", "Everybody")
    card = station.new_card("Unanswered card")
    before = station.demo.latest()
    match = {"route": "seam_encode"}
    station.demo.control("faults", match=match, effect="drop_after", times=1)
    station.open(user, OTHER)
    station.press("Make a card")

    station.is_at("unknown")
    expect(station.headline).to_have_text("Don’t hand this card out")
    expect(station.desk.locator(".desk-sentence")).to_contain_text("Still no answer")
    expect(station.main).to_have_text(READ)
    station.light_is(OTHER, "waiting")
    station.place(card, OTHER)
    station.is_at("done")
    expect(station.headline).to_have_text("Written after all")
    assert station.written(card, after=before) == 1


def test_a_card_is_made_once_though_web_and_worker_are_killed_meanwhile(
    station: Station, holder: str
) -> None:
    station.open(holder)
    station.press("Update the card")
    station.is_at("place")
    station.is_waiting()
    before = station.demo.latest()

    _kill(station.demo, "config.asgi:application", "actuate@%h")
    station.place("Blank 5")
    expect(station.page.locator("[data-station-lost]")).to_be_visible(timeout=SOON)

    station.is_at("done")
    expect(station.page.locator("[data-station-lost]")).to_be_hidden(timeout=SOON)
    assert station.written("Blank 5", after=before) == 1


def _kill(demo: Demo, *words: str) -> None:
    """End programs of this demo as a power cut would; it starts them again."""
    ended = set()
    for child in psutil.Process(demo.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # children come and go
            named = set(words) & set(child.cmdline())
            if named:
                child.kill()
                ended |= named
    assert ended == set(words)
