"""Run the calls of a round: ask first, then one after the other, or side by side.

All of it happens in one thread, which waits: the main thread for a cell, a worker for the panel.
What may run side by side does so in threads of its own, with that thread's context variables, which
tell the kernel where their output belongs.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.events import CallBegan, CallEnded, ToolEvent
from eighty80_jupyter.tools.call import ToolResult, not_run, prepare_call, run_tool
from eighty80_jupyter.tools.result import ToolSettings
from eighty80_jupyter.tools.run import thread_here
from eighty80_jupyter.tools.shown import asked_call, shown_call
from eighty80_jupyter.tools.tool import Tool

_log = logging.getLogger(__name__)

MOST_THREADS = 16
TICK_SECONDS = 0.1

REFUSED = "not run: the user refused this call"
NOBODY = "not run: nobody can be asked here whether it may"

# Told what happens; None: nothing, but time has passed.
Tell = Callable[[ToolEvent | None], object]
Answer = Callable[[ToolResult], None]

# The conversations whose turns wait for the tool that runs in this context.
_waiting: contextvars.ContextVar[tuple[Conversation, ...]] = contextvars.ContextVar(
    "eighty80_waiting", default=()
)


def waits_for_tool(conversation: Conversation) -> bool:
    """Tell whether a turn of `conversation` waits for the tool that calls this."""
    return any(other is conversation for other in _waiting.get())


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the user said to a call.

    "always" is "yes" to this and every later call of the tool in the session (only to this one
    where it is marked `confirm=True`), "edit" is "yes" with other `arguments`, as JSON text;
    "always" may have them for this call. `reason` says for the model why it was "no"; empty: the
    user did not want it.
    """

    answer: Literal["yes", "no", "always", "edit"]
    arguments: str = ""
    reason: str = ""


class Confirmer(Protocol):
    """Asks the user before a call."""

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:
        """Return the user's decision; called, and waited for, in the thread that runs the tools.

        `shown` is the call on one line with all of its arguments; long ones lack their middle.
        """


@dataclass(frozen=True, slots=True)
class _Job:
    tool: Tool
    arguments: Mapping[str, Any]
    call: ToolCall
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolExecutor:
    """What runs the calls of a turn.

    `tools` are those that were offered, by name. `confirmer` None: nobody can be asked. `always`
    holds, by name, the functions which the user has allowed once and for all; all turns of a
    session share it, each change is one entry in one step. `timeout` in seconds is for tools that
    have none of their own; None: no limit. `conversation` is the one whose turn waits.
    """

    tools: Mapping[str, Tool]
    conversation: Conversation
    confirmer: Confirmer | None = None
    always: MutableMapping[str, Callable[..., Any]] = field(default_factory=dict)
    timeout: float | None = None
    settings: ToolSettings = field(default_factory=ToolSettings)

    def run(
        self,
        calls: Sequence[ToolCall],
        answer: Answer,
        tell: Tell,
        stop: threading.Event | None = None,
    ) -> None:
        """Run `calls`, hand each result to `answer` when it is there, and tell what happens.

        Neighbours that are async or safe run side by side, all others in order, and after what
        stands before them. `stop`, once set, gives up what runs and begins nothing more. Raises
        KeyboardInterrupt, and then some calls have no result.
        """
        with self._marked():
            for group in self._groups(calls):
                jobs = []
                for call in group:
                    if stop is not None and stop.is_set():
                        return
                    tell(CallBegan(call, shown_call(call.name, call.arguments)))
                    ready = self._ready(call)
                    if isinstance(ready, ToolResult):
                        _end(ready, answer, tell)
                    else:
                        jobs.append(ready)
                if stop is not None and stop.is_set():
                    return  # the user may have said yes, and then stopped the turn
                if len(jobs) > 1 or (jobs and jobs[0].tool.is_async):
                    self._side_by_side(jobs, answer, tell, stop)
                elif jobs:
                    _end(self._run_one(jobs[0], stop), answer, tell)

    @contextmanager
    def _marked(self) -> Iterator[None]:
        token = _waiting.set((*_waiting.get(), self.conversation))
        try:
            yield
        finally:
            _waiting.reset(token)

    def _groups(self, calls: Sequence[ToolCall]) -> list[list[ToolCall]]:
        groups: list[list[ToolCall]] = []
        open_ = False
        for call in calls:
            tool = self.tools.get(call.name)
            beside = tool is not None and _beside(tool)
            if beside and open_:
                groups[-1].append(call)
            else:
                groups.append([call])
            open_ = beside
        return groups

    def _ready(self, call: ToolCall) -> _Job | ToolResult:
        """Return what is there to be run, after the user was asked; else the result."""
        prepared = prepare_call(self.tools, call, self.settings)
        if isinstance(prepared, ToolResult):
            return prepared
        tool, arguments = prepared
        if not tool.asks or self._allowed(tool):
            return _Job(tool, arguments, call)
        decision = self._decision(tool, call)
        match decision.answer:
            case "no":
                return not_run(call, "refused", decision.reason or REFUSED, self.settings)
            case "always" if tool.confirm is not True:
                self.always[tool.name] = tool.function
        if decision.answer == "edit" or decision.arguments:
            return self._edited(tool, call, decision.arguments)
        return _Job(tool, arguments, call)

    def _allowed(self, tool: Tool) -> bool:
        """Whether this function was allowed once and for all; `confirm=True` asks all the same."""
        known = self.always.get(tool.name)
        return tool.confirm is not True and known is not None and known == tool.function

    def _decision(self, tool: Tool, call: ToolCall) -> Decision:
        if self.confirmer is None:
            return Decision(answer="no", reason=NOBODY)
        shown = asked_call(call.name, call.arguments).line
        try:
            return self.confirmer.confirm(tool, call, shown)
        except Exception as error:  # noqa: BLE001  # whatever a confirmer may raise
            return Decision(answer="no", reason=f"{NOBODY} ({type(error).__name__})")

    def _edited(self, tool: Tool, call: ToolCall, arguments: str) -> _Job | ToolResult:
        edited = replace(call, arguments=arguments)
        prepared = prepare_call({tool.name: tool}, edited, self.settings)
        if isinstance(prepared, ToolResult):
            return prepared
        note = f"[the user changed the arguments: {shown_call(call.name, arguments, 500)}]\n"
        return _Job(tool, prepared[1], edited, note)

    def _run_one(self, job: _Job, stop: threading.Event | None) -> ToolResult:
        result = run_tool(
            job.tool,
            job.arguments,
            call=job.call,
            timeout=self.timeout,
            settings=self.settings,
            stop=stop,
        )
        return replace(result, text=job.note + result.text) if job.note else result

    def _side_by_side(
        self, jobs: Sequence[_Job], answer: Answer, tell: Tell, stop: threading.Event | None
    ) -> None:
        """Run the jobs in threads, and take their results as they come."""
        stop = threading.Event() if stop is None else stop
        waiting = deque(jobs)
        results: queue.SimpleQueue[ToolResult | BaseException] = queue.SimpleQueue()

        def work() -> None:
            with suppress(IndexError):
                while not stop.is_set():
                    job = waiting.popleft()
                    try:
                        results.put(self._run_one(job, stop))
                    except BaseException as error:  # noqa: BLE001  # raised below
                        results.put(error)

        for _ in range(min(len(jobs), MOST_THREADS)):
            thread_here(work, "eighty80-call").start()
        missing = len(jobs)
        try:
            while missing and not (stop.is_set() and results.empty()):
                try:
                    result = results.get(timeout=TICK_SECONDS)
                except queue.Empty:
                    tell(None)
                    continue
                missing -= 1
                _end(_raised(result), answer, tell)
        except BaseException:
            stop.set()
            raise


