"""What is known of doors, as the planner wants it. A handful of queries for however many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Q

from access.grants.asking import Target, TargetKind
from access.models import (
    AcsAccessGroup,
    AcsEntrance,
    AcsMembership,
    AcsSystem,
    DoorShare,
)
from access.planning import access_groups
from access.planning.access_groups import AccessGroup, Unreachable
from access.planning.doors import Door, DoorKind, Seats, Slots
from accounts.models import ConnectedSite, Space
from accounts.providers.codes import CodeConstraint, CodeRules
from accounts.providers.systems import AccessMethod
from locks.code_models import GONE_PHASES
from locks.codes import room
from locks.codes.capability import brand_of, capability_of, is_reached
from locks.models import AccessCode, Device
from locks.obstacles import obstacle_of

#: Salto KS makes one PIN for a user of a site, and carries it to every door they may open.
_SYSTEM_PIN = CodeRules(
    lengths=(6,),
    constraints=frozenset({CodeConstraint.CANNOT_SPECIFY_PIN_CODE}),
    native_start=True,
    native_end=True,
    settle=timedelta(seconds=60),
)


#: So many doors are named that could be added to make a group fit.
_MOST_ADDED = 3


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a grant has already, where that decides what may be added."""

    #: Sites where its person sits on a seat that further doors may share.
    seated: frozenset[UUID] = frozenset()
    #: Groups that its people of access systems are in.
    groups: frozenset[UUID] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Found:
    """The doors of a grant: rows, and as the planner sees them, in walking order."""

    doors: tuple[Door, ...]
    devices: Mapping[UUID, Device] = field(default_factory=dict)
    entrances: Mapping[UUID, AcsEntrance] = field(default_factory=dict)

    @property
    def system_ids(self) -> set[UUID]:
        return {entrance.system_id for entrance in self.entrances.values()}


def found(targets: Iterable[Target], place: Space, held: Held) -> Found:
    """Return the doors of these targets, each once. What is not there any more is left out."""
    targets = list(targets)
    spaces = _spaces([each.id for each in targets if each.kind == TargetKind.SPACE], place)
    devices = _devices(targets, spaces)
    entrances = _entrances(targets, spaces)
    order = _order(targets, spaces, devices, entrances)
    memberships = _memberships(entrances.values(), held)
    names = _names_of_others(memberships.values())
    slots, seats = _slots(devices.values()), _seats(devices.values(), held)
    held_by = _reservations([each for each in entrances.values() if each.can_belong_to_reservation])
    doors: dict[UUID, Door] = {}
    for pk in order:
        if pk in devices:
            doors[pk] = _of_device(devices[pk], slots, seats)
        else:
            reached = memberships[entrances[pk].system_id]
            doors[pk] = _of_entrance(entrances[pk], reached, names, held_by)
    return Found(doors=tuple(doors.values()), devices=devices, entrances=entrances)


def chosen_groups(entrances: Sequence[AcsEntrance], held: Held) -> dict[UUID, tuple[UUID, ...]]:
    """Return per system the groups that open these entrances, and nothing else."""
    return {
        system_id: tuple(group.id for group in membership.groups)
        for system_id, membership in _memberships(entrances, held).items()
    }


def rows_of(targets: Iterable[Target], place: Space) -> tuple[list[Device], list[AcsSystem]]:
    """Return the locks of these targets, and the systems of their entrances: to be locked."""
    targets = list(targets)
    spaces = _spaces([each.id for each in targets if each.kind == TargetKind.SPACE], place)
    systems = {row.system_id: row.system for row in _entrances(targets, spaces).values()}
    devices = list(_devices(targets, spaces).values())
    return devices, [systems[pk] for pk in sorted(systems)]


# --- which doors ----------------------------------------------------------------------


def _spaces(ids: Sequence[UUID], place: Space) -> dict[UUID, list[Space]]:
    """Return each space with all that is inside it, floors before rooms, by name."""
    if not ids:
        return {}
    rows = list(Space.objects.filter(Q(pk=place.pk) | Q(property_id=place.pk)))
    inside: dict[UUID | None, list[Space]] = defaultdict(list)
    for row in sorted(rows, key=lambda each: each.name.casefold()):
        inside[row.parent_id].append(row)
    known = {row.pk: row for row in rows}

    def below(space: Space) -> list[Space]:
        return [space, *(each for child in inside[space.pk] for each in below(child))]

    return {pk: below(known[pk]) for pk in ids if pk in known}


def _devices(
    targets: Sequence[Target], spaces: Mapping[UUID, Sequence[Space]]
) -> dict[UUID, Device]:
    ids = [each.id for each in targets if each.kind == TargetKind.DEVICE]
    rows = Device.objects.filter(
        Q(pk__in=ids) | Q(space__in=_inner(spaces)) | Q(property__in=_whole(spaces)),
        removed_at=None,
    ).select_related("account__workspace", "site", "hub", "property", "space", "code_door")
    return {row.pk: row for row in rows}


