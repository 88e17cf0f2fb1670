"""The type of an answer on the line of an exported cell: it reads back as the same shape."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import pytest

from eighty80_jupyter.notebook.line.parser import parse
from eighty80_jupyter.notebook.saved.asked_type import asked_type
from eighty80_jupyter.structured.shape import shape_of


class Colour(Enum):
    """What a person may name."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Stay:
    """Where somebody was."""

    place: str
    days: list[int]


SCHEMA = {"type": "array", "items": {"type": "integer", "minimum": 3}}


@pytest.mark.parametrize(
    "returns",
    [
        *(int, bool, dt.date, list[str], dict[str, float], int | None, Literal["a b", 2]),
        *(Colour, Stay, list[Stay], SCHEMA, {"title": "T", **SCHEMA}, (1, 2), ["p", "q, r", "'s'"]),
        {"a b": ["x", 'it is, "y"'], "n": {"deep": [True, "no"]}},
        "label: bug|feature, n?: int",
    ],
    ids=str,
)
def test_the_option_asks_for_the_same(returns: Any) -> None:
    """Whatever was asked for in Python, the server and the model are told the same by the line."""
    asked = asked_type(returns, {})
    line = parse(asked.option)[0]
    names = {"Colour": Colour, "Stay": Stay}
    read = shape_of(line.returns or asked_choices(line.choices), names)
    wanted = shape_of(returns)
    assert read.response_format() == wanted.response_format()
    assert read.instruction(as_json=True) == wanted.instruction(as_json=True)


def asked_choices(text: str | None) -> list[str]:
    from eighty80_jupyter.structured.shorthand import choices_of  # noqa: PLC0415  # beside its use

    return list(choices_of(text or ""))


def test_what_can_be_imported_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of a module is named with it; one of the notebook is shown, without its code."""
    assert asked_type(Stay, {}).classes == {"Stay": [f"from {__name__} import Stay"]}
    monkeypatch.setattr(Stay, "__module__", "__main__")
    (lines,) = asked_type("stay: Stay", {"Stay": Stay}).classes.values()
    assert lines == ["@dataclass", "class Stay:", "    place: str", "    days: list[int]"]
    assert asked_type(None, {}).option == ""
