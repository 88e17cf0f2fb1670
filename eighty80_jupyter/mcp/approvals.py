"""The commands that the user has agreed to start: a file of hashes, the same for all kernels."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.mcp.spec import ServerSpec
from eighty80_jupyter.storage.files import locked, read_file, state_path, write_file

_LIMIT = 1_000_000  # bytes
_MOST = 1_000


class Approvals:
    """What was agreed to: in the user's state directory, and where that cannot be, in this kernel.

    A command is known by the hash of its program, words, folder and variables; its words are not
    kept, since a key may stand among them. Taking the file away takes all approvals back. `path` is
    where it lies.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or state_path("mcp_commands.json")
        self._here: set[str] = set()

    def __contains__(self, spec: ServerSpec) -> bool:
        return spec.key in self._here or spec.key in self._read()

    def add(self, spec: ServerSpec) -> None:
        """Keep that the user has agreed to the command of `spec`."""
        self._here.add(spec.key)
        with suppress(OSError, UsageError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self.path):
                known = self._read()
                known[spec.key] = {"server": spec.name, "at": time.time()}
                latest = dict(list(known.items())[-_MOST:])
                write_file(self.path, json.dumps(latest).encode())

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(read_file(self.path, _LIMIT))
        except (OSError, UsageError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
