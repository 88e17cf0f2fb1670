"""Properties that hold for any value, any option and any budget."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import describe

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=60),
    st.binary(max_size=60),
    st.datetimes(),
    st.decimals(),
    st.fractions(),
    st.uuids(),
    st.timedeltas(),
)
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.dictionaries(st.one_of(st.text(max_size=9), st.integers()), inner, max_size=8),
        st.tuples(inner, inner),
    ),
    max_leaves=60,
)
CELLS = st.one_of(
    st.none(), st.integers(-9, 9), st.floats(), st.text(max_size=30), st.lists(st.integers())
)
OPTIONS = st.lists(
    st.sampled_from(
        ["schema", "head=3", "tail=2", "sample=4", "csv", "md", "json", "head", "image", ".2f"]
    ),
    max_size=3,
).map(",".join)


@pytest.mark.slow
@given(NESTED, st.integers(1, 400))
def test_any_value(value: Any, budget: int) -> None:
    """Any value is described within a tenth of any budget; what is cut is said."""
    found = describe(value, name="x", budget=budget)
    assert found.tokens <= max(budget * 1.1, budget + 1)
    assert not (found.inline and len(found.text.splitlines()) > 1)
    assert describe(value, name="x", budget=budget) == found


@pytest.mark.slow
@given(NESTED)
def test_any_value_as_json(value: Any) -> None:
    """What fits is written as JSON that a parser reads."""
    if isinstance(value, (list, dict, tuple)):
        found = describe(value, name="x", options="json", budget=100_000)
        json.loads(found.text)


@pytest.mark.slow
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=70), OPTIONS, st.integers(9, 900))
@settings(max_examples=150, deadline=None)
def test_any_frame(rows: list[list[Any]], options: str, budget: int) -> None:
    """Any frame is described within any budget; the only error is that for the options."""
    frame = pd.DataFrame(rows, columns=["a", "b", "b"], dtype=object)
    try:
        found = describe(frame, name="x", options=options, budget=budget)
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017  # not every example raises
        return
    assert found.tokens <= max(budget * 1.1, budget + 1)
    assert found.kind == "pandas.DataFrame"
    assert found.text.startswith("pan")


@given(st.lists(st.text(max_size=40), max_size=90), st.integers(20, 900))
@settings(deadline=None)
def test_any_texts(texts: list[str], budget: int) -> None:
    """So is any column of texts elsewhere."""
    found = describe(pl.DataFrame({"texts": texts}), name="x", budget=budget)
    assert found.tokens <= budget * 1.1
    assert found.text.startswith("polars.DataFrame")
