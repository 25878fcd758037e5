"""As whom, and where, PostgreSQL runs when we are root, which it refuses to be.

It runs as `nobody`, who need not be able to reach the checkout (think of /root). Then its
programs are copied, and its data kept, where everybody may pass; no folder that was
there before gets other permissions. Reasons: docs/decisions/0001-embedded-engines.md
"""

import hashlib
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from config.starting import StartError

_PROGRAMS = Path("/var/cache/lockboard")
_DATA = Path("/var/lib/lockboard")

#: The numbers of a user and of a group.
User = tuple[int, int]


def user_for(home: Path) -> User | None:
    """Return who PostgreSQL runs as: the owner of its data, `nobody`, or None for ourselves."""
    if os.geteuid() != 0:
        return None
    if home.exists() and (owner := home.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise StartError(
            "PostgreSQL refuses to run as root and this machine has no user “nobody”: "
            "start as an ordinary user, or set DATABASE_URL."
        ) from None
    return nobody.pw_uid, nobody.pw_gid


def make_home(home: Path, user: User | None, *, durable: bool) -> Path:
    """Make the folder `home` for `user`, unless it is there. Return where it really is.

    That is elsewhere, with a link, where `user` cannot come.
    """
    if home.is_symlink() and not home.exists():
        raise StartError(
            f"The embedded database was kept in {home.readlink()}, which is gone: remove "
            f"{home.parent} to begin anew."
        )
    if not home.exists():
        if user is None or _can_reach(home.parent, user):
            home.mkdir(mode=0o700)
        else:
            place = _elsewhere(user, lasting=durable and not _is_temporary(home))
            home.symlink_to(tempfile.mkdtemp(prefix="lockboard-", dir=place))
    if user:
        os.chown(home, *user)
    return home.resolve()


def forget_home(home: Path) -> None:
    """Remove a `home` that `make_home` put elsewhere."""
    if home.is_symlink():
        shutil.rmtree(home.readlink(), ignore_errors=True)
        home.unlink()


def programs_for(user: User | None, installed: Path) -> Path:
    """Return a folder with PostgreSQL's programs that `user` may run."""
    postgres = installed / "bin" / "postgres"
    if user is None or _can_reach(postgres, user):
        return installed
    with postgres.open("rb") as program:  # one copy, however many checkouts
        version = hashlib.file_digest(program, "sha256").hexdigest()[:12]
    copy = _PROGRAMS / f"postgresql-{version}"
    if not copy.exists():
        _copy(installed, copy)
    return copy / installed.relative_to(installed.parent.parent)


def _can_reach(path: Path, user: User) -> bool:
    path = path.resolve()
    return all(_may_pass(folder, user) for folder in (path, *path.parents))


def _may_pass(path: Path, user: User) -> bool:
    status = path.stat()
    if status.st_uid == user[0]:
        return bool(status.st_mode & 0o100)
    if status.st_gid == user[1]:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def _elsewhere(user: User, *, lasting: bool) -> Path:
    if lasting:
        _DATA.mkdir(parents=True, exist_ok=True)
        _DATA.chmod(0o711)  # ours; a strict umask may have closed it
        return _DATA
    usual = Path(tempfile.gettempdir())
    return usual if _can_reach(usual, user) else Path("/tmp")  # noqa: S108  mkdtemp follows


def _is_temporary(path: Path) -> bool:
    return path.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def _copy(installed: Path, copy: Path) -> None:
    _PROGRAMS.mkdir(parents=True, exist_ok=True)
    _PROGRAMS.chmod(0o755)
    draft = Path(tempfile.mkdtemp(dir=_PROGRAMS))
    package = installed.parent
    # The programs find libraries of the wheel by their place beside them.
    libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    for part in (*(installed / name for name in ("bin", "lib", "share")), *libraries):
        if part.exists():
            shutil.copytree(part, draft / part.relative_to(package.parent))
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        draft.rename(copy)
    except OSError:  # another start was faster
        shutil.rmtree(draft)