def _entrances(
    targets: Sequence[Target], spaces: Mapping[UUID, Sequence[Space]]
) -> dict[UUID, AcsEntrance]:
    """Of a system, those count as inside a space that somebody linked to it."""
    ids = [each.id for each in targets if each.kind == TargetKind.ENTRANCE]
    rows = AcsEntrance.objects.filter(
        Q(pk__in=ids) | Q(space__in=_inner(spaces)),
        removed_at=None,
        system__removed_at=None,
        system__is_placed=True,
    ).select_related("system__account", "system__property", "space")
    return {row.pk: row for row in rows}


def _inner(spaces: Mapping[UUID, Sequence[Space]]) -> set[UUID]:
    return {row.pk for rows in spaces.values() for row in rows}


def _whole(spaces: Mapping[UUID, Sequence[Space]]) -> list[UUID]:
    """Return the properties among the spaces: doors without a room are in the property itself."""
    return [rows[0].pk for rows in spaces.values() if rows and rows[0].property_id is None]


def _order(
    targets: Sequence[Target],
    spaces: Mapping[UUID, Sequence[Space]],
    devices: Mapping[UUID, Device],
    entrances: Mapping[UUID, AcsEntrance],
) -> list[UUID]:
    """Return the doors as one walks: as the targets stand, inside a space by floor and name."""
    by_space: dict[UUID | None, list[tuple[str, UUID]]] = defaultdict(list)
    rows: list[Device | AcsEntrance] = [*devices.values(), *entrances.values()]
    for row in rows:
        by_space[row.space_id].append((row.name.casefold(), row.pk))
    order: list[UUID] = []
    for target in targets:
        if target.kind == TargetKind.SPACE:
            for space in spaces.get(target.id, []):
                here = by_space[space.pk] + (by_space[None] if space.property_id is None else [])
                order += [pk for _, pk in sorted(here)]
        elif target.id in devices or target.id in entrances:
            order.append(target.id)
    return list(dict.fromkeys(order))


# --- one door -------------------------------------------------------------------------


def _of_device(device: Device, slots: Mapping[UUID, Slots], seats: Mapping[UUID, Seats]) -> Door:
    capability = capability_of(device)
    rules = capability.rules
    hindered = obstacle_of(device)
    why_not = {}
    if rules is None and capability.reason:
        why_not[AccessMethod.CODE] = capability.reason
    if hindered:
        why_not[AccessMethod.CLOUD_KEY] = hindered.text
    return Door(
        id=device.pk,
        name=device.name,
        kind=DoorKind.DEVICE,
        property_id=device.property_id,
        zone=device.property.zone,
        provider=device.account.provider,
        brand=capability.brand,
        system_id=device.site_id,
        system_name=device.site.name,
        is_online=is_reached(device),
        codes=rules,
        slots=slots.get(device.pk),
        seats=seats.get(device.site_id) if rules and rules.takes_seat else None,
        is_salto=device.account.provider == "salto_ks",
        takes_cloud_key=device.can_unlock and hindered is None,
        why_not=why_not,
    )


def _of_entrance(
    entrance: AcsEntrance,
    reached: access_groups.Membership,
    names: Mapping[UUID, str],
    held_by: Mapping[UUID, frozenset[str]],
) -> Door:
    system = entrance.system
    missing = next((one for one in reached.unreachable if one.entrance_id == entrance.pk), None)
    takes_card = (system.writes_cards or system.assigns_tags) and entrance.takes_card is not False
    takes_key = bool(entrance.takes_mobile_key)
    takes_code = system.assigns_tags and bool(entrance.takes_code)
    why_not = {}
    if missing:
        sentence = _why_unreachable(missing, entrance, names)
        ways = (AccessMethod.CARD, AccessMethod.MOBILE_KEY, AccessMethod.CODE)
        why_not = dict.fromkeys(ways, sentence)
    is_open = missing is None
    return Door(
        id=entrance.pk,
        name=entrance.name,
        kind=DoorKind.ENTRANCE,
        property_id=system.property_id,
        zone=system.property.zone,
        provider=system.account.provider,
        brand=_brand_of(system),
        system_id=system.pk,
        system_name=system.name,
        is_online=entrance.is_online,
        codes=_SYSTEM_PIN if takes_code and is_open else None,
        is_salto=takes_code,
        takes_card=takes_card and is_open,
        takes_mobile_key=takes_key and is_open,
        writes_cards=system.writes_cards,
        why_not=why_not,
        can_belong_to_reservation=bool(entrance.can_belong_to_reservation),
        held_by=held_by.get(entrance.pk, frozenset()),
    )


