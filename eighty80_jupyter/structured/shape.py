"""What `returns` asks for: a type, its JSON Schema, and the value that an answer must become.

Imports pydantic; to be imported when a typed answer is first asked for.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from eighty80_jupyter import loading
from eighty80_jupyter.api.json_schema import without_titles
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.structured.conform import as_word
from eighty80_jupyter.structured.python_types import (
    AnswerGenerator,
    of_named_tuple,
    rebuilt,
)
from eighty80_jupyter.structured.schema import Schema, in_words, inlined, is_strict, strict
from eighty80_jupyter.structured.shorthand import type_of, typed_dict
from eighty80_jupyter.structured.words import folded
from eighty80_jupyter.text import shown

WRAPPER = "value"  # the field that holds an answer which is no object by itself
_JSON_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_SCHEMA_KEYS = {
    "properties": dict, "anyOf": list, "oneOf": list, "allOf": list, "$ref": str, "$schema": str,
}  # fmt: skip
_SCALARS: tuple[Any, ...] = (
    bool, int, float, str, dt.date, dt.datetime, dt.time,
)  # fmt: skip
_WHAT_DOES = (
    "a pydantic model, a dataclass, a TypedDict, an Enum, Literal, bool, int, float, str, date, "
    'list[...], a JSON Schema, {"label": ["bug", "feature"]}, or "label: bug|feature"'
)


class NotValidError(Exception):
    """A value is not of the shape; `problems` say where and why, each in one line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shape:
    """The shape of an answer.

    `name` is what a server is told, `schema` the JSON Schema of a value with references inlined,
    `choices` the values where the whole answer is one of them, `scalar` the type where it is a
    single word or number. `check` makes the Python value of a JSON value, or raises NotValidError.
    """

    name: str
    schema: Schema
    check: Callable[[Any], Any]
    choices: tuple[Any, ...] = ()
    scalar: type | None = None

    def __repr__(self) -> str:
        return f"<Shape {self.name}: {' '.join(in_words(self.schema).split())[:80]}>"

    @property
    def wrapped(self) -> bool:
        """Whether it is asked for as `{"value": ...}`: a server's JSON is always an object."""
        return self.schema.get("type") != "object"

    @property
    def bare(self) -> bool:
        """Whether a bare word or number says it, without any JSON."""
        return bool(self.choices) or self.scalar is not None

    @property
    def asked(self) -> Schema:
        """The schema that a server is asked to enforce, its top level an object."""
        return strict(self._whole)

    @property
    def _whole(self) -> Schema:
        """The schema of an object: its own, or that of the wrapper."""
        if not self.wrapped:
            return self.schema
        inner = {key: one for key, one in self.schema.items() if key != "$defs"}
        whole: Schema = {"type": "object", "properties": {WRAPPER: inner}, "required": [WRAPPER]}
        return {**whole, "$defs": self.schema["$defs"]} if "$defs" in self.schema else whole

    def response_format(self) -> dict[str, Any]:
        """Return the `response_format` that has a server enforce the schema."""
        asked = self.asked
        return {
            "type": "json_schema",
            "json_schema": {"name": self.name, "schema": asked, "strict": is_strict(asked)},
        }

    def instruction(self, *, as_json: bool) -> str:
        """Return what the model is told; `as_json` False asks for the bare word where that does."""
        if self.bare and not as_json:
            if self.choices:
                listed = "\n".join(f"- {choice}" for choice in map(as_word, self.choices))
                return f"Answer with exactly one of these, and with nothing else:\n{listed}"
            return f"Answer with {_SCALAR_WORDS[self.scalar]}, and with nothing else."
        return (
            "Answer with one JSON value of this TypeScript type, and with nothing else: no words "
            f"around it, no code fence, no comments.\n\n{in_words(self._whole)}"
        )


