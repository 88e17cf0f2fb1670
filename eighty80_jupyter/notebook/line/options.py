"""The options of %chat and %%chat: one table, which is the record of what a line says, too.

`parser` reads a line by it, `manual` shows it, `completion` offers it. What stands instead of a
prompt is done by a function in a module of `commands`, listed in its `registry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind
from eighty80_jupyter.prompt.run_cells import WHICH

# The headings of the manual, in its order.
Group = Literal["ask", "rows", "parameters", "see", "correct", "branch", "notebook", "keep", "set"]
# What Tab offers for the value.
Takes = Literal[
    "", "conversation", "kind", "model", "preset", "server", "setting", "tool", "variable"
]

_NUMBER = r"[0-9]+"
_RANGE = r"[0-9]+(?:-[0-9]*)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option. `metavar` names its value, empty where it takes none.

    `alone` marks what %chat does instead of asking, or before it, in the order of the table;
    `after` what it does after it where there is a prompt; `branches` what changes nothing but the
    conversations of the context, so that it can be tried on copies. `asks` marks what needs no
    prompt as it has one of its own. `parameter` marks a request parameter. `goes_with` are the
    options of which one must stand beside it.

    A value may be left out where there is one that is `implied` then; `pattern` is what a value
    must look like (an optional one that does not is none, and begins the prompt); `number` marks a
    whole number, which the type of the record's field says; `repeat` an option that may be given
    several times; `pairs` values NAME=VALUE, several of them or none, kept as a dictionary of
    texts.
    """

    group: Group
    help: str
    name: str = ""
    long: str = ""
    short: str | None = None
    metavar: str = ""
    alone: bool = False
    after: bool = False
    branches: bool = False
    asks: bool = False
    parameter: bool = False
    goes_with: tuple[str, ...] = ()
    implied: str | int | None = None
    pattern: str = ""
    number: bool = False
    repeat: bool = False
    pairs: bool = False
    takes: Takes = ""

    @property
    def optional(self) -> bool:
        """Whether its value may be left out."""
        return self.pairs or self.implied is not None

    @property
    def usage(self) -> str:
        """The option as the manual shows it."""
        names = ", ".join(name for name in (self.short, self.long) if name)
        value = f"[{self.metavar}]" if self.optional else self.metavar
        return f"{names} {value}".strip()


def _option(group: Group, help: str, **more: Any) -> Any:  # noqa: A002  # as the option has it
    """Return the field of an option: its default says that the line does not have it."""
    option = Option(group=group, help=help, **more)
    default = () if option.repeat else None if option.metavar else False
    return field(default=default, metadata={"option": option})


