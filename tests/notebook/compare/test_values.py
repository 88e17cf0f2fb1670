"""What can be compared: values of a parameter as a person types them."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.compare.grid import COMPARABLE, SAMPLES, values_of


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("temperature", "0, 0.5,1 ,", [0, 0.5, 1]),
        ("temperature", "0..1 step 0.25", [0, 0.25, 0.5, 0.75, 1]),
        ("temperature", "1 .. 0.7  step -.1", [1, 0.9, 0.8, 0.7]),
        ("presence_penalty", "-2..2 step 1.5", [-2, -0.5, 1]),
        ("seed", "1, 1, 2", [1, 1, 2]),
        ("max_tokens", "10..30 step 10", [10, 20, 30]),
        ("seed", "1, -2", [1, -2]),
        ("model", "8080/one, other/two", ["8080/one", "other/two"]),
        ("reasoning_effort", "low, high", ["low", "high"]),
        (SAMPLES, " 3 ", [None, None, None]),
    ],
)
def test_values_are_read(name: str, text: str, values: list[Any]) -> None:
    assert values_of(name, text) == values


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("temperature", "0, 3", "temperature must be between 0 and 2, got 3"),
        ("temperature", "hot", "temperature must be between 0 and 2, got 'hot'"),
        ("temperature", "", "no values of temperature"),
        ("temperature", "0..1", "got '0..1'"),
        ("temperature", "0..1 step 0", "in steps of 0"),
        ("temperature", "0..1 step -1", "no way from 0 to 1"),
        ("temperature", "0..2 step 0.000001", "makes 2,000,001 values; at most 8"),
        ("seed", "1,2,3,4,5,6,7,8,9", "at most 8 columns stand side by side, got 9"),
        ("max_tokens", "1..2 step 0.5", "max_tokens must be an integer"),
        (SAMPLES, "9", "from 1 to 8, got '9'"),
        (SAMPLES, "x", "from 1 to 8, got 'x'"),
        ("stop", "a", "unknown parameter to compare stop"),
    ],
)
def test_bad_values_are_refused_in_one_line(name: str, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        values_of(name, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_can_be_swept_is_in_the_table() -> None:
    assert set(COMPARABLE) < set(PARAMETERS)
    assert {"temperature", "top_p", "max_tokens", "seed", "reasoning_effort", "model"} < set(
        COMPARABLE
    )
