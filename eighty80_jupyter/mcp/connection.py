"""One connection to a server, from its start to its end; all of it on the loop.

One task, the owner, enters the library's contexts and leaves them. Calls are made in other tasks:
where the server goes away they are told so, while the owner would be cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from typing import Any

from mcp import Client, MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolResult,
    Implementation,
    Tool,
    ToolListChangedNotification,
)
from pydantic import ValidationError

from eighty80_jupyter.errors import MCPServerError
from eighty80_jupyter.mcp.listing import MOST_TOOLS, ListedTool, hints_in_words, told
from eighty80_jupyter.mcp.spec import ServerSpec
from eighty80_jupyter.mcp.transport import Transport
from eighty80_jupyter.tools.shown import visible

START_SECONDS = 60.0
_END_SECONDS = 15.0  # the library gives a process 2 s, then ends it, for which it takes 4 s at most
_PAUSE_SECONDS = 0.2  # before a changed listing is read: servers tell of each tool
_MOST_PAGES = 50
_MOST_WORDS = 300  # characters of a server's own error
_SESSION_GONE = "Session terminated"  # what the library says of it


class LostError(Exception):
    """The connection has ended. `unsent`: the call had not begun, and can be made again."""

    def __init__(self, *, unsent: bool) -> None:
        super().__init__("the connection has ended")
        self.unsent = unsent


class Connection:
    """A connection that is opened by `open` and ended by `close`.

    `listed` are the tools of the server, `omitted` says which are not among them and why.
    `changed` is called when they have changed meanwhile.
    """

    def __init__(self, spec: ServerSpec, changed: Callable[[], None]) -> None:
        self.listed: tuple[ListedTool, ...] = ()
        self.omitted: tuple[str, ...] = ()
        self._spec = spec
        self._changed = changed
        self._transport = Transport(spec, self._lose)
        self._client: Client | None = None
        self._lost = False
        self._leave = asyncio.Event()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner: asyncio.Task[None] | None = None
        self._listening: set[asyncio.Task[None]] = set()
        self._reading = False

    @property
    def lost(self) -> bool:
        """Whether nothing can come any more."""
        return self._lost or self._owner is None or self._owner.done()

    @property
    def last_words(self) -> str:
        """The last line that the process wrote to its standard error; empty: none."""
        return self._transport.tail[-1] if self._transport.tail else ""

    async def open(self) -> None:
        """Start the server and read what it offers. Raises MCPServerError."""
        self._owner = asyncio.create_task(self._own())
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the connection, and the process; returns when it has ended."""
        self._leave.set()
        for task in self._listening:
            task.cancel()
        if self._owner is None:
            return
        if not self._opened.done():
            self._owner.cancel()
        done, _ = await asyncio.wait({self._owner}, timeout=_END_SECONDS)
        if not done:
            self._owner.cancel()

    async def call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool by the server's name of it.

        Raises LostError where the server is no more, MCPServerError for what it refuses.
        """
        if self._client is None or self.lost:
            raise LostError(unsent=True)
        try:
            return await self._client.call_tool(name, dict(arguments))
        except MCPError as error:
            if error.message == _SESSION_GONE:
                self._lose()
                raise LostError(unsent=True) from None
            if error.code == CONNECTION_CLOSED or self.lost:
                self._lose()
                raise LostError(unsent=False) from None
            raise MCPServerError(told(error.message, _MOST_WORDS)) from None
        except ValidationError as error:
            raise MCPServerError(
                f"the server's answer is no result of a tool ({error.error_count()} errors)"
            ) from None

    def _lose(self) -> None:
        self._lost = True

    async def _own(self) -> None:
        """Own the contexts: enter them, wait, leave them."""
        error: BaseException | None = None
        is_late = False
        try:
            async with AsyncExitStack() as stack:
                limit = asyncio.timeout(START_SECONDS)
                try:
                    async with limit:
                        await self._enter(stack)
                finally:
                    is_late = limit.expired()
                self._opened.set_result(None)
                await self._leave.wait()
        except (Exception, asyncio.CancelledError) as raised:  # noqa: BLE001  # what libraries raise
            error = raised
        finally:
            self._lost = True
            if not self._opened.done():
                self._opened.set_exception(self._failure(error, is_late=is_late))
                self._opened.exception()  # whoever waited may have been interrupted

    async def _enter(self, stack: AsyncExitStack) -> None:
        client = await stack.enter_async_context(
            Client(
                self._transport.streams(),
                client_info=Implementation(
                    name="eighty80_jupyter", version=version("eighty80-jupyter")
                ),
                message_handler=self._hear,
                cache=None,
            )
        )
        self._client = client
        await self._list()
        self._check_wanted()
        tools = client.server_capabilities.tools
        if tools is not None and tools.list_changed:
            self._listen(self._follow())

    async def _list(self) -> None:
        assert self._client is not None  # noqa: S101  # it is entered
        self._transport.omitted = []
        listed: dict[str, ListedTool] = {}
        cursor, more = None, 0
        for _ in range(_MOST_PAGES):
            page = await self._client.list_tools(cursor=cursor)
            for tool in page.tools:
                if tool.name in listed or not self._spec.wants(tool.name):
                    continue
                if len(listed) == MOST_TOOLS:
                    more += 1
                    continue
                listed[tool.name] = _listed(tool)
            cursor = page.next_cursor
            if cursor is None:
                break
        self.listed = tuple(listed.values())
        rest = [f"{more:,} more than {MOST_TOOLS}"] if more else []
        self.omitted = (*self._transport.omitted, *rest)

    def _check_wanted(self) -> None:
        """Raise MCPServerError where the server has not all the tools that are wanted."""
        names = {tool.name for tool in self.listed}
        lacking = [name for name in self._spec.tools or () if name not in names]
        if lacking:
            raise MCPServerError(
                f"the MCP server {self._spec.name} has no tool {visible(lacking[0])[:60]!r}; "
                "without tools=... all that it has are there"
            )

    async def _follow(self) -> None:
        """Hear of changes; servers of the protocol before 2026 tell of them by themselves."""
        assert self._client is not None  # noqa: S101  # it is entered
        with suppress(Exception):  # what it does not follow it reads again when it is restarted
            async with self._client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._read_again()

    async def _hear(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._read_again()

    def _read_again(self) -> None:
        if not self._reading:
            self._reading = True
            self._listen(self._reread())

    async def _reread(self) -> None:
        await asyncio.sleep(_PAUSE_SECONDS)
        self._reading = False  # what changes from here on is another change
        with suppress(MCPError, ValidationError):  # it keeps to what it knows
            await self._list()
            self._changed()

    def _listen(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)

    def _failure(self, error: BaseException | None, *, is_late: bool) -> MCPServerError:
        """Return why the server could not be started, in the words of a person."""
        name, tail = self._spec.name, " | ".join(self._transport.tail)
        cause = _first(error)
        if is_late:
            what = f"did not answer within {START_SECONDS:g} s"
        elif self._transport.status >= 400:  # noqa: PLR2004  # HTTP's errors
            more = (
                ' (headers={"Authorization": ...} goes with it)'
                if self._transport.status in (401, 403)
                else ""
            )
            what = f"answered with HTTP status {self._transport.status}{more}"
        elif isinstance(cause, MCPServerError):
            return cause
        elif isinstance(cause, MCPError) and cause.code == CONNECTION_CLOSED and self._spec.command:
            what = "ended before it had said what it offers"
        elif isinstance(cause, ValidationError):
            what = "does not keep to the protocol"
        else:
            text = told(str(cause), _MOST_WORDS) if cause is not None else ""
            what = f"could not be reached ({text or type(cause).__name__})"
        last = f"; the last it wrote: {tail}" if tail else ""
        return MCPServerError(f"the MCP server {name} ({self._spec.target}) {what}{last}")


def _listed(tool: Tool) -> ListedTool:
    hints = tool.annotations.model_dump(by_alias=True) if tool.annotations is not None else {}
    return ListedTool(tool.name, tool.description or "", tool.input_schema, hints_in_words(hints))


def _first(error: BaseException | None) -> BaseException | None:
    """Return the first exception in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
