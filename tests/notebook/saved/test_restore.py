"""Reading conversations back from a saved notebook, whatever became of its cells."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.saved.export_notebook import notebook as make_notebook
from eighty80_jupyter.notebook.saved.metadata import MOST_KEPT, SavedPanel, page_of
from eighty80_jupyter.notebook.saved.restore import own_notebook, read_notebook, restore
from tests.support.talks import plain_turn

Entry = dict[str, Any]


def kept(number: int, **changes: Any) -> Entry:
    """Return what the output of turn `number` keeps."""
    return {
        "schema": 1,
        "conversation": "main",
        "turn": number,
        "role": "assistant",
        "messages": [
            {"role": "user", "content": f"q{number}"},
            {"role": "assistant", "content": f"a{number}"},
        ],
        "model": "m",
        "parameters": {"temperature": 0.5},
        "usage": {"completion_tokens": 3},
        "finish_reason": "stop",
        "status": "complete",
        "seconds": 0.5,
        "id": f"id{number}",
        "after": f"id{number - 1}" if number > 1 else "",
        "at": 1000.0 + number,
        "source": f"q{number}",
        **changes,
    }


def cell(*entries: Entry, source: str | None = None) -> dict[str, Any]:
    typed = "\n".join(f"%chat {entry['source']}" for entry in entries if "source" in entry)
    outputs = [
        {
            "output_type": "display_data",
            "data": {"text/plain": "x"},
            "metadata": {"eighty80_jupyter": entry},
        }
        for entry in entries
    ]
    return {
        "cell_type": "code",
        "id": f"cell-{random.randrange(10**9)}",
        "metadata": {},
        "execution_count": None,
        "source": typed if source is None else source,
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}, *outputs],
    }


def notebook(tmp_path: Path, *cells: dict[str, Any]) -> Path:
    file = tmp_path / "page.ipynb"
    text = {"cell_type": "markdown", "id": "text", "metadata": {}, "source": ["# A", "b"]}
    made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [text, *cells]}
    file.write_text(json.dumps(made), encoding="utf-8")
    return file


def read(tmp_path: Path, *cells: dict[str, Any]) -> Conversation:
    (conversation,) = read_notebook(notebook(tmp_path, *cells)).conversations()
    return conversation


def prompts(conversation: Conversation) -> list[str]:
    return [turn.prompt for turn in conversation]


def test_turns_come_back_with_all_that_was_kept(tmp_path: Path) -> None:
    """Messages, model, parameters, usage, status, what was typed, the instruction, the cell."""
    asked = cell(kept(1, system="Be brief.", status="interrupted", finish_reason=None))
    made = read(tmp_path, asked)
    (turn,) = made
    reply = turn.reply
    assert (made.name, made.system) == ("main", "Be brief.")
    assert (turn.id, turn.cell, turn.source) == ("id1", asked["id"], "q1")
    assert [message.text for message in turn.messages] == ["q1", "a1"]
    assert (reply.text, reply.model, reply.status, reply.seconds) == ("a1", "m", "interrupted", 0.5)
    assert (reply.parameters, reply.finish_reason) == ({"temperature": 0.5}, None)
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3


def test_what_else_was_said_comes_back(tmp_path: Path) -> None:
    """Reasoning, further answers, notes, and the tools that another try offers again."""
    reply = Reply(
        choices=(
            Choice(text="a", reasoning="hm", finish_reason="stop"),
            Choice(index=1, text="b", reasoning="so", finish_reason="length"),
            Choice(index=2, refusal="no"),
        ),
        model="m",
        status="error",
        error="it broke",
        notes=("not sent: the oldest turn",),
        rounds=2,
    )
    prompt = Message("user", "q")
    exchange = Exchange(
        messages=(prompt, Message("assistant", "a")), reply=reply, source="q", tools=("look",)
    )
    made = Conversation("main", [Turn(alternatives=(exchange,))])
    file = tmp_path / "page.ipynb"
    file.write_text(json.dumps(make_notebook(made)), encoding="utf-8")
    (read_back,) = read_notebook(file).conversations()
    assert read_back[0].exchange == exchange


def test_pictures_are_told_to_be_missing(tmp_path: Path) -> None:
    """A page keeps the place of a picture and not the picture; nobody shall think otherwise."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    prompt = Message("user", ({"type": "text", "text": "see"}, picture))
    exchange = Exchange(messages=(prompt, Message("assistant", "a")), reply=Reply(), source="see")
    made = Conversation("main", [Turn(alternatives=(exchange,)), plain_turn("q", "a")])
    file = tmp_path / "page.ipynb"
    file.write_text(json.dumps(make_notebook(made)), encoding="utf-8")
    assert "AA==" not in file.read_text(encoding="utf-8")
    talks = Conversations()
    told = "without the pictures and sounds of 1 turn, which a page does not keep"
    assert restore(talks, file) == ["main: 2 turns", told]
    assert talks.current[0].prompt == "see\n[image]"


