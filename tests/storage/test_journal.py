"""The journal: what it writes, and what is read back from it."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.turn import Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage import files, journal, journal_files
from eighty80_jupyter.storage.journal import Journal
from eighty80_jupyter.storage.recover import read_journal, recover
from eighty80_jupyter.storage.serialization import Record
from eighty80_jupyter.turns.feed import Feed
from eighty80_jupyter.turns.request import Place
from tests.support.replies import Gate, chunk, sse_reply, stream_reply, text_chunks
from tests.support.scripted import ScriptedServer
from tests.support.talks import plain_exchange, plain_turn
from tests.support.waiting import wait_until

KEY = "sk-of-the-journal-0123456789"


@pytest.fixture(name="state", autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the user's state directory into the test's folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "eighty80_jupyter" / "journal"


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    made = Session(ChatConfig(base_url=server.url, api_key=KEY, max_retries=0), environ={})
    yield made
    made.config.autosave = False
    made.close()


def written(state: Path) -> Path:
    (file,) = state.iterdir()
    return file


def lines(state: Path) -> list[str]:
    """Return the lines so far, none where there is no journal yet."""
    files = list(state.iterdir()) if state.exists() else []
    return files[0].read_text(encoding="utf-8").splitlines() if files else []


def last(state: Path) -> str:
    return lines(state)[-1] if lines(state) else ""


def test_nothing_is_written_unless_it_is_wanted(
    session: Session, server: ScriptedServer, state: Path
) -> None:
    """With `autosave` off there is no folder; with it on there is none before something happens."""
    server.queue(stream_reply("one"), stream_reply("two"))
    session.ask("first")
    assert not state.exists()
    session.config.autosave = True
    session.config.autosave = False
    assert [path.suffix for path in state.iterdir()] == [".jsonl"]  # what was there by then
    session.ask("second")
    assert [turn.prompt for turn in recover().conversations[0]] == ["first"]


def test_an_empty_session_leaves_no_file(session: Session, state: Path) -> None:
    """Who switches it on and says nothing has nothing to recover."""
    session.config.autosave = True
    session.config.autosave = False
    assert not state.exists()
    with pytest.raises(UsageError, match="no journal of an earlier kernel"):
        recover()


def test_whatever_happens_is_read_back(session: Session, state: Path) -> None:
    """Turns, alternatives, choices, undo, forks, resets, instructions, the current one."""
    session.config.autosave = True
    talks = session.conversations
    main = session.conversation
    for number in range(4):
        main.commit(plain_turn(f"q{number}", "a"))
    main.add_alternative(main[1].id, plain_exchange("q1", "another"))
    main.add_alternative(main[2].id, plain_exchange("q2", "another"))
    main.choose(main[2].id, 0)
    main.undo()
    main.system = "Be brief."
    fork = talks.fork("side", at=2)
    fork.commit(plain_turn("elsewhere", "b"))
    talks.new("gone").commit(plain_turn("x", "y"))
    session["gone"].reset()
    talks.new("filled").restore([plain_turn("r", "s"), plain_turn("t", "u")], system="S")
    session["filled"].undo(2)
    session["filled"].commit(plain_turn("v", "w"))
    talks.use("side")
    expected = {name: Record.of(talks[name]) for name in ("side", "main", "filled")}
    session.config.autosave = False
    found = recover()
    assert {c.name: Record.of(c) for c in found.conversations} == expected
    assert found.conversations[0].name == "side"
    assert (found.unread, found.prompts) == (0, ())
    assert time.time() - found.at < 60
    assert stat.S_IMODE(written(state).stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def under_way(session: Session, server: ScriptedServer, *texts: str) -> threading.Event:
    """Begin a turn whose reply stops in the middle."""
    gate = threading.Event()
    chunks = [chunk({"content": text}) for text in texts]
    server.queue(sse_reply([*chunks, Gate(gate), *text_chunks(" and the rest")]))
    session.start("the second")
    return gate


def copied(state: Path, to: Path) -> Path:
    """Return the journal as a kernel would have left it that was killed now."""
    to.write_bytes(written(state).read_bytes())
    return to


def test_a_reply_that_is_under_way_is_there_as_far_as_it_had_come(
    session: Session, server: ScriptedServer, state: Path, tmp_path: Path
) -> None:
    """What had come is an interrupted turn; a last line that was cut does not matter."""
    session.config.autosave = True
    server.queue(stream_reply("one"))
    session.ask("the first")
    gate = under_way(session, server, "half ", "of it")
    wait_until(lambda: "of it" in last(state))
    file = copied(state, tmp_path / "killed.jsonl")
    with file.open("ab") as cut:
        cut.write(b'{"event":"text","turn":"')
    found = read_journal(file)
    (talk,) = found.conversations
    assert [(turn.prompt, turn.reply.text, turn.reply.status) for turn in talk] == [
        ("the first", "one", "complete"),
        ("the second", "half of it", "interrupted"),
    ]
    assert talk.to_messages()[-1]["content"] == "half of it"
    assert found.unread == 1
    gate.set()
    wait_until(lambda: any("half of it and the rest" in line for line in lines(state)))
    session.config.autosave = False
    assert recover().conversations[0][1].reply.text == "half of it and the rest"


def test_all_of_a_turn_under_way_is_there(
    session: Session, server: ScriptedServer, state: Path, tmp_path: Path
) -> None:
    """Its data, its server and what was typed are those that the whole turn will have."""
    session.config.autosave = True
    gate = threading.Event()
    server.queue(sse_reply([chunk({"content": "half"}), Gate(gate), *text_chunks(" and half")]))
    session.namespace = {"df": [{"a": n} for n in range(50)]}
    session.start("Look at {{df}}.", fields=True)
    wait_until(lambda: '"half"' in last(state))
    ((begun,),) = read_journal(copied(state, tmp_path / "killed.jsonl")).conversations
    gate.set()
    wait_until(lambda: len(session.conversation) == 1)
    whole = session.conversation[0]
    assert (begun.id, begun.cell, begun.prompt) == (whole.id, whole.cell, whole.prompt)
    for name in ("source", "has_data", "server"):
        assert getattr(begun.exchange, name) == getattr(whole.exchange, name), name
    assert begun.reply.parameters == whole.reply.parameters
    assert whole.has_data


def test_what_is_asked_aside_is_not_in_it(
    session: Session, server: ScriptedServer, state: Path
) -> None:
    """A prompt that is to leave no turn leaves no line either."""
    session.config.autosave = True
    server.queue(stream_reply("one"))
    assert session.ask("aside", place=Place(keep=False)).text == "one"
    session.config.autosave = False
    assert not state.exists()


def test_an_answer_asked_again_is_an_alternative(
    session: Session, server: ScriptedServer, state: Path, tmp_path: Path
) -> None:
    """Interrupted by the end, it joins the turn that it belongs to."""
    session.config.autosave = True
    server.queue(stream_reply("one"))
    session.ask("the first")
    gate = threading.Event()
    server.queue(sse_reply([chunk({"content": "new"}), Gate(gate)]))
    session.start("the first", place=Place(again=session.conversation[0].id))
    wait_until(lambda: '"text":"new"' in last(state))
    ((turn,),) = read_journal(copied(state, tmp_path / "killed.jsonl")).conversations
    assert [a.reply.text for a in turn.alternatives] == ["one", "new"]
    assert (turn.chosen, turn.reply.status) == (1, "interrupted")
    gate.set()


def test_a_prompt_without_an_answer_is_told(
    session: Session, server: ScriptedServer, state: Path, tmp_path: Path
) -> None:
    """Nothing had come: it is no turn, but what the user wrote is not lost."""
    session.config.autosave = True
    gate = under_way(session, server)
    wait_until(lambda: any('"began"' in line for line in lines(state)))
    found = read_journal(copied(state, tmp_path / "killed.jsonl"))
    assert (found.conversations, found.prompts) == ((), ("the second",))
    gate.set()


def test_no_key_is_written_not_even_in_pieces(
    session: Session, server: ScriptedServer, state: Path
) -> None:
    """A key in a prompt, in an instruction, in a reply, cut anywhere: it is in no line."""
    session.config.autosave = True
    session.conversation.system = f"Use {KEY}"
    gate = under_way(session, server, "the key is sk-of-", "the-journal-012", "3456789, or sk-of")
    wait_until(lambda: "redacted" in last(state) and ", or" in last(state))
    gate.set()
    wait_until(lambda: len(session.conversation) == 1)
    server.queue(stream_reply(f"again {KEY}"))
    session.ask(f"is {KEY} the key?", allow_secrets=True)
    session.config.autosave = False
    content = written(state).read_text()
    assert KEY not in content
    joined = "".join(
        event["text"] for event in map(json.loads, lines(state)) if event.get("event") == "text"
    )
    assert KEY not in joined
    assert "[redacted: API key]" in joined


def test_a_broken_line_costs_no_more_than_itself(session: Session, state: Path) -> None:
    """Lines that cannot be read are counted; the others count."""
    session.config.autosave = True
    for number in range(3):
        session.conversation.commit(plain_turn(f"q{number}", "a"))
    session.config.autosave = False
    file = written(state)
    all_lines = file.read_bytes().splitlines(keepends=True)
    broken = [
        b'{"event":"turns","turns":[{"alternatives":5}]}\n',
        b"\xff\xfe\n",
        b'{"event":"x"}\n',
    ]
    file.write_bytes(b"".join([*all_lines[:2], *broken, *all_lines[2:]]))
    found = recover()
    assert [turn.prompt for turn in found.conversations[0]] == ["q0", "q1", "q2"]
    assert found.unread == 3


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("{}", "is no journal"),
        ("x", "is no journal"),
        ('{"format": "eighty80_jupyter journal", "schema": 2}', "is of version 2"),
    ],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, head: str, words: str) -> None:
    """A foreign file, or one of a later version."""
    file = tmp_path / "x.jsonl"
    file.write_text(head + "\n")
    with pytest.raises(UsageError, match=words):
        read_journal(file)


def test_the_journal_of_a_living_kernel_is_left_alone(
    session: Session, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither read nor removed, however old; those of the dead are, when they are many."""
    session.config.autosave = True
    session.conversation.commit(plain_turn("q", "a"))
    wait_until(lambda: len(lines(state)) > 1)
    mine = written(state)
    with pytest.raises(UsageError, match="no journal of an earlier kernel"):
        recover()
    content = mine.read_bytes()
    for number in range(5):
        dead = state / f"dead-{number}.jsonl"
        dead.write_bytes(content)
        os.utime(dead, (time.time() - number * 100, time.time() - number * 100))
    old = state / "old.jsonl"
    old.write_bytes(content)
    for file in (old, mine):
        os.utime(file, (0, 0))
    monkeypatch.setattr(journal_files, "MOST_FILES", 3)
    assert recover(2).path.name == "dead-1.jsonl"
    assert (recover(5).earlier, recover(6).earlier) == (True, False)
    with pytest.raises(UsageError, match="there are 6 journals to recover from, got 7"):
        recover(7)
    with pytest.raises(UsageError, match="counted from 1, the latest one, got 0"):
        recover(0)
    journal_files.prune(state)
    names = {path.name for path in state.iterdir()}
    assert names == {mine.name, "dead-0.jsonl", "dead-1.jsonl", "dead-2.jsonl"}


