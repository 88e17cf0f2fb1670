"""A reply: what a turn's last round brought, as pure values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from eighty80_jupyter.api.code_blocks import CodeBlock, code_blocks
from eighty80_jupyter.api.continuation import overlap
from eighty80_jupyter.api.extra import TEXT_FIELDS, Extra
from eighty80_jupyter.api.messages import Message, ToolCall
from eighty80_jupyter.api.tokens import tokens_of
from eighty80_jupyter.errors import ReplyFormatError, UsageError
from eighty80_jupyter.text import shown

# How a reply ended: whole, cut by the user, or broken off by an error.
Status = Literal["complete", "interrupted", "error"]
# Why a model was made to answer without tools: too many rounds, or the same call again and again.
Stopped = Literal["", "rounds", "repeated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the server counted. Counts are in tokens, rates in tokens per second, time in seconds.

    Every field is None where the server did not report it; `prefill_*` and `decode_*` are the fast
    chips' own figures.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prefill_tokens: int | None = None
    prefill_rate: float | None = None
    decode_tokens: int | None = None
    decode_rate: float | None = None
    total_time: float | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Usage:
        """Read the fields that are numbers and leave out the others."""
        values: dict[str, Any] = {}
        for name, value in wire.items():
            known = name in cls.__slots__ and isinstance(value, (int, float))
            if known and math.isfinite(value):
                values[name] = int(value) if name.endswith("_tokens") else float(value)
        return cls(**values)

    def to_dict(self) -> dict[str, float]:
        """Return what was reported, without the rest."""
        return {n: v for n in self.__slots__ if (v := getattr(self, n)) is not None}

    def __add__(self, other: Usage) -> Usage:
        """Return the counts and times of two requests together, and their mean rates."""
        values: dict[str, Any] = {}
        for name in self.__slots__:
            pair = [v for v in (getattr(self, name), getattr(other, name)) if v is not None]
            if pair and not name.endswith("_rate"):
                values[name] = sum(pair)
        for kind in ("prefill", "decode"):
            pairs = [
                (getattr(u, f"{kind}_tokens"), getattr(u, f"{kind}_rate")) for u in (self, other)
            ]
            known = [(tokens, rate) for tokens, rate in pairs if tokens and rate and rate > 0]
            if known:
                seconds = sum(tokens / rate for tokens, rate in known)
                values[f"{kind}_rate"] = sum(tokens for tokens, _ in known) / seconds
        return Usage(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the answers to a prompt; there is one unless `n` asked for more.

    `extra` holds further fields that the server may want back; None: there are none.
    """

    index: int = 0
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    logprobs: tuple[Mapping[str, Any], ...] = field(default=(), hash=False)
    extra: Extra | None = field(default=None, hash=False, repr=False)

    def to_message(self) -> Message:
        """Return the answer as the message that stands for it in the history.

        Reasoning is not sent back, a refusal is the text of the message that refused.
        """
        text = self.text or self.refusal
        content = text or (None if self.tool_calls else "")
        return Message("assistant", content, self.tool_calls, extra=self.extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """What became of a tool call: `shown` is the call on one line, `seconds` how long it ran.

    `status` is "done", "failed", "refused", "unknown", "invalid", "timeout" or "stopped". By `id`
    the arguments and the result are found among the messages; `round` counts from 1. `written`
    tells that the model wrote the call as text.
    """

    id: str
    name: str
    shown: str
    status: str
    seconds: float = 0.0
    round: int = 1
    written: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model answered.

    `choices` holds one answer or more; `text`, `reasoning` and `finish_reason` are the first one's.
    `seconds` runs from the request to the end of the reply, as the user felt it. `status` tells
    whether the reply is whole, was interrupted, or broke off with the error in `error`.
    `parameters` is what was sent besides the messages, `notes` say what the user should know of it,
    such as what of the history was left out.

    With tools there may be several `rounds`, a request each: the answer is that of the last one,
    `usage` the sum. `calls` are the tool calls in order, `tool_seconds` is what they and the user's
    decisions took, `stopped` tells why the model was made to answer without further calls.

    Where a type was asked for (`returns`), `value` is the first answer as a value of it, `values`
    are those of all answers, `attempts` tells how often it took, and `problems` say why there is no
    value, and `returns` is the type. These stay in memory: a saved conversation holds the texts.
    """

    choices: tuple[Choice, ...] = (Choice(),)
    model: str = ""
    id: str = ""
    usage: Usage | None = None
    seconds: float = 0.0
    status: Status = "complete"
    error: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
    rounds: int = 1
    calls: tuple[CallRecord, ...] = ()
    tool_seconds: float = 0.0
    stopped: Stopped = ""
    values: tuple[Any, ...] = field(default=(), compare=False)
    attempts: int = 1
    problems: tuple[str, ...] = ()
    returns: Any = field(default=None, compare=False, repr=False)

    @property
    def value(self) -> Any:
        """The first answer as a value of the type that was asked for; None without one."""
        return self.values[0] if self.values else None

    @property
    def text(self) -> str:
        """The text of the first answer; the refusal where the model refused."""
        return self.choices[0].text or self.choices[0].refusal

    @property
    def reasoning(self) -> str:
        """What a reasoning model thought before it answered; empty where it says nothing."""
        return self.choices[0].reasoning

    @property
    def finish_reason(self) -> str | None:
        """Why the first answer ended: `stop`, `length`, ...; None where it did not end."""
        return self.choices[0].finish_reason

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it that would be missed."""
        return not self.calls and not any(
            c.text or c.reasoning or c.refusal or c.tool_calls for c in self.choices
        )

    @property
    def has_answer(self) -> bool:
        """Whether there is a text, which later requests carry; a turn without one is not sent."""
        return bool(self.text.strip())

    def to_message(self) -> Message:
        """Return the first answer as the message that ends its turn: without calls.

        A call that stands there was not offered, or is not whole. Nobody answers it, so that it
        would make the history invalid. Reasoning is wanted back of rounds with calls only, and
        refused otherwise by some (DeepSeek).
        """
        choice = self.choices[0]
        extra = {k: v for k, v in (choice.extra or {}).items() if k not in TEXT_FIELDS}
        return replace(choice, tool_calls=(), extra=extra or None).to_message()

    @property
    def tokens_per_second(self) -> float | None:
        """Completion tokens over the seconds that the user waited, or None if not reported.

        The time that tools took is not the model's, and does not count.
        """
        seconds = self.seconds - self.tool_seconds
        if self.usage is None or not self.usage.completion_tokens or seconds <= 0:
            return None
        return self.usage.completion_tokens / seconds

    @property
    def tokens(self) -> Any:
        """How likely each token of the first answer was: a DataFrame with a row for each.

        `token` is its text, `probability` goes from 0 to 1, `alternatives` is a dictionary of what
        else was likely, with probabilities. It is empty where the server told none: ask with
        `logprobs=True`, and `top_logprobs` for alternatives. Raises UsageError without pandas.
        """
        try:
            import pandas as pd  # noqa: PLC0415  # optional, and slow to import
        except ImportError:
            raise UsageError(
                "a DataFrame needs pandas, which is not installed; "
                "reply.choices[0].logprobs has what the server told"
            ) from None
        found = tokens_of(self.choices[0].text, self.choices[0].logprobs)
        frame = pd.DataFrame(
            [(token.text, token.probability, dict(token.alternatives)) for token in found],
            columns=["token", "probability", "alternatives"],
        )
        return frame.astype({"probability": "float64"})

    @property
    def code_blocks(self) -> list[CodeBlock]:
        """The fenced blocks of code in the text of the first answer, in order."""
        return code_blocks(self.text)

    def joined(self, later: Reply) -> Reply:
        """Return this reply with the first answer of `later` added to its own, as one reply.

        Words that `later` says again are left out. Times and counts are those of both; how it ended
        is told by `later`.
        """
        first, then = self.choices[0], later.choices[0]
        begun, rest = first.text or first.refusal, then.text or then.refusal
        choice = replace(
            then,
            text=begun + rest[overlap(begun, rest) :],
            reasoning=first.reasoning + then.reasoning,
            refusal="",
            logprobs=(*first.logprobs, *then.logprobs),
        )
        both = [usage for usage in (self.usage, later.usage) if usage is not None]
        return replace(
            later,
            choices=(choice,),
            usage=both[0] + both[1] if len(both) > 1 else None,
            seconds=self.seconds + later.seconds,
            rounds=self.rounds + later.rounds,
            calls=(*self.calls, *later.calls),
            tool_seconds=self.tool_seconds + later.tool_seconds,
        )

    def json(self) -> Any:
        """Return the value that the text holds as JSON.

        Where a `json_schema` was asked for it is checked too. Raises ReplyFormatError.
        """
        try:
            value = json.loads(self.text)
        except ValueError as error:
            raise ReplyFormatError(
                f"the reply is no JSON: {error}; it begins {shown(self.text)}; "
                "response_format asks for JSON"
            ) from None
        wanted = self._response_format.get("json_schema")
        if isinstance(wanted, Mapping):
            # A door: jsonschema.
            from jsonschema import SchemaError, ValidationError, validate  # noqa: PLC0415

            try:
                validate(value, wanted.get("schema", {}))
            except (ValidationError, SchemaError) as error:
                place = "/".join(str(step) for step in error.absolute_path)
                at = f" at {place}" if place else ""
                raise ReplyFormatError(
                    f"the reply does not fit the schema{at}: {error.message}"
                ) from None
        return value

    @property
    def well_formed(self) -> bool:
        """Whether the reply has the form that `response_format` asked for; True without one."""
        if not str(self._response_format.get("type", "")).startswith("json"):
            return True
        try:
            self.json()
        except ReplyFormatError:
            return False
        return True

    @property
    def _response_format(self) -> Mapping[str, Any]:
        wanted = self.parameters.get("response_format")
        return wanted if isinstance(wanted, Mapping) else {}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        tokens = self.usage.completion_tokens if self.usage else None
        count = "" if tokens is None else f", {tokens} tokens"
        state = "" if self.status == "complete" else f", {self.status}"
        start = self.text if len(self.text) <= 60 else self.text[:57] + "..."  # noqa: PLR2004  # a line
        model = repr(self.model)[1:-1] or "the model"  # a terminal prints it: without controls
        return f"<Reply {start!r} from {model}{count}{state}>"
