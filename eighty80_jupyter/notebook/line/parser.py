"""Read the options of a line by their table.

The leading options are parsed, the rest of the line is the prompt and stays as it was typed.
"""

from __future__ import annotations

import ast
import keyword
import re
import shlex
from json import JSONDecoder
from typing import Any

from eighty80_jupyter.api.parameter_values import check, from_text
from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.line.input import DASHES, UNSEEN
from eighty80_jupyter.notebook.line.options import BY_FLAG, LineOptions, Option, record
from eighty80_jupyter.text import shown, unknown

_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""")
_ESCAPED_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[^\s"'\\])+""")
_PIECE = re.compile(r""""((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|((?:\\.|[^"'\\])+)""")
_ESCAPE = re.compile(
    r"""\\(?:[\\'"abfnrtv]|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]+\})"""
)
# What a word processor and other keyboards make of quotes, and what closes each.
_CURLY = {
    "\u201c": "\u201d",
    "\u201d": "\u201d",
    "\u201e": "\u201c\u201d",
    "\u2018": "\u2019",
    "\u201a": "\u2018\u2019",
    "\u00ab": "\u00bb",
    "\uff02": "\uff02",
    "\uff07": "\uff07",
}
_NUMBER = re.compile(r"-\.?\d")
_NEGATIVE = re.compile(r"-[0-9]+(?!\S)")
_PAIR = re.compile(r"([A-Za-z_][\w.]*)=")


def parse(line: str) -> tuple[LineOptions, str]:
    """Return the options that `line` begins with, and the rest of it untouched.

    Values may be quoted as in a shell. `--` ends the options. Raises UsageError for an option that
    does not exist, lacks its value, or has one out of bounds.
    """
    values: dict[str, Any] = {}
    rest = _seen(line)
    while _is_option(rest):
        flag = rest.split(maxsplit=1)[0]
        if flag == "--":
            return record(values), rest[2:].lstrip()
        flag, equals, _ = flag.partition("=")
        option = BY_FLAG.get(flag)
        if option is None and not equals and _is_attached(flag):
            flag, option = flag[:2], BY_FLAG[flag[:2]]  # -t0.5
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
        rest = _seen(rest) if _is_option(_seen(rest)) else rest
    return record(values), rest


def _seen(text: str) -> str:
    """Return the text from its first character that anybody sees."""
    while text != (shorter := text.lstrip().lstrip(UNSEEN)):
        text = shorter
    return text


def _is_option(text: str) -> bool:
    """Whether an option begins here. Raises UsageError for one with a dash of another sort."""
    if text.startswith("-"):
        return not _NUMBER.match(text)
    if text[:1] and text[0] in DASHES:
        word = text.split(maxsplit=1)[0].partition("=")[0]
        plain = word.lstrip(DASHES)
        if f"--{plain}" in BY_FLAG or f"-{plain}" in BY_FLAG:
            raise UsageError(
                f"options begin with the plain dash of the keyboard, - or --, got {text[0]} "
                f"in {shown(word)}"
            )
    return False


def _is_attached(flag: str) -> bool:
    """Whether it is a short option with its value; `-model` is not, but a dash too few."""
    short = BY_FLAG.get(flag[:2])
    return bool(short and short.metavar) and "-" + flag.replace("_", "-") not in BY_FLAG


def _unknown(flag: str) -> str:
    """Return the text for an option that there is not: `--t` has a dash too many."""
    if flag[1:] in BY_FLAG:
        return f"unknown option {flag}; did you mean {flag[1:]}?"
    return unknown("option", flag, BY_FLAG)


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
    word, rest = _word(option, text, escapes=_is_strings(option.name))
    if option.pattern and not re.fullmatch(option.pattern, word):
        raise UsageError(f"{option.long} takes {option.metavar}, got {shown(word)}")
    return word, rest


def _word(option: Option, text: str, *, escapes: bool = False) -> tuple[str, str]:
    """Return the word that `text` begins with, without its quotes, and what comes after it.

    With `escapes` a backslash means in it what it means in a text of Python.
    """
    if text[0] in _CURLY:
        return _curly_word(option, text, escapes=escapes)
    if text[0] in "{[":
        end = _json_end(text)
    else:
        found = (_ESCAPED_WORD if escapes else _WORD).match(text)
        end = found.end() if found else 0
    word = text[:end]
    if end == 0 or (end < len(text) and not text[end].isspace()):
        raise UsageError(f"{option.long} has a quote that is not closed: {shown(text)}")
    if word[0] in "{[":
        return word, text[end:].lstrip()
    if not escapes:
        return shlex.split(word)[0], text[end:].lstrip()
    pieces = [next(filter(None, found.groups()), "") for found in _PIECE.finditer(word)]
    return "".join(map(unescaped, pieces)), text[end:].lstrip()


def _curly_word(option: Option, text: str, *, escapes: bool) -> tuple[str, str]:
    """Return what stands in the quotes of a word processor, and what comes after it."""
    closing = _CURLY[text[0]]
    quotes = (n for n, char in enumerate(text) if n and char in closing)
    end = next((n for n in quotes if not text[n + 1 : n + 2].strip()), None)
    if end is None:
        raise UsageError(
            f"{option.long} begins with {text[0]} and no {closing[-1]} ends it; the plain quotes "
            "of the keyboard will do"
        )
    word = text[1:end]
    return unescaped(word) if escapes else word, text[end + 1 :].lstrip()


def unescaped(text: str) -> str:
    r"""Return a text with its escapes read as in Python: `\n` is a line end, `\\` a backslash.

    What is no escape in Python stays as it is.
    """
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    try:
        return str(ast.literal_eval(f'"{found[0]}"'))
    except (SyntaxError, ValueError):
        return found[0]  # a name that no character has


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
        is_list = rest.lstrip("\"'").startswith("[")
        values[name], rest = _word(option, rest, escapes=_is_strings(name) and not is_list)
    if not values and rest and not rest.startswith("-"):
        raise UsageError(f"{option.long} takes NAME=VALUE, without spaces; got {shown(rest)}")
    return values, rest


def _is_strings(name: str) -> bool:
    """Whether a parameter is a text that may hold any character, such as the end of a line."""
    return name in PARAMETERS and PARAMETERS[name].kind is Kind.STRINGS


def _store(values: dict[str, Any], option: Option, text: str) -> None:
    if option.number:
        values[option.name] = _whole(option, text)
    elif not option.parameter:
        if option.name == "into":
            _check_variable(text)
        values[option.name] = (*values.get(option.name, ()), text) if option.repeat else text
    elif _is_strings(option.name):
        values[option.name] = check(option.name, [*values.get(option.name, ()), text])
    else:
        values[option.name] = from_text(option.name, text)


def _check_variable(name: str) -> None:
    if not name.isidentifier():
        raise UsageError(f"--into needs the name of a variable, got {shown(name)}")
    if keyword.iskeyword(name):
        raise UsageError(f"--into needs the name of a variable; {name} is a word of Python's own")


def _whole(option: Option, text: str) -> int:
    """Return the number that an option was given, or the one that it implies without."""
    if not text and isinstance(option.implied, int):
        return option.implied
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004  # no turn has such a number
        raise UsageError(f"{option.long} needs a whole number, got {shown(text)}")
    return int(text)
