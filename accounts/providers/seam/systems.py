"""Access control systems at Seam: users, groups, entrances, credentials, encoders.

Groups, entrances and encoders are Seam's to tell: it makes none for us. Users, memberships and
credentials are told once and show what is still on its way to the system as pending mutations.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from accounts.providers.base import RefusedError, UncertainError
from accounts.providers.http import MAX_LIST_BYTES
from accounts.providers.rows import Row, id_of
from accounts.providers.seam.api import SeamApi, known_id, read_row, read_rows, unexpected
from accounts.providers.seam.card_errors import card_failure
from accounts.providers.seam.errors import LABEL, SeamRefusedError
from accounts.providers.seam.rows import stamp
from accounts.providers.seam.system_rows import (
    lacks_seats,
    read_attempt,
    read_credential,
    read_encoder,
    read_entrance,
    read_group,
    read_system,
    read_user,
    seats_of,
)
from accounts.providers.systems import (
    AccessMethod,
    CardFailure,
    EncoderAttempt,
    ListedCredential,
    ListedEncoder,
    ListedEntrance,
    ListedGroup,
    ListedSystem,
    ListedUser,
    UserWish,
)
from accounts.providers.text import clean_text, text_of

Thing = TypeVar("Thing")

#: Seam's own defaults: what it gives unasked it gives when asked, and fewer pages are fewer
#: turns of the account.
PAGE_SIZE = 500
ENTRANCE_PAGE_SIZE = 900
#: A start refused by one of these words was a start: only what has begun can be broken off.
_BEGUN = frozenset({CardFailure.INTERRUPTED, CardFailure.COMMS_TIMEOUT, CardFailure.EXPIRED})


class SeamSystems:
    """The part of the driver that is AccessSystems."""

    api: SeamApi

    # --- listings ---

    def list_systems(self) -> list[ListedSystem]:
        found = self.api.whole("acs/systems/list", "acs_systems", {})
        seats = self._seats() if any(lacks_seats(row) for row in found) else {}
        return read_rows(found, lambda row: read_system(row, seats.get(_site(row))))

    def _seats(self) -> dict[tuple[str, str], Row]:
        """Return how many seats there are, by account and site. One call more, for the few."""
        accounts = self.api.every("connected_accounts/list", "connected_accounts", {})
        return {
            (text_of(account, "connected_account_id"), name): seats
            for account in accounts
            for name, seats in seats_of(account).items()
        }

    def list_acs_users(self, system_id: str) -> list[ListedUser]:
        return read_rows(self._pages("users", system_id), read_user)

    def list_groups(self, system_id: str) -> list[ListedGroup]:
        return read_rows(self._groups({"acs_system_id": known_id(system_id)}), read_group)

    def list_entrances(self, system_id: str) -> list[ListedEntrance]:
        found = self._pages("entrances", system_id, limit=ENTRANCE_PAGE_SIZE)
        return read_rows(found, read_entrance)

    def list_credentials(self, system_id: str, *, user_id: str = "") -> list[ListedCredential]:
        found = self._pages("credentials", system_id, user_id=user_id)
        return read_rows(found, read_credential)

    def list_encoders(self, system_id: str) -> list[ListedEncoder]:
        return read_rows(self._pages("encoders", system_id), read_encoder)

    def group_user_ids(self, group_id: str) -> list[str]:
        return self._ids_in_group("list_users", "acs_users", "acs_user_id", group_id)

    def group_entrance_ids(self, group_id: str) -> list[str]:
        path = "list_accessible_entrances"
        return self._ids_in_group(path, "acs_entrances", "acs_entrance_id", group_id)

    def user_group_ids(self, system_id: str, user_id: str) -> list[str]:
        asked = {"acs_system_id": known_id(system_id), "acs_user_id": known_id(user_id)}
        return read_rows(self._groups(asked), lambda row: id_of(row, "acs_access_group_id"))

    def _pages(
        self, kind: str, system_id: str, *, user_id: str = "", limit: int = PAGE_SIZE
    ) -> list[Row]:
        """Return the rows of one system, each once: a list may grow while it is turned over."""
        path, key = f"acs/{kind}/list", f"acs_{kind}"
        body = {"acs_system_id": known_id(system_id)}
        if user_id:
            body["acs_user_id"] = known_id(user_id)
        found = self.api.every(path, key, body, limit=limit, max_body_bytes=MAX_LIST_BYTES)
        name = f"{key.removesuffix('s')}_id"
        rows = {str(row.get(name)): row for row in found if _is_of(row, body)}
        return list(rows.values())

    def _groups(self, asked: Row) -> list[Row]:
        return self.api.whole("acs/access_groups/list", "acs_access_groups", asked)

    def _ids_in_group(self, verb: str, key: str, name: str, group_id: str) -> list[str]:
        asked = {"acs_access_group_id": known_id(group_id)}
        found = self.api.whole(f"acs/access_groups/{verb}", key, asked)
        return read_rows(found, lambda row: id_of(row, name))

    # --- single things ---

    def get_acs_user(self, user_id: str) -> ListedUser | None:
        return self._get("acs/users/get", "acs_user", user_id, read_user)

    def get_credential(self, credential_id: str) -> ListedCredential | None:
        return self._get("acs/credentials/get", "acs_credential", credential_id, read_credential)

    def _get(
        self, path: str, key: str, remote_id: str, read: Callable[[Row], Thing]
    ) -> Thing | None:
        asked = {f"{key}_id": known_id(remote_id)}
        try:
            row = self.api.one(path, key, asked)
        except SeamRefusedError as error:
            if not _is_gone(error, asked):
                raise
            return None
        return read_row(_of(row, asked), read)

    # --- desired state ---

    def create_acs_user(
        self,
        system_id: str,
        wish: UserWish,
        *,
        group_ids: tuple[str, ...] = (),
        budget_seconds: float,
        request_id: str,
    ) -> ListedUser:
        of = {"acs_system_id": known_id(system_id)}
        given = {**of, **_person(wish)}
        if group_ids:
            given["acs_access_group_ids"] = [known_id(each) for each in group_ids]
        if schedule := _schedule(wish):
            given["access_schedule"] = schedule
        row = self.api.one(
            "acs/users/create",
            "acs_user",
            given,
            budget_seconds=budget_seconds,
            request_id=request_id,
            fresh=True,
        )
        return read_row(_of(row, of), read_user)

    def update_acs_user(
        self, user_id: str, wish: UserWish, *, budget_seconds: float, request_id: str
    ) -> None:
        """Set name and schedule, and e-mail and phone where there are some.

        Seam takes no empty e-mail and no empty phone, so it keeps the last ones. Its schema
        wants both ends of a changed schedule and its text says that the end may be left out;
        it is left out for an open one.
        """
        given = {"acs_user_id": known_id(user_id), **_person(wish)}
        given["access_schedule"] = _schedule(wish)
        self._tell("acs/users/update", given, budget_seconds, request_id)

    def set_suspended(
        self, user_id: str, *, is_suspended: bool, budget_seconds: float, request_id: str
    ) -> None:
        verb, given = ("suspend" if is_suspended else "unsuspend"), {"acs_user_id": user_id}
        self._change(
            f"acs/users/{verb}", given, budget_seconds, request_id, is_gone_good=is_suspended
        )

    def delete_acs_user(self, user_id: str, *, budget_seconds: float, request_id: str) -> None:
        given = {"acs_user_id": user_id}
        self._change("acs/users/delete", given, budget_seconds, request_id, is_gone_good=True)

    def add_to_group(
        self, group_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        given = {"acs_access_group_id": group_id, "acs_user_id": user_id}
        self._change("acs/users/add_to_access_group", given, budget_seconds, request_id)

    def remove_from_group(
        self, group_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        path = "acs/users/remove_from_access_group"
        given = {"acs_access_group_id": group_id, "acs_user_id": user_id}
        self._change(path, given, budget_seconds, request_id, is_gone_good=True)

    def create_credential(
        self,
        user_id: str,
        *,
        access_method: AccessMethod,
        is_new_key: bool = True,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        budget_seconds: float,
        request_id: str,
    ) -> ListedCredential:
        of = {"acs_user_id": known_id(user_id)}
        given: Row = {**of, "access_method": str(access_method)}
        if access_method is AccessMethod.CARD:
            given["salto_space_metadata"] = {"assign_new_key": is_new_key}
        if access_method is AccessMethod.MOBILE_KEY:
            given["is_multi_phone_sync_credential"] = True
        given |= _window(starts_at, ends_at)
        row = self.api.one(
            "acs/credentials/create",
            "acs_credential",
            given,
            budget_seconds=budget_seconds,
            request_id=request_id,
            fresh=True,
        )
        return read_row(_of(row, of), read_credential)

    def delete_credential(
        self, credential_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        given = {"acs_credential_id": credential_id}
        path = "acs/credentials/delete"
        self._change(path, given, budget_seconds, request_id, is_gone_good=True)

    def _change(
        self,
        path: str,
        ids: dict[str, str],
        budget_seconds: float,
        request_id: str,
        *,
        is_gone_good: bool = False,
    ) -> None:
        given = {name: known_id(value) for name, value in ids.items()}
        try:
            self._tell(path, given, budget_seconds, request_id)
        except SeamRefusedError as error:
            if not (is_gone_good and _is_gone(error, given)):
                raise

    def _tell(self, path: str, given: Row, budget_seconds: float, request_id: str) -> None:
        """Make a call that is answered by a yes and nothing else.

        Seam always writes it down; any other JSON may be a proxy's, and nobody knows then.
        """
        answer = self.api.call(path, given, budget_seconds=budget_seconds, request_id=request_id)
        if answer.get("ok") is not True:
            raise unexpected()

    # --- encoders ---

    def start_encode(
        self, encoder_id: str, credential_id: str, *, budget_seconds: float, request_id: str
    ) -> EncoderAttempt:
        given = {"acs_credential_id": known_id(credential_id)}
        return self._start("encode_credential", encoder_id, given, budget_seconds, request_id)

    def start_scan(
        self,
        encoder_id: str,
        *,
        detect_new_tags: bool = False,
        budget_seconds: float,
        request_id: str,
    ) -> EncoderAttempt:
        given = _tags(detect_new_tags)
        return self._start("scan_credential", encoder_id, given, budget_seconds, request_id)

    def start_assign(
        self,
        encoder_id: str,
        user_id: str,
        *,
        detect_new_tags: bool = False,
        budget_seconds: float,
        request_id: str,
    ) -> EncoderAttempt:
        given = {"acs_user_id": known_id(user_id), **_tags(detect_new_tags)}
        path = "scan_to_assign_credential"
        return self._start(path, encoder_id, given, budget_seconds, request_id)

    def _start(
        self, verb: str, encoder_id: str, given: Row, budget_seconds: float, request_id: str
    ) -> EncoderAttempt:
        """Ask once. Whether a card may be written now tells the error's reach."""
        asked = {"acs_encoder_id": known_id(encoder_id), **given}
        try:
            row = self.api.one(
                f"acs/encoders/{verb}",
                "action_attempt",
                asked,
                budget_seconds=budget_seconds,
                request_id=request_id,
                fresh=True,
            )
        except SeamRefusedError as error:
            refusal = _not_started(error)
        else:
            return read_attempt(row)
        raise refusal

    def get_encoder_attempt(self, attempt_id: str, *, budget_seconds: float) -> EncoderAttempt:
        asked = {"action_attempt_id": known_id(attempt_id)}
        row = self.api.one(
            "action_attempts/get", "action_attempt", asked, budget_seconds=budget_seconds
        )
        return read_attempt(_of(row, asked))


