"""The one table of request parameters: names, bounds, help. Options, traits and sliders read it.

Source: the 8080 chat-completions documentation. A parameter that is unset is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any


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

# Fields of a request that are no parameters of the user's.
OURS = frozenset(
    {"messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"}
)
# Fields of a request without which the answer would be another one than was asked for.
NEVER_OMITTED = frozenset(
    {"model", "messages", "stream", "tools", "functions", "response_format", "stop", "n"}
    | {"max_tokens", "max_completion_tokens"}
)


def canonical(name: str) -> str:
    """Return the name in the table for a name as the request has it: `max_completion_tokens`."""
    return _BY_WIRE.get(name, name)
