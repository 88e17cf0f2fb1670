"""Silence, nobody there, nobody listening: each ends in time, in plain words, without a trace."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
)
from eighty80_jupyter.session.session import Session
from tests.support.scripted import (
    Hang,
    Reply,
    ScriptedServer,
    sse_reply,
)
from tests.wire.asking import KEY, assert_nothing_runs, assert_works, session_for
from tests.wire.network.breaking import (
    CHUNKS,
    TEXT,
    check_kept,
    raw,
    text_in,
)

# How long a session bears silence, in seconds. On a busy machine the server itself may be silent
# for the first of them, and then the next one is tried.
PATIENCES = (0.5, 3.0, 15.0)


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 9, 60, 118, 200, 300, 420])
def test_a_stall_is_a_timeout(session: Session, server: ScriptedServer, place: int) -> None:
    """A server that falls silent, before or inside a reply, is given up and told so."""
    received = raw(sse_reply(CHUNKS))[:place]
    for patience in PATIENCES:
        session.config.read_timeout = patience
        session.conversation.reset()
        server.reset()
        server.queue(Reply((received, Hang())))
        with pytest.raises(APITimeoutError, match=r"ChatConfig\.read_timeout") as caught:
            session.ask("Hi")
        server.wait_disconnect()
        reply = caught.value.reply
        if (reply.text if reply is not None else "") == text_in(received):
            break
    check_kept(session, caught.value, text_in(received))
    assert_nothing_runs(session)
    session.config.read_timeout = 20.0
    assert_works(session, server)


def test_a_slow_stream_is_no_stall(session: Session, server: ScriptedServer) -> None:
    """The timeout is for silence: a reply may take longer than it as a whole."""
    for patience in PATIENCES:
        session.config.read_timeout = patience
        session.conversation.reset()
        server.queue(sse_reply(CHUNKS, delay=patience / 5))
        with suppress(APITimeoutError):
            session.ask("Hi")
            break
    assert session.conversation[-1].reply.text == TEXT


def test_a_server_that_does_not_accept_is_a_timeout() -> None:
    """A connection that does not come about in time is told apart from silence."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        # A full queue, so that the next connection waits.
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)  # noqa: FBT003  # the argument is the method's
            other.connect_ex(address)
        session = session_for(f"http://127.0.0.1:{address[1]}", connect_timeout=0.1)
        with pytest.raises(APITimeoutError, match=r"ChatConfig\.connect_timeout"):
            session.ask("Hi")
        assert_nothing_runs(session)
        session.close()
        for other in others:
            other.close()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:1", "Connection refused"),
        ("http://localhost:1", "Connection refused"),
        ("http://no-such-host.localhost.invalid", "not known|resolution|No address"),
        ("https://127.0.0.1:1", "Connection refused"),
    ],
)
def test_nobody_there_is_told_in_plain_words(
    address: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is the system's own, without the library's packing around it."""
    look_up = socket.getaddrinfo

    def look_up_here(host: str, *more: Any, **settings: Any) -> Any:
        if str(host).endswith(".invalid"):  # without a network the answer may take a minute
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *more, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)
    session = session_for(address, allow_insecure_http=True)
    with pytest.raises(
        APIConnectionError, match=rf"cannot connect to [\w.:-]+: [^:\[]*({reason})"
    ) as caught:
        session.ask("Hi")
    assert "ssl:" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(session.conversation) == 0
    assert_nothing_runs(session)
    session.close()


def test_https_to_a_plain_server_is_told(server: ScriptedServer) -> None:
    """A wrong scheme is a matter of the address, and is told as such."""
    session = session_for(server.url.replace("http://", "https://"), connect_timeout=0.2)
    with pytest.raises(APIConnectionError):
        session.ask("Hi")
    assert_nothing_runs(session)
    session.close()
    server.errors.clear()


def test_an_early_refusal_does_not_wait_for_the_upload(session: Session) -> None:
    """A server that refuses a large request without reading it is heard, and nothing hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
                done.wait(60)

        done = threading.Event()
        thread = threading.Thread(target=refuse)
        thread.start()
        session.config.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with pytest.raises(APIStatusError, match="413"):
                session.ask("x" * 2**24)
            assert_nothing_runs(session)
        finally:
            done.set()
            thread.join()
