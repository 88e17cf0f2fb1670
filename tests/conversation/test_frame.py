"""A conversation as a table."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.reply import Choice, Reply, Usage
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.turn import Exchange, Turn
from eighty80_jupyter.errors import UsageError
from tests.support.talks import plain_turn


def answered() -> Turn:
    """Make a turn of which the server told what it counted, with a tool call in it."""
    call = ToolCall(id="c", name="look", arguments="{}")
    messages = (
        Message("user", "how many?"),
        Message("assistant", "", (call,)),
        Message("tool", "7", tool_call_id="c"),
        Message("assistant", "Seven."),
    )
    reply = Reply(
        choices=(Choice(text="Seven."),),
        model="small",
        usage=Usage(completion_tokens=3),
        seconds=0.5,
        parameters={"model": "alias", "top_p": 1},
    )
    return Turn(alternatives=(Exchange(messages=messages, reply=reply),))


def test_each_message_is_a_row() -> None:
    """What is known of an answer stands in its row, and in no other; turns count from 1."""
    frame = Conversation(turns=[answered(), plain_turn("and now?", "Eight.")]).to_dataframe()
    assert list(frame.columns) == [
        "turn", "role", "text", "model", "parameters", "tokens", "seconds",
    ]  # fmt: skip
    assert frame["turn"].tolist() == [1, 1, 1, 1, 2, 2]
    assert frame["role"].tolist() == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    assert frame["text"].tolist() == ["how many?", "", "7", "Seven.", "and now?", "Eight."]
    assert frame["model"].isna().tolist() == [True, True, True, False, True, False]
    assert frame["model"].dropna().tolist() == ["small", "m"]
    assert frame["parameters"][3] == {"model": "alias", "top_p": 1}
    assert frame["parameters"][:3].isna().all()
    assert frame["tokens"].isna().tolist() == [True, True, True, False, True, True]
    assert frame["tokens"][3] == 3
    assert frame["seconds"][3] == 0.5
    assert frame["seconds"].isna().tolist() == [True, True, True, False, True, False]


def test_a_model_that_the_server_does_not_name_is_the_one_asked_for() -> None:
    """Many servers leave it out of their answer."""
    reply = Reply(choices=(Choice(text="b"),), parameters={"model": "alias"})
    messages = (Message("user", "a"), Message("assistant", "b"))
    turn = Turn(alternatives=(Exchange(messages=messages, reply=reply),))
    assert Conversation(turns=[turn]).to_dataframe()["model"].dropna().tolist() == ["alias"]


@pytest.mark.parametrize("turns", [[], [answered()]])
def test_the_types_of_columns_do_not_depend_on_what_is_there(turns: list[Turn]) -> None:
    """Counts that are not known do not make others fractions, nor does an empty table."""
    types = Conversation(turns=turns).to_dataframe().dtypes
    assert types["turn"] == "int64"
    assert types["tokens"] == pd.Int64Dtype()
    assert types["seconds"] == "float64"


def test_without_pandas_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what helps: the turns are there without it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError) as caught:
        Conversation(turns=[answered()]).to_dataframe()
    assert str(caught.value) == (
        "a DataFrame needs pandas, which is not installed; "
        "iterating over the conversation gives its turns"
    )
