"""What rigs in front of the sandbox program have in common."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from accounts.providers.base import LockState
from accounts.providers.http import HttpDoor
from tests.accounts.providers.code_contract import REF, CodeRig
from tests.accounts.providers.contract import SILENT_SECONDS, Rig


class OnSandbox:
    """Trouble, and what was asked, by the sandbox's control API."""

    def make_trouble(self, trouble):
        wish = {"match": {"route": "api"}, "times": None}
        if trouble.silent:
            wish |= {"effect": "slow", "seconds": SILENT_SECONDS + 0.4}
        elif trouble.html:
            wish |= {"effect": "html"}
        else:
            wish |= {"effect": "status", "status": trouble.status, "body": trouble.body}
            wish |= {"headers": dict(trouble.headers)}
        self.program.control("POST", "faults", **wish)

    def count_commands(self):
        return len(self.program.control("GET", f"requests?request_id={self.request_id}"))


class KeyRig(OnSandbox, Rig, CodeRig):
    """A brand that signs in by an API key and takes our digits; its driver reads the sandbox's
    clock."""

    states = {"locked": LockState.LOCKED, "unlocked": LockState.UNLOCKED}
    sent_when_unauthorized = 1
    digits = "739146"
    #: What to match so that the answers of calls about codes are lost.
    code_calls = ()

    def __init__(self, program):
        super().__init__()
        self.program = program
        self.door = HttpDoor((), plain_origins=(program.origin,))
        self.moved = timedelta(0)
        program.control("DELETE", "faults")
        program.control("POST", "reset")

    def set_lock(self, *, state=None, online=None):
        wished = {"locked_state": state, "online_flag": online}
        known = {name: value for name, value in wished.items() if value is not None}
        self.program.control("POST", f"locks/{self.lock_id}", **known)

    def close(self):
        self.program.control("DELETE", "faults")
        self.door.close()

    # --- codes ---

    def now(self):
        return datetime.now(UTC) + self.moved

    def code_driver(self):
        return self.driver()

    def pass_time(self, seconds):
        self.moved += timedelta(seconds=seconds)
        self.program.control("POST", "clock", advance_seconds=seconds)

    @contextmanager
    def losing_answers(self):
        for match in self.code_calls:
            self.program.control("POST", "faults", effect="drop_after", times=None, match=match)
        yield
        self.program.control("DELETE", "faults")

    def answer_everything(self, status, body=None):
        wish = {"effect": "status", "times": None, "status": status, "body": body}
        self.program.control("POST", "faults", match={"route": "api"}, **wish)

    def type(self, digits):
        asked = {"lock_id": self.lock_id, "code": digits}
        return self.program.control("POST", "keypad", **asked)["opened"]

    def codes_alive(self):
        rows = self.program.control("GET", f"codes?lock_id={self.lock_id}")
        return [row for row in rows if row["name"].startswith(REF)]
