"""The type of a column, as the schema of the answers has it, and answers as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from eighty80_jupyter.structured.schema import Schema

if TYPE_CHECKING:
    from eighty80_jupyter.structured.shape import Shape

Kind = Literal[
    "text", "choice", "integer", "boolean", "number", "decimal", "date", "datetime", "time",
    "duration", "list", "record", "any",
]  # fmt: skip
_FORMATS: Mapping[str, Kind] = {
    "date": "date", "date-time": "datetime", "time": "time", "duration": "duration",
}  # fmt: skip
_PLAIN: Mapping[str, Kind] = {
    "string": "text", "integer": "integer", "number": "number", "boolean": "boolean",
}  # fmt: skip
_LARGEST = 2**63
_MICROSECOND = dt.timedelta(microseconds=1)
PRECISION, SCALE = 38, 10  # digits of a decimal number in a column, and those behind its point


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """The type of a column.

    `choices` are the values of a "choice" in the given order, `inner` the type within a "list",
    `fields` the names and types of a "record". "any" is what no column has a type for.
    """

    kind: Kind
    choices: tuple[Any, ...] = ()
    inner: ColumnType | None = None
    fields: tuple[tuple[str, ColumnType], ...] = ()


TEXT = ColumnType(kind="text")
INTEGER = ColumnType(kind="integer")
ANY = ColumnType(kind="any")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """A column of answers: `values` are plain, one a row; None where there is no answer.

    One that stands `beside` the answers is no field of them.
    """

    name: str
    type: ColumnType
    values: list[Any]
    beside: bool = False


def column_types(shape: Shape | None, column: str) -> list[tuple[str, ColumnType]]:
    """Return the names and types of the columns of answers; without a shape they are texts.

    A record has one column a field, and `column` before their names; with an empty `column` the
    fields have their own names.
    """
    kind = TEXT if shape is None else type_of(shape.schema)
    if kind.kind != "record":
        return [(column, kind)]
    prefix = f"{column}_" if column else ""
    return [(f"{prefix}{name}", inner) for name, inner in kind.fields]


def answer_columns(shape: Shape | None, column: str, values: list[Any]) -> list[Column]:
    """Return the columns of answers, `values` one a row as `check` of the shape made them."""
    kind = TEXT if shape is None else type_of(shape.schema)
    columns = column_types(shape, column)
    if kind.kind != "record":
        ((name, inner),) = columns
        return [Column(name=name, type=inner, values=[plain(value, inner) for value in values])]
    records = [plain(value, kind) for value in values]
    return [
        Column(
            name=name,
            type=inner,
            values=[None if record is None else record.get(field) for record in records],
        )
        for (name, inner), (field, _) in zip(columns, kind.fields, strict=True)
    ]


def error_column(column: str, reasons: list[str | None]) -> Column:
    """Return the column that says why rows have no answer; None where they have one."""
    return Column(name=f"{column}_error", type=TEXT, values=reasons, beside=True)


def listed_columns(shape: Shape | None, column: str, values: list[Any]) -> list[Column]:
    """Return the column of lists for several answers a row; None among them where one failed."""
    inner = TEXT if shape is None else type_of(shape.schema)
    kind = ColumnType(kind="list", inner=inner)
    return [Column(name=column, type=kind, values=[plain(value, kind) for value in values])]


def type_of(schema: Schema | Mapping[str, Any] | Any) -> ColumnType:
    """Return the type of a column whose cells are of an inlined JSON Schema; null is missing."""
    if not isinstance(schema, Mapping) or "$ref" in schema:
        return ANY
    if "enum" in schema or "const" in schema:
        return _of_choices(schema)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _of_union([type_of(one) for one in schema[key] if not _is_null(one)])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return _of_union([type_of({**schema, "type": kind}) for kind in kinds if kind != "null"])
    if kinds == "string":
        return ColumnType(kind=_FORMATS.get(str(schema.get("format")), "text"))
    if kinds == "number" and schema.get("format") == "decimal":
        return ColumnType(kind="decimal")
    if isinstance(kinds, str) and kinds in _PLAIN:
        return ColumnType(kind=_PLAIN[kinds])
    if kinds == "array":
        return _of_array(schema)
    if kinds == "object" or "properties" in schema:
        return _of_object(schema)
    return ANY


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (
        schema.get("type") == "null" or ("const" in schema and schema["const"] is None)
    )


def _of_choices(schema: Mapping[str, Any]) -> ColumnType:
    values = [one for one in schema.get("enum", (schema.get("const"),)) if one is not None]
    kinds = {type(one) for one in values}
    if values and kinds == {bool}:
        return ColumnType(kind="boolean")
    if values and kinds in ({str}, {int}):
        return ColumnType(kind="choice", choices=tuple(values))
    return ANY


def _of_union(types: list[ColumnType]) -> ColumnType:
    distinct = list(dict.fromkeys(types))
    if len(distinct) == 1:
        return distinct[0]
    kinds = {one.kind for one in distinct}
    if kinds == {"integer", "number"}:
        return ColumnType(kind="number")
    if kinds == {"choice"}:
        choices = list(dict.fromkeys(value for one in distinct for value in one.choices))
        if len({type(one) for one in choices}) == 1:
            return ColumnType(kind="choice", choices=tuple(choices))
    if kinds <= {"text", "choice"} and all(
        isinstance(value, str) for one in distinct for value in one.choices
    ):
        return TEXT
    return ANY


def _of_array(schema: Mapping[str, Any]) -> ColumnType:
    items = [*schema.get("prefixItems", ())]
    if isinstance(schema.get("items"), Mapping):
        items.append(schema["items"])
    inner = _of_union([type_of(one) for one in items]) if items else ANY
    return ANY if inner.kind == "any" else ColumnType(kind="list", inner=inner)


def _of_object(schema: Mapping[str, Any]) -> ColumnType:
    properties = schema.get("properties") or {}
    found = tuple((str(name), type_of(one)) for name, one in properties.items())
    if not found:
        return ANY
    return ColumnType(kind="record", fields=found)


def holds_any(kind: ColumnType) -> bool:
    """Tell whether a type has a part that no column has a type for."""
    inner = [kind.inner] if kind.inner is not None else [one for _, one in kind.fields]
    return kind.kind == "any" or any(map(holds_any, inner))


def plain(value: Any, kind: ColumnType = ANY) -> Any:
    """Return a value of an answer as lists, dictionaries and what columns hold by themselves.

    Records are dictionaries by the names that the schema has for their fields. A member of an Enum
    is its value, or its name where the schema has the names.
    """
    if isinstance(value, Enum):
        return (
            value.name if kind.choices and value.value not in kind.choices else plain(value.value)
        )
    if value is None or isinstance(value, dt.timedelta):
        return value
    if isinstance(value, (str, int, float, Decimal, dt.date, dt.time)):
        return _of_kind(value, kind)
    if isinstance(value, (list, tuple, AbstractSet)) and not hasattr(value, "_fields"):
        inner = kind.inner or ANY
        ordered = sorted(value, key=str) if isinstance(value, AbstractSet) else value
        return [plain(one, inner) for one in ordered]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if set(getattr(type(value), "model_fields", ())) == {"root"}:
        return plain(value.root, kind)
    record = _record(value)
    if record is None:
        return str(value)
    types = dict(kind.fields)
    if types:
        return {name: plain(record.get(name), inner) for name, inner in types.items()}
    return {str(name): plain(one) for name, one in record.items()}


def _of_kind(value: Any, kind: ColumnType) -> Any:
    """Return a scalar as the column has it, such as 3 as 3.0."""
    match kind.kind:
        case "number" if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            with suppress(OverflowError):  # a column of floats will not take it
                return float(value)
        case "text" if not isinstance(value, str):
            return str(value)
    return value


def _record(value: Any) -> Mapping[Any, Any] | None:
    """Return the fields of a record by the names that they have in JSON; None for other values."""
    if isinstance(value, Mapping):
        return value
    model = getattr(type(value), "model_fields", None)
    if isinstance(model, Mapping):
        return {_json_name(name, field): getattr(value, name) for name, field in model.items()}
    if hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if is_dataclass(value) and not isinstance(value, type):
        own = getattr(type(value), "__pydantic_fields__", {})
        return {
            _json_name(field.name, own.get(field.name)): getattr(value, field.name)
            for field in fields(value)
        }
    return None


def _json_name(name: str, field: Any) -> str:
    """Return what the schema of pydantic calls a field."""
    alias = getattr(field, "validation_alias", None) or getattr(field, "alias", None) or name
    first = getattr(alias, "choices", None)
    if first:
        alias = first[0]
    path = getattr(alias, "path", None)
    return str(path[0] if path else alias)


def fits(value: Any) -> bool:
    """Tell whether columns hold a value, and all within it, as it is: its digits, its days."""
    if isinstance(value, int):
        return -_LARGEST <= value < _LARGEST
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return (
            isinstance(exponent, int)
            and exponent >= -SCALE
            and value.adjusted() < PRECISION - SCALE
        )
    if isinstance(value, dt.timedelta):
        return abs(value // _MICROSECOND) < _LARGEST
    if isinstance(value, dict):
        return all(map(fits, value.values()))
    return all(map(fits, value)) if isinstance(value, list) else True
