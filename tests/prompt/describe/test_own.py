"""What a class has written by hand to show itself: it is used, as it may be a mask."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import importlib
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pydantic
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.tools.result import error_text, result_text

HIDDEN = "hunter2pw"


def text_of(value: Any, options: str = "") -> str:
    """Return a description's text."""
    return describe(value, name="x", options=options).text


def masked(name: str, *bases: type, method: str = "__repr__", **held: Any) -> Any:
    """Return a class that shows `***` by the method."""

    def shown(self: Any) -> str:
        return f"{type(self).__name__}(***)"

    return types.new_class(name, bases, {}, lambda space: space.update({method: shown, **held}))


@dataclasses.dataclass
class ByHand:
    """A dataclass with a `repr` of its own."""

    password: str

    def __repr__(self) -> str:
        return "ByHand(***)"


@dataclasses.dataclass
class StrByHand:
    """A dataclass with a `str` of its own."""

    password: str

    def __str__(self) -> str:
        return "StrByHand(***)"


@dataclasses.dataclass
class HiddenField:
    """A dataclass that hides a field."""

    user: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(repr=False)
class NoRepr:
    """A dataclass that shows nothing."""

    password: str


@attrs.define
class MaskedField:
    """A class of attrs with a function that masks a field."""

    password: str = attrs.field(repr=lambda _: "***")


class HiddenModelField(pydantic.BaseModel):
    """A model that hides a field."""

    password: str = pydantic.Field(repr=False)


class MaskedModel(pydantic.BaseModel):
    """A model that masks a field in pydantic's own way."""

    password: str

    def __repr_args__(self) -> Any:
        return [("password", "***")]


class Login(NamedTuple):
    """A named tuple."""

    user: str
    password: str


class Member(enum.Enum):
    """An enum that does not show its values."""

    A = HIDDEN

    def __repr__(self) -> str:
        return "Member(***)"


class MaskedError(Exception):
    """An exception with a mask."""

    def __str__(self) -> str:
        return "MaskedError(***)"


class MaskedReprError(Exception):
    """An exception with a mask in its `repr` only."""

    def __repr__(self) -> str:
        return "MaskedReprError(***)"


