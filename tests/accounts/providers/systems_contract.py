"""The promises of a driver for access control systems. To test one, subclass
`SystemsContract` and give it a `rig`: a driver, and hands in the world it speaks of.
"""

import abc
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from accounts.providers.base import ProviderError, Reach, RefusedError, UncertainError
from accounts.providers.systems import (
    AccessMethod,
    AccessSystems,
    AttemptState,
    CardFailure,
    UserWish,
    failure_of,
)

BUDGET_SECONDS = 5.0
WAIT_SECONDS = 20.0


class SystemsRig(abc.ABC):
    """An installation that writes cards: some groups, doors, people, an encoder, blank cards."""

    system_id: str
    encoder_id: str
    #: Nothing of this may show anywhere.
    secrets: tuple[str, ...]

    @abc.abstractmethod
    def driver(self): ...

    @abc.abstractmethod
    def pass_time(self, seconds):
        """Let what was told reach the system."""

    @abc.abstractmethod
    def place_blank(self):
        """Lay a blank card on the encoder."""

    @abc.abstractmethod
    def take_card(self): ...

    @abc.abstractmethod
    def losing_answers(self):
        """Return a context in which requests arrive and their answers do not."""

    @abc.abstractmethod
    def count_starts(self):
        """Return how many requests that start something at an encoder have arrived."""

    def options(self):
        return {"budget_seconds": BUDGET_SECONDS, "request_id": f"request-{uuid4()}"}

    def make_user(self, **changes):
        wish = UserWish(**{"full_name": "Jane Doe", "email": "jane.doe@example.com", **changes})
        user = self.driver().create_acs_user(self.system_id, wish, **self.options())
        self.pass_time(10)
        return user

    def make_key(self, user, *, is_new_key=True):
        return self.driver().create_credential(
            user.remote_id,
            access_method=AccessMethod.CARD,
            is_new_key=is_new_key,
            **self.options(),
        )

    def end_of(self, attempt):
        """Look at an attempt until it ends."""
        until = time.monotonic() + WAIT_SECONDS
        while attempt.state is AttemptState.PENDING:
            assert time.monotonic() < until
            time.sleep(0.05)
            attempt = self.look(attempt)
        return attempt

    def look(self, attempt):
        return self.driver().get_encoder_attempt(attempt.remote_id, budget_seconds=BUDGET_SECONDS)

    def encode(self, credential):
        return self.driver().start_encode(self.encoder_id, credential.remote_id, **self.options())

    def scan(self):
        self.rest()
        return self.end_of(self.driver().start_scan(self.encoder_id, **self.options())).scan

    @abc.abstractmethod
    def rest(self):
        """Let the encoder come to rest after a job."""


