"""The Seam driver in front of recorded answers."""

import copy
import time

from accounts.providers import open_driver
from accounts.providers.base import Connection, LockState
from accounts.providers.http import HttpDoor
from tests.accounts.providers.contract import READ_SECONDS, SILENT_SECONDS, Rig
from tests.accounts.providers.keeper import MemoryTokens
from tests.accounts.providers.seam import answers
from tests.accounts.providers.servers import Answer, Cloud

KEY = "seam_test1_canarykey"


def connection_to(api_base, key=KEY):
    return Connection(
        dialect="connect",
        grant="api_key",
        api_base=api_base,
        auth_url=api_base,
        client_secret=key,
    )


def driver_at(api_base, door, *, key=KEY, turns=None):
    connection = connection_to(api_base, key)
    return open_driver("seam", connection, tokens=MemoryTokens(), door=door, turns=turns)


class RecordedRig(Rig):
    """One August lock, and a thermostat that is none."""

    states = {"locked": LockState.LOCKED, "unlocked": LockState.UNLOCKED}
    secrets = (KEY,)
    site_id, lock_id = answers.WORKSPACE_ID, answers.LOCK_ID
    sent_when_unauthorized = 1

    def __init__(self):
        super().__init__()
        self.cloud = Cloud()
        self.door = HttpDoor((), plain_origins=(self.cloud.origin,))
        self.lock = copy.deepcopy(answers.LOCK)
        self.tell("workspaces/get", workspace=answers.WORKSPACE)
        self.tell("connected_accounts/list", connected_accounts=[answers.ACCOUNT])
        self.cloud.on("POST", "/devices/list", self._list)
        self.cloud.on("POST", "/devices/get", lambda _: yes(device=self.lock))
        self.tell("events/list", events=[answers.event("lock.unlocked", method="manual")])
        self.tell("acs/users/list", acs_users=[answers.USER])
        self.tell("access_codes/list", access_codes=[])
        self.tell("access_codes/unmanaged/list", access_codes=[])
        self.tell("locks/unlock_door", action_attempt=answers.attempt("pending"))
        self.tell("action_attempts/get", action_attempt=answers.attempt("success"))

    def tell(self, path, **body):
        self.cloud.on("POST", f"/{path}", yes(**body))

    def refuse(self, path, status, kind, message="No.", **more):
        body = answers.error(kind, message, **more)
        self.cloud.on("POST", f"/{path}", Answer(body, status))

    def asked(self, path):
        return [each.json for each in self.cloud.calls("POST", f"/{path}")]

    def _list(self, _):
        return yes(devices=[self.lock, answers.THERMOSTAT])

    def driver(self, *, read_seconds=READ_SECONDS, turns=None):
        driver = driver_at(self.cloud.origin, self.door, turns=turns)
        driver.api.read_budget_seconds = read_seconds
        return driver

    def empty_driver(self):
        self.tell("devices/list", devices=[])
        return self.driver()

    def set_lock(self, *, state=None, online=None):
        words = {"locked": True, "unlocked": False}
        if state is not None:
            self.lock["properties"]["locked"] = words.get(state, state)
        if online is not None:
            self.lock["properties"]["online"] = online

    def make_trouble(self, trouble):
        answer = Answer(trouble.body, trouble.status, dict(trouble.headers))
        if trouble.body is None and trouble.status == 200:
            answer.raw = b"null"
        if trouble.html:
            answer.raw = b"<!doctype html><h1>busy</h1>"

        def say_nothing(_):
            time.sleep(SILENT_SECONDS + 0.4)
            return answer

        for method, path in list(self.cloud.scripts):
            self.cloud.on(method, path, say_nothing if trouble.silent else answer)

    def count_commands(self):
        return len(self.cloud.calls("POST", "/locks/unlock_door"))

    def close(self):
        self.door.close()
        self.cloud.close()


def yes(**body):
    pages = {"pagination": {"has_next_page": False, "next_page_cursor": None}}
    return Answer({**body, **pages, "ok": True})
