"""A record of all requests, and a kernel that is answered from it."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import (
    APIStreamError,
    BadRequestError,
    ContextLengthError,
    MissingKeyError,
    UsageError,
)
from eighty80_jupyter.session.session import Session
from tests.support.replies import (
    chat_reply,
    chunk,
    error_reply,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from eighty80_jupyter.api.reply import Reply
    from tests.support.scripted import ScriptedServer

KEY = "sk-record-test-8f3a91c7d2"
OTHER = "ghp_" + "a1B2c3D4" * 4 + "e5F6"  # looks like a token of a forge


@pytest.fixture(name="new_session")
def _new_session(server: ScriptedServer) -> Iterator[Callable[..., Session]]:
    """Give a function that makes a session with these settings; without a key if so told."""
    made: list[Session] = []

    def make(*, key: bool = True, url: str = server.url, **settings: Any) -> Session:
        environ = {"_8080_API_URL": url, **({"_8080_API_KEY": KEY} if key else {})}
        session = Session(ChatConfig(max_retries=0, **settings), environ=environ)
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "study.jsonl"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _same(replies: list[Reply], again: list[Reply]) -> bool:
    """Tell whether replies are equal in all that a person sees of them, the seconds among it."""
    return replies == again and [r.usage for r in replies] == [r.usage for r in again]


def test_a_line_tells_all_of_a_request(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """Time, address, model asked and served, parameters, messages, answer and usage; no key."""
    server.queue(stream_reply("Hello."))
    new_session(record=str(path)).ask(f"Say it with {KEY} and {OTHER}", temperature=0.5, seed=2**70)
    (line,) = _lines(path)
    assert line["record"] == 1
    assert line["at"].startswith("20")
    assert line["address"] == server.url
    assert line["request"]["temperature"] == 0.5
    assert line["request"]["seed"] == 2**70
    assert line["request"]["messages"][0]["content"].startswith("Say it with ")
    assert line["model"]
    assert line["request"]["model"]
    assert line["choices"][0]["text"] == "Hello."
    assert line["usage"]["completion_tokens"] > 0
    assert line["seconds"] > 0
    raw = path.read_text()
    assert KEY not in raw
    assert OTHER not in raw
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_conversation_is_answered_again_without_server_or_key(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """The same prompts give the same replies, to the last figure, and nothing is sent."""
    server.queue(
        stream_reply("One."),
        sse_reply([chunk({"reasoning_content": "Hm."}), *text_chunks("Two.")]),
        chat_reply("Three."),
    )

    def work(session: Session) -> list[Reply]:
        return [
            session.ask("a", system="Be brief."),
            session.ask("b"),
            session.ask("c", stream=False, once=True, n=1),
        ]

    replies = work(new_session(record=str(path)))
    sent = len(server.requests)
    again = work(
        new_session(replay=str(path), replay_only=True, key=False, url="https://api.example.org")
    )
    assert _same(replies, again)
    assert len(server.requests) == sent


def test_tools_are_called_again(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """Calls come from the record with their ids, the functions run here."""
    server.queue(
        sse_reply(tool_chunks(tool_call("add", {"a": 1, "b": 2}))),
        stream_reply("It is 3."),
    )

    def work(session: Session) -> tuple[Reply, list[int]]:
        called: list[int] = []

        def add(a: int, b: int) -> int:
            """Add."""
            called.append(a + b)
            return a + b

        session.tool(add, safe=True)
        return session.ask("add", tools="all"), called

    reply, called = work(new_session(record=str(path)))
    sent = len(server.requests)
    again, called_again = work(new_session(replay=str(path), replay_only=True, key=False))
    assert called == called_again == [3]
    assert again.text == reply.text
    assert again.usage == reply.usage
    assert len(server.requests) == sent


def test_repeated_requests_come_in_their_order(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """Three samples of one prompt are three answers again, and a fourth is not made up."""
    server.queue(*(stream_reply(text) for text in ("red", "blue", "red")))
    session = new_session(record=str(path))
    told = [session.ask("A colour?", once=True).text for _ in range(3)]
    session = new_session(replay=str(path), replay_only=True)
    assert [session.ask("A colour?", once=True).text for _ in range(3)] == told
    with pytest.raises(UsageError, match=r"not in study\.jsonl \(3 of 4 from the record\)"):
        session.ask("A colour?", once=True)


def test_what_is_not_there_is_asked_anew_and_said(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """Another prompt goes to the server, with a note that counts; without a key it cannot."""
    server.queue(stream_reply("old"), stream_reply("new"))
    new_session(record=str(path)).ask("a", once=True)
    session = new_session(replay=str(path))
    assert session.ask("a", once=True).notes == ()
    reply = session.ask("another", once=True)
    assert reply.text == "new"
    assert reply.notes == ("not in study.jsonl, asked anew; 1 of 2 from the record",)
    keyless = new_session(replay=str(path), key=False, url="https://api.example.org")
    assert keyless.ask("a", once=True).text == "old"
    with pytest.raises(MissingKeyError, match="no API key"):
        keyless.ask("another", once=True)


def test_blocks_of_data_are_the_same_for_another_user(
    server: ScriptedServer,
    new_session: Callable[..., Session],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ids of blocks differ from user to user, and do not keep a colleague from replaying."""
    table = {"rows": [{"name": "x" * 50, "n": n} for n in range(50)]}
    server.queue(stream_reply("Fine."))
    monkeypatch.setattr("eighty80_jupyter.session.request_builder.user_secret", lambda: b"a" * 32)
    new_session(record=str(path)).ask(["Look at", table, "and", [*range(500)]])
    monkeypatch.setattr("eighty80_jupyter.session.request_builder.user_secret", lambda: b"b" * 32)
    session = new_session(replay=str(path), replay_only=True, key=False)
    assert session.ask(["Look at", table, "and", [*range(500)]]).text == "Fine."
    with pytest.raises(UsageError, match="not in"):
        session.ask(["Look at", table, "and", [*range(501)]])


