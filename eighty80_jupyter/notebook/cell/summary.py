"""The quiet last line of a reply, and what is kept with it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.request_parameters import canonical
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.turn import Exchange, Turn

NAMESPACE = "eighty80_jupyter"  # of the metadata of an output
SCHEMA = 1  # of what is kept with the last line
_LONGEST = 40  # characters of a parameter's value
_MOST_OTHERS = 5  # alternatives whose differences are named
_LEAST_WAIT = 0.5  # seconds for a user's yes that are worth a word


def facts(reply: Reply) -> list[str]:
    """Return the parts of the last line.

    Model, parameters that were set, tokens, seconds, rates, and how it ended. The seconds are the
    model's own: those of tools, and of the user's yes, stand beside them.
    """
    parts = [reply.model or str(reply.parameters.get("model", "")), *settings(reply.parameters)]
    if reply.calls:
        parts.append(counted(reply.rounds, "round"))
        parts.append(counted(len(reply.calls), "call"))
    usage = reply.usage
    if usage is not None and usage.completion_tokens is not None:
        parts.append(counted(usage.completion_tokens, "token"))
    parts.append(_seconds(max(0.0, reply.seconds - reply.tool_seconds)))
    if reply.tokens_per_second:
        parts.append(f"{_rate(reply.tokens_per_second)} tokens/s")
    if usage is not None and usage.decode_rate:
        parts.append(f"{_rate(usage.decode_rate)} tokens/s on the chip")
    parts += _beside(reply)
    if reply.status == "interrupted":
        parts.append("interrupted")
    elif reply.status == "error":
        parts.append("broken off")
    elif reply.finish_reason == "length":
        parts.append("cut at the length limit (length)")
    elif reply.finish_reason not in ("stop", None):
        parts.append(f"stopped: {reply.finish_reason}")
    return [part for part in [*parts, *_what_is_amiss(reply)] if part]


def settings(parameters: Mapping[str, Any]) -> list[str]:
    """Return the parameters that were set but for the model, each with its value, in short."""
    return [
        f"{canonical(name)} {_value(value)}"
        for name, value in parameters.items()
        if name != "model" and value is not None
    ]


def which_answer(turn: Turn) -> str:
    """Say which of several answers counts, and how the others differ; empty where there is one."""
    count = len(turn.alternatives)
    if count == 1:
        return ""
    others = [n for n in range(count) if n != turn.chosen]
    told = [
        f"answer {number + 1}: {', '.join(differences)}"
        for number in others[:_MOST_OTHERS]
        if (differences := _differences(turn.alternatives[number], turn.exchange))
    ]
    return "; ".join([f"{turn.chosen + 1} of {count}", *told])


def _differences(one: Exchange, other: Exchange) -> list[str]:
    """Return what `one` was asked with and `other` was not."""
    asked, now = one.reply.parameters, other.reply.parameters
    found = [] if one.messages[0] == other.messages[0] else ["another prompt"]
    if (model := one.reply.model or asked.get("model")) and model != (
        other.reply.model or now.get("model")
    ):
        found.append(str(model))
    found += settings({name: value for name, value in asked.items() if now.get(name) != value})
    unset = [canonical(name) for name in now if asked.get(name) is None and name != "model"]
    return found + ([f"without {', '.join(unset)}"] if unset else [])


def _value(value: Any) -> str:
    """Return a parameter's value in a few words."""
    match value:
        case {"type": "json_schema", "json_schema": {"name": str(name)}}:
            text = f"json_schema {name}"
        case {"type": str(text), **rest} if not rest:
            pass
        case str():
            text = value if value and value.isprintable() else json.dumps(value)
        case _:
            text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"  # noqa: PLR2004  # three digits


def _beside(reply: Reply) -> list[str]:
    """Return the time that was not the model's: that of tools, and what waited for the user."""
    if not reply.tool_seconds:
        return []
    ran = min(sum(call.seconds for call in reply.calls), reply.tool_seconds)
    waited = reply.tool_seconds - ran
    parts = [f"tools {_seconds(ran)}"]
    if waited >= _LEAST_WAIT:
        parts.append(f"waited {_seconds(waited)} for your answer")
    return parts


def _what_is_amiss(reply: Reply) -> list[str]:
    """Return what a user should know of the answer: none, not of the form, cut short by us."""
    parts: list[str] = []
    first = reply.choices[0]
    if reply.status == "complete" and not (first.text or first.refusal):
        called = "called a tool instead of answering"
        parts.append(f"the model {called if first.tool_calls else 'gave no answer'}")
    if reply.stopped == "rounds":
        parts.append("no more calls after the limit of rounds (tool_rounds)")
    elif reply.stopped == "repeated":
        parts.append("no more calls after the same one three times")
    if reply.problems:
        parts.append("not of the type that was asked for")
    elif reply.values and reply.attempts > 1:
        parts.append(f"valid at attempt {reply.attempts}")
    if reply.status == "complete" and not reply.well_formed:
        parts.append("not the JSON that was asked for")
    if not reply.has_answer and (reply.status == "complete" or not reply.empty):
        parts.append("not sent with later prompts")
    return parts


def last_line(reply: Reply, notes: Sequence[str] = ()) -> str:
    """Return the last line as one text; `notes` stand at its end."""
    return " · ".join([*facts(reply), *reply.notes, *notes])


def reply_metadata(reply: Reply, messages: Sequence[Message]) -> dict[str, Any]:
    """Return what the last line's output keeps of a turn, so that it can be read back.

    Pictures and sounds stand as their names: the notebook would grow by all of them.
    """
    return {
        "messages": [_kept_message(message) for message in messages],
        "model": reply.model or reply.parameters.get("model", ""),
        "parameters": dict(reply.parameters),
        "usage": reply.usage.to_dict() if reply.usage else None,
        "finish_reason": reply.finish_reason,
        "status": reply.status,
        "seconds": round(reply.seconds, 4),
        **({"calls": [asdict(call) for call in reply.calls]} if reply.calls else {}),
        **({"tool_seconds": round(reply.tool_seconds, 4)} if reply.tool_seconds else {}),
    }


def _kept_message(message: Message) -> dict[str, Any]:
    """Return a message with what the server may want back: as `extra`, which is not its own."""
    text = None if message.content is None else message.text
    kept = replace(message, content=text).to_wire()
    for call, values in zip(message.tool_calls, kept.get("tool_calls", ()), strict=False):
        if call.extra:
            values["extra"] = dict(call.extra)
    return {**kept, "extra": dict(message.extra)} if message.extra else kept


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004  # two digits
