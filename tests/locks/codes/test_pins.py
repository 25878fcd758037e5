"""Digits: made at random, sealed, found again, shown only to those who may see them."""

import base64
import secrets
from collections import Counter
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.utils import timezone

from accounts.models import Role
from accounts.providers.codes import REF_ALPHABET, CodeConstraint, CodeRules
from audit.models import Event
from locks.codes import pins, rules
from locks.codes.rules import RuleError
from locks.models import CodeMoment
from tests.make import actor, make_code, make_property, make_user

SIX = CodeRules(lengths=(4, 6))


def test_made_digits_are_never_easy_to_guess_and_fit_the_lock():
    strict = CodeRules(lengths=(4,), constraints=frozenset({CodeConstraint.NO_ZEROS}))
    made = [pins.make(strict) for _ in range(300)]

    for digits in made:
        rules.check_digits(digits, strict)
        assert not rules.is_guessable(digits)
    assert len(set(made)) > 200


def test_six_digits_are_made_where_the_lock_takes_six():
    assert {len(pins.make(each)) for each in (SIX, CodeRules(lengths=(6, 9)))} == {6}
    assert len(pins.make(CodeRules(lengths=(4, 5)))) == 5
    assert len(pins.make(SIX, length=4)) == 4


def test_digits_are_spread_evenly():
    """Chi-square over the first digit of 4,000: 9 degrees of freedom, p < 0.0001 above 33.7."""
    counts = Counter(pins.make(SIX)[0] for _ in range(4000))
    square = sum((counts[str(n)] - 400) ** 2 / 400 for n in range(10))

    assert square < 33.7


def test_rules_that_leave_nothing_say_so(monkeypatch):
    nothing = CodeRules(lengths=(4,), constraints=frozenset({CodeConstraint.NO_ZEROS}))
    monkeypatch.setattr(secrets, "choice", lambda _: "0")

    with pytest.raises(RuleError, match="no digits to choose from"):
        pins.make(nothing)


def test_refs_are_eight_characters_that_nobody_mixes_up():
    refs = {pins.new_ref() for _ in range(100)}

    assert len(refs) == 100
    assert all(len(ref) == 8 and not set(ref) - set(REF_ALPHABET) for ref in refs)


def test_the_index_is_no_plain_hash(settings):
    site, other = make_property.__name__, "other"
    index = pins.blind_index(site, "805731")
    settings.PIN_INDEX_KEY = base64.b64encode(b"k" * 32).decode()

    assert len(index) == 64
    assert index != pins.blind_index(site, "805731")
    assert pins.blind_index(site, "805731") == pins.blind_index(site, "805731")
    assert pins.blind_index(site, "805731") != pins.blind_index(other, "805731")
    assert pins.blind_index(site, "805731") != pins.blind_index(site, "805732")


@pytest.mark.parametrize("key", ["", "short", "!!!", base64.b64encode(b"k" * 31).decode()])
def test_a_weak_key_is_refused(settings, key):
    settings.PIN_INDEX_KEY = key

    with pytest.raises(ImproperlyConfigured, match="base64 of at least 32"):
        pins.blind_index("site", "805731")


@pytest.mark.django_db
class TestReveal:
    def test_digits_are_shown_and_that_is_written_down(self):
        code = make_code(digits="805731")
        by, at = actor(make_user(Role.FRONT_DESK, workspace=code.workspace)), timezone.now()

        assert pins.reveal(code, by=by, at=at) == "805731"

        code.refresh_from_db()
        event = Event.objects.get(verb="code_revealed")
        assert (code.delivered_at, event.subject, event.actor_name) == (at, "Jane", "Ana")
        assert CodeMoment.objects.get().text == "Digits shown"
        assert "805731" not in f"{event.detail} {event.subject} {code.digits_sealed}"

    def test_they_count_as_handed_out_from_the_first_time_on(self):
        code, at = make_code(digits="805731"), timezone.now()
        by = actor(make_user(workspace=code.workspace))

        pins.reveal(code, by=by, at=at)
        pins.reveal(code, by=by, at=at + timedelta(hours=1))

        code.refresh_from_db()
        assert code.delivered_at == at
        assert Event.objects.filter(verb="code_revealed").count() == 2

    def test_who_only_looks_sees_none(self):
        code = make_code(digits="805731")
        by = actor(make_user(Role.AUDITOR, workspace=code.workspace))

        with pytest.raises(PermissionDenied):
            pins.reveal(code, by=by, at=timezone.now())
        code.refresh_from_db()
        assert code.delivered_at is None

    def test_nothing_is_written_where_there_is_nothing_to_show(self):
        code = make_code()
        by = actor(make_user(workspace=code.workspace))

        assert pins.reveal(code, by=by, at=timezone.now()) == ""
        assert not Event.objects.filter(verb="code_revealed").exists()
