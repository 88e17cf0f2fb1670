"""Private names of aiohttp and httpx: each is there as it is used, and each may be missing.

Without one of them the client is slower or plainer, and works.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import ssl

import aiohttp
import httpx
import pytest
from aiohttp import client_proto

from eighty80_jupyter.errors import APIConnectionError, APIStreamError, RateLimitError
from eighty80_jupyter.wire import connections, transport
from eighty80_jupyter.wire.client import Client
from tests.support.scripted import (
    Close,
    Reply,
    Reset,
    ScriptedServer,
    chat_reply,
    error_reply,
    http_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import Asked, ask, ask_once, endpoint_of, with_client

STREAM = sse_reply(text_chunks("Hello"))


# The contract: what the installed version gives.


def test_a_connector_makes_its_protocols_with_a_factory() -> None:
    """`TCPConnector._factory` is called without arguments for each new connection."""

    async def look() -> None:
        connector = aiohttp.TCPConnector()
        factory = connector._factory
        assert isinstance(factory, functools.partial)
        assert factory.func is client_proto.ResponseHandler
        assert not factory.args
        assert factory.keywords.keys() == {"loop"}
        await connector.close()

    asyncio.run(look())


def test_a_protocol_has_the_methods_that_are_overridden() -> None:
    """`ResponseHandler` is told of each request by one method and of its bytes by another."""
    handler = client_proto.ResponseHandler
    settings = inspect.signature(handler.set_response_params).parameters
    assert {p.kind for name, p in settings.items() if name != "self"} == {
        inspect.Parameter.KEYWORD_ONLY
    }
    assert list(inspect.signature(handler.data_received).parameters) == ["self", "data"]
    assert callable(handler.set_exception)


def test_a_body_gives_what_came_before_an_error() -> None:
    """`StreamReader._read_nowait(-1)` returns all that is there, where the public one raises."""

    async def look() -> bytes:
        loop = asyncio.get_running_loop()
        reader = aiohttp.StreamReader(client_proto.ResponseHandler(loop), 2**16, loop=loop)
        reader.feed_data(b"kept")
        reader.set_exception(aiohttp.ClientPayloadError("broken"))
        with pytest.raises(aiohttp.ClientPayloadError):
            reader.read_nowait()
        return bytes(reader._read_nowait(-1))

    assert asyncio.run(look()) == b"kept"


# Each name taken away.


class _Connector(aiohttp.TCPConnector):
    """A connector whose factory has another name."""

    def __getattribute__(self, name: str) -> object:
        if name == "_factory":
            # What the connector itself does goes on; only who asks from outside finds nothing.
            caller = inspect.currentframe()
            assert caller is not None
            assert caller.f_back is not None
            if "aiohttp" not in caller.f_back.f_code.co_filename:
                raise AttributeError(name)
        return super().__getattribute__(name)


def _without_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp, "TCPConnector", _Connector)


def _without_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(client_proto, "ResponseHandler")


def _without_params(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed(client_proto.ResponseHandler):
        def __getattribute__(self, name: str) -> object:
            return super().__getattribute__(name)

    class Named(type):
        def __getattribute__(cls, name: str) -> object:
            if name == "set_response_params":
                raise AttributeError(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(client_proto, "ResponseHandler", Named("Renamed", (), {}))


def _without_read_nowait(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader(aiohttp.StreamReader):
        def __getattribute__(self, name: str) -> object:
            if name == "_read_nowait":
                caller = inspect.currentframe()
                assert caller is not None
                assert caller.f_back is not None
                if "aiohttp" not in caller.f_back.f_code.co_filename:
                    raise AttributeError(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(client_proto, "StreamReader", Reader, raising=False)
    monkeypatch.setattr("aiohttp.http_parser.StreamReader", Reader, raising=False)


MISSING = [_without_factory, _without_handler, _without_params, _without_read_nowait]


@pytest.mark.parametrize("take_away", MISSING)
def test_without_a_name_replies_come_all_the_same(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, take_away: object
) -> None:
    """Streams, whole answers and kept connections work; a broken reply is an error of ours."""
    assert callable(take_away)
    take_away(monkeypatch)
    server.queue(STREAM, chat_reply("Hello"), Reply((Reset(),)), STREAM)

    async def use(client: Client) -> list[Asked]:
        place = endpoint_of(server)
        found = [await ask(client, place), await ask(client, place, stream=False)]
        return [*found, await ask(client, place)]

    replies = with_client(use)
    assert [(asked.text, asked.error) for asked in replies] == [("Hello", None)] * 3
    assert (len(server.requests), server.connections) == (4, 2)
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    server.queue(Reply((head, b"ZZ\r\n", Close())))
    assert isinstance(ask_once(server).error, APIStreamError | APIConnectionError)


def test_with_all_names_the_fast_way_is_taken() -> None:
    """Where everything is there, no trace is needed to know of kept connections."""

    async def look() -> int:
        session = connections._session(ssl.create_default_context())
        count = len(session.trace_configs)
        await session.close()
        return count

    assert asyncio.run(look()) == 0
    assert connections._protocol() is not None


# httpx.


def test_httpx_makes_and_finds_transports_by_these_methods() -> None:
    """`_init_transport`, `_init_proxy_transport` and `_transport_for_url` are as they are used."""

    class Client(httpx.AsyncClient):
        def _init_transport(self, *_names: object, **_more: object) -> httpx.AsyncBaseTransport:
            return httpx.MockTransport(lambda _request: httpx.Response(204))

    client = Client(trust_env=False)
    assert isinstance(client._transport_for_url(httpx.URL("http://x")), httpx.MockTransport)
    parameters = list(inspect.signature(httpx.AsyncClient._init_proxy_transport).parameters)
    assert parameters[:2] == ["self", "proxy"]


def _without_transport_for_url(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client(transport._Client):
        def __getattribute__(self, name: str) -> object:
            caller = inspect.currentframe()
            assert caller is not None
            assert caller.f_back is not None
            if name == "_transport_for_url" and "eighty80" in caller.f_back.f_code.co_filename:
                raise AttributeError(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(transport, "_Client", Client)


def _without_init_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    # httpx asks for transports by another name: ours are never made.
    monkeypatch.setattr(transport, "_Client", httpx.AsyncClient)


@pytest.mark.parametrize("take_away", [_without_transport_for_url, _without_init_transport])
def test_without_a_name_of_httpx_replies_come_all_the_same(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, take_away: object
) -> None:
    """Its whole client, or its own transport, serves streams and answers, errors and redirects."""
    assert callable(take_away)
    take_away(monkeypatch)
    moved = http_reply(b"moved", status=307, headers={"location": "/elsewhere"})
    server.queue(STREAM, chat_reply("Hello"), moved, STREAM, error_reply(429, "slow"))

    async def use(client: Client) -> list[Asked]:
        place = endpoint_of(server)
        found = [await ask(client, place), await ask(client, place, stream=False)]
        return [*found, await ask(client, place), await ask(client, place)]

    *good, bad = with_client(use)
    assert [(asked.text, asked.error) for asked in good] == [("Hello", None)] * 3
    assert isinstance(bad.error, RateLimitError)
    assert server.requests[3].path == "/elsewhere"
    server.queue(Reply((Reset(),)))
    assert isinstance(ask_once(server).error, APIConnectionError)
