"""An interrupt at any moment comes back at once, keeps what came, and leaves nothing running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from eighty80_jupyter.api.deltas import Retrying, TextDelta
from eighty80_jupyter.conversation.events import TurnEvent as Delta
from eighty80_jupyter.errors import ChatInterrupted
from eighty80_jupyter.session.session import Session
from tests.support.scripted import (
    Hang,
    Reply,
    ScriptedServer,
    answer,
    chunk,
    error_reply,
    http_reply,
    sse_reply,
    text_chunks,
)
from tests.support.waiting import wait_until
from tests.wire.asking import assert_nothing_runs, assert_works, session_for

HEL = chunk({"content": "Hel"})
# Typically 0.02 s, as printed; a busy machine must not fail the tests. An interrupt that is not
# heard takes as long as the silence that a session of these tests bears.
SECONDS = 15.0

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals to oneself are POSIX")


class Interrupter:
    """Interrupt the main thread, as a kernel does, when something has come about."""

    def __init__(self) -> None:
        self._at = 0.0
        self._thread: threading.Thread | None = None

    def when(self, condition: Callable[[], object]) -> None:
        """Wait in a thread for `condition`, then send the signal."""

        def run() -> None:
            condition()
            self._at = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def check(self, what: str) -> None:
        """Check how long it took; called when the exception has come."""
        seconds = time.perf_counter() - self._at
        print(f"interrupted {what}: back after {seconds * 1e3:.1f} ms")
        assert self._at, "interrupted by something else"
        assert seconds < SECONDS


@pytest.fixture(name="interrupter")
def _interrupter() -> Iterator[Interrupter]:
    """Give an interrupter whose thread ends with the test."""
    interrupter = Interrupter()
    yield interrupter
    if interrupter._thread is not None:
        interrupter._thread.join()


def tasks_of(session: Session) -> set[asyncio.Task[object]]:
    """Return the tasks on the session's loop, seen from another thread."""
    with contextlib.suppress(RuntimeError):  # the set changed while it was copied
        return asyncio.all_tasks(session._turns.background.loop())
    return set()


@pytest.mark.parametrize(
    ("what", "reply"),
    [
        ("waiting for headers", Reply((Hang(),))),
        ("inside the headers", Reply((b"HTTP/1.1 200 OK\r\nx: ", Hang()))),
        ("waiting for the first event", sse_reply([Hang()])),
        ("inside the first event", sse_reply([b"data: {", Hang()])),
        ("inside a whole answer", http_reply(b"{", headers={"content-length": "9"}).then(Hang())),
        (
            "inside an error",
            http_reply(b"{", status=401, headers={"content-length": "9"}).then(Hang()),
        ),
    ],
)
def test_before_anything_has_come(
    session: Session, server: ScriptedServer, interrupter: Interrupter, what: str, reply: Reply
) -> None:
    """Nothing is committed, and the server sees the client go."""
    server.queue(reply)
    interrupter.when(server.wait_request)
    with pytest.raises(ChatInterrupted, match="nothing had come") as caught:
        session.ask("Hi")
    interrupter.check(what)
    assert (caught.value.reply, len(session.conversation)) == (None, 0)
    server.wait_disconnect()
    assert_works(session, server)


@pytest.mark.parametrize("more", [[Hang()], [b"data: {", Hang()]])
def test_between_deltas(
    session: Session, server: ScriptedServer, interrupter: Interrupter, more: list[Hang | bytes]
) -> None:
    """What has come is kept, marked and committed."""
    server.queue(sse_reply([HEL, *more]))
    seen = threading.Event()

    def listen(events: list[Delta]) -> None:
        if TextDelta(0, "Hel") in events:
            seen.set()

    interrupter.when(seen.wait)
    with pytest.raises(ChatInterrupted, match="what had come is kept") as caught:
        session.ask("Hi", listen=listen)
    interrupter.check("between deltas")
    reply = caught.value.reply
    assert reply is not None
    assert (reply.text, reply.status) == ("Hel", "interrupted")
    assert session.conversation[-1].reply is reply
    server.wait_disconnect()
    assert_works(session, server)


def test_inside_a_retry_wait(
    session: Session, server: ScriptedServer, interrupter: Interrupter
) -> None:
    """The wait ends at once, and there is no other attempt."""
    session.config.max_retries = 2
    server.queue(error_reply(429, "slow", headers={"retry-after": "20"}))
    waits = threading.Event()

    def listen(events: list[Delta]) -> None:
        if any(isinstance(event, Retrying) for event in events):
            waits.set()

    interrupter.when(waits.wait)
    with pytest.raises(ChatInterrupted):
        session.ask("Hi", listen=listen)
    interrupter.check("inside a retry wait")
    assert len(server.requests) == 1
    assert_works(session, server)


