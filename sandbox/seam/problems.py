"""Entries of the `errors` and `warnings` that Seam's resources carry."""

from typing import Any

from sandbox.clock import format_utc
from sandbox.world import World


def problem(world: World, code: str, message: str, **flags: Any) -> dict[str, Any]:
    """Return an entry of an `errors` array; when it began is not kept, so it began today."""
    today = world.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return {"error_code": code, "message": message, "created_at": format_utc(today)} | flags


def warning(world: World, code: str, message: str, **more: Any) -> dict[str, Any]:
    shape = problem(world, code, message, **more)
    shape["warning_code"] = shape.pop("error_code")
    return shape
