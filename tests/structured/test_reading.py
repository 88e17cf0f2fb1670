"""An answer becomes the value that it means, or an error; never another value."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from eighty80_jupyter.structured.reading import UnreadableError, read
from eighty80_jupyter.structured.shape import shape_of


class Person(BaseModel):
    """Somebody."""

    name: str
    born: int | None = None
    tags: list[str] = Field(default=[])


class Node(BaseModel):
    """A tree."""

    v: int
    kids: list[Node] = []


class Colour(enum.Enum):
    """Some colours."""

    RED = "red"
    GREEN = "green"


class Point(NamedTuple):
    """A place."""

    x: int
    y: int = 0


ADA = Person(name="Ada", born=1815)
LABELS = ["bug", "feature", "other"]

READ: list[tuple[Any, str, Any]] = [
    # whole
    (Person, '{"name": "Ada", "born": 1815}', ADA),
    (Person, ' \n{"name": "Ada", "born": 1815}\n', ADA),
    (Person, '\ufeff{"name": "Ada", "born": 1815}', ADA),
    (Person, '{"name": "Ada", "born": "1815"}', ADA),
    (Person, '{"name": "Ada", "born": 1815.0}', ADA),
    (Person, '{"name": "Ada", "born": null, "tags": null}', Person(name="Ada")),
    (Person, '{"name": "Ада \\u2713", "tags": ["π"]}', Person(name="Ада ✓", tags=["π"])),
    (Person, '{"name": "a\nb"}', Person(name="a\nb")),
    # in a fence or in prose
    (Person, '```json\n{"name": "Ada", "born": 1815}\n```', ADA),
    (Person, '~~~\n{"name": "Ada", "born": 1815}\n~~~', ADA),
    (Person, 'Sure!\n\n```\n{"name": "Ada", "born": 1815}\n```\nAnything else?', ADA),
    (Person, 'The person is {"name": "Ada", "born": 1815}, as said in [1].', ADA),
    (Person, 'A {placeholder} and {"name": "Ada", "born": 1815}', ADA),
    (Person, '{"name": "Ada", "born": 1815} {"name": "Ada", "born": 1815}', ADA),
    (Person, '{"name": "the } brace {"} end', Person(name="the } brace {")),
    # mended
    (Person, "{'name': 'Ada', 'born': 1815}", ADA),
    (Person, '{name: "Ada", born: 1815,}', ADA),
    (Person, '{"name": "Ada", "born": None}', Person(name="Ada")),
    (Person, '{"name": "Ada", // who\n "born": 1815}', ADA),
    (Person, "Here: {'name': 'Ada', 'born': 1815} ok?", ADA),
    (Person, '{"name": "Ada" "born": 1815}', ADA),
    # lists, unions, recursion, nesting
    (list[str], '["a", "b"]', ["a", "b"]),
    (list[str], '{"value": ["a", "b"]}', ["a", "b"]),
    (list[str], "[]", []),
    (list[Person], '[{"name": "Ada", "born": 1815}]', [ADA]),
    (set[int], "[1, 2]", {1, 2}),
    (tuple[int, str], '[1, "a"]', (1, "a")),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (int | str, '{"value": "a"}', "a"),
    (int | str, '{"value": 3}', 3),
    (int | None, '{"value": null}', None),
    (Node, '{"v": 1, "kids": [{"v": 2, "kids": []}]}', Node(v=1, kids=[Node(v=2)])),
    (Point, '{"x": 1, "y": 2}', Point(1, 2)),
    (Point, '{"x": 1}', Point(1)),
    ("a: int, b?: date", '{"a": 1}', {"a": 1}),
    ("a: int, b?: date", '{"a": 1, "b": "2024-02-29"}', {"a": 1, "b": dt.date(2024, 2, 29)}),
    ({"label": LABELS, "who": {"n": str}}, '{"label": "BUG", "who": {"n": "x"}}',
     {"label": "bug", "who": {"n": "x"}}),
    ("n: int", json.dumps({"n": 2**70}), {"n": 2**70}),
    ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
     'so: {"a": "5"}', {"a": 5}),
    # choices
    (LABELS, "bug", "bug"),
    (LABELS, " **Bug**.\n", "bug"),
    (LABELS, '"feature"', "feature"),
    (LABELS, "`other`", "other"),
    (LABELS, "- bug", "bug"),
    (LABELS, "Answer: bug", "bug"),
    (LABELS, "**Label:** Feature", "feature"),
    (LABELS, '{"value": "bug"}', "bug"),
    (LABELS, '{"label": "Bug"}', "bug"),
    (LABELS, "```\nbug\n```", "bug"),
    (["A", "A+", "A-"], "A-", "A-"),
    (["C", "C++", "C#"], "c#.", "C#"),
    (["日本", "中国"], "「日本」。", "日本"),
    (["sí", "no"], "¡Sí!", "sí"),
    (["нет", "да"], "«Да»", "да"),
    (["5‰", "5"], "5‰", "5‰"),
    ([1, 2, 3], "2", 2),
    ([1, 2, 3], '{"value": "3"}', 3),
    (Colour, "Red", Colour.RED),
    (Literal["yes", "no"], "Yes!", "yes"),
    # one word or number
    (int, "42", 42),
    (int, "42.", 42),
    (int, "**42**", 42),
    (int, "-7", -7),
    (int, "3.0", 3),
    (int, '{"value": 4}', 4),
    (float, "0.5", 0.5),
    (float, "1e-3", 0.001),
    (bool, "True", True),
    (bool, "no.", False),
    (bool, '{"value": false}', False),
    (dt.date, "2024-05-01", dt.date(2024, 5, 1)),
    (dt.datetime, "2024-05-01T10:00:00", dt.datetime(2024, 5, 1, 10)),  # noqa: DTZ001  # as it came
    (str, "hello **world**", "hello **world**"),
    (str, '"hi"', "hi"),
    (str, '{"value": "hi"}', "hi"),
    (str, '{"a": 1}', '{"a": 1}'),
]  # fmt: skip

NOT_READ: list[tuple[Any, str, str]] = [
    (Person, "", "empty"),
    (Person, "  \n", "empty"),
    (Person, "I do not know.", "invalid"),
    (Person, '{"name": "A"} {"name": "B"}', "invalid"),
    (Person, '{"name": "A"} or {"name": 5}', "invalid"),
    (Person, '```json\n{"name": "A"}\n```\nor\n```json\n{"name": "B"}\n```', "invalid"),
    (Person, "{'name': 'A'} {'name': 'B'}", "invalid"),
    (Person, '{"name": "A", "tags": ["x", "y"', "cut"),
    (Person, 'So: {"name": "A", "tags": ["x"', "cut"),
    (Person, '{"name": "A", "name": "B"}', "invalid"),
    (Person, '{"type": "object", "properties": {"name": {"type": "string"}}}', "invalid"),
    (Person, '{"born": 1}', "invalid"),
    (Person, '{"name": 5}', "invalid"),
    (Person, '{"name": "A", "born": true}', "invalid"),
    (Person, '{"name": "A", "born": 3.7}', "invalid"),
    (Person, '{"name": "A", "born": NaN}', "invalid"),
    (Person, '{"name": "A", "tags": "x"}', "invalid"),
    (Person, '{"result": {"name": "A"},', "cut"),
    ("a?: int, b?: int", '{"c": 1}', "invalid"),
    ("x: float", '{"x": Infinity}', "invalid"),
    ("x: float", '{"x": 1e999}', "invalid"),
    ("x: float", '{"x": "nan"}', "invalid"),
    ("d: date", '{"d": 2021}', "invalid"),
    ("d: datetime", '{"d": "2021"}', "invalid"),
    ("d: date", '{"d": "01/02/2024"}', "invalid"),
    ("l: bug|feature", '{"l": "not a bug"}', "invalid"),
    (list[str], "- a\n- b", "invalid"),
    (list[str], '["a"] and ["b"]', "invalid"),
    (LABELS, "not a bug", "invalid"),
    (LABELS, "bug or feature", "invalid"),
    (LABELS, "It is a bug, I think", "invalid"),
    (LABELS, "bugs", "invalid"),
    (LABELS, '["bug", "feature"]', "invalid"),
    (LABELS, '{"a": "bug", "b": "feature"}', "invalid"),
    (int, "about 5", "invalid"),
    (int, "3.7", "invalid"),
    (int, "1,000", "invalid"),
    (int, "true", "invalid"),
    (int, "[1]", "invalid"),
    (float, "NaN", "invalid"),
    (bool, "maybe", "invalid"),
    (bool, "not true", "invalid"),
    (dt.date, "2024", "invalid"),
    (dt.date, "May 2024", "invalid"),
]


@pytest.mark.parametrize(("returns", "text", "value"), READ)
def test_read(returns: Any, text: str, value: Any) -> None:
    """The answer means this value, of the very same type."""
    found = read(shape_of(returns), text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("returns", "text", "kind"), NOT_READ)
def test_not_read(returns: Any, text: str, kind: str) -> None:
    """The answer means no value, for this reason, which is told in words."""
    with pytest.raises(UnreadableError) as caught:
        read(shape_of(returns), text)
    assert caught.value.kind == kind
    assert caught.value.problems
    assert all(caught.value.problems)


@pytest.mark.parametrize("returns", [Person, LABELS, str, list[str]])
def test_what_ended_early_is_no_answer(returns: Any) -> None:
    """However valid it looks, an answer that was cut, filtered or refused is none."""
    text = '{"name": "A"}' if returns is Person else '["a"]' if returns == list[str] else "bug"
    shape = shape_of(returns)
    assert read(shape, text) is not None
    for reason, refusal, kind in [
        ("length", "", "cut"), ("content_filter", "", "refused"), ("stop", "I cannot", "refused"),
    ]:  # fmt: skip
        with pytest.raises(UnreadableError) as caught:
            read(shape, text, finish_reason=reason, refusal=refusal)
        assert caught.value.kind == kind
    with pytest.raises(UnreadableError, match="max_tokens"):
        read(shape, text, finish_reason="length")


def test_problems_say_where() -> None:
    """A problem names its place in the value, what was expected and what came."""
    shape = shape_of("people: list[{name: str, age: int}]")
    with pytest.raises(UnreadableError) as caught:
        read(shape, '{"people": [{"name": "A", "age": 1}, {"name": "B", "age": "old"}]}')
    assert caught.value.problems == ("people[1].age: expected a number, got 'old'",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
VALUES = st.fixed_dictionaries(
    {"label": st.sampled_from(["bug", "feature"]), "n": st.integers(), "tags": st.lists(st.text())}
)
SHAPE = "label: bug|feature, n: int, tags: list[str]"


@given(value=VALUES, before=st.text(alphabet="abc .,\n", max_size=20), fence=st.booleans())
def test_what_is_valid_is_read_exactly(
    value: dict[str, Any],
    before: str,
    fence: bool,  # noqa: FBT001  # hypothesis passes names
) -> None:
    """A valid value comes back as it was, also from prose and out of a fence."""
    text = json.dumps(value)
    text = f"{before}\n```json\n{text}\n```" if fence else f"{before}{text}"
    assert read(shape_of(SHAPE), text) == value


@given(value=VALUES, cut=st.integers(1, 200))
def test_what_is_cut_is_never_read(value: dict[str, Any], cut: int) -> None:
    """No beginning of an answer passes for the whole."""
    text = json.dumps(value)
    with pytest.raises(UnreadableError):
        read(shape_of(SHAPE), text[: max(0, len(text) - cut)])


@given(value=JSON)
def test_what_is_of_another_shape_is_never_read(value: Any) -> None:
    """Any other JSON is an error, unless it is of the shape."""
    try:
        found = read(shape_of(SHAPE), json.dumps(value))
    except UnreadableError:
        return
    assert found == value


@given(text=st.text(alphabet="{}[]\"':,abn1 \\\n/#", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text at all ends in another error."""
    for returns in (SHAPE, "list[int]", "bug|feature"):
        try:
            read(shape_of(returns), text)
        except UnreadableError as error:
            assert error.problems  # noqa: PT017  # most texts end here


