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
from eighty80_jupyter.prompt.template.prepare import Prepared
from eighty80_jupyter.turns.turn import Place

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation, Turn
    from eighty80_jupyter.notebook.commands.context import Desk

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

    prepared: Prepared
    conversation: Conversation
    place: Place
    parameters: Mapping[str, Any]
    begun: Reply | None = None
    tools: tuple[str, ...] = ()


def question(desk: Desk, prompt: str, *, first_line: int) -> Question:
    """Return what the line asks, with the fields of its prompt filled. Raises UsageError.

    `first_line` is the number of the prompt's first line in its cell.
    """
    _check(desk, prompt)
    conversation = conversation_in(desk)
    given = {name: v for name, v in desk.values.items() if OPTIONS[name].parameter}
    offered(desk, given)  # refused, if it must be, before anything is done
    if "retry" in desk.values:
        number = desk.values["retry"]
        turn = conversation.numbered(-1 if number is None else number)
        return _same(desk, conversation, turn, given)
    if "continue" in desk.values:
        return _further(desk, conversation, prompt, first_line, given)
    return Question(
        prepared=_prepared(desk, prompt, first_line),
        conversation=conversation,
        place=_place(desk, conversation, take=False),
        parameters=given,
    )


def settled(desk: Desk, tried: Question) -> Question:
    """Return a question that was tried with copies of the conversations, for those of `desk`."""
    conversation, place = conversation_in(desk), tried.place
    if "retry" not in desk.values and "continue" not in desk.values:
        place = _place(desk, conversation, take=True)
    return replace(tried, conversation=conversation, place=place)


def freedoms(desk: Desk) -> dict[str, bool]:
    """Return what the line allows to be sent as it is."""
    return {name: name in desk.values for name in ("raw", "allow_secrets")}


def _check(desk: Desk, prompt: str) -> None:
    places = [OPTIONS[name].long for name in _PLACES if name in desk.values]
    if "fix" in desk.values and places[:1] not in ([], ["--once"], ["--again"]):
        places.append("--fix")
    if len(places) > 1:
        raise UsageError(f"{places[0]} and {places[1]} do not go together")
    if "retry" in desk.values and prompt.strip():
        raise UsageError(
            "--retry asks the earlier prompt again and takes none; --again N asks another one in "
            "its place"
        )
    pictures = [OPTIONS[n].long for n in ("image", "audio") if n in desk.values]
    if pictures and "retry" in desk.values:
        raise UsageError(f"--retry sends what was sent; {pictures[0]} goes with --again N")
    if "raw" in desk.values and "fix" in desk.values:
        raise UsageError("--fix puts the error into the prompt, so it does not go with --raw")


def _prepared(desk: Desk, prompt: str, first_line: int) -> Prepared:
    limit = desk.session.config.max_attachment_bytes
    namespace = desk.shell.user_ns

    def named(name: str) -> Any:
        """Return the variable of that name, or the name itself: a path, or an address."""
        return namespace.get(name, name) if name.isidentifier() else name

    pictures = [parts.image(named(n), limit=limit) for n in desk.values.get("image", ())]
    sounds = [parts.audio(named(n), limit=limit) for n in desk.values.get("audio", ())]
    values: dict[str, Any] = {}
    fixes = "fix" in desk.values
    if fixes:
        prompt, values = failure_prompt(desk.failure, prompt, _typed(desk))
    elif desk.failure is not None and "_err" in prompt and "raw" not in desk.values:
        values = {"_err": desk.failure}  # the last error may be one of %chat itself
    prepared = desk.session.prepare(
        [prompt, *pictures, *sounds], first_line=first_line, values=values, **freedoms(desk)
    )
    # What names values that only this prompt knows cannot be asked again as it was typed.
    return replace(prepared, source="") if fixes else prepared


def _typed(desk: Desk) -> dict[str, str]:
    """Return the cells as they were typed, by what Python made of them."""
    history = getattr(desk.shell, "history_manager", None)
    if history is None:
        return {}
    pairs = zip(history.input_hist_parsed, history.input_hist_raw, strict=False)
    return {made.rstrip(): raw.rstrip() for made, raw in pairs if made != raw}


def _place(desk: Desk, conversation: Conversation, *, take: bool) -> Place:
    if "once" in desk.values:
        return Place(history=False, keep=False)
    cell = desk.cell.id
    if "again" in desk.values:
        return Place(again=conversation.numbered(desk.values["again"]).id, cell=cell)
    again = None
    if desk.session.config.replace_on_rerun:
        again = desk.reruns.next(conversation, desk.cell, take=take)
    return Place(again=again, cell=cell)


def _same(desk: Desk, conversation: Conversation, turn: Turn, given: Mapping[str, Any]) -> Question:
    """Return the question of a turn, as it was sent."""
    prepared = Prepared(
        content=turn.messages[0].content or "", has_data=turn.has_data, source=turn.source
    )
    place = Place(again=turn.id, cell=desk.cell.id)
    parameters = _of_turn(desk, turn) | dict(given)
    return Question(
        prepared=prepared,
        conversation=conversation,
        place=place,
        parameters=parameters,
        tools=_tools_of(desk, turn, parameters),
    )


def _further(
    desk: Desk,
    conversation: Conversation,
    prompt: str,
    first_line: int,
    given: Mapping[str, Any],
) -> Question:
    """Return the question that has the last answer go on."""
    turn = conversation.numbered(-1)
    if turn.reply.status == "complete" and turn.reply.finish_reason == "stop":
        raise UsageError("the last answer is whole, it was not cut; ask for more with a prompt")
    parameters = _of_turn(desk, turn)
    parameters.pop("n", None)  # only the first answer is gone on with
    parameters |= given
    return Question(
        prepared=_prepared(desk, prompt if prompt.strip() else GO_ON, first_line),
        conversation=conversation,
        place=Place(again=turn.id, join=True, cell=desk.cell.id),
        parameters=parameters,
        begun=turn.reply,
        tools=_tools_of(desk, turn, parameters),
    )


def _tools_of(desk: Desk, turn: Turn, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tools that a turn offered, those that are still there. Raises UsageError."""
    names = tuple(name for name in turn.exchange.tools if name in desk.session.tools)
    offered(desk, parameters, names)  # refused, if it must be, before anything is done
    return names


def _of_turn(desk: Desk, turn: Turn) -> dict[str, Any]:
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
    if desk.session.is_local:
        found.pop("model", None)
    return found
