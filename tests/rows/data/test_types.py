"""The type of a column: what it can hold, and what comes of it in each library."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

from eighty80_jupyter.rows.columns import attach
from eighty80_jupyter.rows.data.build import as_text
from eighty80_jupyter.rows.data.types import column_types, fits
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.structured.shape import Shape, shape_of

BERLIN = dt.timezone(dt.timedelta(hours=1))


class Place(pydantic.BaseModel):
    """A record within a record; its field has another name in JSON."""

    zip_code: str = pydantic.Field(alias="zip")


class Mood(enum.Enum):
    """Its values say nothing, its names are what a model is told."""

    GOOD = 1
    BAD = 2


class Ticket(pydantic.BaseModel):
    """A field of each type that a column can have."""

    label: Literal["bug", "feature"]
    title: str
    count: int
    score: float | None
    open: bool
    day: dt.date
    at: dt.datetime
    lasted: dt.timedelta
    clock: dt.time
    tags: list[str]
    place: Place | None
    mood: Mood
    price: Decimal
    more: dict[str, int]


TICKET = Ticket.model_validate(
    {
        "label": "feature",
        "title": "a \U0001f41b",
        "count": 3,
        "score": 1,
        "open": True,
        "day": "2020-02-29",
        "at": "2020-01-01T01:00:00+01:00",
        "lasted": "PT1H",
        "clock": "08:30",
        "tags": ["x", "y"],
        "place": {"zip": "10115"},
        "mood": Mood.BAD,
        "price": "1.10",
        "more": {"k": 1},
    }
)


PANDAS = {
    "label": "category",
    "title": "string",
    "count": "Int64",
    "score": "Float64",
    "open": "boolean",
    "day": "datetime64[us]",
    "at": "datetime64[us, UTC]",
    "lasted": "timedelta64[us]",
    "clock": "time64[us][pyarrow]",
    "tags": "list<item: string>[pyarrow]",
    "place": "struct<zip: string>[pyarrow]",
    "mood": "category",
    "price": "decimal128(38, 10)[pyarrow]",
    "more": "object",
}


ARROW = {
    "label": "dictionary<values=string, indices=int32, ordered=0>",
    "title": "string",
    "count": "int64",
    "score": "double",
    "open": "bool",
    "day": "date32[day]",
    "at": "timestamp[us, tz=UTC]",
    "lasted": "duration[us]",
    "clock": "time64[us]",
    "tags": "list<item: string>",
    "place": "struct<zip: string>",
    "mood": "dictionary<values=string, indices=int32, ordered=0>",
    "price": "decimal128(38, 10)",
    "more": "string",
}


POLARS = {
    "label": pl.Enum(["bug", "feature"]),
    "title": pl.String(),
    "count": pl.Int64(),
    "score": pl.Float64(),
    "open": pl.Boolean(),
    "day": pl.Date(),
    "at": pl.Datetime("us", "UTC"),
    "lasted": pl.Duration("us"),
    "clock": pl.Time(),
    "tags": pl.List(pl.String),
    "place": pl.Struct({"zip": pl.String}),
    "mood": pl.Enum(["GOOD", "BAD"]),
    "price": pl.Decimal(38, 10),
    "more": pl.String(),
}


FIELDS = {
    "label": "feature",
    "title": "a \U0001f41b",
    "count": 3,
    "score": 1.0,
    "open": True,
    "tags": ["x", "y"],
    "place": {"zip": "10115"},
    "mood": "BAD",
    "price": Decimal("1.10"),
}


def frame(labels: Any = ("k", "k", "l")) -> pd.DataFrame:
    """Return a frame of three rows, the first two of one label."""
    return pd.DataFrame({"text": ["a", "b", "c"]}, index=list(labels))


def test_a_record_of_every_type_becomes_nullable_columns_of_pandas() -> None:
    """One a field, the index kept, the failed row missing in each."""
    data = frame()
    answered = attach(open_rows(data), shape_of(Ticket), "t", [TICKET, None, TICKET])
    types = {name: str(dtype) for name, dtype in answered.dtypes.items() if name != "text"}
    assert types == {f"t_{name}": dtype for name, dtype in PANDAS.items()}
    assert answered.index.tolist() == ["k", "k", "l"]
    assert answered.iloc[1, 1:].isna().all()
    first = answered.iloc[2]
    assert {name: first[f"t_{name}"] for name in FIELDS} == FIELDS
    assert (first["t_at"], first["t_day"]) == (
        pd.Timestamp("2020-01-01", tz="UTC"),
        pd.Timestamp("2020-02-29"),
    )
    assert answered["t_label"].cat.categories.tolist() == ["bug", "feature"]
    assert data.columns.tolist() == ["text"]


@pytest.mark.parametrize("values", [[None, None, None], []], ids=["all failed", "no rows"])
def test_types_do_not_depend_on_what_was_answered(values: list[Any]) -> None:
    """Where all failed, or there were no rows, each column has its type still."""
    data = frame().iloc[: len(values)]
    shape = shape_of(Ticket)
    dtypes = attach(open_rows(data), shape, "t", values).dtypes
    wanted = {**PANDAS, "at": "datetime64[us]"}
    assert [str(dtype) for dtype in dtypes.iloc[1:]] == list(wanted.values())
    table = attach(open_rows(pa.Table.from_pandas(data)), shape, "t", values)
    kinds = [str(field.type) for field in table.schema if field.name.startswith("t_")]
    assert kinds == list({**ARROW, "at": "timestamp[us]"}.values())
    dtypes = attach(open_rows(pl.from_pandas(data)), shape, "t", values).dtypes
    assert dtypes[1:] == list({**POLARS, "at": pl.Datetime("us")}.values())


def test_a_record_becomes_columns_of_polars_and_arrow() -> None:
    """With their own types; what has none is JSON text."""
    values = [TICKET, None, TICKET]
    table = attach(open_rows(pa.table({"text": ["a", "b", "c"]})), shape_of(Ticket), "t", values)
    assert {f.name[2:]: str(f.type) for f in table.schema if f.name != "text"} == ARROW
    row, failed = table.to_pylist()[2], table.to_pylist()[1]
    assert {name: row[f"t_{name}"] for name in FIELDS} == FIELDS
    assert (row["t_more"], row["t_day"]) == ('{"k": 1}', dt.date(2020, 2, 29))
    assert {value for name, value in failed.items() if name != "text"} == {None}
    answered = attach(
        open_rows(pl.DataFrame({"text": ["a", "b", "c"]})), shape_of(Ticket), "t", values
    )
    assert {name[2:]: dtype for name, dtype in answered.schema.items() if name != "text"} == POLARS
    assert {name: answered[f"t_{name}"][2] for name in FIELDS if name != "tags"} == {
        name: value for name, value in FIELDS.items() if name != "tags"
    }
    failed = answered.drop("t_place").row(1)[1:]  # old versions have records of nothing there
    assert failed == (None,) * (len(POLARS) - 1)


RETURNS: list[tuple[Any, Any, str, Any]] = [
    (None, "a text", "string", pl.String()),
    (str, "a text", "string", pl.String()),
    (["bug", "feature"], "bug", "category", pl.Enum(["bug", "feature"])),
    ([1, 2, 3], 2, "category", pl.Int64()),
    ([True, False], False, "boolean", pl.Boolean()),
    (Literal["a"] | None, "a", "category", pl.Enum(["a"])),
    (int, 5, "Int64", pl.Int64()),
    (int | float, 5, "Float64", pl.Float64()),
    (int | None, 5, "Int64", pl.Int64()),
    (bool, True, "boolean", pl.Boolean()),
    (float, 5.5, "Float64", pl.Float64()),
    (dt.date, dt.date(2020, 1, 2), "datetime64[us]", pl.Date()),
    (dt.datetime, dt.datetime(2020, 1, 2), "datetime64[us]", pl.Datetime("us")),  # noqa: DTZ001  # naive
    (list[int], [1], "list<item: int64>[pyarrow]", pl.List(pl.Int64)),
    (list[list[int]], [[1]], "list<item: list<item: int64>>[pyarrow]", pl.List(pl.List(pl.Int64))),
    (set[str], {"a"}, "list<item: string>[pyarrow]", pl.List(pl.String)),
    (tuple[int, int], (1, 2), "list<item: int64>[pyarrow]", pl.List(pl.Int64)),
    (list[Mood], [Mood.BAD], "list<item: string>[pyarrow]", pl.List(pl.String)),
    (int | str, 5, "object", pl.String()),
    (dict[str, int], {"a": 1}, "object", pl.String()),
    ({"type": "object"}, {"a": [1]}, "object", pl.String()),
    ({"type": ["integer", "null"]}, 3, "Int64", pl.Int64()),
    ({"type": "string", "enum": ["b", "a"]}, "a", "category", pl.Enum(["b", "a"])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("returns", "value", "dtype", "of_polars"), RETURNS, ids=[str(one[0])[:40] for one in RETURNS]
)
def test_an_answer_of_one_value_is_one_column(
    returns: Any, value: Any, dtype: str, of_polars: Any
) -> None:
    """The type that was asked for is the type of the column, with one value missing."""
    shape = None if returns is None else shape_of(returns)
    values = [value, None, value]
    answered = attach(open_rows(frame()), shape, "label", values)
    assert str(answered["label"].dtype) == dtype
    assert answered["label"].isna().tolist() == [False, True, False]
    assert (
        attach(open_rows(pl.DataFrame(frame())), shape, "label", values)["label"].dtype == of_polars
    )
    attach(open_rows(pa.Table.from_pandas(frame())), shape, "label", values).validate(full=True)
    assert [name for name, _ in column_types(shape, "label")] == ["label"]


class Named(NamedTuple):
    """A tuple of names."""

    a: int
    b: str = "x"


@dataclasses.dataclass
class Data:
    """The same as a dataclass."""

    a: int
    b: str = "x"


class Listed(pydantic.RootModel[list[int]]):
    """A list with a name."""


@pytest.mark.parametrize(
    "returns", [Named, Data, {"a": int, "b": str}, "a: int, b: str"], ids=["n", "d", "m", "t"]
)
def test_every_kind_of_record_has_a_column_a_field(returns: Any) -> None:
    """An empty name of the column leaves the names of the fields as they are."""
    shape = shape_of(returns)
    answered = attach(open_rows(frame()), shape, "", [shape.check({"a": 1, "b": "y"}), None, None])
    assert answered.columns.tolist() == ["text", "a", "b"]
    assert answered.iloc[0].tolist() == ["a", 1, "y"]
    assert answered["a"].dtype == "Int64"


def test_a_root_model_is_what_it_holds() -> None:
    """A list, in a column of lists."""
    answered = attach(open_rows(frame()), shape_of(Listed), "l", [Listed([1, 2]), None, None])
    assert answered["l"].iloc[0] == [1, 2]


TOO_MUCH: list[tuple[Any, Any]] = [
    (int, 10**30),
    (list[int], [10**30]),
    (Decimal, Decimal("1e-30")),
    (dt.timedelta, dt.timedelta.max),
    (float, 10**400),
]


@pytest.mark.parametrize(("returns", "value"), TOO_MUCH, ids=[str(one[0]) for one in TOO_MUCH])
def test_what_no_type_holds_is_neither_cut_nor_rounded(returns: Any, value: Any) -> None:
    """The column is one of objects, or of JSON text, and the run goes on."""
    shape = shape_of(returns)
    answered = attach(open_rows(frame()), shape, "x", [value, None, value])
    assert answered["x"].iloc[0] == value
    for table in (pl.DataFrame(frame()), pa.Table.from_pandas(frame())):
        (chunk,) = open_rows(attach(open_rows(table), shape, "x", [value, None, value])).chunks(3)
        assert chunk.column("x") == [as_text(value), None, as_text(value)]


def test_times_of_day_with_and_without_a_zone_are_not_mixed_up() -> None:
    """All with one: UTC; else what has one is told in UTC, and the others are as they were."""
    zoned = dt.datetime(2020, 1, 1, 5, tzinfo=BERLIN)
    plain = zoned.replace(tzinfo=None)
    shape = shape_of(dt.datetime)
    of = [
        attach(open_rows(frame()), shape, "x", values)["x"]
        for values in ([plain, zoned, None], [zoned, None, None])
    ]
    assert (str(of[0].dtype), str(of[1].dtype)) == ("datetime64[us]", "datetime64[us, UTC]")
    assert [moment.hour for moment in of[0].iloc[:2]] == [5, 4]
    assert of[1].iloc[0] == zoned


def test_a_shape_that_refers_to_itself_is_one_column() -> None:
    """No table has a type for it."""
    shape: Shape = shape_of(
        {
            "type": "array",
            "items": {"$ref": "#/$defs/n"},
            "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}},
        }
    )
    answered = attach(open_rows(pl.DataFrame({"a": [1]})), shape, "n", [[{"n": {}}]])
    assert answered["n"].to_list() == ['[{"n": {}}]']


def test_what_a_column_holds_as_it_is() -> None:
    """Whole numbers of 64 bits, and ten digits behind the point; one more is for no column."""
    assert fits([2**63 - 1, -(2**63), Decimal("0.0000000001")])
    assert not any(map(fits, [2**63, -(2**63) - 1, Decimal("0.00000000001"), {"a": 2**63}]))
