"""The numbers that Space calls its users by."""

from collections.abc import Iterator

from sandbox.world import World


def free_numbers(world: World, system_id: str) -> Iterator[str]:
    """Yield numbers that no user of a system has, those of the first day included."""
    taken = {row.ext_id for row in world.space_users.where(system_id=system_id)}
    while True:
        number = f"SIM-{world.count('space_users'):05}"
        if number not in taken:
            yield number
