"""Functions, classes and modules: their source, or what they say of themselves."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import re
import textwrap
import types
from collections.abc import Iterator
from itertools import islice
from typing import Any

from eighty80_jupyter.prompt.describe.base import Draft, Request, attempt, class_name, safe
from eighty80_jupyter.prompt.describe.files import is_cell, is_users
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.containers import Limits, Writer
from eighty80_jupyter.prompt.describe.values.fields import stored_in
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import counted

TAKES = ("full",)

_NAMES = 200
_DOC = 600  # characters of a docstring beside a signature
_CELLS = 200
_PARSED = 1_000_000  # characters of a file in which a class is looked for
_FUNCTIONS = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)


def draft(value: Any, request: Request) -> Draft | None:
    """Describe a function, a class or a module; None for any other value."""
    if issubclass(type(value), types.ModuleType):
        return _module(value, request)
    if issubclass(type(value), types.GenericAlias):
        return None
    if issubclass(type(value), type):
        return _class(value, request)
    if issubclass(type(value), functools.partial):
        return _partial(value, request)
    if issubclass(type(value), _FUNCTIONS) or _is_ufunc(value):
        return _function(value, request)
    # A function in a wrapper, such as functools.cache's or a library's decorator's.
    wrapped = stored_in(value).get("__wrapped__")
    if isinstance(wrapped, types.FunctionType):
        return _function(wrapped, request)
    return None


def _is_ufunc(value: Any) -> bool:
    return type(value).__module__ == "numpy" and type(value).__name__ in {
        "ufunc",
        "_ArrayFunctionDispatcher",
    }


def _function(value: Any, request: Request) -> Draft:
    full = "full" in request.chosen("function", *TAKES)
    source = attempt(_source, value, default="")
    if not source:
        return _card(value, request, "function", full=full)
    return _shown(source, request, "function", full=full)


def _partial(value: Any, request: Request) -> Draft:
    full = "full" in request.chosen("partial", *TAKES)
    writer = Writer(request, Limits(items=5, depth=2, width=60))
    given = [writer.text(item) for item in value.args[:10]]
    given += [f"{name}={writer.text(item)}" for name, item in islice(value.keywords.items(), 10)]
    head = f"{short_repr.named(value)}, given {', '.join(given) or 'nothing'}"
    source = attempt(_source, value.func, default="")
    return _shown(source, request, "partial", full=full, head=head)


def _class(value: Any, request: Request) -> Draft:
    full = "full" in request.chosen("class", *TAKES)
    file = attempt(_file_of, value, default="")
    # A library's class may have thousands of lines: what it says of itself reads better.
    if full or not file or value.__module__ == "__main__" or is_users(file):
        source = attempt(_class_source, value, default="")
        if source:
            return _shown(source, request, "class", full=full)
    return _card(value, request, "class", full=full)


def _shown(source: str, request: Request, kind: str, *, full: bool, head: str = "") -> Draft:
    """Return source, as many of its first lines as fit."""
    lines = source.splitlines()
    top = [head] if head else []
    text, cut = "\n".join([*top, *lines]), ""
    if not full and estimate(source[: request.budget * 12 + 100]) > request.budget - 20:
        used: list[str] = []
        room = request.budget - 20 - estimate(head)
        for line in lines:
            short = request.shorten(line, 500)
            room -= estimate(short) + 1
            if room < 0:
                break
            used.append(short)
        left = len(lines) - len(used)
        cut = f"{counted(left, 'line')} of {len(lines):,}"
        text = "\n".join([*top, *used, f"# … {counted(left, 'more line')} of {len(lines):,}"])
    summary = counted(len(lines), "line")
    return Draft(text=text, kind=kind, summary=summary, cut=cut, fixed=full, block=True)


def _source(value: Any) -> str:
    return textwrap.dedent(inspect.getsource(value)).rstrip()


def _file_of(value: type) -> str:
    """Return the file of a class, or of one of its methods: a cell's class has no other."""
    for code in _codes(value):
        return code.co_filename
    return inspect.getfile(value)


def _codes(value: type) -> Iterator[types.CodeType]:
    """Yield the code of the methods that are written in the class itself."""
    for item in vars(value).values():
        code = getattr(getattr(item, "__func__", item), "__code__", None)
        if not isinstance(code, types.CodeType) or code.co_filename.startswith(("<str", "<attrs")):
            continue
        if code.co_qualname.startswith(value.__qualname__):
            yield code