def test_a_folder_that_cannot_be_written_stops_no_turn(
    session: Session,
    server: ScriptedServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is said once, in the log and with the next answer; turns go on."""
    (tmp_path / "eighty80_jupyter").write_text("a file where the folder should be")
    session.config.autosave = True
    server.queue(stream_reply("one"), stream_reply("two"), stream_reply("three"))
    session.ask("first")
    wait_until(lambda: "the journal cannot be written" in caplog.text)
    second = session.ask("second")
    assert second.text == "two"
    assert "the journal cannot be written" in second.notes[0]
    assert session.ask("third").notes == ()
    assert caplog.text.count("cannot be written") == 1


def test_a_full_disk_is_said_once_and_nothing_is_lost(
    session: Session,
    server: ScriptedServer,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What lies there is whole, and what happened meanwhile is written once there is room."""
    real, left = os.write, [2_000]

    def write(descriptor: int, data: bytes) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(descriptor, data[: left[0]])
        left[0] -= done
        return done

    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "write": write}))
    monkeypatch.setattr(journal, "_AGAIN_SECONDS", 0.02)
    session.config.autosave = True
    server.queue(*(stream_reply(f"answer {n}") for n in range(6)))
    notes = [session.ask(f"prompt {n} {'x' * 200}").notes for n in range(3)]
    wait_until(lambda: "cannot be written" in caplog.text)
    notes += [session.ask(f"prompt {n}").notes for n in (3, 4)]
    (said,) = [note for each in notes for note in each]
    assert "(No space left on device)" in said
    assert "--recover" in said
    (path,) = state.iterdir()
    there = read_journal(path)
    assert there.unread == 0
    assert 0 < len(there.conversations[0]) < 5
    left[0] = 10**6
    session.ask("prompt 5")
    session.config.autosave = False  # ends the journal
    there = read_journal(path)
    assert there.unread == 0
    assert list(there.conversations[0]) == list(session.conversation)


