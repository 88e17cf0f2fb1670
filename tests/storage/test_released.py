"""What users have stays readable: files of every released version, with all that is in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.notebook.saved.restore import restore
from eighty80_jupyter.storage.recover import read_journal
from eighty80_jupyter.storage.serialization import Record, plain
from eighty80_jupyter.storage.store import load, save

RELEASED = Path(__file__).parents[1] / "data" / "released"
SAVED = ("talk", "whole", "shared", "other", "summary")
KILLED = ("killed_in_answer", "killed_in_tool", "killed_in_second_round")


def content(name: str) -> Any:
    """Return what a file of plain JSON holds."""
    return json.loads((RELEASED / name).read_bytes())


def values(conversations: Iterable[Conversation]) -> list[Any]:
    """Return conversations as plain JSON values."""
    records: list[Any] = [plain(Record.of(conversation)) for conversation in conversations]
    return records


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_conversation_loads_whole(name: str) -> None:
    """Every value in the file is in what is loaded, and nothing else."""
    file = content(f"{name}.json")
    branches = file.pop("branches", [])
    assert (file.pop("format"), file.pop("schema")) == ("eighty80_jupyter conversation", 1)
    assert values(load(RELEASED / f"{name}.json")) == [file, *branches]


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_conversation_is_saved_again_as_it_was(name: str, tmp_path: Path) -> None:
    """What is loaded and saved elsewhere loads as the same."""
    conversations = load(RELEASED / f"{name}.json")
    for number, conversation in enumerate(conversations):
        path = save(conversation, tmp_path / f"{number}.json")
        assert values(load(path)) == values([conversation])


@pytest.mark.parametrize("name", KILLED)
def test_a_journal_is_recovered_whole(name: str) -> None:
    """A journal gives what the version that wrote it recovered from it."""
    expected = content(f"{name}.expected.json")
    found = read_journal(RELEASED / f"{name}.jsonl")
    assert found.unread == 0
    assert list(found.prompts) == expected["prompts"]
    assert values(found.conversations) == expected["conversations"]


def test_a_notebook_is_restored_whole() -> None:
    """A notebook with cells and a panel gives what the version that made it restored from it."""
    conversations = Conversations()
    lines = restore(conversations, RELEASED / "cells.ipynb")
    assert lines == [
        "main: 14 turns",
        "other: 1 turn",
        "side: 14 turns",
        "without the pictures and sounds of 1 turn, which a page does not keep",
    ]
    assert values(conversations.values()) == content("cells.expected.json")


def test_the_files_hold_what_they_are_kept_for() -> None:
    """Tools, data, alternatives, pictures, reasoning and broken answers are in the saved file."""
    (talk,) = load(RELEASED / "whole.json")
    hello, frame, weather, picture, thought, refused, several, stopped = talk[:8]
    assert talk.system == "You are brief."
    assert hello.reply.text == "Answer 1 to: Hello\n\n```python\nprint(1)\n```\n"
    assert frame.has_data
    assert [message.role for message in weather.messages[1:4]] == ["assistant", "tool", "tool"]
    assert [message.text for message in weather.messages[2:4]] == ["Oslo: 7 °C", "Bergen: 7 °C"]
    assert (len(weather.alternatives), weather.chosen) == (2, 0)
    assert isinstance(picture.messages[0].content, tuple)
    assert picture.messages[0].content[-1]["type"] == "image_url"
    assert thought.reply.reasoning == "First, 2 and 2. That is 4."
    assert refused.reply.choices[0].refusal == "I will not do that."
    assert [choice.text for choice in several.reply.choices] == ["One answer.", "Another answer."]
    assert (stopped.reply.text, stopped.reply.status) == ("It goes on and o", "interrupted")
    assert [turn.reply.status for turn in talk[8:10]] == ["error", "complete"]
    assert [turn.reply.finish_reason for turn in talk[8:10]] == [None, "content_filter"]
