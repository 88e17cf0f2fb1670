"""A secret of the user's own, the same in all kernels: what keys the ids of blocks of data."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import PRIVATE, locked, read_file, state_path, write_file

SIZE = 32  # bytes


def user_secret(path: Path | None = None) -> bytes:
    """Return 32 random bytes, made once and kept in a file that only this user can read.

    Where it cannot be kept they are new ones, for this process alone.
    """
    path = state_path("secret") if path is None else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(path):
            found = read_file(path, SIZE) if path.exists() else b""
            if len(found) != SIZE:
                found = secrets.token_bytes(SIZE)
                write_file(path, found)
            if stat.S_IMODE(path.stat().st_mode) & ~PRIVATE and os.name == "posix":
                path.chmod(PRIVATE)
    except (OSError, UsageError):
        return secrets.token_bytes(SIZE)
    return found
