"""What a `ScriptedServer` answers: a `Reply` is a list of steps, and helpers build the usual ones.

A step is raw bytes to send, or one of `Wait`, `Gate`, `Paced`, `Close`, `Reset`, `Hang`. Events of
`sse_reply` may be mixed with steps, so that a test can stop, cut or delay a stream at any place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping, Sequence

MODEL = "8080/taalas/llama3.1-8b-instruct"
CREATED = 1_700_000_000
CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Wait:
    """Send nothing for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Send nothing until the test sets `event`."""

    event: threading.Event


@dataclass(frozen=True, slots=True)
class Paced:
    """Send `packets` on a fixed schedule: `per_second` of them, late ones at once."""

    packets: tuple[bytes, ...]
    per_second: float


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection in order (FIN)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection (RST)."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Send nothing more and keep the connection until the client or the server closes it."""


Step: TypeAlias = bytes | Wait | Gate | Paced | Close | Reset | Hang
Event: TypeAlias = "dict[str, Any] | str | Step"


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything that is sent for one request; the connection stays open unless a step ends it."""

    steps: tuple[Step, ...]

    def then(self, *steps: Step) -> Reply:
        """Return this reply with more steps behind it."""
        return Reply(self.steps + steps)

    def after(self, *steps: Step) -> Reply:
        """Return this reply with steps before it: `json_reply(x).after(Wait(1))`."""
        return Reply(steps + self.steps)


def head(status: int, headers: Mapping[str, str | None]) -> bytes:
    """Write the status line and the headers; a header that is None is left out."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {status} {reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def http_reply(
    body: bytes, *, status: int = 200, headers: Mapping[str, str | None] | None = None
) -> Reply:
    """Answer with `body` as it is; `headers` replace the defaults, None removes one.

    A false `content-length` makes a reply that ends too early: add `Close()`.
    """
    fields: dict[str, str | None] = {"content-length": str(len(body))}
    return Reply((head(status, {**fields, **(headers or {})}) + body,))


def json_reply(
    obj: Any, *, status: int = 200, headers: Mapping[str, str | None] | None = None
) -> Reply:
    """Answer with a JSON document."""
    body = json.dumps(obj, ensure_ascii=False).encode()
    return http_reply(
        body, status=status, headers={"content-type": "application/json", **(headers or {})}
    )


def error_reply(
    status: int,
    message: str,
    *,
    type: str | None = None,  # noqa: A002 - the field's name in the API
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str | None] | None = None,
) -> Reply:
    """Answer with an error in the form that 8080 documents."""
    error = {"message": message, "type": type, "code": code, "param": param}
    return json_reply({"error": error}, status=status, headers=headers)


def encode_event(event: dict[str, Any] | str, line_end: str = "\n") -> bytes:
    """Write one server-sent event: an object as JSON, a text as its `data:` lines."""
    data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    lines = [f"data: {line}" for line in data.split("\n")]
    return (line_end.join([*lines, "", ""])).encode()


def sse_reply(
    events: Iterable[Event],
    *,
    done: bool = True,
    chunked: bool = True,
    delay: float = 0.0,
    per_packet: int = 1,
    cut: int | None = None,
    per_second: float | None = None,
    line_end: str = "\n",
    status: int = 200,
    headers: Mapping[str, str | None] | None = None,
) -> Reply:
    r"""Answer with a stream of server-sent events.

    `events`: an object or a text is one event, bytes are sent as they are (`b": ping\n\n"`), and
    any other step is carried out at its place. `done` adds `[DONE]`. Not `chunked`: the end of the
    connection ends the reply. `delay` is in seconds, between packets. A packet is one write and one
    HTTP chunk: `per_packet` events, or, with `cut`, that many bytes wherever they fall.
    `per_second` sends the packets on a schedule instead of a delay.
    """
    fields: dict[str, str | None] = {"content-type": "text/event-stream"}
    if chunked:
        fields["transfer-encoding"] = "chunked"
    else:
        fields["connection"] = "close"
    steps: list[Step] = [head(status, {**fields, **(headers or {})})]
    run: list[bytes] = []

    def flush() -> None:
        packets = _packets(run, per_packet=per_packet, cut=cut)
        run.clear()
        if chunked:
            packets = [_http_chunk(packet) for packet in packets]
        if per_second is not None:
            steps.append(Paced(tuple(packets), per_second))
            return
        for packet in packets:
            if delay and len(steps) > 1:
                steps.append(Wait(delay))
            steps.append(packet)

    for event in [*events, "[DONE]"] if done else events:
        match event:
            case dict() | str():
                run.append(encode_event(event, line_end))
            case bytes():
                run.append(event)
            case _:
                flush()
                steps.append(event)
    flush()
    steps.append(b"0\r\n\r\n" if chunked else Close())
    return Reply(tuple(steps))


