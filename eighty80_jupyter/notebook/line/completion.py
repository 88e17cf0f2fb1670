"""Tab on the magics' lines and inside the fields of a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult

from eighty80_jupyter.errors import ChatError
from eighty80_jupyter.notebook.line.options import OPTIONS
from eighty80_jupyter.prompt.template.names import completions, field_at
from eighty80_jupyter.wire.retries import Settings

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session

_MAGIC = re.compile(r"\s*%?%chat\b")
_PAIR = re.compile(r"[A-Za-z_]\w*=")
_FIELD_OPTIONS = ("csv", "full", "head=", "image", "json", "md", "sample=", "schema", "tail=")
_PATIENCE = Settings(connect_timeout=1.0, read_timeout=1.0, max_retries=0)


def complete(session: Session, context: CompletionContext) -> SimpleMatcherResult:
    """Return what completes at the cursor; nothing outside a chat, which is left to IPython."""
    lines = context.full_text.split("\n")
    line = lines[context.cursor_line][: context.cursor_position]
    if not (lines[0].lstrip().startswith("%%chat") or _MAGIC.match(line)):
        return {"completions": [], "suppress": False}
    cursor = sum(len(text) + 1 for text in lines[: context.cursor_line]) + len(line)
    namespace = session.namespace or {}
    partial = field_at(context.full_text, cursor)
    if partial is not None:
        found = completions(partial, namespace, options=_FIELD_OPTIONS)
        return _result(found, partial.prefix, partial.kind)
    if _MAGIC.match(line):
        return _on_the_line(session, line, namespace)
    return _result([], "", "text")  # a prompt is prose: nothing of Python belongs there


def _on_the_line(session: Session, line: str, namespace: Iterable[str]) -> SimpleMatcherResult:
    *before, word = line.split(" ")
    found: Iterable[str]
    if word.startswith("-"):
        found, kind = [flag for o in OPTIONS.values() for flag in (o.long, o.short) if flag], ""
    else:
        kind = _takes(before)
        match kind:
            case "model":
                found = _models(session)
            case "variable":
                found = [name for name in namespace if not name.startswith("_")]
            case "tool":
                found = [*session.tools, "all"]
            case "conversation":
                found = session.conversations
            case "setting":
                names = sorted(session.config.trait_names(config=True))
                found = [f"{name}=" for name in names if name != "api_key"]
            case _:
                found = []
    return _result([text for text in found if text.startswith(word)], word, kind or "option")


def _takes(before: list[str]) -> str:
    """Return what kind of value is due after these words of a line."""
    words = list(before)
    while words and _PAIR.match(words[-1]):  # several pairs may follow one option
        words.pop()
    flag = words[-1] if words else ""
    option = next((o for o in OPTIONS.values() if flag and flag in (o.short, o.long)), None)
    if option is None or (len(words) < len(before) and not option.pairs):
        return ""
    return option.takes


def _models(session: Session) -> list[str]:
    """Return the names of the server's models, without waiting long for them."""
    try:
        return [model.id for model in session.models(settings=_PATIENCE)]
    except ChatError:
        return []


def _result(texts: Iterable[str], prefix: str, kind: str) -> SimpleMatcherResult:
    found: Any = [SimpleCompletion(text=text, type=kind) for text in dict.fromkeys(texts)]
    return {"completions": found, "matched_fragment": prefix, "suppress": True}
