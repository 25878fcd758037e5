"""What the page of one stay says: its ways in door by door, what is wrong, what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from access.grants import progress, row_words, standing, system_progress, told_as_seam
from access.grants.standing import DoorStanding, GrantStanding, Standing
from access.grants.stay import when
from access.models import AccessGrant, AccessMethod, AcsCredential, AcsUser
from access.states import Phase
from accounts.actors import Actor
from accounts.models import Membership
from accounts.permissions import Permission, roles_with
from accounts.providers.systems import AccessMethod as Mode
from locks.code_models import SecretState
from locks.codes import ladder
from locks.codes import words as code_words
from locks.codes.rules import clock
from locks.codes.words import State
from locks.models import AccessCode

_MOST_STAYS = 8
_MOST_STAFF = 6
#: Somebody may want to act where a code is like that.
_STUCK = frozenset({"failed", "blocked", "setting", "unconfirmed"})
#: Told by the state and by each door already.
_SAID = frozenset({"being_deleted"})


# --- doors ----------------------------------------------------------------------------


@dataclass(frozen=True)
class DoorView:
    """One way in at one door, as a row of the page."""

    standing: DoorStanding
    url: str
    code: AccessCode | None
    #: What happens next to a code in trouble, and when.
    next: str
    #: A step of the code ladder that may help; "" for none.
    step: str

    @property
    def name(self) -> str:
        return self.standing.name

    @property
    def state(self) -> State:
        return self.standing.state

    @property
    def since(self) -> datetime | None:
        return self.standing.progress.since

    @property
    def error(self) -> str:
        """What went wrong last, where the state does not say it already."""
        error = self.code.error if self.code else ""
        return "" if error and error in self.state.note else error


def _door(each: DoorStanding, now: datetime, *, may_manage: bool) -> DoorView:
    code = each.door.code
    thing = each.door.device or each.door.entrance
    assert thing is not None
    return DoorView(
        standing=each,
        url=thing.get_absolute_url() if thing.removed_at is None else "",
        code=code,
        next=code_words.next_step(code, now) if code else "",
        step=_step(each, code, now) if may_manage else "",
    )


def _step(each: DoorStanding, code: AccessCode | None, now: datetime) -> str:
    if code is None or code.is_gone:
        return ""
    if code_words.is_stuck(code, now):
        return "" if each.progress.key == "removed_in_cloud" else ladder.Rung.REMOVE
    if each.is_wanted and each.progress.key in _STUCK and code.is_wanted(now):
        return ladder.Rung.PUSH
    return ""


# --- ways in --------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A warning or an error: a sentence, and Seam's word for it."""

    code: str
    sentence: str
    is_error: bool = False


@dataclass(frozen=True)
class MethodView:
    """One way in: its doors, its digits, its card."""

    standing: Standing
    doors: Sequence[DoorView]
    #: The digits can be shown; their codes, and why not.
    has_digits: bool
    digits_note: str
    #: A PIN that an access control system made.
    pin: AcsCredential | None
    holder: AcsUser | None
    #: The station, with this person chosen.
    card_intent: str
    told: Sequence[Told]

    @property
    def method(self) -> AccessMethod:
        return self.standing.method

    @property
    def state(self) -> State:
        return self.standing.state

    @property
    def is_one_state(self) -> bool:
        """Every door says the same, so it is said once."""
        return len({(each.state.word, each.state.note) for each in self.doors}) == 1


def _method(each: Standing, grant: AccessGrant, now: datetime, *, may_manage: bool) -> MethodView:
    codes = [door.door.code for door in each.doors if door.door.code]
    holder, pin = each.method.acs_user, _pin(each)
    open_codes = codes_to_show(codes)
    return MethodView(
        standing=each,
        doors=[_door(door, now, may_manage=may_manage) for door in each.doors],
        has_digits=bool(open_codes),
        digits_note=_digits_note(each, codes, open_codes, pin),
        pin=pin,
        holder=holder,
        card_intent=_intent(each),
        told=_of_method(each, grant, now),
    )


