"""What is decided without a database: proof, pace, words."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from access.cards import evidence, failures, pace
from access.cards.evidence import Finding
from access.states import JobKind
from accounts.providers.systems import CardOnEncoder, ListedCredential, Problem, ScanResult

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
moments = st.none() | st.datetimes(timezones=st.just(UTC))
texts = st.text(max_size=80)


def card(**fields):
    return ListedCredential(remote_id="c", access_method="card", **fields)


@given(is_issued=st.none() | st.booleans(), issued_at=moments, before=moments)
def test_nothing_is_proof_but_a_write_that_was_not_there_before(is_issued, issued_at, before):
    seen = card(is_issued=is_issued, issued_at=issued_at)

    if evidence.is_new_proof(seen, issued_before=before):
        assert is_issued is True
        assert before is None or issued_at > before
        assert evidence.confirms(seen, issued_before=before)


@given(before=moments)
def test_a_card_that_still_waits_for_its_writing_confirms_nothing(before):
    waiting = card(
        is_issued=True, issued_at=before, warnings=(Problem(code="needs_to_be_reissued"),)
    )
    assert before is None or not evidence.confirms(waiting, issued_before=before)
    assert not evidence.confirms(card(is_issued=False), issued_before=before)


def test_looks_are_closest_while_cards_are_written_then_become_rarer_and_never_stop():
    waits = [pace.next_look_seconds(each) for each in range(1, 700)]

    assert all(first <= later for first, later in pairwise(waits))
    assert (waits[0], waits[20], waits[60], waits[698]) == (0.125, 0.5, 1.0, 5.0)


@given(message=texts, fields=texts, encoder=texts, in_a_row=st.integers(1, 9))
def test_no_message_breaks_a_sentence(message, fields, encoder, in_a_row):
    for failure in [*failures.ROWS, "a_new_word"]:
        for kind in JobKind:
            said = failures.sentence_of(
                failure,
                kind,
                encoder=encoder,
                reference="AB12CD",
                message=message,
                fields=fields,
                in_a_row=in_a_row,
            )
            assert said


@given(number=st.from_regex(r"[0-9A-F]{8,20}", fullmatch=True), before=texts)
def test_no_card_number_stays_whole_in_a_message(number, before):
    assert number not in evidence.without_numbers(f"{before[:40]} {number} is used")


@given(
    number=st.from_regex(r"[0-9A-F]{8,14}", fullmatch=True),
    is_known=st.booleans(),
    is_on_card=st.booleans(),
)
def test_a_reading_keeps_four_digits_of_a_number(number, is_known, is_on_card):
    scan = ScanResult(
        card=CardOnEncoder(card_number=number) if is_on_card else None,
        credential=card(card_number=number) if is_known else None,
    )

    reading = evidence.read(scan)

    assert number not in str(reading)
    finding = Finding.OURS if is_known else Finding.FOREIGN if is_on_card else Finding.BLANK
    assert reading.finding == finding


def test_a_countdown_grows_to_its_last_step():
    waits = [failures.may_press_again_at("encoder_busy", n, NOW) for n in range(6)]

    assert [each - NOW for each in waits] == [timedelta(seconds=s) for s in (3, 3, 6, 12, 12, 12)]
    assert failures.may_press_again_at("no_card", 1, NOW) is None
