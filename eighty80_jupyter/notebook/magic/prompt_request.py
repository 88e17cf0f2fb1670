"""From the options of a line and a prompt to what is asked, and where it stands."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.commands.branch import conversation_in
from eighty80_jupyter.notebook.commands.fix import failure_prompt, typed_cells
from eighty80_jupyter.notebook.compare.variants import prompt_of
from eighty80_jupyter.notebook.line.options import OPTIONS, LineOptions
from eighty80_jupyter.notebook.saved.asked import check_unchanged
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.run_cells import ALL
from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
from eighty80_jupyter.session.options import Tools, TurnOptions
from eighty80_jupyter.tools.offer import CHOICES
from eighty80_jupyter.turns.request import Place

if TYPE_CHECKING:
    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.notebook.commands.context import CommandContext

_ALTERNATIVES = 5  # what else was likely, for each token of --show probabilities
GO_ON = "Continue exactly where you stopped, without repeating anything."
# Each says which turn is answered; there can be only one.
_PLACES = ("once", "again", "retry", "continue")
_SWITCHES = ("cells", "tools", "parallel_tools")  # each has another option that says no


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the prompt, the place of the turn in a conversation, and its options.

    `begun` is the reply that is gone on with.
    """

    prepared: PreparedPrompt
    conversation: Conversation
    place: Place
    options: TurnOptions
    begun: Reply | None = None


def question(context: CommandContext, prompt: str, *, first_line: int) -> Question:
    """Return what the line asks, with the fields of its prompt filled. Raises UsageError.

    `first_line` is the number of the prompt's first line in its cell.
    """
    _check(context.options, prompt)
    conversation = conversation_in(context)
    options = _turn_options(context)
    if context.options.mcp is None:  # else its tools come before the prompt is sent
        context.session.requests.offer(options)  # refused, if it must be, before anything is done
    context.session.requests.typed(options)  # the same
    if context.options.retry is not None:
        turn = conversation.numbered(context.options.retry)
        if options.returns is None and "response_format" not in options.parameters:
            options = replace(options, returns=turn.reply.returns)
        return Question(
            prepared=prompt_of(turn),
            conversation=conversation,
            place=Place(again=turn.id, cell=context.cell.id),
            options=_as_before(context, turn, _of_turn(context, turn), options),
        )
    if context.options.continue_:
        return _further(context, conversation, prompt, first_line, options)
    place = _place(context, conversation, take=False)
    prepared = _prepared(context, prompt, first_line)
    return Question(
        prepared=context.session.requests.with_cells(
            prepared, replace(options, place=place), conversation
        ),
        conversation=conversation,
        place=place,
        options=options,
    )


def settled(context: CommandContext, tried: Question) -> Question:
    """Return a question that was tried with copies of the conversations, for those of `context`."""
    conversation, place = conversation_in(context), tried.place
    if context.options.retry is None and not context.options.continue_:
        place = _place(context, conversation, take=True)
    return replace(tried, conversation=conversation, place=place)


def instruction(context: CommandContext) -> str | None:
    """Return the instruction that the line sets, its fields filled. Raises UsageError."""
    line, names = context.options, context.names
    names.check([] if line.raw else [line.system or ""])
    options = TurnOptions(system=line.system, fields=not line.raw, allow_secrets=line.allow_secrets)
    return context.session.requests.instruction(options, names.values)


def _turn_options(context: CommandContext) -> TurnOptions:
    """Return what the options of a line mean for a turn. Raises UsageError."""
    line = context.options
    tools: Tools | None = ",".join(line.tools) or None
    says_how = line.parallel_tools or line.no_parallel_tools
    options = TurnOptions(
        preset=line.preset,
        system=instruction(context),
        allow_secrets=line.allow_secrets,
        stream=False if line.no_stream else None,
        tools=False if line.no_tools else tools,
        tool_choice=line.tool_choice,
        parallel_tool_calls=line.parallel_tools if says_how else None,
        returns=returns_of(line),
        cells=False if line.no_cells else ALL if line.cells == "" else line.cells,
        parameters=_parameters(line),
    )
    return context.session.presets.applied(options)


def _parameters(line: LineOptions) -> Mapping[str, Any]:
    """Return the parameters that a line asks with. Raises UsageError."""
    if line.show is None:
        return line.parameters
    if line.returns is not None or line.choices is not None:
        typed = "--returns" if line.returns is not None else "--choices"
        raise UsageError(f"--show shades the text of an answer, so it does not go with {typed}")
    return {"logprobs": True, "top_logprobs": _ALTERNATIVES, **line.parameters}


def returns_of(line: LineOptions) -> Any:
    """Return the type that a line asks for. Raises UsageError."""
    if line.choices is None:
        return line.returns
    if line.returns is not None:
        raise UsageError("--returns and --choices both say what comes; give one of them")
    from eighty80_jupyter.structured.shorthand import choices_of  # noqa: PLC0415  # a door: pydantic

    return list(choices_of(line.choices))


