"""The options of %chat and %%chat: one table, its parser, and the manual made from it.

The leading options are parsed, the rest of the line is the prompt and stays as it was typed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from eighty80_jupyter.api.sampling import PARAMETERS, Kind, check, from_text, shown, unknown
from eighty80_jupyter.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option. `metavar` names its value, empty where it takes none.

    `alone` marks what %chat does instead of asking; `parameter` a request parameter; `optional` a
    value that may be left out; `repeat` an option that may be given several times.
    """

    name: str
    long: str
    help: str
    short: str | None = None
    metavar: str = ""
    alone: bool = False
    parameter: bool = False
    optional: bool = False
    repeat: bool = False

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
            parameter=True,
        )
        for p in PARAMETERS.values()
    ]


_TABLE = (
    *_parameters(),
    Option(
        name="system",
        long="--system",
        short="-s",
        metavar="TEXT",
        help='the instruction message, from this turn on; "" removes it',
    ),
    Option(
        name="image",
        long="--image",
        metavar="PATH_OR_NAME",
        repeat=True,
        help="send a picture: a file, an https address, or a variable (repeatable)",
    ),
    Option(
        name="audio",
        long="--audio",
        metavar="PATH_OR_NAME",
        repeat=True,
        help="send a sound: a WAV or MP3 file, or a variable (repeatable)",
    ),
    Option(name="into", long="--into", metavar="NAME", help="put the reply into this variable"),
    Option(name="raw", long="--raw", help="send {{...}} as it is, instead of the variable's value"),
    Option(name="allow_secrets", long="--allow-secrets", help="leave secrets in the values"),
    Option(
        name="dry_run",
        long="--dry-run",
        help="show what would be sent, field by field; send nothing",
    ),
    Option(name="no_stream", long="--no-stream", help="wait for the whole reply, then show it"),
    Option(name="models", long="--models", alone=True, help="list the server's models"),
    Option(name="history", long="--history", alone=True, help="show the conversation"),
    Option(name="reset", long="--reset", alone=True, help="forget the conversation, start anew"),
    Option(name="key", long="--key", alone=True, help="type in the API key; it is not shown"),
    Option(
        name="local",
        long="--local",
        metavar="PATH.gguf",
        optional=True,
        alone=True,
        help="start the embedded model, or another model file, and talk to it",
    ),
    Option(
        name="remote", long="--remote", alone=True, help="stop it, and talk to the server again"
    ),
    Option(name="help", long="--help", short="-h", alone=True, help="show this manual"),
)

OPTIONS: Mapping[str, Option] = MappingProxyType({o.name: o for o in _TABLE})
_BY_FLAG = {flag: o for o in _TABLE for flag in (o.short, o.long) if flag}
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""")
_NUMBER = re.compile(r"-\.?\d")


def parse(line: str) -> tuple[dict[str, Any], str]:
    """Return the options that `line` begins with, and the rest of it untouched.

    Values may be quoted as in a shell. `--` ends the options. Raises UsageError for an option that
    does not exist, lacks its value, or has one out of bounds.
    """
    values: dict[str, Any] = {}
    rest = line.lstrip()
    while rest.startswith("-") and not _NUMBER.match(rest):
        flag = rest.split(maxsplit=1)[0]
        if flag == "--":
            return values, rest[2:].lstrip()
        flag, equals, _ = flag.partition("=")
        option = _BY_FLAG.get(flag)
        if option is None and (short := _BY_FLAG.get(flag[:2])) and short.metavar and not equals:
            flag, equals, option = flag[:2], "", short  # -t0.5
        if option is None:
            raise UsageError(
                unknown("option", flag, _BY_FLAG)
                + "; %%chat? shows them all, and -- before a prompt lets it begin with a dash"
            )
        rest = rest[len(flag) + len(equals) :]
        if option.metavar:
            text, rest = _value(option, rest, attached=bool(equals))
            _store(values, option, text)
        elif equals:
            raise UsageError(f"{flag} takes no value")
        else:
            values[option.name] = True
            rest = rest.lstrip()
    return values, rest


def _value(option: Option, rest: str, *, attached: bool) -> tuple[str, str]:
    """Return the value that `rest` begins with, and what comes after it."""
    text = rest if attached else rest.lstrip()
    nothing = not text or (attached and text[0].isspace())
    if option.optional and (nothing or text.startswith("-")):
        return "", text
    if nothing:
        raise UsageError(f"{option.long} needs a value: {option.usage}")
    if text[0] in "{[":
        end = _json_end(text)
    else:
        found = _WORD.match(text)
        end = found.end() if found else 0
    word = text[:end]
    if end == 0 or (end < len(text) and not text[end].isspace()):
        raise UsageError(f"{option.long} has a quote that is not closed: {shown(text)}")
    if word[0] not in "{[":
        word = shlex.split(word)[0]
    return word, text[end:].lstrip()


def _json_end(text: str) -> int:
    """Return where the JSON value that `text` begins with ends; 0 if it does not."""
    from json import JSONDecoder  # noqa: PLC0415  # only such options pay for it

    try:
        return JSONDecoder().raw_decode(text)[1]
    except ValueError:
        return len(text.split(maxsplit=1)[0])  # refused with its own message by the table


def _store(values: dict[str, Any], option: Option, text: str) -> None:
    if not option.parameter:
        if option.name == "into" and not text.isidentifier():
            raise UsageError(f"--into needs the name of a variable, got {shown(text)}")
        values[option.name] = [*values.get(option.name, ()), text] if option.repeat else text
    elif PARAMETERS[option.name].kind is Kind.STRINGS:
        values[option.name] = check(option.name, [*values.get(option.name, ()), text])
    else:
        values[option.name] = from_text(option.name, text)


def manual() -> str:
    """Return the text that `%%chat?` shows."""
    return _MANUAL.format(
        asking=_rows([o for o in _TABLE if not o.alone and not o.parameter]),
        parameters=_rows([o for o in _TABLE if o.parameter]),
        alone=_rows([o for o in _TABLE if o.alone]),
    )


def _rows(options: Sequence[Option]) -> str:
    lines = []
    for option in options:
        left = f"  {option.usage}"
        gap = "\n" + " " * 28 if len(left) > 26 else " " * (28 - len(left))  # noqa: PLR2004  # column
        lines.append(left + gap + option.help)
    return "\n".join(lines)


_MANUAL = """\
Talk to a language model. One conversation per kernel: each cell adds a turn.

  %%chat [options]          the text of the cell is the prompt
  %chat [options] PROMPT    the rest of the line is the prompt, just as it is typed
  %chat                     where you stand: server, model, conversation, settings

{{{{df}}}}, {{{{df.head(3)}}}} or {{{{x:.2f}}}} in a prompt inserts a variable, described so
that it fits; {{{{df:schema}}}}, {{{{df:head=20}}}} and {{{{text:full}}}} say how much. All else is
sent as it is, braces too.

For one cell:
{asking}

Parameters of the request, for one cell. Only what is set is sent. To keep one,
set it: %config ChatConfig.temperature = 0.2
{parameters}

Instead of a prompt:
{alone}

In Python: from eighty80_jupyter import chat; reply = chat.ask("Hello", temperature=0)
"""
