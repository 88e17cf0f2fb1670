"""A conversation as a notebook: cells that ask it again, with the answers as their outputs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.display import NotebookWriter
from eighty80_jupyter.notebook.cell.summary import NAMESPACE, SCHEMA
from eighty80_jupyter.notebook.cell.tools.display import entries_html, entries_of, entries_text
from eighty80_jupyter.notebook.cell.views.turns import comparisons_html, comparisons_text
from eighty80_jupyter.notebook.line.parser import parse
from eighty80_jupyter.notebook.markdown.latex import latex
from eighty80_jupyter.notebook.markdown.source import fenced
from eighty80_jupyter.notebook.saved.asked import asked_again
from eighty80_jupyter.notebook.saved.asked_type import AskedType
from eighty80_jupyter.notebook.saved.export_markdown import comparisons
from eighty80_jupyter.notebook.saved.metadata import turn_metadata
from eighty80_jupyter.prompt.template.cells import sent_cells
from eighty80_jupyter.tools.offer import CHOICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn

_NEEDS = "# Run first, as in the notebook that asked:"
_WITH_CELLS = "# Cells of the notebook that asked went along; --cells sends those of this one."
_KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands in an export beside the conversation, which is text.

    Its `heading`, the descriptions of its `tools`, as a request has them, how the `types` of
    answers are asked for by the ids of their turns, and the names of the MCP `servers` by those of
    their tools.
    """

    heading: Sequence[tuple[str, str]] = ()
    tools: Sequence[Mapping[str, Any]] = ()
    types: Mapping[str, AskedType] = field(default_factory=dict)
    servers: Mapping[str, str] = field(default_factory=dict)


def notebook(conversation: Conversation, beside: Beside = Beside()) -> dict[str, Any]:
    """Return a notebook (nbformat 4.5): the extension, the instruction, a cell for each turn.

    Its cells ask what was asked: prompts stand as they were typed, with the parameters that were
    set and the names of the tools that were offered. What the first cell with a tool needs stands
    above it as a comment. The outputs are those of the cells that asked, so that `%chat --restore`
    reads them back.
    """
    first = "%load_ext eighty80_jupyter"
    models = {str(turn.reply.parameters.get("model") or "") for turn in conversation}
    model = models.pop() if len(models) == 1 else ""
    if model:
        first += f"\n%chat --set model={shlex.quote(model)}"
    if conversation.name != "main":
        first += f"\n%chat --new={shlex.quote(conversation.name)}"
    cells = [_cell("start", first)]
    described = {str(tool["function"]["name"]): tool["function"] for tool in beside.tools}
    if conversation.system:
        text = (
            "from eighty80_jupyter import chat\n\n"
            f"chat.conversation.system = {conversation.system!r}"
        )
        cells.append(_cell("instruction", text))
    cells += _compared(conversation, 0, None)
    named: set[str] = set()
    for number, turn in enumerate(conversation, 1):
        outputs = _outputs(conversation, number, turn)
        new = [name for name in turn.exchange.tools if name not in named]
        named.update(new)
        typed = beside.types.get(turn.id, AskedType())
        classes = [one for one in typed.classes if one not in named]
        named.update(classes)
        needs = [*_tool_lines(new, described, beside.servers)]
        for one in classes:
            needs += [f"# {line}" for line in typed.classes[one]]
        comment = [_NEEDS, *needs] if needs else []
        comment += [_WITH_CELLS] if sent_cells([turn.prompt]) else []
        above = "".join(f"{line}\n" for line in comment)
        source = above + _source(turn, typed.option, with_model=not model)
        cells.append(_cell(f"turn-{number}", source, outputs))
        cells += _compared(conversation, number, turn)
    if beside.heading:
        facts = [("Conversation", conversation.name), *beside.heading]
        lines = "\n".join(f"{title}: {' '.join(words.split())}" for title, words in facts)
        # In a fence: nothing in it is Markdown, or a formula.
        said = {"cell_type": "markdown", "id": "heading", "metadata": {}, "source": fenced(lines)}
        cells.insert(0, said)
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": _KERNEL, "language_info": {"name": "python"}},
        "cells": cells,
    }


def _cell(name: str, source: str, outputs: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": list(outputs),
        "source": source,
    }


def _compared(conversation: Conversation, number: int, turn: Turn | None) -> list[dict[str, Any]]:
    """Return a cell with what was asked side by side behind a turn: a note, and the columns."""
    html = comparisons_html(conversation, turn)
    if not html:
        return []
    text = "\n\n".join(comparisons_text(conversation, turn))
    said = "\n\n".join(comparisons(conversation, turn))
    data = {"text/html": "\n".join(html), "text/plain": text, "text/latex": latex(said)}
    metadata = {NAMESPACE: {"markdown": said}}
    output = {"output_type": "display_data", "data": data, "metadata": metadata}
    source = "# Answers that stood side by side; nothing is asked here."
    return [_cell(f"compared-{number}", source, [output])]


