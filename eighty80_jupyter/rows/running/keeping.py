"""The kept answers of a run: looked up, and written a few at a time. Belongs to the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

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

    def find(self, keys: Sequence[bytes]) -> Mapping[bytes, Kept]:
        """Return the answers that are kept under any of the keys."""
        if self._answers is None or self._fresh or not keys:
            return {}
        return self._answers.get_many(keys)

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
            self.write()
        elif self._timer is None:
            self._timer = self._loop.call_later(_WRITE_SECONDS, self.write)

    def write(self) -> None:
        """Write what is not written yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        written, self._unwritten = self._unwritten, []
        if self._answers is not None and written:
            self._answers.put_many(written)

    def remark(self) -> str:
        """Return what the user should know of the file; once, which one it is."""
        if self._answers is None:
            return ""
        if self._answers.note or not self._answers.new or self._answers.path is None:
            return self._answers.note
        self._answers.new = False
        return f"answers are kept in {self._answers.path}; %chat --forget-answers empties it"
