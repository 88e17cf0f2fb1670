"""The key shows nowhere: not in an error, its chain, its frames, a log, a repr or a pickle."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.events import TurnEvent
from eighty80_jupyter.errors import ChatError, ChatInterrupted
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.endpoint import ENV_KEY, ENV_TOKEN_FILE
from eighty80_jupyter.wire.secret import Secret
from tests.support.scripted import (
    Close,
    Hang,
    Reply,
    Reset,
    ScriptedServer,
    Wait,
    chat_reply,
    chunk,
    head,
    http_reply,
    sse_reply,
    text_chunks,
)
from tests.wire.asking import KEY, session_for

# A part of the key is a leak as well; the whole of it must stand in no local name of a test here.
PART = KEY[3:]
ESCAPED = KEY.replace("-", "\\u002d")
ECHO: dict[str, str | None] = {"x-request-id": KEY, "x-other": f"Bearer {KEY}", "set-cookie": KEY}
WORDS = {"message": f"bad key {KEY} ESCAPED", "code": KEY, "param": KEY, KEY: [KEY]}
BODY = json.dumps({"error": WORDS}).replace("ESCAPED", ESCAPED)
CODES = (400, 401, 403, 404, 413, 418, 422, 429, 500, 503)
STREAM = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **ECHO})


def status(code: int, body: str = BODY, **headers: str) -> Reply:
    """Answer with an error that echoes the key everywhere."""
    return http_reply(body.encode(), status=code, headers={**ECHO, **headers})


def stream(event: str) -> Reply:
    """Answer with a stream that echoes the key in one event, behind a text."""
    return sse_reply([chunk({"content": "Hel"}), event.encode(), Hang()], headers=ECHO)


FAILURES: dict[str, Reply] = {
    **{
        f"status {code}": status(code)
        for code in (400, 401, 403, 404, 413, 418, 422, 429, 500, 503)
    },
    "detail": status(401, f'{{"detail": "bad key {KEY}"}}'),
    "details": status(422, f'{{"detail": [{{"loc": ["body", "{KEY}"], "msg": "{KEY}"}}]}}'),
    "error text": status(400, f'{{"error": "{KEY}"}}'),
    "odd error": status(400, f'["{KEY}", {{"{KEY}": "{ESCAPED}"}}]'),
    "plain error": status(502, f"bad key {KEY}"),
    "web page error": status(502, f"<html>{KEY}</html>"),
    "context": status(400, f'{{"error": {{"message": "context length is 10 tokens {KEY}"}}}}'),
    "redirect": status(307, "", location=f"http://{KEY}@127.0.0.2/{KEY}?k={KEY}"),
    "redirect to a host": status(307, "", location=f"http://{KEY}.example/"),
    "redirect to nowhere": status(307, "", location=f"http://[{KEY}/"),
    "error in a stream": stream(f"data: {BODY}\n\n"),
    "error event": stream(f"event: error\ndata: bad key {KEY}\n\n"),
    "no JSON": stream(f"data: {{{KEY}\n\n"),
    "no completion": stream(f'data: {{"{KEY}": "{KEY}"}}\n\n'),
    "no reply": http_reply(f"bad key {KEY}".encode(), headers=ECHO),
    "no JSON at all": http_reply(f"{{{KEY}".encode(), headers=ECHO),
    "web page": http_reply(f"<html>{KEY}</html>".encode(), headers=ECHO),
    "damaged gzip": http_reply(KEY.encode(), headers={**ECHO, "content-encoding": "gzip"}),
    "no HTTP": Reply((f"{KEY} {KEY}\r\n\r\n".encode(), Close())),
    "no status": Reply((f"HTTP/1.1 {KEY}\r\n\r\n".encode(), Close())),
    "no header": Reply((f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode(), Close())),
    "no chunk": Reply((STREAM, Wait(0.05), f"{KEY}\r\n".encode(), Close())),
    "no chunk at once": Reply((STREAM + f"{KEY}\r\n".encode(), Close())),
    "reset": Reply((Reset(),)),
    "closed": Reply((Close(),)),
    "closed inside the headers": Reply((f"HTTP/1.1 200 OK\r\nx: {KEY}".encode(), Close())),
    "reset inside the body": Reply((STREAM, f"40\r\ndata: {KEY}".encode(), Reset())),
    "closed inside the body": Reply((STREAM, f"40\r\ndata: {KEY}".encode(), Close())),
    "silence": Reply((Hang(),)),
    "silence inside the body": Reply((STREAM, f"40\r\ndata: {KEY}".encode(), Hang())),
    "false length": http_reply(KEY.encode(), headers={**ECHO, "content-length": "999"}).then(
        Close()
    ),
    "short length": http_reply(KEY.encode() * 2, headers={**ECHO, "content-length": "9"}),
}


def shown(error: BaseException) -> Iterator[str]:
    """Yield all that an error and its chain could show to anybody."""
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None:
            continue
        todo += [one.__cause__, one.__context__]
        yield f"{one} {one!r} {one.args!r} {vars(one)!r}"
        yield "".join(
            traceback.TracebackException.from_exception(one, capture_locals=True).format()
        )
        with contextlib.suppress(TypeError, AttributeError):
            yield pickle.dumps(one).decode("latin-1")
    for name in ("body", "message", "request_id", "code", "param", "reply"):
        yield json.dumps(getattr(error, name, None), default=repr)


def things(session: Session) -> Iterator[str]:
    """Yield what a session and its parts show of themselves."""
    parts = [session, session.config, session.conversation, session.last, session._turns]
    for part in [
        *parts,
        *session.conversation,
        session.requests.server.endpoint(),
        session._turns.background,
    ]:
        yield f"{part!r} {part} {part!s:>5}"
    yield pickle.dumps([session.last, list(session.conversation)]).decode("latin-1")
    yield repr(session.config.traits()) + repr(session.config.trait_values())


def assert_hidden(texts: Iterator[str]) -> None:
    """Check that no text has the key, nor its better part."""
    for text in texts:
        if PART in text:
            place = text.index(PART)
            pytest.fail("the key shows: " + text[max(0, place - 200) : place].replace(PART, "***"))


@pytest.fixture(name="log")
def _log() -> Iterator[io.StringIO]:
    """Collect everything that anybody logs, at the lowest level, with the arguments."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)r %(exc_text)s"))
    loggers = [logging.getLogger(name) for name in ("", "httpx", "httpcore", "aiohttp", "asyncio")]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    yield stream
    loggers[0].removeHandler(handler)
    for logger, level in before:
        logger.setLevel(level)