def test_the_order_is_that_of_the_conversation_not_of_the_page(tmp_path: Path) -> None:
    """Cells that were moved, and several turns in one, stand as they were asked."""
    assert prompts(read(tmp_path, cell(kept(3)), cell(kept(1), kept(2)))) == ["q1", "q2", "q3"]


def test_a_cell_that_was_deleted_or_cleared_is_left_out(tmp_path: Path) -> None:
    """The others stay in their order."""
    assert prompts(read(tmp_path, cell(kept(1)), cell(source="%chat q2"), cell(kept(3)))) == [
        "q1",
        "q3",
    ]
    assert prompts(read(tmp_path, cell(kept(2)), cell(kept(4)))) == ["q2", "q4"]


def test_a_cell_that_ran_again_later_stands_at_the_end(tmp_path: Path) -> None:
    """Its first turn is no longer on the page: what it asked last is what counts."""
    again = kept(4, messages=kept(2)["messages"])
    assert prompts(read(tmp_path, cell(kept(1)), cell(again), cell(kept(3)))) == ["q1", "q3", "q2"]


def test_what_was_undone_does_not_come_back(tmp_path: Path) -> None:
    """A turn that began after an earlier one takes the place of all that stood behind that."""
    other = kept(2, id="other", at=2000.0, messages=kept(9)["messages"])
    cells = [cell(kept(n)) for n in (1, 2, 3)]
    assert prompts(read(tmp_path, *cells, cell(other))) == ["q1", "q9"]
    first = kept(1, id="anew", at=3000.0, messages=kept(8)["messages"])
    assert prompts(read(tmp_path, *cells, cell(other), cell(first))) == ["q8"]


def test_a_change_whose_turn_is_not_on_the_page_takes_nothing_away(tmp_path: Path) -> None:
    """Where the conversation ended then cannot be told; what stands there stays."""
    change = {"schema": 1, "role": "state", "conversation": "main", "at": 2000.0, "source": ""}
    assert prompts(read(tmp_path, cell(kept(1)), cell({**change, "after": "id9"}))) == ["q1"]
    assert prompts(read(tmp_path, cell(kept(1)), cell(change))) == ["q1"]
    ended = {**change, "after": "id1"}
    assert prompts(read(tmp_path, cell(kept(1)), cell(kept(2)), cell(ended))) == ["q1"]


def test_answers_to_one_turn_are_its_alternatives(tmp_path: Path) -> None:
    """Asked again in another cell: the later one counts; a copied cell is no answer of its own."""
    again = kept(1, at=2000.0)
    again["messages"] = [again["messages"][0], {"role": "assistant", "content": "another"}]
    made = read(tmp_path, cell(kept(1)), cell(kept(2)), cell(again), cell(kept(1)))
    assert [a.reply.text for a in made[0].alternatives] == ["a1", "another"]
    assert (made[0].chosen, prompts(made)) == (1, ["q1", "q2"])


