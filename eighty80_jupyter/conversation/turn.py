"""One exchange with the model, and a turn: a prompt with its alternative answers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Reply

_SHOWN = 60  # characters of a prompt in a repr


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A prompt and all that answered it: what stands in the history for one turn.

    `messages` begins with the prompt and ends with the answer; between them are the rounds with
    tools, if there were any. `has_data` tells whether blocks of data stand in it. `source` is the
    prompt as it was typed, before its fields were filled. `seen` tells whether a person has seen
    that: what a file brings is text, and no field in it is filled. `tools` names those that were
    offered, `tool_choice` and `parallel_tool_calls` how they may be called. `server` is the mark of
    the one that answered, if calls came from it: what only that one takes back is sent to no other.
    """

    messages: tuple[Message, ...]
    reply: Reply
    has_data: bool = False
    source: str = ""
    seen: bool = field(default=True, compare=False)
    tools: tuple[str, ...] = ()
    server: str = ""
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None

    def __repr__(self) -> str:
        return f"<Exchange {_start(self.source or self.messages[0].text)} -> {self.reply!r}>"

    def joined(self, later: Exchange) -> Exchange:
        """Return this exchange with the answer of `later` added to its own.

        The prompt of `later`, which asked to go on, is left out.
        """
        reply = self.reply.joined(later.reply)
        rounds = (*self.messages[:-1], *later.messages[1:-1])
        return replace(
            self,
            messages=(*rounds, reply.to_message()),
            reply=reply,
            has_data=self.has_data or later.has_data,
            server=self.server if self.server == later.server else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A user's prompt up to the model's final answer, and the alternatives to it.

    Asking again adds an alternative; `chosen` is the index of the one that counts, and whose
    `messages`, `reply`, `prompt` and `source` the turn shows. `id` names the turn for good; `cell`
    is the notebook's name for the cell that asked, or empty.
    """

    alternatives: tuple[Exchange, ...]
    chosen: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    cell: str = ""

    def __repr__(self) -> str:
        count = len(self.alternatives)
        several = "" if count == 1 else f", answer {self.chosen + 1} of {count}"
        return f"<Turn {_start(self.source)} -> {self.reply!r}{several}>"

    @property
    def exchange(self) -> Exchange:
        """The chosen alternative."""
        return self.alternatives[self.chosen]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages of the turn, from the prompt to the answer."""
        return self.exchange.messages

    @property
    def is_sent(self) -> bool:
        """Whether later requests carry it: not without an answer that has a text."""
        last = self.messages[-1]
        return last.role == "assistant" and not last.tool_calls and bool(last.text.strip())

    @property
    def reply(self) -> Reply:
        """The chosen answer."""
        return self.exchange.reply

    @property
    def has_data(self) -> bool:
        """Whether blocks of data stand in the messages."""
        return self.exchange.has_data

    @property
    def prompt(self) -> str:
        """The text of the user's message."""
        return self.messages[0].text

    @property
    def typed(self) -> str:
        """The prompt as it was typed, if it can be asked again so; else nothing."""
        return self.exchange.source if self.exchange.seen else ""

    @property
    def source(self) -> str:
        """The prompt as it was typed; its text where that is not known."""
        return self.exchange.source or self.prompt


def _start(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