def _packets(pieces: Sequence[bytes], *, per_packet: int, cut: int | None) -> list[bytes]:
    if cut is not None:
        whole = b"".join(pieces)
        return [whole[i : i + cut] for i in range(0, len(whole), cut)]
    return [b"".join(pieces[i : i + per_packet]) for i in range(0, len(pieces), per_packet)]


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def usage_of(text: str, *, prompt_tokens: int = 12) -> dict[str, Any]:
    """Make the usage object of a fast chip for a reply of `text`: a token is 4 characters."""
    tokens = -(-len(text) // CHARS_PER_TOKEN)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": prompt_tokens + tokens,
        "prefill_tokens": prompt_tokens,
        "prefill_rate": 30_000.0,
        "decode_tokens": tokens,
        "decode_rate": 17_000.0,
        "total_time": tokens / 17_000,
    }


def chunk(
    delta: dict[str, Any] | None = None,
    *,
    finish_reason: str | None = None,
    index: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """Make one chunk of a stream; no delta and no finish reason make one without choices."""
    choices: list[dict[str, Any]] = []
    if delta is not None or finish_reason is not None:
        choices = [{"index": index, "delta": delta or {}, "finish_reason": finish_reason}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "choices": choices,
        **more,
    }


def split_text(text: str, n: int | None = None) -> list[str]:
    """Cut `text` into `n` pieces of nearly equal length; None: into tokens of 4 characters."""
    if n is None:
        n = -(-len(text) // CHARS_PER_TOKEN)
    return [text[len(text) * i // n : len(text) * (i + 1) // n] for i in range(n)]


def text_chunks(
    text: str,
    *,
    n: int | None = None,
    finish_reason: str | None = "stop",
    usage: dict[str, Any] | bool = True,
    index: int = 0,
) -> list[dict[str, Any]]:
    """Make the chunks of a streamed reply: the role, `n` pieces of text, the reason, the usage.

    `n`: None means a piece for each token. `finish_reason`: None leaves its chunk out. `usage`:
    True makes one from the text, False leaves its chunk out.
    """
    chunks = [chunk({"role": "assistant", "content": ""}, index=index)]
    chunks += [chunk({"content": piece}, index=index) for piece in split_text(text, n)]
    if finish_reason is not None:
        chunks.append(chunk(finish_reason=finish_reason, index=index))
    if usage is not False:
        chunks.append(chunk(usage=usage_of(text) if usage is True else usage))
    return chunks


def tool_call(name: str, arguments: Any, *, id: str = "call_1") -> dict[str, Any]:  # noqa: A002 - the field's name in the API
    """Make a whole tool call; a text is taken as the raw arguments, anything else as JSON."""
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id, "type": "function", "function": {"name": name, "arguments": raw}}


def tool_chunks(
    *calls: dict[str, Any],
    n: int = 2,
    with_index: bool = True,
    finish_reason: str | None = "tool_calls",
) -> list[dict[str, Any]]:
    """Make the chunks of streamed tool calls, the arguments of each in `n` pieces."""
    chunks = [chunk({"role": "assistant", "content": None})]
    for number, call in enumerate(calls):
        place = {"index": number} if with_index else {}
        function = call["function"]
        opening = {**place, **call, "function": {"name": function["name"], "arguments": ""}}
        chunks.append(chunk({"tool_calls": [opening]}))
        chunks += [
            chunk({"tool_calls": [{**place, "function": {"arguments": piece}}]})
            for piece in split_text(function["arguments"], n)
        ]
    if finish_reason is not None:
        chunks.append(chunk(finish_reason=finish_reason))
    return chunks


def chat_reply(
    text: str | None,
    *,
    finish_reason: str = "stop",
    usage: dict[str, Any] | bool = True,
    tool_calls: Sequence[dict[str, Any]] = (),
    headers: Mapping[str, str | None] | None = None,
    **message: Any,
) -> Reply:
    """Answer with one whole completion, not streamed; `message` adds fields to the message."""
    answer = {"role": "assistant", "content": text, **message}
    if tool_calls:
        answer["tool_calls"] = list(tool_calls)
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": CREATED,
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": answer}],
    }
    if usage is not False:
        body["usage"] = usage_of(text or "") if usage is True else usage
    return json_reply(body, headers=headers)


def stream_reply(text: str, *, tokens_per_second: float = 17_000, n: int | None = None) -> Reply:
    """Answer with a stream at a fixed rate, one event and one HTTP chunk for each token."""
    return sse_reply(text_chunks(text, n=n), per_second=tokens_per_second)


def models_reply(*ids: str) -> Reply:
    """Answer `GET /v1/models`; without ids, the default model only."""
    data = [
        {"id": id_, "object": "model", "created": CREATED, "owned_by": "8080", "provider": "taalas"}
        for id_ in ids or (MODEL,)
    ]
    return json_reply({"object": "list", "data": data})
