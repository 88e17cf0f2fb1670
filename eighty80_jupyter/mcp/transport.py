"""How a server is reached: a process with pipes, or HTTP; what comes is screened before it is read.

A listing is read by the library as a whole: one tool with a schema that is none would cost all the
others. So what a server says of its tools is put into order before the library sees it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import FunctionType
from typing import Any, Self, TextIO

import anyio
import httpx2
from anyio.abc import ObjectReceiveStream
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, JSONRPCResponse, jsonrpc_message_adapter
from pydantic import ValidationError

from eighty80_jupyter.mcp.listing import mend_result, screened
from eighty80_jupyter.mcp.spec import ServerSpec
from eighty80_jupyter.text import clean_json
from eighty80_jupyter.tools.shown import visible
from eighty80_jupyter.wire.address import is_loopback
from eighty80_jupyter.wire.secret import without_secret

# Else Python prints a traceback into the cell for each line of a server that is no message.
logging.getLogger("mcp").addHandler(logging.NullHandler())

LARGEST = 64_000_000  # bytes of one message
_SEARCHED = 1_000  # characters of a message in which its id is looked for
_ANSWERED = re.compile(r'"id"\s*:\s*(\d{1,18}|"[^"\\]{1,100}")')
_CONNECT_SECONDS = 30.0
_LAST_WORDS_SECONDS = 0.3  # in which they are read, once the process has ended
_TAIL_LINES = 20
_TAIL_WIDTH = 300  # characters of each
_LAUNCH = str(Path(__file__).with_name("launch.py"))

Streams = tuple[Any, Any]  # as the library's protocols have them


class Transport:
    """The streams of one server, and what is known of the other end.

    `ended` is called once when nothing more can come. `omitted` says which tools of the last
    listing cannot be offered, and why. `status` is the last HTTP status. All on the loop; `tail`
    from any thread.
    """

    def __init__(self, spec: ServerSpec, ended: Callable[[], None]) -> None:
        self._spec = spec
        self._ended = ended
        self._stderr: StderrTail | None = None
        self.omitted: list[str] = []
        self.status = 0

    @property
    def tail(self) -> list[str]:
        """The last lines that the process wrote to its standard error; harmless, no secrets."""
        lines = [] if self._stderr is None else self._stderr.lines
        return [visible(without_secret(line, self._spec.secrets)) for line in lines]

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[Streams]:
        """Open the streams; closing them ends the process."""
        opened = self._http() if self._spec.url else self._process()
        async with opened as (read, write):
            yield _Screened(read, self._screen, self._ended), write

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[Streams]:
        spec = self._spec
        program, words = spec.program, list(spec.command)
        if sys.platform == "linux" and sys.executable:
            words = [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), program, *words]
        else:
            words[0] = program
        parameters = StdioServerParameters(
            command=words[0],
            args=words[1:],
            env={name: value.reveal() for name, value in spec.env.items()},
            cwd=spec.folder,
            # Else one wrong byte ends all.
            encoding_error_handler="replace",
        )
        self._stderr = StderrTail()
        try:
            async with _stdio_client(parameters, errlog=self._stderr.file) as streams:
                self._stderr.file.close()  # the process has its own; at its end the thread ends
                yield streams
        finally:
            self._stderr.finish()

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[Streams]:
        spec = self._spec

        async def note(response: httpx2.Response) -> None:
            self.status = response.status_code

        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                httpx2.AsyncClient(
                    headers={name: value.reveal() for name, value in spec.headers.items()},
                    timeout=httpx2.Timeout(_CONNECT_SECONDS, read=None),  # tools may take long
                    trust_env=not is_loopback(spec.url),  # no proxy for this very machine
                    event_hooks={"response": [note]},
                )
            )
            yield await stack.enter_async_context(
                streamable_http_client(spec.url, http_client=client, max_sse_event_size=LARGEST)
            )

    def _screen(self, item: Any) -> Any:
        """Put a listing of tools, or a result, into order; what is none passes as it is."""
        item = _mended(item) if isinstance(item, ValidationError) else item
        message = item.message if isinstance(item, SessionMessage) else None
        if not isinstance(message, JSONRPCResponse):
            return item
        mend_result(message.result)
        tools = message.result.get("tools")
        if isinstance(tools, list):
            found = [_screened(entry) for entry in tools]
            message.result["tools"] = [one for one in found if isinstance(one, dict)]
            self.omitted += [one for one in found if isinstance(one, str)]
        return item


def _mended(error: ValidationError) -> Any:
    r"""Return the message that the library cannot read and Python can; else the error.

    Python's servers write a file name that is not UTF-8 as "\\udcff", and whoever waits for such a
    message would wait for ever. So does whoever waits for an answer that is none: it becomes an
    error, where its id can be seen.
    """
    inputs = [one["input"] for one in error.errors(include_url=False, include_context=False)]
    if isinstance(line := inputs[0], str):
        try:
            found = clean_json(json.loads(line, strict=False))
            return SessionMessage(jsonrpc_message_adapter.validate_python(found))
        except (ValueError, RecursionError):
            pass
    answered = _answered(inputs)
    if answered is None:
        return error
    failed = {
        "code": INTERNAL_ERROR,
        "message": "the server's answer is no message of the protocol",
    }
    told = {"jsonrpc": "2.0", "id": answered, "error": failed}
    return SessionMessage(jsonrpc_message_adapter.validate_python(told))


def _answered(inputs: list[Any]) -> int | str | None:
    """Return the id of the request that a broken message answers; None: it is no answer."""
    if isinstance(line := inputs[0], str):
        found = _ANSWERED.search(line[:_SEARCHED])
        is_answer = found is not None and '"method"' not in line[:_SEARCHED]
        return json.loads(found[1]) if found and is_answer else None
    whole = [each for each in inputs if isinstance(each, dict) and "jsonrpc" in each]
    wanted = whole[0].get("id") if whole and "method" not in whole[0] else None
    return wanted if type(wanted) in (int, str) else None


def _screened(entry: Any) -> dict[str, Any] | str:
    try:
        return screened(entry)
    except RecursionError:
        return "a tool with a schema that is nested too deeply"


class _Screened(ObjectReceiveStream[Any]):
    """A stream of messages, each of which passes `screen`; `ended` is called at its end."""

    def __init__(
        self, stream: Any, screen: Callable[[Any], Any], ended: Callable[[], None]
    ) -> None:
        self._stream = stream
        self._screen = screen
        self._ended = ended

    @property
    def last_context(self) -> Any:
        """The context variables of the last message's sender, where the transport knows them."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        """Return the next message."""
        try:
            return self._screen(await self._stream.receive())
        except BaseException:
            self._ended()
            raise

    async def aclose(self) -> None:
        """Close the stream."""
        self._ended()
        await self._stream.aclose()