def _site(row: Row) -> tuple[str, str]:
    return text_of(row, "connected_account_id"), text_of(row, "name")


def _is_of(row: Row, asked: Row) -> bool:
    """Tell whether a row is of what was asked for, as far as it says."""
    return all(row.get(name) in (None, value) for name, value in asked.items())


def _of(row: Row, asked: Row) -> Row:
    """Return a row. Raises UnexpectedReplyError for one of something else than was asked for."""
    if not _is_of(row, asked):
        raise unexpected()
    return row


def _is_gone(error: SeamRefusedError, ids: Row) -> bool:
    """Tell whether Seam says that a thing is gone which the call named by one of these ids.

    A proxy's 404 does not, nor does one about the system, the account or the path.
    """
    gone = {f"{name.removesuffix('_id')}_not_found" for name in ids}
    return error.status == 404 and error.word in gone


def _not_started(error: SeamRefusedError) -> RefusedError | UncertainError:
    failure = card_failure(error.word, error.said)
    if failure in _BEGUN:
        return UncertainError(f"{LABEL} says that it was broken off", status=error.status)
    said = clean_text(error.said)
    sentence = f"{LABEL} says: {said}" if said else str(error)
    return RefusedError(sentence, code=failure, status=error.status)


def _person(wish: UserWish) -> Row:
    optional = {"email_address": wish.email, "phone_number": wish.phone}
    return {"full_name": wish.full_name, **{k: v for k, v in optional.items() if v}}


def _schedule(wish: UserWish) -> dict[str, str] | None:
    return _window(wish.starts_at, wish.ends_at) or None


def _window(starts_at: datetime | None, ends_at: datetime | None) -> dict[str, str]:
    times = {"starts_at": starts_at, "ends_at": ends_at}
    return {name: stamp(at) for name, at in times.items() if at is not None}


def _tags(detect_new_tags: bool) -> dict[str, Any]:  # noqa: FBT001
    return {"salto_ks_metadata": {"detect_new_tags": True}} if detect_new_tags else {}
