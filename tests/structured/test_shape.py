"""What `returns` may be: every form has a schema, what has none is refused before it is asked."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import typing
from typing import Any, Literal

import pytest
import typing_extensions
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.structured.asking import TypedAnswer
from eighty80_jupyter.structured.reading import Kind, UnreadableError
from eighty80_jupyter.structured.schema import in_words, is_strict, strict
from eighty80_jupyter.structured.shape import is_json_schema, shape_of
from eighty80_jupyter.structured.shorthand import choices_of, type_of


class Inner(BaseModel):
    """Somebody."""

    name: str


class Outer(BaseModel):
    """Two of them."""

    first: Inner
    second: Inner | None = None
    day: dt.date | None = None


class Tree(BaseModel):
    """A tree."""

    label: Literal["leaf", "twig"]
    children: list[Tree] = []


@dataclasses.dataclass
class Pair:
    """Two values."""

    a: int
    b: str = "x"


class OldStyle(typing.TypedDict, total=False):
    """A typed dictionary of the standard library."""

    a: typing_extensions.Required[int]
    b: list[Inner]


FORMS: list[Any] = [
    Outer, Tree, Pair, OldStyle, list[OldStyle], OldStyle | None, Literal["a", "b"], bool, int,
    float, str, dt.date, dt.datetime, list[int], dict[str, float], int | str, "a: int",
    "list[str]", "a|b",
    {"label": ["a", "b"], "score": float, "inner": {"x": "int|str"}}, ["a", "b"],
    {"type": "array", "items": {"type": "string"}}, {"type": "object", "properties": {}},
]  # fmt: skip


@pytest.mark.parametrize("returns", FORMS, ids=repr)
def test_what_is_asked_for_is_an_object_with_a_valid_schema(returns: Any) -> None:
    """A server gets a valid JSON Schema of an object, without a reference that leads nowhere."""
    shape = shape_of(returns)
    wire = json.loads(json.dumps(shape.response_format()))
    asked = wire["json_schema"]["schema"]
    Draft202012Validator.check_schema(asked)
    assert wire["type"] == "json_schema"
    assert asked["type"] == "object"
    assert wire["json_schema"]["name"].isidentifier()
    for reference in _references(asked):
        assert reference.removeprefix("#/$defs/") in asked["$defs"]


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [one for inner in schema.values() for one in _references(inner)]
    if isinstance(schema, list):
        return [one for inner in schema for one in _references(inner)]
    return []


def test_strict_form() -> None:
    """References are inlined, every field is required, one that may be missing takes null."""
    wire = shape_of(Outer).response_format()["json_schema"]
    assert wire["strict"] is True
    schema = wire["schema"]
    inner = {
        "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
        "additionalProperties": False, "description": "Somebody.",
    }  # fmt: skip
    assert schema["properties"]["first"] == inner
    assert schema["required"] == ["first", "second", "day"]
    assert schema["additionalProperties"] is False
    assert {"type": "null"} in schema["properties"]["second"]["anyOf"]
    assert "$defs" not in schema
    assert "default" not in json.dumps(schema)


def test_what_strict_mode_cannot_say_is_not_called_strict() -> None:
    """A dictionary of any keys is sent without the flag: servers refuse it with it."""
    assert shape_of(dict[str, int]).response_format()["json_schema"]["strict"] is False
    assert not is_strict(shape_of("a: dict[str, int]").asked)
    assert is_strict(shape_of(Tree).asked)


def test_recursion_keeps_its_definition() -> None:
    """A type within itself stays a reference, in what is sent and in what the model reads."""
    shape = shape_of(Tree)
    assert "Tree" in shape.asked["$defs"]
    assert "type Tree = {" in shape.instruction(as_json=True)


def test_instructions() -> None:
    """A choice is asked for as a word, or as JSON where the server enforces that."""
    shape = shape_of(["bug", "feature"])
    assert "- bug\n- feature" in shape.instruction(as_json=False)
    assert 'value: "bug" | "feature"' in shape.instruction(as_json=True)
    assert "true or false" in shape_of(bool).instruction(as_json=False)
    text = shape_of("day: date, n?: int").instruction(as_json=True)
    assert "day: string;  // YYYY-MM-DD" in text
    assert "n?: integer" in text


def test_a_long_type_is_told_in_few_words() -> None:
    """Descriptions are left out of a type that takes too many tokens with them."""
    fields = {
        f"field_{n}": {"type": "string", "description": "what it is about, at length " * 4}
        for n in range(20)
    }
    schema = {"type": "object", "properties": fields}
    assert "at length" not in in_words(schema)
    assert estimate(in_words(schema)) < 300
    few = {"type": "object", "properties": {"field_1": fields["field_1"]}}
    assert "at length" in in_words(few)


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        (object, "has no JSON Schema"),
        (Any, "has no JSON Schema"),
        (typing.Callable[[], int], "has no JSON Schema"),
        (type("Own", (), {}), "has no JSON Schema"),
        (lambda x: x, "a function|takes a type"),
        (5, "has no JSON Schema"),
        ("", "is empty"),
        ("strng", "is no type"),
        ("a: int, a: str", "stands twice"),
        ("a: int b: str", "expected"),
        ("a:", "expected a type"),
        ("list[", "expected"),
        ("list[str", "expected"),
        ("dict[int, str]", "keys are texts"),
        ("a: {b: int", "expected"),
        ("a: int; drop", "expected"),
        ({}, "no fields"),
        ({1: int}, "texts as names"),
        ([], "choices"),
        ([1.5], "choices"),
        (["bug", "Bug!"], "the same but for"),
        (Literal["a", "A"], "the same but for"),
        ("x: yes|Yes", "the same but for"),
        ({"type": "object", "properties": {"a": {"type": "nothing"}}}, "valid JSON Schema"),
        ("[" * 100, "expected"),
        ("list[" * 100 + "int" + "]" * 100, "nested"),
    ],
)
def test_what_has_no_schema_is_refused(returns: Any, says: str) -> None:
    """One line says what is wrong, and it is short."""
    with pytest.raises(UsageError, match=says) as caught:
        shape_of(returns)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_shorthand_names_classes_of_the_notebook() -> None:
    """A word is the class of that name, before it is a type or a choice; other values are not."""
    names = {"Inner": Inner, "bug": "a text"}
    assert shape_of("list[Inner]", names).check([{"name": "A"}]) == [Inner(name="A")]
    assert type_of("Inner", names) is Inner
    assert type_of("bug|feature", names) == Literal["bug", "feature"]


def test_shorthand() -> None:
    """Each form of the short way is the type that it says."""
    assert type_of("very good|bad") == Literal["very good", "bad"]
    assert type_of('"a, b"|c') == Literal["a, b", "c"]
    assert type_of("1|2|3") == Literal[1, 2, 3]
    assert type_of("int|unknown") == Literal["unknown"] | int
    assert type_of("list[dict[str, int]]") == list[dict[str, int]]
    assert type_of("float|None") == float | None
    assert type_of('"only"') == Literal["only"]


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("A+|A-|B", ("A+", "A-", "B")),
        ("C++|C#|C", ("C++", "C#", "C")),
        ("10%|20%", ("10%", "20%")),
        ("<5|>5", ("<5", ">5")),
        ("$5|$10", ("$5", "$10")),
        ("don't know|know", ("don't know", "know")),
        ("\U0001f600|\U0001f622", ("\U0001f600", "\U0001f622")),
        ("1-5|6-10", ("1-5", "6-10")),
    ],
)
def test_shorthand_takes_choices_with_any_signs(text: str, choices: tuple[str, ...]) -> None:
    """A choice may hold whatever has no meaning of its own there, also in a field."""
    assert type_of(text) == Literal[choices]
    assert typing.get_args(type_of(f"list[{text}]")) == (Literal[choices],)
    value = shape_of(f"x: {text}, y: int").check({"x": choices[0], "y": 1})
    assert value == {"x": choices[0], "y": 1}


def test_names_of_fields_in_quotes_are_without_them() -> None:
    """A name with a blank is quoted; one with a hyphen is a name."""
    found = shape_of("'first name': str, last-name: int").check({"first name": "a", "last-name": 1})
    assert found == {"first name": "a", "last-name": 1}


def test_choices() -> None:
    """Choices are parted by commas; one that holds a comma is quoted."""
    assert choices_of("bug, feature,other") == ("bug", "feature", "other")
    assert choices_of("'a, b',c") == ("a, b", "c")
    assert choices_of('"say \\"x\\"",y') == ('say "x"', "y")
    assert choices_of("\u201ca, b\u201d, c") == ("a, b", "c")
    assert choices_of('"a|b"') == ("a|b",)
    for wrong in ("", "a,,b", '"a', '"a" b', "bug|feature", "bug; feature"):
        with pytest.raises(UsageError):
            choices_of(wrong)


def test_a_schema_is_told_from_fields() -> None:
    """A dictionary is a JSON Schema where it can be nothing else."""
    assert is_json_schema({"type": "string"})
    assert is_json_schema({"anyOf": [{"type": "string"}]})
    assert not is_json_schema({"type": str})
    assert not is_json_schema({"type": ["bug", "feature"]})
    assert not is_json_schema({"name": "str", "type": "bug|feature"})


def test_a_server_is_told_a_short_name() -> None:
    """At most 64 letters, as the protocol has it."""
    assert shape_of(type("N" * 80, (BaseModel,), {})).name == "N" * 64


def test_no_answer_is_a_value_of_json_if_the_schema_is_none() -> None:
    """A schema with a number that is none cannot be sent, and is refused before that."""
    with pytest.raises(UsageError, match="values of JSON only"):
        shape_of({"type": "number", "default": float("nan")})


def test_a_correction_says_what_is_wrong_in_few_lines() -> None:
    """The model gets its answer back, if there is one, and five of the problems."""
    typed = TypedAnswer(shape=shape_of(int))
    problems = [f"problem {number}" for number in range(7)]
    answer, request = typed.correction("x", problems, "prompt")
    assert (answer.role, answer.content) == ("assistant", "x")
    assert [n for n in range(7) if f"problem {n}" in str(request.content)] == [0, 1, 2, 3, 4]
    (alone,) = typed.correction(" ", problems, "prompt")
    assert alone.role == "user"
    kinds: tuple[Kind, ...] = ("invalid", "empty", "cut", "refused")
    may = [UnreadableError(kind, "").mendable for kind in kinds]
    assert may == [True, True, False, False]


def test_the_strict_form_of_a_union_and_of_a_field_that_takes_null() -> None:
    """`oneOf` is `anyOf`, and what takes null already is not wrapped once more."""
    text: dict[str, Any] = {"type": ["string", "null"]}
    either = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    found = strict({"type": "object", "properties": {"a": text, "b": either}, "required": ["b"]})
    assert found["properties"] == {"a": text, "b": {"anyOf": either["oneOf"]}}
    assert found["required"] == ["a", "b"]
