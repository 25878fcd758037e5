"""A plan written down: methods, doors, shares; and wishes to the parts that keep them true."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from access import credentials
from access.grants import doors as finding
from access.grants.doors import Found, Held
from access.grants.holding import Holdings
from access.models import (
    AccessGrant,
    AccessMethod,
    AcsCredential,
    AcsUser,
    DoorShare,
    MethodDoor,
)
from access.people import granted as people
from access.planning import windows
from access.planning.doors import Door
from access.planning.outcome import Action, Line, Plan, Row
from access.planning.windows import hull
from accounts.providers.systems import AccessMethod as Mode
from audit.who import Who
from locks.codes import granted as codes
from locks.codes.rules import Window
from locks.models import AccessCode


class Storer:
    """Carries one plan of one grant into rows. Wants a transaction, and the doors locked."""

    def __init__(
        self, grant: AccessGrant, found: Found, has: Holdings, *, who: Who, at: datetime
    ) -> None:
        self.grant = grant
        self.found = found
        self.methods = dict(has.rows or {})
        self.seen = {each.id: each for each in (*has.held, *has.others)}
        self.doors = {door.id: door for door in found.doors}
        self.live: dict[UUID, dict[UUID, MethodDoor]] = {}
        self.who = who
        self.at = at

    def store(self, plan: Plan, asked_digits: str = "") -> None:
        """Write all of it. Removals first: what ends must not wait for what begins."""
        touched: dict[UUID, AccessMethod] = {}
        rows = sorted(plan.rows, key=lambda row: row.action != Action.REVOKE)
        for row in rows:
            method = self._method(row, asked_digits)
            touched[method.pk] = method
            for line in sorted(row.lines, key=lambda line: line.opens):
                if line.opens:
                    self._open(row, line, method)
                else:
                    self._close(line, method)
        for method in touched.values():
            self._end_if_empty(method)
        self._settle_people(touched)

    def _method(self, row: Row, asked_digits: str) -> AccessMethod:
        if row.method_id is not None:
            return self._known(row, asked_digits)
        is_system = row.system_id in self.found.system_ids
        method = AccessMethod(
            workspace_id=self.grant.workspace_id,
            property_id=self.grant.property_id,
            identity_id=self.grant.identity_id,
            mode=row.mode,
            site_id=None if is_system else row.system_id,
            system_id=row.system_id if is_system else None,
            by_provider=row.source == "provider",
            instant_key_max_use_count=row.instant_key_max_use_count,
            created_at=self.at,
            # A button on a page is there at once.
            issued_at=self.at if row.mode == Mode.CLOUD_KEY else None,
        )
        if row.mode == Mode.CODE:
            method.seal_asked(asked_digits)
            method.seal_digits(row.digits)
        method.save(force_insert=True)
        self.methods[method.pk] = method
        return method

    def _known(self, row: Row, asked_digits: str) -> AccessMethod:
        """Return a method that is there, with the digits it has from now on."""
        assert row.method_id is not None
        method, had = self.methods[row.method_id], self.seen.get(row.method_id)
        if row.digits and (had is None or had.digits != row.digits):
            method.seal_asked(asked_digits)
            method.seal_digits(row.digits)
            method.save(update_fields=["asked_sealed", "digits_sealed"])
        return method

    # --- doors ----------------------------------------------------------------------------

    def _open(self, row: Row, line: Line, method: AccessMethod) -> None:
        live, window = self._live(method), line.window
        door = live.get(line.door_id)
        if door is None:
            device = self.found.devices.get(line.door_id)
            door = MethodDoor.objects.create(
                method=method,
                device=device,
                entrance=None if device else self.found.entrances[line.door_id],
                starts_at=window.starts_at or self.at,
                ends_at=window.ends_at,
            )
            live[line.door_id] = door
        elif door.window != window:
            door.starts_at, door.ends_at = window.starts_at or door.starts_at, window.ends_at
            door.save(update_fields=["starts_at", "ends_at"])
        self._share(door, line)
        if row.mode == Mode.CODE and door.device_id is not None:
            self._put_code(row, door)

    def _live(self, method: AccessMethod) -> dict[UUID, MethodDoor]:
        """Return the doors that are wanted of a method, as they stand while this goes on."""
        if method.pk not in self.live:
            rows = MethodDoor.objects.filter(method=method, ended_at=None).select_related(
                "device__property", "device__account", "device__site", "code"
            )
            self.live[method.pk] = {door.door_id: door for door in rows}
        return self.live[method.pk]

    def _share(self, door: MethodDoor, line: Line) -> None:
        own = self._own(line)
        columns = {"starts_at": own.starts_at or door.starts_at, "ends_at": own.ends_at}
        rows = DoorShare.objects.filter(door=door, grant=self.grant, ended_at=None)
        if not rows.update(**columns):
            DoorShare.objects.create(door=door, grant=self.grant, **columns)

    def _own(self, line: Line) -> Window:
        """Return what this grant alone wants of a door that others share."""
        known: Door | None = self.doors.get(line.door_id)
        if line.also is None or known is None:
            return line.window
        return windows.window_at(known, line.mode, self.grant.window, None, now=self.at)

    def _close(self, line: Line, method: AccessMethod) -> None:
        door = self._live(method).get(line.door_id)
        if door is None:
            return
        DoorShare.objects.filter(door=door, grant=self.grant, ended_at=None).update(
            ended_at=self.at
        )
        if line.is_left:
            self._leave(door, line.window)
            return
        door.ended_at = self.at
        door.save(update_fields=["ended_at"])
        del self._live(method)[line.door_id]
        if door.code and door.code.is_wanted(self.at):  # else its window has ended it
            codes.revoke([door.code], who=self.who, at=self.at, reason="")

    def _leave(self, door: MethodDoor, window: Window) -> None:
        """Leave a door to the other grants that want it, for as long as they do."""
        starts_at = window.starts_at or door.starts_at
        is_moved = door.ends_at != window.ends_at or max(starts_at, door.starts_at) > self.at
        door.starts_at, door.ends_at = starts_at, window.ends_at
        door.save(update_fields=["starts_at", "ends_at"])
        if door.code and is_moved:
            self._change_code(door, digits=None, new_digits=False)

    # --- codes ----------------------------------------------------------------------------

    def _put_code(self, row: Row, door: MethodDoor) -> None:
        code = door.code
        if code is None or code.revoked_at or code.is_gone:
            if is_waiting(door.window, self.at):
                door.code = None
            else:
                assert door.device is not None
                door.code = put_code(door, row.digits, self.grant, who=self.who, at=self.at)
            door.save(update_fields=["code"])
            return
        had = self.seen.get(door.method_id)
        is_new = bool(row.digits) and (had is None or had.digits != row.digits)
        digits = row.digits if is_new and not row.wants_new_digits else None
        self._change_code(door, digits=digits, new_digits=row.wants_new_digits)

    def _change_code(self, door: MethodDoor, *, digits: str | None, new_digits: bool) -> None:
        assert door.code is not None
        codes.change(
            door.code,
            name=name_of(self.grant),
            window=door.window,
            digits=digits,
            new_digits=new_digits,
            who=self.who,
            at=self.at,
        )

    # --- people of access systems ----------------------------------------------------------

    def _end_if_empty(self, method: AccessMethod) -> None:
        if method.revoked_at is None and not self._live(method):
            method.revoked_at = self.at
            method.save(update_fields=["revoked_at"])

    def _settle_people(self, touched: dict[UUID, AccessMethod]) -> None:
        """Have each user of a system wished as their methods want them; or gone."""
        fresh: dict[UUID, list[AccessMethod]] = defaultdict(list)
        for method in touched.values():
            if method.acs_user_id is None and method.system_id and method.revoked_at is None:
                fresh[method.system_id].append(method)
        for user_id in {m.acs_user_id for m in touched.values() if m.acs_user_id}:
            self._settle_user(user_id, fresh)
        for methods in filter(None, fresh.values()):
            self._new_user(methods)
        wanted = [m for m in touched.values() if m.revoked_at is None and m.acs_user_id]
        for method in wanted:
            self._settle_credential(method)

    def _settle_user(self, user_id: UUID, fresh: dict[UUID, list[AccessMethod]]) -> None:
        rows = list(AccessMethod.objects.filter(acs_user_id=user_id, revoked_at=None))
        user = AcsUser.objects.select_related("system").get(pk=user_id)
        if not rows:
            people.remove(user, who=self.who, at=self.at)
            return
        if not people.is_there(user):  # somebody deleted them: the stay goes on without them
            for method in rows:
                method.acs_user = None
                self.methods[method.pk] = method
            fresh[user.system_id] += rows
            return
        self._withdraw(user, {row.mode for row in rows})
        # Another way in of the same grant is the same person there.
        for method in fresh.pop(user.system_id, []):
            method.acs_user = user
            method.save(update_fields=["acs_user"])
            rows.append(method)
        window, groups = self._wanted(rows)
        people.change(user, window=window, group_ids=groups, who=self.who, at=self.at)

    def _withdraw(self, user: AcsUser, modes: set[str]) -> None:
        """Take away what somebody who stays had by ways in that no grant wants any more."""
        left = AcsCredential.objects.filter(user=user, delete_asked_at=None)
        for credential in left.exclude(access_method__in=modes).select_related("system__property"):
            if credential.access_method in set(Mode):
                credentials.wish_away(credential, "cancelled", at=self.at)

    def _new_user(self, methods: list[AccessMethod]) -> None:
        window, groups = self._wanted(methods)
        person, system = self.grant.identity, methods[0].system
        assert system is not None
        user = people.put(
            system,
            name=str(person)[:100],
            email=person.email,
            phone=person.phone,
            window=window,
            group_ids=groups,
            who=self.who,
            at=self.at,
        )
        for method in methods:
            method.acs_user = user
            method.save(update_fields=["acs_user"])

    def _wanted(self, methods: list[AccessMethod]) -> tuple[Window, tuple[UUID, ...]]:
        """Return when these methods are wanted together, and the groups that open their doors."""
        rows = MethodDoor.objects.filter(
            method__in=methods, ended_at=None, entrance__isnull=False
        ).select_related("entrance__system")
        window: Window | None = None
        for row in rows:
            window = hull(window, row.window) if window else row.window
        entrances = [row.entrance for row in rows if row.entrance is not None]
        users = [method.acs_user_id for method in methods if method.acs_user_id]
        chosen = finding.chosen_groups(entrances, Held(groups=finding.groups_of(users)))
        assert window is not None
        return window, tuple(pk for groups in chosen.values() for pk in groups)

    def _settle_credential(self, method: AccessMethod) -> None:
        """PINs and mobile keys are asked for; a card waits for somebody at an encoder."""
        assert method.acs_user is not None
        if method.mode == Mode.CODE:
            people.want_pin(method.acs_user, who=self.who, at=self.at)
        elif method.mode == Mode.MOBILE_KEY:
            people.want_mobile_key(
                method.acs_user,
                max_use_count=method.instant_key_max_use_count or 1,
                who=self.who,
                at=self.at,
            )


def is_waiting(window: Window, at: datetime) -> bool:
    """Tell whether a code waits to be made: locks take both times or neither."""
    return window.ends_at is None and window.starts_at is not None and window.starts_at > at


def name_of(grant: AccessGrant) -> str:
    """Return what codes are called at the provider: it has the guest's name (seam.md 7.5)."""
    return str(grant.identity)


def put_code(
    door: MethodDoor, digits: str, grant: AccessGrant, *, who: Who, at: datetime
) -> AccessCode:
    assert door.device is not None
    return codes.put(
        door.device,
        name=name_of(grant),
        window=door.window,
        digits=digits,
        shared_key=door.method_id.hex if door.method.by_provider else "",
        grant_id=grant.pk,
        who=who,
        at=at,
    )
