"""Two kinds of simulated providers, with the lies and lags of real ones."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from accounts.providers.base import (
    Code,
    ProviderError,
    RefusedError,
    UncertainError,
    UnreachableError,
)
from accounts.providers.codes import (
    CodeListing,
    CodeRules,
    CodeWish,
    ListedCode,
    ListedState,
    StepDone,
    ref_of,
)
from accounts.providers.salto_ks import codes as salto

EPOCH = datetime.fromisoformat("2026-11-21T00:00:00+00:00")


@dataclass
class Copy:
    """One code as the provider keeps it; every change is remembered, for old listings."""

    remote_id: str
    ref: str
    lock_id: str
    made: float
    versions: list[tuple[float, dict[str, Any]]]
    gone: float | None = None
    #: Removals that are answered yes and not done.
    lies: int = 0
    lied_at: float = -1e9

    @property
    def now(self) -> dict[str, Any]:
        return self.versions[-1][1]

    def at(self, moment: float) -> dict[str, Any] | None:
        if self.made > moment or (self.gone is not None and self.gone <= moment):
            return None
        return next(v for at, v in reversed(self.versions) if at <= moment)

    def change(self, moment: float, **attributes: Any) -> None:
        self.versions.append((moment, {**self.now, **attributes}))


@dataclass
class Faults:
    """What may go wrong in one world; all of it ends before the end."""

    lost_reply: float = 0.0
    not_ready: float = 0.0
    server_error: float = 0.0
    lag: float = 0.0
    lying_removals: float = 0.0
    down: list[tuple[float, float]] = field(default_factory=list)
    empty: list[tuple[float, float]] = field(default_factory=list)
    cut: list[tuple[float, float]] = field(default_factory=list)
    until: float = 1e9

    def within(self, spans: list[tuple[float, float]], t: float) -> bool:
        return t < self.until and any(a <= t < b for a, b in spans)


class Cloud:
    """What both kinds share: copies, doors, faults."""

    rules: CodeRules
    settle: float

    def __init__(self, rng: random.Random, faults: Faults, *, seats: int) -> None:
        self.rng, self.faults, self.seats = rng, faults, seats
        self.t = 0.0
        self.copies: dict[str, Copy] = {}
        self.doors: dict[str, list[tuple[float, dict[str, Any]]]] = {}
        self.calls = self.listings = 0
        self._n = 0
        #: How many copies of one ref there ever were at once, with since when.
        self.twins: dict[str, float] = {}
        self.worst_twins = 0.0
        #: Those that somebody else made a second copy of.
        self.copied: set[str] = set()

    # --- for workers ---

    def take_step(
        self, step: str, wish: CodeWish, seen: Mapping[str, Any], door: Mapping[str, Any]
    ) -> StepDone:
        self._arrive()
        done = self._do(step, wish, dict(seen), dict(door))
        self._answer()
        return done

    def remove_code(self, remote_id: str) -> None:
        self._arrive()
        copy = self.copies.get(remote_id)
        if copy is not None and copy.gone is None:
            if copy.lies > 0 and self.t < self.faults.until:
                copy.lies -= 1
                copy.lied_at = self.t
            else:
                self.end(copy)
        self._answer()

    def _arrive(self) -> None:
        self.calls += 1
        f = self.faults
        if f.within(f.down, self.t):
            raise UnreachableError("away")
        if self.t < f.until and self.rng.random() < f.server_error:
            raise RefusedError("busy", status=503)

    def _answer(self) -> None:
        f = self.faults
        if self.t < f.until and self.rng.random() < f.lost_reply:
            raise UncertainError("no answer")

    def list_codes(self, asked_at: datetime, doors: Mapping[str, Any], unsure: Any) -> CodeListing:
        self.listings += 1
        f = self.faults
        if f.within(f.down, self.t):
            raise UnreachableError("away")
        moment = self.t - (self.rng.random() * f.lag if self.t < f.until else 0.0)
        shown = [(c, v) for c in self.copies.values() if (v := c.at(moment)) is not None]
        is_complete = True
        if f.within(f.empty, self.t):
            shown = []
        elif f.within(f.cut, self.t):
            shown, is_complete = shown[: len(shown) // 3], False
        return CodeListing(
            codes=tuple(self._listed(c, v, unsure) for c, v in shown),
            asked_at=asked_at,
            is_complete=is_complete,
            seats_used=self.seats_used,
            seats_total=self.seats,
            doors={lock: self._door_at(lock, moment, seen) for lock, seen in doors.items()},
        )

    # --- for the world ---

    @property
    def alive(self) -> list[Copy]:
        return [c for c in self.copies.values() if c.gone is None]

    @property
    def seats_used(self) -> int:
        return len(self.alive)

    def end(self, copy: Copy) -> None:
        copy.gone = self.t
        self._count(copy.ref)

    def add(self, ref: str, lock_id: str, **attributes: Any) -> Copy:
        self._n += 1
        copy = Copy(f"r{self._n:05d}", ref, lock_id, self.t, [(self.t, attributes)])
        if self.t < self.faults.until and self.rng.random() < self.faults.lying_removals:
            copy.lies = self.rng.randint(1, 2)
        self.copies[copy.remote_id] = copy
        self._count(ref)
        return copy

    def _count(self, ref: str) -> None:
        """Keep how long there were two of one."""
        if not ref or ref in self.copied:
            return
        many = sum(c.ref == ref and c.gone is None for c in self.copies.values()) > 1
        if many:
            self.twins.setdefault(ref, self.t)
        elif ref in self.twins:
            self.worst_twins = max(self.worst_twins, self.t - self.twins.pop(ref))

    def opens(self, copy: Copy, now: datetime, lock_id: str = "") -> bool:
        raise NotImplementedError

    def _do(
        self, step: str, wish: CodeWish, seen: dict[str, Any], door: dict[str, Any]
    ) -> StepDone:
        raise NotImplementedError

    def _listed(self, copy: Copy, shown: dict[str, Any], unsure: Any) -> ListedCode:
        raise NotImplementedError

    def _door_at(self, lock_id: str, moment: float, seen: Mapping[str, Any]) -> Any:
        return dict(seen)

    def _copy(self, seen: Mapping[str, Any]) -> Copy:
        copy = self.copies.get(seen.get("id", ""))
        if copy is None or copy.gone is not None:
            raise RefusedError("not found", code=Code.NOT_FOUND, status=404)
        return copy


class SaltoCloud(Cloud, salto.SaltoCodes):
    """Makes the digits; a guest, a PIN, a group per door. Plans as the real driver does."""

    rules = salto.RULES
    is_legacy = False

    def _site_url(self, *args: Any, **kwargs: Any) -> str:
        raise AssertionError("a simulated cloud has no address")

    def take_step(self, step, wish, seen, door):  # type: ignore[no-untyped-def,override]
        return Cloud.take_step(self, step, wish, seen, door)

    def remove_code(self, remote_id):  # type: ignore[no-untyped-def,override]
        Cloud.remove_code(self, remote_id)

    def list_codes(self, asked_at, doors, unsure):  # type: ignore[no-untyped-def,override]
        listing = Cloud.list_codes(self, asked_at, doors, unsure)
        opens = salto._opened_by(listing.doors)
        codes = (replace(c, lock_ids=tuple(opens.get(c.person_id, ()))) for c in listing.codes)
        return replace(listing, codes=tuple(codes))

    def leave_door(self, seen, door):  # type: ignore[no-untyped-def,override]
        self._arrive()
        copy = self.copies[seen["id"]]
        lies = self.t < self.faults.until and self.rng.random() < self.faults.lying_removals
        if lies:
            copy.lied_at = self.t
        elif door.get("group"):
            self._in_group(door["group"].removeprefix("g-"), seen["person"], is_in=False)
        self._answer()
        others = [p for p in door.get("members", ()) if p != seen["person"]]
        return {**door, "members": others} if door.get("group") else door

    def opens(self, copy: Copy, now: datetime, lock_id: str = "") -> bool:
        v = copy.now
        group = self.doors.get(lock_id or copy.lock_id, [(0.0, {})])[-1][1]
        ends = v["expires_at"]
        is_member = v["person"] in group.get("members", ()) and group.get("has_schedule")
        is_over = ends is not None and datetime.fromisoformat(ends) <= now
        return bool(v["pin"] and v["use_pin"] and is_member and not is_over)

    def _do(
        self, step: str, wish: CodeWish, seen: dict[str, Any], door: dict[str, Any]
    ) -> StepDone:
        if step == "guest":
            return self._guest(wish, seen, door)
        if self.is_of_door(step):
            return StepDone(seen=seen, door=self._set_door(step, wish, door))
        copy = self._copy(seen)
        is_fresh = self.t < self.faults.until and self.t - copy.made < 40
        if is_fresh and self.rng.random() < self.faults.not_ready:
            raise RefusedError("not yet", code=Code.NOT_READY, status=403)
        return getattr(self, f"_{step}")(copy, wish, seen, door)

    def _guest(self, wish: CodeWish, seen: dict[str, Any], door: dict[str, Any]) -> StepDone:
        ends = salto._text_of(wish.ends_at)
        suspended = self.seats_used >= self.seats
        copy = self.add(wish.ref, wish.lock_id)
        attributes = {
            "id": copy.remote_id,
            "person": f"p-{copy.remote_id}",
            "name": wish.name,
            "use_pin": False,
            "expires_at": ends,
            "is_suspended": suspended,
            "is_blocked": False,
            "pin": False,
            "pin_expires_at": None,
        }
        copy.versions = [(self.t, attributes)]
        return StepDone(
            seen={**seen, **attributes},
            door=door,
            remote_id=copy.remote_id,
            person_id=attributes["person"],
            is_suspended=suspended,
        )

    def _set_door(self, step: str, wish: CodeWish, door: dict[str, Any]) -> dict[str, Any]:
        versions = self.doors.setdefault(wish.lock_id, [(0.0, {})])
        kept = dict(versions[-1][1])
        made = {
            "group": {"group": f"g-{wish.lock_id}", "groups": kept.get("groups", 0) + 1},
            "group_lock": {"has_lock": True},
            "schedule": {"has_schedule": True},
        }[step]
        kept |= made
        versions.append((self.t, kept))
        return {**door, **made}

    def _use_pin(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        copy.change(self.t, use_pin=True)
        return StepDone(seen={**seen, "use_pin": True}, door=door)

    def _pin(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        digits = f"{self.rng.randrange(10**6):06d}"
        copy.change(self.t, pin=True, digits=digits, pin_expires_at=None)
        return StepDone(seen={**seen, "pin": True}, door=door, digits=digits)

    def _keys(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        has = copy.now["pin"]
        return StepDone(seen={**seen, "pin": has}, door=door, has_digits=has)

    def _rename(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        copy.change(self.t, name=wish.name)
        return StepDone(seen={**seen, "name": wish.name}, door=door)

    def _set_end(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        ends = salto._text_of(wish.ends_at)
        copy.change(self.t, expires_at=ends)
        return StepDone(seen={**seen, "expires_at": ends}, door=door)

    def _seat(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        if sum(not c.now["is_suspended"] for c in self.alive) >= self.seats:
            raise RefusedError("full", code=Code.NO_SEAT, status=403)
        copy.change(self.t, is_suspended=False)
        return StepDone(seen={**seen, "is_suspended": False}, door=door)

    def _unblock(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        copy.change(self.t, is_blocked=False)
        return StepDone(seen={**seen, "is_blocked": False}, door=door)

    def _member(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        return self._membership(copy, wish, seen, door, is_in=True)

    def _leave(self, copy: Copy, wish: CodeWish, seen: Any, door: Any) -> StepDone:
        return self._membership(copy, wish, seen, door, is_in=False)

    def _membership(
        self, copy: Copy, wish: CodeWish, seen: Any, door: Any, *, is_in: bool
    ) -> StepDone:
        person = copy.now["person"]
        self._in_group(wish.lock_id, person, is_in=is_in)
        mine = [p for p in door.get("members", ()) if p != person]
        return StepDone(seen=seen, door={**door, "members": [*mine, person] if is_in else mine})

    def _in_group(self, lock_id: str, person: str, *, is_in: bool) -> None:
        versions = self.doors[lock_id]
        kept = dict(versions[-1][1])
        others = [p for p in kept.get("members", ()) if p != person]
        kept["members"] = [*others, person] if is_in else others
        versions.append((self.t, kept))

    def _listed(self, copy: Copy, shown: dict[str, Any], unsure: Any) -> ListedCode:
        ref = ref_of(shown["name"])
        told = {k: v for k, v in shown.items() if k not in ("digits", "pin", "pin_expires_at")}
        if ref in unsure:
            told["pin"] = copy.now["pin"]  # a look of its own, never old
        return ListedCode(
            remote_id=copy.remote_id,
            name=shown["name"],
            ref=ref,
            person_id=shown["person"],
            ends_at=salto._read_moment(shown["expires_at"]),
            is_suspended=shown["is_suspended"],
            has_digits=told.get("pin"),
            seen=told,
        )

    def _door_at(self, lock_id: str, moment: float, seen: Mapping[str, Any]) -> Any:
        versions = self.doors.get(lock_id, [(0.0, {})])
        shown = next((v for at, v in reversed(versions) if at <= moment), {})
        return {"ref": seen.get("ref", ""), "members": [], **shown}


class KeypadCloud(Cloud):
    """Takes our digits: names of 12 characters, slots, no times, an old listing."""

    rules = CodeRules(
        lengths=(4, 5, 6),
        lead=timedelta(minutes=60),
        settle=timedelta(seconds=60),
        name_length=12,
        slots=10,
        can_change_digits=True,
    )

    def next_step(self, wish: CodeWish, seen: Mapping[str, Any], door: Any) -> str:
        if not seen.get("id"):
            return "create" if wish.is_due else ""
        if not wish.is_due:
            return ""
        is_other = seen.get("name") != wish.name or seen.get("digits") != wish.digits
        return "change" if is_other else ""

    def creates(self, step: str) -> bool:
        return step == "create"

    def is_of_door(self, step: str) -> bool:
        return False

    def opens(self, copy: Copy, now: datetime, lock_id: str = "") -> bool:
        return True

    def _do(
        self, step: str, wish: CodeWish, seen: dict[str, Any], door: dict[str, Any]
    ) -> StepDone:
        if step == "change":
            copy = self._copy(seen)
            copy.change(self.t, name=wish.name, digits=wish.digits)
            return StepDone(seen={**seen, "name": wish.name, "digits": wish.digits}, door=door)
        mates = [c for c in self.alive if c.lock_id == wish.lock_id]
        if len(mates) >= 10:
            raise RefusedError("full", code=Code.NO_SPACE, status=409)
        if any(c.now["digits"] == wish.digits for c in mates):
            raise RefusedError("taken", code=Code.DUPLICATE_CODE, status=409)
        copy = self.add(wish.ref, wish.lock_id, name=wish.name, digits=wish.digits)
        known = {"id": copy.remote_id, "name": wish.name, "digits": wish.digits}
        return StepDone(seen=known, door=door, remote_id=copy.remote_id)

    def _listed(self, copy: Copy, shown: dict[str, Any], unsure: Any) -> ListedCode:
        return ListedCode(
            remote_id=copy.remote_id,
            name=shown["name"],
            ref=ref_of(shown["name"]),
            lock_ids=(copy.lock_id,),
            state=ListedState.SET,
            seen={"id": copy.remote_id, "name": shown["name"], "digits": shown["digits"]},
        )


Trouble = ProviderError
