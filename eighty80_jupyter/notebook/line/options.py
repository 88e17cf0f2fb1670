"""The options of %chat and %%chat: one table.

`parsing` reads a line by it, `manual` shows it, `completion` offers it. What stands instead of a
prompt is done by the function of the same name in a module `commands_*`, listed in `commands`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind

# The headings of the manual, in its order.
Group = Literal["ask", "parameters", "see", "correct", "branch", "notebook", "keep", "set"]
# What Tab offers for the value.
Takes = Literal["", "conversation", "model", "setting", "tool", "variable"]

NUMBER = r"[0-9]+"
RANGE = r"[0-9]+(?:-[0-9]*)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option. `metavar` names its value, empty where it takes none.

    `alone` marks what %chat does instead of asking, or before it, in the order of the table;
    `after` what it does after it where there is a prompt; `branches` what changes nothing but the
    conversations of the context, so that it can be tried on copies. `asks` marks what needs no
    prompt as it has one of its own. `parameter` marks a request parameter. `goes_with` are the
    options of which one must stand beside it.

    `optional` is a value that may be left out; `pattern` is what a value must look like (an
    optional one that does not is none, and begins the prompt); `number` one that is kept as a
    number; `repeat` an option that may be given several times; `pairs` values NAME=VALUE, several
    of them, kept as a dictionary of texts.
    """

    name: str
    long: str
    help: str
    group: Group
    short: str | None = None
    metavar: str = ""
    alone: bool = False
    after: bool = False
    branches: bool = False
    asks: bool = False
    parameter: bool = False
    goes_with: tuple[str, ...] = ()
    optional: bool = False
    pattern: str = ""
    number: bool = False
    repeat: bool = False
    pairs: bool = False
    takes: Takes = ""

    @property
    def usage(self) -> str:
        """The option as the manual shows it."""
        names = ", ".join(name for name in (self.short, self.long) if name)
        value = f"[{self.metavar}]" if self.optional else self.metavar
        return f"{names} {value}".strip()


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