def test_while_connecting(server: ScriptedServer, interrupter: Interrupter) -> None:
    """A connection that does not come about is given up."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as listener,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(4):  # a full queue, so that the next connection waits
            other = stack.enter_context(socket.socket())
            other.setblocking(False)  # noqa: FBT003  # the argument is the method's
            other.connect_ex(listener.getsockname())
        session = session_for(f"http://127.0.0.1:{listener.getsockname()[1]}")
        stack.callback(session.close)
        session._turns.background.loop()
        interrupter.when(lambda: wait_until(lambda: tasks_of(session)))
        with pytest.raises(ChatInterrupted):
            session.ask("Hi")
        interrupter.check("while connecting")
        assert_nothing_runs(session)
        session.config.base_url = server.url
        assert_works(session, server)


def test_inside_a_fast_stream(
    session: Session, server: ScriptedServer, interrupter: Interrupter
) -> None:
    """A stream that never ends and never pauses is left too."""
    server.queue(
        sse_reply([*text_chunks("word " * 20_000, finish_reason=None, usage=False), Hang()])
    )
    seen = threading.Event()
    text = ""

    def listen(events: list[Delta]) -> None:
        nonlocal text
        text += "".join(event.text for event in events if isinstance(event, TextDelta))
        if len(text) > len("word word"):
            seen.set()

    interrupter.when(seen.wait)
    with pytest.raises(ChatInterrupted) as caught:
        session.ask("Hi", listen=listen)
    interrupter.check("inside a fast stream")
    assert caught.value.reply is not None
    assert caught.value.reply.text.startswith("word word")
    server.wait_disconnect()
    assert_works(session, server)


def test_inside_the_listener(session: Session, server: ScriptedServer) -> None:
    """An interrupt while a reply is drawn is the same."""
    server.queue(sse_reply([HEL, Hang()]))

    def listen(events: list[Delta]) -> None:
        if events:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(ChatInterrupted) as caught:
        session.ask("Hi", listen=listen)
    assert caught.value.reply is not None
    assert caught.value.reply.text == "Hel"
    server.wait_disconnect()
    assert_works(session, server)


def test_an_error_of_the_listener_stops_the_turn(session: Session, server: ScriptedServer) -> None:
    """What a listener raises comes out, and the server sees the client go."""
    server.queue(sse_reply([HEL, Hang()]))

    def listen(events: list[Delta]) -> None:
        if events:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        session.ask("Hi", listen=listen)
    server.wait_disconnect()
    assert_works(session, server)


def test_while_the_models_are_asked_for(
    session: Session, server: ScriptedServer, interrupter: Interrupter
) -> None:
    """Whatever waits for the loop thread is interrupted in the same way."""
    server.route("GET", "/v1/models", Reply((Hang(),)))
    interrupter.when(server.wait_request)
    with pytest.raises(KeyboardInterrupt):
        session.models()
    interrupter.check("while asking for models")
    server.wait_disconnect()
    assert_works(session, server)


def interrupted_at(count: int, use: Callable[[], object]) -> bool:
    """Call `use` and raise KeyboardInterrupt at the given place of this thread; False if none.

    Places are those where Python looks for signals: the beginnings of functions, and the ends of
    calls of what is written in C.
    """
    left = count
    inside = True

    def look(_frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if inside and event in ("call", "c_return"):
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        use()
        inside = False  # what follows is not what is interrupted here
    except KeyboardInterrupt:
        inside = False
    finally:
        sys.setprofile(before)
    return left <= 0


# Inside a finalizer an interrupt is printed and not raised, wherever it comes from.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_at_every_place_of_the_calling_thread(session: Session, server: ScriptedServer) -> None:
    """Wherever that thread is, nothing is left running and the history stays in order."""
    server.handler = answer("Hello", tokens_per_second=1e9)
    session.ask("Hi")  # so that the comparison is not one through imports
    session.conversation.reset()
    count = 1
    while interrupted_at(count, lambda: session.ask("Hi", listen=lambda _: None)):
        wait_until(lambda: not tasks_of(session), what=f"the end of all tasks at place {count}")
        assert len(session.conversation) <= 1
        session.conversation.reset()
        count += 1
    print(f"{count} places")
    assert count > 100
    assert [message.role for message in session.conversation[-1].messages] == ["user", "assistant"]
    server.handler = None
    assert_works(session, server)
