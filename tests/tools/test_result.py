"""A tool's result as text: compact, bounded, without secrets, and harmless whatever it says."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from eighty80_jupyter.prompt.describe.registry import Registry
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.tools.result import (
    EMPTY,
    NOTHING,
    ToolSettings,
    cleaned,
    error_text,
    result_text,
)
from eighty80_jupyter.tools.run import FirstItems
from eighty80_jupyter.wire.secret import Secret

SECRET = "s3cr3t-value-1234"
REDACTOR = Redactor({"A_TOKEN": SECRET}, Secret("own-key-1234"))
REDACTING = ToolSettings(redactor=REDACTOR, budget=200)


class Color(Enum):
    """A colour."""

    RED = "red"


@dataclass
class Point:
    """A point."""

    x: int
    tags: tuple[str, ...] = ()


class Pair(NamedTuple):
    """A pair."""

    x: int
    y: int


class Item(BaseModel):
    """An item."""

    name: str
    day: dt.date


TEXTS: dict[str, tuple[Any, str]] = {
    "text": ("a\nb", "a\nb"),
    "empty": ("", EMPTY),
    "none": (None, NOTHING),
    "true": (True, "true"),
    "number": (5, "5"),
    "half": (0.5, "0.5"),
    "nan": (float("nan"), "NaN"),
    "dict": ({"a": [1, None, True], "b": {"c": "é"}}, '{"a":[1,null,true],"b":{"c":"é"}}'),
    "number keys": ({1: 2, None: 3}, '{"1":2,"None":3}'),
    "tuple": ((1, "a"), '[1,"a"]'),
    "set": ({1}, "[1]"),
    "deque": (deque([1]), "[1]"),
    "named tuple": (Pair(1, 2), "[1,2]"),
    "date": (dt.date(2026, 1, 2), '"2026-01-02"'),
    "dates": ({"at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}, '{"at":"2026-01-02T00:00:00Z"}'),
    "duration": (dt.timedelta(seconds=90), '"PT1M30S"'),
    "decimal": (Decimal("1.50"), '"1.50"'),
    "uuid": (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    "path": (PurePosixPath("a/b"), '"a/b"'),
    "enum": (Color.RED, '"red"'),
    "bytes": (b"ab", '"ab"'),
    "dataclass": (Point(1, ("a",)), '{"x":1,"tags":["a"]}'),
    "model": (Item(name="a", day=dt.date(2026, 1, 2)), '{"name":"a","day":"2026-01-02"}'),
    "models": ([Point(1), {"p": Point(2)}], '[{"x":1,"tags":[]},{"p":{"x":2,"tags":[]}}]'),
    "numpy": ({"a": np.int64(3), "b": np.float32(0.5)}, '{"a":3,"b":0.5}'),
    "numpy alone": (np.int64(3), "3"),
}


@pytest.mark.parametrize("row", TEXTS)
def test_texts(row: str) -> None:
    """A text stays as it is; what JSON can carry is compact JSON."""
    value, expected = TEXTS[row]
    assert result_text(value) == expected


def test_described() -> None:
    """Anything else is described as prompts describe it, registered types too."""
    frame = pd.DataFrame({"city": ["Paris", "Rome"], "degrees": [20, 25]})
    text = result_text(frame)
    assert "Paris" in text
    assert "degrees" in text
    for held in ({"table": frame, "n": 2}, [frame, frame], (2, {"in": frame})):
        assert "Rome" in result_text(held)
    assert result_text({"a": {"b": object_saying("x")}, "n": 2}) == "a: b: x\nn: 2"
    assert estimate(result_text([frame] * 10, ToolSettings(budget=800))) <= 900
    keys = {"k" * 101: "k" * 100, 5: "5", ("a",): "tuple", 2.5: "float"}
    said = result_text(dict.fromkeys(keys, object_saying("x")))
    assert said == "".join(f"{name}: x\n" for name in keys.values()).strip()
    registry = Registry()
    registry.register(pd.DataFrame, lambda _: "my table")
    assert result_text(frame, ToolSettings(registry=registry)) == "my table"
    for value in (b"\xff\xfe", np.arange(5), object(), range(3), [object()], print):
        assert result_text(value)
    cycle: list[Any] = [1]
    cycle.append(cycle)
    assert result_text(cycle)


def test_figure() -> None:
    """A figure's text says what it is."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # slow to import

    figure = Figure()
    figure.subplots().plot([1, 2], label="a line")
    assert "a line" in result_text(figure)


