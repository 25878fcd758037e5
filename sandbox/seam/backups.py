"""The pool of backups: spare codes on a lock, for when a code cannot be set in time."""

from sandbox.seam import codes, events
from sandbox.seam.things import SeamCode
from sandbox.things import Lock
from sandbox.world import World

POOL_SIZE = 2


def refill(world: World, lock: Lock) -> None:
    """Keep spare codes on the lock, for when a code cannot be set in time."""
    world.seam_devices[lock.id].is_backup_pool_on = True
    for _ in range(POOL_SIZE - len(spares(world, lock))):
        digits = codes.generate(world, lock)
        codes.make(world, lock, name="SIMULATED backup", digits=digits, is_backup=True)


def spares(world: World, lock: Lock) -> list[SeamCode]:
    backups = world.seam_codes.where(lock_id=lock.id, is_backup=True, backs_up=None)
    return [code for code in backups if code.deleted_at is None]


def pull(world: World, code: SeamCode) -> SeamCode | None:
    """Return the backup of `code`, the same each time; None if there is no spare one."""
    lock = world.locks[code.lock_id]
    if pulled := world.seam_codes.get(code.pulled_backup_id):
        return pulled
    ready = [spare for spare in spares(world, lock) if spare.on_lock]
    if not ready:
        return None
    spare = ready[0]
    spare.backs_up, spare.ends_at, spare.starts_at = code.id, code.ends_at, world.now()
    code.pulled_backup_id = spare.id
    world.seam_codes.put(code)
    codes.plan(world, spare)
    events.emit_for_device(
        world,
        lock.id,
        "access_code.backup_access_code_pulled",
        access_code_id=code.id,
        backup_access_code_id=spare.id,
    )
    refill(world, lock)
    return spare
