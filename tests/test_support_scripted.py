"""The scripted server does what its script says, and nothing else."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.scripted import (
    Close,
    Gate,
    Hang,
    Reply,
    Request,
    Reset,
    ScriptedServer,
    Wait,
    answer,
    chat_reply,
    error_reply,
    http_reply,
    json_reply,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAT = "/v1/chat/completions"


@pytest.fixture(name="client")
def _client(server: ScriptedServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        yield client


def events(text: str) -> list[Any]:
    """Read the events of a plain stream."""
    datas = [line.removeprefix("data: ") for line in text.split("\n") if line]
    assert datas[-1] == "[DONE]"
    return [json.loads(data) for data in datas[:-1]]


def test_queued_replies_come_in_order_on_one_connection(
    server: ScriptedServer, client: httpx.Client
) -> None:
    """Replies are given in the order they were queued, and the connection is kept."""
    server.queue(json_reply({"n": 1}), error_reply(429, "slow", headers={"retry-after": "2"}))
    first, second = client.post(CHAT, json={}), client.post(CHAT, json={})
    assert first.json() == {"n": 1}
    assert (second.status_code, second.headers["retry-after"]) == (429, "2")
    assert second.json()["error"]["message"] == "slow"
    assert (server.connections, server.open_connections, server.queued) == (1, 1, 0)


def test_requests_are_recorded(server: ScriptedServer, client: httpx.Client) -> None:
    """A request is kept with its method, path, query, headers and body."""
    server.queue(json_reply({}))
    client.post(CHAT + "?a=1", json={"model": "é"}, headers={"X-Thing": "Two"})
    request = server.wait_request()
    assert (request.method, request.path, request.query) == ("POST", CHAT, "a=1")
    assert request.headers["x-thing"] == "Two"
    assert ("X-Thing", "Two") in request.raw_headers
    assert request.json == {"model": "é"}
    assert request.connection == 1


def test_a_body_in_chunks_is_read(server: ScriptedServer, client: httpx.Client) -> None:
    """A request body without a length is put together."""
    server.queue(json_reply({}))
    client.post(CHAT, content=iter([b'{"a":', b" 1}"]))
    assert server.requests[0].json == {"a": 1}


def test_models_have_a_default_answer(server: ScriptedServer, client: httpx.Client) -> None:
    """The list of models needs no script and takes nothing from the queue."""
    server.queue(json_reply({}))
    assert client.get("/v1/models").json()["data"][0]["object"] == "model"
    assert server.queued == 1
    server.route("GET", "/v1/models", error_reply(500, "no"))
    assert client.get("/v1/models").status_code == 500


def test_an_unscripted_request_is_refused(server: ScriptedServer, client: httpx.Client) -> None:
    """What the script does not know gets a 500 and is noted."""
    assert client.get("/nowhere").status_code == 500
    assert [request.path for request in server.unexpected] == ["/nowhere"]


def test_a_handler_comes_first_and_may_pass() -> None:
    """A handler that returns None leaves the request to the default."""

    def handler(request: Request) -> Reply | None:
        return json_reply("mine") if request.path == "/mine" else None

    with ScriptedServer(handler, default=json_reply("default")) as server:
        assert httpx.get(server.url + "/mine", trust_env=False).json() == "mine"
        assert httpx.get(server.url + "/other", trust_env=False).json() == "default"


def test_what_a_handler_raises_is_raised_at_the_end() -> None:
    """A failing handler breaks the connection and fails the test that uses it."""

    def handler(request: Request) -> Reply | None:
        raise ValueError(request.path)

    with pytest.raises(ValueError, match="/x"), ScriptedServer(handler) as server:  # noqa: PT012 - raised at the block's end
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(server.url + "/x", trust_env=False)
        assert server.disconnects == []


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("cut", [None, 1, 7])
def test_a_stream_carries_every_event(
    server: ScriptedServer, client: httpx.Client, *, chunked: bool, cut: int | None
) -> None:
    """The events arrive whole, however the bytes are cut and the body is framed."""
    chunks = text_chunks("Grüße aus Zürich", n=5)
    server.queue(sse_reply(chunks, chunked=chunked, cut=cut))
    reply = client.post(CHAT, json={})
    assert reply.headers["content-type"] == "text/event-stream"
    assert events(reply.text) == chunks
    pieces = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    assert "".join(pieces) == "Grüße aus Zürich"
    assert len(pieces) == 7
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 4


def test_packets_are_what_was_asked_for(server: ScriptedServer, client: httpx.Client) -> None:
    """One HTTP chunk holds as many events as asked for, with the line ends asked for."""
    server.queue(sse_reply(["a", "b", "c", b": ping\r\n\r\n"], per_packet=2, line_end="\r\n"))
    with client.stream("POST", CHAT, json={}) as reply:
        packets = list(reply.iter_raw())
    assert b"".join(packets) == (
        b"data: a\r\n\r\ndata: b\r\n\r\ndata: c\r\n\r\n: ping\r\n\r\ndata: [DONE]\r\n\r\n"
    )
    script = sse_reply(["a", "b", "c"], per_packet=2, done=False).steps
    assert script[1:] == (
        b"12\r\ndata: a\n\ndata: b\n\n\r\n",
        b"9\r\ndata: c\n\n\r\n",
        b"0\r\n\r\n",
    )


def test_a_text_of_two_lines_is_one_event() -> None:
    """A line break in an event's text makes a second data line."""
    assert sse_reply(["a\nb"], done=False, chunked=False).steps[1] == b"data: a\ndata: b\n\n"