def test_first_items() -> None:
    """A generator that has more than was taken says so."""
    assert result_text(FirstItems([1, 2])) == "[1,2]\n[… more: only the first 2 items were taken]"


def test_budget() -> None:
    """A long text keeps its beginning, within the budget, and says how much is gone."""
    for value, size in (
        ("word " * 10_000, 50_000),
        ("x" * 10_000, 10_000),
        (list(range(5_000)), len(json.dumps(list(range(5_000)), separators=(",", ":")))),
        (" \n" * 10_000, 20_000),
    ):
        text = result_text(value, ToolSettings(budget=100))
        kept, note = text.rsplit("\n", 1)
        assert note == f"[… {size - len(kept):,} of {size:,} characters left out]"
        assert (10 if isinstance(value, str) and value.isspace() else 40) < estimate(text) <= 105
    large = [dt.date(2026, 1, 1)] * 1_000_000
    assert estimate(result_text(large, ToolSettings(budget=100))) <= 110
    assert result_text("a b", ToolSettings(budget=1))
    assert len(result_text("x" * 1000, ToolSettings(budget=0))) < 100


@pytest.mark.parametrize(
    "value",
    [
        "x" * 50_000_000,
        "</data> <|im_start|> " * 2_500_000,
        " " * 50_000_000,
        {"text": "\n" * 50_000_000},
        ("AKIA" + "-----BEGIN RSA PRIVATE KEY-----\n") * 1_500_000,
        [f"line {number}" for number in range(2_000_000)],
        {number: {"n": number} for number in range(500_000)},
        b"\xff" * 50_000_000,
    ],
    ids=["text", "marks", "spaces", "json", "keys", "list", "dict", "bytes"],
)
def test_huge(value: Any) -> None:
    """50 MB are no more work than a copy."""
    start = time.process_time()
    text = result_text(value, ToolSettings(redactor=REDACTOR, budget=500))
    assert time.process_time() - start < 60  # looking at all of it takes minutes
    assert estimate(text) <= 1_100
    assert any(words in text for words in ("left out", "…", "more", "the first"))


MARKS = [
    "</data>",
    '<data name="x" type="y" id="z">',
    "<|im_start|>system",
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|python_tag|>",
    "<|endoftext|>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "</s>",
    "<start_of_turn>",
    "<tool_call>",
    "</tool_response>",
]


@pytest.mark.parametrize("mark", MARKS)
def test_marks(mark: str) -> None:
    """What could end data or change the speaker is broken up, in every kind of result."""
    for value in (mark, [mark], {mark: 1}, Point(1, (mark,)), object_saying(mark)):
        text = result_text(value)
        assert mark not in text
        assert mark[:1] + "\\" + mark[1:7] in text
    assert mark not in error_text(ValueError(mark))


def object_saying(text: str) -> Any:
    """Make an object of which only its repr is known."""
    return type("Says", (), {"__repr__": lambda _: text})()


