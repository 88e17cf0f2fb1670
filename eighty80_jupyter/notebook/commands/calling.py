"""The names that a line can use where it stands: those of the function that calls the magic."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.template.syntax import Field, parse

_LOCALS = ".<locals>."
_IN_PLACE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")  # run where they stand


@dataclass(frozen=True, slots=True)
class CallingNames:
    """What the calling function sees besides the notebook's variables.

    `values` are its variables, and those of its module where that is no notebook. `beyond` gives
    for each variable of the functions around it that it has not captured the function's name:
    Python has not kept these for it, and a global of the same name is not what was meant.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    beyond: Mapping[str, str] = field(default_factory=dict)

    def check(self, texts: Iterable[str]) -> None:
        """Raise UsageError for a field that names what is out of reach."""
        for text in texts if self.beyond else ():
            for piece in parse(text):
                name = self._missed(piece.expression) if isinstance(piece, Field) else None
                if name is not None:
                    raise UsageError(
                        f"{name} is a variable of {self.beyond[name]}, which the function that "
                        f"asks has not captured; use it there first, as in {name} = {name} among "
                        f"its parameters. Nothing was sent."
                    )

    def _missed(self, expression: str) -> str | None:
        try:
            tree = ast.parse(expression.strip(), mode="eval")
        except SyntaxError:
            return None
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        own = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
        return next((n.id for n in nodes if n.id in self.beyond and n.id not in own), None)


def calling_names(notebook: Mapping[str, Any]) -> CallingNames:
    """Return the names of the function that runs the magic; none where a cell itself does.

    `notebook` are the notebook's variables. The frame is looked for, as IPython hands over the
    names of the calling function to line magics only.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the documented way to one's caller
    while frame is not None and _is_machinery(frame):
        frame = frame.f_back
    if frame is None or frame.f_locals is notebook:
        return CallingNames()
    code, values = frame.f_code, dict(frame.f_locals)
    if code.co_name == "<module>":  # from Python 3.12 comprehensions run in place (PEP 709)
        return CallingNames({name: values[name] for name in code.co_varnames if name in values})
    if frame.f_globals is not notebook:
        values = {**frame.f_globals, **values}
    while frame.f_back is not None and frame.f_code.co_name in _IN_PLACE:
        parent = frame.f_code.co_qualname.rpartition(_LOCALS)[0]
        frame = frame.f_back
        if not parent or frame.f_code.co_qualname != parent:
            break
        values = {**frame.f_locals, **values}
        code = frame.f_code
    beyond = {name: where for name, where in _around(code).items() if name not in values}
    return CallingNames(values, beyond)


def _is_machinery(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module.startswith(("IPython.", "eighty80_jupyter."))


def _around(code: CodeType) -> dict[str, str]:
    """Return the variables of the functions around one, each with the function's name."""
    if _LOCALS not in code.co_qualname:
        return {}
    source = "".join(linecache.getlines(code.co_filename))
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        whole = compile(source, code.co_filename, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError):
        return {}  # the source is not at hand, or is another one by now
    for chain in _chains(whole, ()):
        inner = chain[-1]
        if (inner.co_qualname, inner.co_firstlineno) == (code.co_qualname, code.co_firstlineno):
            found: dict[str, str] = {}
            for outer in chain[:-1]:
                if outer.co_flags & inspect.CO_NEWLOCALS and outer.co_flags & inspect.CO_OPTIMIZED:
                    names = (*outer.co_varnames, *outer.co_cellvars)
                    found |= dict.fromkeys(names, f"{outer.co_name}()")
            return found
    return {}


def _chains(code: CodeType, above: tuple[CodeType, ...]) -> Iterable[tuple[CodeType, ...]]:
    """Yield each function of a module's code below those that it stands in."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield (*above, inner)
            yield from _chains(inner, (*above, inner))
