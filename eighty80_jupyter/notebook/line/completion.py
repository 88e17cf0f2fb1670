"""Tab on the magics' lines and inside the fields of a prompt."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable
from shlex import quote
from typing import TYPE_CHECKING, Any, get_args

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult

from eighty80_jupyter.errors import ChatError
from eighty80_jupyter.notebook.line.input import names
from eighty80_jupyter.notebook.line.options import BY_FLAG, OPTIONS, Group, Option
from eighty80_jupyter.notebook.line.row_names import row_names
from eighty80_jupyter.prompt.template.names import completions, field_at
from eighty80_jupyter.storage.omit import KINDS
from eighty80_jupyter.wire.retries import Settings

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session

_PAIR = re.compile(r"[A-Za-z_]\w*=")
_FIELD_OPTIONS = ("csv", "full", "head=", "image", "json", "md", "sample=", "schema", "tail=")
_PATIENCE = Settings(connect_timeout=1.0, read_timeout=1.0, max_retries=0)


def complete(session: Session, context: CompletionContext) -> SimpleMatcherResult:
    """Return what completes at the cursor; nothing outside a chat, which is left to IPython."""
    lines = context.full_text.split("\n")
    line = lines[context.cursor_line][: context.cursor_position]
    magic = re.compile(rf"\s*(?:%?|\w[^\s=]*\s*=\s*)%(?:{'|'.join(names())})\b")
    head = next((text for text in lines if text.strip() and not text.lstrip().startswith("#")), "")
    if not (magic.match(line) or (head.lstrip().startswith("%%") and magic.match(head))):
        return {"completions": [], "suppress": False}
    cursor = sum(len(text) + 1 for text in lines[: context.cursor_line]) + len(line)
    namespace = session.namespace or {}
    partial = field_at(context.full_text, cursor)
    if partial is not None:
        columns = dict.fromkeys(sorted(row_names(context.full_text, namespace) or ()))
        named = ChainMap(columns, dict(namespace)) if columns else namespace
        found = completions(partial, named, options=_FIELD_OPTIONS)
        return _result(found, partial.prefix, partial.kind)
    if magic.match(line):
        return _on_the_line(session, line, namespace)
    return _result([], "", "text")  # a prompt is prose: nothing of Python belongs there


def _on_the_line(session: Session, line: str, namespace: Iterable[str]) -> SimpleMatcherResult:
    *before, word = line.split(" ")
    flag, equals, value = word.partition("=")
    option = _takes(before)
    nothing = (
        not word and option is None and line.lstrip().startswith("%%")
    )  # no prompt stands here
    if nothing or (word.startswith("-") and not (equals and flag in BY_FLAG)):
        return _options(word)
    if word.startswith("-"):  # --model=
        option, word = _takes([flag]), value
    found: Iterable[str]
    match option.takes if option is not None else "":
        case "model":
            found = _models(session)
        case "variable":
            found = [name for name in namespace if not name.startswith("_")]
        case "tool":
            choices = ("auto", "none", "required")
            found = [*session.tools, *(("all",) if option is OPTIONS["tools"] else choices)]
        case "preset":
            found = map(quote, session.presets.names())
        case "setting" if word.startswith("preset="):
            word = word.removeprefix("preset=")
            found = map(quote, session.presets.names())
        case "server":
            found = session.servers.known
        case "conversation":
            found = map(quote, session.conversations)
        case "setting":
            settings = sorted(session.config.trait_names(config=True))
            found = [f"{name}=" for name in settings if name != "api_key"]
        case "kind":
            found = KINDS
        case _:
            found = []
    if option is not None and option.name in ("tools", "without"):
        word = word.rpartition(",")[2]  # several, with commas between them
    kind = option.takes if option is not None else ""
    return _result([text for text in found if text.startswith(word)], word, kind or "option")


def _options(word: str) -> SimpleMatcherResult:
    """Return the options in the order of the manual, each with its help beside it."""
    found: Any = [
        SimpleCompletion(text=flag, type=option.help)
        for group in get_args(Group)
        for option in OPTIONS.values()
        for flag in (option.long, option.short)
        if option.group == group and flag and flag.startswith(word)
    ]
    return {"completions": found, "matched_fragment": word, "suppress": True, "ordered": True}


def _takes(before: list[str]) -> Option | None:
    """Return the option whose value is due after these words of a line."""
    words = list(before)
    while words and _PAIR.match(words[-1]):  # several pairs may follow one option
        words.pop()
    option = BY_FLAG.get(words[-1]) if words else None
    return None if option is None or (len(words) < len(before) and not option.pairs) else option


def _models(session: Session) -> list[str]:
    """Return the names of the server's models, without waiting long for them."""
    try:
        return [model.id for model in session.models(settings=_PATIENCE)]
    except ChatError:
        return []


def _result(texts: Iterable[str], prefix: str, kind: str) -> SimpleMatcherResult:
    found: Any = [SimpleCompletion(text=text, type=kind) for text in dict.fromkeys(texts)]
    return {"completions": found, "matched_fragment": prefix, "suppress": True, "ordered": True}
