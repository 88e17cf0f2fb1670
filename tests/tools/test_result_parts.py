"""The text of a small container, whose values are described one by one."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from eighty80_jupyter.api.messages import ToolCall
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.tools.call import ToolResult, prepare_call
from eighty80_jupyter.tools.result import ToolSettings, result_text
from eighty80_jupyter.tools.tool import make_tool
from eighty80_jupyter.wire.secret import Secret

SECRET = "s3cr3t-value-1234"
REDACTOR = Redactor({"A_TOKEN": SECRET}, Secret("own-key-1234"))
TABLE = pd.DataFrame({"n": range(500), "word": "a few words"})


@pytest.mark.parametrize("value", [{"a": TABLE, "b": TABLE, "c": 3}, [TABLE, TABLE, 3]])
def test_each_part_has_its_share(value: Any) -> None:
    """So that the first does not take the room of the others, and all keep within the budget."""
    text = result_text(value, ToolSettings(budget=900))
    assert estimate(text) <= 900
    first, second, third = value if isinstance(value, dict) else range(3)
    assert text.startswith(f"{first}:\n")
    assert f"\n{second}:\n" in text
    assert text.endswith(f"\n{third}: 3")
    assert "left out" not in text  # by a cut: each part was made for its share


def test_secrets_are_taken_out_of_each_part() -> None:
    """Of the values and of their names."""
    text = result_text({"x": SECRET, SECRET: pd.DataFrame({"a": [SECRET]})}, _redacting())
    assert SECRET not in text
    assert text.count("A_TOKEN") >= 2


@pytest.mark.parametrize("name", [SECRET, "look"])
def test_why_a_call_was_not_made_is_cleaned(name: str) -> None:
    """A name that no tool has, and arguments that do not fit, may hold a secret."""
    tool = make_tool(lambda: None, name="look", description="of a test")
    wrong = ToolCall(id="x", name=name, arguments=f'{{"{SECRET}": 1}}')
    result = prepare_call({"look": tool}, wrong, _redacting())
    assert isinstance(result, ToolResult)
    assert result.status == ("invalid" if name == "look" else "unknown")
    assert SECRET not in result.text
    assert "A_TOKEN" in result.text


def _redacting() -> ToolSettings:
    return ToolSettings(redactor=REDACTOR, budget=400)


def test_deep_ones_are_described_as_a_whole() -> None:
    """Three within each other have their parts described; what is deeper is told in a word."""
    table = pd.DataFrame({"n": [1, 2]})
    wide = ToolSettings(budget=4_000)
    assert "all 2 rows" in result_text({"a": {"b": {"c": table}}}, wide)
    assert "all 2 rows" not in result_text({"a": {"b": {"c": {"d": table}}}}, wide)
