"""The one table of request parameters: names, bounds, help. Options, traits and sliders read it.

Source: the 8080 chat-completions documentation. A parameter that is unset is not sent.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import clean_json


class Kind(Enum):
    """What values a parameter takes."""

    NUMBER = "a number"
    INTEGER = "an integer"
    STRING = "a string"
    STRINGS = "a list of strings"
    FLAG = "true or false"
    OBJECT = "a JSON object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One request parameter.

    `name` is its name as an option, a trait and a keyword; `wire` its name in the request.
    `minimum` and `maximum` bound a number, the values of a map, or the length of a list; None means
    no bound. `default` is what the server does when the parameter is not sent, as documented.
    `step` is the step of a slider. `short` is the one-letter option.
    """

    name: str
    kind: Kind
    help: str
    wire: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: Any = None
    step: float | None = None
    short: str | None = None
    metavar: str = ""

    @property
    def option(self) -> str:
        """The long option, such as `--top-p`; `-n` has a short one only."""
        return "-n" if self.name == "n" else "--" + self.name.replace("_", "-")


_TABLE = (
    Parameter(
        name="model",
        kind=Kind.STRING,
        short="-m",
        metavar="NAME",
        help="the model that answers",
    ),
    Parameter(
        name="temperature",
        kind=Kind.NUMBER,
        short="-t",
        minimum=0,
        maximum=2,
        default=1,
        step=0.05,
        help="randomness: 0 is the most likely answer, higher is more varied (0 to 2)",
    ),
    Parameter(
        name="top_p",
        kind=Kind.NUMBER,
        minimum=0,
        maximum=1,
        default=1,
        step=0.01,
        help="choose among the most likely tokens that make up this probability (0 to 1)",
    ),
    Parameter(
        name="frequency_penalty",
        kind=Kind.NUMBER,
        minimum=-2,
        maximum=2,
        default=0,
        step=0.1,
        help="above 0: repeat the same tokens less, the more often they occur (-2 to 2)",
    ),
    Parameter(
        name="presence_penalty",
        kind=Kind.NUMBER,
        minimum=-2,
        maximum=2,
        default=0,
        step=0.1,
        help="above 0: move on to tokens that have not occurred yet (-2 to 2)",
    ),
    Parameter(
        name="max_tokens",
        wire="max_completion_tokens",
        kind=Kind.INTEGER,
        minimum=1,
        help="end the reply after this many tokens (1 or more)",
    ),
    Parameter(
        name="seed",
        kind=Kind.INTEGER,
        help="the same seed gives the same answer, as far as the server can",
    ),
    Parameter(
        name="stop",
        kind=Kind.STRINGS,
        minimum=1,
        maximum=4,
        metavar="TEXT",
        help="end the reply before this text (repeat the option for up to 4 texts)",
    ),
    Parameter(
        name="n",
        kind=Kind.INTEGER,
        minimum=1,
        default=1,
        help="the number of answers to one prompt; the first is the one that is remembered",
    ),
    Parameter(
        name="reasoning_effort",
        kind=Kind.STRING,
        metavar="WORD",
        default="medium",
        help="how long a reasoning model thinks: low, medium, high or what the server knows",
    ),
    Parameter(
        name="logit_bias",
        kind=Kind.OBJECT,
        minimum=-100,
        maximum=100,
        metavar="JSON",
        help='token id -> bias from -100 to 100, as JSON: {"1234": -100}',
    ),
    Parameter(
        name="logprobs",
        kind=Kind.FLAG,
        default=False,
        help="also return how likely each token was (reply.choices[0].logprobs)",
    ),
    Parameter(
        name="top_logprobs",
        kind=Kind.INTEGER,
        minimum=0,
        maximum=20,
        help="with --logprobs: as many of the likeliest alternatives for each token (0 to 20)",
    ),
    Parameter(
        name="response_format",
        kind=Kind.OBJECT,
        metavar="JSON",
        help="the form of the reply: text, json_object, or a JSON object with a json_schema",
    ),
    Parameter(
        name="user",
        kind=Kind.STRING,
        metavar="TEXT",
        help="a name for the end user, sent to the server as it is",
    ),
    Parameter(
        name="extra",
        kind=Kind.OBJECT,
        metavar="JSON",
        help="further fields for the body of the request, as JSON, for servers that know more",
    ),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({p.name: p for p in _TABLE})

_BY_WIRE = {p.wire: p.name for p in _TABLE if p.wire}

# What `extra` must not replace: the turn would no longer be what the conversation shows.
_RESERVED = ("messages", "stream")
# Fields of a request that are no parameters of the user's.
OURS = frozenset(
    {"messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"}
)
_RESPONSE_FORMATS = ("text", "json_object", "json_schema")

# Fields of a request without which the answer would be another one than was asked for.
NEVER_OMITTED = frozenset(
    {"model", "messages", "stream", "tools", "functions", "response_format", "stop", "n"}
    | {"max_tokens", "max_completion_tokens"}
)

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
        case Kind.NUMBER:
            return _number(parameter, value)
        case Kind.INTEGER:
            return _integer(parameter, value)
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


def canonical(name: str) -> str:
    """Return the name in the table for a name as the request has it: `max_completion_tokens`."""
    return _BY_WIRE.get(name, name)


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


def unknown(what: str, name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """Return the text for a name that is not in `known`, with the nearest that is."""
    longer = [other for other in known if len(name) > 3 and other.startswith(name)]  # noqa: PLR2004  # --temp
    close = longer if len(longer) == 1 else difflib.get_close_matches(name, list(known), n=1)
    return f"unknown {what} {name}" + (f"; did you mean {close[0]}?" if close else "")


def shown(value: Any) -> str:
    """Return a short form of `value` for a message: what came, cut where it is long."""
    try:
        text = value if isinstance(value, (int, float)) else repr(value)
    except Exception:  # noqa: BLE001  # a foreign repr may raise anything
        text = f"a {type(value).__name__}"
    text = " ".join(str(text).split())
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004  # fits in the line


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
    error = UsageError(f"{parameter.name} must be{_bounds(parameter)}, got {shown(value)}")
    if not _is_number(value):
        raise error
    number = value if isinstance(value, (int, float)) else float(value)
    if not math.isfinite(number) or not _within(parameter, number):
        raise error
    return number


def _integer(parameter: Parameter, value: Any) -> int:
    error = UsageError(
        f"{parameter.name} must be an integer{_bounds(parameter)}, got {shown(value)}"
    )
    if not _is_number(value):
        raise error
    whole = value if isinstance(value, int) else float(value)
    if whole not in (math.inf, -math.inf) and whole == whole // 1 and _within(parameter, whole):
        return int(value)
    raise error


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
