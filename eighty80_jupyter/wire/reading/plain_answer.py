"""A short cut for answers that are not streamed and hold text and nothing else. No I/O.

Nearly all answers to many small requests are of this form. Whatever stands in one besides is left
to `stream.ReplyReader`, which says the same of this form, and takes several times as long for it.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from eighty80_jupyter.api.deltas import ChoiceDone, Delta, ModelDelta, TextDelta, UsageDelta
from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.wire.reading.thinking import TAGS
from eighty80_jupyter.wire.secret import Secrets, secret_words

_FIELDS = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"}
)
_CHOICE = frozenset({"index", "message", "finish_reason", "logprobs"})
# What may begin reasoning, or a call that is written as text.
_FIRST = {tag[0] for tag in (*TAGS, *TAGS.values())} | {"[", "\ufffd"}
_SPECIAL = re.compile(f"[{re.escape(''.join(sorted(_FIRST)))}]")


def plain_answer(data: bytes, secret: Secrets, *, choices: int) -> list[Delta] | None:
    """Return the deltas of a whole answer; None: it must be read in full."""
    try:
        body = orjson.loads(data)
    except ValueError:
        return None
    if type(body) is not dict or not body.keys() <= _FIELDS:
        return None
    if any(word.encode() in data for word in secret_words(secret)):
        return None
    found: list[Delta] = []
    model, name, usage = body.get("model"), body.get("id"), body.get("usage")
    if type(model) is str and model:
        found.append(ModelDelta(model, name if type(name) is str else ""))
    entries = body.get("choices")
    if type(entries) is not list or len(entries) != choices:
        return None
    for index, choice in enumerate(entries):
        text = _text_of(choice, index)
        if text is None:
            return None
        found += (TextDelta(index, text), ChoiceDone(index, choice["finish_reason"]))
    if type(usage) is dict and usage:
        found.append(UsageDelta(Usage.from_wire(usage)))
    return found


def _text_of(choice: Any, index: int) -> str | None:
    if type(choice) is not dict or choice.get("index") != index or not choice.keys() <= _CHOICE:
        return None
    message, reason = choice.get("message"), choice.get("finish_reason")
    if type(message) is not dict or type(reason) is not str or choice.get("logprobs") or not reason:
        return None
    if reason.lower() == "error":
        return None
    for key, value in message.items():
        if value and key not in ("role", "content"):
            return None
    text = message.get("content")
    if type(text) is not str or not text or _SPECIAL.search(text):
        return None
    return text
