"""From a cell with --rows to a run over rows, and from the run to the cell's variable."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.compare.grid import SAMPLES
from eighty80_jupyter.notebook.line.options import OPTIONS, LineOptions
from eighty80_jupyter.notebook.magic.prompt_request import instruction, returns_of
from eighty80_jupyter.notebook.magic.vary import parted, varied
from eighty80_jupyter.notebook.rows.preview import preview_html, preview_text
from eighty80_jupyter.notebook.rows.source import rows_named
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.rows.runs import PromptOrigin

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.commands.context import CommandContext
    from eighty80_jupyter.rows.comparison import RowComparison

# What says something of a run besides its own options, those of the request, and settings.
_ALLOWED = {
    "system",
    "into",
    "returns",
    "choices",
    "preset",
    "allow_secrets",
    "dry_run",
    "no_stream",
    "no_tools",
    "vary",
}
# What says what is asked about, or how answers are measured.
_NOT_OF_RUNS = ("rows", "truth", "score", "holdout")
# What a run knows under another name.
_NAMES = {"try": "try_rows"}


def check_rows(line: LineOptions) -> None:
    """Raise UsageError for what does not go with --rows, as rows are no turns."""
    for name in line.given:
        option = OPTIONS[name]
        if not (option.group in ("rows", "set") or option.parameter or name in _ALLOWED):
            raise UsageError(
                f"{option.long} does not go with --rows, which asks for each row by itself, in no "
                "conversation"
            )
    if "n" in line.parameters:
        raise UsageError("-n does not go with --rows; --samples N asks N times for each row")


def ask_rows(context: CommandContext, prompt: str, *, first_line: int) -> None:
    """Ask for every row and show it; what --into names gets the frame, if the run went to its end.

    `first_line` is the number of the prompt's first line in its cell. Raises what `Session.rows`
    does.
    """
    line, session = context.options, context.session
    names = ChainMap(dict(context.names.values), context.shell.user_ns)
    context.names.check([prompt, f"{{{{{line.rows}}}}}"])
    data = rows_named(line.rows or "", names)
    options = run_options(
        line,
        session.presets.applied(
            TurnOptions(
                preset=line.preset,
                system=instruction(context),
                returns=returns_of(line),
                allow_secrets=line.allow_secrets,
                parameters=line.parameters,
            )
        ),
    )
    runs = session.row_runs
    origin = PromptOrigin(names=context.names.values, first_line=first_line)
    if line.dry_run:
        preview = runs.preview(data, prompt, None, options, origin)
        context.show(preview_html(preview), preview_text(preview))
        return
    if line.truth is not None or line.vary:
        compared = _compare(context, data, prompt, options, origin)
        if line.into is not None:
            context.shell.user_ns[line.into] = compared
        return
    run = runs.ask(data, prompt, None, options, origin)
    if line.into is not None:
        context.shell.user_ns[line.into] = run.frame
    if context.cell.id and (said := runs.flipped(context.cell.id, run)):
        session.say(said)


def _compare(
    context: CommandContext,
    data: Any,
    prompt: str,
    options: dict[str, Any],
    origin: PromptOrigin,
) -> RowComparison:
    """Ask with all that --vary names, and with each prompt, and show how good the answers are."""
    line = context.options
    axes = dict(varied(line.vary))
    if SAMPLES in axes:
        raise UsageError("rows are asked several times with --samples N, not with --vary")
    prompts = [text for text, _ in parted(prompt, origin.first_line)]
    return context.session.compare(
        data,
        prompts if len(prompts) > 1 else prompts[0],
        truth=line.truth,
        vary=axes,
        score=None if line.score is None else _how(line.score),
        holdout=_share(line.holdout),
        origin=origin,
        **options,
    )


def _how(text: str) -> str | float:
    """Return what --score says: a number is a tolerance, a word the name of a scorer."""
    try:
        return float(text)
    except ValueError:
        return text


def _share(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        raise UsageError(
            f"--holdout takes a share from 0 to 1, such as 0.5, got {text!r}"
        ) from None


def run_options(line: LineOptions, turn: TurnOptions) -> dict[str, Any]:
    """Return what the options of a line mean for a run, by the names of `RowOptions`.

    `turn` has what they would mean for a turn, with their preset. Raises UsageError.
    """
    if turn.base_url is not None:
        raise UsageError(
            f"the preset {line.preset} names an address, which holds for no run over rows; "
            f"%chat --set preset={line.preset} sets it"
        )
    given = {
        _NAMES.get(name, name): value
        for name, value in line.given.items()
        if OPTIONS[name].group == "rows" and name not in _NOT_OF_RUNS
    }
    return given | {
        "system": turn.turn_system if turn.system is None else turn.system,
        "returns": turn.returns,
        "allow_secrets": turn.allow_secrets,
        "parameters": turn.parameters,
    }
