"""Identities and links at Seam, in front of recorded answers."""

import pytest

from accounts.providers.base import RefusedError, UnexpectedReplyError
from tests.accounts.providers.seam.rigs import RecordedRig

IDENTITY_ID = "00000000-0000-4000-8000-0000000000f1"
LINK_ID = "00000000-0000-4000-8000-0000000000f2"
USER_ID = "00000000-0000-4000-8000-0000000000e2"
BUDGET = {"budget_seconds": 3, "request_id": "request-1"}
IDENTITY = {"user_identity_id": IDENTITY_ID, "user_identity_key": "k1", "full_name": "Jane Doe"}
LINK = {
    "instant_key_id": LINK_ID,
    "instant_key_url": "https://ik.seam.co/ABC123",
    "user_identity_id": IDENTITY_ID,
    "created_at": "2026-11-21T15:00:00.000Z",
    "expires_at": "2026-11-28T15:00:00.000Z",
}


@pytest.fixture
def rig():
    rig = RecordedRig()
    yield rig
    rig.close()


def test_an_identity_is_asked_for_by_its_key(rig):
    rig.tell("user_identities/get", user_identity=IDENTITY)

    assert rig.driver().find_identity("k1").remote_id == IDENTITY_ID
    assert rig.asked("user_identities/get") == [{"user_identity_key": "k1"}]


def test_a_merged_identity_answers_to_its_former_key(rig):
    row = IDENTITY | {"user_identity_key": "k0", "merged_user_identity_keys": ["k1"]}
    rig.tell("user_identities/get", user_identity=row)

    assert rig.driver().find_identity("k1").remote_id == IDENTITY_ID


def test_the_identity_of_another_key_is_not_believed(rig):
    rig.tell("user_identities/get", user_identity=IDENTITY | {"user_identity_key": "k2"})

    with pytest.raises(UnexpectedReplyError):
        rig.driver().find_identity("k1")


@pytest.mark.parametrize("word", ["not_found", "workspace_not_found", "acs_user_not_found"])
def test_only_seams_own_word_says_that_there_is_no_identity(rig, word):
    rig.refuse("user_identities/get", 404, word)

    with pytest.raises(RefusedError):
        rig.driver().find_identity("k1")


def test_empty_addresses_are_not_sent(rig):
    rig.tell("user_identities/create", user_identity=IDENTITY)

    rig.driver().create_identity("k1", full_name="Jane Doe", phone="+15555550100", **BUDGET)

    sent = {"user_identity_key": "k1", "full_name": "Jane Doe", "phone_number": "+15555550100"}
    assert rig.asked("user_identities/create") == [sent]


def test_a_link_is_made_for_so_many_uses(rig):
    rig.tell("user_identities/generate_instant_key", instant_key=LINK)

    made = rig.driver().create_instant_key(IDENTITY_ID, max_use_count=2, **BUDGET)

    assert (made.remote_id, made.url) == (LINK_ID, LINK["instant_key_url"])
    sent = {"user_identity_id": IDENTITY_ID, "max_use_count": 2}
    assert rig.asked("user_identities/generate_instant_key") == [sent]


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "javascript:alert(1)",
        "https://",
        "https://x/ y",
        "https://x/\n",
        "https://x/\u202e",
        "ftp://x/y",
        "https://x/" + 1000 * "y",
    ],
)
def test_what_is_no_address_is_no_link(rig, url):
    rig.tell("user_identities/generate_instant_key", instant_key=LINK | {"instant_key_url": url})
    rig.tell("instant_keys/list", instant_keys=[LINK, LINK | {"instant_key_url": url}])

    with pytest.raises(UnexpectedReplyError):
        rig.driver().create_instant_key(IDENTITY_ID, **BUDGET)
    with pytest.raises(UnexpectedReplyError):  # not half of them
        rig.driver().list_instant_keys(IDENTITY_ID)


def test_links_of_others_are_left_out(rig):
    rig.tell("instant_keys/list", instant_keys=[LINK, LINK | {"user_identity_id": USER_ID}])

    assert [each.remote_id for each in rig.driver().list_instant_keys(IDENTITY_ID)] == [LINK_ID]


def test_a_user_is_linked_in_one_call(rig):
    rig.tell("user_identities/add_acs_user")

    rig.driver().link_identity(IDENTITY_ID, USER_ID, **BUDGET)

    asked = {"user_identity_id": IDENTITY_ID, "acs_user_id": USER_ID}
    assert rig.asked("user_identities/add_acs_user") == [asked]


def test_a_link_that_is_gone_counts_as_deleted(rig):
    rig.refuse("instant_keys/delete", 404, "instant_key_not_found")
    rig.driver().delete_instant_key(LINK_ID, **BUDGET)

    rig.refuse("instant_keys/delete", 404, "not_found")
    with pytest.raises(RefusedError):
        rig.driver().delete_instant_key(LINK_ID, **BUDGET)


def test_a_secret_link_shows_in_no_error(rig):
    url = "https://ik.seam.co/ABC123 x"
    rig.tell("user_identities/generate_instant_key", instant_key=LINK | {"instant_key_url": url})

    with pytest.raises(UnexpectedReplyError) as caught:
        rig.driver().create_instant_key(IDENTITY_ID, **BUDGET)

    assert "ABC123" not in f"{caught.value!r} {caught.value}"
