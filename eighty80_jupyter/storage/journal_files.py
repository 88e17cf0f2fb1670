"""Where journals lie: made, locked while their kernel lives, found, and removed when old."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from eighty80_jupyter.storage.files import APPENDING, PRIVATE, append, lock
from eighty80_jupyter.storage.serialization import to_json

FORMAT = "eighty80_jupyter journal"
SCHEMA = 1
MOST_FILES = 50
MOST_DAYS = 30
FOLDER = "journal"  # of the user's state


def begin(folder: Path) -> tuple[Path, int]:
    """Make a journal, private to the user, and lock it; remove old ones. Raises OSError.

    Return its path and its descriptor, which holds the lock until it is closed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    prune(folder)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    path = folder / f"{stamp}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
    descriptor = os.open(path, APPENDING | os.O_EXCL, PRIVATE)
    lock(descriptor, wait=False)
    head = {"format": FORMAT, "schema": SCHEMA, "pid": os.getpid(), "at": time.time()}
    try:
        append(descriptor, to_json(head) + b"\n")
    except OSError:
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()
        raise
    return path, descriptor


def journals(folder: Path) -> list[Path]:
    """Return the journals of kernels that are no more, the latest first."""
    found: list[tuple[float, Path]] = []
    with suppress(OSError):
        for path in folder.glob("*.jsonl"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True) if not _in_use(path)]


def prune(folder: Path) -> None:
    """Remove the journals that are too many or too old, but none of a kernel that lives."""
    oldest = time.time() - MOST_DAYS * 86_400
    for number, path in enumerate(journals(folder)):
        with suppress(OSError):
            if number >= MOST_FILES or path.stat().st_mtime < oldest:
                path.unlink()


def _in_use(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return True  # not ours to read either
    try:
        return lock(descriptor, wait=False) is False
    finally:
        os.close(descriptor)