def test_several_conversations_and_forks(tmp_path: Path) -> None:
    """Each has its own; one that was forked begins with the turns that it was forked from."""
    fork = kept(2, conversation="side", id="f2", after="id1", at=5000.0)
    other = kept(1, conversation="other", id="o1", at=1001.5)
    file = notebook(tmp_path, cell(kept(1)), cell(kept(2)), cell(other), cell(fork))
    found = {made.name: prompts(made) for made in read_notebook(file).conversations()}
    assert found == {"side": ["q1", "q2"], "main": ["q1", "q2"], "other": ["q1"]}
    assert next(iter(found)) == "side"
    assert read_notebook(file).conversations()[0][1].id == "f2"


def test_what_was_asked_aside_belongs_to_no_conversation(tmp_path: Path) -> None:
    """Outputs without messages, or without a conversation, are passed over."""
    aside, empty = kept(2), kept(3, messages=[])
    del aside["conversation"]
    assert prompts(read(tmp_path, cell(kept(1)), cell(aside), cell(empty))) == ["q1"]


def test_a_notebook_of_an_earlier_version_is_read_by_the_turns_numbers(tmp_path: Path) -> None:
    """Outputs without ids stand in the order of the page."""
    old = [
        {name: value for name, value in kept(n).items() if name not in ("id", "after", "at")}
        for n in (1, 2)
    ]
    assert prompts(read(tmp_path, *map(cell, old))) == ["q1", "q2"]


def test_tool_rounds_come_back(tmp_path: Path) -> None:
    """Calls in the form of the wire become calls again."""
    function = {"name": "f", "arguments": "{}"}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "q1"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "1", "tool_call_id": "c"},
        {"role": "assistant", "content": "one"},
    ]
    made = read(tmp_path, cell(kept(1, messages=messages)))
    messages[1] = dict(messages[1], content=None)  # an empty text is refused by some servers
    assert made.to_messages() == messages


HOSTILE: dict[str, dict[str, Any]] = {
    "no JSON text": {"messages": [{"role": "user", "content": {"x": 1}}]},
    "an unanswered call": {"messages": kept(1)["messages"][:1]},
    "an answer of no kind": {
        "messages": [*kept(1)["messages"][:1], {"role": "assistant", "content": [{}]}]
    },
    "a system message": {"messages": [{"role": "system", "content": "x"}, *kept(1)["messages"]]},
    "a name of two lines": {"conversation": "a\nb"},
    "a long name": {"conversation": "x" * 1000},
    "a number that is none": {"turn": "x"},
    "a status that is none": {"status": "splendid"},
    "an id that is none": {"id": ["x"]},
    "calls that are none": {"calls": [{"id": 5}]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_notebook_that_cannot_be_right_changes_nothing(tmp_path: Path, name: str) -> None:
    """One line says which reply it is; the session stays as it was."""
    file = notebook(tmp_path, cell(kept(1)), cell(kept(2, **copy.deepcopy(HOSTILE[name]))))
    session = Conversations()
    with pytest.raises(UsageError, match="reply 2 cannot be read back") as error:
        restore(session, file)
    assert "\n" not in str(error.value)
    assert [(made.name, len(made)) for made in session.values()] == [("main", 0)]


def test_hidden_text_of_a_notebook_is_never_evaluated_or_sent(tmp_path: Path) -> None:
    """What counts as typed must stand in a cell; parameters that nobody knows are dropped."""
    made = read(
        tmp_path,
        cell(
            kept(
                1,
                source="{{__import__('os').system('true')}}",
                parameters={"temperature": 9, "top_p": 0.5, "evil": 1, "extra": {"x": 1}},
            ),
            source="%chat q1",
        ),
    )
    assert made[0].source == "q1"
    assert made[0].reply.parameters == {"top_p": 0.5}


def test_what_a_page_hides_is_not_typed(tmp_path: Path) -> None:
    """A prompt counts as typed in a cell that is shown, whole, and not in one that is hidden."""
    entry = kept(1, source="{{open('x', 'w')}}")
    shown = cell(entry, source="%chat {{open('x', 'w')}}")
    hidden = {**shown, "metadata": {"jupyter": {"source_hidden": True}}}
    halves = [cell(entry, source="%chat {{open('x',"), cell(source=" 'w')}}")]
    assert [read(tmp_path, *cells)[0].exchange.source for cells in ([shown], [hidden], halves)] == [
        *("{{open('x', 'w')}}", "", "")
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "no notebook"),
        ('{"cells": 5}', "no notebook"),
        ('{"cells": [5]}', "no notebook"),
        ('{"cells": []}', "holds no replies"),
        (
            '{"cells": [{"outputs": [{"metadata": {"eighty80_jupyter": 5}}, 5]}]}',
            "holds no replies",
        ),
        pytest.param(
            json.dumps({"cells": [cell(kept(1, schema=2))]}),
            "a later eighty80_jupyter",
            id="a later schema",  # the cell's own id is another in each process
        ),
    ],
)
def test_what_is_no_notebook_of_ours_is_refused(tmp_path: Path, content: str, words: str) -> None:
    """Empty, foreign, without a reply, or of a later version: one line."""
    file = tmp_path / "page.ipynb"
    file.write_text(content)
    with pytest.raises(UsageError, match=words) as error:
        read_notebook(file)
    assert "\n" not in str(error.value)