_SCALAR_WORDS: dict[Any, str] = {
    bool: "one word, true or false",
    int: "one whole number in digits",
    float: "one number in digits",
    str: "the text alone",
    dt.date: "one date as YYYY-MM-DD",
    dt.datetime: "one time as YYYY-MM-DDTHH:MM:SS",
    dt.time: "one time of day as HH:MM:SS",
}


def shape_of(returns: Any, names: Mapping[str, Any] | None = None) -> Shape:
    """Return the shape that `returns` means; `names` are what a shorthand text can name.

    Takes what `Session.ask` lists under `returns`. Raises UsageError, before anything is sent, for
    what has no JSON Schema.
    """
    if isinstance(returns, Shape):
        return returns
    if isinstance(returns, str) and not returns.strip():
        raise UsageError(f"returns is empty; it takes {_WHAT_DOES}")
    schema = _schema_in(returns) if isinstance(returns, str) else returns
    if isinstance(schema, Mapping) and is_json_schema(schema):
        return _of_schema(dict(schema))
    return _of_type(_python_type(returns, names))


def _schema_in(text: str) -> Any:
    """Return what a text is as an object of JSON; None: it is the short way to write a type."""
    try:
        return json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None


def _python_type(wanted: Any, names: Mapping[str, Any] | None) -> Any:
    """Return the type that fields, a shorthand text or choices stand for; a type as it is."""
    if isinstance(wanted, Mapping):
        return _record(wanted, names)
    if isinstance(wanted, str):
        return type_of(wanted, names)
    return _choice(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else wanted


def is_json_schema(value: Mapping[str, Any]) -> bool:
    """Tell a JSON Schema from a dictionary of fields and their types."""
    kind = value.get("type")
    if isinstance(kind, str) and kind in _JSON_TYPES:
        return True
    if isinstance(kind, list) and kind and all(one in _JSON_TYPES for one in kind):
        return True
    if any(isinstance(value.get(key), of) for key, of in _SCHEMA_KEYS.items()):
        return all(isinstance(key, str) for key in value) and _is_json(value)
    return set(value) in ({"enum"}, {"const"}) and _is_json(value)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _of_type(wanted: Any) -> Shape:
    if inspect.isroutine(wanted):
        raise UsageError(f"returns takes a type, got the function {_name(wanted)}")
    name = _name(wanted)
    named: Any = None
    if isinstance(wanted, type) and issubclass(wanted, tuple) and hasattr(wanted, "_fields"):
        # Models write an object of names and values, and pydantic's schema has a list of values.
        named, wanted = wanted, of_named_tuple(wanted)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(rebuilt(wanted))
        schema = adapter.json_schema(schema_generator=AnswerGenerator)
    except (PydanticUserError, TypeError, NameError, ValueError, RecursionError) as error:
        raise _no_schema(wanted, error) from None
    schema = inlined(without_titles(json.loads(json.dumps(schema))))
    if not schema.keys() - {"title", "description", "default"}:
        raise _no_schema(wanted, "it takes any value")
    choices = tuple(schema.get("enum", ())) or ((schema["const"],) if "const" in schema else ())
    _distinct(schema)

    def check(value: Any) -> Any:
        try:
            # As JSON: texts are dates, and lists sets or tuples, where the type says so.
            found = adapter.validate_json(json.dumps(value))
            return found if named is None else named(**found)
        except ValidationError as error:
            raise NotValidError(map(_problem, error.errors(include_url=False))) from None
        except RecursionError:
            raise NotValidError(["the value is nested too deeply"]) from None
        except Exception as error:  # noqa: BLE001  # a check of the user's own; the answer must not be lost
            raise NotValidError(
                [f"its own check failed: {type(error).__name__}: {error}"]
            ) from None

    return Shape(
        name=name,
        schema=schema,
        check=check,
        choices=choices,
        scalar=wanted if isinstance(wanted, type) and wanted in _SCALARS else None,
    )


def _of_schema(schema: Schema) -> Shape:
    if not _is_json(schema):
        raise UsageError("a JSON Schema must hold values of JSON only; see json.dumps of it")
    loading.require(*loading.CHECKS)
    # A door: jsonschema.
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415
    from jsonschema.validators import validator_for  # noqa: PLC0415  # the same
    from referencing import Registry  # noqa: PLC0415  # the same

    kind: Any = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise UsageError(f"returns is no valid JSON Schema: {error.message[:200]}") from None
    # With a registry of its own it fetches nothing from addresses in the schema.
    validator = kind(schema, registry=Registry())

    def check(value: Any) -> Any:
        try:
            errors = sorted(validator.iter_errors(value), key=lambda error: len(error.path))
        except RecursionError:
            raise NotValidError(["the value is nested too deeply"]) from None
        if errors:
            raise NotValidError(
                f"{_path(error.absolute_path)}: {error.message[:200]}" for error in errors
            )
        return value

    inline = inlined(without_titles(schema))
    _distinct(inline)
    name = str(schema.get("title") or "answer")
    return Shape(
        name=_wire_name(name), schema=inline, check=check, choices=tuple(inline.get("enum", ()))
    )


def _record(fields: Mapping[Any, Any], names: Mapping[str, Any] | None) -> Any:
    """Return the typed dictionary for `{"label": ["bug", "feature"], "score": float}`."""
    if not fields:
        raise UsageError(f"returns has no fields; it takes {_WHAT_DOES}")
    found: dict[str, Any] = {}
    for name, wanted in fields.items():
        if not isinstance(name, str):
            raise UsageError(f"the fields of returns have texts as names, got {shown(name)}")
        found[name] = rebuilt(_python_type(wanted, names))
    return typed_dict("Answer", found)


def _choice(values: Iterable[Any]) -> Any:
    listed = list(dict.fromkeys(values)) if not isinstance(values, list) else values
    wrong = [one for one in listed if not isinstance(one, (str, int)) and one is not None]
    if not listed or wrong:
        got = shown(wrong[0]) if wrong else "none"
        raise UsageError(
            f"choices are texts, whole numbers or booleans, got {got}; for a list of values write "
            "list[str]"
        )
    return Literal[tuple(listed)]


def _distinct(schema: Any) -> None:
    """Refuse choices that no answer could tell apart. Raises UsageError."""
    if isinstance(schema, list):
        for one in schema:
            _distinct(one)
    if not isinstance(schema, Mapping):
        return
    seen: dict[str, Any] = {}
    for choice in schema.get("enum", ()):
        key = folded(as_word(choice))
        if not key:
            raise UsageError(f"a choice needs letters or digits, got {shown(choice)}")
        if key in seen:
            raise UsageError(
                f"the choices {shown(seen[key])} and {shown(choice)} are the same but for case, "
                "quotes and punctuation; answers could not tell them apart"
            )
        seen[key] = choice
    for key, inner in schema.items():
        if key not in ("enum", "const", "default", "examples"):
            for one in inner.values() if key in ("properties", "$defs") else (inner,):
                _distinct(one)


def _no_schema(wanted: Any, why: object) -> UsageError:
    first = str(why).strip().splitlines()[0][:120] if str(why).strip() else type(why).__name__
    return UsageError(
        f"returns={shown(wanted)} has no JSON Schema ({first}); it takes {_WHAT_DOES}"
    )


def _name(wanted: Any) -> str:
    return _wire_name(getattr(wanted, "__name__", "") or "answer")


def _wire_name(name: str) -> str:
    """Return a name that servers take. Source: OpenAI, `json_schema.name`."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)
    return plain[:64].strip("_") or "answer"


def _problem(error: Any) -> str:
    got = shown(error["input"])
    return f"{_path(error['loc'])}: {error['msg']}, got {got}"


def _path(parts: Iterable[Any]) -> str:
    """Return where in the value something is, as `tags[2].name`."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the value"