def raised_by(use: Callable[[], object]) -> BaseException:
    """Call `use` and return what it raises."""
    try:
        use()
    except (ChatError, ChatInterrupted, ValueError) as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize(
    "source",
    [
        "key",
        pytest.param("token file", marks=pytest.mark.slow),
        pytest.param("environment", marks=pytest.mark.slow),
    ],
)
def test_no_failure_shows_the_key(
    server: ScriptedServer, log: io.StringIO, tmp_path: Path, name: str, source: str
) -> None:
    """Whatever fails, and wherever the key is from, it is in nothing that can be printed."""
    # Silence ends by it, and so does a stream that brings no word of a reply.
    patience = 0.2 if name.startswith("silence") else 1.0 if name == "no completion" else 20.0
    config = ChatConfig(base_url=server.url, max_retries=0, read_timeout=patience)
    environ: dict[str, str] = {}
    if source == "key":
        config.api_key = Secret(KEY)
    elif source == "environment":
        environ[ENV_KEY] = KEY
    else:
        (tmp_path / "token").write_text(KEY)
        environ[ENV_TOKEN_FILE] = str(tmp_path / "token")
    session = Session(config, environ=environ)
    session._turns.background.loop().set_debug(True)
    server.queue(FAILURES[name])
    error = raised_by(lambda: session.ask("Hi"))
    del environ  # it is this test's own
    assert isinstance(error, ChatError)
    assert server.wait_request().headers["authorization"].endswith(PART)
    assert_hidden(shown(error))
    assert_hidden(things(session))
    session.close()
    assert_hidden(iter([log.getvalue()]))
    assert "127.0.0.1" in log.getvalue() + str(error)


def test_a_reply_shows_no_key(session: Session, server: ScriptedServer, log: io.StringIO) -> None:
    """When all goes well nothing shows either, headers that echo the key included."""
    session._turns.background.loop().set_debug(True)
    server.queue(sse_reply(text_chunks("Hello"), headers=ECHO), chat_reply("Hello", headers=ECHO))
    session.ask("Hi")
    session.ask("Hi", stream=False)
    session.models()
    assert_hidden(things(session))
    session.close()
    assert_hidden(iter([log.getvalue()]))
    assert "HTTP Request" in log.getvalue()


@pytest.mark.skipif(os.name != "posix", reason="signals to oneself are POSIX")
def test_an_interrupt_shows_no_key(session: Session, server: ScriptedServer) -> None:
    """The exception of an interrupt, and its chain, show nothing."""
    server.queue(sse_reply([chunk({"content": "Hel"}), Hang()], headers=ECHO))

    def listen(events: list[TurnEvent]) -> None:
        if events:
            signal.raise_signal(signal.SIGINT)

    error = raised_by(lambda: session.ask("Hi", listen=listen))
    assert isinstance(error, ChatInterrupted)
    assert_hidden(shown(error))


def test_nobody_there_shows_no_key() -> None:
    """Errors without any server show nothing."""
    for url in ("http://127.0.0.1:1", "https://127.0.0.1:1", "http://no-such-host.localhost"):
        session = session_for(url)
        assert_hidden(shown(raised_by(lambda: session.ask("Hi"))))  # noqa: B023  # called at once
        session.close()


def test_refusals_show_no_key(tmp_path: Path) -> None:
    """What is refused before anything is sent shows neither a good key nor a bad one."""
    environ = {ENV_KEY: KEY}
    session = Session(ChatConfig(base_url="http://example.invalid"), environ=environ)
    del environ
    assert_hidden(shown(raised_by(lambda: session.ask("Hi"))))
    assert "Secret" not in str(raised_by(lambda: session.ask("Hi")))
    (tmp_path / "token").write_text(f"two {KEY}")
    environ = {ENV_TOKEN_FILE: str(tmp_path / "token")}
    session = Session(ChatConfig(base_url="http://127.0.0.1:1"), environ=environ)
    assert_hidden(shown(raised_by(lambda: session.ask("Hi"))))
    session.close()


def test_a_secret_keeps_to_itself() -> None:
    """A key shows in no format, copy or pickle, and is compared by what it is."""
    secret = Secret(KEY)
    for text in (repr(secret), str(secret), f"{secret:>40}", repr([secret]), f"{vars(ChatConfig)}"):
        assert PART not in text
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    assert PART.encode() not in pickle.dumps(secret)
    assert pickle.loads(pickle.dumps(secret)) == Secret("")  # noqa: S301  # our own
    assert secret == Secret(KEY)
    assert secret != Secret("other")
    assert secret != KEY
    assert secret.reveal() == KEY
