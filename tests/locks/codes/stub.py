"""A brand whose locks take our digits, as far as pages and acts need one. Calls nobody."""

from datetime import datetime
from typing import Any

from accounts.providers.codes import CodeConstraint, CodeRules

SALTO = CodeRules(
    lengths=(6,),
    constraints=frozenset({CodeConstraint.CANNOT_SPECIFY_PIN_CODE}),
    native_end=True,
    takes_seat=True,
)
KEYPAD = CodeRules(lengths=(4, 6), slots=10, can_change_digits=True)


class Stub:
    """Every method of AccessCodes; the pure ones answer from attributes."""

    def __init__(self, rules: CodeRules | None, why: str = "") -> None:
        self.rules = rules
        self.why = why
        self.end: datetime | None = None

    def code_rules(self, lock: Any, site: Any = None) -> CodeRules | None:
        return self.rules if lock.has_keypad else None

    def why_no_codes(self, lock: Any, site: Any = None) -> str:
        return self.why or "This lock has no keypad."

    def digits_end(self, seen: Any) -> datetime | None:
        return self.end

    def _never(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("pages never ask a provider")

    list_codes = next_step = creates = is_of_door = take_step = remove_code = _never
