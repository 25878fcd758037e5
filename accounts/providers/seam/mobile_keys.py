"""Mobile keys at Seam: user identities, which hold them, and instant keys, which hand them out.

The credential itself is made and deleted in `systems`. Source: https://docs.seam.co, document
1.1038.0, August 2026.
"""

import re
from urllib.parse import urlsplit

from accounts.providers.rows import Row, id_of
from accounts.providers.seam.api import SeamApi, known_id, read_row, unexpected
from accounts.providers.seam.errors import SeamRefusedError
from accounts.providers.seam.rows import time_of
from accounts.providers.systems import Identity, InstantKey
from accounts.providers.text import text_of

_NO_IDENTITY, _NO_LINK = "user_identity_not_found", "instant_key_not_found"
#: Visible ASCII, no longer than anybody can use.
_URL = re.compile(r"https?://[!-~]{1,1000}")


class SeamMobileKeys:
    """The part of the driver that is MobileKeys."""

    api: SeamApi

    # --- people ---

    def find_identity(self, key: str) -> Identity | None:
        try:
            row = self.api.one("user_identities/get", "user_identity", {"user_identity_key": key})
        except SeamRefusedError as error:
            if error.status != 404 or error.word != _NO_IDENTITY:
                raise
            return None
        return read_row(row, lambda found: _read_identity(found, key))

    def create_identity(
        self,
        key: str,
        *,
        full_name: str,
        email: str = "",
        phone: str = "",
        budget_seconds: float,
        request_id: str,
    ) -> Identity:
        """Make an identity. Key, e-mail and phone are each once in a workspace."""
        optional = {"email_address": email, "phone_number": phone}
        given = {"user_identity_key": key, "full_name": full_name}
        row = self.api.one(
            "user_identities/create",
            "user_identity",
            given | {name: value for name, value in optional.items() if value},
            budget_seconds=budget_seconds,
            request_id=request_id,
            fresh=True,
        )
        return read_row(row, lambda made: _read_identity(made, key))

    def link_identity(
        self, identity_id: str, user_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        given = {"user_identity_id": known_id(identity_id), "acs_user_id": known_id(user_id)}
        self._order("user_identities/add_acs_user", given, budget_seconds, request_id)

    # --- links ---

    def list_instant_keys(self, identity_id: str) -> list[InstantKey]:
        """Return all links of an identity, or nothing: one left out would be made again."""
        asked = {"user_identity_id": known_id(identity_id)}
        found = self.api.whole("instant_keys/list", "instant_keys", asked)
        mine = [row for row in found if row.get("user_identity_id") in {None, identity_id}]
        return [read_row(row, _read_instant_key) for row in mine]

    def create_instant_key(
        self,
        identity_id: str,
        *,
        max_use_count: int = 1,
        budget_seconds: float,
        request_id: str,
    ) -> InstantKey:
        given = {"user_identity_id": known_id(identity_id), "max_use_count": max_use_count}
        row = self.api.one(
            "user_identities/generate_instant_key",
            "instant_key",
            given,
            budget_seconds=budget_seconds,
            request_id=request_id,
            fresh=True,
        )
        return read_row(row, _read_instant_key)

    def delete_instant_key(
        self, instant_key_id: str, *, budget_seconds: float, request_id: str
    ) -> None:
        given = {"instant_key_id": known_id(instant_key_id)}
        try:
            self._order("instant_keys/delete", given, budget_seconds, request_id)
        except SeamRefusedError as error:
            if error.status != 404 or error.word != _NO_LINK:
                raise

    def _order(self, path: str, given: Row, budget_seconds: float, request_id: str) -> None:
        answer = self.api.call(path, given, budget_seconds=budget_seconds, request_id=request_id)
        if answer.get("ok") is not True:
            raise unexpected()


def _read_identity(row: Row, key: str) -> Identity:
    """Read an identity. Raises ValueError for another's than was asked for.

    One that was merged into another still answers to its key (facts/seam.md 7.7).
    """
    merged = row.get("merged_user_identity_keys")
    if row.get("user_identity_key") not in {None, key} and key not in (merged or ()):
        raise ValueError("it has another key")
    return Identity(
        remote_id=id_of(row, "user_identity_id"),
        full_name=text_of(row, "full_name", "display_name"),
    )


def _read_instant_key(row: Row) -> InstantKey:
    return InstantKey(
        remote_id=id_of(row, "instant_key_id"),
        url=_url_of(row),
        created_at=time_of(row, "created_at"),
        expires_at=time_of(row, "expires_at"),
    )


def _url_of(row: Row) -> str:
    """Return the address that people will open. Raises ValueError for what is none."""
    url = row.get("instant_key_url")
    if not isinstance(url, str) or not _URL.fullmatch(url) or not urlsplit(url).hostname:
        raise ValueError("its link is none")
    return url
