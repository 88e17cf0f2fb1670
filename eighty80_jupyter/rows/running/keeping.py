"""The kept answers of a run: looked up, and written a few at a time. Belongs to the loop.

The file may wait for another kernel that writes, and so it is met in another thread: whatever else
is on the loop goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from eighty80_jupyter.rows.running.answer import Answer
from eighty80_jupyter.storage.answers import Answers, Kept

_WRITTEN = 64  # answers that are written at once ...
_WRITE_SECONDS = 0.5  # ... or after so long


class Keeper:
    """Looks answers up and keeps new ones; `answers` None: there are none, and none are kept.

    With `fresh` no answer is looked up, and new ones are kept.
    """

    def __init__(self, answers: Answers | None, *, fresh: bool) -> None:
        self._answers = answers
        self._fresh = fresh
        self._loop = asyncio.get_running_loop()
        self._unwritten: list[tuple[bytes, Kept]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Future[None]] = set()

    async def find(self, keys: Sequence[bytes]) -> Mapping[bytes, Kept]:
        """Return the answers that are kept under any of the keys."""
        if self._answers is None or self._fresh or not keys:
            return {}
        return await asyncio.to_thread(self._answers.get_many, keys)

    def keep(self, key: bytes, answer: Answer) -> None:
        """Keep an answer: it is written with others, soon."""
        if self._answers is None:
            return
        usage = None if answer.usage is None else answer.usage.to_dict()
        kept = Kept(
            text=answer.text, finish_reason=answer.finish_reason, usage=usage, model=answer.model
        )
        self._unwritten.append((key, kept))
        if len(self._unwritten) >= _WRITTEN:
            self._write()
        elif self._timer is None:
            self._timer = self._loop.call_later(_WRITE_SECONDS, self._write)

    async def close(self) -> None:
        """Write what is not written yet, to its end: also where the run is cancelled meanwhile."""
        self._write()
        if self._writing:
            await asyncio.wait(self._writing)

    def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        written, self._unwritten = self._unwritten, []
        if self._answers is not None and written:
            writing = self._loop.run_in_executor(None, self._answers.put_many, written)
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)

    def remark(self) -> str:
        """Return what the user should know of the file; once, which one it is."""
        if self._answers is None:
            return ""
        if self._answers.note or not self._answers.new or self._answers.path is None:
            return self._answers.note
        self._answers.new = False
        file = str(self._answers.path)
        with suppress(ValueError, RuntimeError):  # it is elsewhere, or nobody has a home
            # The page is handed on, and the folder has the user's name.
            file = str("~" / self._answers.path.relative_to(Path.home()))
        return f"answers are kept in {file}; %chat --forget-answers empties it"
