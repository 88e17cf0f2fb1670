"""Read the options of a line by their table.

The leading options are parsed, the rest of the line is the prompt and stays as it was typed.
"""

from __future__ import annotations

import re
import shlex
from json import JSONDecoder
from typing import Any

from eighty80_jupyter.api.request_parameters import (
    PARAMETERS,
    Kind,
    check,
    from_text,
    shown,
    unknown,
)
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.line.options import OPTIONS, LineOptions, Option, record

_BY_FLAG = {flag: o for o in OPTIONS.values() for flag in (o.short, o.long) if flag}
_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""")
_NUMBER = re.compile(r"-\.?\d")
_NEGATIVE = re.compile(r"-[0-9]+(?!\S)")
_PAIR = re.compile(r"([A-Za-z_][\w.]*)=")


def parse(line: str) -> tuple[LineOptions, str]:
    """Return the options that `line` begins with, and the rest of it untouched.

    Values may be quoted as in a shell. `--` ends the options. Raises UsageError for an option that
    does not exist, lacks its value, or has one out of bounds.
    """
    values: dict[str, Any] = {}
    rest = line.lstrip()
    while rest.startswith("-") and not _NUMBER.match(rest):
        flag = rest.split(maxsplit=1)[0]
        if flag == "--":
            return record(values), rest[2:].lstrip()
        flag, equals, _ = flag.partition("=")
        option = _BY_FLAG.get(flag)
        if option is None and not equals and _is_attached(flag):
            flag, option = flag[:2], _BY_FLAG[flag[:2]]  # -t0.5
        if option is None:
            raise UsageError(
                f"{_unknown(flag)} (%%chat? shows them all; "
                "-- before a prompt lets it begin with a dash)"
            )
        rest = rest[len(flag) + len(equals) :]
        if option.pairs:
            values[option.name], rest = _pairs(option, rest)
        elif option.metavar:
            text, rest = _value(option, rest, attached=bool(equals))
            _store(values, option, text)
        elif equals:
            raise UsageError(f"{flag} takes no value")
        else:
            values[option.name] = True
            rest = rest.lstrip()
    return record(values), rest


def _is_attached(flag: str) -> bool:
    """Whether it is a short option with its value; `-model` is not, but a dash too few."""
    short = _BY_FLAG.get(flag[:2])
    return bool(short and short.metavar) and "-" + flag.replace("_", "-") not in _BY_FLAG


def _unknown(flag: str) -> str:
    """Return the text for an option that there is not: `--t` has a dash too many."""
    if flag[1:] in _BY_FLAG:
        return f"unknown option {flag}; did you mean {flag[1:]}?"
    return unknown("option", flag, _BY_FLAG)


def _value(option: Option, rest: str, *, attached: bool) -> tuple[str, str]:
    """Return the value that `rest` begins with, and what comes after it."""
    text = rest if attached else rest.lstrip()
    nothing = not text or (attached and text[0].isspace())
    if option.pattern and option.optional and _NEGATIVE.match(text):
        # As a prompt it would be sent, and a turn be taken away that was not meant.
        word = text.split(maxsplit=1)[0]
        raise UsageError(
            f"{option.long} takes {option.metavar}, got {shown(word)}; -- before a prompt lets it "
            "begin with a dash"
        )
    if option.optional and not attached:
        unlike = option.pattern and not re.match(rf"(?:{option.pattern})(?!\S)", text)
        nothing = nothing or text.startswith("-") or bool(unlike)
    if option.optional and nothing:
        return "", text
    if nothing:
        raise UsageError(f"{option.long} needs a value: {option.usage}")
    word, rest = _word(option, text)
    if option.pattern and not re.fullmatch(option.pattern, word):
        raise UsageError(f"{option.long} takes {option.metavar}, got {shown(word)}")
    return word, rest


def _word(option: Option, text: str) -> tuple[str, str]:
    """Return the word that `text` begins with, without its quotes, and what comes after it."""
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
    try:
        return JSONDecoder().raw_decode(text)[1]
    except ValueError:
        return len(text.split(maxsplit=1)[0])  # refused with its own message by the table


def _pairs(option: Option, rest: str) -> tuple[dict[str, str], str]:
    """Return the pairs NAME=VALUE that `rest` begins with, and what comes after them."""
    values: dict[str, str] = {}
    rest = rest.lstrip()
    while found := _PAIR.match(rest):
        name, rest = found[1], rest[found.end() :]
        if not rest or rest[0].isspace():
            raise UsageError(
                f'{option.long} {name}= needs a value; {name}=default sets it back, "" is empty'
            )
        values[name], rest = _word(option, rest)
    if not values and rest and not rest.startswith("-"):
        raise UsageError(f"{option.long} takes NAME=VALUE, without spaces; got {shown(rest)}")
    return values, rest


def _store(values: dict[str, Any], option: Option, text: str) -> None:
    if option.number:
        values[option.name] = _whole(option, text)
    elif not option.parameter:
        if option.name == "into" and not text.isidentifier():
            raise UsageError(f"--into needs the name of a variable, got {shown(text)}")
        values[option.name] = (*values.get(option.name, ()), text) if option.repeat else text
    elif PARAMETERS[option.name].kind is Kind.STRINGS:
        values[option.name] = check(option.name, [*values.get(option.name, ()), text])
    else:
        values[option.name] = from_text(option.name, text)


def _whole(option: Option, text: str) -> int:
    """Return the number that an option was given, or the one that it implies without."""
    if not text and isinstance(option.implied, int):
        return option.implied
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004  # no turn has such a number
        raise UsageError(f"{option.long} needs a whole number, got {shown(text)}")
    return int(text)
