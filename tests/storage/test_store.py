"""Saving and loading: exact, whole, refused in one line."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation, Summary
from eighty80_jupyter.conversation.side_by_side import SideBySide
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.omit import KINDS, conversation_without, kinds_of
from eighty80_jupyter.storage.serialization import Record
from eighty80_jupyter.storage.store import adopt, load, save
from eighty80_jupyter.wire.secret import Secret
from tests.support.talks import conversations, plain_exchange, plain_turn, talk

KEY = "sk-never-in-a-file-0123456789"


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(made=conversations())
def test_all_that_a_conversation_holds_comes_back_as_it_was(
    tmp_path: Path, made: Conversation
) -> None:
    """Alternatives, tool rounds, parts, parameters, the instruction: nothing is lost or changed."""
    file = tmp_path / "talk.json"
    file.unlink(missing_ok=True)
    (read,) = load(save(made, file))
    assert Record.of(read) == Record.of(made)
    save(read, file)
    assert [Record.of(each) for each in load(file)] == [Record.of(made)]


def test_what_utf_8_cannot_hold_stands_as_an_escape(tmp_path: Path) -> None:
    """Half a surrogate pair in a file is no text any more when it was read; any program can."""
    made = talk(("half: \ud83d", "\udcff é 😀"))
    file = save(made, tmp_path / "talk.json")
    assert "\\ud83d" in file.read_text("ascii")
    (read,) = load(file)
    assert [(turn.prompt, turn.reply.text) for turn in read] == [("half: \ufffd", "\ufffd é 😀")]
    save(read, file)
    assert len(load(file)) == 1
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UsageError, match="cut off"):
        load(file)


def test_a_new_file_is_private_and_one_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    """The mode is 0600 at first; nothing is left beside the file, and links are followed."""
    file = save(talk(("a", "1")), tmp_path / "talk.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(file)
    assert save(talk(("a", "1")), link) == file
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "talk.json"]


def exchange(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(messages), "reply": {}}


USER = {"role": "user", "content": "a"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "name": "f", "arguments": "{}"}],
}
RESULT = {"role": "tool", "content": "1", "tool_call_id": "c1"}
ANSWER = {"role": "assistant", "content": "1"}
WRONG: dict[str, list[dict[str, Any]]] = {
    "a call has no result": [USER, CALL],
    "a call has no result ": [USER, CALL, ANSWER],
    "without its call": [USER, RESULT, ANSWER],
    "without its call ": [USER, CALL, RESULT, RESULT, ANSWER],
    "has no answer": [USER],
    "does not begin with a prompt": [ANSWER],
    "of the role system": [USER, {"role": "system", "content": "x"}, ANSWER],
    "messages.0.role": [{"role": "wizard", "content": "x"}, ANSWER],
    "messages.0.content": [{"role": "user", "content": 5}, ANSWER],
    "no text, picture or sound": [{"role": "user", "content": [{"type": "x"}]}, ANSWER],
}


def document(*messages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    turn = {"id": "t1", "alternatives": [exchange(*messages)]}
    return {
        "format": "eighty80_jupyter conversation",
        "schema": 1,
        "name": "main",
        "turns": [turn],
        **changes,
    }


def refusal(tmp_path: Path, content: str | bytes) -> str:
    """Return why a file cannot be loaded; saving over it is refused with the file unchanged."""
    file = tmp_path / "talk.json"
    data = content if isinstance(content, bytes) else content.encode()
    file.write_bytes(data)
    with pytest.raises(UsageError) as error:
        load(file)
    text = str(error.value)
    assert "\n" not in text
    assert "talk.json" in text
    assert file.read_bytes() == data
    return text


@pytest.mark.parametrize("words", WRONG)
def test_a_file_that_would_make_the_history_invalid_is_refused(tmp_path: Path, words: str) -> None:
    """An unfinished tool exchange, a result without its call, a role that cannot be."""
    assert words.strip() in refusal(tmp_path, json.dumps(document(*WRONG[words])))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        (json.dumps(document(USER, ANSWER))[:-20], "no JSON"),
        (b'{"name": "\xff"}', "no JSON"),
        ("[" * 5000, "no JSON"),
        ("[]", "no conversation that %chat --save wrote"),
        ('{"cells": []}', "no conversation that %chat --save wrote"),
        (json.dumps(document(USER, ANSWER, schema=2)), "version 2"),
        (json.dumps(document(USER, ANSWER, schema="x")), ": it does not say its version"),
        (json.dumps(document(USER, ANSWER, schema=0)), ": it does not say its version"),
        (json.dumps(document(USER, ANSWER, branches={})), ": its branches are no list"),
        (json.dumps(document(USER, ANSWER, name="a\nb")), "name"),
        (json.dumps(document(USER, ANSWER, turns=5)), "turns"),
        (json.dumps(document(USER, ANSWER, turns=[{"alternatives": []}])), "no alternative 1"),
        (json.dumps(document(USER, ANSWER, turns=document(USER, ANSWER)["turns"] * 2)), "twice"),
        (json.dumps(document(USER, ANSWER, branches=[5])), "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    """Empty, cut off, no UTF-8, too deep, foreign, of a later version, or half a conversation."""
    assert words in refusal(tmp_path, content)


def test_fields_that_are_not_known_or_not_there_do_not_matter(tmp_path: Path) -> None:
    """A later release of the same schema may write more; what is missing has its default."""
    told = document({**USER, "mood": 1}, {**ANSWER, "tool_calls": []}, colour="red")
    told["turns"][0]["alternatives"][0]["reply"] = {"speed": 5, "values": [1], "returns": "int"}
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(told))
    (read,) = load(file)
    assert (read[0].prompt, read[0].reply, read[0].cell) == ("a", Reply(), "")


def test_a_turn_without_an_id_is_loaded_and_kept(tmp_path: Path) -> None:
    """It gets one; what stood in the file stays beside what is saved there."""
    told = document(USER, ANSWER)
    del told["turns"][0]["id"]
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(told))
    (read,) = load(file)
    assert [turn.prompt for turn in read] == ["a"]
    save(read, file)
    assert all([turn.prompt for turn in each] == ["a"] for each in load(file))


def test_a_path_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    """A directory, a file that is not there, a name that the system does not take."""
    with pytest.raises(UsageError, match="is a directory"):
        load(tmp_path)
    with pytest.raises(UsageError, match="there is no file"):
        load(tmp_path / "none.json")
    with pytest.raises(UsageError, match="is a directory"):
        save(talk(("a", "1")), tmp_path)
    with pytest.raises(UsageError, match="there is no directory"):
        save(talk(("a", "1")), tmp_path / "none" / "talk.json")
    with pytest.raises(UsageError, match="cannot use the path"):
        save(talk(("a", "1")), "a\0b")
    with pytest.raises(UsageError, match=r"cannot read|there is no file"):  # as Python looks
        load("/dev/null/x/" + "y" * 5000)


def test_a_device_is_not_taken_away(tmp_path: Path) -> None:
    """A file moved into the place of a device or a pipe would replace it for everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for path in (pipe, tmp_path / "link"):
        with pytest.raises(UsageError, match="is no ordinary file"):
            save(talk(("a", "1")), path)
    assert pipe.is_fifo()


