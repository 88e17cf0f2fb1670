"""Files that are whole or not there: written beside, synced, moved into place, under a lock."""

from __future__ import annotations

import os
import stat
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eighty80_jupyter.errors import UsageError

PRIVATE = 0o600  # what a person says to a model is nobody else's business
APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


def state_path(name: str) -> Path:
    """Return where a file or a folder of that name lies that all kernels of this user share."""
    from platformdirs import user_state_path  # noqa: PLC0415  # a door: platformdirs

    return user_state_path("eighty80_jupyter") / name


def target(path: str | os.PathLike[str]) -> Path:
    """Return where a file is written: `~` and links followed. Raises UsageError."""
    try:
        found = Path(os.path.realpath(Path(path).expanduser()))
        folder, directory = found.parent.is_dir(), found.is_dir()
        device = found.exists() and not found.is_file() and not directory
        loop = found.is_symlink()  # what is left of links that were followed leads to itself
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"cannot use the path {str(path)[:200]!r}: {reason(error)}") from None
    if loop:
        raise UsageError(f"{path} is a loop of links; name another file, or remove it")
    if directory:
        raise UsageError(f"{path or found} is a directory; name a file in it")
    if device:  # moved into its place, a file would take it away from everybody
        raise UsageError(f"{path} is no ordinary file; name another")
    if not folder:
        raise UsageError(f"there is no directory {found.parent}; make it, or name another file")
    return found


def read_file(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return what a file of at most `limit` bytes holds. Raises UsageError."""
    try:
        found = Path(path).expanduser()
        if found.is_dir():
            raise UsageError(f"{path or found} is a directory; name a file in it")
        if not found.exists():
            where = "" if found.is_absolute() else f" in {Path.cwd()}"
            raise UsageError(f"there is no file {path}{where}")
        if not found.is_file():
            raise UsageError(f"{path} is no ordinary file")
        size = found.stat().st_size
        if size > limit:
            raise UsageError(f"{path} has {size / 1e6:,.0f} MB, more than {limit / 1e6:,.0f} MB")
        return found.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"cannot read {str(path)[:200]}: {reason(error)}") from None


def write_file(path: Path, data: bytes, *, private: bool = True) -> None:
    """Put `data` into the place of what the file held: all of it, or nothing is changed.

    A new file is private to the user; one that is not `private` has the mode of any new file, by
    the umask. One that was there keeps its mode. Raises UsageError.
    """
    beside = _hidden(path, uuid.uuid4().hex[:12])

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags, PRIVATE if private else 0o666)

    try:
        file = open(beside, "xb", opener=opened)  # noqa: SIM115  # entered below
    except OSError as error:
        raise UsageError(f"cannot write {path}: {reason(error)}") from None
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        beside.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {reason(error)}; it is as it was") from None
    finally:
        with suppress(OSError):
            beside.unlink()
    if os.name == "posix":
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def append(descriptor: int, line: bytes) -> None:
    """Write a line at the end, in one call where the system takes it whole.

    Raises OSError, and then the file is as it was: no half of a line stands before the next one,
    unless another kernel has written behind it.
    """
    start, left = os.fstat(descriptor).st_size, line
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        with suppress(OSError):
            if os.fstat(descriptor).st_size == start + len(line) - len(left):
                os.ftruncate(descriptor, start)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other kernels from writing `path` meanwhile; wait for one that does.

    The lock is a hidden file beside it that is taken away at the end. One that a killed kernel left
    is not locked and does not matter. Where the file system knows no locks there is none.
    """
    beside = _hidden(path, "lock")
    while True:
        try:
            descriptor = _opened(beside)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {reason(error)}") from None
        try:
            held = lock(descriptor, wait=True)
            if held is not False and _is(beside, descriptor):
                try:
                    yield
                finally:
                    with suppress(OSError):
                        beside.unlink()
                return
        finally:
            os.close(descriptor)


def lock(descriptor: int, *, wait: bool) -> bool | None:
    """Lock a file until it is closed, also by the end of the process; tell whether it is held.

    Without `wait` a lock of another is False. None: there are no locks here.
    """
    try:
        _lock(descriptor, wait)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def reason(error: BaseException) -> str:
    """Return what the system says, without the path that the message names anyway."""
    return getattr(error, "strerror", None) or str(error)[:200]


def _hidden(path: Path, ending: str) -> Path:
    """Return a hidden file beside another; its name is none that a system finds too long."""
    start = os.fsencode(path.name)[:100].decode(errors="ignore")
    return path.with_name(f".{start}.{ending}")


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError:
        return os.open(path, os.O_RDONLY)  # another user's; that is enough for most locks


def _is(path: Path, descriptor: int) -> bool:
    """Tell whether a file is still the one of that name: who had it before may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


_lock: Callable[[int, bool], None]
if sys.platform == "win32":
    import msvcrt
    import time

    def _lock(descriptor: int, wait: bool) -> None:  # noqa: FBT001  # as flock
        while True:
            try:
                os.lseek(descriptor, 2**30, os.SEEK_SET)  # far behind what is written
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                if not wait:
                    raise BlockingIOError from None
                time.sleep(0.05)
            else:
                return

else:
    import fcntl

    def _lock(descriptor: int, wait: bool) -> None:  # noqa: FBT001  # as flock
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