class Level(enum.IntEnum):
    """How good it is."""

    LOW = 1
    HIGH = 10


class Checked(BaseModel):
    """Its check has a fault of its own."""

    x: int

    @field_validator("x")
    @classmethod
    def _check(cls, x: int) -> int:
        raise RuntimeError(f"no table for {x}")


@pytest.mark.parametrize(
    ("text", "value"), [("HIGH", Level.HIGH), ("low.", Level.LOW), ("10", Level.HIGH)]
)
def test_an_enum_of_numbers_is_told_by_its_names(text: str, value: Level) -> None:
    """A number alone says nothing to a model: the names are asked for, the numbers taken too."""
    shape = shape_of(Level)
    assert "LOW" in shape.instruction(as_json=False)
    assert "x-members" not in json.dumps(shape.response_format())
    assert read(shape, text) is value
    assert read(shape_of(dict[Level, int]), json.dumps({text.strip("."): 3})) == {value: 3}


def test_a_decimal_keeps_its_digits() -> None:
    """A Decimal has all digits that were written, which a float would round."""
    for text in ("0.1000000000000000000000001", "12345678901234567.89", "1.10"):
        assert str(read(shape_of(decimal.Decimal), text)) == text
    assert type(read(shape_of({"type": "object", "properties": {}}), '{"a": 1.5}')["a"]) is float