def codes_to_show(codes: Iterable[AccessCode]) -> list[AccessCode]:
    """Keep the codes whose digits are known and may still open a door."""
    kept = [each for each in codes if each.secret_state == SecretState.STORED and not each.is_gone]
    return sorted(kept, key=lambda each: (each.revoked_at is not None, each.pk))


def _digits_note(
    each: Standing,
    codes: Sequence[AccessCode],
    open_codes: Sequence[AccessCode],
    pin: AcsCredential | None,
) -> str:
    """Say why there are no digits to show; "" where there are, or where nobody expects any."""
    if each.mode != Mode.CODE or open_codes or pin is not None or not each.wanted:
        return ""
    if codes:
        return next(filter(None, (code_words.digits_note(code) for code in codes)), "")
    return "The digits are not made yet."


def _pin(each: Standing) -> AcsCredential | None:
    user = each.method.acs_user
    if user is None or each.mode != Mode.CODE or user.phase == Phase.GONE:
        return None
    found: list[AcsCredential] = user.all_credentials  # type: ignore[attr-defined]  # prefetched
    return next(
        (
            pin
            for pin in found
            if pin.access_method == Mode.CODE and pin.phase != Phase.GONE and pin.code_sealed
        ),
        None,
    )


def _intent(each: Standing) -> str:
    """Return what the station would do for them; "" where there is nothing to do."""
    if each.is_assignment_required:
        return "tag"
    if not each.is_encoding_required:
        return ""
    return "update" if each.state.key == "card_behind" else "first"


def _of_method(each: Standing, grant: AccessGrant, now: datetime) -> list[Told]:
    errors = told_as_seam.errors_of_method(each, now)
    warnings = told_as_seam.warnings_of_method(each, grant, now)
    return [*_told(errors, is_error=True), *_told(warnings)]


def _told(found: Iterable[told_as_seam.Told], *, is_error: bool = False) -> list[Told]:
    key = "error_code" if is_error else "warning_code"
    return [
        Told(code=each[key], sentence=each["message"], is_error=is_error)
        for each in found
        if each[key] not in _SAID
    ]


# --- the whole page -------------------------------------------------------------------


@dataclass(frozen=True)
class Alive:
    """A door that may still open although it shall not."""

    door: DoorView
    #: `removing since 11:00, 14 tries`
    note: str
    #: What opens it, where that is a card: somebody may say that it is back.
    card: AcsCredential | None = None


@dataclass(frozen=True)
class Page:
    grant: AccessGrant
    standing: GrantStanding
    life: State
    kind: State
    span: str
    far: str
    places: Sequence[str]
    created_by: str
    methods: Sequence[MethodView]
    #: Ways in that are over, of a stay that has others.
    past: Sequence[MethodView]
    still_active: Sequence[Alive]
    #: Cards that are back at the desk, and open offline doors until they are written again.
    in_hand: Sequence[AcsCredential]
    told: Sequence[Told]
    others: Sequence[tuple[AccessGrant, State, str]]
    staff: Sequence[Membership]
    may_manage: bool
    may_reveal: bool
    may_make_cards: bool
    can_undo: bool

    @property
    def is_only_a_card(self) -> bool:
        return all(each.card for each in self.still_active)

    @property
    def is_every_door_told(self) -> bool:
        """Whether no door is left that may not have heard that it is over."""
        keys = {each.progress.key for way in self.standing.methods for each in way.doors}
        return not keys & progress.MAY_STILL_OPEN

    @property
    def may_change(self) -> bool:
        """Whether it stands, and this person may change it."""
        is_over = self.life.key in ("cancelled", "ended", "no_show")
        return self.may_manage and not is_over

    @property
    def code_ids(self) -> list[UUID]:
        codes = (each.door.code_id for way in self.standing.methods for each in way.doors)
        return [pk for pk in codes if pk]