MASKED: dict[str, Any] = {
    "dict": masked("Masked", dict)(a=HIDDEN),
    "dict str": masked("Masked", dict, method="__str__")(a=HIDDEN),
    "list": masked("Masked", list)([HIDDEN]),
    "str": masked("Masked", str)(HIDDEN),
    "str str": masked("Masked", str, method="__str__")(HIDDEN),
    "tuple": masked("Masked", tuple)((HIDDEN,)),
    "named tuple": masked("Masked", Login)("bob", HIDDEN),
    "set": masked("Masked", set)({HIDDEN}),
    "frozenset": masked("Masked", frozenset)({HIDDEN}),
    "bytes": masked("Masked", bytes)(HIDDEN.encode()),
    "deque": masked("Masked", collections.deque)([HIDDEN]),
    "UserDict": masked("Masked", collections.UserDict)(a=HIDDEN),
    "UserList": masked("Masked", collections.UserList)([HIDDEN]),
    "defaultdict": masked("Masked", collections.defaultdict)(list, a=HIDDEN),
    "namespace": masked("Masked", types.SimpleNamespace)(a=HIDDEN),
    "inherited": type("Heir", (masked("Masked", dict),), {})(a=HIDDEN),
    "dataclass": ByHand(HIDDEN),
    "dataclass str": StrByHand(HIDDEN),
    "hidden field": HiddenField("bob", HIDDEN),
    "no repr": NoRepr(HIDDEN),
    "attrs": MaskedField(HIDDEN),
    "pydantic": HiddenModelField(password=HIDDEN),
    "pydantic args": MaskedModel(password=HIDDEN),
    "enum": Member.A,
    "exception": MaskedError(HIDDEN),
    "exception repr": MaskedReprError(HIDDEN),
}
AROUND: dict[str, Callable[[Any], Any]] = {
    "itself": lambda value: value,
    "list": lambda value: [value],
    "dict": lambda value: {"a": (value, [{"b": value}])},
    "fields": lambda value: Login("bob", value),
    "series": lambda value: pd.Series([value, value], dtype=object, name="s"),
    "frame": lambda value: pd.DataFrame({"a": pd.Series([value, None], dtype=object)}),
    "polars": lambda value: pl.DataFrame({"a": pl.Series([value, value], dtype=pl.Object)}),
    "array": lambda value: np.array([None, {"a": value}], dtype=object),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("row", MASKED)
def test_masks(row: str, around: str) -> None:
    """A mask is never bypassed: alone, nested, in cells, in any form, and in a tool's result."""
    if (row, around) == ("enum", "polars"):
        pytest.skip("polars takes the values out of an enum")
    value = AROUND[around](MASKED[row])
    texts = [text_of(value), result_text(value)]
    for options in ("json", "md", "csv", "full", "head=1"):
        try:
            texts.append(text_of(value, options))
        except UsageError:
            continue
    for text in texts:
        assert HIDDEN not in text
    if around == "itself" and row not in {"hidden field", "no repr", "pydantic", "attrs"}:
        assert "***" in texts[0]
        assert "***" in texts[1]


@pytest.mark.parametrize("row", ["str", "frozenset", "tuple", "bytes", "enum"])
def test_masked_keys(row: str) -> None:
    """Keys of a dictionary and names of columns are masked too."""
    value = MASKED[row]
    frame = pd.DataFrame([[1, 2]], columns=pd.Index([value, 0], dtype=object))
    texts = [text_of({value: 1}), text_of({value: 1}, "json"), text_of(frame)]
    texts += [result_text({value: 1}), result_text({value: {1j: 1}})]
    for text in texts:
        assert HIDDEN not in text


def test_errors_are_masked() -> None:
    """So is the message of an exception that a tool raised."""
    assert error_text(MaskedError(HIDDEN)) == "MaskedError: MaskedError(***)"
    assert HIDDEN not in error_text(MaskedReprError(HIDDEN))


class Labelled(str):
    """A text whose `repr` shows all of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Labelled({str.__repr__(self)})"


class Plain(dict[str, int]):
    """A dictionary that shows itself as its base does."""

    def total(self) -> int:
        return 0


class Color(enum.Enum):
    """An enum as most are."""

    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Labelled("a\nb"), "a\nb"),
        ([Labelled("ab")], "['ab']"),
        (Plain(a=1), "Plain({'a': 1})"),
        (collections.UserDict(a=1), "{'a': 1}"),
        (type("Own", (collections.UserDict,), {})(a=1), "Own({'a': 1})"),
        (Login("bob", "x"), "Login(user='bob', password='x')"),
        (Color.RED, "Color.RED"),
        (collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (HiddenField("bob", "x"), "HiddenField(user='bob')"),
        (MaskedField("x"), "MaskedField(password=***)"),
        (dt.UTC, "UTC"),
    ],
)  # fmt: skip
def test_structure_stays(value: Any, text: str) -> None:
    """What hides nothing, is generated or is Python's own, keeps its structure."""
    assert text_of(value).replace("datetime.timezone.utc", "UTC") == text


def test_frames_and_arrays_keep_their_structure() -> None:
    """A subclass of a frame or an array is told like its base, whatever its `repr` says."""
    frame = masked("Frame", pd.DataFrame)({"a": [1, 2]})
    assert "a\n1\n2" in text_of(frame)
    assert "shape (2,)" in text_of(np.arange(2).view(masked("Array", np.ndarray)))


def test_masks_that_fail() -> None:
    """A `repr` that raises leads to no look behind it."""

    class Broken(dict[str, str]):
        def __repr__(self) -> str:
            raise RuntimeError

    assert text_of(Broken(a=HIDDEN)).endswith("its repr raised RuntimeError>")
    assert HIDDEN not in result_text([Broken(a=HIDDEN)])


class OnlyStr:
    """An object that has only a `str`."""

    def __str__(self) -> str:
        return "3 nodes"


class SaysNothing:
    """An object whose `repr` says no more than that of every object."""

    def __repr__(self) -> str:
        return f"<lib.Select object at {id(self):#x}>"

    def __str__(self) -> str:
        return "SELECT a"


class OnlyHtml:
    """An object that has only HTML."""

    def _repr_html_(self) -> str:
        return (
            "<style>p {}</style><p>Two <b>rows</b></p><table><tr><th>a</th><th>b</th></tr>"
            "<tr><td>1</td>\n<td>2 &lt; 3</td></tr></table><script>run()</script>"
        )


class OnlyLatex:
    """An object that has only a formula."""

    def _repr_latex_(self) -> str:
        return "$x^2$"


class Bundle:
    """An object that has all in one, and insists on its arguments."""

    def _repr_mimebundle_(self, include: Any, exclude: Any) -> tuple[dict[str, str], Any]:
        return {"text/plain": f"a table {include} {exclude}"}, {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (OnlyStr(), "3 nodes"),
        ([OnlyStr()], "[3 nodes]"),
        (SaysNothing(), "SELECT a"),
        ({"a": SaysNothing()}, "{'a': SELECT a}"),
        (OnlyHtml(), "Two rows\na | b\n1 | 2 < 3"),
        (OnlyLatex(), "$x^2$"),
        (Bundle(), "a table None None"),
    ],
)
def test_what_objects_offer(value: Any, text: str) -> None:
    """An object without a `repr` is described by what else it offers."""
    assert text_of(value) == text


