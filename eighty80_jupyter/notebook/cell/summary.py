"""The quiet last line of a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eighty80_jupyter.api.reply import Reply


def facts(reply: Reply) -> list[str]:
    """Return the parts of the last line: model, tokens, seconds, rates, and how it ended."""
    parts = [reply.model or str(reply.parameters.get("model", ""))]
    if reply.calls:
        parts.append(f"{reply.rounds} rounds" if reply.rounds != 1 else "1 round")
        parts.append(f"{len(reply.calls)} calls" if len(reply.calls) != 1 else "1 call")
    usage = reply.usage
    if usage is not None and usage.completion_tokens is not None:
        parts.append(f"{usage.completion_tokens:,} token" + "s" * (usage.completion_tokens != 1))
    parts.append(f"{reply.seconds:.2f} s" if reply.seconds < 10 else f"{reply.seconds:.1f} s")  # noqa: PLR2004  # three digits
    if reply.tokens_per_second:
        parts.append(f"{_rate(reply.tokens_per_second)} tokens/s")
    if usage is not None and usage.decode_rate:
        parts.append(f"{_rate(usage.decode_rate)} tokens/s on the chip")
    if reply.status == "interrupted":
        parts.append("interrupted")
    elif reply.status == "error":
        parts.append("broken off")
    elif reply.finish_reason == "length":
        parts.append("cut at the length limit (length)")
    elif reply.finish_reason not in ("stop", None):
        parts.append(f"stopped: {reply.finish_reason}")
    return [part for part in [*parts, *_what_is_amiss(reply)] if part]


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


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004  # two digits
