"""A desk in the simulated Salto Space: users, credentials, an encoder and hands."""

from typing import Any

from sandbox.seam import seed as seam_seed
from sandbox.space import seed
from tests.sandbox.client import Answer, Client

KEY = {"authorization": f"Bearer {seam_seed.KEY}"}


def door(name: str) -> str:
    return seed.make_id("door", name)


def group(name: str) -> str:
    return seed.make_id("group", name)


class Desk:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.encoder_id = seed.make_id("encoder", "Front desk 1")
        self.system_id = seed.SYSTEM_ID

    def ask(self, path: str, **body: Any) -> Answer:
        return self.client.post(f"/seam/acs{path}", body, headers=KEY)

    def said(self, path: str, key: str, **body: Any) -> Any:
        answer = self.ask(path, **body)
        assert answer.status == 200, answer.text
        return answer.json().get(key)

    # --- people and their keys ---

    def user(self, *groups: str, **fields: Any) -> dict[str, Any]:
        body = {"full_name": "Jane Doe", "acs_access_group_ids": [group(g) for g in groups]}
        row = self.said("/users/create", "acs_user", acs_system_id=self.system_id, **body | fields)
        self.client.pass_time(1)
        return row

    def key(self, user: dict[str, Any], *, is_new: bool = True, **fields: Any) -> dict[str, Any]:
        return self.said(
            "/credentials/create",
            "acs_credential",
            acs_user_id=user["acs_user_id"],
            access_method="card",
            salto_space_metadata={"assign_new_key": is_new},
            **fields,
        )

    def seen_key(self, key: dict[str, Any]) -> dict[str, Any]:
        wish = {"acs_credential_id": key["acs_credential_id"]}
        return self.said("/credentials/get", "acs_credential", **wish)

    def drop_key(self, key: dict[str, Any]) -> None:
        self.ask("/credentials/delete", acs_credential_id=key["acs_credential_id"])
        self.client.pass_time(1)

    # --- the encoder ---

    def start(self, key: dict[str, Any], encoder_id: str = "") -> dict[str, Any]:
        return self.said(
            "/encoders/encode_credential",
            "action_attempt",
            acs_encoder_id=encoder_id or self.encoder_id,
            acs_credential_id=key["acs_credential_id"],
        )

    def start_scan(self) -> dict[str, Any]:
        wish = {"acs_encoder_id": self.encoder_id}
        return self.said("/encoders/scan_credential", "action_attempt", **wish)

    def attempt(self, attempt: dict[str, Any]) -> dict[str, Any]:
        body = {"action_attempt_id": attempt["action_attempt_id"]}
        answer = self.client.post("/seam/action_attempts/get", body, headers=KEY)
        return answer.json()["action_attempt"]

    def outcome(self, attempt: dict[str, Any]) -> str:
        now = self.attempt(attempt)
        return now["error"]["type"] if now["error"] else now["status"]

    def place(self, label: str = "Blank 1", **more: Any) -> None:
        card = self.card(label)
        self.client.control(f"cards/{card['id']}/place", encoder_id=self.encoder_id, **more)

    def take(self, label: str = "Blank 1") -> None:
        self.client.control(f"cards/{self.card(label)['id']}/take")

    def encode(self, key: dict[str, Any], label: str = "Blank 1", **more: Any) -> str:
        """Go through it: start, lay the card on, wait, take it off. Return how it ended."""
        attempt = self.start(key)
        self.client.pass_time(1)
        self.place(label, **more)
        self.client.pass_time(3)
        self.take(label)
        return self.outcome(attempt)

    def scan(self, label: str = "Blank 1") -> dict[str, Any]:
        attempt = self.start_scan()
        self.place(label)
        self.client.pass_time(3)
        self.take(label)
        return self.attempt(attempt)["result"]

    # --- cards and doors ---

    def card(self, label: str) -> dict[str, Any]:
        rows = self.client.get("/control/cards").json()
        return next(row for row in rows if row["label"] == label)

    def try_card(self, label: str, door_name: str) -> str:
        path = f"cards/{self.card(label)['id']}/try"
        return self.client.control(path, door_id=door(door_name))["reason"]

    def opens(self, label: str = "Blank 1") -> set[str]:
        names = [name for name, _fields in seed.DOORS]
        return {name for name in names if self.try_card(label, name) == "opened"}

    def events(self) -> list[str]:
        body = {"since": "2026-01-01T00:00:00Z"}
        rows = self.client.post("/seam/events/list", body, headers=KEY).json()["events"]
        return [row["event_type"] for row in rows if row["event_type"].startswith("acs_")]

    def light(self) -> str:
        rows = self.client.get("/control/encoders").json()
        return next(row["state"] for row in rows if row["id"] == self.encoder_id)


def warnings(row: dict[str, Any]) -> list[str]:
    return [each["warning_code"] for each in row["warnings"]]


def mutations(row: dict[str, Any]) -> list[str]:
    return [each["mutation_code"] for each in row["pending_mutations"]]
