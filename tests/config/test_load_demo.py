"""The demo's world: loaded once, and again without harm."""

from importlib import import_module
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from access.models import AcsSystem, ReservationFeed
from accounts.models import ConnectedAccount, Membership, Role, Space, User, Workspace
from accounts.providers.base import UnreachableError
from audit.models import Event
from locks.models import Device
from tests.access.fakes import FakeSystems
from tests.locks.fakes import FakeDriver, snapshot

pytestmark = pytest.mark.django_db
PASSWORD = "a demo password for tests"


@pytest.fixture(autouse=True)
def driver(monkeypatch: pytest.MonkeyPatch, settings: Any) -> FakeDriver:
    settings.SANDBOX_URL = "http://127.0.0.1:8001"
    monkeypatch.setenv("LOCKBOARD_DEMO_PASSWORD", PASSWORD)
    fake = FakeDriver()
    fake.locks = [snapshot()]
    command = import_module("config.management.commands.load_demo")
    monkeypatch.setattr(command, "driver_for", lambda _: fake)
    return fake


def test_the_demo_has_three_properties_four_people_and_its_doors() -> None:
    call_command("load_demo")

    workspace = Workspace.objects.get()
    assert (workspace.name, workspace.is_sandbox) == ("Demo", True)
    places = Space.objects.properties().order_by("name")
    assert list(places.values_list("name", "time_zone")) == [
        ("Harbour Annex", "Europe/London"),
        ("Harbour House", "Europe/Amsterdam"),
        ("Mill Lane", "Europe/London"),
    ]
    people = Membership.objects.order_by("user__email", "property__name")
    assert list(people.values_list("user__email", "role", "property__name")) == [
        ("admin@lockboard.test", Role.ADMIN, None),
        ("auditor@lockboard.test", Role.AUDITOR, None),
        ("frontdesk@lockboard.test", Role.FRONT_DESK, "Harbour Annex"),
        ("frontdesk@lockboard.test", Role.FRONT_DESK, "Harbour House"),
        ("manager@lockboard.test", Role.MANAGER, None),
    ]
    assert all(user.check_password(PASSWORD) for user in User.objects.all())
    doors = Device.objects.order_by("property__name")
    assert list(doors.values_list("property__name", "account__provider")) == [
        ("Harbour Annex", "seam"),
        ("Harbour House", "salto_ks"),
    ]
    assert Event.objects.filter(verb="account_connected").count() == 2
    for account in ConnectedAccount.objects.all():
        assert account.remote_id == "us"
        assert None not in (account.next_status_poll_at, account.next_event_poll_at)


class _WithSystems(FakeDriver, FakeSystems):
    def __init__(self) -> None:
        FakeSystems.__init__(self)
        FakeDriver.__init__(self)


def test_its_systems_are_placed_before_anything_else_can_find_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = _WithSystems()
    fake.add_system("Annex")
    fake.add_system("Weir")
    command = import_module("config.management.commands.load_demo")
    monkeypatch.setattr(
        command, "driver_for", lambda account: fake if account.provider == "seam" else FakeDriver()
    )

    call_command("load_demo")

    systems = AcsSystem.objects.order_by("name")
    assert list(systems.values_list("name", "property__name", "is_placed")) == [
        ("Annex", "Harbour Annex", True),
        ("Weir", "Harbour Annex", True),
    ]


def test_loaded_again_it_adds_nothing_and_sets_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call_command("load_demo")
    monkeypatch.setenv("LOCKBOARD_DEMO_PASSWORD", "another password for tests")

    call_command("load_demo")

    counts = [model.objects.count() for model in (Workspace, Space, User, ConnectedAccount, Device)]
    assert counts == [1, 3, 4, 2, 2]
    assert all(user.check_password("another password for tests") for user in User.objects.all())


def test_without_an_account_there_are_people_and_places_only() -> None:
    call_command("load_demo", no_account=True)

    assert (User.objects.count(), ConnectedAccount.objects.count()) == (4, 0)


def test_a_sandbox_that_does_not_answer_leaves_no_half_account(driver: FakeDriver) -> None:
    driver.locks = UnreachableError("Nobody listens there.")

    with pytest.raises(CommandError, match="Nobody listens there"):
        call_command("load_demo")

    assert (ConnectedAccount.objects.count(), Device.objects.count()) == (0, 0)


def test_auth_08_the_demo_is_for_sandboxes(settings: Any) -> None:
    settings.SANDBOX_URL = ""

    with pytest.raises(CommandError, match="the demo needs the sandbox"):
        call_command("load_demo")


def test_auth_08_there_is_no_default_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCKBOARD_DEMO_PASSWORD")

    with pytest.raises(CommandError, match="LOCKBOARD_DEMO_PASSWORD is empty"):
        call_command("load_demo")

    assert User.objects.count() == 0


def test_a_room_of_the_demo_has_a_calendar_which_is_connected_once(driver: FakeDriver) -> None:
    driver.locks = [snapshot(name="Room 205")]

    call_command("load_demo")
    call_command("load_demo")

    feed = ReservationFeed.objects.select_related("space").get()
    assert feed.space is not None
    assert (feed.space.name, feed.space.kind) == ("Room 205", "room")
    assert feed.unseal_address() == "http://127.0.0.1:8001/calendars/sim-room-205-4f1d2c.ics"