def _check(line: LineOptions, prompt: str) -> None:
    for name in _SWITCHES:
        if {name, f"no_{name}"} <= line.given.keys():
            long = OPTIONS[name].long
            raise UsageError(f"{long} and {OPTIONS[f'no_{name}'].long} do not go together")
    places = [OPTIONS[name].long for name in _PLACES if name in line.given]
    if line.fix and places[:1] not in ([], ["--once"], ["--again"]):
        places.append("--fix")
    if len(places) > 1:
        raise UsageError(f"{places[0]} and {places[1]} do not go together")
    if line.retry is not None and prompt.strip():
        raise UsageError(
            "--retry asks the earlier prompt again and takes none; --again N asks another one in "
            "its place"
        )
    if line.retry is not None and (line.image or line.audio):
        given = "--image" if line.image else "--audio"
        raise UsageError(f"--retry sends what was sent; {given} goes with --again N")
    if line.cells is not None and (line.retry is not None or line.continue_):
        how = "--retry" if line.retry is not None else "--continue"
        raise UsageError(f"{how} sends what was sent; --cells goes with --again N")
    if line.raw and line.fix:
        raise UsageError("--fix puts the error into the prompt, so it does not go with --raw")


def _prepared(context: CommandContext, prompt: str, first_line: int) -> PreparedPrompt:
    limit = context.session.config.max_attachment_bytes
    namespace = ChainMap(dict(context.names.values), context.shell.user_ns)

    def named(name: str) -> Any:
        """Return the variable of that name, or the name itself: a path, or an address."""
        return namespace.get(name, name) if name.isidentifier() else name

    pictures = [parts.image(named(n), limit=limit) for n in context.options.image]
    sounds = [parts.audio(named(n), limit=limit) for n in context.options.audio]
    values = dict(context.names.values)
    if context.options.fix:
        prompt, found = failure_prompt(context.failure, prompt, typed_cells(context.shell))
        values |= found
    elif context.failure is not None and "_err" in prompt and not context.options.raw:
        values["_err"] = context.failure  # the last error may be one of %chat itself
    context.names.check([] if context.options.raw else [prompt])
    prepared = context.session.requests.prepare(
        [prompt, *pictures, *sounds],
        fields=not context.options.raw,
        allow_secrets=context.options.allow_secrets,
        first_line=first_line,
        values=values,
    )
    # What names values that only this prompt knows cannot be asked again as it was typed.
    return replace(prepared, source="") if context.options.fix else prepared


def _place(context: CommandContext, conversation: Conversation, *, take: bool) -> Place:
    if context.options.once:
        return Place(history=False, keep=False)
    cell = context.cell.id
    if context.options.again is not None:
        return Place(again=conversation.numbered(context.options.again).id, cell=cell)
    again = None
    if context.session.config.replace_on_rerun:
        again = context.reruns.next(conversation, context.cell, take=take)
    return Place(again=again, cell=cell)


def _further(
    context: CommandContext,
    conversation: Conversation,
    prompt: str,
    first_line: int,
    options: TurnOptions,
) -> Question:
    """Return the question that has the last answer go on."""
    turn = conversation.numbered(-1)
    if turn.reply.status == "complete" and turn.reply.finish_reason == "stop":
        raise UsageError("the last answer is whole, it was not cut; ask for more with a prompt")
    parameters = _of_turn(context, turn)
    parameters.pop("n", None)  # only the first answer is gone on with
    return Question(
        prepared=_prepared(context, prompt if prompt.strip() else GO_ON, first_line),
        conversation=conversation,
        place=Place(again=turn.id, join=True, cell=context.cell.id),
        options=_as_before(context, turn, parameters, options),
        begun=turn.reply,
    )


def _as_before(
    context: CommandContext, turn: Turn, parameters: Mapping[str, Any], options: TurnOptions
) -> TurnOptions:
    """Return the options of a turn that is asked again, those of the line over them.

    Its tools are offered, where the line says nothing else. Raises UsageError where one is not
    there, or another kernel asked it at another server, and --anyway does not stand on the line.
    """
    if not context.options.anyway:
        how = "--continue" if context.options.continue_ else "--retry"
        check_unchanged(context.session, turn, f"{how} --anyway", tools=options.tools is None)
    known = [name for name in turn.exchange.tools if name in context.session.tools]
    if options.tools is None and known:
        options = replace(options, tools=known)
        choice, parallel = turn.exchange.tool_choice, turn.exchange.parallel_tool_calls
        if options.tool_choice is None and (choice in CHOICES or choice in known):
            options = replace(options, tool_choice=choice)
        if options.parallel_tool_calls is None:
            options = replace(options, parallel_tool_calls=parallel)
    options = replace(options, parameters={**parameters, **options.parameters})
    context.session.requests.offer(options)  # refused, if it must be, before anything is done
    return options


def _of_turn(context: CommandContext, turn: Turn) -> dict[str, Any]:
    """Return the parameters with which a turn was asked; the embedded model stays the model."""
    found: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for wire, value in turn.reply.parameters.items():
        name = request_parameters.canonical(wire)
        if name in request_parameters.PARAMETERS:
            found[name] = value
        elif wire not in request_parameters.OURS:
            extra[wire] = value
    if extra:
        found["extra"] = extra
    if context.session.is_local:
        found.pop("model", None)
    return found