def test_an_unknown_field_may_be_the_missing_one() -> None:
    """A misspelt name does not leave the default in its place; one more field harms nothing."""
    shape = shape_of(Person)
    for text in ('{"name": "Ada", "borne": 1815}', '{"name": "Ada", "tag": ["x"]}'):
        with pytest.raises(UnreadableError, match="unknown field"):
            read(shape, text)
    more = '{"name": "Ada", "born": 1815, "tags": [], "note": "x"}'
    assert read(shape, more) == Person(name="Ada", born=1815)


def test_a_check_that_fails_is_a_problem() -> None:
    """Whatever a check of the user's raises, the answer is not lost."""
    with pytest.raises(UnreadableError, match="RuntimeError: no table for 1"):
        read(shape_of(Checked), '{"x": 1}')


def test_a_dash_before_a_digit_may_be_a_minus() -> None:
    """`- 1` is neither 1 nor -1."""
    with pytest.raises(UnreadableError):
        read(shape_of(Literal[-1, 0, 1]), "- 1")


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "model_length"])
def test_cut_in_other_words(reason: str) -> None:
    """Servers have several words for the limit of tokens."""
    with pytest.raises(UnreadableError, match="max_tokens"):
        read(shape_of(int), "42", finish_reason=reason)


def test_what_is_far_too_long_is_no_answer() -> None:
    """A text of millions of characters is not looked through, and a number of thousands is none."""
    with pytest.raises(UnreadableError, match="2,000,001 characters"):
        read(shape_of(str), "x" * 2_000_001)
    with pytest.raises(UnreadableError):
        read(shape_of(int), "9" * 5_000)


def test_a_number_at_the_end_of_a_sentence() -> None:
    """Full stops after it are none of its digits."""
    assert read(shape_of(int), "5..") == 5


def test_a_name_that_stands_twice() -> None:
    """Of two values of one name nobody knows which is meant, whatever its case."""
    shape = shape_of(dict[Literal["Yes", "No"], int])
    assert read(shape, '{"yes": 1, "No": 2}') == {"Yes": 1, "No": 2}
    with pytest.raises(UnreadableError, match="stands twice"):
        read(shape, '{"yes": 1, "Yes": 2}')
