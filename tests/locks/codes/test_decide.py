"""What is decided about one code, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from accounts.providers.base import Code
from accounts.providers.codes import CodeListing, CodeRules, ListedCode
from audit.words import Verb
from locks.codes import decide, outcomes, sighting, timing
from locks.codes.actions import Change, DoorChange, Remove, SiteChange, TakeStep
from locks.codes.known import KnownCode, KnownDoor, KnownSite
from locks.codes.states import CodePhase, CodeStatus, SecretState

NOW = datetime.fromisoformat("2027-03-27T12:00:00+00:00")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RULES = CodeRules(lengths=(4,), settle=MINUTE, propagation=45 * MINUTE / 60, native_end=True)
SITE = KnownSite(id=UUID(int=1), label="Brand", codes_listed=3)
DOOR = KnownDoor(
    id=UUID(int=2),
    lock_id="lock",
    lock_name="Front Door",
    rules=RULES,
    is_online=True,
    online_since=NOW - HOUR,
    polled_at=NOW,
)


class Plan:
    """Wants one step, or none."""

    def __init__(self, step: str = "") -> None:
        self.step = step

    def next_step(self, wish: Any, seen: Any, door: Any) -> str:
        return self.step

    def creates(self, step: str) -> bool:
        return step == "create"

    def is_of_door(self, step: str) -> bool:
        return step == "group"


def make(n: int = 3, **columns: Any) -> KnownCode:
    return KnownCode(
        **{
            "id": UUID(int=n),
            "device_id": DOOR.id,
            "created_at": NOW - HOUR,
            "name": "Jane",
            "ref": "K7F3Q2MX",
            "digits": "2749",
            "secret_state": SecretState.STORED,
            "next_run_at": NOW,
        }
        | columns
    )


def gone_since(minutes: float, **columns: Any) -> KnownCode:
    """A code that shall be gone for so long, and is at the provider."""
    return make(
        **{"revoked_at": NOW - minutes * MINUTE, "remote_id": "r1", "phase": CodePhase.ON_LOCK}
        | columns
    )


def ask(code: KnownCode, *, step: str = "", door: KnownDoor = DOOR, site: KnownSite = SITE) -> Any:
    """Return the one thing that is next."""
    actions = decide.next_for(code, door, site=site, now=NOW, planner=Plan(step))
    assert len(actions) <= 1
    return actions[0] if actions else None


def look(code: KnownCode, *listed: ListedCode, site: KnownSite = SITE, **about: Any) -> KnownCode:
    """Return the code after a listing."""
    about = {"asked_at": NOW, "lines": 3} | about
    listing = CodeListing(codes=listed, **about)
    codes, doors = {code.id: code}, {DOOR.id: DOOR}
    actions = list(sighting.take_in(codes, doors, listing, site=site, now=NOW, planner=Plan()))
    return sighting.applied(codes, doors, actions)[0][code.id]


SHOWN = ListedCode(remote_id="r1", name="K7F3Q2MX Jane", ref="K7F3Q2MX")


def test_removals_come_first_and_then_what_starts_soonest() -> None:
    codes = [
        make(3, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR),
        make(4, starts_at=NOW, ends_at=NOW + HOUR),
        gone_since(1, id=UUID(int=5)),
        gone_since(0.5, id=UUID(int=6)),
        make(7, next_run_at=NOW + MINUTE),
    ]

    actions = decide.decide(
        {c.id: c for c in codes}, {DOOR.id: DOOR}, None, site=SITE, now=NOW, planner=Plan("create")
    )

    calls = [a for a in actions if isinstance(a, TakeStep | Remove)]
    assert [call.code.id.int for call in calls] == [5, 6, 4, 3]


@pytest.mark.parametrize(
    ("minutes", "told", "is_mailed"),
    [
        (1, {}, None),
        (2.5, {}, False),
        (2.5, {"alerted_at": NOW}, None),
        (16, {"alerted_at": NOW}, True),
    ],
)
def test_code_02_alerts_at_two_minutes_and_at_fifteen(
    minutes: float, told: dict[str, Any], is_mailed: bool | None
) -> None:
    action = ask(gone_since(minutes, **told))

    if is_mailed is None:
        assert isinstance(action, Remove)
    else:
        assert (action.verb, action.escalates) == (Verb.CODE_OVERDUE, is_mailed)
        assert action.facts["overdue_since"] == NOW - minutes * MINUTE


def test_a_code_that_its_lock_has_ended_by_itself_alarms_nobody() -> None:
    code = gone_since(
        30,
        revoked_at=None,
        starts_at=NOW - HOUR,
        ends_at=NOW - 30 * MINUTE,
        has_native_end=True,
        reported_ends_at=NOW - 30 * MINUTE,
    )

    assert isinstance(ask(code), Remove)


def test_while_nobody_can_be_asked_alarms_go_on() -> None:
    silent = replace(SITE, is_silent=True)

    assert ask(gone_since(3), site=silent).verb == Verb.CODE_OVERDUE
    assert ask(make(), site=silent).facts["status"] == CodeStatus.UNKNOWN


def test_code_12_what_the_site_has_no_seat_for_is_not_asked() -> None:
    seats = replace(RULES, takes_seat=True)
    door, full = replace(DOOR, rules=seats), replace(SITE, seats_used=5, seats_total=5)

    refused = ask(make(), step="create", door=door, site=full)
    warned = ask(make(), door=door, site=replace(full, seats_used=4))

    assert (refused.marks["phase"], refused.marks["error_code"]) == ("blocked", Code.NO_SEAT)
    assert [w["code"] for w in warned.facts["warnings"]] == [
        "salto_ks_subscription_limit_almost_reached"
    ]


def test_a_full_lock_is_not_asked() -> None:
    door = replace(DOOR, rules=replace(RULES, slots=10), codes_on_it=10)

    assert ask(make(), step="create", door=door).marks["error_code"] == Code.NO_SPACE


@pytest.mark.parametrize(
    ("columns", "is_slow"),
    [
        ({"setting_since": NOW - 5 * MINUTE}, False),
        ({"setting_since": NOW - 11 * MINUTE}, True),
        ({"setting_since": NOW - 3 * MINUTE, "starts_at": NOW, "ends_at": NOW + HOUR}, True),
    ],
)
def test_code_07_a_guest_who_may_be_locked_out_is_told_of(
    columns: dict[str, Any], is_slow: bool
) -> None:
    action = ask(make(**columns), step="change")

    assert isinstance(action, Change) == is_slow
    if is_slow:
        assert action.facts["warnings"][0]["code"] == "delay_in_setting_on_device"


def test_code_04_nothing_is_made_again_before_a_listing_could_show_it() -> None:
    code = make(ambiguous_since=NOW - MINUTE, phase=CodePhase.AMBIGUOUS)

    assert ask(code, step="create").facts == {"next_run_at": NOW + 15 * MINUTE / 60}
    assert look(code).ambiguous_since == code.ambiguous_since
    late = replace(code, ambiguous_since=NOW - 2 * MINUTE)
    assert look(late).ambiguous_since is None
    assert look(late, is_complete=False).ambiguous_since is not None
    assert look(late, lines=0).ambiguous_since is not None


def test_a_listing_soon_after_a_write_says_nothing_about_it() -> None:
    code = make(
        remote_id="r1", phase=CodePhase.ON_LOCK, generation=1, observed_generation=1,
        written_at=NOW - MINUTE / 2, seen={"ends": "new"},
    )  # fmt: skip

    assert look(code, replace(SHOWN, seen={"ends": "old"})).seen == {"ends": "new"}
    written = replace(code, written_at=NOW - 2 * MINUTE)
    assert look(written, replace(SHOWN, seen={"ends": "old"})).seen == {"ends": "old"}


def test_code_02_only_a_late_listing_proves_a_removal() -> None:
    code = gone_since(1, phase=CodePhase.VERIFYING_ABSENT, removal_accepted_at=NOW - MINUTE / 2)

    assert look(code).phase == CodePhase.VERIFYING_ABSENT
    assert look(code, SHOWN).phase == CodePhase.REMOVING
    proved = look(replace(code, removal_accepted_at=NOW - 2 * MINUTE))
    assert (proved.phase, proved.removed_at) == (CodePhase.REMOVED_IN_CLOUD, None)


def test_code_06_a_listing_that_shrank_by_half_proves_nothing_until_the_third() -> None:
    site = replace(SITE, codes_listed=30)
    code = gone_since(1, phase=CodePhase.VERIFYING_ABSENT, removal_accepted_at=NOW - 2 * MINUTE)

    assert look(code, site=site, lines=14).phase == CodePhase.VERIFYING_ABSENT
    third = replace(site, thin_code_listings=2, thin_codes_since=NOW - 4 * MINUTE)
    assert look(code, site=third, lines=14).phase == CodePhase.REMOVED_IN_CLOUD


@pytest.mark.parametrize(
    ("door", "is_gone"),
    [
        ({"polled_at": NOW}, True),
        ({"polled_at": NOW - 3 * MINUTE}, False),
        ({"online_since": NOW - MINUTE / 2}, False),
        ({"is_online": False}, False),
        ({"is_online": None}, False),
    ],
)
def test_sks_03_a_lock_must_be_seen_online_after_a_removal(
    door: dict[str, Any], is_gone: bool
) -> None:
    code = gone_since(4, phase=CodePhase.REMOVED_IN_CLOUD, removed_in_cloud_at=NOW - 2 * MINUTE)

    action = ask(code, door=replace(DOOR, **door))

    assert ("phase" in action.marks) == is_gone


def test_code_15_marks_of_an_older_wish_are_dropped() -> None:
    code = make()
    change = Change(code=code, facts={"remote_id": "r1"}, marks={"phase": CodePhase.ON_LOCK})

    kept = sighting.after(replace(code, generation=2), change)

    assert (kept.remote_id, kept.phase) == ("r1", CodePhase.WAITING)


def test_removals_wait_at_most_a_minute_and_creates_at_most_a_quarter_of_an_hour() -> None:
    waits = [outcomes.again_after(n, outcomes.REMOVE_AT_MOST) for n in range(100)]

    assert max(waits) == MINUTE
    assert waits == sorted(waits)
    assert outcomes.again_after(99, outcomes.SET_AT_MOST) == 15 * MINUTE


def test_a_steady_site_is_listed_once_a_minute_and_pending_ones_sooner() -> None:
    listed_at = NOW - 20 * MINUTE / 60
    steady = make(phase=CodePhase.ON_LOCK)
    pending = gone_since(1, phase=CodePhase.VERIFYING_ABSENT, removal_accepted_at=NOW)

    def due(code: KnownCode) -> datetime:
        return timing.listing_due_at([code], {DOOR.id: DOOR}, listed_at, NOW)

    assert due(steady) == listed_at + MINUTE
    assert due(pending) == NOW + 15 * MINUTE / 60


def test_moments_in_the_future_were_written_by_a_wrong_clock() -> None:
    code = make(written_at=NOW + 2 * HOUR)

    change = decide.put_right(code, NOW)

    assert change is not None
    assert change.facts == {"written_at": NOW}
    assert decide.put_right(make(written_at=NOW), NOW) is None


def test_a_listing_changes_the_site_and_the_doors_it_looked_at() -> None:
    listing = CodeListing(
        codes=(), asked_at=NOW, lines=4, seats_used=2, seats_total=9, doors={"lock": {"group": "g"}}
    )

    site, door = list(
        sighting.take_in({}, {DOOR.id: DOOR}, listing, site=SITE, now=NOW, planner=Plan())
    )

    assert isinstance(site, SiteChange)
    assert (site.columns["seats_used"], site.columns["codes_listed"]) == (2, 4)
    assert isinstance(door, DoorChange)
    assert door.columns == {"looked_at": NOW, "seen": {"group": "g"}}
