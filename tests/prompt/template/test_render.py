"""From a prompt with fields to what is sent: values in place, blocks, budgets, reports."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from eighty80_jupyter.prompt.describe.protocol import DATA_NOTE, Budgets, FieldReport, Rendered
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.template.compose import defused
from tests.data.braces import FOREIGN, LITERAL
from tests.data.braces_describe import PlainDescriber
from tests.support.rendering import render

LONG = "\n".join(f"line {number}" for number in range(20))


def rendered(text: str, /, **namespace: Any) -> Rendered:
    """Render with the plain describer and a fixed id."""
    return render(text, namespace, describe=PlainDescriber(), block_id="1d")


def block(text: str, name: str = "x", kind: str = "str") -> str:
    """Return a block of data."""
    return f'<data name="{name}" type="{kind}" id="1d">\n{text}\n</data>'


def test_short_values() -> None:
    """A short value goes in place, whatever its type."""
    result = rendered("{{a}} of {{b}}: {{a + 1}}, {{b.upper()}}", a=1, b="two")
    assert result.text == "1 of two: 2, TWO"
    assert not result.has_data
    assert not any(section.parts for section in result.sections)
    assert result.left == ()


def test_long_values() -> None:
    """A longer value is named in the sentence, and follows once however often it is named."""
    result = rendered("Explain {{x}}, I mean {{x}}.", x=LONG)
    assert result.text == f"Explain `x`, I mean `x`.\n\n{block(LONG)}"
    assert result.has_data


def test_blocks_follow_each_other() -> None:
    """Blocks stand in the order of the fields, with a blank line before each."""
    for end in ("", "\n", "\n\n"):
        result = rendered("{{x}} {{y}}" + end, x=LONG, y=LONG)
        assert result.text == f"`x` `y`\n\n{block(LONG)}\n\n{block(LONG, 'y')}"
    assert rendered("{{x}}\n\n\n", x=LONG).text == f"`x`\n\n\n{block(LONG)}"
    assert rendered("{{x}}", x=LONG + "\n").text == f"`x`\n\n{block(LONG)}"


def test_labels() -> None:
    """Two descriptions of one expression are told apart by their options."""
    result = rendered("{{x}} {{x:full}} {{x!r:full}} {{y}}", x=LONG, y=LONG)
    assert result.text.startswith("`x` `x:full` `x!r:full` `y`\n\n")
    assert re.findall(r'name="([^"]*)"', result.text) == ["x", "x:full", "x!r:full", "y"]


def test_quoted_fields() -> None:
    """A name that stands in backquotes already gets no more, and one with them in it gets two."""
    assert rendered("a `{{x}}` b", x=LONG).text.startswith("a `x` b")
    assert rendered("{{x}}` b", x=LONG).text.startswith("`x`` b")
    assert rendered("`{{x}}{{x}}", x=LONG).text.startswith("``x``x`\n")
    assert rendered("{{x['`']}}", x={"`": LONG}).text.startswith("``x['`']``\n")


def test_attributes() -> None:
    """What is between the quotes of a tag's attributes cannot leave them."""
    text = rendered("""{{f("a</data>", '<|x|>') }}""", f=lambda *_: LONG).text
    assert "name=\"f(&quot;a&lt;\\/data&gt;&quot;, '&lt;\\|x|&gt;')\"" in text


def test_conversions() -> None:
    """`!r` and `!s` are applied before the value is described."""
    result = rendered("{{x!r}} {{x!s}} {{x}} {{y!r:.2s}}", x="a", y="bcd")
    assert result.text == "'a' a a 'b"


def test_evaluated_once() -> None:
    """Each expression is evaluated once, however often it stands there and with which options."""
    count = itertools.count()
    result = rendered("{{c()}} {{c()}} {{c():.1f}} {{c()!r}} {{ c() }}", c=lambda: next(count))
    assert result.text == "0 0 0.0 0 0"
    assert next(count) == 1


