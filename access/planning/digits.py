"""Which digits open which door. The same person has as few PINs as may be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from access.planning import joining, making
from access.planning.asked import IsFree, MakeDigits, Wish
from access.planning.doors import Door
from access.planning.groups import Group, Spot
from access.planning.held import HeldMethod, Holding
from access.planning.outcome import Problem, Source
from accounts.providers.systems import AccessMethod
from locks.codes import rules
from locks.codes.rules import RuleError, clock


@dataclass
class Digits:
    """Puts each door that gets a code into the group whose digits open it."""

    wish: Wish
    held: Holding
    others: Sequence[HeldMethod]
    is_free: IsFree
    make: MakeDigits
    now: datetime
    #: Methods that this grant leaves to others: their digits may be used again, elsewhere.
    parted: Sequence[HeldMethod] = ()
    groups: list[Group] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    several_salto: bool = False

    def place(self, spots: Iterable[Spot]) -> None:
        """Place all doors. Their order makes no difference."""
        ordered = sorted(spots, key=lambda spot: (spot.door.name, spot.door.id))
        self.several_salto = sum(spot.door.is_salto for spot in ordered) > 1
        fresh = [spot for spot in ordered if not self._stays(spot)]
        theirs = [spot for spot in fresh if spot.door.makes_digits]
        self._by_provider(theirs)
        ours = [spot for spot in fresh if not spot.door.makes_digits]
        shared = [spot for spot in ours if self._shares(spot.door)]
        self._make_for(self._with_known(shared, self._known_of_salto()))
        rest = [spot for spot in ours if not self._shares(spot.door)]
        rest = [spot for spot in rest if not self._joins(spot)]
        self._make_for(self._with_known(rest, self._known()))

    def wish_at(self, door: Door) -> str:
        """Return the digits that count as asked for at this door."""
        return "" if self._shares(door) else self.wish.digits

    def _shares(self, door: Door) -> bool:
        """Several Salto doors share one PIN, whatever was asked for (facts/seam.md 7.5)."""
        return door.is_salto and self.several_salto

    # --- what is there --------------------------------------------------------------------

    def _stays(self, spot: Spot) -> bool:
        """Leave a door with the digits it has, unless these can and must change."""
        method = self.held.of(AccessMethod.CODE, spot.door.id)
        if method is None:
            return False
        if self._must_change(method, spot) or self._may_follow(method, spot):
            return False
        group = self._group_of(method)
        group.wants_new_digits |= self._end_too_soon(method, spot)
        group.add(spot)
        return True

    def _must_change(self, method: HeldMethod, spot: Spot) -> bool:
        """Whether a new window meets another code with the same digits. Used ones stay."""
        there = method.at(spot.door.id)
        moved = there is not None and there.window != spot.window
        if not moved or method.by_provider or not method.digits:
            return False
        if not self._meets_another(method, spot):
            return False
        if method.is_used:
            sentence = (
                f"PIN already in use on {spot.door.name} at that time, and theirs is not changed"
                " any more, as it has been used. Choose other times, or revoke this and make a"
                " new grant"
            )
            self.problems.append(Problem(field="ends_at", sentence=sentence, status=409))
        return not method.is_used

    def _meets_another(self, method: HeldMethod, spot: Spot) -> bool:
        """Whether somebody else's code is there, or one of their own other stays."""
        mine = [each for each in self._other_codes() if each.digits == method.digits]
        if any(_is_near(each, spot) for each in mine):
            return True
        return not self.is_free(spot.door.id, method.digits, spot.window)

    def _may_follow(self, method: HeldMethod, spot: Spot) -> bool:
        """Whether other digits were asked for since, nobody used the old ones, and they fit."""
        asked = self.wish_at(spot.door)
        if not asked or asked in (method.asked_digits, method.digits):
            return False
        if method.is_used or method.by_provider:
            return False
        return self._fits(spot, asked)

    def _end_too_soon(self, method: HeldMethod, spot: Spot) -> bool:
        """Whether the provider ends the digits before the window does (Salto: a PIN's end)."""
        end, until = method.digits_end_at, spot.window.ends_at
        if end is None or (until is not None and until <= end):
            return False
        if method.is_used:
            when = clock(end, spot.door.zone, self.now)
            sentence = (
                f"{spot.door.name}: {spot.door.brand} ends this PIN {when}, and a PIN that has"
                " been used is not changed. End by then, and make a new grant from there"
            )
            self.problems.append(Problem(field="ends_at", sentence=sentence, status=409))
        return not method.is_used

    # --- the provider's digits ------------------------------------------------------------

    def _by_provider(self, spots: Sequence[Spot]) -> None:
        """Give the doors of one site one PIN, that the provider makes."""
        for site in sorted({spot.door.system_id for spot in spots}):
            here = [spot for spot in spots if spot.door.system_id == site]
            group = self._made_at(site) or self._join_as_one(here, site)
            if group is None:
                group = Group(mode=AccessMethod.CODE, system_id=site, source=Source.PROVIDER)
                self.groups.append(group)
            for spot in here:
                group.spots.setdefault(spot.door.id, spot)
                if group.method:
                    group.wants_new_digits |= self._end_too_soon(group.method, spot)

    def _made_at(self, site: UUID) -> Group | None:
        made = (each for each in self._of_grant() if each.by_provider and each.system_id == site)
        method = next(made, None)
        return self._group_of(method) if method else None

    def _join_as_one(self, spots: Sequence[Spot], site: UUID) -> Group | None:
        same = [each for each in self._others_to_join() if each.by_provider]
        group = joining.as_one(spots, [each for each in same if each.system_id == site])
        if group:
            self.groups.append(group)
        return group

    # --- ours -----------------------------------------------------------------------------

    def _joins(self, spot: Spot) -> bool:
        """Let another grant's PIN go on at this door, where their windows meet."""
        asked = self.wish_at(spot.door)
        for other in joining.newest_first(self._others_to_join()):
            if asked and asked != other.digits:
                continue
            both = None if other.by_provider else joining.joined(spot, other)
            if both and self._is_free_for(both, other):
                self._group_of(other, is_joined=True).add(both)
                return True
        return False

    def _is_free_for(self, spot: Spot, other: HeldMethod) -> bool:
        if not other.digits or spot.window == spot.also:
            return True
        return self.is_free(spot.door.id, other.digits, spot.window)

    def _known(self) -> Iterator[Group]:
        """Yield digits worth trying, best first: asked for, of this grant, of their others."""
        if self.wish.digits:
            same = [each for each in self.groups if self._is_ours(each, self.wish.digits)]
            yield same[0] if same else self._new(self.wish.digits, Source.ASKED)
        yield from self._known_of_grant()
        for other in joining.newest_first(self._other_codes()):
            if other.digits:
                yield self._new(other.digits, Source.REUSED, other.id)

    def _known_of_grant(self) -> Iterator[Group]:
        """Yield this grant's own digits, those of most doors first."""
        for method in self._of_grant():
            self._group_of(method)
        known = [each for each in self.groups if each.digits]
        for group in sorted(known, key=lambda each: (-len(each.spots), _age(each))):
            if self._is_ours(group, group.digits):
                yield group
            else:  # made by a provider: other locks may take the same digits
                source_id = group.method.id if group.method else None
                yield self._new(group.digits, Source.KEPT, source_id)

    def _known_of_salto(self) -> Iterator[Group]:
        """Yield the PIN that the grant's other Salto doors have."""
        yield from (
            each
            for each in self._known_of_grant()
            if any(spot.door.is_salto for spot in each.spots.values())
        )

    def _with_known(self, spots: Sequence[Spot], known: Iterable[Group]) -> list[Spot]:
        """Place what takes digits that are known already; return the rest."""
        left = list(spots)
        for group in known:
            fits = [spot for spot in left if self._fits(spot, group.digits)]
            for spot in fits:
                group.add(spot)
            if fits and not any(each is group for each in self.groups):
                self.groups.append(group)
            left = [spot for spot in left if spot not in fits]
        return left

    def _make_for(self, spots: Sequence[Spot]) -> None:
        """Make new digits, the same for as many doors as their rules allow."""
        for part in making.alike(spots):
            if self._place_new(part):
                continue
            for spot in part:  # nothing is free on all of them
                if not self._place_new([spot]):
                    self._nothing_free(spot.door)

    def _place_new(self, spots: Sequence[Spot]) -> bool:
        digits = making.made(spots, self.make, self._fits)
        if digits:
            group = self._new(digits, Source.MADE)
            for spot in spots:
                group.add(spot)
            self.groups.append(group)
        return bool(digits)

    def _nothing_free(self, door: Door) -> None:
        sentence = f"{door.name}: no free digits are left that this lock takes"
        self.problems.append(Problem(field="digits", sentence=sentence, status=409))

    def _fits(self, spot: Spot, digits: str) -> bool:
        """Tell whether these digits may be put on this door: valid, and nobody's nearby."""
        try:
            rules.check_digits(digits, making.rules_of(spot), phone=self.wish.person.phone)
        except RuleError:
            return False
        mine = [each for each in self._other_codes() if each.digits == digits]
        if any(_is_near(each, spot) for each in mine):
            return False
        return self.is_free(spot.door.id, digits, spot.window)

    # --- groups ---------------------------------------------------------------------------

    def _of_grant(self) -> list[HeldMethod]:
        return [each for each in self.held.methods if each.mode == AccessMethod.CODE]

    def _others_to_join(self) -> list[HeldMethod]:
        return [each for each in self.others if each.mode == AccessMethod.CODE]

    def _other_codes(self) -> list[HeldMethod]:
        parted = [each for each in self.parted if each.mode == AccessMethod.CODE]
        return [*self._others_to_join(), *parted]

    def _group_of(self, method: HeldMethod, *, is_joined: bool = False) -> Group:
        found = (each for each in self.groups if each.method and each.method.id == method.id)
        group = next(found, None)
        if group is None:
            group = Group.of_held(method, is_joined=is_joined)
            self.groups.append(group)
        return group

    def _new(self, digits: str, source: Source, source_id: UUID | None = None) -> Group:
        return Group(mode=AccessMethod.CODE, digits=digits, source=source, source_id=source_id)

    def _is_ours(self, group: Group, digits: str) -> bool:
        return group.digits == digits and not (group.method and group.method.by_provider)


def _is_near(method: HeldMethod, spot: Spot) -> bool:
    there = method.at(spot.door.id)
    return there is not None and rules.overlap(there.window, spot.window)


def _age(group: Group) -> tuple[str, str]:
    method = group.method
    return (method.created_at.isoformat(), str(method.id)) if method else ("9", "")
