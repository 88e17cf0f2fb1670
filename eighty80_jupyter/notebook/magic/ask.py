"""Ask what a line asks, and draw what is answered."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import parameter_values
from eighty80_jupyter.api.continuation import overlap, undecided
from eighty80_jupyter.api.deltas import ReasoningDelta, TextDelta
from eighty80_jupyter.conversation.events import RoundBegan
from eighty80_jupyter.errors import APIError, ChatInterrupted, ReplyFormatError
from eighty80_jupyter.notebook.cell.display import NotebookWriter
from eighty80_jupyter.notebook.cell.front_end import drawing, has_pages, is_console
from eighty80_jupyter.notebook.cell.probabilities import NO_PROBABILITIES, ShadedTerminalWriter
from eighty80_jupyter.notebook.cell.summary import NAMESPACE, SCHEMA, which_answer
from eighty80_jupyter.notebook.cell.terminal import TerminalWriter, make_terminal_writer
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.cell.value import ValueTerminalWriter
from eighty80_jupyter.notebook.cell.views.dry_run import dry_run_html, dry_run_text
from eighty80_jupyter.notebook.magic.prompt_request import Question
from eighty80_jupyter.notebook.saved.metadata import asked_in_python, turn_metadata
from eighty80_jupyter.session.options import TurnOptions

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.events import TurnEvent
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.notebook.cell.display import Writer
    from eighty80_jupyter.notebook.commands.context import CommandContext
    from eighty80_jupyter.prompt.template.prepare import PreparedPrompt


def ask(context: CommandContext, question: Question) -> None:
    """Ask, draw the answer as it comes, and keep it where the options say."""
    writer = _writer(context, question)
    take = writer.take if question.begun is None else _going_on(writer, question.begun)
    reply = None
    try:
        reply = context.session.ask(
            question.prepared,
            listen=take,
            options=_options(question),
        )
    except (APIError, ChatInterrupted, ReplyFormatError) as error:
        reply = error.reply
        raise
    finally:
        turn = _turn(question, reply)
        notes = [*question.prepared.notes, *_alternatives(question, turn)]
        if context.options.show is not None and reply is not None and not reply.choices[0].logprobs:
            notes.append(NO_PROBABILITIES)
        metadata = _turn_metadata(context, question, turn) if turn else None
        drawn = reply if question.begun is None else _rest(reply, question.begun)
        writer.finish(drawn, turn.messages if turn else (), notes, metadata)
        typed = question.options.returns is not None
        if context.options.into is not None and reply is not None and (reply.values or not typed):
            context.shell.user_ns[context.options.into] = _value(reply) if typed else reply
    context.reply = reply
    _hint(context, question.prepared)


def _turn_metadata(context: CommandContext, question: Question, turn: Turn) -> dict[str, Any]:
    """Return what the page keeps of a turn, which stands on it from now on."""
    session, conversation = context.session, question.conversation
    session.on_page.add(turn.id)
    if context.cell.place:
        session.in_cells.setdefault(context.cell.place, {})[turn.id] = turn.reply
    return turn_metadata(conversation, turn) | asked_in_python(session, conversation, turn)


def _value(reply: Reply) -> Any:
    """Return what `--into` gets of a typed answer: the value, or the values of several answers."""
    return list(reply.values) if len(reply.choices) > 1 else reply.value


def _options(question: Question) -> TurnOptions:
    return replace(question.options, conversation=question.conversation, place=question.place)


def _going_on(writer: Writer, begun: Reply) -> Callable[[Sequence[TurnEvent]], None]:
    """Draw what had come before, and return what draws the rest behind it, as one answer."""
    first = begun.choices[0]
    before, after, joined = first.text or first.refusal, "", False
    writer.take([ReasoningDelta(0, first.reasoning)] if first.reasoning else [])
    writer.take([TextDelta(0, before)])

    def take(events: Sequence[TurnEvent]) -> None:
        nonlocal after, joined
        # The first round goes on with what stands there; it would begin another answer.
        events = [e for e in events if not (isinstance(e, RoundBegan) and e.number == 1)]
        if joined:
            writer.take(events)
            return
        texts = [e for e in events if isinstance(e, TextDelta) and e.choice == 0]
        after += "".join(event.text for event in texts)
        shown: list[TurnEvent] = [event for event in events if event not in texts]
        if after and not undecided(before, after):
            joined = True
            shown.append(TextDelta(0, after[overlap(before, after) :]))
        writer.take(shown)

    return take


def _rest(reply: Reply | None, begun: Reply) -> Reply | None:
    """Return the reply as its last output shows it: below calls stands only what came after."""
    if reply is None or len(reply.calls) <= len(begun.calls):
        return reply
    first, before = reply.choices[0], begun.choices[0].text
    rest = replace(first, text=first.text.removeprefix(before), reasoning="")
    return replace(reply, choices=(rest, *reply.choices[1:]))


def dry_run(context: CommandContext, question: Question) -> None:
    """Show what would be sent."""
    requests, options = context.session.requests, _options(question)
    sent = requests.outgoing(question.prepared, question.conversation, options)
    fields = parameter_values.body_fields(requests.parameters(options.parameters))
    offer, typed = requests.offer(options), requests.typed(options)
    fields |= typed.fields(typed.modes[0]) if typed is not None else {}
    fields |= offer.fields(1) if offer is not None else {}
    shown = (sent, fields, question.prepared, requests.calibration)
    context.show(dry_run_html(*shown), dry_run_text(*shown))
    _hint(context, question.prepared)


def _turn(question: Question, reply: Reply | None) -> Turn | None:
    """Return the turn that the reply stands in, or None if it was not kept."""
    conversation, again = question.conversation, question.place.again
    turn = conversation.turn(again) if again is not None else None
    turns = [turn] if turn is not None else conversation[-1:]
    return next((turn for turn in turns if reply is not None and turn.reply is reply), None)


def _alternatives(question: Question, turn: Turn | None) -> list[str]:
    """Say that an answer stands beside others."""
    if turn is None or len(turn.alternatives) == 1:
        return []
    place = question.conversation.number_of(turn.id)
    return [f"turn {place}, answer {which_answer(turn)}"]


def _writer(context: CommandContext, question: Question) -> Writer:
    """Return the writer for what the shell is seen through."""
    typed = question.options.returns is not None
    shaded = context.options.show is not None
    kind = ShadedTerminalWriter if shaded else ValueTerminalWriter if typed else None
    if not has_pages(context.shell):
        return kind(sys.stdout.write) if kind else make_terminal_writer()
    config = context.session.config
    publish = context.shell.display_pub.publish
    metadata: dict[str, Any] = {"schema": SCHEMA, "role": "assistant"}
    if question.place.keep:  # what was asked aside belongs to no conversation
        metadata["conversation"] = question.conversation.name
        metadata["turn"] = question.conversation.number_of(question.place.again)
    how = drawing(context.shell, config)
    if how == "text":

        def end_with(line: str, reply_metadata: dict[str, Any]) -> None:
            data = {"text/plain": harmless(f"[{line}]")}
            publish(data=data, metadata={NAMESPACE: metadata | reply_metadata})

        return (kind or TerminalWriter)(sys.stdout.write, end_with)
    markdown = config.output_format == "markdown"
    if config.output_format == "auto":
        markdown = "VSCODE_PID" in os.environ
    return NotebookWriter(
        publish,
        choices=context.session.requests.parameters(question.options.parameters).get("n", 1),
        allow_images=config.allow_images,
        markdown=markdown,
        metadata=metadata,
        typed=typed,
        shaded=shaded,
        live=how == "updates",
        latex=not is_console(context.shell),  # qtconsole would set it instead of the text
    )


def _hint(context: CommandContext, prepared: PreparedPrompt) -> None:
    """Say what the user may have meant otherwise, a line each."""
    for name in prepared.hints:
        context.say(f"{{{name}}} was sent as it is; {{{{{name}}}}} inserts the variable")
    for text in prepared.left:
        context.say(f"sent as it is: {text}")