_TABLE = (
    *_parameters(),
    # For one cell
    Option(
        name="system",
        long="--system",
        short="-s",
        metavar="TEXT",
        group="ask",
        help='the instruction message, from this turn on; "" removes it',
    ),
    Option(
        name="image",
        long="--image",
        metavar="PATH_OR_NAME",
        group="ask",
        repeat=True,
        takes="variable",
        help="send a picture: a file, an https address, or a variable (repeatable)",
    ),
    Option(
        name="audio",
        long="--audio",
        metavar="PATH_OR_NAME",
        group="ask",
        repeat=True,
        takes="variable",
        help="send a sound: a WAV or MP3 file, or a variable (repeatable)",
    ),
    Option(
        name="into",
        long="--into",
        metavar="NAME",
        group="ask",
        takes="variable",
        help="put the reply into this variable",
    ),
    Option(
        name="raw",
        long="--raw",
        group="ask",
        help="send {{...}} as it is, instead of the variable's value",
    ),
    Option(
        name="allow_secrets",
        long="--allow-secrets",
        group="ask",
        help="leave secrets in the values",
    ),
    Option(
        name="tools",
        long="--tools",
        metavar="NAME,NAME",
        group="ask",
        repeat=True,
        takes="tool",
        help="offer these functions to the model, which may call them: names, or all",
    ),
    Option(
        name="no_tools",
        long="--no-tools",
        group="ask",
        help="offer none, though the setting tools names some",
    ),
    Option(
        name="tool_choice",
        long="--tool-choice",
        metavar="WHICH",
        group="ask",
        takes="tool",
        help="auto, none, required, or the name of the tool that must be called first",
    ),
    Option(
        name="parallel_tools",
        long="--parallel-tools",
        group="ask",
        help="ask for several calls at once (parallel_tool_calls)",
    ),
    Option(
        name="no_parallel_tools",
        long="--no-parallel-tools",
        group="ask",
        help="ask for one call at a time",
    ),
    Option(
        name="dry_run",
        long="--dry-run",
        group="ask",
        help="show what would be sent, field by field; send nothing",
    ),
    Option(
        name="no_stream",
        long="--no-stream",
        group="ask",
        help="wait for the whole reply, then show it",
    ),
    Option(
        name="once",
        long="--once",
        group="ask",
        help="ask aside: the conversation is neither sent nor gone on with",
    ),
    Option(
        name="in",
        long="--in",
        metavar="NAME",
        group="ask",
        takes="conversation",
        help="ask in this conversation, for one cell; it begins if there is none of the name",
    ),
    # Servers and settings: what comes after them meets them as they are set
    Option(
        name="remote",
        long="--remote",
        group="set",
        alone=True,
        help="stop the embedded model, and talk to the server again",
    ),
    Option(
        name="local",
        long="--local",
        metavar="PATH.gguf",
        group="set",
        optional=True,
        alone=True,
        help="start the embedded model, or another model file, and talk to it",
    ),
    Option(
        name="key",
        long="--key",
        group="set",
        alone=True,
        help="type in the API key; it is not shown",
    ),
    Option(
        name="set",
        long="--set",
        metavar="NAME=VALUE...",
        group="set",
        optional=True,
        pairs=True,
        alone=True,
        takes="setting",
        help="change settings for this kernel (NAME=default: back again); alone: show them",
    ),
    # Found again
    Option(
        name="load",
        long="--load",
        metavar="PATH",
        group="keep",
        alone=True,
        branches=True,
        help="go on with a conversation that --save wrote",
    ),
    Option(
        name="restore",
        long="--restore",
        metavar="NOTEBOOK",
        group="keep",
        optional=True,
        alone=True,
        branches=True,
        help="go on where a notebook stands, as it was last saved; without a name: this one",
    ),
    Option(
        name="recover",
        long="--recover",
        metavar="N",
        group="keep",
        optional=True,
        pattern=NUMBER,
        number=True,
        alone=True,
        branches=True,
        help="go on with what a killed kernel had (ChatConfig.autosave), or the N-th latest",
    ),
    # Branching
    Option(
        name="use",
        long="--use",
        metavar="NAME",
        group="branch",
        alone=True,
        branches=True,
        takes="conversation",
        help="go on with this conversation",
    ),
    Option(
        name="new",
        long="--new",
        metavar="NAME",
        group="branch",
        optional=True,
        alone=True,
        branches=True,
        help="begin a conversation; the others stay",
    ),
    Option(
        name="fork",
        long="--fork",
        metavar="NAME",
        group="branch",
        optional=True,
        alone=True,
        branches=True,
        help="go on in a copy of the conversation",
    ),
    Option(
        name="at",
        long="--at",
        metavar="N",
        group="branch",
        alone=True,
        number=True,
        goes_with=("fork", "alternative"),
        help="with --fork: copy the first N turns only; with --alternative: that of turn N",
    ),
    Option(
        name="list",
        long="--list",
        group="branch",
        alone=True,
        help="list the conversations",
    ),
    # Correcting
    Option(
        name="reset",
        long="--reset",
        group="correct",
        alone=True,
        branches=True,
        help="forget the conversation, start anew",
    ),
    Option(
        name="undo",
        long="--undo",
        metavar="N",
        group="correct",
        optional=True,
        pattern=NUMBER,
        number=True,
        alone=True,
        branches=True,
        help="take the last turn away, or the last N turns",
    ),
    Option(
        name="alternative",
        long="--alternative",
        metavar="K",
        group="correct",
        number=True,
        alone=True,
        branches=True,
        help="let answer K of the last turn count, and show it",
    ),
    Option(
        name="retry",
        long="--retry",
        metavar="N",
        group="correct",
        optional=True,
        pattern=NUMBER,
        number=True,
        asks=True,
        help="ask the last prompt again, or that of turn N; the earlier answer is kept",
    ),
    Option(
        name="continue",
        long="--continue",
        group="correct",
        asks=True,
        help="have the last answer go on where it was cut",
    ),
    Option(
        name="again",
        long="--again",
        metavar="N",
        group="correct",
        number=True,
        help="ask this prompt in place of turn N; the earlier one is kept as an alternative",
    ),
    Option(
        name="edit",
        long="--edit",
        metavar="N",
        group="correct",
        optional=True,
        pattern=NUMBER,
        number=True,
        alone=True,
        help="put the last prompt, or that of turn N, into a new cell that asks it anew",
    ),
    # Helping with the notebook
    Option(
        name="fix",
        long="--fix",
        group="notebook",
        asks=True,
        help="send the last error and the code of its cell; a prompt may say more",
    ),
    Option(
        name="code",
        long="--code",
        metavar="K",
        group="notebook",
        optional=True,
        pattern=NUMBER,
        number=True,
        alone=True,
        after=True,
        help="put the reply's code into a new cell, not run; alone: of the last turn, or turn K",
    ),
    # Keeping
    Option(
        name="save",
        long="--save",
        metavar="PATH",
        group="keep",
        alone=True,
        after=True,
        help="save the conversation to a file, as JSON; several kernels may share one",
    ),
    Option(
        name="export",
        long="--export",
        metavar="PATH",
        group="keep",
        alone=True,
        after=True,
        help="export it as .md or .html to read, .ipynb to run, .jsonl to train on",
    ),
    Option(
        name="without",
        long="--without",
        metavar="KINDS",
        group="keep",
        alone=True,
        goes_with=("save", "export"),
        help="with --save and --export: leave out data,images,tools or some of them",
    ),
    # Seeing
    Option(
        name="panel",
        long="--panel",
        group="see",
        alone=True,
        help="open the panel: the conversation with a text box, and the parameters as sliders",
    ),
    Option(
        name="models",
        long="--models",
        group="see",
        alone=True,
        help="list the server's models",
    ),
    Option(
        name="history",
        long="--history",
        metavar="N-M",
        group="see",
        optional=True,
        pattern=RANGE,
        alone=True,
        help="show the conversation: its last turns, or those from N to M",
    ),
    Option(
        name="tools_list",
        long="--tools-list",
        group="see",
        alone=True,
        help="list the tools: the functions under @chat.tool",
    ),
    Option(
        name="status",
        long="--status",
        group="see",
        alone=True,
        help="show versions and settings as a text for a bug report; no key, no prompt",
    ),
    Option(
        name="help",
        long="--help",
        short="-h",
        group="see",
        alone=True,
        help="show this manual",
    ),
)

OPTIONS: Mapping[str, Option] = MappingProxyType({o.name: o for o in _TABLE})