def test_a_gate_holds_the_stream_until_the_test_opens_it(
    server: ScriptedServer, client: httpx.Client
) -> None:
    """Nothing behind a gate is sent before its event is set."""
    gate = threading.Event()
    server.queue(sse_reply(["a", Gate(gate), "b"]))
    with client.stream("POST", CHAT, json={}) as reply:
        pieces = reply.iter_raw()
        assert next(pieces) == b"data: a\n\n"
        gate.set()
        assert b"".join(pieces) == b"data: b\n\ndata: [DONE]\n\n"


def test_delays_are_kept(server: ScriptedServer, client: httpx.Client) -> None:
    """A wait before the reply and a delay between packets take their time."""
    server.queue(json_reply({}).after(Wait(0.05)), sse_reply(["a", "b", "c"], delay=0.02))
    start = time.monotonic()
    client.post(CHAT, json={})
    middle = time.monotonic()
    client.post(CHAT, json={})
    assert middle - start >= 0.05
    assert time.monotonic() - middle >= 0.06


def test_close_ends_a_stream_in_the_middle(server: ScriptedServer, client: httpx.Client) -> None:
    """A close inside a chunked body is a body that is incomplete."""
    server.queue(sse_reply(["a", Close()]))
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        client.post(CHAT, json={})
    assert server.disconnects == []


def test_a_length_may_be_false(server: ScriptedServer, client: httpx.Client) -> None:
    """A reply may promise more bytes than it has."""
    server.queue(http_reply(b"ab", headers={"content-length": "5"}).then(Close()))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/")


def test_reset_breaks_the_connection_after_the_bytes_before_it(server: ScriptedServer) -> None:
    """A reset arrives as such, and what was sent before it can be read."""
    server.queue(Reply((b"HTTP/1.1 200 OK\r\n\r\nab", Reset())))
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        server.wait_open(0)
        assert sock.recv(100).endswith(b"ab")
        with pytest.raises(ConnectionResetError):
            sock.recv(100)


def test_a_client_that_leaves_is_noticed_with_its_request(
    server: ScriptedServer, client: httpx.Client
) -> None:
    """An end by the client is recorded at once, with the request whose reply it cut."""
    server.queue(sse_reply(["a", Hang()]))
    with client.stream("POST", CHAT, json={}) as reply:
        pieces = reply.iter_raw()  # collected as garbage, it would close the connection
        assert next(pieces) == b"data: a\n\n"
        before = time.monotonic()
    end = server.wait_disconnect()
    assert end.during is server.requests[0]
    assert end.at >= before
    server.wait_open(0)


def test_an_idle_connection_that_ends_was_serving_nothing(server: ScriptedServer) -> None:
    """A client that closes after a whole reply interrupts no request."""
    server.queue(json_reply({}))
    httpx.get(server.url, trust_env=False, timeout=60)
    assert server.wait_disconnect().during is None


