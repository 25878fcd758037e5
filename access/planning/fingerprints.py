"""Whether two plans are the same, and in words how they differ.

An outline goes out with a form and comes back with it, as JSON, so that saving can tell what
changed since. No digits are in it, nor anything made from them: of four to nine, a hash is
undone in a second.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from access.planning.outcome import Action, Line, Plan, Row, Source
from access.planning.telling import span
from accounts.providers.systems import AccessMethod
from locks.codes.rules import Window

Outline = Mapping[str, Sequence[Any]]

_WHAT = {
    AccessMethod.CODE: "PIN",
    AccessMethod.CARD: "card",
    AccessMethod.MOBILE_KEY: "mobile key",
    AccessMethod.CLOUD_KEY: "web key",
}


def outline(plan: Plan) -> Outline:
    """Return what a plan does, as JSON, the same in whatever order it was asked for."""
    return {
        "doors": sorted(_door(line, row) for row in plan.rows for line in row.lines),
        "shared": sorted(sorted(str(each) for each in row.door_ids) for row in plan.rows),
        "warnings": sorted({each.sentence for each in plan.warnings}),
        "problems": sorted({each.sentence for each in plan.problems}),
    }


def _door(line: Line, row: Row) -> list[str]:
    starts, ends = line.window.starts_at, line.window.ends_at
    return [
        line.door_name,
        str(line.door_id),
        str(line.mode),
        str(_action(line)),
        "left" if line.is_left else "",
        starts.isoformat() if starts else "",
        ends.isoformat() if ends else "",
        str(row.method_id or ""),
        str(row.source or ""),
        str(row.source_id or ""),
        str(row.need),
        "new digits" if row.wants_new_digits else "",
        line.sentence,
    ]


def _action(line: Line) -> Action:
    """Return what happens, as people see it.

    A PIN that stays the same is changed in one way, whether or not a lock has it by now.
    """
    is_code = line.mode == AccessMethod.CODE
    return Action.CHANGE if is_code and line.action == Action.REISSUE else line.action


def fingerprint(plan: Plan) -> str:
    """Return the same text for plans that do the same."""
    return _hashed(outline(plan))


def _hashed(told: Outline) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


# --- what changed meanwhile -----------------------------------------------------------


def differences(shown: Outline, plan: Plan, zone: ZoneInfo, *, now: datetime) -> list[str]:
    """Return what is not as it was shown, a sentence each; nothing where nothing is.

    `shown`: an outline, also one that was JSON in between.
    """
    today = outline(plan)
    if _hashed(shown) == _hashed(today):
        return []
    before, after = _by_door(shown), _by_door(today)
    said = [
        f"{key[0]}: {text}"
        for key in sorted(before.keys() | after.keys())
        for text in _of_door(before.get(key), after.get(key), zone, now)
    ]
    said += _of_sentences(shown, today)
    return said or ["What is there already has changed meanwhile."]


class _Told:
    """One line of an outline."""

    def __init__(self, told: Sequence[str]) -> None:
        self.name, self.door_id, self.mode, self.action, self.left = told[:5]
        self.window = Window(
            *(datetime.fromisoformat(each) if each else None for each in told[5:7])
        )
        self.method_id, self.source, self.source_id = told[7:10]
        self.sentence = told[12]

    @property
    def opens(self) -> bool:
        return self.action != Action.REVOKE and not self.left


def _by_door(told: Outline) -> dict[tuple[str, str, str], _Told]:
    """By door and method. Where one PIN follows another at a door, the new one counts."""
    lines = sorted(map(_Told, told["doors"]), key=lambda each: each.opens)
    return {(each.name, each.door_id, each.mode): each for each in lines}


def _of_door(
    before: _Told | None, after: _Told | None, zone: ZoneInfo, now: datetime
) -> Iterator[str]:
    what = _WHAT[AccessMethod(cast(_Told, before or after).mode)]
    if before is None or after is None:
        yield f"no {what}." if after is None else f"now also a {what}."
    elif (before.source, before.source_id) != (after.source, after.source_id):
        yield _of_source(before, after)
    elif before.action != after.action or before.method_id != after.method_id:
        yield after.sentence
    elif before.window != after.window:
        yield f"now {span(after.window, zone, now)}."
    elif before.sentence != after.sentence:
        yield after.sentence


def _of_source(before: _Told, after: _Told) -> str:
    if before.source == Source.ASKED:
        return "the PIN asked for is not free any more, so it has another."
    if after.source == Source.ASKED:
        return "the PIN asked for is free now."
    return "another PIN than shown."


def _of_sentences(shown: Outline, today: Outline) -> Iterator[str]:
    known = {*shown["warnings"], *shown["problems"]}
    told = [*today["problems"], *today["warnings"]]
    yield from (f"{each.rstrip('.')}." for each in told if each not in known)