def test_a_name_that_is_taken_is_not_taken_away(tmp_path: Path) -> None:
    """An empty conversation is filled, another one stays, and the same is not there twice."""
    file = notebook(tmp_path, cell(kept(1)))
    session = Conversations()
    assert restore(session, file) == ["main: 1 turn"]
    session.current.commit(plain_turn("x", "y"))
    assert restore(session, file) == ["main: all 1 of its turns are there already"]
    session = Conversations()
    session.current.commit(plain_turn("x", "y"))
    assert restore(session, file) == ["main-2: 1 turn (there is another main)"]
    assert prompts(session["main"]) == ["x"]
    assert session.current.name == "main-2"


def test_where_the_own_notebook_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VS Code tells it in a variable, Jupyter in the environment; the file must be there."""
    file = notebook(tmp_path, cell(kept(1)))
    monkeypatch.chdir(tmp_path)
    assert own_notebook({"__vsc_ipynb_file__": str(file)}, {}) == file
    assert own_notebook({}, {"JPY_SESSION_NAME": str(file)}) == file
    assert own_notebook({}, {"JPY_SESSION_NAME": "somewhere/page.ipynb"}).resolve() == file
    assert own_notebook({}, {"JPY_SESSION_NAME": "RTC:page.ipynb"}).resolve() == file
    for told in ({}, {"JPY_SESSION_NAME": "gone.ipynb"}, {"JPY_SESSION_NAME": "a-console"}):
        with pytest.raises(UsageError, match=r"%chat --restore NOTEBOOK\.ipynb"):
            own_notebook({"__vsc_ipynb_file__": 5}, told)


def panel_cell(page: SavedPanel, conversations: Conversations) -> dict[str, Any]:
    """Return the cell of a panel, saved at the time that the test says."""
    entry = page.of(conversations)
    return cell(*([{**entry, "at": 2000.0}] if entry else ()), source="%chat --panel")


def test_what_was_asked_in_a_panel_comes_back(tmp_path: Path) -> None:
    """Turns of no cell, with their alternatives, in all conversations; what was undone does not."""
    conversations, page = Conversations(), SavedPanel()
    (in_cell, undone) = read(tmp_path, cell(kept(1)), cell(kept(2)))
    main = conversations.current
    main.commit(in_cell)
    one, two = plain_turn("p", "one"), plain_turn("p", "two").exchange
    main.commit(Turn(alternatives=(one.exchange, two), chosen=0, id="in the panel"))
    main.commit(undone)
    page.of(conversations)
    main.undo()
    main.system = "Be brief."
    conversations.fork("side").commit(plain_turn("q", "in the fork"))
    cells = (panel_cell(page, conversations), cell(kept(1)), cell(kept(2, after="in the panel")))
    side, again = read_notebook(notebook(tmp_path, *cells)).conversations()
    assert (side.name, prompts(side)) == ("side", ["q1", "p", "q"])
    assert (again.name, prompts(again), again.system) == ("main", ["q1", "p"], "Be brief.")
    assert [a.reply.text for a in again[1].alternatives] == ["one", "two"]
    assert (again[1].chosen, again[1].id) == (0, "in the panel")
    assert len(again[0].alternatives) == 1  # a cell and the panel keep the same answer


def test_a_panel_that_has_said_nothing_takes_nothing_from_the_page(tmp_path: Path) -> None:
    """A new kernel's panel is empty, and the cells above still hold what an earlier one said."""
    conversations, page = Conversations(), SavedPanel()
    assert page.of(conversations) == {}
    assert prompts(read(tmp_path, cell(kept(1)), panel_cell(page, conversations))) == ["q1"]
    conversations.current.commit(plain_turn("q", "a"))
    page.of(conversations)
    conversations.current.undo()
    assert prompts(read(tmp_path, cell(kept(1)), panel_cell(page, conversations))) == []


