"""What is wished of people: what it writes, what it refuses, and what happens twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from access.models import AcsCredential, AcsMembership, AcsUser, SystemsWatch
from access.people import services, wishes
from access.people.services import Wish
from access.states import Part, Phase
from accounts.models import Role
from audit.models import Event
from audit.words import Verb
from locks.codes.services import RefusedError
from tests.access.looking import edit_as_shown
from tests.make import (
    actor,
    make_acs_user,
    make_credential,
    make_group,
    make_property,
    make_system,
    make_user,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)


@pytest.fixture
def system():
    return make_system()


@pytest.fixture
def desk(system):
    return actor(make_user(Role.FRONT_DESK, workspace=system.workspace))


def verbs():
    return list(Event.objects.order_by("pk").values_list("verb", flat=True))


def problems(refused):
    return [(each.field, each.sentence) for each in refused.value.problems]


def create(system, desk, groups=(), key=None, **wish):
    wish = Wish(**{"full_name": "Jane Doe"} | wish)
    return services.create(system, wish, groups, key=key or uuid4(), by=desk, at=NOW)


def edit(user, desk, groups=None, **wish):
    return edit_as_shown(user, groups, by=desk, at=NOW, **wish)


# --- making -----------------------------------------------------------------------------


def test_somebody_new_is_a_wish_that_is_due_at_once(system, desk):
    group = make_group(system)

    user = create(system, desk, [group], email="jane@EXAMPLE.com", phone="+33 6 12-34 56 78")

    user.refresh_from_db()
    assert (user.phase, user.remote_id, user.pending) == (
        Phase.CREATING,
        "",
        [Part.INFORMATION, Part.SCHEDULE],
    )
    assert (user.email, user.phone) == ("jane@example.com", "+33612345678")
    assert user.next_run_at == NOW
    membership = user.memberships.get()
    assert (membership.is_wanted, membership.is_seen) == (True, False)
    assert SystemsWatch.objects.get(account=system.account).next_at == NOW
    event = Event.objects.get()
    assert (event.verb, event.subject) == (Verb.CARDHOLDER_CREATED, "Jane Doe")
    assert event.detail == {"system": system.name, "after": f"groups {group.name}"}


def test_pressed_twice_it_is_one_person(system, desk):
    key = uuid4()

    first = create(system, desk, key=key, email="jane@example.com")
    second = create(system, desk, key=key, email="jane@example.com")

    assert first.pk == second.pk == AcsUser.objects.get().pk
    assert verbs() == [Verb.CARDHOLDER_CREATED]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_one_form", [True, False])
def test_eight_presses_at_once_make_one_person(system, desk, is_one_form):
    key, start = uuid4(), threading.Barrier(8)

    def press(_number):
        try:
            connection.ensure_connection()
            start.wait(10)
            made = create(system, desk, key=key if is_one_form else None, email="j@example.com")
        except RefusedError as refused:
            return str(refused)
        else:
            return made.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(press, range(8)))

    made = AcsUser.objects.get()
    others = made.pk if is_one_form else "Jane Doe has this e-mail address"
    assert sorted(map(str, said)) == sorted(map(str, [made.pk] + [others] * 7))
    assert verbs() == [Verb.CARDHOLDER_CREATED]


def test_a_form_of_somebody_else_makes_nobody(system, desk):
    theirs = make_acs_user(system)

    with pytest.raises(RefusedError, match="used up"):
        create(system, desk, key=theirs.pk)


def test_everything_that_is_wrong_is_said_at_once(system, desk):
    stranger = make_group()

    with pytest.raises(RefusedError) as refused:
        create(
            system,
            desk,
            [stranger],
            full_name="a\nb",
            email="x@y.z\nBcc: a@b.cd",
            phone="0",
            starts_at=NOW + timedelta(days=2),
            ends_at=NOW + timedelta(days=1),
        )

    assert problems(refused) == [
        (
            "full_name",
            "name: 1–100 characters; it has a control character, such as a tab or a line break",
        ),
        ("email", "e-mail address is not valid"),
        ("phone", "phone: international format +33…"),
        ("ends_at", "end must be after start"),
        ("groups", "one of these groups is not there any more"),
    ]
    assert not AcsUser.objects.exists()


@pytest.mark.parametrize(
    "email", ["a@b", "ünïcode@example.org", "x" * 300 + "@example.org", "a b@c.de"]
)
def test_what_is_no_address_is_refused(system, desk, email):
    with pytest.raises(RefusedError, match="e-mail address is not valid"):
        create(system, desk, email=email)


@pytest.mark.parametrize(
    "phone", ["0612345678", "+33abc", "+" + "1" * 30, "+0123456789", "+٣٣٦١٢٣٤٥٦٧"]
)
def test_what_is_no_phone_is_refused(system, desk, phone):
    with pytest.raises(RefusedError, match="international format"):
        create(system, desk, phone=phone)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\0b", "a\u202eb"])
def test_what_is_no_name_is_refused(system, desk, name):
    with pytest.raises(RefusedError, match="name: 1–100 characters"):
        create(system, desk, full_name=name)


def test_an_address_is_somebodys_alone_and_it_is_said_whose(system, desk):
    make_acs_user(system, full_name="John Roe", email="Jane@Example.com")
    make_acs_user(email="jane@example.com")  # of another system
    make_acs_user(system, email="old@example.com", phase=Phase.GONE)

    with pytest.raises(RefusedError, match="John Roe has this e-mail address"):
        create(system, desk, email="jane@example.com")
    assert create(system, desk, email="old@example.com")


def test_a_schedule_without_a_start_begins_now(system, desk):
    user = create(system, desk, ends_at=NOW + timedelta(hours=1))

    assert user.starts_at == NOW
    with pytest.raises(RefusedError, match="end is already over"):
        create(system, desk, ends_at=NOW)


# --- changing ---------------------------------------------------------------------------


def test_only_what_was_changed_is_a_wish(system, desk):
    user = make_acs_user(system, full_name="Jane", error_code="x", error="refused", attempts=4)

    edit(user, desk, full_name="Jane Doe")

    user.refresh_from_db()
    assert (user.full_name, user.pending) == ("Jane Doe", [Part.INFORMATION])
    assert (user.generation, user.next_run_at) == (2, NOW)
    assert (user.error_code, user.error, user.attempts) == ("", "", 0)
    assert Event.objects.get().detail["after"] == "name Jane Doe"


def test_saving_what_was_there_changes_nothing(system, desk):
    group = make_group(system)
    user = make_acs_user(system, groups=[group], ends_at=NOW - timedelta(days=1))

    edit(user, desk)

    user.refresh_from_db()
    assert (user.generation, user.next_run_at, verbs()) == (1, None, [])


def test_times_and_groups_are_told_in_property_time(system, desk):
    group = make_group(system, name="Pool")
    user = make_acs_user(system)

    edit(user, desk, [group], starts_at=NOW, ends_at=NOW + timedelta(days=2))

    user.refresh_from_db()
    assert user.pending == [Part.SCHEDULE]
    assert Event.objects.get().detail["after"] == (
        "from 21 Nov 2026, 15:00 until 23 Nov 2026, 15:00; groups Pool"
    )


def test_whoever_was_slower_changes_nothing(system, desk):
    user = make_acs_user(system)
    version = wishes.version_of(user, set())
    # Not by us: the provider's people changed it, which raises no generation.
    AcsUser.objects.filter(pk=user.pk).update(phone="+33612345678")

    with pytest.raises(RefusedError, match="changed this person a moment ago"):
        services.edit(user, Wish(full_name="New"), [], version=version, by=desk, at=NOW)


def test_somebody_not_yet_made_is_made_with_the_change(system, desk):
    user = create(system, desk)

    edit(user, desk, full_name="Jane B.")
    services.suspend(user, by=desk, at=NOW)

    user.refresh_from_db()
    assert user.pending == list(Part)


def test_one_group_for_another(system, desk):
    old, new = make_group(system), make_group(system)
    user = make_acs_user(system, groups=[old])

    edit(user, desk, [new])

    states = AcsMembership.objects.values_list("group_id", "is_wanted", "is_seen")
    assert set(states) == {(old.pk, False, True), (new.pk, True, False)}
    user.refresh_from_db()
    assert user.next_run_at == NOW


def test_a_wish_taken_back_before_anybody_heard_of_it_leaves_nothing(system, desk):
    group = make_group(system)
    user = make_acs_user(system, remote_id="", phase="creating")

    edit(user, desk, [group])
    user.refresh_from_db()
    edit(user, desk, [])

    assert not user.memberships.exists()


def test_a_wish_the_provider_may_have_heard_of_is_kept_until_it_is_seen_gone(system, desk):
    group = make_group(system)
    user = make_acs_user(system)
    AcsMembership.objects.create(user=user, group=group)

    edit(user, desk, [])

    left = user.memberships.get()
    assert (left.is_wanted, left.is_seen) == (False, False)


# --- suspending, deleting ---------------------------------------------------------------


def test_suspending_and_letting_in_again(system, desk):
    user = make_acs_user(system)

    assert services.suspend(user, by=desk, at=NOW)
    assert not services.suspend(user, by=desk, at=NOW)
    user.refresh_from_db()
    assert (user.is_suspended, user.pending) == (True, [Part.SUSPENSION])
    assert services.unsuspend(user, by=desk, at=NOW)
    user.refresh_from_db()
    assert (user.is_suspended, user.pending) == (False, [Part.SUSPENSION])
    assert verbs() == [Verb.CARDHOLDER_SUSPENDED, Verb.CARDHOLDER_UNSUSPENDED]


def test_deleting_is_a_wish_that_stays_in_sight(system, desk):
    user = make_acs_user(system)

    assert services.delete(user, by=desk, at=NOW)
    assert not services.delete(user, by=desk, at=NOW)

    user.refresh_from_db()
    assert (user.phase, user.delete_asked_at, user.gone_at) == (Phase.DELETING, NOW, None)
    assert verbs() == [Verb.CARDHOLDER_DELETED]
    with pytest.raises(RefusedError, match="being deleted"):
        edit(user, desk, full_name="Back")


def test_who_was_made_past_us_is_only_shown(system, desk):
    user = make_acs_user(system, is_managed=False)

    for act in (services.suspend, services.delete):
        with pytest.raises(RefusedError, match="cannot be changed from here"):
            act(user, by=desk, at=NOW)
    with pytest.raises(RefusedError, match="cannot be changed from here"):
        edit(user, desk, full_name="Other")


def test_rights_are_those_of_the_systems_property(system):
    user = make_acs_user(system)
    elsewhere = make_property(system.workspace)
    neighbour = actor(make_user(Role.FRONT_DESK, workspace=system.workspace, place=elsewhere))
    auditor = actor(make_user(Role.AUDITOR, workspace=system.workspace))

    for by in (neighbour, auditor):
        with pytest.raises(PermissionDenied):
            services.suspend(user, by=by, at=NOW)
        with pytest.raises(PermissionDenied):
            create(system, by)


def test_a_refused_wish_is_told_once_more(system, desk):
    user = make_acs_user(system, error_code="refused", error="No.", attempts=5)

    assert services.try_again(user, by=desk, at=NOW)
    assert not services.try_again(user, by=desk, at=NOW)

    user.refresh_from_db()
    assert (user.error_code, user.attempts, user.next_run_at) == ("", 0, NOW)
    assert user.generation == 2


# --- PINs -------------------------------------------------------------------------------


def test_salto_ks_is_asked_for_one_pin(desk, system):
    ks = make_system(system.account, property=system.property, external_type="salto_ks_site")
    user = make_acs_user(ks)

    pin = services.ask_for_pin(user, by=desk, at=NOW)

    assert (pin.access_method, pin.phase, pin.next_run_at) == ("code", Phase.CREATING, NOW)
    assert services.ask_for_pin(user, by=desk, at=NOW) is None
    assert AcsCredential.objects.count() == 1
    with pytest.raises(RefusedError, match="makes no PINs"):
        services.ask_for_pin(make_acs_user(system), by=desk, at=NOW)


def test_who_looks_at_a_pin_stands_in_the_log_and_the_pin_does_not(system, desk):
    pin = make_credential(make_acs_user(system), access_method="code")
    pin.seal_code("480213")
    pin.save()

    assert services.reveal_pin(pin, by=desk, at=NOW) == "480213"

    event = Event.objects.get()
    assert event.verb == Verb.PIN_REVEALED
    assert "480213" not in str(vars(event))


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "problem"),
    [
        (datetime(1999, 1, 1, tzinfo=UTC), None, ("starts_at", "2000 and 2100")),
        (None, datetime(2100, 1, 1, tzinfo=UTC), ("ends_at", "2000 and 2100")),
        (NOW, NOW + timedelta(seconds=59), ("ends_at", "1 minute – 5 years")),
        (NOW, NOW + timedelta(days=6 * 365), ("ends_at", "1 minute – 5 years")),
    ],
)
def test_a_schedule_has_bounds(system, desk, starts_at, ends_at, problem):
    with pytest.raises(RefusedError) as refused:
        create(system, desk, starts_at=starts_at, ends_at=ends_at)

    ((field, sentence),) = problems(refused)
    assert (field, problem[1] in sentence) == (problem[0], True)


def test_who_came_long_ago_may_stay_a_while_longer(system, desk):
    user = make_acs_user(system, starts_at=NOW - timedelta(days=4000))

    edit(user, desk, ends_at=NOW + timedelta(days=300))

    user.refresh_from_db()
    assert user.ends_at == NOW + timedelta(days=300)


def test_an_address_that_the_provider_has_cannot_be_emptied(system, desk):
    user = make_acs_user(system, email="jane@example.com", phone="+33123456789")

    with pytest.raises(RefusedError) as refused:
        edit(user, desk, email="", phone="")

    assert problems(refused) == [
        ("email", "Seam cannot remove an e-mail address: type another one"),
        ("phone", "Seam cannot remove a phone number: type another one"),
    ]
