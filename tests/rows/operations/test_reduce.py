"""One answer for many rows: parts that fit, their answers summed up again, order kept."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import RowsError, UsageError
from eighty80_jupyter.session.session import Session
from tests.rows.answering import answering
from tests.support.replies import Reply, chat_reply
from tests.support.scripted import ScriptedServer
from tests.support.wire import Request

REVIEWS = {
    "product": ["tea", "pot", "tea", None, "tea"],
    "text": ["one", "two", "three", "four", ""],
    "stars": [1, 2, 3, 4, 5],
}
WORDS = ("one", "two", "three", "four")


def words_of(prompt: str) -> str:
    """Answer with those of the words that stand in a prompt, in the order in which they do."""
    found = [(prompt.index(word), word) for word in WORDS if word in prompt]
    return " ".join(word for _, word in sorted(found))


@pytest.fixture(autouse=True)
def _answers(server: ScriptedServer) -> None:
    server.handler = answering(words_of)


TABLES = {
    "pandas": pd.DataFrame(REVIEWS, index=[9, 9, 8, 8, 7]),
    "polars": pl.DataFrame(REVIEWS),
    "pyarrow": pa.table(REVIEWS),
    "columns": REVIEWS,
    "records": pd.DataFrame(REVIEWS).astype(object).to_dict("records"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_group_has_one_answer(session: Session, server: ScriptedServer, name: str) -> None:
    """A table of the same kind, in the order of the first rows; a missing key is one, too."""
    found = session.reduce(TABLES[name], "Sum up {{text}}", by="product", column="sum")
    if name == "records":
        found = pd.DataFrame(found)
    elif name == "pyarrow":
        found = found.to_pandas()
    elif name == "polars":
        found = pd.DataFrame(found.to_dict(as_series=False))
    found = pd.DataFrame(found)
    assert found.columns.tolist() == ["product", "sum"]
    assert found["product"].tolist()[:2] == ["tea", "pot"]
    assert found["product"].isna().tolist() == [False, False, True]
    assert found["sum"].tolist() == ["one three", "two", "four"]
    assert found.index.tolist() == [0, 1, 2]
    assert len(server.requests) == 3


def test_all_rows_have_one_answer(session: Session, server: ScriptedServer) -> None:
    """It comes as it is; the rows stand where the prompt names their column, or at its end."""
    frame = TABLES["pandas"]
    assert session.reduce(frame, "Sum up {{text}}.") == "one two three four"
    assert session.reduce(frame, "Sum up.") == "one two three four"
    prompt = server.requests[-1].json["messages"][-1]["content"]
    assert prompt.index("Sum up.") < prompt.index("1. product: tea\ntext: one\nstars: 1")
    assert session.reduce(frame, "Sum up.", of=["text"]) == "one two three four"
    assert "stars" not in server.requests[-1].json["messages"][-1]["content"]
    assert session.reduce(["one", None, "two"], "Sum up {{row}}") == "one two"
    assert session.reduce(iter(["one", "two"]), "Sum up") == "one two"
    assert session.reduce([], "Sum up") is None


def test_many_rows_are_summed_up_in_parts(session: Session, server: ScriptedServer) -> None:
    """Each part within the tokens, in order; the answers of parts again, until there is one."""
    prompts: list[str] = []

    def count(prompt: str) -> str:
        prompts.append(prompt)
        own = [word for word in prompt.replace("<", " ").split() if word.startswith("#")]
        return f"{own[0]} {own[-1]}"

    server.handler = answering(count)
    rows = [f"#{number:03}" for number in range(200)]
    assert session.reduce(rows, "Sum up {{row}}", tokens=100, concurrency=1) == "#000 #199"
    first = [prompt for prompt in prompts if "results for parts" not in prompt]
    assert len(first) > 4
    assert [prompt.split("1. ")[1][:4] for prompt in first] == sorted(
        prompt.split("1. ")[1][:4] for prompt in first
    )
    assert sum(prompt.count("#") for prompt in first) >= 200
    assert max(len(prompt) for prompt in first) < 900
    assert len(prompts) > len(first)


def test_what_is_longer_than_its_sum_still_comes_to_an_end(session: Session) -> None:
    """Though no two answers fit into a part."""
    assert session.reduce(["one", "two", "three", "four"], "{{row}}", tokens=1) == (
        "one two three four"
    )


def test_the_limit_of_the_model_bounds_the_parts(session: Session, server: ScriptedServer) -> None:
    """Half of what it takes."""
    session.config.context_limit = 300
    session.reduce([f"one {n} " + "x y " * 20 for n in range(10)], "Sum up {{row}}")
    assert len(server.requests) >= 5


def test_a_typed_answer_is_summed_up_as_json(session: Session, server: ScriptedServer) -> None:
    """Of each part one value of the type; the last is the answer."""

    def total(prompt: str) -> str:
        return json.dumps({"total": sum(word.isdigit() for word in prompt.split())})

    server.handler = answering(total)
    found = session.reduce({"n": [1, 2, 3]}, "Count", of="n", returns="total: int")
    assert found == {"total": 3}
    table = session.reduce(
        pd.DataFrame({"k": ["a", "a", "b"], "n": [7, 8, 9]}),
        "Count",
        by=["k"],
        returns="total: int",
    )
    assert table.dtypes.astype(str).to_dict() == {"k": "str", "answer_total": "Int64"} or (
        table["answer_total"].dtype == "Int64"
    )


def failing(request: Request) -> Reply | None:
    """Fail where a prompt holds the word two."""
    if request.method != "POST":
        return None
    text = str(request.json["messages"])
    return chat_reply("") if "two" in text else chat_reply(words_of(text))


def test_a_group_that_failed_is_missing_and_says_why(
    session: Session, server: ScriptedServer
) -> None:
    """It raises, unless errors have a column of their own."""
    server.handler = failing
    frame = TABLES["pandas"]
    with pytest.raises(RowsError, match=r"1 of 3 failed: invalid: .*; errors=True keeps"):
        session.reduce(frame, "Sum up {{text}}", by="product")
    found = session.reduce(frame, "Sum up {{text}}", by="product", errors=True)
    assert found["answer"].isna().tolist() == [False, True, False]
    assert found["answer_error"].iloc[1].startswith("invalid: ")
    with pytest.raises(RowsError, match="failed"):
        session.reduce(frame, "Sum up {{text}}", errors=True, tokens=1)


@pytest.mark.parametrize(
    ("prompt", "keywords", "words"),
    [
        ("Sum up {{text}} of {{stars}}", {}, "the prompt names the columns text, stars"),
        ("Sum up", {"by": "prodct"}, "there is no column 'prodct'"),
        ("Sum up", {"of": "txt"}, "there is no column 'txt'"),
        ("Sum up", {"tokens": 0}, "tokens must be a whole number of at least 1"),
        ("", {}, "the prompt is a text"),
        ("Sum up", {"samples": 2}, "reduce takes no samples"),
        ("Sum up {{txt}}", {}, "txt"),
    ],
)
def test_what_cannot_be_summed_up_is_refused(
    session: Session, server: ScriptedServer, prompt: str, keywords: Any, words: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=words):
        session.reduce(TABLES["pandas"], prompt, **keywords)
    assert server.requests == []


def test_the_key_may_stand_in_the_prompt(session: Session, server: ScriptedServer) -> None:
    """As the value of the group."""
    session.reduce(TABLES["pandas"].dropna(), "Sum up {{text}} on {{product}}", by="product")
    prompts = sorted(request.json["messages"][-1]["content"] for request in server.requests)
    assert ["pot" in prompts[0] or "pot" in prompts[1], len(prompts)] == [True, 2]
