"""Budgets: what is cut from a description, and what it says of that."""

from __future__ import annotations

import collections
import types
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.prompt.describe.registry import Description, describe
from eighty80_jupyter.prompt.tokens import estimate
from tests.prompt.describe.speaking import Speaks


def test_long_texts_are_cut_in_the_middle() -> None:
    """A long text keeps its beginning and its end, and says how much is gone between."""
    lines = [f"line {number}: something happens" for number in range(5_000)]
    found = describe("\n".join(lines), name="x", budget=200)
    shown = found.text.splitlines()
    assert shown[0] == lines[0]
    assert shown[-1] == lines[-1]
    assert any(line.startswith("[… ") and "characters left out]" in line for line in shown)
    assert "characters" in found.cut
    assert found.tokens <= 220
    assert "shown" in found.summary


LONG: dict[str, Any] = {
    "text": "some words and 123 numbers, again\n" * 2_000,
    "word": "x" * 50_000,
    "bytes": bytes(range(256)) * 100,
    "numbers": list(range(10_000)),
    "records": [{"id": n, "name": f"name {n}", "tags": ["a", "b"]} for n in range(1_000)],
    "nested": {f"key {n}": {"inner": list(range(n))} for n in range(200)},
    "deep": collections.deque([[["x" * 1_000] * 50] * 50] * 50),
    "texts": {"a": "x" * 5_000, "b": ["words " * 500] * 20},
    "array": np.arange(1_000_000.0).reshape(1_000, 1_000),
    "objects": np.array([{"a": 1}] * 5_000, dtype=object),
    "narrow": pd.DataFrame({"a": range(1_000), "b": ["some text, quoted"] * 1_000}),
    "wide": pd.DataFrame(np.random.default_rng(0).normal(size=(100, 300))),
    "long names": pd.DataFrame({f"a rather long name {n} " * 5: [n] * 60 for n in range(40)}),
    "long cells": pd.DataFrame({"a": ["word " * 1_000] * 60, "b": ["x" * 10_000] * 60}),
    "small": pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "many levels": pd.DataFrame(
        {"v": range(100)}, index=pd.MultiIndex.from_product([range(10), list("abcdefghij")])
    ),
    "series": pd.Series(["a text"] * 500, name="s"),
    "index": pd.date_range("2024-01-01", periods=500),
    "function": pd.read_csv,
    "class": pd.DataFrame,
    "module": np,
    "error": ValueError("a long message " * 500),
    "spoken": Speaks("words " * 5_000),
    "names": types.SimpleNamespace(**{f"field_{n}": n for n in range(500)}),
}


@pytest.mark.parametrize("budget", [5, 15, 30, 60, 120, 300, 1_000, 4_000])
@pytest.mark.parametrize("name", list(LONG))
def test_budgets(name: str, budget: int) -> None:
    """No description takes more than a tenth above its budget."""
    found = describe(LONG[name], name=name, budget=budget)
    assert found.tokens == estimate(found.text)
    assert found.tokens <= budget * 1.1
    assert found.text


@pytest.mark.parametrize(
    "options", ["head=50", "tail=50", "sample=50", "csv", "md", "json", "schema"]
)
@pytest.mark.parametrize("name", ["narrow", "wide", "long names", "long cells", "many levels"])
@pytest.mark.parametrize("budget", [40, 200, 1_000])
def test_budgets_with_options(name: str, options: str, budget: int) -> None:
    """Options ask for rows and forms; only `full` lifts the budget."""
    found = describe(LONG[name], name=name, options=options, budget=budget)
    assert found.tokens <= budget * 1.1


def test_what_is_cut_is_said() -> None:
    """Whatever is cut is named in `cut`, and the text of long values says so as well."""
    for name in ("text", "numbers", "records", "nested", "narrow", "wide", "module"):
        found = describe(LONG[name], name=name, budget=150)
        assert found.cut, name
        assert "…" in found.text, name


def test_secrets_are_taken_out_before_a_cut() -> None:
    """No half of a secret stays: a text is cleaned before it is cut or quoted."""
    secret = "sk-" + "s3cr3t" * 20

    def scrub(text: str) -> str:
        return text.replace(secret, "[redacted]")

    def found(value: Any) -> Description:
        return describe(value, name="x", budget=100, scrub=scrub)

    padding = "word " * 70
    values: list[Any] = [
        padding + secret + padding * 20,
        [padding + secret + padding * 20],
        {"a": ("y" * 35 + secret) * 3},
        pd.DataFrame({"a": ["y" * 60 + secret] * 100}),
        Speaks(padding + secret + padding * 20),
    ]
    for value in values:
        assert "s3cr3t" not in found(value).text


def test_quoting_does_not_hide_secrets() -> None:
    """A secret of several lines is found in a list, where its line ends would be escaped."""
    secret = "-----BEGIN KEY-----\nabc\n-----END KEY-----"
    found = describe([secret], name="x", scrub=lambda text: text.replace(secret, "[redacted]"))
    assert found.text == "['[redacted]']"
