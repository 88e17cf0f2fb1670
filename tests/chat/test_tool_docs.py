"""What a docstring says of a tool: sections in odd places, and those that a parser is strict about.

The styles themselves are in test_tool_schema.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.chat.tool_docs import Documented, documented
from eighty80_jupyter.chat.tools import make_tool

KEYWORDS = """Do it.

Args:
    a: one

Keyword Args:
    b: two

Other Parameters:
    c (int): three
"""
LOOSE_ERRORS = """Do it.

Args:
    a: one

Raises:
    ValueError if it is wrong
    KeyError: if there is: none
"""
BESIDE_THE_QUOTES = """Args:
        a: one,
            wrapped
        b: two
"""
BELOW_THE_QUOTES = """
    Args:
        a: one
    Returns:
        b: what there is
    """
RESULT_FIRST = """Returns:
        what there is

    Args:
        a: one
    """


@pytest.mark.parametrize(
    ("doc", "description", "parameters"),
    [
        (KEYWORDS, "Do it.", {"a": "one", "b": "two", "c": "three"}),
        (LOOSE_ERRORS, "Do it.", {"a": "one"}),
        (BESIDE_THE_QUOTES, "", {"a": "one, wrapped", "b": "two"}),
        (BELOW_THE_QUOTES, "", {"a": "one"}),
        (RESULT_FIRST, "", {"a": "one"}),
        ("Args are: none.", "Args are: none.", {}),
    ],
)
def test_sections(doc: str, description: str, parameters: dict[str, str]) -> None:
    """No section is lost, and none leaks into the description."""

    def function() -> None: ...

    function.__doc__ = doc
    assert documented(function) == Documented(description, parameters)


class Adder:
    """Adds a number."""

    def __call__(self, a: int) -> int:
        return a + 1


class Doubler:
    """A thing."""

    def __call__(self, a: int) -> int:
        """Double a number."""
        return a * 2


@pytest.mark.parametrize(
    ("function", "words"), [(Adder(), "Adds a number."), (Doubler(), "Double a number.")]
)
def test_callable_objects(function: Any, words: str) -> None:
    """The call's own words, else the class's, and never those that all objects inherit."""
    assert make_tool(function).description == words