def _class_source(value: type) -> str:
    try:
        return _source(value)
    except (OSError, TypeError):
        return _cell_source(value)


def _cell_source(value: type) -> str:
    """Return the source of a class of a notebook's cell, which has no file of its own.

    Its methods tell the cell; without any, it is the latest cell that has a class of this name.
    """
    for code in _codes(value):
        if source := _found_class(code.co_filename, value.__name__, code.co_firstlineno):
            return source
    if value.__module__ != "__main__":
        return ""
    cells = [file for file in reversed(list(linecache.cache)) if is_cell(file)]
    found = (_found_class(file, value.__name__, None) for file in cells[:_CELLS])
    return next(filter(None, found), "")


def _found_class(file: str, name: str, line: int | None) -> str:
    lines = linecache.getlines(file)
    text = "".join(lines)
    if f"class {name}" not in text or len(text) > _PARSED:
        return ""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ClassDef) or node.name != name:
            continue
        first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
        last = node.end_lineno or node.lineno
        if line is None or first <= line <= last:
            return textwrap.dedent("".join(lines[first - 1 : last])).rstrip()
    return ""


def _card(value: Any, request: Request, kind: str, *, full: bool) -> Draft:
    """Return signature, docstring and, for a class, its methods."""
    name = attempt(lambda: str(value.__qualname__), default=kind)
    signature = attempt(lambda: str(inspect.signature(value)), default="(...)")
    if len(signature) > _DOC:
        signature = request.shorten(signature, _DOC)
    module = attempt(lambda: str(value.__module__ or ""), default="")
    where = f"{module}." if module not in {"", "builtins", "__main__"} else ""
    if kind == "class" and not is_users(attempt(_file_of, value, default="<>")):
        where = class_name(value).rpartition(".")[0]  # libraries move their classes about
        where += "." if where else ""
    lines = [f"{kind} {where}{name}{signature}"]
    doc = attempt(lambda: inspect.cleandoc(value.__doc__ or ""), default="")
    if doc:
        lines.append(doc if full else request.shorten(doc, _DOC))
    cut = "" if full or len(doc) <= _DOC else "the end of its docstring"
    if kind == "class":
        bases = ", ".join(class_name(base) for base in value.__bases__ if base is not object)
        lines[0] += f", of {bases}" if bases else ""
        names = [name for name in vars(value) if not name.startswith("_")]
        lines.append(f"its own: {listed(names)}" if names else "")
    text = "\n".join(line for line in lines if line)
    return Draft(text=text, kind=kind, cut=cut, fixed=full, block=True)


def _module(value: types.ModuleType, request: Request) -> Draft:
    full = "full" in request.chosen("module", *TAKES)
    held = vars(value)
    public = held.get("__all__")
    if not isinstance(public, (list, tuple)):
        public = [name for name in held if isinstance(name, str) and not name.startswith("_")]
        public = [name for name in public if not isinstance(held[name], types.ModuleType)]
    names = sorted(str(name) for name in public if not str(name).startswith("_"))
    version = held.get("__version__")
    head = f"module {held.get('__name__', '?')}"
    head += f", version {version}" if isinstance(version, str) else ""
    doc = held.get("__doc__")
    first = inspect.cleandoc(doc).partition("\n\n")[0] if isinstance(doc, str) else ""
    first = re.sub(r"\n[=\-~*]{3,}", "", first)  # a heading's line
    lines = [head, request.shorten(" ".join(first.split()), 300)]
    most = len(names) if full else min(_NAMES, max(request.budget // 5, 5))
    lines.append(f"public names: {listed(names, most)}" if names else "")
    left = len(names) - most
    return Draft(
        text="\n".join(line for line in lines if line),
        kind="module",
        summary=counted(len(names), "public name"),
        cut=counted(left, "public name") if left > 0 else "",
        fixed=full,
        block=True,
    )


def listed(names: list[str], most: int = _NAMES) -> str:
    """Return names with commas between them, at most so many."""
    left = len(names) - most
    return ", ".join(map(safe, names[:most])) + (f", … {left:,} more" if left > 0 else "")
