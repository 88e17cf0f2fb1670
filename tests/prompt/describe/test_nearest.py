"""Suggestions for names that do not exist."""

from __future__ import annotations

import time
import types
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.prompt.describe.nearest import did_you_mean, names_like


class Account:
    """A class with a property that must not run."""

    def __init__(self) -> None:
        self.balance = 3
        self._secret = 4

    @property
    def owner(self) -> str:
        """Fail."""
        raise AssertionError

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)

    def __dir__(self) -> Any:
        raise AssertionError


@pytest.mark.parametrize(
    ("value", "name", "names"),
    [
        ({"df": 1, "diff": 2, "other": 3}, "dff", ["df", "diff"]),
        ({"price": 1}, "PRICE", ["price"]),
        ({"price_eur": 1}, "price", ["price_eur"]),
        ({"price": 1, 3: 2, None: 4}, "prcie", ["price"]),
        ({"_private": 1}, "private", []),
        ({"_private": 1}, "_privat", ["_private"]),
        ({"items_": 1}, "keys", []),
        (pd.DataFrame({"price": [1], "city": ["x"]}), "prcie", ["price"]),
        (pd.DataFrame({"price": [1]}), "grupby", ["groupby"]),
        (pd.DataFrame({1: [1]}), "zzzzzz", []),
        (pd.Series({"alpha": 1, "beta": 2}), "alhpa", ["alpha"]),
        (pl.DataFrame({"price": [1]}), "prise", ["price"]),
        (pl.LazyFrame({"price": [1]}), "prise", ["price"]),
        (pa.table({"price": [1]}), "prise", ["price"]),
        (Account, "ownr", ["owner"]),
        (np, "arrray", ["array"]),
        ("text", "uper", ["upper"]),
        ([1], "apend", ["append"]),
        (3, "zzzzzz", []),
        (None, "x", []),
    ],
)
def test_names(value: Any, name: str, names: list[str]) -> None:
    """Keys, columns and attributes that are close are suggested, and no attribute is evaluated."""
    found = names_like(value, name)
    assert found[: len(names)] == names
    assert bool(found) == bool(names)


def test_properties_are_not_evaluated() -> None:
    """A property is suggested by its name, and its code does not run."""
    assert names_like(Account(), "balanse") == ["balance"]
    assert names_like(Account(), "ownr") == ["owner"]
    assert names_like(Account(), "secret") == []


def test_names_are_bounded() -> None:
    """Among very many names the search stays short, and the answer too."""
    start = time.process_time()
    assert len(names_like({f"name_{n}": n for n in range(1_000_000)}, "name")) <= 3
    assert len(names_like(pd.DataFrame(np.zeros((1, 50_000))).add_prefix("x"), "xx")) <= 3
    assert names_like({"a" * 10**6: 1}, "a" * 100) == []
    assert time.process_time() - start < 50


def test_odd_values() -> None:
    """Nothing that a value does makes a suggestion fail."""

    class Odd:
        __slots__ = ("slot",)

        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert names_like(Odd(), "slto") == ["slot"]
    assert names_like(types.SimpleNamespace(alpha=1), "alpah") == ["alpha"]


def test_sentence() -> None:
    """Names that are close make a sentence, each of them once; what is no text is no name."""
    assert did_you_mean(["diff", 3, "df", "diff", "_df"], "dff") == " Did you mean df, diff?"
    assert did_you_mean(["city"], "price") == ""
