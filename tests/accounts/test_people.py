"""People: invited, changed, deactivated; effective at the next request."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from accounts import people
from accounts.models import Invitation, Membership, Role, User
from accounts.permissions import PERMISSIONS_OF, ROLES_IN_WORDS, Permission
from audit.models import Event
from audit.words import Verb
from tests.make import client_of, make_property, make_user, make_workspace

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "correct horse battery"


@pytest.fixture
def admin() -> User:
    return make_user(Role.ADMIN, name="Ada")


@pytest.fixture
def browser(admin: User) -> Browser:
    return client_of(admin)


def workspace_of(user: User) -> Any:
    return user.memberships.get().workspace


def words(response: Any) -> str:
    text = re.sub(r"<[^>]+>", "", response.content.decode())
    return re.sub(r"\s+", " ", text).replace("&#x27;", "'")


def invite(browser: Browser, **fields: Any) -> Any:
    given = {"email": "new@example.org", "name": "Ben", "role": Role.FRONT_DESK, "where": "all"}
    return browser.post(reverse("person-invite"), given | fields, follow=True)


def mailed_link() -> str:
    return re.search(r"http://[^/]+(/invitation/\S+)", mail.outbox[-1].body)[1]


# --- list -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_a_fixed_number_of_questions(
    browser: Browser, admin: User, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        make_user(Role.MANAGER, workspace=workspace_of(admin), name=f"Person {number}")
        invite(browser, email=f"invited{number}@example.org")
    make_user(Role.MANAGER, name="Stranger")
    url = reverse("people")
    browser.get(url)

    # session, user, actor, people, their roles, invitations, their properties, the zone
    with django_assert_num_queries(8):
        response = browser.get(url)

    names = [person.name for person in response.context["people"]]
    assert names == ["Ada", *(f"Person {number}" for number in range(count))]


# --- who may --------------------------------------------------------------------------------------

PERSON_ACTS = ["person", "person-deactivate", "person-reactivate"]


@pytest.mark.parametrize("name", PERSON_ACTS)
def test_acts_on_people_are_404_for_strangers(admin: User, name: str) -> None:
    stranger = client_of(make_user(Role.ADMIN))

    assert stranger.post(reverse(name, args=[admin.pk])).status_code == 404


@pytest.mark.parametrize("role", [Role.MANAGER, Role.FRONT_DESK, Role.AUDITOR])
@pytest.mark.parametrize("name", ["people", "person-invite"])
def test_pages_are_403_without_the_permission(name: str, role: Role) -> None:
    assert client_of(make_user(role)).get(reverse(name)).status_code == 403


@pytest.mark.parametrize("name", PERSON_ACTS)
def test_acts_on_people_are_403_without_the_permission(admin: User, name: str) -> None:
    manager = client_of(make_user(Role.MANAGER, workspace=workspace_of(admin)))

    assert manager.post(reverse(name, args=[admin.pk])).status_code == 403


@pytest.mark.parametrize("name", ["invitation-again", "invitation-withdraw"])
def test_acts_on_invitations_are_404_for_strangers_and_403_without_permission(
    browser: Browser, admin: User, name: str
) -> None:
    invite(browser)
    url = reverse(name, args=[Invitation.objects.get().pk])
    manager = client_of(make_user(Role.MANAGER, workspace=workspace_of(admin)))

    assert client_of(make_user(Role.ADMIN)).post(url).status_code == 404
    assert manager.post(url).status_code == 403
    assert browser.get(url).status_code == 405


def test_other_methods_are_refused(browser: Browser, admin: User) -> None:
    assert browser.post(reverse("people")).status_code == 405
    assert browser.put(reverse("person-invite")).status_code == 405
    assert browser.get(reverse("person-reactivate", args=[admin.pk])).status_code == 405


# --- inviting -------------------------------------------------------------------------------------


def test_an_invited_person_chooses_name_and_password_and_is_signed_in(browser: Browser) -> None:
    place = make_property(workspace_of(User.objects.get()), name="Mill Lane")
    invite(browser, where="some", properties=[str(place.pk)])
    guest = Browser()
    assert "Ada invites you as front desk" in words(guest.get(mailed_link()))

    answer = guest.post(mailed_link(), {"name": "Ben", "password": NEW_PASSWORD})

    user = User.objects.get(email="new@example.org")
    membership = user.memberships.get()
    assert answer["Location"] == reverse("board")
    assert guest.session["_auth_user_id"] == str(user.pk)
    assert (membership.role, membership.property) == (Role.FRONT_DESK, place)
    assert user.check_password(NEW_PASSWORD)
    assert guest.get(mailed_link()).status_code == 404
    assert [
        Event.objects.filter(verb=verb).count()
        for verb in (Verb.PERSON_INVITED, Verb.INVITATION_ACCEPTED)
    ] == [1, 1]


def test_opening_the_link_changes_nothing(browser: Browser) -> None:
    invite(browser)

    page = Browser().get(mailed_link())

    assert not User.objects.filter(email="new@example.org").exists()
    assert page["Cache-Control"] == "no-store"


def test_the_token_is_stored_nowhere(browser: Browser) -> None:
    invite(browser)

    token = mailed_link().split("/")[2]
    assert len(token) >= 43
    assert token not in str(Invitation.objects.values().get())


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("", "Choose a password."),
        ("short", "at least 12 characters"),
        ("123456789012", "entirely numeric"),
        ("new@example.org", "too similar"),
    ],
)
def test_a_weak_password_is_refused_and_not_echoed(
    browser: Browser, password: str, sentence: str
) -> None:
    invite(browser)

    page = Browser().post(mailed_link(), {"name": "Ben", "password": password})

    assert sentence in words(page)
    assert f'value="{password}"' not in page.content.decode() or not password
    assert not User.objects.filter(email="new@example.org").exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": ""}, "Enter the e-mail address to send the invitation to."),
        ({"email": "a@b"}, "Enter a valid email address"),
        ({"email": "x@y.z\nBcc: a@b.example"}, "Enter a valid email address"),
        ({"email": f"{'x' * 300}@example.org"}, "at most 254 characters"),
        ({"role": "owner"}, "is not one of the available choices"),
        ({"name": "a\u202eb"}, "name: 1–100 visible characters"),
    ],
)
def test_a_bad_invitation_has_a_sentence_at_the_field(
    browser: Browser, fields: dict[str, str], sentence: str
) -> None:
    page = invite(browser, **fields)

    assert sentence in words(page)
    assert mail.outbox == []


def test_somebody_here_already_is_not_invited(browser: Browser, admin: User) -> None:
    make_user(Role.AUDITOR, workspace=workspace_of(admin), email="new@example.org")

    assert "is among your people already" in words(invite(browser, email="NEW@example.org"))


def test_inviting_again_ends_the_earlier_link(browser: Browser) -> None:
    invite(browser)
    first = mailed_link()

    browser.post(reverse("invitation-again", args=[Invitation.objects.get().pk]))

    assert Browser().get(first).status_code == 404
    assert Browser().get(mailed_link()).status_code == 200


def test_a_withdrawn_or_old_invitation_is_not_valid(browser: Browser) -> None:
    invite(browser)
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        assert Browser().get(mailed_link()).status_code == 404

    browser.post(reverse("invitation-withdraw", args=[Invitation.objects.get().pk]))

    assert Browser().get(mailed_link()).status_code == 404
    assert Event.objects.filter(verb=Verb.INVITATION_WITHDRAWN).count() == 1


def test_where_mail_fails_the_link_is_shown_once(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(mail.EmailMessage, "send", refuse)

    page = invite(browser)

    assert "The invitation could not be mailed" in words(page)
    assert "/invitation/" in page.content.decode()


def test_invitations_are_throttled_per_admin(browser: Browser, admin: User) -> None:
    now = timezone.now()
    for number in range(people.INVITATIONS_PER_HOUR):
        people.invite(
            workspace_of(admin),
            email=f"x{number}@example.org",
            name="",
            role=Role.AUDITOR,
            properties=[],
            by=admin,
            at=now,
        )

    assert "Try again later" in words(invite(browser))


def test_somebody_from_another_workspace_joins_with_their_own_password(browser: Browser) -> None:
    other = make_user(Role.AUDITOR, email="new@example.org")
    invite(browser)
    assert "sign in with it to accept" in words(Browser().get(mailed_link()))

    thief = Browser()
    thief.post(mailed_link(), {"name": "Eve", "password": NEW_PASSWORD})
    assert other.memberships.count() == 1

    client_of(other).post(mailed_link())
    assert other.memberships.count() == 2


# --- changing -------------------------------------------------------------------------------------


def change(browser: Browser, user: User, role: str, properties: list[Any] | None = None) -> Any:
    posted = {
        "role": role,
        "where": "all" if properties is None else "some",
        "properties": [str(each.pk) for each in properties or []],
    }
    return browser.post(reverse("person", args=[user.pk]), posted, follow=True)


def test_a_role_counts_from_the_next_request(browser: Browser, admin: User) -> None:
    workspace = workspace_of(admin)
    user = make_user(Role.MANAGER, workspace=workspace)
    theirs = client_of(user)
    assert theirs.get(reverse("accounts")).status_code == 200

    change(browser, user, Role.AUDITOR)

    assert theirs.get(reverse("accounts")).status_code == 403
    before = workspace.access_version
    workspace.refresh_from_db()
    assert workspace.access_version == before + 1
    detail = Event.objects.get(verb=Verb.PERSON_CHANGED).detail
    assert detail == {"before": ["Manager: all properties"], "after": ["Auditor: all properties"]}


def test_a_role_can_be_for_some_properties(browser: Browser, admin: User) -> None:
    workspace = workspace_of(admin)
    user = make_user(Role.MANAGER, workspace=workspace)
    places = [make_property(workspace, name=name) for name in ("A", "B")]

    change(browser, user, Role.FRONT_DESK, places)

    rows = Membership.objects.filter(user=user).order_by("property__name")
    assert [(row.role, row.property.name) for row in rows] == [
        (Role.FRONT_DESK, "A"),
        (Role.FRONT_DESK, "B"),
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"where": ""}, "Choose all properties, or only some."),
        ({"where": "some"}, "Tick at least one property, or choose all properties."),
        ({"where": "both"}, "is not one of the available choices"),
    ],
)
def test_nobody_gets_all_properties_by_leaving_something_out(
    browser: Browser, fields: dict[str, str], sentence: str
) -> None:
    page = invite(browser, **fields)

    assert sentence in words(page)
    assert not Invitation.objects.exists()


def test_what_is_ticked_counts_only_for_these(browser: Browser, admin: User) -> None:
    place = make_property(workspace_of(admin))

    invite(browser, where="all", properties=[str(place.pk)])

    assert not Invitation.objects.get().properties.exists()


def test_the_page_of_a_person_shows_where_they_are(browser: Browser, admin: User) -> None:
    place = make_property(workspace_of(admin))
    some = make_user(Role.MANAGER, place=place)
    everywhere = make_user(Role.MANAGER, workspace=workspace_of(admin))

    shown = [
        browser.get(reverse("person", args=[who.pk])).context["form"]["where"].value()
        for who in (some, everywhere)
    ]

    assert shown == ["some", "all"]


def test_properties_of_another_workspace_cannot_be_given(browser: Browser, admin: User) -> None:
    user = make_user(Role.MANAGER, workspace=workspace_of(admin))

    page = change(browser, user, Role.MANAGER, [make_property(make_workspace())])

    assert "is not one of the available choices" in words(page)


def test_an_admin_is_for_all_properties(browser: Browser, admin: User) -> None:
    user = make_user(Role.MANAGER, workspace=workspace_of(admin))

    page = change(browser, user, Role.ADMIN, [make_property(workspace_of(admin))])

    assert "An admin is for all properties" in words(page)


def test_nobody_changes_their_own_role(browser: Browser, admin: User) -> None:
    make_user(Role.ADMIN, workspace=workspace_of(admin))

    page = change(browser, admin, Role.AUDITOR)

    assert "Nobody changes their own role" in words(page)
    assert admin.memberships.get().role == Role.ADMIN


def test_the_last_admin_stays_an_admin_and_active(admin: User) -> None:
    workspace, now = workspace_of(admin), timezone.now()
    other = make_user(Role.ADMIN, workspace=workspace)
    people.deactivate(workspace, other, by=admin, at=now)

    with pytest.raises(people.RefusedError, match="is the last admin"):
        people.change_access(workspace, admin, role=Role.AUDITOR, properties=[], by=other, at=now)
    with pytest.raises(people.RefusedError, match="is the last admin"):
        people.deactivate(workspace, admin, by=other, at=now)


# --- deactivating ---------------------------------------------------------------------------------


def test_deactivating_ends_sessions_and_open_streams_at_once(browser: Browser, admin: User) -> None:
    workspace = workspace_of(admin)
    user = make_user(Role.FRONT_DESK, workspace=workspace)
    theirs = client_of(user)
    assert theirs.get(reverse("board")).status_code == 200

    browser.post(reverse("person-deactivate", args=[user.pk]))

    assert theirs.get(reverse("board")).status_code == 302
    user.refresh_from_db()
    assert not user.is_active
    before = workspace.access_version
    workspace.refresh_from_db()
    assert workspace.access_version > before
    assert browser.get(reverse("people")).status_code == 200
    assert Event.objects.filter(verb=Verb.PERSON_DEACTIVATED).count() == 1


def test_a_deactivated_person_can_be_reactivated(browser: Browser, admin: User) -> None:
    user = make_user(Role.FRONT_DESK, workspace=workspace_of(admin))
    browser.post(reverse("person-deactivate", args=[user.pk]))

    browser.post(reverse("person-reactivate", args=[user.pk]))

    user.refresh_from_db()
    assert user.is_active
    assert user.memberships.count() == 1


def test_somebody_of_two_workspaces_leaves_only_this_one(browser: Browser, admin: User) -> None:
    user = make_user(Role.FRONT_DESK, workspace=workspace_of(admin))
    elsewhere = Membership.objects.create(
        workspace=make_workspace(), user=user, role=Role.FRONT_DESK
    )

    browser.post(reverse("person-deactivate", args=[user.pk]))

    user.refresh_from_db()
    assert user.is_active
    assert user.memberships.get() == elsewhere


def test_nobody_deactivates_themselves(browser: Browser, admin: User) -> None:
    make_user(Role.ADMIN, workspace=workspace_of(admin))

    page = browser.post(reverse("person-deactivate", args=[admin.pk]), follow=True)

    assert "You cannot deactivate yourself" in words(page)
    admin.refresh_from_db()
    assert admin.is_active


def test_a_deactivated_person_cannot_sign_in(browser: Browser, admin: User) -> None:
    user = make_user(Role.FRONT_DESK, workspace=workspace_of(admin), is_active=False)
    user.set_password(NEW_PASSWORD)
    user.save()
    guest = Browser()

    guest.post(reverse("account_login"), {"login": user.email, "password": NEW_PASSWORD})

    assert "_auth_user_id" not in guest.session


# --- what roles may, in words ---------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_the_forms_say_of_every_role_what_it_may(browser: Browser, admin: User, role: Role) -> None:
    colleague = make_user(role, workspace=workspace_of(admin))
    sentence = f"{role.label.capitalize()}: {dict(ROLES_IN_WORDS)[role]}"

    assert sentence in words(browser.get(reverse("person-invite")))
    assert sentence in words(browser.get(reverse("person", args=[colleague.pk])))


def test_the_words_on_roles_are_those_of_these_permissions() -> None:
    """Whoever changes what a role may changes ROLES_IN_WORDS, the demo's list and the README."""
    added, before = {}, frozenset[Permission]()
    for role, _ in ROLES_IN_WORDS:
        added[role] = set(PERMISSIONS_OF[role] - before)
        assert before <= PERMISSIONS_OF[role]
        before = PERMISSIONS_OF[role]

    assert added == {
        Role.AUDITOR: {
            Permission.VIEW_BOARD,
            Permission.VIEW_CODES,
            Permission.VIEW_LOG,
            Permission.VIEW_ACCESS,
            Permission.VIEW_GRANTS,
        },
        Role.FRONT_DESK: {
            Permission.UNLOCK,
            Permission.MANAGE_CODES,
            Permission.REVEAL_CODES,
            Permission.MANAGE_CARDHOLDERS,
            Permission.MAKE_CARDS,
            Permission.CANCEL_CARDS,
            Permission.SCAN_CARDS,
            Permission.MANAGE_GRANTS,
        },
        Role.MANAGER: {
            Permission.MANAGE_ACCOUNTS,
            Permission.MANAGE_SYSTEMS,
            Permission.MANAGE_RESERVATIONS,
        },
        Role.ADMIN: {Permission.MANAGE_PEOPLE, Permission.MANAGE_DOORS, Permission.VIEW_RAW},
    }


# --- which properties -----------------------------------------------------------------------------


def test_ticking_a_property_says_that_it_is_only_some(browser: Browser, admin: User) -> None:
    place = make_property(workspace_of(admin))

    invite(browser, where="", properties=[place.pk])

    assert list(Invitation.objects.get().properties.all()) == [place]


def test_without_a_tick_it_is_asked(browser: Browser) -> None:
    assert "Choose all properties, or only some." in words(invite(browser, where=""))
    assert not Invitation.objects.exists()