# Those of a group, with what all of them have in common.
_ask = partial(_option, "ask")
_rows = partial(_option, "rows", goes_with=("rows",))
_set = partial(_option, "set", alone=True)
_keep = partial(_option, "keep", alone=True)
_branch = partial(_option, "branch", alone=True)
_correct = partial(_option, "correct")
_notebook = partial(_option, "notebook")
_see = partial(_option, "see", alone=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOptions:
    """What the options of a line say; `parameters` are those of the request.

    A name that Python has taken ends in an underscore. A number that may be left out and was is
    what the option implies: -1 for the last turn.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    # For one cell
    system: str | None = _ask(
        'the instruction message, from this turn on; "" removes it',
        short="-s",
        metavar="TEXT",
    )
    image: tuple[str, ...] = _ask(
        "send a picture: a file, an https address, or a variable (repeatable)",
        metavar="PATH_OR_NAME",
        repeat=True,
        takes="variable",
    )
    audio: tuple[str, ...] = _ask(
        "send a sound: a WAV or MP3 file, or a variable (repeatable)",
        metavar="PATH_OR_NAME",
        repeat=True,
        takes="variable",
    )
    into: str | None = _ask("put the reply into this variable", metavar="NAME", takes="variable")
    returns: str | None = _ask(
        'the type of the answer: a class, or a text such as "label: bug|feature, score: float"',
        metavar="TYPE",
        takes="variable",
    )
    choices: str | None = _ask(
        "have the model answer with one of these; one that holds a comma stands in quotes",
        metavar="A,B,...",
    )
    preset: str | None = _ask(
        "ask with what this preset sets: instruction, parameters, model, tools",
        metavar="NAME",
        takes="preset",
    )
    cells: str | None = _ask(
        "send cells that were run along: all of them, those above, or those with these numbers",
        metavar="all|above|N-M",
        implied="",
        pattern=WHICH,
    )
    no_cells: bool = _ask("send none, though the setting cells says so")
    show: str | None = _ask(
        "shade the tokens of the answer by how likely they were, with what else was likely",
        metavar="probabilities",
        pattern="probabilities",
    )
    vary: tuple[str, ...] = _ask(
        "ask side by side, outside the conversation: temperature=0,0.7 (twice: a grid), samples=3, "
        "or prompts, parted by lines of ---",
        metavar="NAME=VALUES",
        repeat=True,
    )
    raw: bool = _ask("send {{...}} as it is, instead of the variable's value")
    allow_secrets: bool = _ask("leave secrets in the values")
    tools: tuple[str, ...] = _ask(
        "offer these functions to the model, which may call them: names, or all",
        metavar="NAME,NAME",
        repeat=True,
        takes="tool",
    )
    no_tools: bool = _ask("offer none, though the setting tools names some")
    tool_choice: str | None = _ask(
        "auto, none, required, or the name of the tool that must be called first",
        metavar="WHICH",
        takes="tool",
    )
    parallel_tools: bool = _ask("ask for several calls at once (parallel_tool_calls)")
    no_parallel_tools: bool = _ask("ask for one call at a time")
    dry_run: bool = _ask("show what would be sent, field by field; send nothing")
    no_stream: bool = _ask("wait for the whole reply, then show it")
    once: bool = _ask("ask aside: the conversation is neither sent nor gone on with")
    in_: str | None = _ask(
        "ask in this conversation, for one cell; it begins if there is none of the name",
        metavar="NAME",
        takes="conversation",
    )
    # A prompt over every row
    rows: str | None = _rows(
        "ask for every row of this frame or list: {{column}} in the prompt is the row's value, "
        'as is {{row["any name"]}}, and {{row}} the item of a list',
        metavar="NAME",
        takes="variable",
        goes_with=(),
    )
    truth: str | None = _rows(
        "the column that holds what is right: the answers are measured by it, and with --vary, or "
        "several prompts parted by lines of ---, compared",
        metavar="COLUMN",
    )
    score: str | None = _rows(
        "when an answer is right: exact, casefold, contains, regex, or the number it may be off by",
        metavar="HOW",
        goes_with=("truth",),
    )
    holdout: str | None = _rows(
        "keep this share of the labelled rows out of every figure, from 0 to 1",
        metavar="SHARE",
        goes_with=("truth",),
    )
    quote: str | None = _rows(
        "a field of the answers that quotes the row: two columns say where it stands there",
        metavar="FIELD",
    )
    column: str | None = _rows(
        "the name of the column with the answers, before those of a record's fields: answer",
        metavar="NAME",
    )
    try_: int | None = _rows(
        "ask for N rows only, spread over all and the longest among them",
        metavar="N",
        implied=20,
    )
    all_: bool = _rows("ask though there are more rows than the setting rows_limit")
    fresh: bool = _rows("ask all anew, also what there are kept answers for")
    samples: int | None = _rows("ask N times for each row", metavar="N")
    concurrency: int | None = _rows("at most N requests at once", metavar="N")
    per_minute: int | None = _rows("at most N requests a minute", metavar="N")
    tokens_per_minute: int | None = _rows(
        "at most N tokens a minute, sent and answered",
        metavar="N",
    )
    max_total_tokens: int | None = _rows("stop after N tokens; what is answered stays", metavar="N")
    missing: str | None = _rows(
        "what is done with a row that has no value for the prompt; skip if not given",
        metavar="skip|send|error",
        pattern="skip|send|error",
    )
    too_long: str | None = _rows(
        "what is done with a row that is longer than the model takes; error if not given",
        metavar="error|cut",
        pattern="error|cut",
    )
    strict: bool = _rows("have the cell fail where one row failed")
    # Servers and settings: what comes after them meets them as they are set
    remote: bool = _set("stop the embedded model, and talk to the server again")
    local: str | None = _set(
        "start the embedded model, or another model file, and talk to it",
        metavar="PATH.gguf",
        implied="",
    )
    mcp: str | None = _set(
        "start an MCP server, whose tools --tools can offer: a command in quotes, its https "
        "address, or a file mcp.json",
        metavar="COMMAND_OR_URL",
    )
    mcp_stop: str | None = _set(
        "end an MCP server, and take its tools away",
        metavar="NAME",
        takes="server",
    )
    key: bool = _set("type in the API key; it is not shown")
    set_: Mapping[str, str] | None = _set(
        "change settings for this kernel (NAME=default: back again); alone: show them",
        metavar="NAME=VALUE...",
        pairs=True,
        takes="setting",
    )
    preset_save: str | None = _set(
        "save what is set, and what stands on the line, as a preset",
        metavar="NAME",
        takes="preset",
    )
    # Found again
    load: str | None = _keep(
        "go on with a conversation that --save wrote",
        metavar="PATH",
        branches=True,
    )
    restore: str | None = _keep(
        "go on where a notebook stands, as it was last saved; without a name: this one",
        metavar="NOTEBOOK",
        implied="",
        branches=True,
    )
    recover: int | None = _keep(
        "go on with what a killed kernel had (ChatConfig.autosave), or the N-th latest",
        metavar="N",
        implied=1,
        branches=True,
    )
    # Branching
    use: str | None = _branch(
        "go on with this conversation",
        metavar="NAME",
        branches=True,
        takes="conversation",
    )
    new: str | None = _branch(
        "begin a conversation; the others stay",
        metavar="NAME",
        implied="",
        branches=True,
    )
    fork: str | None = _branch(
        "go on in a copy of the conversation",
        metavar="NAME",
        implied="",
        branches=True,
    )
    at: int | None = _branch(
        "with --fork: copy the first N turns only; with --alternative: that of turn N",
        metavar="N",
        goes_with=("fork", "alternative"),
    )
    list_: bool = _branch("list the conversations")
    # Correcting
    reset: bool = _correct("forget the conversation, start anew", alone=True, branches=True)
    undo: int | None = _correct(
        "take the last turn away, or the last N turns",
        metavar="N",
        implied=1,
        alone=True,
        branches=True,
    )
    alternative: int | None = _correct(
        "let answer K of the last turn count, and show it",
        metavar="K",
        alone=True,
        branches=True,
    )
    retry: int | None = _correct(
        "ask the last prompt again, or that of turn N; the earlier answer is kept",
        metavar="N",
        implied=-1,
        asks=True,
    )
    anyway: bool = _correct(
        "with --retry and --continue: ask though a tool is not there, or the server is another",
        goes_with=("retry", "continue"),
    )
    continue_: bool = _correct("have the last answer go on where it was cut", asks=True)
    again: int | None = _correct(
        "ask this prompt in place of turn N; the earlier one is kept as an alternative",
        metavar="N",
    )
    keep: int | None = _correct(
        "make answer K of those side by side the reply",
        metavar="K",
        alone=True,
    )
    edit: int | None = _correct(
        "put the last prompt, or that of turn N, into a new cell that asks it anew",
        metavar="N",
        implied=-1,
        alone=True,
    )
    # Helping with the notebook
    fix: bool = _notebook(
        "send the last error and the code of its cell, and show how the corrected code differs; "
        "a prompt may say more",
        asks=True,
    )
    replace: bool = _notebook(
        "with --fix: put the corrected code into the cell that failed; where no page can do that, "
        "into a new one",
        alone=True,
        goes_with=("fix",),
    )
    code: int | None = _notebook(
        "put the reply's code into a new cell, not run; alone: of the last turn, or turn K",
        metavar="K",
        implied=-1,
        alone=True,
        after=True,
    )
    # Keeping
    save: str | None = _keep(
        "save the conversation to a file, as JSON; several kernels may share one",
        metavar="PATH",
        after=True,
    )
    export: str | None = _keep(
        "export it as .md or .html to read, .ipynb to run, .jsonl to train on",
        metavar="PATH",
        after=True,
    )
    without: str | None = _keep(
        "with --save and --export: leave out data,images,tools or some of them",
        metavar="KINDS",
        goes_with=("save", "export"),
        takes="kind",
    )
    record: str | None = _keep(
        "write every request of this kernel with its answer to a file, until --record off",
        metavar="PATH",
    )
    replay: str | None = _keep(
        "answer from such a file, without a server or a key, until --replay off; what is not in "
        "it is asked anew",
        metavar="PATH",
    )
    only: bool = _keep(
        "with --replay: fail where a request is not in the file",
        goes_with=("replay",),
    )
    forget_answers: bool = _keep(
        "forget the kept answers to prompts over rows (ChatConfig.keep_answers)",
    )
    # Seeing
    panel: bool = _see(
        "open the panel: the conversation with a text box, and the parameters as sliders",
    )
    models: bool = _see("list the server's models")
    history: str | None = _see(
        "show the conversation: its last turns, or those from N to M",
        metavar="N-M",
        implied="",
        pattern=_RANGE,
    )
    tools_list: bool = _see(
        "list the tools: the functions under @chat.tool, and those of MCP servers",
    )
    mcp_list: bool = _see("list the MCP servers and their tools")
    status: bool = _see("show versions and settings as a text for a bug report; no key, no prompt")
    help_: bool = _see("show this manual", short="-h")

    @property
    def given(self) -> dict[str, Any]:
        """What the line has, by the names of the options, in the order of the table."""
        found = {name: getattr(self, each.name) for name, each in _FIELDS.items()}
        return {
            **self.parameters,
            **{k: v for k, v in found.items() if v is not None and v is not False and v != ()},
        }


def _parameters() -> list[Option]:
    return [
        Option(
            name=p.name,
            long=p.option,
            short=p.short,
            metavar="" if p.kind is Kind.FLAG else p.metavar or "N",
            help=p.help,
            group="parameters",
            parameter=True,
            takes="model" if p.name == "model" else "",
        )
        for p in PARAMETERS.values()
    ]


def _named(name: str, field_: Field[Any]) -> Option:
    """Return the option of a field, with what its name and its type say."""
    option: Option = field_.metadata["option"]
    number = field_.type == "int | None"
    return replace(
        option,
        name=name,
        long="--" + name.replace("_", "-"),
        number=number,
        pattern=_NUMBER if number and option.optional else option.pattern,
    )


# The fields of the record by the names of their options.
_FIELDS = {f.name.rstrip("_"): f for f in fields(LineOptions) if "option" in f.metadata}
_TABLE = [*_parameters(), *(_named(name, each) for name, each in _FIELDS.items())]
OPTIONS: Mapping[str, Option] = MappingProxyType({o.name: o for o in _TABLE})
# By what stands on the line, dashes and all.
BY_FLAG: Mapping[str, Option] = MappingProxyType(
    {flag: option for option in _TABLE for flag in (option.short, option.long) if flag}
)


def record(values: Mapping[str, Any]) -> LineOptions:
    """Return the record of values by the names of their options."""
    parameters = {name: value for name, value in values.items() if OPTIONS[name].parameter}
    others = {_FIELDS[name].name: v for name, v in values.items() if name not in parameters}
    return LineOptions(parameters=parameters, **others)
