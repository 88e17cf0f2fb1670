"""Whatever happened, the journal tells it again; with tools and continued answers too."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eighty80_jupyter.api.reply import Reply
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.side_by_side import MOST, Answer, SideBySide
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage.journal import Journal, _Progress
from eighty80_jupyter.storage.recover import read_journal
from eighty80_jupyter.storage.serialization import Record
from eighty80_jupyter.turns.feed import Feed
from eighty80_jupyter.turns.request import Place
from tests.support.replies import (
    Gate,
    chunk,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)
from tests.support.scripted import ScriptedServer
from tests.support.talks import exchanges, plain_exchange, plain_turn, replies, turns
from tests.support.waiting import wait_until

WHAT = (
    "ask", "again", "choose", "undo", "reset", "restore", "fork", "new", "use", "system", "rename",
    "delete", "load", "compare",
)  # fmt: skip


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(data=st.data(), steps=st.lists(st.sampled_from(WHAT), max_size=25))
def test_whatever_happens_is_told_again(data: st.DataObject, steps: list[str]) -> None:
    """Every conversation that has turns comes back as it is, and the current one first."""
    talks = Conversations()
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Journal(talks, Feed(), folder=Path(folder))) as journal,  # also out of an example
    ):
        for step in steps:
            if step == "compare":
                answers = data.draw(st.lists(replies, max_size=2))
                talks.current.add_comparison(compared(*answers))
            else:
                do(talks, step, data)
        journal.close()
        if journal.path is None:
            assert not any(len(talk) or talk.comparisons for talk in talks.values())
            return
        found = read_journal(journal.path)
    assert found.unread == 0
    assert {made.name: Record.of(made) for made in found.conversations} == {
        name: Record.of(talk) for name, talk in talks.items() if len(talk) or talk.comparisons
    }
    if len(talks.current) or talks.current.comparisons:
        assert found.conversations[0].name == talks.current.name


def do(talks: Conversations, step: str, data: st.DataObject) -> None:
    """Do one of the things that can happen to conversations."""
    talk = talks.current
    match step:
        case "ask":
            talk.commit(data.draw(turns()))
        case "again" if len(talk):
            talk.add_alternative(
                data.draw(st.sampled_from(talk.turns())).id, data.draw(exchanges())
            )
        case "choose" if len(talk):
            turn = data.draw(st.sampled_from(talk.turns()))
            talk.choose(turn.id, data.draw(st.integers(0, len(turn.alternatives) - 1)))
        case "undo" if len(talk):
            talk.undo(data.draw(st.integers(1, len(talk))))
        case "reset":
            talk.reset()
        case "restore":
            talk.restore(data.draw(st.lists(turns(), max_size=2)), system="restored")
        case "fork":
            talks.fork(at=data.draw(st.integers(0, len(talk))))
        case "new":
            talks.new()
        case "use":
            talks.use(data.draw(st.sampled_from(list(talks))))
        case "rename":
            talks.rename(data.draw(st.sampled_from(list(talks))), talks.free_name("renamed"))
        case "delete":
            talks.delete(data.draw(st.sampled_from(list(talks))))
        case "load":
            name = data.draw(st.sampled_from([*talks, "loaded"]))
            talks.add(Conversation(name, [data.draw(turns())]))
        case "system":
            talk.system = data.draw(st.sampled_from([None, "", "Be brief."]))


def compared(*answers: Reply, after: str = "") -> SideBySide:
    columns = tuple(Answer(heading=f"n={n}", reply=reply) for n, reply in enumerate(answers))
    return SideBySide(prompt="Which?", after=after, answers=columns)


def test_comparisons_are_told_once_and_the_oldest_are_dropped(tmp_path: Path) -> None:
    """Each has one line; those that are no more in the conversation are no more in the journal."""
    talks = Conversations()
    with closing(Journal(talks, Feed(), folder=tmp_path)) as journal:
        for number in range(MOST + 2):
            talks.current.add_comparison(compared(after=str(number)))
        talks.rename("main", "compared")
        talks.new("forgotten").add_comparison(compared())
        talks.current.reset()
        talks.new("deleted").add_comparison(compared())
        talks.delete("deleted")
        talks.new("fewer").comparisons = (compared(after="a"), compared(after="b"))
        talks.current.system = None  # tells that it has changed
        talks.current.comparisons = talks.current.comparisons[1:]
        talks.current.system = None
        journal.close()
    assert journal.path is not None
    assert journal.path.read_bytes().count(b'"after":"9"') == 1
    found = read_journal(journal.path)
    assert found.unread == 0
    assert {made.name: [one.after for one in made.comparisons] for made in found.conversations} == {
        "fewer": ["b"],
        "compared": [str(number) for number in range(2, MOST + 2)],
    }


def test_a_comparison_without_an_answer_is_not_read(tmp_path: Path) -> None:
    """It could not be shown; the line counts as one that could not be read."""
    talks = Conversations()
    with closing(Journal(talks, Feed(), folder=tmp_path)) as journal:
        talks.current.add_comparison(compared(Reply(choices=())))
        journal.close()
    assert journal.path is not None
    found = read_journal(journal.path)
    assert (found.conversations, found.unread) == ((), 1)


@pytest.fixture(name="session")
def _session(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = Session(ChatConfig(base_url=server.url, api_key="k" * 20, max_retries=0), environ={})
    made.config.autosave = True
    yield made
    made.config.autosave = False
    made.close()


def test_a_reply_that_is_under_way_follows_its_conversation(
    session: Session, server: ScriptedServer, tmp_path: Path
) -> None:
    """What comes of a turn stands under the new name; of one that is deleted nothing is left."""
    gate = threading.Event()
    for name in ("kept", "gone"):
        server.queue(sse_reply([chunk({"content": f"begun {name}"}), Gate(gate)]))
        session.conversations.new(name)
        session.start(f"to {name}")
        killed(tmp_path, f"begun {name}")
    session.conversations.rename("kept", "mended")
    session.conversations.delete("gone")
    found = read_journal(killed(tmp_path, '"deleted"'))
    gate.set()
    (conversation,) = found.conversations
    assert (conversation.name, conversation[0].reply.text) == ("mended", "begun kept")
    assert (found.prompts, found.unread) == ((), 0)


def killed(tmp_path: Path, waited_for: str) -> Path:
    """Return the journal as it is when those words have been written."""
    folder = tmp_path / "eighty80_jupyter" / "journal"

    def written() -> str:
        return "".join(file.read_text() for file in folder.glob("*.jsonl"))

    wait_until(lambda: waited_for in written())
    copy = tmp_path / "killed"
    copy.write_text(written())
    return copy


def test_rounds_with_tools_are_kept_when_the_answer_was_cut(
    session: Session, server: ScriptedServer, tmp_path: Path
) -> None:
    """The call and its result are there, and the answer as far as it had come."""
    gate = threading.Event()
    server.queue(
        sse_reply([chunk({"content": "Let me see."}), *tool_chunks(tool_call("half", {"n": 4}))]),
        sse_reply([chunk({"content": "It is "}), Gate(gate), *text_chunks("two")]),
    )
    session.tools.tool(safe=True)(half)
    session.start("What is half of 4?", tools="half")
    ((turn,),) = read_journal(killed(tmp_path, '"It is "')).conversations
    assert [message.role for message in turn.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert turn.messages[2].text == "2.0"
    assert (turn.reply.text, turn.reply.status) == ("It is ", "interrupted")
    gate.set()
    wait_until(lambda: len(session.conversation) == 1)


def half(n: int) -> float:
    """Return half of a number."""
    return n / 2


def test_an_answer_that_was_going_on_is_joined_to_its_beginning(
    session: Session, server: ScriptedServer, tmp_path: Path
) -> None:
    """`--continue`, cut by the end: what had come stands behind what was there."""
    gate = threading.Event()
    server.queue(
        stream_reply("The beginning"),
        sse_reply([chunk({"content": " and the m"}), Gate(gate), *text_chunks("iddle")]),
    )
    session.ask("Tell me.")
    turn_id = session.conversation[0].id
    session.start("Go on.", place=Place(again=turn_id, join=True))
    ((turn,),) = read_journal(killed(tmp_path, '" and the m"')).conversations
    assert turn.reply.text == "The beginning and the m"
    assert [message.text for message in turn.messages] == ["Tell me.", "The beginning and the m"]
    gate.set()
    wait_until(lambda: len(session.conversation[0].alternatives) == 2)


def test_no_text_stands_before_the_line_that_it_belongs_to(tmp_path: Path) -> None:
    """The writer may look for texts when the line of their turn has not reached it yet."""
    journal = Journal(Conversations(), Feed(), folder=tmp_path)
    progress = journal._progress["1"] = _Progress()
    progress.pieces.append((0, "text", "a"))
    assert journal._pieces() == []
    journal._waiting.append(progress)
    journal._write()
    (text,) = journal._pieces()
    assert isinstance(text, dict)
    assert text["text"] == "a"
    journal.close()


def test_text_that_was_reasoning_is_not_told_twice(tmp_path: Path) -> None:
    """A model may end its thoughts without having begun them; what comes after that follows on."""
    journal = Journal(Conversations(), Feed(), folder=tmp_path)
    progress = journal._progress["1"] = _Progress(open=True)
    told = []
    for pieces in (
        [(0, "text", "Let me see. "), (1, "text", "Other")],
        [(0, "thought", ""), (0, "reasoning", "Yes."), (0, "text", "It is 4.")],
        [(0, "text", " Sure."), (0, "reasoning", " Or no.")],
    ):
        progress.pieces.extend(pieces)
        found = [item for item in journal._pieces() if isinstance(item, dict)]
        told.append([(item["choice"], item.get("kind"), item.get("text")) for item in found])
    journal.close()
    assert told == [
        [(0, "text", "Let me see. "), (1, "text", "Other")],
        [(0, None, None), (0, "reasoning", "Yes."), (0, "text", "It is 4.")],
        [(0, "reasoning", " Or no."), (0, "text", " Sure.")],
    ]


def test_changes_of_several_threads_are_all_told(tmp_path: Path) -> None:
    """Whichever thread is told first, the journal ends with what the conversation holds."""
    talks = Conversations()
    journal = Journal(talks, Feed(), folder=tmp_path)
    talk = talks.current

    def work(number: int) -> None:
        for step in range(100):
            turn = plain_turn(f"{number} {step}", "a")
            talk.commit(turn)
            talk.add_alternative(turn.id, plain_exchange("x", "b"))
            if step % 7 == 0:
                talk.undo()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert journal.path is not None
    (found,) = read_journal(journal.path).conversations
    assert Record.of(found) == Record.of(talk)