@pytest.mark.slow
def test_secrets() -> None:
    """Secrets are taken out of every kind of result, and no half of one stays at a cut."""
    for value in (
        f"a {SECRET} own-key-1234",
        [SECRET, "own-key-1234"],
        {SECRET: "own-key-1234"},
        Point(1, (SECRET, "own-key-1234")),
        object_saying(f"<{SECRET} own-key-1234>"),
        pd.DataFrame({"a": [SECRET, "own-key-1234"]}),
    ):
        text = result_text(value, REDACTING)
        assert "[redacted: A_TOKEN]" in text
        assert SECRET not in text
        assert "own-key" not in text
    for before in range(150, 2_700, 7):
        text = result_text("x" * before + SECRET + " y" * 20_000, REDACTING)
        assert "s3cr" not in text
    # What is redacted makes room for what was not looked at.
    key = "-----BEGIN PRIVATE KEY-----\n" + "A" * 3_000 + "\n-----END PRIVATE KEY-----\n"
    assert "AAAA" not in result_text(key * 50, REDACTING)
    assert SECRET not in result_text((SECRET + " ") * 50_000, REDACTING)
    assert SECRET in result_text(SECRET)


def test_environment() -> None:
    """The environment, or a copy of it, gives names only."""
    environ = {"HOME": "/home/u", "A_TOKEN": SECRET}
    settings = ToolSettings(redactor=Redactor(environ))
    for value in (environ, dict(environ), environ.items()):
        assert result_text(value, settings) == "2 environment variables, names only: A_TOKEN, HOME"


def test_half_pairs() -> None:
    """A text can be sent whatever its characters are."""
    for value in ("\ud800", ["\ud83d\ude00", "\udfff"], {"\ud800": 1}, object_saying("\ud800")):
        result_text(value).encode()
    assert result_text("a\ud83d\ude00\ud800") == "a😀\ufffd"
    error_text(ValueError("\ud800")).encode()


GROUPED = "ValueError: 0; ValueError: 1; ValueError: 2; and 2 more"


class Broken(Exception):  # noqa: N818  # a name for the test
    """Cannot even be shown."""

    def __str__(self) -> NoReturn:
        """Fail."""
        raise RuntimeError


def test_errors() -> None:
    """An exception is its class and its message, short and without a traceback."""
    noted = ValueError("bad")
    noted.add_note("try 5")
    group = ExceptionGroup("several", [ValueError(str(number)) for number in range(5)])
    for error, expected in (
        (ValueError("no such city"), "ValueError: no such city"),
        (KeyError("x"), "KeyError: 'x'"),
        (AssertionError(), "AssertionError"),
        (SystemExit(1), "SystemExit: 1"),
        (noted, "ValueError: bad\ntry 5"),
        (Broken(), "Broken"),
        (group, "ExceptionGroup: several (5 sub-exceptions): " + GROUPED),
        (ValueError(SECRET), "ValueError: [redacted: A_TOKEN]"),
    ):
        assert error_text(error, REDACTING) == expected
    long = error_text(ValueError("x" * 50_000_000))
    assert estimate(long) <= 410
    assert long.endswith("characters left out]")


@given(st.text() | st.binary() | st.lists(st.text() | st.floats() | st.none()), st.integers(0, 60))
def test_any_value(value: Any, budget: int) -> None:
    """Any value is a text that can be sent, within the budget and its note."""
    text = result_text(value, ToolSettings(budget=budget, redactor=REDACTOR))
    text.encode()
    assert estimate(text) <= max(budget, 1) * 2 + 40


@given(st.text(), st.integers(1, 50))
def test_cleaned_again(text: str, budget: int) -> None:
    """What was cleaned has no mark left, and short texts stay whole."""
    once = cleaned(text, 10_000)
    assert "</data>" not in once
    assert len(cleaned(text, budget)) <= len(once) + 60


def test_what_holds_itself() -> None:
    """A container within itself is described a few levels deep, and at once."""
    items: list[Any] = []
    items.append(items)
    mapping: dict[str, Any] = {"frame": pd.DataFrame({"a": [1]})}
    mapping["self"] = mapping
    start = time.process_time()
    assert "<itself>" in result_text(items)
    text = result_text(mapping)
    assert time.process_time() - start < 30
    assert "pandas.DataFrame" in text
    assert estimate(text) <= 2_000
