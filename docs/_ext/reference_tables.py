"""Directives that write the reference from the tables of the code, so that they cannot differ.

    ```{chat-options} GROUP     the options of a group of the manual; a line "NAME: EXAMPLE" each
    ```{chat-parameters}        the parameters of requests; the same
    ```{chat-settings}          the settings, with their defaults
    ```{chat-errors}            the errors, as a tree
    ```{chat-exceptions}        all that they carry, from their docstrings
    ```{chat-others}            the public names that the page has not named, from their docstrings
    ```{chat-manual}            what `%%chat?` shows

An example that is no line of `%chat`, or is none of its option, is a warning.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import eighty80_jupyter
from eighty80_jupyter import errors
from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind, Parameter
from eighty80_jupyter.config import ChatConfig, expected
from eighty80_jupyter.notebook.line.manual import manual
from eighty80_jupyter.notebook.line.options import OPTIONS, Group
from eighty80_jupyter.notebook.line.parser import parse

# Public names that are no classes: the session, and what IPython calls.
NO_CLASSES = {"chat", "load_ipython_extension", "unload_ipython_extension"}


class Table(SphinxDirective):
    """A table that is written in Markdown, and read as the page is."""

    has_content = True
    optional_arguments = 1

    def markdown(self) -> Iterable[str]:
        """Return the lines of Markdown that stand in the directive's place."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Read the Markdown where the directive stands."""
        node = nodes.container(classes=["generated"])
        self.state.nested_parse(
            StringList(list(self.markdown()), self.get_source_info()[0]), self.content_offset, node
        )
        for table in node.findall(nodes.table):
            table["classes"].append(self.name)
        return list(node.children)

    def examples(self, names: Iterable[str]) -> dict[str, str]:
        """Return the examples by the names of their options, warning of those that are wrong."""
        found = {}
        for line in self.content:
            name, _, example = line.partition(": ")
            said = parse(example.removeprefix("%").removeprefix("%").removeprefix("chat "))[0].given
            if name not in names or name not in said:
                raise self.error(f"no example of one of these options: {line}")
            found[name] = example
        return found


class Options(Table):
    """The options of one group of the manual."""

    required_arguments = 1
    optional_arguments = 0

    def markdown(self) -> Iterator[str]:
        """Return the table of a group's options."""
        group = self.arguments[0]
        if group not in get_args(Group):
            raise self.error(f"the groups are {', '.join(get_args(Group))}; got {group}")
        options = [option for option in OPTIONS.values() if option.group == group]
        examples = self.examples([option.name for option in options])
        yield from _table(
            ["option", "", "example"] if examples else ["option", ""],
            (
                [_code(o.usage), o.help, *([_code(examples.get(o.name))] if examples else [])]
                for o in options
            ),
        )


class Parameters(Table):
    """The parameters of requests."""

    def markdown(self) -> Iterator[str]:
        """Return the table of the parameters."""
        examples = self.examples(PARAMETERS)
        yield from _table(
            ["option", "keyword and setting", "values", "server's default", "", "example"],
            (
                [
                    ", ".join(_code(flag) for flag in (p.short, p.option) if flag),
                    _code(p.name) + (f" (sent as {_code(p.wire)})" if p.wire else ""),
                    _values(p),
                    "" if p.default is None else _code(str(p.default).lower()),
                    p.help,
                    _code(examples.get(p.name)),
                ]
                for p in PARAMETERS.values()
            ),
        )


class Settings(Table):
    """The settings that are no parameters of a request."""

    def markdown(self) -> Iterator[str]:
        """Return the table of the settings, by their names."""
        traits = ChatConfig.class_traits(config=True)
        yield from _table(
            ["setting", "default", "values", ""],
            (
                [_code(name), _default(trait), _words(trait), trait.help]
                for name, trait in sorted(traits.items())
                if name not in PARAMETERS
            ),
        )


class Errors(Table):
    """The tree of errors."""

    def markdown(self) -> Iterator[str]:
        """Return the errors, each below what it is a kind of."""
        known = _errors()

        def below(parent: type | None, depth: int) -> Iterator[str]:
            for kind in known:
                parents = [base for base in kind.__mro__[1:] if base in known]
                if (parents[0] if parents else None) is parent:
                    text = inspect.getdoc(kind) or ""
                    text = " ".join(text.split("\n\n")[0].split())
                    yield f"{'  ' * depth}- {{py:exc}}`~eighty80_jupyter.{kind.__name__}`: {text}"
                    yield from below(kind, depth + 1)

        yield from below(None, 0)


class Exceptions(Table):
    """The docstrings of the errors."""

    def markdown(self) -> Iterator[str]:
        """Return what autodoc reads."""
        yield "```{eval-rst}"
        for kind in _errors():
            yield from (f".. autoexception:: eighty80_jupyter.{kind.__name__}", "")
        yield "```"


class Others(Table):
    """The docstrings of what else is public: a new name appears by itself."""

    def markdown(self) -> Iterator[str]:
        """Return what autodoc reads."""
        page = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8")
        named = {*re.findall(r"auto\w+:: (\w+)", page), *(kind.__name__ for kind in _errors())}
        yield "```{eval-rst}"
        for name in sorted(set(eighty80_jupyter.__all__) - named - NO_CLASSES):
            kind = getattr(eighty80_jupyter, name)
            directive = "autoexception" if issubclass(kind, BaseException) else "autoclass"
            yield from (f".. {directive}:: eighty80_jupyter.{name}", "   :members:", "")
        yield "```"


class Manual(Table):
    """The manual of the magic."""

    def markdown(self) -> Iterator[str]:
        """Return the manual as it is shown."""
        yield from ["```text", *manual().splitlines(), "```"]


def _errors() -> list[type[BaseException]]:
    return [getattr(errors, name) for name in eighty80_jupyter.__all__ if hasattr(errors, name)]


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    for row in [head, ["---"] * len(head), *rows]:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _values(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    bounds = ""
    if low is not None and high is not None:
        bounds = f", {low:g} to {high:g}"
    elif low is not None:
        bounds = f", {low:g} or more"
    if parameter.kind is Kind.STRINGS:
        return f"{low:g} to {high:g} texts"
    return f"{parameter.kind.value}{bounds}"


def _words(trait: Any) -> str:
    if type(trait).__module__.startswith("eighty80"):
        return str(trait.info_text)
    return expected(trait)


def _default(trait: Any) -> str:
    value = trait.default()
    if value is None or value == {}:
        return "none"
    return _code(repr(value).strip("'"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directives."""
    for name, directive in {
        "options": Options,
        "parameters": Parameters,
        "settings": Settings,
        "errors": Errors,
        "exceptions": Exceptions,
        "others": Others,
        "manual": Manual,
    }.items():
        app.add_directive(f"chat-{name}", directive)
    return {"parallel_read_safe": True}