def test_what_is_no_conversation_is_never_written_over(tmp_path: Path) -> None:
    """A notebook, a later version, half a file: refused, and still there."""
    for content in ("my thesis", '{"cells": []}', json.dumps(document(USER, ANSWER, schema=9))):
        file = tmp_path / "file"
        file.write_text(content)
        with pytest.raises(UsageError, match="save under another name"):
            save(talk(("a", "1")), file)
        assert file.read_text() == content


def test_a_failed_write_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full in the middle takes nothing away, and leaves nothing behind."""
    made = talk(("a", "1"))
    file = save(made, tmp_path / "talk.json")
    before = file.read_bytes()
    made.commit(plain_turn("b", "2"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match="No space left on device; it is as it was"):
            save(made, file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["talk.json"]


DATA = '<data name="df &amp; x" type="pandas.DataFrame" id="0a1b2c3d">\nsecret rows\n</data>'


def rich() -> Conversation:
    prompt: Any = (
        {"type": "text", "text": f"Look at `df`.\n\n{DATA}"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,PICTURE"}},
    )
    call = ToolCall(id="c1", name="f", arguments="{}")
    messages = (
        Message("user", prompt),
        Message("assistant", None, (call,)),
        Message("tool", "secret result", tool_call_id="c1"),
        Message("assistant", f"done with {KEY}"),
    )
    reply = Reply(choices=(Choice(text=f"done with {KEY}"),), parameters={"user": KEY})
    exchange = Exchange(messages=messages, reply=reply, has_data=True, source="Look at {{df}}.")
    return Conversation("main", [Turn(alternatives=(exchange,))], system=f"Use {KEY}.")


def test_data_pictures_and_results_can_be_left_out(tmp_path: Path) -> None:
    """A word stands for each; what is left is a valid conversation, and a plain text again."""
    file = save(rich(), tmp_path / "talk.json", without=("data,images", "tools"))
    content = file.read_text()
    assert "secret rows" not in content
    assert "PICTURE" not in content
    assert "secret result" not in content
    messages = load(file)[0].to_messages()
    assert messages[0]["content"] == "Look at `df`.\n\n[data left out: df & x]\n[picture left out]"
    assert messages[2]["content"] == "[result left out]"
    with pytest.raises(UsageError, match="only data, images, tools can be left out"):
        save(rich(), file, without=("date",))


def test_only_what_is_asked_for_is_left_out(tmp_path: Path) -> None:
    """Each of the three alone leaves the others."""
    for kind, gone in (("data", "secret rows"), ("images", "PICTURE"), ("tools", "secret result")):
        content = save(rich(), tmp_path / f"{kind}.json", without=(kind,)).read_text()
        here = [word for word in ("secret rows", "PICTURE", "secret result") if word in content]
        assert gone not in here
        assert len(here) == 2


def test_a_summary_goes_with_what_it_may_tell_of(tmp_path: Path) -> None:
    """What stands for older turns may hold their data; where nothing is left out it stays."""
    made = rich()
    made.summary = Summary("They looked at secret rows.", covers=((made[0].id, 0),))
    for without, found in (((), made.summary), (("tools",), None)):
        (read,) = load(save(made, tmp_path / f"{len(without)}.json", without=without))
        assert read.summary == found


@pytest.mark.parametrize(
    ("without", "kinds"),
    [
        ("data", {"data"}),
        ("data, images,", {"data", "images"}),
        (["tools", "data,images"], {"data", "images", "tools"}),
        ([], set()),
    ],
)
def test_what_is_to_be_left_out_is_one_text_or_several(
    without: str | list[str], kinds: set[str]
) -> None:
    """Words with commas, in one text or in many."""
    assert kinds_of(without) == kinds


def test_another_word_is_named() -> None:
    """As far as a line has room for it."""
    with pytest.raises(UsageError, match=rf"^only data, .* left out, got '{'x' * 40}'$"):
        kinds_of(["data", "x" * 50])


def test_what_was_seen_is_told_of_each_answer() -> None:
    """A copy without something says so of the same alternatives, and no type comes from a file."""
    made = talk(("a", "1"))
    made.add_alternative(made[0].id, replace(plain_exchange("a", "2"), seen=False))
    (left,) = conversation_without(made, ("data",), None)
    assert [each.seen for each in left.alternatives] == [True, False]
    assert [each.reply.values for each in left.alternatives] == [(), ()]


def test_an_empty_conversation_is_saved_again(tmp_path: Path) -> None:
    """Nothing takes the place of nothing: there are no branches."""
    made = Conversation("main")
    for _ in range(2):
        file = save(made, tmp_path / "talk.json")
    assert len(load(file)) == 1
    assert "branches" not in json.loads(file.read_text())


def test_comparisons_alone_are_not_replaced_by_what_is_loaded() -> None:
    """Nothing else stands in the conversation, and all the same nothing is lost."""
    talks = Conversations()
    talks.current.add_comparison(SideBySide(prompt="Which?"))
    for copies in (True, False):
        lines = adopt(talks, [talk(("a", "b"))], copies=copies)
        assert lines == [f"{talks.current.name}: 1 turn (there is another main)"]
    assert len(talks["main"].comparisons) == 1


def test_comparisons_alone_are_taken_beside_a_conversation_of_the_name() -> None:
    """They are none of its turns, which may all be there already."""
    talks = Conversations()
    talks.current.commit(plain_turn("a", "b"))
    found = Conversation("main")
    found.add_comparison(SideBySide(prompt="Which?"))
    lines = adopt(talks, [found], copies=False)
    assert lines == ["main-2: 0 turns (there is another main)"]
    assert talks["main-2"].comparisons == found.comparisons
    lines = adopt(talks, [Conversation("main")], copies=False)
    assert lines == ["main: all 0 of its turns are there already"]


def test_comparisons_of_another_are_kept_in_the_file(tmp_path: Path) -> None:
    """The turns are the same, and what was asked side by side stands beside them in one only."""
    made = talk(("a", "b"))
    other = made.fork("main")
    made.add_comparison(SideBySide(prompt="Which?"))
    file = save(made, tmp_path / "talk.json")
    save(other, file)
    assert [len(each.comparisons) for each in load(file)] == [0, 1]
    save(made, file)
    assert [len(each.comparisons) for each in load(file)] == [1]


def test_what_of_a_conversation_is_missing_is_told() -> None:
    """In place of the number of its turns, under the name that it had."""
    lines = adopt(Conversations(), [talk(("a", "1"))], missing={"main": "1 of 3 turns"})
    assert lines == ["main: 1 of 3 turns"]


def test_an_empty_conversation_has_nothing_to_leave_out(tmp_path: Path) -> None:
    """It is saved, and handed on to be exported, as it is."""
    empty = Conversation("main", system="Be brief.")
    saved = save(empty, tmp_path / "talk.json", without=KINDS)
    for left in (load(saved)[0], conversation_without(empty, KINDS, None)):
        assert (len(left), left.system) == (0, "Be brief.")


def test_no_key_is_ever_in_a_file(tmp_path: Path) -> None:
    """Wherever it stands, in a text, in a parameter, in the instruction: it is cut out."""
    file = save(rich(), tmp_path / "talk.json", secret=(Secret("other"), Secret(KEY)))
    assert KEY not in file.read_text()
    assert load(file)[0].system == "Use [redacted: API key]."
    save(rich(), tmp_path / "one.json", secret=Secret(KEY))
    assert KEY not in (tmp_path / "one.json").read_text()


@pytest.mark.slow
def test_ten_thousand_turns_are_saved_quickly(tmp_path: Path) -> None:
    """All of them come back; the limit is generous, for a machine that does other things."""
    import time  # noqa: PLC0415  # of this test only

    made = talk(*((f"question {n} " * 20, f"answer {n} " * 40) for n in range(10_000)))
    start = time.process_time()
    file = save(made, tmp_path / "talk.json")
    save(made, file)
    assert time.process_time() - start < 60
    assert len(load(file)[0]) == 10_000


def test_a_loaded_conversation_takes_a_name_that_is_free(tmp_path: Path) -> None:
    """An empty one of its name is filled, the same one is kept, another one stays untouched."""
    file = save(talk(("a", "1"), system="Be brief."), tmp_path / "talk.json")
    session = Conversations()
    main = session.current
    assert adopt(session, load(file)) == ["main: 1 turn"]
    assert session.current is main
    assert (main.system, main[0].prompt) == ("Be brief.", "a")
    session.new("other")
    adopt(session, load(file))
    assert session.current is main
    main.commit(plain_turn("b", "2"))
    assert adopt(session, load(file)) == ["main-2: 1 turn (there is another main)"]
    assert session.current.name == "main-2"
    assert len(session["main"]) == 2


def test_what_was_undone_is_gone_and_what_was_loaded_is_known(tmp_path: Path) -> None:
    """Saving again after an undo or a retry leaves no branch behind."""
    made = talk(("a", "1"), ("b", "2"))
    file = save(made, tmp_path / "talk.json")
    made.undo()
    save(made, file)
    assert [len(each) for each in load(file)] == [1]
    session = Conversations()
    adopt(session, load(file))
    made = session.current
    made.commit(plain_turn("c", "3"))
    save(made, file)
    made.undo()
    made.commit(plain_turn("d", "4"))
    made.add_alternative(made[0].id, plain_exchange("a", "5"))
    save(made, file)
    (read,) = load(file)
    assert [(turn.prompt, len(turn.alternatives)) for turn in read] == [("a", 2), ("d", 1)]


def test_what_was_saved_before_a_reset_is_kept(tmp_path: Path) -> None:
    """Nothing of it is in the conversation any more, which is another one by now."""
    made = talk(("a", "1"), ("b", "2"))
    file = save(made, tmp_path / "talk.json")
    made.reset()
    made.commit(plain_turn("c", "3"))
    told: list[str] = []
    save(made, file, tell=told.append)
    assert [[turn.prompt for turn in each] for each in load(file)] == [["c"], ["a", "b"]]
    assert len(told) == 1


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    """The links stay as they are, and nothing is put in their place."""
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.symlink_to(two)
    two.symlink_to(one)
    for path in (one, two, tmp_path / "self.json"):
        if path.name == "self.json":
            path.symlink_to(path)
        with pytest.raises(UsageError, match="is a loop of links"):
            save(talk(("a", "1")), path)
        assert path.is_symlink()
    with pytest.raises(UsageError, match="there is no directory"):
        save(talk(("a", "1")), one / "talk.json")
    assert len(list(tmp_path.iterdir())) == 3
