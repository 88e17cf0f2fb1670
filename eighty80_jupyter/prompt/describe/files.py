"""Which files are the user's own, and which a library's or Python's."""

from __future__ import annotations

import re
import sysconfig
from functools import cache
from pathlib import Path


def is_cell(file: str) -> bool:
    """Say whether `file` is the name that a cell of a notebook or a session is compiled under."""
    return re.search(r"^<ipython-input-|^<stdin>$|[/\\]ipykernel_\d+[/\\]", file) is not None


def is_users(file: str) -> bool:
    """Say whether code of this file is the user's: a cell, or a file outside of the libraries."""
    if is_cell(file):
        return True
    if file.startswith("<") or file.endswith((".pyx", ".pxi", ".pxd")):
        return False  # generated, or compiled into a library
    parts = Path(file).parts
    if "site-packages" in parts or "dist-packages" in parts:
        return False
    return not any(Path(file).is_relative_to(place) for place in _python())


@cache
def _python() -> frozenset[str]:
    paths = sysconfig.get_paths()
    return frozenset(paths[name] for name in ("stdlib", "platstdlib") if paths.get(name))
