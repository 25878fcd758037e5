"""The promises of a driver that hands out mobile keys. To test one, subclass `MobileContract`
and give it a `rig`: a `SystemsRig` with a phone.
"""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from accounts.providers.base import ProviderError, Reach, RefusedError, UncertainError
from accounts.providers.systems import AccessMethod, MobileKeys


class MobileContract:
    """A rig has besides: `open_link(url)`, `hold(phone, entrance_id)`, `losing_answers`."""

    @pytest.fixture
    def key(self):
        return f"key-{uuid4()}"

    @pytest.fixture
    def user(self, rig):
        groups = tuple(each.remote_id for each in rig.driver().list_groups(rig.system_id)[:1])
        user = rig.make_user()
        for group_id in groups:
            rig.driver().add_to_group(group_id, user.remote_id, **rig.options())
        rig.pass_time(10)
        return user

    def make_key(self, rig, user):
        return rig.driver().create_credential(
            user.remote_id, access_method=AccessMethod.MOBILE_KEY, **rig.options()
        )

    def give(self, rig, user, key):
        """Return the identity and the credential of somebody who got a mobile key."""
        driver = rig.driver()
        identity = driver.create_identity(key, full_name="Jane Doe", **rig.options())
        driver.link_identity(identity.remote_id, user.remote_id, **rig.options())
        made = self.make_key(rig, user)
        rig.pass_time(30)
        return identity, made

    def test_it_is_one(self, rig):
        assert isinstance(rig.driver(), MobileKeys)

    def test_an_identity_is_found_by_its_key(self, rig, key):
        driver = rig.driver()
        assert driver.find_identity(key) is None

        made = driver.create_identity(key, full_name="Jane Doe", **rig.options())

        assert driver.find_identity(key) == made

    def test_an_identity_is_made_once_by_its_key(self, rig, key):
        driver = rig.driver()
        made = driver.create_identity(key, full_name="Jane Doe", **rig.options())

        with pytest.raises(RefusedError) as caught:
            driver.create_identity(key, full_name="Jane Doe", **rig.options())

        assert caught.value.reach is Reach.REFUSED
        assert driver.find_identity(key) == made

    def test_after_a_lost_answer_an_identity_is_found(self, rig, key):
        with rig.losing_answers(), pytest.raises(UncertainError):
            rig.driver().create_identity(key, full_name="Jane Doe", **rig.options())

        assert rig.driver().find_identity(key) is not None

    def test_a_user_is_linked_and_twice_is_no_error(self, rig, user, key):
        driver = rig.driver()
        made = driver.create_identity(key, full_name="Jane Doe", **rig.options())
        for _ in range(2):
            driver.link_identity(made.remote_id, user.remote_id, **rig.options())

        assert driver.get_acs_user(user.remote_id).identity_id == made.remote_id

    def test_who_is_not_there_is_linked_to_nothing(self, rig, user, key):
        driver, nobody = rig.driver(), str(uuid4())
        made = driver.create_identity(key, full_name="Jane Doe", **rig.options())
        for ids in ((nobody, user.remote_id), (made.remote_id, nobody)):
            with pytest.raises(RefusedError) as caught:
                driver.link_identity(*ids, **rig.options())
            assert caught.value.code == "not_found"

    def test_a_mobile_key_wants_an_identity(self, rig, user):
        with pytest.raises(RefusedError):
            self.make_key(rig, user)

    def test_a_mobile_key_is_issued_by_itself(self, rig, user, key):
        _, made = self.give(rig, user, key)

        seen = rig.driver().get_credential(made.remote_id)
        assert (made.access_method, made.user_id) == ("mobile_key", user.remote_id)
        assert (made.is_issued, seen.is_issued) == (False, True)
        assert seen.issued_at is not None

    def test_the_link_opens_doors_until_the_key_is_taken_back(self, rig, user, key):
        driver = rig.driver()
        identity, made = self.give(rig, user, key)
        link = driver.create_instant_key(identity.remote_id, **rig.options())
        assert link.expires_at > datetime.now(UTC) + timedelta(minutes=1)
        phone = rig.open_link(link.url)
        group_id = driver.list_groups(rig.system_id)[0].remote_id
        entrances = driver.group_entrance_ids(group_id)

        opened = {rig.hold(phone, each) for each in entrances}
        driver.delete_credential(made.remote_id, **rig.options())
        rig.pass_time(30)

        assert True in opened
        assert {rig.hold(phone, each) for each in entrances} == {False}
        assert driver.get_credential(made.remote_id) is None

    def test_a_link_is_listed_with_its_address_and_deleted_twice(self, rig, user, key):
        driver = rig.driver()
        identity, _ = self.give(rig, user, key)
        made = driver.create_instant_key(identity.remote_id, max_use_count=3, **rig.options())

        listed = driver.list_instant_keys(identity.remote_id)
        for _ in range(2):
            driver.delete_instant_key(made.remote_id, **rig.options())

        assert listed == [made]
        assert driver.list_instant_keys(identity.remote_id) == []

    def test_after_a_lost_answer_the_link_is_listed(self, rig, user, key):
        identity, _ = self.give(rig, user, key)
        with rig.losing_answers(), pytest.raises(UncertainError):
            rig.driver().create_instant_key(identity.remote_id, **rig.options())

        [found] = rig.driver().list_instant_keys(identity.remote_id)
        assert rig.open_link(found.url)

    def test_no_time_left_sends_nothing(self, rig, key):
        budget = {"budget_seconds": 0, "request_id": "r"}
        with pytest.raises(ProviderError) as caught:
            rig.driver().create_identity(key, full_name="Jane Doe", **budget)

        assert caught.value.reach is Reach.NOT_SENT
        assert rig.driver().find_identity(key) is None

    def test_the_address_of_a_link_shows_in_no_repr(self, rig, user, key):
        identity, _ = self.give(rig, user, key)
        link = rig.driver().create_instant_key(identity.remote_id, **rig.options())

        assert link.url not in repr(link)