class SystemsContract:
    def test_it_is_one(self, rig):
        assert isinstance(rig.driver(), AccessSystems)

    def test_the_system_is_listed_with_its_type(self, rig):
        [system] = [each for each in rig.driver().list_systems() if each.remote_id == rig.system_id]

        assert system.name
        assert (system.errors, system.warnings) == ((), ())

    def test_groups_doors_people_and_encoders_are_listed_and_belong_together(self, rig):
        driver = rig.driver()
        users = {each.remote_id for each in driver.list_acs_users(rig.system_id)}
        entrances = {each.remote_id for each in driver.list_entrances(rig.system_id)}
        groups = driver.list_groups(rig.system_id)
        encoders = {each.remote_id for each in driver.list_encoders(rig.system_id)}

        assert users
        assert groups
        assert entrances
        assert rig.encoder_id in encoders
        for group in groups:
            assert set(driver.group_entrance_ids(group.remote_id)) <= entrances
            for user_id in driver.group_user_ids(group.remote_id):
                assert user_id in users
                assert group.remote_id in driver.user_group_ids(rig.system_id, user_id)

    # --- people ---

    def test_a_user_is_made_with_groups_and_times_in_one_call(self, rig):
        driver = rig.driver()
        group_ids = tuple(each.remote_id for each in driver.list_groups(rig.system_id)[:2])
        now = datetime.now(UTC).replace(microsecond=0)
        wish = UserWish(
            full_name="Jane Doe",
            email="jane.doe@example.com",
            phone="+15555550100",
            starts_at=now,
            ends_at=now + timedelta(days=2),
        )
        made = driver.create_acs_user(rig.system_id, wish, group_ids=group_ids, **rig.options())
        rig.pass_time(10)

        user = driver.get_acs_user(made.remote_id)
        told = (user.full_name, user.email, user.phone, user.starts_at, user.ends_at)
        assert told == ("Jane Doe", wish.email, wish.phone, wish.starts_at, wish.ends_at)
        assert not user.mutations
        assert set(driver.user_group_ids(rig.system_id, made.remote_id)) == set(group_ids)

    def test_a_schedule_can_be_opened_at_its_end_and_taken_away(self, rig):
        now = datetime.now(UTC).replace(microsecond=0)
        user = rig.make_user(starts_at=now, ends_at=now + timedelta(days=2))
        wish = UserWish(full_name="Jane Doe", starts_at=now)

        rig.driver().update_acs_user(user.remote_id, wish, **rig.options())
        is_open = rig.driver().get_acs_user(user.remote_id)
        wish = replace(wish, starts_at=None)
        rig.driver().update_acs_user(user.remote_id, wish, **rig.options())
        without = rig.driver().get_acs_user(user.remote_id)

        assert (is_open.starts_at, is_open.ends_at) == (now, None)
        assert (without.starts_at, without.ends_at) == (None, None)

    def test_a_change_shows_as_pending_until_it_has_arrived(self, rig):
        user = rig.make_user()
        wish = UserWish(full_name="Jane Miller")

        rig.driver().update_acs_user(user.remote_id, wish, **rig.options())
        at_once = rig.driver().get_acs_user(user.remote_id)
        rig.pass_time(10)
        later = rig.driver().get_acs_user(user.remote_id)

        assert [each.code for each in at_once.mutations] == ["updating_user_information"]
        assert (later.full_name, later.mutations) == ("Jane Miller", ())
        assert later.email == "jane.doe@example.com"

    def test_membership_comes_and_goes_and_twice_is_no_error(self, rig):
        driver, user = rig.driver(), rig.make_user()
        group_id = driver.list_groups(rig.system_id)[0].remote_id

        for _ in range(2):
            driver.add_to_group(group_id, user.remote_id, **rig.options())
        pending = driver.get_acs_user(user.remote_id).mutations
        added = driver.user_group_ids(rig.system_id, user.remote_id)
        for _ in range(2):
            driver.remove_from_group(group_id, user.remote_id, **rig.options())

        assert [each.group_id for each in pending] == [group_id]
        assert added == [group_id]
        assert driver.user_group_ids(rig.system_id, user.remote_id) == []

    def test_suspension_comes_and_goes(self, rig):
        driver, user = rig.driver(), rig.make_user()
        seen = []

        for wish in (True, False):
            driver.set_suspended(user.remote_id, is_suspended=wish, **rig.options())
            seen.append(driver.get_acs_user(user.remote_id).is_suspended)

        assert seen == [True, False]

    def test_who_is_gone_counts_as_deleted_removed_and_suspended(self, rig):
        driver, nobody = rig.driver(), str(uuid4())
        group_id = driver.list_groups(rig.system_id)[0].remote_id

        assert driver.get_acs_user(nobody) is None
        assert driver.get_credential(nobody) is None
        driver.delete_acs_user(nobody, **rig.options())
        driver.delete_credential(nobody, **rig.options())
        driver.remove_from_group(group_id, nobody, **rig.options())
        driver.set_suspended(nobody, is_suspended=True, **rig.options())

        for act in (
            lambda: driver.set_suspended(nobody, is_suspended=False, **rig.options()),
            lambda: driver.add_to_group(group_id, nobody, **rig.options()),
            lambda: driver.update_acs_user(nobody, UserWish(full_name="X"), **rig.options()),
        ):
            with pytest.raises(RefusedError) as caught:
                act()
            assert caught.value.code == "not_found"

    def test_a_deleted_user_goes(self, rig):
        driver, user = rig.driver(), rig.make_user()

        driver.delete_acs_user(user.remote_id, **rig.options())
        at_once = driver.get_acs_user(user.remote_id)
        rig.pass_time(10)

        assert at_once is None or at_once.is_being_deleted
        assert driver.get_acs_user(user.remote_id) is None

    # --- cards ---

    def test_a_card_is_written_once_it_lies_on_the_encoder(self, rig):
        user = rig.make_user()
        key = rig.make_key(user)
        assert (key.user_id, key.is_issued, key.card_number) == (user.remote_id, False, "")

        attempt = rig.encode(key)
        assert attempt.state is AttemptState.PENDING
        assert rig.look(attempt).state is AttemptState.PENDING
        rig.place_blank()
        done = rig.end_of(attempt)

        assert (done.state, done.failure) == (AttemptState.SUCCESS, None)
        assert done.credential.remote_id == key.remote_id
        assert done.credential.is_issued
        assert done.credential.card_number
        [listed] = rig.driver().list_credentials(rig.system_id, user_id=user.remote_id)
        assert (listed.card_number, listed.is_issued) == (done.credential.card_number, True)

    def test_a_scan_finds_the_card_and_its_credential_or_a_blank(self, rig):
        user = rig.make_user()
        rig.place_blank()
        blank = rig.scan()
        key = rig.make_key(user)
        rig.rest()
        done = rig.end_of(rig.encode(key))
        found = rig.scan()

        assert (blank.card, blank.credential) == (None, None)
        assert found.card.card_number == done.credential.card_number
        assert found.credential.user_id == user.remote_id
        assert not found.is_out_of_sync

    def test_rights_that_changed_ask_for_the_card(self, rig):
        driver, user = rig.driver(), rig.make_user()
        key = rig.make_key(user)
        rig.place_blank()
        rig.end_of(rig.encode(key))

        group_id = driver.list_groups(rig.system_id)[0].remote_id
        driver.add_to_group(group_id, user.remote_id, **rig.options())
        rig.pass_time(10)

        assert driver.get_credential(key.remote_id).needs_to_be_reissued
        again = rig.make_key(user, is_new_key=False)
        rig.rest()
        assert rig.end_of(rig.encode(again)).state is AttemptState.SUCCESS
        assert not driver.get_credential(again.remote_id).needs_to_be_reissued

    def test_a_second_new_key_is_refused_by_name(self, rig):
        user = rig.make_user()
        first = rig.make_key(user)
        rig.place_blank()
        rig.end_of(rig.encode(first))
        rig.take_card()
        rig.rest()

        rig.place_blank()
        refused = rig.end_of(rig.encode(rig.make_key(user)))

        assert (refused.state, refused.failure) == (AttemptState.ERROR, CardFailure.HAS_KEY)
        assert refused.error_type
        assert refused.message

    def test_an_encoder_that_has_a_job_says_so(self, rig):
        rig.encode(rig.make_key(rig.make_user()))

        second = rig.end_of(rig.driver().start_scan(rig.encoder_id, **rig.options()))

        assert (second.state, second.failure) == (AttemptState.ERROR, CardFailure.ENCODER_BUSY)

    def test_an_encoder_or_a_credential_that_is_gone_begins_nothing(self, rig):
        driver, nobody = rig.driver(), str(uuid4())
        key = rig.make_key(rig.make_user())

        for ids, failure in (
            ((nobody, key.remote_id), CardFailure.ENCODER_MISSING),
            ((rig.encoder_id, nobody), CardFailure.CREDENTIAL_GONE),
        ):
            with pytest.raises(RefusedError) as caught:
                driver.start_encode(*ids, **rig.options())
            assert (failure_of(caught.value), caught.value.reach) == (failure, Reach.REFUSED)
        rig.place_blank()
        assert rig.end_of(rig.encode(key)).state is AttemptState.SUCCESS

    def test_a_start_whose_answer_is_lost_is_uncertain_and_was_asked_once(self, rig):
        key = rig.make_key(rig.make_user())
        before = rig.count_starts()

        with rig.losing_answers(), pytest.raises(UncertainError) as caught:
            rig.encode(key)

        assert failure_of(caught.value) is CardFailure.WAIT_OVER
        assert rig.count_starts() == before + 1

    def test_no_time_left_sends_nothing(self, rig):
        key, before = rig.make_key(rig.make_user()), rig.count_starts()

        with pytest.raises(ProviderError) as caught:
            rig.driver().start_encode(
                rig.encoder_id, key.remote_id, budget_seconds=0, request_id="r"
            )

        assert caught.value.reach is Reach.NOT_SENT
        assert rig.count_starts() == before

    def test_numbers_of_cards_and_secrets_show_in_no_repr(self, rig):
        user = rig.make_user()
        rig.place_blank()
        done = rig.end_of(rig.encode(rig.make_key(user)))
        found = rig.scan()

        shown = repr((done, found, rig.driver().list_credentials(rig.system_id)))
        assert done.credential.card_number not in shown
        assert not any(secret in shown for secret in rig.secrets)
