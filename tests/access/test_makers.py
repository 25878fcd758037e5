"""Makers of rows fit together: whatever is made stands in one system."""

import pytest

from tests.make import (
    make_acs_user,
    make_credential,
    make_encoder,
    make_entrance,
    make_group,
    make_job,
    make_system,
)

pytestmark = pytest.mark.django_db


def test_a_user_in_a_group_opens_its_entrances():
    system = make_system()
    door = make_entrance(system)
    group = make_group(system, entrances=[door])

    user = make_acs_user(system, groups=[group])

    assert list(user.groups.all()) == [group]
    assert [list(each.entrances.all()) for each in user.groups.all()] == [[door]]
    assert not user.memberships.get().is_pending


def test_a_card_and_a_job_are_of_one_system():
    card = make_credential()
    encoder = make_encoder(card.system)

    assert make_job(card.user, encoder).system == card.user.system
    assert make_job(encoder=make_encoder(card.system)).user.system == card.system
    assert make_job(kind="scan").user is None
    assert make_credential(system=card.system).user is None
