"""Descriptions that users give: by a method of their class, registered for a type, as Markdown."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any
from unittest import mock

import pandas as pd  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import Registry, describe
from tests.prompt.describe.speaking import Speaks


def text_of(value: Any, options: str = "", *, budget: int = 1_000) -> str:
    """Return the text of a description."""
    return describe(value, name="x", options=options, budget=budget).text


def test_own_description() -> None:
    """`_repr_llm_()` wins over all else, and may return anything that has a text."""
    assert text_of(Speaks("for models")) == "for models"
    assert text_of(Speaks(12)) == "12"


def test_own_description_of_a_known_type() -> None:
    """`_repr_llm_()` wins even on a subclass of a known type."""

    class Frame(pd.DataFrame):  # type: ignore[misc]  # ships no types
        def _repr_llm_(self) -> str:
            return "my frame"

    class Names(dict[str, int]):
        def _repr_llm_(self) -> str:
            return "my names"

    assert text_of(Frame({"a": [1]})) == "my frame"
    assert text_of(Names(a=1)) == "my names"
    # It takes no options: then what is known of the type is told.
    assert "pandas" not in text_of(Frame({"a": [1]}))
    assert "- a: int64" in text_of(Frame({"a": [1]}), "head=1")


def test_own_description_with_options() -> None:
    """A `_repr_llm_` that takes options gets them, and the budget."""

    class Knows:
        def _repr_llm_(self, *, options: str, budget: int) -> str:
            return f"{options} {budget}"

    assert text_of(Knows(), "anything=1", budget=70) == "anything=1 70"


def test_own_description_is_bounded() -> None:
    """A long text of `_repr_llm_()` is cut to the budget, unless it is wanted whole."""
    found = describe(Speaks("many words " * 10_000), name="x", budget=100)
    assert found.tokens <= 110
    assert "left out]" in found.text
    assert "characters" in found.cut
    assert len(text_of(Speaks("many words " * 10_000), "full", budget=100)) == 110_000


def test_own_description_that_fails() -> None:
    """If `_repr_llm_()` raises, the next description is used, and `cut` says so."""

    class Fails(dict[str, int]):
        def _repr_llm_(self) -> str:
            raise ZeroDivisionError

    found = describe(Fails(a=1), name="x")
    assert found.text == "Fails({'a': 1})"
    assert found.cut == "its _repr_llm_ raised ZeroDivisionError"


def test_classes_do_not_speak_for_themselves() -> None:
    """`_repr_llm_` is for objects: a class that has it is described as a class."""
    assert describe(Speaks, name="x").kind == "class"


def test_made_up_attributes_are_not_believed() -> None:
    """An object that has any attribute one asks for is not taken for one that describes itself."""
    found = describe(mock.MagicMock(), name="x")
    assert found.text.startswith("<MagicMock")
    assert describe(mock.MagicMock(spec=pd.DataFrame), name="x").text.startswith("<MagicMock spec")


def test_an_attribute_of_the_object() -> None:
    """A function that is set on the object itself counts as its method."""
    value = types.SimpleNamespace(_repr_llm_=lambda: "set later")
    assert text_of(value) == "set later"


class Animal:
    """A class."""


class Dog(Animal):
    """A more specific one."""


class Puppy(Dog):
    """A still more specific one."""


def test_registered_functions() -> None:
    """The function for the most specific class is used, for objects of subclasses too."""
    registry = Registry()
    registry.register(Animal, lambda value: f"an animal: {type(value).__name__}")
    assert describe(Dog(), name="x", registry=registry).text == "an animal: Dog"
    registry.register(Dog, lambda value: "a dog")  # noqa: ARG005  # the value does not matter
    assert describe(Dog(), name="x", registry=registry).text == "a dog"
    assert describe(Puppy(), name="x", registry=registry).text == "a dog"
    assert describe(Animal(), name="x", registry=registry).text == "an animal: Animal"
    assert repr(registry) == "Registry(2 types)"


def test_registered_by_name() -> None:
    """A name stands for the class where users find it, and for what the class says of itself."""
    registry = Registry()
    registry.register("pandas.DataFrame", lambda frame: f"frame of {len(frame)}")
    registry.register(f"{Animal.__module__}.Animal", lambda value: "by name")  # noqa: ARG005  # as above
    registry.register("never.Imported", lambda value: "never")  # noqa: ARG005  # as above
    assert describe(pd.DataFrame({"a": [1]}), name="x", registry=registry).text == "frame of 1"
    assert describe(Dog(), name="x", registry=registry).text == "by name"
    assert "never" not in sys.modules


def test_registered_for_an_abstract_class() -> None:
    """A class that others were only registered with counts too, after real ones."""
    registry = Registry()
    registry.register(Mapping, lambda value: f"mapping of {len(value)}")
    assert describe({"a": 1}, name="x", registry=registry).text == "mapping of 1"
    assert describe([1], name="x", registry=registry).text == "[1]"


def test_registered_for_object() -> None:
    """A function for `object` stands in only for types that nothing is known of."""
    registry = Registry()
    registry.register(object, lambda value: f"some {type(value).__name__}")
    assert describe(Animal(), name="x", registry=registry).text == "some Animal"
    assert describe([1], name="x", registry=registry).text == "[1]"


def test_registered_options() -> None:
    """A registered function without options leaves them to what is known of the type."""
    registry = Registry()
    registry.register(dict, lambda value: "mine")  # noqa: ARG005  # as above
    registry.register(list, lambda value, options: f"{len(value)} {options}")
    assert describe({"a": 1}, name="x", options="json", registry=registry).text == '{"a": 1}'
    assert describe([1], name="x", options="odd", registry=registry).text == "1 odd"


def test_registered_function_that_fails() -> None:
    """A registered function that raises leads to the next description."""
    registry = Registry()
    registry.register(dict, lambda value: value["missing"])
    found = describe({"a": 1}, name="x", registry=registry)
    assert found.text == "{'a': 1}"
    assert "raised KeyError" in found.cut


@pytest.mark.parametrize(("kind", "function"), [(3, len), ("DataFrame", len), (dict, "text")])
def test_registering_nonsense(kind: Any, function: Any) -> None:
    """What is no class or no function is refused at once."""
    with pytest.raises(UsageError):
        Registry().register(kind, function)


def test_markdown() -> None:
    """An unknown object that shows itself as Markdown is described by that."""

    class Shows:
        def _repr_markdown_(self) -> Any:
            return "**bold**", {"metadata": True}

    found = describe(Shows(), name="x")
    assert (found.text, found.inline) == ("**bold**", False)


def test_markdown_that_fails() -> None:
    """If its Markdown fails or is none, an object is described by its `repr`."""

    class Fails:
        def _repr_markdown_(self) -> Any:
            raise ValueError

        def __repr__(self) -> str:
            return "plain"

    class Silent(Fails):
        def _repr_markdown_(self) -> Any:
            return None

    assert text_of(Fails()) == "plain"
    assert text_of(Silent()) == "plain"