def test_a_body_may_be_compressed(server: ScriptedServer, client: httpx.Client) -> None:
    """Raw bytes with their own headers make a gzip reply."""
    server.queue(http_reply(gzip.compress(b"{}"), headers={"content-encoding": "gzip"}))
    assert client.get("/").json() == {}


def test_a_rate_is_kept(server: ScriptedServer, client: httpx.Client) -> None:
    """A stream at a rate takes tokens over rate, and brings every token."""
    text = "abcd" * 400
    server.queue(stream_reply(text, tokens_per_second=2000))
    start = time.monotonic()
    reply = client.post(CHAT, json={})
    took = time.monotonic() - start
    assert len(events(reply.text)) == 403
    assert took > 0.19


def test_a_chat_reply_has_the_shape_of_the_contract(
    server: ScriptedServer, client: httpx.Client
) -> None:
    """A whole completion has choices, a message, a reason and the usage."""
    call = tool_call("add", {"a": 1})
    server.queue(chat_reply(None, finish_reason="tool_calls", tool_calls=[call], reasoning="so"))
    body = client.post(CHAT, json={}).json()
    assert body["choices"] == [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "reasoning": "so",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "add", "arguments": '{"a": 1}'},
                    }
                ],
            },
        }
    ]
    assert body["usage"]["prompt_tokens"] == 12


@pytest.mark.parametrize("with_index", [True, False])
def test_tool_chunks_open_a_call_and_then_fill_it(*, with_index: bool) -> None:
    """The first delta of a call has its id and name, the others a part of the arguments."""
    chunks = tool_chunks(tool_call("add", '{"a": 1}'), with_index=with_index)
    deltas = [c["choices"][0]["delta"]["tool_calls"][0] for c in chunks[1:-1]]
    assert [delta.get("id") for delta in deltas] == ["call_1", None, None]
    assert "".join(delta["function"]["arguments"] for delta in deltas) == '{"a": 1}'
    assert all(("index" in delta) is with_index for delta in deltas)
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_answer_streams_only_on_demand() -> None:
    """The ready-made handler follows the request's `stream`."""
    with ScriptedServer(answer("Hello there")) as server:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            whole = client.post(CHAT, json={}).json()
            stream = events(client.post(CHAT, json={"stream": True}).text)
        assert whole["choices"][0]["message"]["content"] == "Hello there"
        assert len(stream) == 6


def test_reset_forgets_all(server: ScriptedServer, client: httpx.Client) -> None:
    """After a reset nothing is scripted and nothing was seen."""
    server.queue(json_reply({}), json_reply({}))
    server.route("GET", "/v1/models", json_reply({}))
    client.get("/")
    server.reset()
    assert (server.requests, server.queued) == ([], 0)
    assert client.get("/v1/models").json()["object"] == "list"


def test_closing_leaves_nothing_behind() -> None:
    """After the end, even of hanging connections, no thread and no listener is left."""
    before = set(threading.enumerate())
    with ScriptedServer(default=Reply((Hang(),))) as server:
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        server.wait_request()
    with sock, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=60)
    assert set(threading.enumerate()) <= before
    assert server.open_connections == 0
    server.close()


def test_waiting_in_vain_says_for_what(server: ScriptedServer) -> None:
    """A wait that runs out names what was expected."""
    with pytest.raises(TimeoutError, match=r"expected 1 requests within 0\.01 s"):
        server.wait_request(timeout=0.01)
    with pytest.raises(TimeoutError, match=r"expected rain within 0\.01 s; last value: 0"):
        wait_until(lambda: 0, timeout=0.01, what="rain")


def test_the_program_serves_a_file(tmp_path: Any) -> None:
    """By hand, the server answers with the text of a file and says where it is."""
    (tmp_path / "text.md").write_text("# Hi", encoding="utf-8")
    program = [sys.executable, "-m", "tests.support.scripted", "--text", tmp_path / "text.md"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[0].partition("=")[2]
            request = urllib.request.Request(url + CHAT, data=b"{}")  # noqa: S310 - loopback
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
                body = json.load(reply)
        finally:
            process.terminate()
    assert body["choices"][0]["message"]["content"] == "# Hi"
