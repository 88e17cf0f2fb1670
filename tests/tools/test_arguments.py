"""Arguments against a JSON Schema: what a model is told that wrote them wrong."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.tools.arguments import ToolInputError, check, parsed


def integers(*names: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {n: {"type": "integer"} for n in names}, **more}


NOT = "is not of type 'integer'"
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"a": "x"}, integers("a"), f"a: 'x' {NOT}"),
    ({"a": {"b": [1, "x"]}}, {"properties": {"a": {"properties": {"b": {"items": integers()}}}}},
     "a.b[0]: 1 is not of type 'object'; a.b[1]: 'x' is not of type 'object'"),
    ({"a.": "x"}, integers("a."), f"['a.']: 'x' {NOT}"),
    ({}, integers(required=["a"]), "'a' is a required property"),
    (dict.fromkeys("abcde", "x"), integers(*"abcde"),
     "; ".join(f"{n}: 'x' {NOT}" for n in "abcde")),
    (dict.fromkeys("abcdefgh", "x"), integers(*"abcdefgh"),
     "; ".join(f"{n}: 'x' {NOT}" for n in "abcde") + "; and 3 more"),
    ({"a": "x" * 173}, integers("a"), f"a: '{'x' * 173}' {NOT}"),
    ({"a": "x" * 300}, integers("a"), f"a: '{'x' * 79}…{'x' * 74}' {NOT}"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "schema", "told"), REFUSED)
def test_refused(values: dict[str, Any], schema: dict[str, Any], told: str) -> None:
    """The place, what came and what was expected; of many or long ones the beginning and end."""
    with pytest.raises(ToolInputError) as caught:
        check(values, schema)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        ({"a": 1}, integers("a", required=["a"])),
        ({"a": "x"}, {"type": 5}),
        ({"a": "x"}, {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}}),
        ({"a": "x"}, {"properties": {"a": {"pattern": "("}}}),
        ({"a": 1}, {"$schema": "http://json-schema.org/draft-04/schema#", **integers("a")}),
    ],
)
def test_taken(values: dict[str, Any], schema: dict[str, Any]) -> None:
    """What fits, and anything where the schema itself is wrong; nothing is fetched for it."""
    check(values, schema)


def test_arguments_that_are_nested_too_deeply_are_refused() -> None:
    """A schema that refers to itself goes as deep as they do."""
    deep: dict[str, Any] = {}
    for _ in range(3_000):
        deep = {"a": deep}
    with pytest.raises(ToolInputError, match=r"^the arguments are nested too deeply$"):
        check(deep, {"properties": {"a": {"$ref": "#"}}})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        (" \n", {}),
        ("null", {}),
        ('""', {}),
        ('" "', {}),
        ('"null"', {}),
        ('{"a": "x\ny"}', {"a": "x\ny"}),
        ('"{\\"a\\": 1}"', {"a": 1}),
    ],
)
def test_texts_that_are_objects(text: str, values: dict[str, Any]) -> None:
    """Empty ones, objects in a string, and line ends within strings."""
    assert parsed(text) == values


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]", "the arguments must be one JSON object of names and values, got [1]"),
        ('"[1]"', "the arguments must be one JSON object of names and values, got [1]"),
        ("5", "the arguments must be one JSON object of names and values, got 5"),
        ("[" * 100_000, "the arguments are nested too deeply"),
        ("x" * 10_000_001, "the arguments have 10,000,001 characters; send less"),
    ],
    ids=["list", "text", "number", "deep", "long"],
)
def test_texts_that_are_none(text: str, told: str) -> None:
    """They are refused with what came."""
    with pytest.raises(ToolInputError) as caught:
        parsed(text)
    assert str(caught.value) == told