def _brand_of(system: AcsSystem) -> str:
    if system.writes_cards or system.assigns_tags:
        return "Salto"
    return brand_of(system.account)


def _why_unreachable(missing: Unreachable, entrance: AcsEntrance, names: Mapping[UUID, str]) -> str:
    if missing.narrowest is None:
        return f"No access group of {entrance.system.name} opens it."
    count = len(missing.others)
    others = f"{count} other door{'' if count == 1 else 's'}"
    return (
        f"Every access group that opens it opens more: {missing.narrowest.name} also opens"
        f" {others}. {_remedy(sorted(names[pk] for pk in missing.others), entrance)}"
    )


def _remedy(others: Sequence[str], entrance: AcsEntrance) -> str:
    """Say what makes a group fit: all that it opens is granted, or it opens less."""
    made = f"a group in {_brand_of(entrance.system)} that opens it alone"
    if len(others) > _MOST_ADDED:
        return f"Make {made}."
    *rest, last = others
    added = f"{', '.join(rest)} and {last}" if rest else last
    return f"Add {added} too, or make {made}."


def _names_of_others(memberships: Iterable[access_groups.Membership]) -> dict[UUID, str]:
    """Return the names of doors that stand in the way: groups that are needed open them, too."""
    ids = {pk for each in memberships for missing in each.unreachable for pk in missing.others}
    if not ids:
        return {}
    return dict(AcsEntrance.objects.filter(pk__in=ids).values_list("pk", "name"))


# --- what is in the way ---------------------------------------------------------------


def _memberships(
    entrances: Iterable[AcsEntrance], held: Held
) -> dict[UUID, access_groups.Membership]:
    """Return which groups of each system open just these entrances."""
    wanted: dict[UUID, list[UUID]] = defaultdict(list)
    for entrance in entrances:
        wanted[entrance.system_id].append(entrance.pk)
    if not wanted:
        return {}
    opening = _groups_opening([pk for ids in wanted.values() for pk in ids])
    return {
        system_id: access_groups.choose(ids, opening[system_id], kept=held.groups)
        for system_id, ids in wanted.items()
    }


def _reservations(entrances: Sequence[AcsEntrance]) -> dict[UUID, frozenset[str]]:
    """Return the reservation keys of stays that hold these doors and are not over."""
    if not entrances:
        return {}
    shares = DoorShare.objects.filter(door__entrance__in=entrances, ended_at=None)
    rows = shares.exclude(grant__reservation_key="").values_list(
        "door__entrance_id", "grant__reservation_key"
    )
    found: dict[UUID, set[str]] = defaultdict(set)
    for entrance_id, key in rows:
        found[entrance_id].add(key)
    return {pk: frozenset(keys) for pk, keys in found.items()}


def _groups_opening(entrance_ids: Sequence[UUID]) -> dict[UUID, list[AccessGroup]]:
    """Return the groups that open any of these, whole, by system."""
    groups = AcsAccessGroup.objects.filter(
        removed_at=None, entrances__in=entrance_ids, read_at__isnull=False
    ).distinct()
    rows = {pk: (system, name) for pk, system, name in groups.values_list("pk", "system", "name")}
    opens: dict[UUID, set[UUID]] = defaultdict(set)
    through = AcsAccessGroup.entrances.through.objects.filter(
        acsaccessgroup__in=rows, acsentrance__removed_at=None
    )
    for group_id, entrance_id in through.values_list("acsaccessgroup_id", "acsentrance_id"):
        opens[group_id].add(entrance_id)
    found: dict[UUID, list[AccessGroup]] = defaultdict(list)
    for pk, (system_id, name) in rows.items():
        group = AccessGroup(id=pk, name=name, entrance_ids=frozenset(opens[pk]))
        found[system_id].append(group)
    return found


def _slots(devices: Iterable[Device]) -> dict[UUID, Slots]:
    totals = {}
    for device in devices:
        rules = capability_of(device).rules
        if rules and rules.slots is not None:
            totals[device.pk] = rules.slots
    rows = AccessCode.objects.filter(device__in=totals).exclude(phase__in=GONE_PHASES)
    used = dict(rows.values_list("device").annotate(Count("pk")).order_by())
    return {
        pk: Slots(free=max(0, total - used.get(pk, 0)), total=total) for pk, total in totals.items()
    }


def _seats(devices: Iterable[Device], held: Held) -> dict[UUID, Seats]:
    sites: dict[UUID, ConnectedSite] = {device.site_id: device.site for device in devices}
    found = {}
    for pk, site in sites.items():
        taken = room.seats(site)
        if taken:
            found[pk] = Seats(free=taken.free, total=taken.total, is_held=pk in held.seated)
    return found


def groups_of(user_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return the groups that we wish these users in."""
    rows = AcsMembership.objects.filter(user__in=list(user_ids), is_wanted=True)
    return frozenset(rows.values_list("group_id", flat=True))