def test_described_once() -> None:
    """The same field is described once."""
    describer = PlainDescriber()
    render("{{x}} {{x}} {{x:full}}", {"x": 1}, describe=describer, budgets=Budgets(field=7))
    assert describer.calls == [("x", "", 7), ("x", "full", 7)]


def test_values_are_not_searched() -> None:
    """A value with braces goes in as it is, in place and in a block."""
    result = rendered(r"{{x}} {{y}} \{{z}}", x="{{z}} {z} \\{{z}}", y=LONG + "{{z}}", z="WRONG")
    assert result.text.startswith("{{z}} {z} \\{{z}} `y` {{z}}\n\n")
    assert "WRONG" not in result.text


def test_names() -> None:
    """The user's names hide the builtins, and In, Out and the underscores are names as others."""
    namespace: dict[str, Any] = {"len": lambda _: "mine", "x": [1], "Out": {3: "out"}, "_": "last"}
    namespace |= {"In": ["", "code"], "_3": "third", "__": "before"}
    text = "{{len(x)}} {{max(x)}} {{Out[3]}} {{In[1]}} {{_}} {{__}} {{_3}}"
    result = render(text, namespace, describe=PlainDescriber())
    assert result.text == "mine 1 out code last before third"
    assert "__builtins__" not in namespace


def test_last_error() -> None:
    """`_err` is the last exception, unless the user has a variable of that name."""
    error = ValueError("bad")
    say = PlainDescriber()
    assert render("{{_err}} {{_err.args[0]}}", {}, describe=say, last_error=error).text == "bad bad"
    assert render("{{_err}}", {"_err": 1}, describe=say, last_error=error).text == "1"


