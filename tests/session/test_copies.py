"""Pickled and copied: a session is that of the kernel it comes to, all else is a value."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cloudpickle
import dill
import pytest
from hypothesis import given, settings

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import BadRequestError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage.serialization import Record
from tests.support.replies import error_reply, stream_reply
from tests.support.talks import conversations, talk
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kernel import KernelSession
    from tests.support.scripted import ScriptedServer

COPIES: tuple[Callable[[Any], Any], ...] = (
    copy.copy,
    copy.deepcopy,
    lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301  # our own
    lambda value: cloudpickle.loads(cloudpickle.dumps(value)),
    lambda value: dill.loads(dill.dumps(value)),  # noqa: S301  # the same
)
each_copy = pytest.mark.parametrize("make", COPIES, ids=["copy", "deep", "pickle", "cloud", "dill"])


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    environ = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-copies-0123456789"}
    session = Session(ChatConfig(max_retries=0), environ=environ)
    yield session
    session.close()


@each_copy
def test_a_conversation_is_copied_as_a_value(make: Callable[[Any], Any]) -> None:
    """The copy holds the same; a change of either is none of the other, and nobody is told."""
    made = talk(("a", "1"), ("b", "2"), system="Be brief.")
    heard: list[Conversation] = []
    made.watch(heard.append)
    other = make(made)
    assert type(other) is Conversation
    assert Record.of(other) == Record.of(made)
    other.undo()
    made.system = None
    assert (len(made), len(other), other.system) == (2, 1, "Be brief.")
    assert heard == [made]


@settings(max_examples=30)
@given(made=conversations())
def test_every_conversation_can_be_copied(made: Conversation) -> None:
    """Whatever is in it: data, pictures, rounds, alternatives, a summary."""
    for make in COPIES[:3]:
        assert Record.of(make(made)) == Record.of(made)
    for turn in made:
        assert hash(turn) == hash(copy.deepcopy(turn))


@each_copy
def test_all_conversations_are_copied_with_the_current_one(make: Callable[[Any], Any]) -> None:
    """The names, their order and which is the current one come along."""
    made = Conversations()
    made.add(talk(("a", "1"), name="one"))
    made.add(talk(("b", "2"), name="two"))
    made.use("one")
    other = make(made)
    assert list(other) == ["main", "one", "two"]
    assert other.current is other["one"]
    assert [Record.of(c) for c in other.values()] == [Record.of(c) for c in made.values()]
    other["two"].undo()
    assert len(made["two"]) == 1


@each_copy
def test_replies_and_turns_are_values(
    server: ScriptedServer, session: Session, make: Callable[[Any], Any]
) -> None:
    """A reply and a turn are equal to their copies, and have the same hash."""
    server.queue(stream_reply("Hello."))
    reply = session.ask("Hi", temperature=0.5)
    turn = session.conversation[0]
    for value in (reply, turn):
        other = make(value)
        assert other == value
        assert hash(other) == hash(value)
    assert {reply: 1}[make(reply)] == 1


def test_a_session_is_pickled_without_its_key(session: Session) -> None:
    """Nothing of a session is in the pickle, and a copy of it in this kernel is itself."""
    session.set_key("sk-copies-typed-0123456789")
    session.conversation.commit(talk(("a private prompt", "1"))[0])
    for dumps in (pickle.dumps, cloudpickle.dumps, dill.dumps):
        data = dumps(session)
        assert len(data) < 200
        assert b"sk-copies" not in data
        assert b"private" not in data
    assert copy.copy(session) is session
    assert copy.deepcopy({"chat": session})["chat"] is session


def test_what_a_notebook_may_hold_besides_is_dumped_without_the_key(
    server: ScriptedServer, session: Session
) -> None:
    """Settings, tools, errors and a turn that was begun are pickled, and no key with them."""
    session.set_key("sk-copies-typed-0123456789")
    server.queue(stream_reply("Hello."), error_reply(400, "no"))
    running = session.start("Hi")
    wait_until(lambda: running.done)
    with pytest.raises(BadRequestError) as caught:
        session.ask("x")
    session.tool(print_it, safe=True)
    for value in (session.config, session.tools, running, caught.value, session.ask):
        for room in (dill, cloudpickle):
            data = room.dumps(value)
            assert b"sk-copies" not in data
            room.loads(data)
    again = dill.loads(dill.dumps(running))  # noqa: S301  # our own
    assert (again.reply, again.done, again.messages) == (running.reply, True, running.messages)
    again.cancel()


def print_it(text: str) -> None:
    """Print a text."""
    print(text)


@pytest.mark.slow
def test_a_notebook_can_be_dumped_and_loaded(
    kernel: Callable[..., KernelSession], server: ScriptedServer, tmp_path: Path
) -> None:
    """Dill dumps a notebook that uses `chat`, and another kernel goes on with its own session."""
    environment = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-dumped-0123456789"}
    first = kernel(env=environment)
    file = tmp_path / "notebook.pkl"
    server.queue(stream_reply("Hello."))
    for code in (
        "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat\nimport cloudpickle, dill",
        "reply = chat.ask('Hi')\ntalk = chat.conversation\nall_of_them = chat.conversations",
        "def ask(text):\n    return chat.ask(text).text",
        f"dill.dump_session({str(file)!r})",
        f"open({str(file) + '.f'!r}, 'wb').write(cloudpickle.dumps(ask)) and None",
    ):
        result = first.run(code)
        assert result.ok, result.error
    assert b"sk-dumped" not in file.read_bytes()
    second = kernel(env={**environment, "_8080_API_KEY": "sk-second-0123456789"})
    server.queue(stream_reply("Again."), stream_reply("And again."))
    for code in (
        f"import dill\ndill.load_session({str(file)!r})",
        "assert (reply.text, len(talk)) == ('Hello.', 1)",
        "import eighty80_jupyter\nassert chat is eighty80_jupyter.chat",
        "assert ask('x') == 'Again.'",
        f"import cloudpickle\nf = cloudpickle.load(open({str(file) + '.f'!r}, 'rb'))",
        "assert f('y') == 'And again.' and len(chat.conversation) == 2",
    ):
        result = second.run(code)
        assert result.ok, result.error
    assert server.chats[-1].headers["authorization"] == "Bearer sk-second-0123456789"