def page_of(grant: AccessGrant, actor: Actor, now: datetime) -> Page:
    """Put the page of a grant that `listing.by_id` fetched together. A fixed number of queries."""
    found, place = standing.of(grant, now), grant.property_id
    may_manage = actor.may(Permission.MANAGE_GRANTS, place)
    shown = {each.method.pk for each in found.shown}
    views = [_method(each, grant, now, may_manage=may_manage) for each in found.methods]
    alive = [_alive(door, now) for way in views for door in way.doors if _is_alive(door)]
    return Page(
        grant=grant,
        standing=found,
        life=row_words.life(grant, now),
        kind=row_words.kind(grant),
        span=row_words.span(grant, now),
        far=when.far(grant, now) if grant.revoked_at is None else "",
        places=row_words.places(grant.all_targets),  # type: ignore[attr-defined]  # prefetched
        created_by=row_words.created_by(grant),
        methods=[each for each in views if each.method.pk in shown],
        past=[each for each in views if each.method.pk not in shown],
        still_active=alive,
        in_hand=standing.cards_in_hand(grant, now) if grant.gone_at else (),
        told=_of_grant(found),
        others=_others(grant, actor, now),
        staff=_staff(grant) if alive else [],
        may_manage=may_manage,
        may_reveal=actor.may(Permission.REVEAL_CODES, place),
        may_make_cards=actor.may(Permission.MAKE_CARDS, place),
        can_undo=may_manage and grant.revoked_at is not None and grant.given_up_at is None,
    )


def _of_grant(found: GrantStanding) -> list[Told]:
    """Doors that were left out and why stand in a list of their own."""
    return _told(told_as_seam.warnings_of_grant(found))


def _is_alive(door: DoorView) -> bool:
    return door.standing.progress.key in ("still_active", "card_out")


def _alive(door: DoorView, now: datetime) -> Alive:
    code = door.code
    if door.standing.progress.key == "card_out":
        return Alive(door=door, note=door.state.note, card=_card_out(door, now))
    if code is None or code.overdue_since is None:
        return Alive(door=door, note=door.state.note)
    since = clock(code.overdue_since, code.device.property.zone, now)
    tries = f", {code.attempts} tries" if code.attempts > 1 else ""
    return Alive(door=door, note=f"removing since {since}{tries}")


def _card_out(door: DoorView, now: datetime) -> AcsCredential | None:
    user = door.standing.door.method.acs_user
    found: list[AcsCredential] = user.all_credentials if user else []  # type: ignore[attr-defined]
    return next(iter(system_progress.carried(found, now)), None)


def _others(
    grant: AccessGrant, actor: Actor, now: datetime
) -> list[tuple[AccessGrant, State, str]]:
    rows = AccessGrant.objects.for_actor(actor).filter(identity_id=grant.identity_id)
    found = rows.exclude(pk=grant.pk).select_related("property", "identity")
    near = found.wanted(now)
    kept = list(near.order_by("starts_at", "pk")[:_MOST_STAYS])
    if len(kept) < _MOST_STAYS:
        past = found.exclude(pk__in=[each.pk for each in kept]).order_by("-starts_at", "pk")
        kept += past[: _MOST_STAYS - len(kept)]
    return [(each, row_words.life(each, now), row_words.span(each, now)) for each in kept]


def _staff(grant: AccessGrant) -> list[Membership]:
    """Return who looks after the doors of a property: whom to call when one stays open."""
    rows = Membership.objects.of_active_users().filter(
        Q(property=None) | Q(property_id=grant.property_id),
        workspace_id=grant.workspace_id,
        role__in=roles_with(Permission.MANAGE_ACCOUNTS),
    )
    found = rows.select_related("user").order_by("role", "user__name", "pk")
    return list(found[:_MOST_STAFF])