def cost(turns: int, state: Path) -> float:
    """Return the seconds that a commit takes at the journal in a conversation of that length."""
    talks = Conversations()
    talks.current.restore([plain_turn("q", "a") for _ in range(turns)], system=None)
    journal = Journal(talks, Feed(), folder=state)

    def commit(new: list[Turn]) -> None:
        for turn in new:
            talks.current.commit(turn)

    rounds = [[plain_turn("q", "a") for _ in range(20)] for _ in range(10)]
    best = min(timed(partial(commit, new)) for new in rounds)
    journal.close()
    return best / 20


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@pytest.mark.slow
def test_the_cost_of_a_turn_does_not_grow_with_the_conversation(state: Path) -> None:
    """A turn after 20,000 others costs what the first ones cost, within the noise."""
    short, long = cost(10, state / "a"), cost(20_000, state / "b")
    assert long < 10 * short + 100e-6


def test_a_fast_reply_makes_few_lines(
    session: Session, server: ScriptedServer, state: Path
) -> None:
    """At the speed of the chip there are some five lines a second, whatever the tokens."""
    session.config.autosave = True
    server.queue(stream_reply("word " * 8000, tokens_per_second=10_000))
    start = time.monotonic()
    session.ask("go on")
    seconds = time.monotonic() - start
    session.config.autosave = False
    pieces = [line for line in lines(state) if '"event":"text"' in line]
    assert 1 <= len(pieces) <= 2 + 5 * seconds


def test_a_setting_from_a_configuration_file_counts_from_the_first_turn(
    server: ScriptedServer, state: Path
) -> None:
    """It brings in nothing before; what was set up by then is in the journal."""
    made = Session(
        ChatConfig(base_url=server.url, api_key=KEY, autosave=True, max_retries=0), environ={}
    )
    made.conversation.system = "Be brief."
    assert not state.exists()
    server.queue(stream_reply("yes"))
    made.ask("Is it on?")
    made.config.autosave = False
    made.close()
    (talk,) = recover().conversations
    assert (talk.system, talk[0].reply.text) == ("Be brief.", "yes")
