"""The work of a run on the event loop: rows are read, found among what is kept, or asked.

    slices of rows -> prompts -> keys -> duplicates, kept answers -> asked, so many at a time

Nothing is read further ahead than it is needed. What calls the user's code goes to another thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from eighty80_jupyter.errors import ChatError, one_line
from eighty80_jupyter.rows.data.chunks import Chunk
from eighty80_jupyter.rows.progress import ErrorKind, RowError, told_seconds, told_tokens
from eighty80_jupyter.rows.prompt.template import Filled, NotFilled
from eighty80_jupyter.rows.running.asking import Asker, Client, Outcome
from eighty80_jupyter.rows.running.keeping import Keeper
from eighty80_jupyter.rows.running.limits import Limits
from eighty80_jupyter.rows.running.plan import Plan
from eighty80_jupyter.rows.running.state import RunState

SLICE = 256  # rows that are filled at once
_LOOKED_AT = 20  # rows of which more than half failed alike: then the rest would fail, too
_REMEMBERED = 65_536  # requests of a stream, at least, by which duplicates are told


# Calls a function in the thread that the user's code belongs to, and returns what it returns.
Elsewhere: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]

# A place that is asked, its key and prompt, and the row's number in a chunk, which tells its label.
# A tuple: most may be answered already, and an object costs as much as looking them up.
_Item: TypeAlias = tuple[int, bytes, Filled, Chunk, int]


class _StopError(Exception):
    """The run stops at once; the text says why."""


class RunWork:
    """One run, from its first row to its end."""

    def __init__(
        self,
        plan: Plan,
        state: RunState,
        client: Client,
        elsewhere: Elsewhere,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        loop = asyncio.get_running_loop()
        options = plan.options
        self._plan = plan
        self._state = state
        self._samples = options.samples
        self._elsewhere = elsewhere
        limits = plan.settings.limits or Limits(
            options.concurrency or plan.settings.most,
            start=options.concurrency,
            per_minute=options.per_minute,
            tokens_per_minute=options.tokens_per_minute,
        )
        self._level = limits.level
        self._asker = Asker(
            plan.settings.request,
            client,
            limits,
            cut_to=plan.template.fill_again if options.too_long == "cut" else None,
            sleep=sleep,
            now=loop.time,
        )
        state.level = lambda: self._level.now
        state.pause = lambda: self._asker.pause.left(loop.time())
        ahead = min(SLICE, 2 * self._level.now) if plan.rows.length is None else SLICE
        self._chunks: Iterator[Chunk] = plan.rows.chunks(ahead)
        self._short = plan.template.short and plan.rows.length is not None
        self._ready: deque[_Item] = deque()
        self._reading = asyncio.Lock()
        self._more = True
        self._stopping = ""
        self._active = 0
        self._asked = 0
        self._first: dict[bytes, int] = {}  # the place of each request
        self._older: dict[bytes, int] = {}  # the same of a stream's rows before them
        self._waiting: dict[int, list[tuple[int, Chunk, int]]] = {}  # for the same request
        self._times: Counter[bytes] = Counter()
        self._keeper = Keeper(plan.settings.answers, fresh=options.fresh)
        self._latest: deque[object] = deque(maxlen=_LOOKED_AT)

    async def run(self) -> None:
        """Do all of it; how it ended stands in the state.

        Raises CancelledError, and what the user's iterator raises.
        """
        state = self._state
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._spawn()
            state.end("stopped" if self._stopping else "done", self._stopping)
        except asyncio.CancelledError:
            state.end("interrupted")
            raise
        except BaseExceptionGroup as errors:
            stop = errors.exceptions[0]
            expected = isinstance(stop, (_StopError, ChatError))
            state.end("stopped", str(stop) if expected else one_line(stop))
            if not expected:
                raise stop from None  # of the user's iterator, or of a value
        finally:
            await self._keeper.close()
            for note in (*self._asker.notes, self._keeper.remark()):
                state.remarks[note] = None
            self._foretell()

    # Workers: each asks one row after the other.

    def _spawn(self) -> None:
        while self._active < self._level.now and (self._ready or self._more):
            self._active += 1
            self._group.create_task(self._worker())
            if not self._ready:
                return  # the one that reads calls for others

    async def _worker(self) -> None:
        try:
            while self._active <= self._level.now:
                item = await self._next()
                if item is None:
                    return
                self._spawn()
                self._settle(item, await self._asker.ask(item[2]))
        finally:
            self._active -= 1

    async def _next(self) -> _Item | None:
        while True:
            if self._stopping:
                return None
            if self._ready:
                most = self._plan.requests
                if most is not None and self._asked >= most:
                    self._stopping = (
                        f"stopped after ChatConfig.rows_limit = {most:,} requests; all=True "
                        "(--all) asks as long as rows come"
                    )
                    return None
                self._asked += 1
                return self._ready.popleft()
            if not self._more:
                return None
            async with self._reading:
                if not self._ready and self._more:
                    await self._read()

    # Reading ahead.

    async def _read(self) -> None:
        """Read the next slice, and have ready what of it must be asked."""
        plan = self._plan
        filled: list[Filled | NotFilled] | None = None
        if self._short:
            chunk = next(self._chunks, None)
            filled = None if chunk is None else plan.template.fill_short(chunk)
            if chunk is not None and filled is None:
                self._short = False  # its cells are none that are described without anybody's code
                filled = await self._elsewhere(partial(plan.template.fill, chunk))
        else:
            chunk, filled = await self._elsewhere(self._read_there)
        if chunk is None or filled is None:
            self._more = False
            return
        if plan.rows.length is None:
            self._state.grow((chunk.start + chunk.count) * self._samples)
        await self._take(chunk, filled)
        # Where all is kept nothing else is waited for.
        await asyncio.sleep(0)

    def _read_there(self) -> tuple[Chunk | None, list[Filled | NotFilled] | None]:
        chunk = next(self._chunks, None)
        if chunk is None:
            return None, None
        template = self._plan.template
        return chunk, template.fill_short(chunk) or template.fill(chunk)

    async def _take(self, chunk: Chunk, filled: Sequence[Filled | NotFilled]) -> None:
        """Settle what has no prompt, and find a place and a key for all else."""
        items: list[_Item] = []
        key_of, samples = self._plan.settings.request.key, self._samples
        for number, one in enumerate(filled):
            place = (chunk.start + number) * samples
            if isinstance(one, NotFilled):
                for sample in range(samples):
                    if one.problem:
                        self._miss(place + sample, chunk, number, "field", one.problem)
                    else:
                        self._state.skipped(place + sample)
                continue
            if chunk.start == 0:
                self._state.begun(place, one.values)
            content, has_data = one.content, one.has_data
            first = key_of(content, has_data=has_data)
            if samples == 1:
                items.append((place, first, one, chunk, number))
                continue
            # Equal rows are asked each by itself, and find their own answers again.
            times, self._times[first] = self._times[first], self._times[first] + 1
            for sample in range(samples):
                key = key_of(content, has_data=has_data, sample=times * samples + sample)
                items.append((place + sample, key, one, chunk, number))
        await self._find(items)

    async def _find(self, items: Sequence[_Item]) -> None:
        """Answer what is kept or has been asked; the rest is ready to be asked."""
        new: list[_Item] = []
        known, older = self._first, self._older
        for item in items:
            place, key = item[:2]
            first = known.setdefault(key, older.get(key, place) if older else place)
            if first == place:
                new.append(item)
            else:
                self._follow(item, first)
        if self._plan.rows.length is None and len(known) >= _REMEMBERED:
            self._first, self._older = {}, known
        kept = await self._keeper.find([item[1] for item in new])
        if not kept:
            self._ready += new
            return
        answered: list[tuple[int, Any, Sequence[Any]]] = []
        for item in new:
            found = kept.get(item[1])
            if found is not None:
                value, failed = self._asker.reader.read(found.text, found.finish_reason)
                if failed is None:
                    answered.append((item[0], value, item[2].values))
                    continue
            self._ready.append(item)
        self._state.answered_many(answered, "kept")
        for place in self._waiting.keys() & {one[0] for one in answered}:
            self._settle_followers(place, None)

    def _follow(self, item: _Item, first: int) -> None:
        """Give a row the outcome of the one that was asked the same, now or once it is there."""
        place, _, _, chunk, number = item
        if not self._state.done[first]:
            self._waiting.setdefault(first, []).append((place, chunk, number))
            return
        error = self._state.errors.get(first)
        if error is None:
            self._state.copied(place, first)
        else:
            self._missed(place, chunk, number, error)

    # What has become of a row.

    def _settle(self, item: _Item, outcome: Outcome) -> None:
        place, key, filled, chunk, number = item
        state = self._state
        state.used(outcome.usages)
        state.cut += outcome.cut
        failed = outcome.failed
        if failed is None:
            state.mended += outcome.mended
            if outcome.mended:
                state.unsure.add(place)
            state.answered(place, outcome.value, "asked", filled.values)
            self._keeper.keep(key, outcome.answer)
            self._settle_followers(place, None)
        else:
            error = self._miss(
                place,
                chunk,
                number,
                failed.kind,
                failed.message,
                text=outcome.answer.text,
                attempts=outcome.attempts,
            )
            self._settle_followers(place, error)
        if outcome.attempts:
            self._latest.append(outcome.alike if failed is not None else None)
        if failed is not None:
            self._look_at_failures(failed.message, outcome)
        most = self._plan.options.max_total_tokens
        if most is not None and state.tokens >= most and not self._stopping:
            self._stopping = f"stopped at max_total_tokens = {most:,}"

    def _settle_followers(self, place: int, error: RowError | None) -> None:
        for follower, chunk, number in self._waiting.pop(place, ()):
            if error is None:
                self._state.copied(follower, place)
            else:
                self._missed(follower, chunk, number, error)

    def _look_at_failures(self, message: str, outcome: Outcome) -> None:
        """Stop where the other rows would fail, too. Raises _StopError."""
        if outcome.stops:
            raise _StopError(message)
        alike = self._latest.count(outcome.alike)
        if outcome.attempts and outcome.alike != "invalid" and alike > _LOOKED_AT / 2:
            raise _StopError(
                f"{alike} of the last {len(self._latest)} rows failed alike: {message}"
            )

    def _miss(
        self, place: int, chunk: Chunk, number: int, kind: ErrorKind, message: str, **more: Any
    ) -> RowError:
        more.setdefault("attempts", 0)
        error = RowError(
            position=self._state.position(place),
            label=chunk.label(number),
            kind=kind,
            message=message,
            **more,
        )
        self._state.missed(place, error)
        return error

    def _missed(self, place: int, chunk: Chunk, number: int, error: RowError) -> None:
        position, label = self._state.position(place), chunk.label(number)
        self._state.missed(place, replace(error, position=position, label=label))

    def _foretell(self) -> None:
        """Say what all rows would take, where some were tried."""
        state, of = self._state, self._plan.of
        asked = state.counts["asked"] + state.counts["failed"]
        if of is None or not asked:
            return
        requests = of * self._samples
        tokens = state.tokens / asked * requests
        seconds = state.progress().seconds / asked * requests
        said = f"all {of:,} rows would take about {told_tokens(tokens)} in {told_seconds(seconds)}"
        state.remarks[said] = None