def test_frames() -> None:
    """What looks for variables in the caller's frame finds the user's."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3]})
    result = rendered("{{df.query('a > @limit').a.tolist()}}", df=frame, limit=2)
    assert result.text == "[3]"


@pytest.mark.parametrize("name", LITERAL)
def test_collisions(name: str) -> None:
    """Braces of other languages stay, also where every word between them is a variable."""
    text = LITERAL[name]
    namespace = dict.fromkeys(re.findall(r"[^\W\d]\w*", text), "WRONG")
    assert render(text, namespace, describe=PlainDescriber()).text == text


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign(name: str) -> None:
    """What has the form of a field in another language stays where it names no variable."""
    result = render(FOREIGN[name], {"df": 1}, describe=PlainDescriber())
    assert result.text == FOREIGN[name]
    assert result.left
    assert all("(no variable" in left for left in result.left)


def test_foreign_beside_fields() -> None:
    """A variable in such a text is a field all the same, and what was left is told."""
    result = rendered(r"\frac{{a}}{{b}} is {{b}}", b=2)
    assert result.text == r"\frac{{a}}2 is 2"
    assert result.left == ("{{a}} (no variable 'a')",)


def test_near_misses() -> None:
    """Python that must not stand in a field is sent as it is, and told."""
    result = rendered("{{[i for i in x]}} {{x}}", x=1)
    assert result.text == "{{[i for i in x]}} 1"
    assert result.left == ("{{[i for i in x]}} (not allowed in a field)",)


MARKS = {
    "</data>": r"<\/data>",
    "< / DATA >": r"<\ / DATA >",
    '<data name="x">': r'<\data name="x">',
    "<|im_start|>system": r"<\|im_start|>system",
    "<|end|>": r"<\|end|>",
    "<\uff5cUser\uff5c>": "<\\\uff5cUser\uff5c>",
    "[INST] x [/INST]": r"[\INST] x [\/INST]",
    "<<SYS>> x <</SYS>>": r"<\<SYS>> x <\</SYS>>",
    "<s> x </s>": r"<\s> x <\/s>",
    "<start_of_turn>user<end_of_turn>": r"<\start_of_turn>user<\end_of_turn>",
    "<bos><eos>": r"<\bos><\eos>",
    "</think><tool_call>": r"<\/think><\tool_call>",
    "[TOOL_CALLS][": r"[\TOOL_CALLS][",
}


@pytest.mark.parametrize("mark", MARKS)
def test_marks(mark: str) -> None:
    """What could end the data or change the speaker is broken up, in place and in a block."""
    assert rendered("{{x}}", x=mark).text == MARKS[mark]
    assert block(LONG + MARKS[mark]) in rendered("{{x}}", x=LONG + mark).text
    assert rendered("a " + mark).text == "a " + mark  # the user's own words stay


@pytest.mark.parametrize(
    "text",
    [
        "a < b",
        "x <| f |> y",
        "<dataset>",
        "<span>",
        "[1]",
        "a || b",
        "<||>",
        "List<Data>",
        "<data>",
    ],
)
def test_no_marks(text: str) -> None:
    """Ordinary text stays as it is."""
    assert defused(text) == text


def ids(text: str, key: bytes | None, **namespace: Any) -> list[str]:
    """Return the ids of the blocks of a message."""
    result = render(text, namespace, describe=PlainDescriber(), key=key)
    return re.findall(r'id="([0-9a-f]{8})"', result.text)


def test_ids() -> None:
    """The id of the blocks is the same within a message, and for an equal one with the same key."""
    first = ids("{{x}}{{y}}", b"key", x=LONG, y=LONG)
    assert len(first) == 2
    assert len(set(first)) == 1
    assert ids("{{x}}{{y}}", b"key", x=LONG, y=LONG) == first


def test_ids_depend_on_all() -> None:
    """Another key, value, name or word gives another id, and without a key each has its own."""
    others = [
        ids("{{x}}{{y}}", b"key", x=LONG, y=LONG),
        ids("{{x}}{{y}}", b"other", x=LONG, y=LONG),
        ids("{{x}}{{y}}", b"key", x=LONG, y=LONG + "!"),
        ids("{{x}}{{z}}", b"key", x=LONG, z=LONG),
        ids("{{x}} {{y}}", b"key", x=LONG, y=LONG),
        *(ids("{{x}}{{y}}", None, x=LONG, y=LONG) for _ in range(3)),
    ]
    assert len({found[0] for found in others}) == len(others)


def test_note() -> None:
    """The note about data is one sentence."""
    assert DATA_NOTE.count(".") == 1 + DATA_NOTE.count("...") * 3
    assert "<data" in DATA_NOTE


def test_pictures() -> None:
    """A picture is attached once and named in the sentence."""
    result = rendered("See {{fig:image}} and {{fig:image}}.", fig=object())
    assert result.text == "See `fig` and `fig`."
    parts = [part for section in result.sections for part in section.parts]
    assert [part["type"] for part in parts] == ["image_url"]
    assert not result.has_data


def test_reports() -> None:
    """Each field that differs has a report: type, size, what was cut."""
    result = render(
        "{{x}} {{n}} {{x}}",
        {"x": "a" * 400, "n": 5},
        describe=PlainDescriber(),
        budgets=Budgets(field=50),
    )
    assert result.fields == (
        FieldReport(
            source="{{x}}",
            expression="x",
            kind="str",
            summary="200 characters",
            tokens=50,
            cut="the end",
            redacted=(),
            inline=False,
        ),
        FieldReport(
            source="{{n}}",
            expression="n",
            kind="int",
            summary="1 characters",
            tokens=0,
            cut="",
            redacted=(),
            inline=True,
        ),
    )


def test_real_describer() -> None:
    """The package's own describer fits: formats, a block, a summary."""
    result = render(
        "{{x:.2f}} {{s!r}} {{t}}",
        {"x": 5, "s": "a", "t": LONG},
        describe=describe,
        block_id="1d",
    )
    assert result.text == f"5.00 'a' `t`\n\n{block(LONG, 't')}"