def test_a_panel_keeps_the_latest_turns_of_a_long_conversation(tmp_path: Path) -> None:
    """What a panel keeps is bounded: it is sent to the page after every turn."""
    conversations, page = Conversations(), SavedPanel()
    for number in range(300):
        conversations.current.commit(plain_turn(f"q{number}", "x" * 2000))
    assert len(json.dumps(page.of(conversations))) < MOST_KEPT * 1.1
    made = prompts(read(tmp_path, panel_cell(page, conversations)))
    assert 50 < len(made) < 300
    assert made[-1] == "q299"


def test_nonsense_that_a_panel_kept_is_passed_over(tmp_path: Path) -> None:
    """The notebook may come from anybody."""
    for wrong in ("x", [1, {"name": "main", "last": "?", "turns": 3}], [{"name": "main"}]):
        entry = {"schema": 1, "role": "panel", "at": 1.0, "conversations": wrong}
        assert prompts(read(tmp_path, cell(entry, source="%chat --panel"), cell(kept(1)))) == ["q1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ["x"], "turns": [{"turn": 1, "answers": [{"messages": 1}]}]},
        {"name": "main", "turns": [{"turn": 1, "answers": [{"messages": [{"role": "user"}]}]}]},
        {"name": "main", "last": {}, "turns": []},
    ],
)
def test_a_panel_that_kept_what_cannot_be_is_refused(tmp_path: Path, wrong: Entry) -> None:
    entry = {"schema": 1, "role": "panel", "at": 1.0, "conversations": [wrong]}
    file = notebook(tmp_path, cell(entry, source="%chat --panel"), cell(kept(1)))
    with pytest.raises(UsageError, match="cannot be read back"):
        read_notebook(file)


def test_a_conversation_that_was_renamed_comes_back_once(tmp_path: Path) -> None:
    """Under its last name, also a kernel later; another that took the first name stays."""
    talks = Conversations()
    talks.current.commit(plain_turn("q1", "a1"))
    first = cell(page_of(talks.current, talks.current[0]))
    talks.rename("main", "study")
    talks.current.commit(plain_turn("q2", "a2"))
    second = cell(page_of(talks.current, talks.current[1]))
    panel = cell(SavedPanel().of(talks))
    for cells in ((first, second), (first, panel), (first, second, panel)):
        found = {
            made.name: prompts(made)
            for made in read_notebook(notebook(tmp_path, *cells)).conversations()
        }
        assert found == {"study": ["q1", "q2"]}
    later = Conversations()
    restore(later, notebook(tmp_path, first, second))
    later["study"].commit(plain_turn("q3", "a3"))
    later.new("main") if "main" not in later else later.use("main")
    later.current.commit(plain_turn("other", "a"))
    cells = (first, second, cell(page_of(later["study"], later["study"][2])))
    other = cell(page_of(later.current, later.current[0]))
    found = {
        made.name: prompts(made)
        for made in read_notebook(notebook(tmp_path, *cells, other)).conversations()
    }
    assert found == {"study": ["q1", "q2", "q3"], "main": ["other"]}
