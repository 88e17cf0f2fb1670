"""The turns that are under way: begun, waited for, told to the feed. The loop thread is theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from eighty80_jupyter import loading
from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.events import ToolEvent, TurnEvent
from eighty80_jupyter.errors import ChatInterrupted
from eighty80_jupyter.session.loop_thread import Background, Work
from eighty80_jupyter.session.records import Records
from eighty80_jupyter.tools.call import ToolResult
from eighty80_jupyter.tools.executor import MainThreadCall, ToolExecutor, in_worker
from eighty80_jupyter.tools.rounds import RunCalls
from eighty80_jupyter.turns.feed import (
    ConversationChanged,
    Feed,
    TurnBegan,
    TurnEnded,
    TurnEvents,
)
from eighty80_jupyter.turns.request import RunningTurn
from eighty80_jupyter.turns.turn import take_turn

if TYPE_CHECKING:
    from eighty80_jupyter.wire.client import Client

# What a turn's coroutine hands to the thread that waits for it.
Handed = Sequence[TurnEvent] | MainThreadCall
Listener = Callable[[list[TurnEvent]], None]


class Turns:
    """Runs turns on the loop thread, and tells the feed of them and of changed conversations.

    `ended(running, first)` is called on the loop when a turn is over, before the feed is told;
    `first` tells whether its conversation was empty when it began. `feed` tells watchers of all.
    Requests go through `records`. Any thread may begin a turn: the client is made under `_lock`.
    """

    def __init__(
        self,
        conversations: Conversations,
        records: Records,
        ended: Callable[[RunningTurn, bool], None],
    ) -> None:
        self.background = Background()
        feed = self.feed = Feed()
        conversations.watch(lambda changed: feed.tell(ConversationChanged(changed)))
        self._records = records
        self._ended = ended
        self._lock = threading.Lock()
        self._client: tuple[Client, object] | None = None

    def run(self, running: RunningTurn, executor: ToolExecutor | None, listen: Listener) -> Reply:
        """Take a turn and wait for it; its tools run in this thread.

        `listen` is called here with lists of events, and with an empty list in between. Raises
        APIError for a request that failed, ChatInterrupted for an interrupt.
        """
        work: Work[Handed, Reply] | None = None
        try:
            work = self._work(running, executor)
            running.cancel = work.cancel
            with work:
                for handed in work:
                    self._attend(running, handed, listen)
            reply = work.result()
        except (KeyboardInterrupt, asyncio.CancelledError):  # or the end of the loop
            raise _interrupted(work) from None
        if reply.status == "interrupted":  # by a panel or the end of the loop, not by this thread
            raise _interrupted(work)
        return reply

    def begin(self, running: RunningTurn, executor: ToolExecutor | None) -> None:
        """Begin a turn and return at once; its tools run in a thread of their own."""
        stop = threading.Event()
        work = self._work(running, executor, stop)

        def cancel() -> None:
            stop.set()  # at once: no call must begin, and no question be asked, after it
            work.cancel()

        running.cancel = cancel
        work.start()

    def client(self) -> Client:
        """Return the client that belongs to the running loop."""
        loading.require(*loading.CLIENT)
        # A door: httpx.
        from eighty80_jupyter.session.recording_client import RecordingClient  # noqa: PLC0415

        with self._lock:
            loop = self.background.loop()
            if self._client is None or self._client[1] is not loop:
                self._client = RecordingClient(self._records), loop
                self.background.at_close(self._client[0].aclose)
            return self._client[0]

    def close(self) -> None:
        """Cancel what runs, close the connections and end the thread; the next turn begins anew."""
        with self._lock:
            self._client = None
        self.background.close()

    def _attend(self, running: RunningTurn, handed: Sequence[Handed], listen: Listener) -> None:
        """Listen to the events of a turn, and run its tools, in the thread that waits for it."""

        def tell(event: ToolEvent | None) -> None:
            listen([] if event is None else [event])
            if event is not None:
                self.feed.tell(TurnEvents(running, [event]))

        events: list[TurnEvent] = []
        for item in handed:
            if isinstance(item, MainThreadCall):
                listen(events)
                events = []
                item.run(tell)
            else:
                events += item
        listen(events)

    def _work(
        self,
        running: RunningTurn,
        executor: ToolExecutor | None,
        stop: threading.Event | None = None,
    ) -> Work[Handed, Reply]:
        """Return the work of a turn, which tells the feed what happens.

        Its tools run in the thread that waits for it, or, with `stop`, in one of their own.
        """
        client, tell = self.client(), self.feed.tell
        first = not running.conversation

        async def take(put: Callable[[Handed], None]) -> Reply:
            def emit(events: Sequence[TurnEvent]) -> None:
                put(events)
                tell(TurnEvents(running, events))

            async def run(calls: Sequence[ToolCall], answer: Callable[[ToolResult], None]) -> None:
                assert executor is not None  # noqa: S101  # there are calls where tools are offered
                if stop is None:
                    call_there = MainThreadCall(partial(executor.run, calls, answer))
                    put(call_there)
                    await call_there.done
                else:
                    await in_worker(
                        lambda note: executor.run(calls, answer, note, stop),
                        lambda event: event and tell(TurnEvents(running, [event])),
                        stop,
                    )

            tell(TurnBegan(running))
            run_calls: RunCalls | None = None if executor is None else run
            return await take_turn(running, client, emit, run_calls)

        def at_end(error: BaseException | None) -> None:
            if running.error is None and isinstance(error, Exception):
                running.error = error
            self._ended(running, first)
            running.done = True  # last: whoever waits for it finds everything in its place
            tell(TurnEnded(running))

        return Work(self.background, take, at_end=at_end)


def _interrupted(work: Work[Handed, Reply] | None) -> ChatInterrupted:
    reply = None
    # An error that came at the same moment, or a turn that had not begun, left no reply.
    with suppress(Exception, asyncio.CancelledError):
        reply = work.result() if work is not None else None
    if reply is None or reply.empty:
        return ChatInterrupted("interrupted; nothing had come yet")
    return ChatInterrupted("interrupted; what had come is kept", reply=reply)