def _beside(tool: Tool) -> bool:
    return (tool.is_async or tool.safe) and not tool.main_thread


def _raised(result: ToolResult | BaseException) -> ToolResult:
    if isinstance(result, BaseException):
        raise result
    return result


def _end(result: ToolResult, answer: Answer, tell: Tell) -> None:
    answer(replace(result, value=None))  # which may be large, and is wanted no longer than now
    shown = shown_call(result.call.name, result.call.arguments)
    tell(
        CallEnded(
            result.call, shown, result.status, result.text, result.seconds, value=result.value
        )
    )


class MainThreadCall:
    """The calls of a round on their way to the thread that runs them.

    It is made on the loop, which awaits `done`; `run` is called in the other thread.
    """

    def __init__(self, run: Callable[[Tell], None]) -> None:
        self._job = run
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()

    def run(self, tell: Tell) -> None:
        """Run the calls. What it raises, KeyboardInterrupt above all, must end the turn."""
        self._job(tell)
        self.settle()

    def settle(self) -> None:
        """Have the turn go on."""

        def settle() -> None:
            if not self.done.done():
                self.done.set_result(None)

        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(settle)


async def in_worker(run: Callable[[Tell], None], tell: Tell, stop: threading.Event) -> None:
    """Run calls in a daemon thread of their own; cancelled, it sets `stop`, which they heed."""
    call_there = MainThreadCall(run)
    interrupted = threading.Event()

    def work() -> None:
        try:
            call_there.run(tell)
        except KeyboardInterrupt:  # a tool's own: there is no other in this thread
            interrupted.set()
            call_there.settle()
        except BaseException:  # noqa: BLE001  # the turn goes on, and says what is missing
            _log.exception("the calls of a turn could not be run")
            call_there.settle()

    thread_here(work, "eighty80-tools").start()
    try:
        await call_there.done
        if interrupted.is_set():
            raise asyncio.CancelledError  # noqa: TRY301  # the turn ends as one that is stopped
    except BaseException:
        stop.set()
        raise
