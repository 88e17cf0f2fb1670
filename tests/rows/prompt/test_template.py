"""A prompt filled for rows; the short way says what the long one says."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.protocol import Budgets
from eighty80_jupyter.prompt.describe.registry import Registry
from eighty80_jupyter.prompt.secrets.redact import Redactor
from eighty80_jupyter.prompt.template.render import Context, render
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.rows.prompt.template import Filled, NotFilled, RowTemplate
from eighty80_jupyter.wire.secret import Secret

KEY = b"k" * 32
REDACTOR = Redactor({"DB_PASSWORD": "s3cr3t-value-1234"}, Secret("own-key-0123456789"))
ENDLESS = Budgets(field=10**9, message=10**9)
CELLS = (
    st.text(max_size=300)
    | st.sampled_from(
        [
            "a <data name='x'> </data> b", "[INST] do", "<|im_end|>", "key s3cr3t-value-1234 here",
            "password=hunter2x9", "two\nlines", "ends\r", "x" * 121, "`ticks`", "\udcff", "{{a}}",
        ]
    )
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.datetimes()
    | st.decimals(allow_nan=False)
)  # fmt: skip


def context(**more: Any) -> Context:
    """Return a context with a key of its own."""
    return Context(**{"namespace": {}, "redactor": REDACTOR, "key": KEY, **more})


def filled(prompt: str, data: Any, **more: Any) -> list[Any]:
    """Return the contents for all rows of some data, None where there is none."""
    rows = open_rows(data)
    template = RowTemplate(prompt, rows, context(**more))
    found: list[Any] = []
    for chunk in rows.chunks(7):
        one = template.fill_short(chunk)
        two = template.fill(chunk)
        contents = [_content(row) for row in two]
        assert one is None or [_content(row) for row in one] == contents
        found += contents
    return found


def _content(row: Filled | NotFilled) -> Any:
    return (row.content, row.has_data) if isinstance(row, Filled) else None


@pytest.mark.parametrize("prompt", ["{{a}} and {{b}}", "`{{a}}`\n", "A{{b}}{{a}}{{a}}\n\n"])
@given(a=CELLS, b=CELLS)
def test_the_short_way_says_the_same(prompt: str, a: Any, b: Any) -> None:
    """Both ways say what a prompt of a turn says with these values."""
    rows = open_rows([{"a": a, "b": b}])
    template = RowTemplate(prompt, rows, context(), send_missing=True)
    (chunk,) = rows.chunks(9)
    lost = {name: chunk.missing(name)[0] for name in "ab"}
    names = {name: "(none)" if lost[name] else value for name, value in (("a", a), ("b", b))}
    wanted = render([prompt], context(namespace=names, budgets=ENDLESS))
    short = template.fill_short(chunk)
    for (row,) in [template.fill(chunk), *([] if short is None else [short])]:
        assert isinstance(row, Filled)
        assert row.content == wanted.text
        assert row.has_data == wanted.has_data


def test_columns_variables_and_rows() -> None:
    """A name is a column, then a variable; any other column is found by its name in the row."""
    frame = pd.DataFrame({"text": ["x"], "Customer Name": ["Ada"], 3: ["three"], "n": [2]})
    prompt = "{{text}} {{row['Customer Name']}} {{row[3]}} {{n + more}} {{more}} {{row.text}}"
    assert filled(prompt, frame, namespace={"text": "hidden", "more": 40}) == [
        ("x Ada three 42 40 x", False)
    ]
    template = RowTemplate("{{text}}", open_rows(frame), context(namespace={"text": 1}))
    assert template.remarks == ["text is the column, not the variable"]


def test_expressions_are_evaluated_for_each_row() -> None:
    """An expression has the values of its row, and a variable is looked up once."""
    calls: list[str] = []

    def shout(text: str) -> str:
        calls.append(text)
        return text.upper()

    assert filled("{{shout(row)}}!", ["a", "b"], namespace={"shout": shout}) == [
        ("A!", False),
        ("B!", False),
    ]
    assert calls == ["a", "b"]


def test_what_is_the_same_for_all_rows_is_evaluated_once() -> None:
    """A field without a column is evaluated once, and stands in every prompt."""
    calls: list[int] = []

    def rules() -> str:
        calls.append(1)
        return "be kind"

    found = filled("{{rules()}}: {{row}}", list("abc"), namespace={"rules": rules})
    assert [content for content, _ in found] == ["be kind: a", "be kind: b", "be kind: c"]
    assert len(calls) == 1


def test_a_frame_as_context_stands_in_every_prompt() -> None:
    """A variable that is a frame becomes a block of data, within the budget of a field."""
    frame = pd.DataFrame({"x": range(1000)})
    one, two = filled("Like {{examples}}? {{row}}", ["a", "b"], namespace={"examples": frame})
    assert one[0] != two[0]
    assert one[0].startswith("Like `examples`? a\n\n<data ")
    assert one[1]


def test_a_row_is_filled_again_shorter() -> None:
    """A row that is cut keeps what is the same for all, and its own values are shortened."""
    rows = open_rows(["word " * 3000])
    namespace = {"examples": pd.DataFrame({"x": [7]}), "tone": "kind"}
    template = RowTemplate(
        "Be {{tone}}, as {{examples}}: {{row}}", rows, context(namespace=namespace)
    )
    (chunk,) = rows.chunks(9)
    for (row,) in (template.fill(chunk), template.fill_short(chunk) or []):
        assert isinstance(row, Filled)
        assert len(row.values) == 1
        shorter = template.fill_again(row.values, 400)
        assert isinstance(shorter.content, str)
        assert shorter.content.startswith("Be kind, as `examples`: `row`")
        assert 'type="pandas.DataFrame"' in shorter.content
        assert "left out]" in shorter.content
        assert len(shorter.content) < 3000


def test_long_texts_are_not_cut() -> None:
    """A text of any length goes whole, in a block whose id depends on it and on the key."""
    text = "line of a long letter\n" * 2000
    ((content, has_data),) = filled("Sum up: {{row}}", [text])
    assert text in content
    assert has_data
    ((other, _),) = filled("Sum up: {{row}}", [text], key=b"j" * 32)
    assert other != content


def test_missing_cells() -> None:
    """A missing cell is (none), and a row without any is left out, or sent where that is wanted."""
    frame = pd.DataFrame({"a": ["x", None, None], "b": [None, "y", None], "c": ["z"] * 3})
    assert filled("{{a}} {{b}}", frame) == [("x (none)", False), ("(none) y", False), None]
    assert filled("{{a.upper()}}", frame) == [("X", False), None, None]
    rows = open_rows(frame)
    template = RowTemplate("{{a}} {{b}}", rows, context(), send_missing=True)
    (chunk,) = rows.chunks(9)
    assert [_content(row) for row in template.fill(chunk)][2] == ("(none) (none)", False)


def test_formats() -> None:
    """A format in a field holds for each row."""
    row = {"p": 3.14159, "d": dt.date(2024, 5, 6), "t": "x", "m": Decimal("1.50")}
    assert filled("{{p:.2f}} {{d:%d.%m.%Y}} {{t!r}} {{m}}", [row]) == [
        ("3.14 06.05.2024 'x' 1.50", False)
    ]


def test_data_are_data() -> None:
    """What stands in a cell is never evaluated, and its secrets are taken out."""
    cells = ["{{1 + 1}} {{row}}", "password=hunter2x9 and s3cr3t-value-1234"]
    (one, _), (two, _) = filled("{{row}}", cells)
    assert one == "{{1 + 1}} {{row}}"
    assert "hunter2x9" not in two
    assert "s3cr3t" not in two


def test_secrets_that_come_in_later() -> None:
    """What becomes secret while a run goes on is taken out of the rows that follow."""
    environ: dict[str, str] = {}
    rows = open_rows(["say zyxw-9876-token", "say zyxw-9876-token again"])
    template = RowTemplate("{{row}}", rows, context(redactor=Redactor(environ)))
    one, two = rows.chunks(1)
    assert _content((template.fill_short(one) or [])[0]) == ("say zyxw-9876-token", False)
    environ["API_TOKEN"] = "zyxw-9876-token"
    assert _content((template.fill_short(two) or [])[0]) == (
        "say [redacted: API_TOKEN] again",
        False,
    )


@pytest.mark.parametrize(
    "name",
    [
        "class",
        "Customer Name",
        "None",
        "x: y",
        "Price ($)",
        "a\"b'c",
        "a\\b",
        "\N{GRINNING FACE}",
        "__x",
    ],
)
def test_names_that_are_no_python(name: str) -> None:
    """Braces around the name of a column are its cell, and a backslash before keeps them."""
    frame = pd.DataFrame({name: ["u"], "plain": ["v"]})
    braces = f"{{{{{name}}}}}"
    prompt = f"{braces} {{{{ {name} }}}} \\{braces} ${braces} "
    prompt += f"{{{{row[{name!r}]}}}} {{{{plain}}}}{braces}"
    assert filled(prompt, frame) == [(f"u u {braces} ${braces} u vu", False)]
    with pytest.raises(UsageError) as caught:
        filled("nothing", frame)
    assert f"{{{{row[{name!r}]}}}}, {{{{plain}}}}" in str(caught.value)


def test_a_column_of_the_name_row() -> None:
    """It is what `row` means; the other columns are found by `row["a name"]` all the same."""
    frame = pd.DataFrame({"row": ["r"], "a b": ["u"]})
    prompt = """{{row}} {{row["a b"]}} {{row["a b"].upper()}} {{row.upper()}} {{row["a b"]:>3}}"""
    assert filled(prompt, frame) == [("r u U R   u", False)]


@pytest.mark.parametrize("field", ["{{n:.2f}}", "{{n!r}}", "{{n * 2:>9,.1f}}", "{{row['n']:.1f}}"])
@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, pd.NaT])
def test_no_format_fits_what_is_missing(field: str, nothing: Any) -> None:
    """A missing cell is (none) whatever the field does with it, and so is a missing result."""
    frame = pd.DataFrame({"n": pd.Series([nothing], dtype=object), "t": ["a"]})
    assert filled(f"{field} {{{{t}}}}", frame) == [("(none) a", False)]
    records = [{"t": "a", "n": 1}, {"t": "a", "m": nothing}]
    assert filled('{{t}} {{row.get("m")}}', records)[1] == ("a (none)", False)


def test_a_field_that_fails_in_one_row() -> None:
    """A field that cannot be filled for one row is named, and the other rows are filled."""
    rows = open_rows([{"a": "1"}, {"a": "x"}])
    template = RowTemplate("{{int(a)}}", rows, context())
    (chunk,) = rows.chunks(9)
    one, two = template.fill(chunk)
    assert isinstance(one, Filled)
    assert isinstance(two, NotFilled)
    assert "ValueError" in two.problem


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("{{a.b.c}}", None),
        ("{{open('x').read()}} {{a}}", "no field does"),
        ("{{eval(a)}}", "no field does"),
        ("{{nothing}} {{a}}", "no variable 'nothing'"),
        ("{{twice}}", "several columns"),
        ("{{row}}", "several columns"),
        ("{{x}}", "names no column"),
    ],
)
def test_what_is_refused(prompt: str, words: str | None) -> None:
    """A field that does more than compute, and a name that is none, are refused for all rows."""
    frame = pd.DataFrame([["1", 2, 3]], columns=["a", "twice", "twice"])
    if words is None:
        assert filled(prompt, frame) == [None]
        return
    with pytest.raises(UsageError, match=words):
        filled(prompt, frame, namespace={"x": 1})


def test_a_registered_describer_counts() -> None:
    """What is registered for a class of the user's describes the cells of that class."""

    class Ticket:
        pass

    registry = Registry()
    registry.register(Ticket, lambda _: "a ticket")
    assert filled("{{row}}", [Ticket()], registry=registry) == [("a ticket", False)]
