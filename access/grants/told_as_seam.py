"""Errors, warnings and pending mutations of grants and methods, in Seam's words and fields.

facts/seam.md 8. Nothing here is stored but what a plan said; the rest is read from the rows
each time, and is gone when it is no longer so. No digits: whoever may see them adds
`original_code` and `new_code`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from access.grants import progress
from access.grants.standing import DoorStanding, GrantStanding, Standing
from access.grants.status import is_slow
from access.models import AccessGrant
from access.planning.outcome import WarningCode
from accounts.providers.systems import AccessMethod as Mode
from locks.codes.decide import NEAR_START
from locks.codes.rules import Window

Told = dict[str, Any]

_OF_METHODS = (WarningCode.MISSING_EMAIL, WarningCode.MISSING_PHONE)
#: Read from the rows, and so not from what the plan said.
_READ = (*_OF_METHODS, WarningCode.UPDATING_ACCESS_TIMES)
#: Providers round times to minutes.
_SAME = timedelta(minutes=1)


def _stamp(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _told(kind: str, code: str, message: str, at: datetime | None, **fields: Any) -> Told:
    return {f"{kind}_code": code, "message": message, "created_at": _stamp(at), **fields}


# --- a method -------------------------------------------------------------------------


def errors_of_method(standing: Standing, at: datetime) -> list[Told]:
    for each in standing.wanted:
        if each.progress.key in progress.FAILED:
            said = f"{each.name}: {each.state.note or each.state.word}"
            return [_told("error", "failed_to_issue", said, each.progress.since or at)]
    return []


def warnings_of_method(standing: Standing, grant: AccessGrant, at: datetime) -> list[Told]:
    return list(_warnings_of_method(standing, grant, at))


def _warnings_of_method(standing: Standing, grant: AccessGrant, at: datetime) -> Iterator[Told]:
    if not standing.wanted and standing.state.key in progress.MAY_STILL_OPEN:
        yield _told("warning", "being_deleted", standing.state.note, standing.since)
    if _moved(standing.wanted):
        yield _told("warning", "updating_access_times", "Times are being changed.", standing.since)
    is_near = grant.starts_at - at <= NEAR_START
    late = [
        each
        for each in standing.wanted
        if each.progress.key in progress.UNDER_WAY
        and is_slow(each.progress.since or grant.created_at, at)
    ]
    if is_near and late:
        said = f"{late[0].name}: {late[0].state.note}"
        yield _told("warning", "delay_in_issuing", said, late[0].progress.since)
    if standing.mode == Mode.MOBILE_KEY:
        kept = [each for each in grant.warnings if each.get("code") in _OF_METHODS]
        yield from (_kept(each, grant) for each in kept)


def mutations_of_method(standing: Standing) -> list[Told]:
    return list(_mutations_of_method(standing))


def _mutations_of_method(standing: Standing) -> Iterator[Told]:
    wanted, there = _ids(standing.wanted), _ids(_there(standing.doors))
    if coming := [each for each in standing.wanted if not each.progress.is_done]:
        kept = _ids(each for each in standing.wanted if each.progress.is_done)
        yield _told(
            "mutation",
            "provisioning_access",
            "Access is being set up.",
            coming[0].progress.since or standing.method.created_at,
            **{"from": {"device_ids": kept}, "to": {"device_ids": wanted}},
        )
    if going := _going(standing.doors):
        yield _told(
            "mutation",
            "revoking_access",
            "Access is being taken back.",
            going[0].progress.since,
            **{"from": {"device_ids": there}, "to": {"device_ids": wanted}},
        )
    if moved := _moved(standing.wanted):
        yield _told("mutation", "updating_access_times", *_times(moved), **_from_to(moved))


def _ids(doors: Iterable[DoorStanding]) -> list[str]:
    return sorted({str(each.door.device_id) for each in doors if each.door.device_id})


def _there(doors: Iterable[DoorStanding]) -> list[DoorStanding]:
    return [each for each in doors if each.progress.key not in progress.OVER]


def _going(doors: Iterable[DoorStanding]) -> list[DoorStanding]:
    return [each for each in doors if each.progress.key in progress.MAY_STILL_OPEN]


# --- times ----------------------------------------------------------------------------


def _moved(doors: Iterable[DoorStanding]) -> DoorStanding | None:
    """Return a door where the provider still has other times than are wished."""
    return next((each for each in doors if _was(each) is not None), None)


def _was(each: DoorStanding) -> Window | None:
    code = each.door.code
    if code is None or not code.remote_id or code.reported_ends_at is None:
        return None
    if _is_same(code.reported_starts_at, code.starts_at) and _is_same(
        code.reported_ends_at, code.ends_at
    ):
        return None
    return Window(code.reported_starts_at, code.reported_ends_at)


def _is_same(reported: datetime | None, wished: datetime | None) -> bool:
    if reported is None or wished is None:
        return reported is None or reported == wished
    return abs(reported - wished) <= _SAME


def _times(moved: DoorStanding) -> tuple[str, datetime | None]:
    return "Times are being changed.", moved.progress.since


def _from_to(moved: DoorStanding) -> Told:
    was, window = _was(moved), moved.share.window
    assert was is not None
    return {
        name: {"starts_at": _stamp(each.starts_at), "ends_at": _stamp(each.ends_at)}
        for name, each in (("from", was), ("to", window))
    }


# --- a grant --------------------------------------------------------------------------


def errors_of_grant(standing: GrantStanding) -> list[Told]:
    grant = standing.grant
    missing = [each for each in grant.left_out if each.get("is_device")]
    if not missing:
        return []
    said = " ".join(dict.fromkeys(f"{each['name']}: {each['message']}" for each in missing))
    ids = [str(each["door_id"]) for each in missing]
    code = "cannot_create_requested_access_methods"
    return [_told("error", code, said, grant.created_at, missing_device_ids=ids)]


def warnings_of_grant(standing: GrantStanding) -> list[Told]:
    return list(_warnings_of_grant(standing))


def _warnings_of_grant(standing: GrantStanding) -> Iterator[Told]:
    grant, doors = standing.grant, _doors(standing)
    if grant.revoked_at is not None:
        if grant.gone_at is None:
            yield _told("warning", "being_deleted", "It is being taken back.", grant.revoked_at)
        return
    wanted = [each for each in doors if each.is_wanted]
    if short := [each for each in wanted if not each.progress.is_done]:
        said = "Access to some doors is being set up."
        since = short[0].progress.since or grant.created_at
        yield _told("warning", "underprovisioned_access", said, since)
    if going := _going(doors):
        said = "Access to doors it does not want any more is being taken back."
        since = going[0].progress.since or grant.created_at
        stuck = [_failed_device(each) for each in going if each.progress.key == "still_active"]
        failed = [each for each in stuck if each["device_id"]]
        more = {"failed_devices": failed} if failed else {}
        yield _told("warning", "overprovisioned_access", said, since, **more)
    if moved := [method for method in standing.methods if _moved(method.wanted)]:
        ids = sorted(str(each.method.pk) for each in moved)
        said, at = "Times are being changed.", moved[0].since
        yield _told("warning", "updating_access_times", said, at, access_method_ids=ids)
    kept = [each for each in grant.warnings if each.get("code") not in _READ]
    yield from (_kept(each, grant) for each in kept)


def _doors(standing: GrantStanding) -> list[DoorStanding]:
    return [each for method in standing.methods for each in method.doors]


def _failed_device(each: DoorStanding) -> dict[str, str]:
    code = each.door.code
    return {
        "device_id": str(each.door.device_id or ""),
        "error_code": (code.error_code if code else "") or "failed_to_remove_from_device",
        "message": each.state.note,
    }


def _kept(warning: Told, grant: AccessGrant) -> Told:
    """Return a warning that a plan said, as it was stored."""
    more = {key: warning[key] for key in ("device_id", "reason") if warning.get(key)}
    at = warning.get("at") or _stamp(grant.created_at)
    return {
        "warning_code": warning["code"],
        "message": warning.get("message", ""),
        "created_at": at,
        **more,
    }


def mutations_of_grant(standing: GrantStanding) -> list[Told]:
    grant, doors = standing.grant, _doors(standing)
    found: list[Told] = []
    if grant.revoked_at is None:
        wanted = _ids(each for each in doors if each.is_wanted)
        there = _ids(
            each
            for each in _there(doors)
            if not each.is_wanted or each.progress.is_issued or each.progress.is_done
        )
        if there and there != wanted:
            found.append(
                _told(
                    "mutation",
                    "updating_spaces",
                    "Its doors are being changed.",
                    grant.created_at,
                    **{"from": {"device_ids": there}, "to": {"device_ids": wanted}},
                )
            )
    found += _moved_grant(standing)
    return found


def _moved_grant(standing: GrantStanding) -> list[Told]:
    methods = [each for each in standing.methods if _moved(each.wanted)]
    if not methods:
        return []
    first = _moved(methods[0].wanted)
    assert first is not None
    ids = sorted(str(each.method.pk) for each in methods)
    told = _told("mutation", "updating_access_times", *_times(first), access_method_ids=ids)
    return [told | _from_to(first)]
