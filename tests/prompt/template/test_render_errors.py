"""What is wrong with a field is said in one line, and nothing is evaluated twice for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from eighty80_jupyter.errors import UsageError, one_line
from tests.data.braces_describe import PlainDescriber
from tests.support.rendering import render


class Table:
    """A frame whose own code raises, as that of pandas does; it counts how often it is asked."""

    def __init__(self) -> None:
        self.columns = ["price", "size", 3]
        self.asked = 0

    def __getitem__(self, name: Any) -> Any:
        self.asked += 1
        return {"price": 1, "size": 2}[name]

    def groupby(self, name: str) -> Any:
        """Raise KeyError as pandas does."""
        return self[name]

    def head(self) -> Table:
        """Return itself."""
        self.asked += 1
        return self


class Hostile:
    """Raises at whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    def __getitem__(self, name: Any) -> Any:
        raise KeyError(name)

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class HostileMapping(Mapping[str, Any]):
    """Has no keys to show."""

    def __getitem__(self, name: str) -> Any:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Silent(Exception):  # noqa: N818  # that it cannot speak is the point
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def fail(error: BaseException) -> None:
    """Raise what is given."""
    raise error


async def fetch() -> int:
    """Return a number, once awaited."""
    return 1


def namespace() -> dict[str, Any]:
    """Return the variables of a notebook."""
    return {
        "df": Table(),
        "diff": 3,
        "x": 5,
        "xs": [1, 2],
        "s": "text",
        "d": {"alpha": {"beta": 1}},
        "empty": {},
        "o": SimpleNamespace(value=1, values=2),
        "bad": Hostile(),
        "worse": HostileMapping(),
        "fail": fail,
        "fetch": fetch,
        "Out": {2: 0, 5: Table(), 7: 1},
        "In": ["", "a", "b"],
        "_hidden": 1,
        "Error": ValueError,
        "Silent": Silent,
    }


def error(text: str, **settings: Any) -> str:
    """Return what is wrong with a prompt."""
    with pytest.raises(UsageError) as caught:
        render(text, namespace(), describe=PlainDescriber(), **settings)
    assert "\n" not in str(caught.value)
    assert one_line(caught.value) == f"UsageError: {caught.value}"
    return str(caught.value)


HERE = " (line 1, column 1). Nothing was sent."
LITERALLY = r" To send the braces as they are, write \{{ for {{, or use --raw."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # names
        (
            "{{dff.head()}}",
            "no variable 'dff' for {{dff.head()}}" + HERE + " Did you mean df, diff?",
        ),
        ("{{DF}}", "no variable 'DF' for {{DF}}" + HERE + " Did you mean d, df, diff?"),
        ("{{qqqq}}", "no variable 'qqqq' for {{qqqq}}" + HERE + LITERALLY),
        ("{{input}}", "no variable 'input' for {{input}}" + HERE + LITERALLY),
        ("{{ max }}", "no variable 'max' for {{ max }}" + HERE + LITERALLY),
        ("{{len(qqqq)}}", "no variable 'qqqq' for {{len(qqqq)}}" + HERE + LITERALLY),
        ("{{_err}}", "there is no last exception for {{_err}}" + HERE),
        # columns, keys, attributes
        ("{{df['prcie']}}", "df has no column 'prcie'; columns like it: price" + HERE),
        ("{{df[['size', 'prcie']]}}", "df has no column 'prcie'; columns like it: price"),
        ("{{df['qqqq']}}", "df has no column 'qqqq'; its columns: price, size" + HERE),
        ("{{df.groupby('prcie')}}", "df has no column 'prcie'; columns like it: price" + HERE),
        (
            "{{df.head()['prcie']}}",
            "df.head() has no column 'prcie'; columns like it: price" + HERE,
        ),
        ("{{d['alhpa']}}", "d has no key 'alhpa'; keys like it: alpha" + HERE),
        ("{{d['alpha']['bta']}}", "d['alpha'] has no key 'bta'; keys like it: beta" + HERE),
        ("{{empty['a']}}", "empty has no key 'a'; it has no keys" + HERE),
        ("{{d['é' + s]}}", "d has no key 'étext'; its keys: alpha" + HERE),
        ("{{s + d['é'] + x}}", "d has no key 'é'; its keys: alpha" + HERE),
        ("{{o.vlaue}}", "o has no attribute 'vlaue'; names like it: value, values" + HERE),
        ("{{o.qqqq}}", "o has no attribute 'qqqq'" + HERE),
        ("{{s.uper()}}", "s has no attribute 'uper'; names like it: isupper, upper" + HERE),
        # outputs and inputs
        ("{{Out[9]}}", "Out[9] does not exist; outputs kept: 2, 5, 7" + HERE),
        ("{{Out[x + 4]}}", "Out[x + 4] does not exist; outputs kept: 2, 5, 7" + HERE),
        ("{{_9}}", "_9 does not exist; outputs kept: 2, 5, 7" + HERE),
        ("{{Out[5]['prcie']}}", "Out[5] has no column 'prcie'; columns like it: price" + HERE),
        ("{{In[99]}}", "In[99] does not exist; inputs kept: 1 to 2" + HERE),
        # what raises
        ("{{x / 0}}", "{{x / 0}} raised ZeroDivisionError: division by zero" + HERE),
        ("{{xs[5]}}", "{{xs[5]}} raised IndexError: list index out of range" + HERE),
        ("{{x['a']}}", "{{x['a']}} raised TypeError: 'int' object is not subscriptable" + HERE),
        ("{{fail(Error('a\\nb'))}}", "{{fail(Error('a\\nb'))}} raised ValueError: a" + HERE),
        ("{{fail(Error())}}", "{{fail(Error())}} raised ValueError" + HERE),
        ("{{fail(Silent())}}", "{{fail(Silent())}} raised Silent" + HERE),
        ("{{fail(SystemExit(3))}}", "{{fail(SystemExit(3))}} raised SystemExit: 3" + HERE),
        ("{{fail(GeneratorExit())}}", "{{fail(GeneratorExit())}} raised GeneratorExit" + HERE),
        ("{{fail(KeyError('k'))}}", "{{fail(KeyError('k'))}} raised KeyError: 'k'" + HERE),
        ("{{f'{x}' + exit()}}", ""),
        ("{{max(x, a=1, a=2)}}", "raised SyntaxError: keyword argument repeated: a" + HERE),
        ("{{fetch()}}", "{{fetch()}} must be awaited; do that in a cell before" + HERE),
        # values that do not cooperate
        ("{{bad.a}}", "{{bad.a}} raised RuntimeError: no a" + HERE),
        ("{{bad['a']}}", "{{bad['a']}} raised KeyError: 'a'" + HERE),
        ("{{worse['a']}}", "{{worse['a']}} raised KeyError: 'a'" + HERE),
        ("{{bad!r}}", "{{bad!r}} raised RuntimeError: no repr" + HERE),
        ("{{bad}}", "{{bad}} cannot be described: RuntimeError: no repr" + HERE),
        # options
        ("{{x:bad}}", "no option 'bad' for {{x:bad}}; it takes full, image" + HERE),
    ],
)
def test_errors(text: str, expected: str) -> None:
    """Each mistake has its line: what is wrong, where, and what is like it."""
    if not expected:
        assert render(text, namespace(), describe=PlainDescriber()).text == text
    else:
        assert expected in error(text)


