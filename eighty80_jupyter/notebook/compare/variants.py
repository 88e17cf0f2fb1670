"""Variants: a prompt answered without being kept, until somebody adopts the answer."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.turns.request import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Exchange, Turn
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.turns.request import RunningTurn

T = TypeVar("T")

LOOP_SECONDS = 30.0  # until what was asked of the loop thread is given up


def from_loop(session: Session, read: Callable[[], T]) -> T:
    """Return what `read` says on the loop thread, which owns what it looks at.

    To be called from any other thread. Raises TimeoutError where the loop does not get to it.
    """
    future: Future[T] = Future()

    def look() -> None:
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            future.set_exception(error)

    session.on_loop(look)
    return future.result(LOOP_SECONDS)


def prompt_of(turn: Turn) -> PreparedPrompt:
    """Return the prompt of a turn as it was sent, to be sent once more."""
    content = turn.messages[0].content or ""  # a prompt always has one
    return PreparedPrompt(content=content, has_data=turn.has_data, source=turn.typed)


def start(
    session: Session,
    conversation: Conversation,
    turn_id: str,
    prompt: PreparedPrompt,
    *,
    options: TurnOptions = TurnOptions(),  # noqa: B008  # frozen
    history: bool = True,
    **parameters: Any,
) -> RunningTurn:
    """Begin to answer `prompt` where the turn `turn_id` stands, or at the end, keeping nothing.

    What stands before it is sent, unless without `history`. No tools are offered: what a function
    does cannot be tried and taken back. `options` are further ones, `parameters` come over
    theirs. Raises UsageError for what cannot be sent.
    """
    chosen = replace(
        options,
        conversation=conversation,
        place=Place(again=turn_id, keep=False, history=history),
        tools=False,
        parameters={**options.parameters, **parameters},
    )
    return session.start(prompt, options=chosen)


def so_far(running: RunningTurn) -> Reply:
    """Return the reply, or what has come of it; on the loop thread only."""
    if running.reply is not None:
        return running.reply
    return running.snapshot.to_reply(seconds=0, parameters=running.request.parameters)


def adopt(session: Session, conversation: Conversation, turn_id: str, answer: Exchange) -> Turn:
    """Make `answer` the one that counts for that turn; where the turn is gone it is added anew."""
    index = conversation.find(turn_id)
    known = () if index is None else conversation[index].alternatives
    for number, alternative in enumerate(known):
        if alternative is answer:
            turn = conversation.choose(turn_id, number)
            break
    else:
        turn = conversation.add_alternative(turn_id, answer)
    session.last = answer.reply
    return turn


def tokens(reply: Reply) -> tuple[int, bool]:
    """Return the tokens of a reply, and whether they were counted by the server."""
    if reply.usage is not None and reply.usage.completion_tokens is not None:
        return reply.usage.completion_tokens, True
    texts = (c.text + c.reasoning + c.refusal for c in reply.choices)
    return sum(estimate(text) for text in texts if text), False
