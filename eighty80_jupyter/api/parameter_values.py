"""What values the request parameters take: checked, read from a text, put into a body."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind, Parameter
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import clean_json, shown, unknown

# What `extra` must not replace: the turn would no longer be what the conversation shows.
_RESERVED = ("messages", "stream")
_RESPONSE_FORMATS = ("text", "json_object", "json_schema")

_EXAMPLES = {
    "logit_bias": '{"1234": -100}',
    "response_format": '{"type": "json_object"}, or the word json_object',
    "extra": '{"top_k": 40}',
}


def check(name: str, value: Any) -> Any:
    """Return `value` in the form in which it is sent, or raise UsageError with what is wrong.

    A list of strings may be given as one string; whole floats pass as integers.
    """
    parameter = PARAMETERS.get(name)
    if parameter is None:
        raise UsageError(unknown("parameter", name, PARAMETERS))
    value = clean_json(value)
    match parameter.kind:
        case Kind.NUMBER | Kind.INTEGER:
            return _number(parameter, value)
        case Kind.STRING:
            return _string(parameter, value)
        case Kind.STRINGS:
            return _strings(parameter, value)
        case Kind.FLAG:
            if not isinstance(value, bool):
                raise UsageError(f"{name} must be True or False, got {shown(value)}")
            return value
        case Kind.OBJECT:
            return _object(parameter, value)


def from_text(name: str, text: str) -> Any:
    """Return the value that `text` means for the parameter `name`, as an option gives it."""
    parameter = PARAMETERS[name]
    value: Any = text
    if parameter.kind in (Kind.NUMBER, Kind.INTEGER):
        try:
            value = int(text)
        except ValueError:
            try:
                value = float(text)
            except ValueError:
                value = text  # refused by `check`, with the bounds in the message
    elif name == "response_format" and text in _RESPONSE_FORMATS[:2]:
        value = {"type": text}
    elif parameter.kind is Kind.OBJECT:
        value = json_object(name, text)
    return check(name, value)


def json_object(name: str, text: str) -> Any:
    """Return the value that a text holds as JSON. Raises UsageError, which names `name`."""
    try:
        return json.loads(text)
    except ValueError:
        like = f", such as {_EXAMPLES[name]}" if name in _EXAMPLES else ""
        raise UsageError(f"{name} must be a JSON object{like}; got {shown(text)}") from None


def body_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request body for the parameters in `values`, without the unset ones.

    Every value is checked; `extra` is merged in last and wins.
    """
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if value is not None:
            fields[name] = check(name, value)
    extra: dict[str, Any] = fields.pop("extra", {})
    return {PARAMETERS[name].wire or name: value for name, value in fields.items()} | extra


def _bounds(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        return f" between {low:g} and {high:g}"
    return f" of at least {low:g}" if low is not None else ""


def _within(parameter: Parameter, value: float) -> bool:
    low, high = parameter.minimum, parameter.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _is_number(value: Any) -> bool:
    # numpy's numbers count too; a bool is no number here
    return not isinstance(value, (bool, str, bytes)) and hasattr(value, "__float__")


def _number(parameter: Parameter, value: Any) -> float:
    is_whole = parameter.kind is Kind.INTEGER
    what = " an integer" if is_whole else ""
    error = UsageError(f"{parameter.name} must be{what}{_bounds(parameter)}, got {shown(value)}")
    if not _is_number(value):
        raise error
    try:
        number = value if isinstance(value, (int, float)) else float(value)
    except (TypeError, ValueError, OverflowError):  # an array, or more than a float holds
        raise error from None
    is_finite = isinstance(number, int) or math.isfinite(number)
    if not is_finite or not _within(parameter, number) or (is_whole and number % 1):
        raise error
    return int(value) if is_whole else number


def _string(parameter: Parameter, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{parameter.name} must be a text that is not empty, got {shown(value)}")
    return value


def _strings(parameter: Parameter, value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(v, str) and v for v in values):
        raise UsageError(f"{parameter.name} takes strings that are not empty, got {shown(value)}")
    if not _within(parameter, len(values)):
        raise UsageError(f"{parameter.name} takes 1 to 4 strings, got {len(values)}")
    return list(values)


def _object(parameter: Parameter, value: Any) -> dict[str, Any]:
    name = parameter.name
    if name == "response_format" and isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} must be a JSON object, got {shown(value)}")
    result = {str(key): item for key, item in value.items()}
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} must be a JSON object: {error}") from None
    if name == "logit_bias":
        for token, bias in result.items():
            if not token.isascii() or not token.isdigit():
                raise UsageError(f"logit_bias maps token ids to numbers, got the id {shown(token)}")
            if not _is_number(bias) or not _within(parameter, bias):
                raise UsageError(
                    f"logit_bias must be{_bounds(parameter)}, got {shown(bias)} for {token}"
                )
    elif name == "extra":
        for key in _RESERVED:
            if key in result:
                raise UsageError(f"extra must not hold {key}: the conversation decides about it")
    elif name == "response_format":
        _check_response_format(result)
    return result


def _check_response_format(value: Mapping[str, Any]) -> None:
    kind = value.get("type")
    if kind not in _RESPONSE_FORMATS:
        expected = ", ".join(_RESPONSE_FORMATS)
        raise UsageError(f"response_format needs a type of {expected}, got {shown(kind)}")
    if kind == "json_schema":
        schema = value.get("json_schema")
        if not (
            isinstance(schema, Mapping)
            and isinstance(schema.get("name"), str)
            and isinstance(schema.get("schema"), Mapping)
        ):
            raise UsageError(
                "response_format of type json_schema needs "
                '{"json_schema": {"name": ..., "schema": {...}}}, got ' + shown(schema)
            )