def test_place() -> None:
    """The line counts from where the prompt begins in its cell, the column from 1."""
    text = "Explain\nwhat is in {{dff.head()}}"
    said = "no variable 'dff' for {{dff.head()}} (line 2, column 12). Nothing was sent."
    assert error(text).startswith(said)
    assert "(line 3, column 12)" in error(text, first_line=2)
    assert "(line 1, column 4)" in error("äö {{dff}}")


def test_nothing_is_evaluated_before_all_names_are_known() -> None:
    """A prompt with an unknown name runs none of its fields."""
    variables = namespace()
    with pytest.raises(UsageError, match="no variable 'dff'"):
        render("{{df.head()}} {{dff}}", variables, describe=PlainDescriber())
    assert variables["df"].asked == 0


def test_nothing_is_evaluated_again() -> None:
    """An error is explained from the values that were there, not by running code again."""
    variables = namespace()
    with pytest.raises(UsageError, match="has no column 'prcie'"):
        render("{{df.head()['prcie']}}", variables, describe=PlainDescriber())
    assert variables["df"].asked == 2


def test_cause() -> None:
    """The exception of an expression is kept as the cause."""
    with pytest.raises(UsageError) as caught:
        render("{{x / 0}}", {"x": 1}, describe=PlainDescriber())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("text", ["{{fail(stop)}}", "{{slow}}", "{{slow!r}}"])
def test_interrupt(text: str) -> None:
    """An interrupt passes through, from an expression as from a description."""

    class Slow:
        def __repr__(self) -> str:
            raise KeyboardInterrupt

    variables = {"fail": fail, "stop": KeyboardInterrupt(), "slow": Slow()}
    with pytest.raises(KeyboardInterrupt):
        render(text, variables, describe=PlainDescriber())


def test_long_things_are_cut() -> None:
    """A long message, a long expression, many outputs and many columns stay one short line."""
    assert len(error("{{fail(Error('a' * 9999))}}")) < 320
    assert len(error("{{" + "qqqq." * 150 + "a}}")) < 250
    variables = {"Out": dict.fromkeys(range(1, 500)), "d": dict.fromkeys(map(str, range(500)))}
    for text, expected in (
        ("{{Out[999]}}", "outputs kept: …, 488, 489"),
        ("{{d['qqqq']}}", "its keys: 0, 1, 2, 3, 4, 5, 6, 7, …"),
    ):
        with pytest.raises(UsageError, match=expected) as caught:
            render(text, variables, describe=PlainDescriber())
        assert len(str(caught.value)) < 250
    with pytest.raises(UsageError, match="no outputs are kept"):
        render("{{_3}}", {}, describe=PlainDescriber())


def test_coroutines_of_the_user() -> None:
    """A coroutine in a variable is the user's, and stays alive."""
    waiting = fetch()
    rendered = render("{{waiting}}", {"waiting": waiting}, describe=PlainDescriber())
    assert rendered.text.startswith("<coroutine object fetch")
    with pytest.raises(StopIteration):
        waiting.send(None)


def test_real_frames() -> None:
    """The frames of pandas and polars are asked for their columns."""
    frames = {
        "p": pytest.importorskip("pandas").DataFrame({"price": [1], "size": [2]}),
        "q": pytest.importorskip("polars").DataFrame({"price": [1], "size": [2]}),
    }
    for text in ("p['prcie']", "p[['size', 'prcie']]", "p.groupby('prcie').sum()", "q['prcie']"):
        with pytest.raises(UsageError, match=r"has no column 'prcie'; columns like it: price \("):
            render(f"{{{{{text}}}}}", frames, describe=PlainDescriber())
    with pytest.raises(UsageError, match=r"has no attribute 'prcie'; names like it: price"):
        render("{{p.prcie}}", frames, describe=PlainDescriber())
