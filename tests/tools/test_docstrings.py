"""What a docstring says of a tool: sections in odd places, and those that a parser is strict about.

The styles themselves are in test_tool_schema.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from eighty80_jupyter.tools.docstrings import Documented, documented
from eighty80_jupyter.tools.tool import make_tool

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
ROLES_AND_DASHES = """Do it with :class:`Thing`.

Args:
    a (:obj:`int`, optional): one
    - b: two
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
        (ROLES_AND_DASHES, "Do it with `Thing`.", {"a": "one", "b": "two"}),
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


class Place(BaseModel):
    """A class of which nothing is said."""

    city: str


class Sized(Place):  # noqa: D101  # the very case
    size: int


def test_a_class_says_what_it_is_itself() -> None:
    """The words of its base are those of something else."""
    assert make_tool(Place).description == "A class of which nothing is said."
    assert make_tool(Sized).description == ""
