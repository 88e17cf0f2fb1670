"""Bring a JSON value nearer to its schema where nothing can be misunderstood, and refuse guesses.

pydantic reads `true` as 1 and 2021 as a moment of 1970: an answer must not become such a value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Self

from eighty80_jupyter.structured.schema import MEMBERS, Schema, takes_null
from eighty80_jupyter.structured.words import folded
from eighty80_jupyter.text import shown

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")
_TIMES = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "date-time": re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?"),
    "time": re.compile(r"\d{1,2}:\d{2}.*"),
    "duration": re.compile(r"[-+]?(?:P.*|\d+ days?.*|\d+:\d{2}.*)"),
}
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_DEEPEST = 200


class Written(float):
    """A number with a fraction and its `text`: a Decimal has digits that a float has not."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read the text of a number."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def conform(value: Any, schema: Schema) -> tuple[Any, list[str]]:
    """Return the value as the schema has it, and what is wrong with it, a line each.

    Choices are told by their words whatever their case and punctuation; texts of digits become
    numbers where a number is wanted; null for a field that may be missing is left out. A missing
    field and a wrong type are left to the check of the types.
    """
    problems: list[str] = []
    return _Walk(schema, problems).value(value, schema, "", 0), problems


class _Walk:
    """One walk along a value and its schema; `problems` are collected on the way."""

    def __init__(self, whole: Schema, problems: list[str]) -> None:
        self._whole = whole
        self._problems = problems

    def value(self, value: Any, schema: Any, path: str, depth: int) -> Any:  # noqa: PLR0911  # one form each
        if not isinstance(schema, Mapping):
            return _plain(value)
        if depth > _DEEPEST:
            self._wrong(path, "the value is nested too deeply")
            return value
        if isinstance(reference := schema.get("$ref"), str):
            name = reference.rsplit("/", 1)[-1]
            known = self._whole.get("$defs", {}).get(name)
            target = self._whole if reference == "#" else known
            return self.value(value, target, path, depth + 1)
        if "enum" in schema or "const" in schema:
            return self._choice(value, schema, path)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._union(value, schema[key], path, depth)
        kinds = schema.get("type")
        if isinstance(kinds, list):
            branches = [{**schema, "type": kind} for kind in kinds]
            return self._union(value, branches, path, depth)
        match kinds:
            case "boolean":
                return _TRUTH.get(folded(value), value) if isinstance(value, str) else value
            case "number" if schema.get("format") == "decimal":
                return self._decimal(value, path)
            case "integer" | "number":
                return self._number(value, path, whole=kinds == "integer")
            case "string":
                self._text(value, schema, path)
            case "array" if isinstance(value, list):
                return self._array(value, schema, path, depth)
            case _ if isinstance(value, dict) and (kinds == "object" or "properties" in schema):
                return self._object(value, schema, path, depth)
        return _plain(value)

    def _wrong(self, path: str, text: str) -> None:
        self._problems.append(f"{path.removeprefix('.') or 'the value'}: {text}")

    def _choice(self, value: Any, schema: Mapping[str, Any], path: str) -> Any:
        choices = list(schema.get("enum", (schema.get("const"),)))
        members = schema.get(MEMBERS)
        if members is not None:  # an Enum: told by the names of its members, or by their values
            if not isinstance(value, str) or not any(folded(n) == folded(value) for n in choices):
                named = [n for n in choices if as_word(members[n]) == as_word(value)]
                value = named[0] if len(named) == 1 else value
            return members.get(self._choice(value, {"enum": choices}, path), value)
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        word = folded(as_word(value))
        for choice in choices:
            if word and folded(as_word(choice)) == word:
                return choice
        listed = ", ".join(shown(choice) for choice in choices[:20])
        self._wrong(path, f"expected one of {listed}, got {shown(value)}")
        return value

    def _union(self, value: Any, branches: list[Any], path: str, depth: int) -> Any:
        found: list[tuple[Any, list[str]]] = []
        for branch in branches:
            problems: list[str] = []
            walk = _Walk(self._whole, problems)
            found.append((walk.value(value, branch, path, depth + 1), problems))
        fitting = [
            (result, branch)
            for (result, problems), branch in zip(found, branches, strict=True)
            if not problems and self._is_of(result, branch)
        ]
        for result, _ in fitting:
            if type(result) is type(value) and result == value:
                return result  # a branch takes it as it is
        if fitting:
            return fitting[0][0]
        wrong = min((problems for _, problems in found if problems), key=len, default=[])
        self._problems.extend(wrong)
        return value

    def _is_of(self, value: Any, schema: Any) -> bool:
        """Tell whether a value has the JSON type of a branch, as far as the branch names one."""
        if not isinstance(schema, Mapping):
            return True
        kinds: Any = {
            "null": type(None), "boolean": bool, "string": str, "array": list, "object": dict,
        }  # fmt: skip
        kind = schema.get("type")
        if kind in ("integer", "number"):
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return not isinstance(value, bool) and (
                whole if kind == "integer" else isinstance(value, (int, float))
            )
        return kind not in kinds or isinstance(value, kinds[kind])

    def _number(self, value: Any, path: str, *, whole: bool) -> Any:
        if isinstance(value, bool):
            self._wrong(path, f"expected a number, got {shown(value)}")
        elif isinstance(value, str):
            text = value.strip()
            if _WHOLE.fullmatch(text):
                return int(text) if len(text) < 4_000 else value  # noqa: PLR2004  # int() has a limit
            if not _NUMBER.fullmatch(text):
                self._wrong(path, f"expected a number, got {shown(value)}")
            elif not whole or float(text).is_integer():
                value = float(text)
        if isinstance(value, float) and not math.isfinite(value):
            self._wrong(path, f"expected a finite number, got {value}")
        return _plain(value)

    def _decimal(self, value: Any, path: str) -> Any:
        """Return the text of a number: what pydantic makes a Decimal of, digit by digit."""
        text = value.text if isinstance(value, Written) else str(value).strip()
        if isinstance(value, (bool, dict, list)) or not _NUMBER.fullmatch(text):
            self._wrong(path, f"expected a number, got {shown(value)}")
            return value
        return text

    def _text(self, value: Any, schema: Mapping[str, Any], path: str) -> None:
        form = _TIMES.get(str(schema.get("format")))
        if form is None:
            return
        if not isinstance(value, str) or not form.fullmatch(value.strip()):
            self._wrong(path, f"expected a {schema['format']} in ISO form, got {shown(value)}")

    def _array(
        self, value: list[Any], schema: Mapping[str, Any], path: str, depth: int
    ) -> list[Any]:
        first = schema.get("prefixItems", ())
        rest = schema.get("items")
        return [
            self.value(one, first[n] if n < len(first) else rest, f"{path}[{n}]", depth + 1)
            for n, one in enumerate(value)
        ]

    def _object(
        self, value: dict[str, Any], schema: Mapping[str, Any], path: str, depth: int
    ) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        others = schema.get("additionalProperties")
        if (
            properties
            and value
            and not isinstance(others, Mapping)
            and not value.keys() & properties
        ):
            names = ", ".join(map(str, list(value)[:5]))
            self._wrong(path, f"expected the fields {', '.join(properties)}, got {names}")
        unknown = [name for name in value if name not in properties]
        if (
            len(unknown) < len(value)
            and unknown
            and properties
            and others is None
            and properties.keys() - value
        ):
            # It may be a missing one with another name; its default would be a guess.
            missed = ", ".join(name for name in properties if name not in value)
            self._wrong(path, f"unknown field {unknown[0]}, while there is no {missed}")
        result: dict[str, Any] = {}
        keys = schema.get("propertyNames")
        for given, one in value.items():
            name = given
            if isinstance(keys, Mapping) and "enum" in keys:
                name = str(self._choice(given, keys, f"{path}.{given}"))
                if name in result:
                    self._wrong(path, f"the name {name} stands twice")
            wanted = properties.get(name, others)
            missing = one is None and name in properties and name not in required
            if missing and isinstance(wanted, Mapping) and not takes_null(wanted):
                continue  # strict mode has null where a field is missing
            result[name] = self.value(one, wanted, f"{path}.{name}", depth + 1)
        return result


def _plain(value: Any) -> Any:
    """Return a value of any form with plain numbers."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, Written) else value


def as_word(value: Any) -> str:
    """Return a choice, or what may be one, as the word that stands for it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