def _tool_lines(
    names: Sequence[str], described: Mapping[str, Mapping[str, Any]], servers: Mapping[str, str]
) -> Iterator[str]:
    """Give the lines of comment that say how the tools of a cell have to be registered.

    Their own code is not in it, which may hold anything.
    """
    for name in names:
        if name in servers:
            yield f"# the MCP server {servers[name]} (%chat --mcp), which has {name}"
            continue
        tool = described.get(name, {})
        parameters = tool.get("parameters", {})
        required = parameters.get("required", ())
        given = ", ".join(
            one if one in required else f"{one}=..." for one in parameters.get("properties", {})
        )
        says = " ".join(str(tool.get("description", "")).split())
        yield from ("# @chat.tool", f"# def {name}({given if tool else '...'}):")
        if says:
            yield f"#     {json.dumps(says, ensure_ascii=False)}"


def _source(turn: Turn, more: str, *, with_model: bool) -> str:
    """Return the cell that asks the prompt again, with `more` options."""
    parameters = turn.reply.parameters
    options = options_of(parameters)
    model = parameters.get("model")
    if with_model and isinstance(model, str) and model:
        options = f" -m {shlex.quote(model)}{options}"
    options += tool_options(turn, turn.exchange.tools) + more
    source, is_raw = asked_again(turn)
    if is_raw and "{{" in source:
        options += " --raw"
    return f"%%chat{options}\n{source}"


def tool_options(turn: Turn, names: Sequence[str]) -> str:
    """Return the options that offer these of a turn's tools as they were offered."""
    if not names:
        return ""
    choice, parallel = turn.exchange.tool_choice, turn.exchange.parallel_tool_calls
    text = f" --tools {shlex.quote(','.join(names))}"
    if choice in CHOICES or choice in names:
        text += f" --tool-choice {shlex.quote(str(choice))}"
    if parallel is not None:
        text += " --parallel-tools" if parallel else " --no-parallel-tools"
    return text


def options_of(parameters: Mapping[str, Any]) -> str:
    """Return the parameters but the model as options that read back as what they were.

    What has no option of its own stands in --extra, as it is sent.
    """
    text = ""
    extra: dict[str, Any] = {}
    for wire, value in parameters.items():
        known = request_parameters.PARAMETERS.get(request_parameters.canonical(wire))
        if wire in request_parameters.OURS or (known is not None and known.name == "model"):
            continue
        option = ""
        if known is not None and value is not False:
            words = value if isinstance(value, list) else [value]
            option = "".join(f" {known.option}{_value(word, known.kind)}" for word in words)
            option = _if_read(option, known.name, value)
        if option:
            text += option
        elif value is not None:
            extra[wire] = value
    if extra:
        text += _if_read(f" --extra {shlex.quote(json.dumps(extra))}", "extra", extra)
    return text


def _if_read(option: str, name: str, value: Any) -> str:
    """Return an option that a line reads as this value; nothing where it has no form on one."""
    try:
        return option if parse(option)[0].given == {name: value} else ""
    except UsageError:
        return ""


def _value(value: Any, kind: request_parameters.Kind) -> str:
    if value is True:
        return ""
    if kind is request_parameters.Kind.STRINGS:  # its escapes are read as Python reads them
        return f" {json.dumps(value, ensure_ascii=False)}"
    if isinstance(value, str):
        return f" {shlex.quote(value)}"
    return f" {json.dumps(value)}"


def _outputs(conversation: Conversation, number: int, turn: Turn) -> list[dict[str, Any]]:
    """Return the outputs of the cell that asked, as the writer draws them at the end."""
    shown: dict[str, dict[str, Any]] = {}

    def publish(
        *, data: dict[str, Any], metadata: dict[str, Any], transient: dict[str, Any], update: bool
    ) -> None:
        del update
        shown[transient["display_id"]] = {
            "output_type": "display_data",
            "data": data,
            "metadata": metadata,
        }

    metadata = {
        "schema": SCHEMA,
        "role": "assistant",
        "conversation": conversation.name,
        "turn": number,
    }
    if entries := entries_of(turn.messages, turn.reply.calls):
        publish(
            data={"text/html": entries_html(entries), "text/plain": entries_text(entries)},
            metadata={NAMESPACE: metadata},
            transient={"display_id": "calls"},
            update=False,
        )
    choices = len(turn.reply.choices)
    writer = NotebookWriter(publish, choices=choices, metadata=metadata, latex=True)
    writer.finish(turn.reply, turn.messages, (), turn_metadata(conversation, turn))
    return list(shown.values())