def test_groups() -> None:
    """Groups are told by their keys and their sizes."""
    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [1, 2, 3]})
    for grouped in (
        frame.groupby("a"),
        frame.groupby("a")["b"],
        frame.groupby("a", as_index=False),
    ):
        text = text_of(grouped)
        assert "GroupBy, 2 groups; the rows of each group:" in text
        assert "x,2\ny,1" in text
    assert "x,2\ny,1" in text_of(pl.DataFrame({"a": ["x", "y", "x"]}).group_by("a"))
    assert text_of(frame.groupby("a").groups.keys()) == "dict_keys(['x', 'y'])"


class Moment(dt.datetime):
    """A subclass of datetime."""


class Day(dt.date):
    """A subclass of date."""


def test_subclasses_of_dates() -> None:
    """A subclass of datetime keeps its time and zone."""
    zone = dt.timezone(dt.timedelta(hours=2))
    moment = Moment(2024, 1, 2, 3, 4, 5, tzinfo=zone)
    assert text_of(moment) == "tests.Moment 2024-01-02 03:04:05+02:00"
    assert "03:04:05+02:00" in text_of(pd.DataFrame({"at": pd.Series([moment], dtype=object)}))
    assert text_of(Day(2024, 1, 2)) == "tests.Day 2024-01-02"


LIBRARIES: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "sqlalchemy url": (
        "sqlalchemy", lambda sa: sa.make_url(f"postgresql://bob:{HIDDEN}@h/x"),
        "postgresql://bob:***@h/x",
    ),
    "sqlalchemy select": ("sqlalchemy", lambda sa: sa.select(sa.column("a")), "SELECT a"),
    "sqlalchemy expression": ("sqlalchemy", lambda sa: sa.column("a") == 1, "a = :a_1"),
    "networkx": ("networkx", lambda nx: nx.path_graph(3), "Graph with 3 nodes and 2 edges"),
    "pendulum": (
        "pendulum", lambda p: p.datetime(2024, 7, 1, 12, 30, tz="Europe/Berlin"),
        "DateTime(2024, 7, 1, 12, 30, 0, tzinfo=Timezone('Europe/Berlin'))",
    ),
    "rich": ("rich.tree", lambda rich: rich.Tree("a tree"), "a tree"),
    "pydantic": ("pydantic", lambda p: p.SecretStr(HIDDEN), "SecretStr('**********')"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries(name: str) -> None:
    """Types of real libraries are told in their own words."""
    module, make, text = LIBRARIES[name]
    pytest.importorskip(module)
    value = make(importlib.import_module(module))
    assert text_of(value) == text
    if name != "rich":
        assert text in text_of([value])
    assert HIDDEN not in result_text([value, {"a": value}])


def test_a_mask_behind_a_proxy_is_used() -> None:
    """A view of a dictionary shows it as the dictionary shows itself."""
    proxy = types.MappingProxyType(masked("Hidden", dict)(q=HIDDEN))
    for value in (proxy, [proxy], {"a": proxy}):
        assert HIDDEN not in text_of(value)
    assert HIDDEN not in result_text(proxy)
    assert "seen" in text_of(types.MappingProxyType({"q": "seen"}))
