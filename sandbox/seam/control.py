"""The control API's scripts: what coming action attempts end in."""

from dataclasses import asdict
from typing import Any

from sandbox.seam.things import Script
from sandbox.space import refusals
from sandbox.wishes import WrongWishError, route
from sandbox.world import World

PHASES = ("before", "placed", "during", "after")


def script_shape(script: Script) -> dict[str, Any]:
    return asdict(script)


def list_scripts(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    return [script_shape(script) for script in world.scripts]


def add_script(world: World, body: dict[str, Any], _path: dict[str, str]) -> Any:
    """Decide coming action attempts: `action_type`, `match`, `phase`, `error`, `times`, chance."""
    error = body.get("error")
    phase = body.get("phase", "placed" if error in refusals.OF_CARDS else "before")
    if phase not in PHASES:
        raise WrongWishError(f"phase must be one of {', '.join(PHASES)}")
    if error is not None and not isinstance(error, str | dict):
        raise WrongWishError("error must be a type, or {type, message}, or null: no answer ever")
    if isinstance(error, str) and error in refusals.ROWS:
        error = {"type": refusals.ROWS[error].kind, "message": refusals.ROWS[error].message}
    elif isinstance(error, str):
        error = {"type": error, "message": f"SIMULATED: {error.replace('_', ' ')}"}
    match = {str(k): str(v) for k, v in (body.get("match") or {}).items()}
    if not set(match) <= {"lock_id", "encoder_id", "credential_id", "card_id"}:
        raise WrongWishError("match may name lock_id, encoder_id, credential_id, card_id")
    script = Script(
        id=str(world.count("scripts")),
        action_type=body.get("action_type"),
        match=match,
        phase="placed" if phase == "before" and "card_id" in match else phase,
        error=error,
        times=body.get("times", 1),
        chance_percent=float(body.get("chance_percent", 100)),
        seed=int(body.get("seed", 0)),
        options={"report_seconds": body["report_seconds"]} if "report_seconds" in body else {},
    )
    return script_shape(world.scripts.put(script))


def delete_scripts(world: World, _query: dict[str, str], _path: dict[str, str]) -> Any:
    count = len(world.scripts)
    world.scripts.clear()
    return {"deleted": count}


ROUTES = [
    route("/scripts", "GET", list_scripts),
    route("/scripts", "POST", add_script),
    route("/scripts", "DELETE", delete_scripts),
]
