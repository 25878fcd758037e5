"""The sandbox's own card desk: lights that follow by themselves, by the keyboard alone, axe."""

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from sandbox.seam.seed import KEY
from sandbox.space import seed
from tests.browser.conftest import Demo, new_context
from tests.browser.test_accessibility import violations
from tests.browser.test_keyboard import FOCUSED, press, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.processes]

ENCODER = seed.make_id("encoder", "Back office")


def ask(demo: Demo, path: str, **body: object) -> dict:
    headers = {"authorization": f"Bearer {KEY}"}
    answer = requests.post(f"{demo.sandbox}/seam/acs{path}", json=body, headers=headers, timeout=5)
    answer.raise_for_status()
    return answer.json()


def start_a_job(demo: Demo) -> str:
    """Start making a card at the back office; return its user's name."""
    count = len(ask(demo, "/users/list", acs_system_id=seed.SYSTEM_ID)["acs_users"])
    name = f"Card holder {count}"
    user = ask(
        demo,
        "/users/create",
        acs_system_id=seed.SYSTEM_ID,
        full_name=name,
        acs_access_group_ids=[seed.make_id("group", "Parking")],
    )["acs_user"]
    key = ask(demo, "/credentials/create", acs_user_id=user["acs_user_id"], access_method="card")
    ask(
        demo,
        "/encoders/encode_credential",
        acs_encoder_id=ENCODER,
        acs_credential_id=key["acs_credential"]["acs_credential_id"],
    )
    return name


def test_a_card_is_made_and_tried_by_keyboard_while_the_lights_follow(page: Page, demo: Demo):
    page.goto(f"{demo.sandbox}/cards")
    light = page.locator(f'[data-light="{ENCODER}"]')
    expect(light).to_contain_text("Idle")

    name = start_a_job(demo)
    expect(light).to_contain_text("Waiting for a card")
    press(page, "^Lay on Back office$")
    expect(light).to_contain_text("Done")
    expect(page.get_by_role("button", name="off", exact=False)).to_be_focused()
    label = page.evaluate(FOCUSED).removeprefix("Take ").removesuffix(" off")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Lay on Back office")).to_be_focused()
    expect(page.get_by_text(f"{name}: Car Park Gate")).to_be_visible()

    tab_to(page, "^Card$")
    page.keyboard.type(label)
    tab_to(page, "^Door$")
    page.keyboard.type("Spa")
    press(page, "^Hold to the door$")
    expect(page.get_by_role("status")).to_have_text(
        f"{label} at Spa: the card has no right here (84)."
    )


def test_another_persons_card_shows_up_by_itself(page: Page, demo: Demo):
    page.goto(f"{demo.sandbox}/cards")
    demo.control("cards/Staff card/place", encoder_id=ENCODER)

    expect(page.get_by_role("button", name="Take Staff card off")).to_be_visible()
    demo.control("cards/Staff card/take")
    expect(page.get_by_role("button", name="Take Staff card off")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/cards", "/tags"])
def test_axe_finds_nothing_on_the_desks(browser: Browser, demo: Demo, path: str, scheme: str):
    context = new_context(browser, demo, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{demo.sandbox}{path}")

    found = violations(page)
    context.close()
    assert found == []