def test_failures_come_again(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """A refusal, a limit and a reply that breaks off end as they ended, the partial reply too."""
    server.queue(
        error_reply(400, "temperature is too high"),
        error_reply(400, "This model's maximum context length is 10 tokens"),
        sse_reply([chunk({"content": "Half"}), {"error": {"message": "overloaded"}}]),
    )

    def work(session: Session) -> list[tuple[type[Exception], str, str]]:
        found = []
        for prompt in "abc":
            with pytest.raises(Exception) as caught:  # noqa: PT011  # compared below
                session.ask(prompt, once=True)
            partial = getattr(caught.value, "reply", None)
            found.append(
                (type(caught.value), str(caught.value), "" if partial is None else partial.text)
            )
        return found

    first = work(new_session(record=str(path)))
    assert [kind for kind, _, _ in first] == [
        BadRequestError,
        ContextLengthError,
        APIStreamError,
    ]
    assert first[2][2] == "Half"
    assert work(new_session(replay=str(path), replay_only=True, key=False)) == first


def test_what_is_written_is_added_to_a_record_only(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """Two kernels share a record; a file of another kind is left alone."""
    server.queue(stream_reply("a"), stream_reply("b"))
    new_session(record=str(path)).ask("a")
    new_session(record=str(path)).ask("b")
    assert [line["choices"][0]["text"] for line in _lines(path)] == ["a", "b"]
    other = path.with_name("data.csv")
    other.write_text("a,b\n")
    with pytest.raises(UsageError, match="is no record; name another file"):
        new_session(record=str(other)).ask("c")
    assert other.read_text() == "a,b\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "line 1: it is no JSON"),
        ('{"a": 1}\n{"b": 2}\n', "line 1: it has no entry"),
        ('{"record": 99, "request": {}}\n\n{"record": 1}\n', "a later version"),
        ('{"record": 1, "request": {}, "choices": "x"}\n{"record": 1}\n', "choices"),
        ('{"record": 1, "seconds": "long"}\n{"record": 1}\n', "seconds"),
    ],
)
def test_other_files_are_no_record(
    new_session: Callable[..., Session], path: Path, content: str, said: str
) -> None:
    """What is no record is refused in one line that names the place, and nothing is sent."""
    path.write_text(content)
    with pytest.raises(UsageError, match=said):
        new_session(replay=str(path)).ask("a")


def test_a_line_that_was_cut_off_does_not_matter(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """A kernel that was killed while it wrote leaves the lines before."""
    server.queue(stream_reply("a"), stream_reply("b"))
    session = new_session(record=str(path))
    session.ask("a", once=True)
    session.ask("b", once=True)
    path.write_bytes(path.read_bytes()[:-20])
    session = new_session(replay=str(path), replay_only=True)
    assert session.ask("a", once=True).text == "a"
    with pytest.raises(UsageError, match="not in"):
        session.ask("b", once=True)


def test_logprobs_and_several_answers(
    server: ScriptedServer, new_session: Callable[..., Session], path: Path
) -> None:
    """Probabilities and all answers are in the record."""
    content = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]
    first_token = chunk({"content": "Hi"})
    first_token["choices"][0]["logprobs"] = {"content": content}
    server.queue(sse_reply([first_token, chunk({"content": "Ho"}, index=1)]))
    first = new_session(record=str(path)).ask("a", n=2, logprobs=True)
    again = new_session(replay=str(path), replay_only=True).ask("a", n=2, logprobs=True)
    assert [c.text for c in again.choices] == ["Hi", "Ho"]
    assert again.choices[0].logprobs == first.choices[0].logprobs == tuple(content)
