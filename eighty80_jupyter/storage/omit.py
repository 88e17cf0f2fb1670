"""What is left out of a conversation before it is shared: data, pictures, results, the key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.blocks import without_data
from eighty80_jupyter.storage.serialization import Record, plain, read_conversation
from eighty80_jupyter.text import clean_json
from eighty80_jupyter.wire.secret import Secrets, without_secret

KINDS = ("data", "images", "tools")
RESULT = "[result left out]"
_PARTS = {"image_url": "[picture left out]", "input_audio": "[sound left out]"}


def plain_without(record: Record, without: Iterable[str], secret: Secrets) -> dict[str, Any]:
    """Return a conversation as plain values, without what the words of `KINDS` name.

    `data`: blocks of data in prompts; `images`: pictures and sounds; `tools`: what tools returned.
    A word stands where each of them was. A secret is cut out wherever it occurs. Raises UsageError
    for another word.
    """
    kinds = kinds_of(without)
    values: dict[str, Any] = plain(record)
    if kinds:
        values.pop("summary", None)  # it may tell what was left out
        for turn in values.get("turns", ()):  # an empty conversation has none
            for exchange in turn["alternatives"]:
                _leave_out(exchange, kinds)
        for comparison in values.get("comparisons", ()) if "data" in kinds else ():
            for asked in (comparison, *comparison.get("answers", ())):
                asked["prompt"] = without_data(asked.get("prompt", ""))
    checked: dict[str, Any] = without_secret(values, secret)
    return checked


def conversation_without(
    conversation: Conversation, without: Iterable[str], secret: Secrets
) -> Conversation:
    """Return a conversation of the same turns without those things. Raises UsageError."""
    values = plain_without(Record.of(conversation), without, secret)
    turns = {turn.id: turn for turn in conversation}
    return read_conversation(
        clean_json(values),  # programs of others read it
        lambda turn, alternative: turns[turn].alternatives[alternative].seen,
    )


def kinds_of(without: Iterable[str]) -> frozenset[str]:
    """Return what is to be left out, checked; one text may name several. Raises UsageError."""
    texts = [without] if isinstance(without, str) else without
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    for word in words:
        if word not in KINDS:
            raise UsageError(f"only {', '.join(KINDS)} can be left out, got {word[:40]!r}")
    return frozenset(words)


def _leave_out(exchange: dict[str, Any], kinds: frozenset[str]) -> None:
    for message in exchange["messages"]:
        if message["role"] == "tool":
            if "tools" in kinds:
                message["content"] = RESULT
        elif message["role"] == "user":
            if "images" in kinds:
                message["content"] = _without_parts(message["content"])
            if "data" in kinds and exchange.get("has_data"):
                message["content"] = _without_data(message["content"])
    if "data" in kinds:
        exchange.pop("has_data", None)


def _without_parts(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    parts = [
        part
        if part["type"] == "text"
        else {"type": "text", "text": _PARTS.get(part["type"], "[part left out]")}
        for part in content
    ]
    return "\n".join(part["text"] for part in parts)


def _without_data(content: Any) -> Any:
    if not isinstance(content, list):
        return without_data(content)
    return [
        {**part, "text": without_data(part["text"])} if part["type"] == "text" else part
        for part in content
    ]
