"""From the options of a line and a prompt to what is asked, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.commands.branch import conversation_in
from eighty80_jupyter.notebook.commands.fix import failure_prompt
from eighty80_jupyter.notebook.commands.tools import offered
from eighty80_jupyter.notebook.line.options import OPTIONS
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
from eighty80_jupyter.turns.turn import Place

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.notebook.commands.context import CommandContext

GO_ON = "Continue exactly where you stopped, without repeating anything."
# Each says which turn is answered; there can be only one.
_PLACES = ("once", "again", "retry", "continue")
# Fields of a request that are no parameters of the user's.
_OURS = {"messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the prompt, the place of the turn in a conversation, and the parameters.

    `begun` is the reply that is gone on with, `tools` names those of a turn that is asked again.
    """

    prepared: PreparedPrompt
    conversation: Conversation
    place: Place
    parameters: Mapping[str, Any]
    begun: Reply | None = None
    tools: tuple[str, ...] = ()


def question(context: CommandContext, prompt: str, *, first_line: int) -> Question:
    """Return what the line asks, with the fields of its prompt filled. Raises UsageError.

    `first_line` is the number of the prompt's first line in its cell.
    """
    _check(context, prompt)
    conversation = conversation_in(context)
    given = {name: v for name, v in context.values.items() if OPTIONS[name].parameter}
    offered(context, given)  # refused, if it must be, before anything is done
    if "retry" in context.values:
        number = context.values["retry"]
        turn = conversation.numbered(-1 if number is None else number)
        return _same(context, conversation, turn, given)
    if "continue" in context.values:
        return _further(context, conversation, prompt, first_line, given)
    return Question(
        prepared=_prepared(context, prompt, first_line),
        conversation=conversation,
        place=_place(context, conversation, take=False),
        parameters=given,
    )


def settled(context: CommandContext, tried: Question) -> Question:
    """Return a question that was tried with copies of the conversations, for those of `context`."""
    conversation, place = conversation_in(context), tried.place
    if "retry" not in context.values and "continue" not in context.values:
        place = _place(context, conversation, take=True)
    return replace(tried, conversation=conversation, place=place)


def freedoms(context: CommandContext) -> dict[str, bool]:
    """Return what the line allows to be sent as it is."""
    return {name: name in context.values for name in ("raw", "allow_secrets")}


def _check(context: CommandContext, prompt: str) -> None:
    places = [OPTIONS[name].long for name in _PLACES if name in context.values]
    if "fix" in context.values and places[:1] not in ([], ["--once"], ["--again"]):
        places.append("--fix")
    if len(places) > 1:
        raise UsageError(f"{places[0]} and {places[1]} do not go together")
    if "retry" in context.values and prompt.strip():
        raise UsageError(
            "--retry asks the earlier prompt again and takes none; --again N asks another one in "
            "its place"
        )
    pictures = [OPTIONS[n].long for n in ("image", "audio") if n in context.values]
    if pictures and "retry" in context.values:
        raise UsageError(f"--retry sends what was sent; {pictures[0]} goes with --again N")
    if "raw" in context.values and "fix" in context.values:
        raise UsageError("--fix puts the error into the prompt, so it does not go with --raw")


def _prepared(context: CommandContext, prompt: str, first_line: int) -> PreparedPrompt:
    limit = context.session.config.max_attachment_bytes
    namespace = context.shell.user_ns

    def named(name: str) -> Any:
        """Return the variable of that name, or the name itself: a path, or an address."""
        return namespace.get(name, name) if name.isidentifier() else name

    pictures = [parts.image(named(n), limit=limit) for n in context.values.get("image", ())]
    sounds = [parts.audio(named(n), limit=limit) for n in context.values.get("audio", ())]
    values: dict[str, Any] = {}
    fixes = "fix" in context.values
    if fixes:
        prompt, values = failure_prompt(context.failure, prompt, _typed(context))
    elif context.failure is not None and "_err" in prompt and "raw" not in context.values:
        values = {"_err": context.failure}  # the last error may be one of %chat itself
    prepared = context.session.requests.prepare(
        [prompt, *pictures, *sounds], first_line=first_line, values=values, **freedoms(context)
    )
    # What names values that only this prompt knows cannot be asked again as it was typed.
    return replace(prepared, source="") if fixes else prepared


def _typed(context: CommandContext) -> dict[str, str]:
    """Return the cells as they were typed, by what Python made of them."""
    history = getattr(context.shell, "history_manager", None)
    if history is None:
        return {}
    pairs = zip(history.input_hist_parsed, history.input_hist_raw, strict=False)
    return {made.rstrip(): raw.rstrip() for made, raw in pairs if made != raw}


def _place(context: CommandContext, conversation: Conversation, *, take: bool) -> Place:
    if "once" in context.values:
        return Place(history=False, keep=False)
    cell = context.cell.id
    if "again" in context.values:
        return Place(again=conversation.numbered(context.values["again"]).id, cell=cell)
    again = None
    if context.session.config.replace_on_rerun:
        again = context.reruns.next(conversation, context.cell, take=take)
    return Place(again=again, cell=cell)


def _same(
    context: CommandContext, conversation: Conversation, turn: Turn, given: Mapping[str, Any]
) -> Question:
    """Return the question of a turn, as it was sent."""
    prepared = PreparedPrompt(
        content=turn.messages[0].content or "", has_data=turn.has_data, source=turn.source
    )
    place = Place(again=turn.id, cell=context.cell.id)
    parameters = _of_turn(context, turn) | dict(given)
    return Question(
        prepared=prepared,
        conversation=conversation,
        place=place,
        parameters=parameters,
        tools=_tools_of(context, turn, parameters),
    )


def _further(
    context: CommandContext,
    conversation: Conversation,
    prompt: str,
    first_line: int,
    given: Mapping[str, Any],
) -> Question:
    """Return the question that has the last answer go on."""
    turn = conversation.numbered(-1)
    if turn.reply.status == "complete" and turn.reply.finish_reason == "stop":
        raise UsageError("the last answer is whole, it was not cut; ask for more with a prompt")
    parameters = _of_turn(context, turn)
    parameters.pop("n", None)  # only the first answer is gone on with
    parameters |= given
    return Question(
        prepared=_prepared(context, prompt if prompt.strip() else GO_ON, first_line),
        conversation=conversation,
        place=Place(again=turn.id, join=True, cell=context.cell.id),
        parameters=parameters,
        begun=turn.reply,
        tools=_tools_of(context, turn, parameters),
    )


def _tools_of(
    context: CommandContext, turn: Turn, parameters: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the tools that a turn offered, those that are still there. Raises UsageError."""
    names = tuple(name for name in turn.exchange.tools if name in context.session.tools)
    offered(context, parameters, names)  # refused, if it must be, before anything is done
    return names


def _of_turn(context: CommandContext, turn: Turn) -> dict[str, Any]:
    """Return the parameters with which a turn was asked; the embedded model stays the model."""
    found: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for wire, value in turn.reply.parameters.items():
        name = request_parameters.canonical(wire)
        if name in request_parameters.PARAMETERS:
            found[name] = value
        elif wire not in _OURS:
            extra[wire] = value
    if extra:
        found["extra"] = extra
    if context.session.is_local:
        found.pop("model", None)
    return found
