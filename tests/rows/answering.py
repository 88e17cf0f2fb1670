"""How the scripted server answers rows: by what stands in the prompt."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.support.replies import Reply, Wait, chat_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.wire import Request

PROMPT = "Classify: {{text}}"
LABELS = ["bug", "feature"]


def prompt_of(request: Request) -> str:
    """Return the prompt of a request, and not what asks to mend its answer."""
    messages = request.json["messages"]
    content = next(message["content"] for message in messages if message["role"] == "user")
    assert isinstance(content, str)
    return content


def answering(
    answer: Callable[[str], str | Reply], *, delays: random.Random | None = None
) -> Callable[[Request], Reply | None]:
    """Answer each chat request by its prompt, after random `delays` of up to 20 ms."""

    def handler(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        found = answer(prompt_of(request))
        reply = chat_reply(found) if isinstance(found, str) else found
        if delays is None:
            return reply
        return Reply((Wait(delays.uniform(0, 0.02)), *reply.steps))

    return handler


def echo(prompt: str) -> str:
    """Answer with the last word of the prompt."""
    return prompt.rsplit(maxsplit=1)[-1]


def label(prompt: str) -> str:
    """Answer with one of two labels: bug for an even number at the end."""
    return "bug" if int(prompt.rsplit(maxsplit=1)[-1]) % 2 == 0 else "feature"


def texts(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return rows of a list, each with another text."""
    return [{"text": f"row {number}"} for number in range(start, start + count)]
