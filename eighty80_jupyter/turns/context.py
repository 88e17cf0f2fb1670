"""The messages of a request where the model takes only so much: fitted, or condensed by the model.

What the limit is, the user may say; else the server's own error tells it, and the request is made
once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.conversation import Conversation, Summary
from eighty80_jupyter.conversation.turn import Turn
from eighty80_jupyter.errors import ContextLengthError
from eighty80_jupyter.turns.window import Fitted, Policy, Window, fit, old_turns

# Asks the model: messages in, its text out.
Ask = Callable[[Sequence[Message]], Awaitable[str]]

_ATTEMPTS = 4  # at one request; each but the first knows more about the limit
_UNTOLD = 0.75  # of what was sent, where the server does not say how much it takes
_LEAST = 64  # tokens; below this no limit makes sense
_SUMMARY = (
    "Summarize the conversation below for yourself: you will go on with it and no longer see it. "
    "Keep names, numbers, decisions, open questions and what the user wants; leave out greetings. "
    "Write at most {words} words, and nothing but the summary."
)
_LET_GO = (
    "send less, start anew with %chat --new, or let old turns go: "
    "%config ChatConfig.context_policy = 'trim'"
)
_BEFORE = "Summary of our conversation so far:\n\n"
_NOTED = "I have it in mind."


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSettings:
    """How a turn deals with the model's limit.

    `limit` is in tokens, for prompt and answer together; None where it is not known. `answer` is
    what the answer may take, if that is known. `remember` is told a limit that the server named.
    `strict` tells that the user set the limit, so that a longer prompt is refused unsent.
    """

    policy: Policy = "error"
    limit: int | None = None
    strict: bool = False
    answer: int | None = None
    ratio: float = 1.0
    remember: Callable[[int], None] = lambda _limit: None


class Context:
    """The messages of the requests of one turn. `note` says what was left out of the last one.

    `turns` are those of the history, as requests carry them.
    """

    def __init__(
        self,
        conversation: Conversation,
        turns: Sequence[Turn],
        settings: ContextSettings,
        ask: Ask,
    ) -> None:
        self._conversation = conversation
        self.turns = turns
        self._settings = settings
        self._ask = ask
        self._limit = settings.limit
        self._attempts = 1
        self.note = ""

    async def messages(self, head: Sequence[Message], tail: Sequence[Message]) -> list[Message]:
        """Return `head`, of the history what fits, and `tail`: the instruction, and what is asked.

        Raises ContextLengthError where even these two alone do not fit, or where the policy is
        `error` and the user's own limit does not let all of it through.
        """
        while self._settings.policy == "summarize" and self._limit is not None:
            taken = self._taken(head, tail)
            try:
                condensed = await self._condensed(self._window, taken)
            except _SummaryTooLongError as error:
                if not self.learn(error.cause, error.sent):
                    raise error.cause from None
                continue
            if condensed is None:
                break
            return [*head, *condensed, *tail]
        return self.fitted(head, tail)

    def preview(self, head: Sequence[Message], tail: Sequence[Message]) -> list[Message]:
        """Return the same without asking the model: what it would condense first is left out."""
        if self._settings.policy != "summarize" or self._limit is None:
            return self.fitted(head, tail)
        known, fitted = self._with_known(self._window, self._taken(head, tail))
        if fitted.dropped:
            self.note = f"condensed by the model first: {old_turns(fitted.dropped)}"
        elif known is not None:
            self.note = f"sent as a summary: {old_turns(len(known.covers))}"
        else:
            self.note = fitted.note
        return [*head, *_as_messages(known), *fitted.messages, *tail]

    def fitted(self, head: Sequence[Message], tail: Sequence[Message]) -> list[Message]:
        """Return the same without asking the model: what `messages` would condense is dropped."""
        settings = self._settings
        if self._limit is None or (settings.policy == "error" and not settings.strict):
            return [*head, *self._history(), *tail]
        taken = self._taken(head, tail)
        if settings.policy == "error":
            history = self._history()
            taken += self._window.tokens(history)
            if taken > self._window.room:
                raise _too_long(taken, self._limit, "the conversation takes", _LET_GO)
            return [*head, *history, *tail]
        fitted = fit(self.turns, self._window, taken)
        self.note = fitted.note
        return [*head, *fitted.messages, *tail]

    def learn(self, error: ContextLengthError, sent: Sequence[Message]) -> bool:
        """Take in that what was sent was too much; return whether another attempt makes sense."""
        settings = self._settings
        count = Window(1, ratio=settings.ratio).tokens(sent)
        limit = error.limit or max(_LEAST, int(_UNTOLD * count))
        if self._limit is not None:
            # The estimate was too low, or the server takes less than it says.
            limit = min(limit, int(_UNTOLD * self._limit)) if limit >= self._limit else limit
        settings.remember(error.limit or limit)
        self._limit = limit
        self._attempts += 1
        return settings.policy != "error" and bool(self.turns) and self._attempts <= _ATTEMPTS

    @property
    def _window(self) -> Window:
        return Window(self._limit or 0, self._settings.answer, self._settings.ratio)

    def _taken(self, head: Sequence[Message], tail: Sequence[Message]) -> int:
        """Return the tokens of what is always sent. Raises ContextLengthError if it is too much."""
        taken = self._window.tokens([*head, *tail])
        if taken > self._window.room:
            what = "the prompt with its instruction takes"
            raise _too_long(
                taken, self._window.limit, what, "send less, or ask for a shorter answer"
            )
        return taken

    def _history(self) -> list[Message]:
        return [message for turn in self.turns for message in turn.messages]

    async def _condensed(self, window: Window, taken: int) -> list[Message] | None:
        """Return the history with its oldest turns condensed, if it does not fit as it is.

        None where the model wrote no summary: what it should have condensed is dropped then.
        """
        known, fitted = self._with_known(window, taken)
        if fitted.dropped:
            rest = self.turns[len(known.covers) if known else 0 :]
            # Half of the room, so that the next turns need not be condensed at once again.
            roomy = replace(window, limit=max(window.limit // 2 + taken // 2, _LEAST))
            fitted = max(fit(rest, roomy, taken), fitted, key=lambda each: each.dropped)
            known = await self._summarize(known, rest[: fitted.dropped], window)
            if not known.text:
                return None
            self._conversation.summary = known
        if known is None:
            self.note = fitted.note
            return list(fitted.messages)
        self.note = f"sent as a summary: {old_turns(len(known.covers))}"
        return [*_as_messages(known), *fitted.messages]

    def _with_known(self, window: Window, taken: int) -> tuple[Summary | None, Fitted]:
        """Return the summary at hand, and what fits of the turns that it does not stand for."""
        known = self._known_summary()
        rest = self.turns[len(known.covers) if known else 0 :]
        return known, fit(rest, window, taken + window.tokens(_as_messages(known)))

    def _known_summary(self) -> Summary | None:
        """Return the summary at hand, if it is one of the turns that stand at the beginning."""
        summary = self._conversation.summary
        if summary is None:
            return None
        first = self.turns[: len(summary.covers)]
        return summary if summary.covers == tuple((t.id, t.chosen) for t in first) else None

    async def _summarize(
        self, known: Summary | None, turns: Sequence[Turn], window: Window
    ) -> Summary:
        """Have the model condense `turns`, piece by piece where they do not fit at once."""
        covers = known.covers if known else ()
        text = known.text if known else ""
        words = max(30, window.room // 6)
        request = Message("system", _SUMMARY.format(words=words))
        waiting = list(turns)
        while waiting:
            before = [Message("user", f"{_BEFORE}{text}")] if text else []
            taken = window.tokens([request, *before]) + words * 2
            piece: list[str] = []
            while waiting:
                script = _script(waiting[0], limit=window.room)
                size = window.tokens([Message("user", "\n\n".join([*piece, script]))])
                if piece and taken + size > window.room:
                    break
                piece.append(script)
                turn = waiting.pop(0)
                covers = (*covers, (turn.id, turn.chosen))
            parts = [f"{_BEFORE}{text}"] if text else []
            sent = [request, Message("user", "\n\n".join([*parts, *piece]))]
            try:
                text = (await self._ask(sent)).strip() or text
            except ContextLengthError as error:
                raise _SummaryTooLongError(error, sent) from None
            text = _cut(text, words * 2, window)
        return Summary(text, covers)


class _SummaryTooLongError(Exception):
    """What was to be condensed was itself too long: the model takes less than was thought."""

    def __init__(self, cause: ContextLengthError, sent: Sequence[Message]) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.sent = sent


def _cut(text: str, most: int, window: Window) -> str:
    """Return the beginning of a summary that takes no more than `most` tokens.

    A model may write more than it was asked for, and then nothing else would ever fit beside it.
    """
    taken = window.tokens([Message("user", text)])
    while taken > most and len(text) > most:
        text = text[: max(most, len(text) * most // taken)].rstrip()
        taken = window.tokens([Message("user", text)])
    return text


def _as_messages(summary: Summary | None) -> list[Message]:
    if summary is None:
        return []
    return [Message("user", _BEFORE + summary.text), Message("assistant", _NOTED)]


def _script(turn: Turn, *, limit: int) -> str:
    """Return a turn as a text to condense, at most about `limit` tokens of it."""
    names = {"user": "User", "assistant": "Assistant", "tool": "Tool"}
    lines = [
        f"{names.get(message.role, message.role)}: {message.text}"
        for message in turn.messages
        if message.text
    ]
    text = "\n".join(lines)
    most = max(limit, _LEAST) * 2  # characters; a token is seldom shorter
    return text if len(text) <= most else text[: most // 2] + "\n[...]\n" + text[-most // 2 :]


def _too_long(taken: int, limit: int, what: str, advice: str) -> ContextLengthError:
    error = ContextLengthError(
        f"{what} about {taken:,} tokens, and the model has room for {limit:,} with its answer; "
        f"{advice}",
        status_code=0,
    )
    error.limit = limit
    return error
