"""Containers, objects with fields, estimators, texts, bytes, files and iterators."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import io
import json
import os
import socket
import sqlite3
import types
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import numpy as np
import pydantic
import pytest
from IPython import display
from sklearn.ensemble import RandomForestClassifier  # type: ignore[import-untyped]  # ships no types
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # ships no types
from sklearn.model_selection import GridSearchCV  # type: ignore[import-untyped]  # ships no types
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]  # ships no types
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]  # ships no types

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import Description, describe


def described(value: Any, options: str = "", *, budget: int = 1_000) -> Description:
    """Return a description."""
    return describe(value, name="x", options=options, budget=budget)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "[]"),
        ((), "()"),
        ({}, "{}"),
        (set(), "set()"),
        (frozenset(), "frozenset()"),
        ([1, "a", None, 2.5], "[1, 'a', None, 2.5]"),
        ((1,), "(1,)"),
        ({1, 2}, "{1, 2}"),
        (frozenset({"b", "a"}), "frozenset({'a', 'b'})"),
        ({"a": [1, {"b": ()}]}, "{'a': [1, {'b': ()}]}"),
        (collections.deque([1]), "deque([1])"),
        (collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (collections.defaultdict(list, a=[1]), "defaultdict({'a': [1]})"),
        (collections.OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (collections.UserDict(a=1), "{'a': 1}"),
        (types.MappingProxyType({"a": 1}), "mappingproxy({'a': 1})"),
        (types.SimpleNamespace(a=1), "SimpleNamespace(a=1)"),
        ({"a": 1}.keys(), "dict_keys(['a'])"),
        ({"a": 1}.items(), "dict_items([('a', 1)])"),
        ([b"ab", 10**20, float("nan"), ...], "[b'ab', 100000000000000000000, nan, Ellipsis]"),
        ([len, int, np], "[<function len>, <class int>, <module numpy>]"),
        ([0] * 50, "[0 (50 times)]"),
    ],
)
def test_containers(value: Any, text: str) -> None:
    """A small container is written whole, as Python would."""
    found = described(value)
    assert (found.text, found.inline, found.cut) == (text, True, "")


def test_order_of_a_dictionary() -> None:
    """The order that a dictionary has for its user is kept."""
    value = collections.OrderedDict(a=1, b=2)
    value.move_to_end("a")
    assert described(value).text == "OrderedDict({'b': 2, 'a': 1})"


def test_long_lists() -> None:
    """A long list is cut to its first items, and its size and range are told."""
    found = described(list(range(10_000)))
    assert found.text.startswith(
        "list of 10,000 items (0 to 9999), the first 100 shown:\n[0, 1, 2,"
    )
    assert found.text.endswith("99, … 9,900 more]")
    assert found.summary == "10,000 items, 100 shown"
    assert found.cut == "9,900 items of 10,000"


def test_head_of_a_list() -> None:
    """`head=N` shows that many items, if they fit."""
    found = described(list(range(10_000)), "head=200")
    assert "the first 200 shown" in found.text
    assert "[0, 1, 2, … 7 more]" in described(list(range(10)), "head=3").text
    assert described([1, 2], "head=5").text == "[1, 2]"


def test_full_list() -> None:
    """`full` writes all of it."""
    found = described(list(range(10_000)), "full", budget=10)
    assert found.text.endswith("9998, 9999]")
    assert found.cut == ""
    with pytest.raises(UsageError, match="2,000,000 items with too many values"):
        described([1] * 2_000_000, "full")


def test_records() -> None:
    """Items that are not plain stand on lines of their own."""
    value = [{"id": n, "name": f"name {n}", "tags": ["a", "b"]} for n in range(100)]
    lines = described(value, budget=150).text.splitlines()
    assert lines[0].startswith("list of 100 items, the first ")
    assert lines[2] == " {'id': 0, 'name': 'name 0', 'tags': ['a', 'b']},"
    assert lines[-2].startswith(" … ")


def test_nested_items_are_cut() -> None:
    """What is left out below the top is counted where it was."""
    found = described({"a": {"b": list(range(1_000))}, "c": "x" * 5_000}, budget=200)
    assert " more]" in found.text
    assert "(5,000 characters)" in found.text
    assert found.cut == "parts of the items"
    deep: Any = "end"
    for _ in range(40):
        deep = [deep]
    assert "<list of 1>" in described(deep).text


def test_self_references() -> None:
    """What contains itself ends there."""
    items: list[Any] = [1]
    items.append(items)
    assert described(items).text == "[1, <itself>]"
    table: dict[str, Any] = {"items": items}
    items.append(table)
    table["me"] = table
    assert described(table).text == "{'items': [1, <itself>, <itself>], 'me': <itself>}"
    same = [1]
    assert described([same, same]).text == "[[1], [1]]"


def test_json() -> None:
    """`json` writes what a parser reads, of anything with keys, items or fields."""
    value = {"a": [1, 2.5, None, True], 3: ("x", {"y": 'q"'}), "n": float("inf")}
    parsed = json.loads(described(value, "json").text)
    assert parsed == {"a": [1, 2.5, None, True], "3": ["x", {"y": 'q"'}], "n": "inf"}
    assert json.loads(described(Point(1, label="p"), "json").text) == {"x": 1, "label": "p"}
    cut = described({str(n): list(range(100)) for n in range(100)}, "json", budget=200)
    assert "… " in cut.text


def test_subclasses_run_no_code() -> None:
    """A container is read as its base is, whatever its class has made of that."""

    class Odd(dict[str, int]):
        def items(self) -> Any:
            raise AssertionError

        def __iter__(self) -> Iterator[str]:
            raise AssertionError

        def __len__(self) -> int:
            raise AssertionError

    assert described(Odd(a=1)).text == "Odd({'a': 1})"


def test_environment() -> None:
    """Of the environment the names are told, and no value."""
    found = described(os.environ)
    assert found.text.startswith("os.environ, names only: ")
    assert "PATH" in found.text
    assert os.environ["PATH"] not in found.text
    assert os.environ["PATH"] not in described({"env": os.environ}).text
    assert os.environ["PATH"] not in described(os.environ, "json").text


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: int
    label: str = "p"
    password: str = dataclasses.field(default="hidden", repr=False)


@dataclasses.dataclass(slots=True, frozen=True)
class Tree:
    """A dataclass with slots."""

    value: int
    child: Any = None


@dataclasses.dataclass
class Quiet:
    """A dataclass that has decided for itself how it reads."""

    token: str

    def __repr__(self) -> str:
        return "Quiet(...)"


@attrs.define
class Box:
    """An attrs class."""

    size: int
    token: str = attrs.field(default="hidden", repr=False)


class Model(pydantic.BaseModel):
    """A pydantic model."""

    size: int
    table: Any = None
    token: str = pydantic.Field(default="hidden", repr=False)
    key: pydantic.SecretStr = pydantic.SecretStr("hidden")


class Loose(pydantic.BaseModel, extra="allow"):
    """A pydantic model that takes more than it names."""


Untyped = collections.namedtuple("Untyped", "a")  # noqa: PYI024  # this kind too


class Pair(NamedTuple):
    """A named tuple."""

    x: int
    y: Any


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Point(1), "Point(x=1, label='p')"),
        (Tree(1, Tree(2)), "Tree(value=1, child=Tree(value=2, child=None))"),
        (Quiet("hidden"), "Quiet(...)"),
        (Box(3), "Box(size=3)"),
        (
            Model(size=1, table=np.zeros((2, 3))),
            "Model(size=1, table=<numpy.ndarray 2x3 float64>, key=SecretStr('**********'))",
        ),
        (Loose(other=1), "Loose(other=1)"),  # type: ignore[call-arg]  # it takes any
        (Pair(1, [2]), "Pair(x=1, y=[2])"),
        (Untyped(1), "Untyped(a=1)"),
    ],
)
def test_fields(value: Any, text: str) -> None:
    """An object with fields is written as the call that makes it; hidden fields stay hidden."""
    assert described(value).text == text
    assert described([value]).text == f"[{text}]"


def test_fields_run_no_properties() -> None:
    """Fields are read where they are stored: no property of the class runs."""

    @dataclasses.dataclass
    class Lazy:
        x: int

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

    value = object.__new__(Lazy)
    object.__setattr__(value, "x", 3)
    assert described(value).text == "Lazy(x=3)"


def test_many_fields() -> None:
    """Very many or very long fields are cut."""
    found = described(Tree(1, list(range(10_000))), budget=80)
    assert found.tokens <= 88
    assert "fields" in found.summary


def test_estimators() -> None:
    """An estimator is told by what is not its default, and whether it has learned."""
    assert described(LogisticRegression(C=2.0)).text == "LogisticRegression(C=2.0), not fitted"
    assert described(LogisticRegression(C=1.0)).text == "LogisticRegression(), not fitted"
    rows, classes = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.9, 0.1]], [0, 1, 0, 1]
    fitted = described(LogisticRegression(max_iter=300).fit(rows, classes))
    assert fitted.text.startswith("LogisticRegression(max_iter=300)\nfitted:\n")
    assert "- classes_ = [0, 1]" in fitted.text
    assert fitted.summary == "fitted"
    assert fitted.kind == "sklearn.LogisticRegression"


def test_nested_estimators() -> None:
    """A pipeline tells its steps and what they have learned, a search its best."""
    pipe = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(C=0.5))
    text = described(pipe).text
    assert "('standardscaler', StandardScaler(with_mean=False))" in text
    assert "LogisticRegression(C=0.5)" in text
    assert text.endswith("not fitted")
    rows, classes = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.9, 0.1]], [0, 1, 0, 1]
    assert "- standardscaler.scale_ = [" in described(pipe.fit(rows, classes)).text
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(rows, classes)
    assert "- best_params_ = {'C': " in described(search).text
    forest = described(RandomForestClassifier(n_estimators=300).fit(rows, classes), budget=60)
    assert forest.text.startswith("RandomForestClassifier(n_estimators=300)")
    assert forest.tokens <= 66
    assert "learned attributes" in forest.cut


def test_bytes() -> None:
    """Bytes are told by their number and their beginning."""
    assert described(b"abc").text == "b'abc'"
    found = described(b"\x89PNG" + bytes(1_000))
    assert found.text.startswith("1,004 bytes, the first 64:\n89504e47 00000000")
    assert ".PNG...." in found.text
    assert found.cut == "940 bytes"
    assert described(memoryview(b"abc")).text == "b'abc'"
    assert described(memoryview(bytes(1_000))[::2]).text.startswith("500 bytes")
    assert described(b"x" * 500, "full").text == repr(b"x" * 500)


def generated() -> Iterator[int]:
    """Yield nothing that may be taken."""
    yield 1
    raise AssertionError


async def awaited() -> None:
    """Never run."""
    raise AssertionError


async def streamed() -> AsyncIterator[int]:
    """Never run."""
    yield 1


def test_iterators_are_not_consumed(tmp_path: Path) -> None:
    """What reading would use up is named, and still whole afterwards."""
    numbers = iter([1, 2, 3])
    assert described(numbers).text == "list_iterator, not read"
    assert list(numbers) == [1, 2, 3]
    generator = generated()
    assert described(generator).text == "generator generated, not read"
    assert described([generator]).text == "[<generator generated>]"
    assert next(generator) == 1
    assert described(map(str, [1])).text == "map iterator, not read"
    assert described(streamed()).text == "async generator streamed, not read"
    coroutine = awaited()
    assert described(coroutine).text == "coroutine awaited, not read"
    coroutine.close()
    path = tmp_path / "file.txt"
    path.write_text("content")
    with path.open() as file:
        assert described(file).text == f"open file (TextIOWrapper) {str(path)!r}, mode r, not read"
        assert file.read() == "content"
    assert described(file).text.startswith("closed file")
    buffer = io.BytesIO(b"abc")
    assert described(buffer).text == "open file (BytesIO), not read"
    assert buffer.read() == b"abc"


def test_sockets_and_cursors() -> None:
    """A socket and a cursor are named."""
    with socket.socket() as connection:
        assert described(connection).text == "socket AF_INET SOCK_STREAM, not read"
    assert described(connection).text.startswith("closed socket")
    database = sqlite3.connect(":memory:")
    cursor = database.execute("select 1")
    assert "Cursor iterator, not read" in described(cursor).text
    assert cursor.fetchone() == (1,)
    database.close()


def test_iterators_of_users() -> None:
    """An iterator of the user's own is named by its `repr`, and not asked for items."""

    class Countdown:
        def __iter__(self) -> Countdown:
            raise AssertionError

        def __next__(self) -> int:
            raise AssertionError

        def __repr__(self) -> str:
            return "Countdown(3)"

    assert described(Countdown()).text == "Countdown(3), not read"


def test_awaitables() -> None:
    """A future is not waited for."""
    loop = asyncio.new_event_loop()
    future: asyncio.Future[int] = loop.create_future()
    assert "pending" in described(future).text
    loop.close()


def test_display_objects() -> None:
    """What IPython displays is described by what it holds."""
    assert described(display.HTML("<b>x</b>")).text == "<b>x</b>"
    assert described(display.Markdown("# Title")).kind == "IPython.Markdown"
    assert described(display.JSON({"a": 1})).text == "{'a': 1}"
    long = described(display.Markdown("words " * 5_000), budget=100)
    assert long.tokens <= 110
    assert described(display.Image(data=b"\x89PNG\r\n\x1a\n")).text == "IPython.Image, 8 bytes"