class WholeLines:
    """The text of a process's standard output, given out in whole lines.

    The library looks through all that has come of a line with each piece of it, which takes seconds
    for a result of 30 MB. A line of more than `LARGEST` bytes ends the connection.
    """

    def __init__(self, stream: Any, encoding: str = "utf-8", errors: str = "strict") -> None:
        self._stream = stream
        self._encoding, self._errors = encoding, errors
        self._pieces: list[bytes] = []
        self._size = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """Return the next lines, or what was left at the end."""
        while True:
            try:
                data = await self._stream.receive()
            except anyio.EndOfStream:
                if not self._pieces:
                    raise StopAsyncIteration from None
                return self._taken(b"")
            end = data.rfind(b"\n") + 1
            if end:
                text = self._taken(data[:end])
                self._keep(data[end:])
                return text
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        if data:
            self._pieces.append(data)
            self._size += len(data)
        if self._size > LARGEST:
            raise anyio.BrokenResourceError

    def _taken(self, data: bytes) -> str:
        whole = b"".join((*self._pieces, data))
        self._pieces.clear()
        self._size = 0
        return whole.decode(self._encoding, self._errors)


def _with_whole_lines(client: Any) -> Any:
    """Return the library's client for processes, which reads its output by `WholeLines`."""
    plain = client.__wrapped__
    names = {**plain.__globals__, "TextReceiveStream": WholeLines}
    return asynccontextmanager(FunctionType(plain.__code__, names, argdefs=plain.__defaults__))


_stdio_client = _with_whole_lines(stdio_client)


class StderrTail:
    """The last lines of what a process writes to its standard error, through a pipe.

    In a kernel there is no descriptor to pass on, and a file would grow for as long as the process
    writes. A thread reads, and ends with the last process that holds the other end. It alone writes
    the lines; each change is one step.
    """

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=_TAIL_LINES)
        reading, writing = os.pipe()
        self.file: TextIO = os.fdopen(writing, "w")
        self._thread = threading.Thread(
            target=self._read, args=(reading,), name="eighty80-mcp-stderr", daemon=True
        )
        self._thread.start()

    def finish(self) -> None:
        """Close our end, and take in the last words of a process that has ended.

        A child of it may hold the other end for longer, which is not waited for.
        """
        self.file.close()
        self._thread.join(_LAST_WORDS_SECONDS)

    @property
    def lines(self) -> list[str]:
        """The last lines, cut where they are long."""
        found = [line.decode("utf-8", "replace").strip() for line in self._lines.copy()]
        return [line[:_TAIL_WIDTH] for line in found if line]

    def _read(self, reading: int) -> None:
        unfinished = b""
        while data := os.read(reading, 65_536):
            *whole, unfinished = (unfinished + data).split(b"\n")
            self._lines.extend(whole)
            unfinished = unfinished[-4 * _TAIL_WIDTH :]
        if unfinished:
            self._lines.append(unfinished)
        os.close(reading)
