"""Evaluate the expressions of fields once, and say in one line what is wrong with one.

The errors say what is wrong with a field and end with its place: `no variable 'dff' for
{{dff.head()}} (line 2, column 14). Nothing was sent. Did you mean df, diff?`
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import CodeType, CoroutineType
from typing import Any, cast

from eighty80_jupyter.errors import UsageError, error_summary
from eighty80_jupyter.prompt.describe.nearest import closest, did_you_mean, names_like
from eighty80_jupyter.prompt.template.calls import Calls, Refused, check_iterator, check_key
from eighty80_jupyter.prompt.template.names import names_in
from eighty80_jupyter.prompt.template.syntax import Field, quiet_parse

# No names that anybody could write.
_KEEP, _KEY, _CALLEE, _ARGUMENT, _MEMBER = "<keep>", "<key>", "<callee>", "<argument>", "<member>"
_LAST_ERROR = "_err"
_RAW_HINT = r" To send the braces as they are, write \{{ for {{, or use --raw."
_LONGEST = 60  # characters of a field that a message quotes
_SHOWN_OUTPUTS = 12
_SHOWN_NAMES = 8


class Evaluation:
    """Evaluates the fields of one prompt.

    Names come from `namespace`, each looked up once, then from the builtins, and from nowhere else;
    `last_error` is what `_err` stands for. `first_line` is the number of the prompt's first line in
    its cell. `clean` takes the secrets out of what a message quotes. `calls` judges what is called,
    and notes it. Each expression is compiled once.
    """

    def __init__(
        self,
        text: str,
        namespace: Mapping[str, Any],
        *,
        last_error: BaseException | None = None,
        first_line: int = 1,
        clean: Callable[[str], str] = str,
        calls: Calls | None = None,
    ) -> None:
        self.calls = Calls() if calls is None else calls
        self._text = text
        self.namespace = namespace
        self._first_line = first_line
        self._clean = clean
        self._values: dict[str, Any] = {}  # of the names that were looked up
        self._expressions: dict[str, _Expression] = {}
        self._scope: dict[str, Any] = {"__builtins__": builtins}
        if last_error is not None:
            self._scope[_LAST_ERROR] = last_error

    def owned(self, field: Field) -> bool:
        """Tell whether a field has any name of the user's, and not of builtins only."""
        return any(name in self.namespace for name in names_of(field.expression))

    def unknown(self, field: Field) -> str | None:
        """Return the first name in a field that nothing has, or None.

        A builtin counts inside an expression only: `{{input}}` means no function.
        """
        for name in names_of(field.expression):
            builtin = name != field.expression and hasattr(builtins, name)
            if name not in self.namespace and name not in self._scope and not builtin:
                return name
        return None

    def value(self, field: Field, row: dict[str, Any] | None = None) -> Any:
        """Return the value of a field. Raises UsageError; an interrupt passes through.

        `row` holds names that come before all others, for this one value.
        """
        expression = self._expressions.get(field.expression)
        if expression is None:
            expression = _Expression(field.expression, self.calls)
            self._expressions[field.expression] = expression
        try:
            found = self._found(expression, row)
            value = expression.evaluate(f"<{field.source}>", self._scope, found)
        except KeyboardInterrupt:
            raise
        except Refused as refused:
            raise self.refused(field, str(refused)) from None
        except BaseException as error:  # SystemExit and polars' panics too: nothing may be sent
            try:
                what = self._explained(expression, error)
            except Exception:  # noqa: BLE001  # a foreign value may raise anything when asked
                what = None
            what = what or f"{brief(field.source)} raised {error_summary(error)}"
            raise self.error(field, what) from error
        if type(value) is CoroutineType and field.expression.endswith(")"):
            value.close()  # or Python warns that nobody awaited it
            what = f"{brief(field.source)} must be awaited; do that in a cell before"
            raise self.error(field, what)
        return value

    def _found(self, expression: _Expression, row: dict[str, Any] | None) -> ChainMap[str, Any]:
        """Return the namespace in which the names of a field have the values that they have now."""
        for name in expression.names:
            if name not in self._values and name in self.namespace:
                self._values[name] = self.namespace[name]
        # What looks into the frame, such as `df.query("a > @limit")`, finds the others too.
        rest = (self._values, cast("dict[str, Any]", self.namespace))
        return ChainMap(*rest) if row is None else ChainMap(row, *rest)

    def refused(self, field: Field, what: str) -> UsageError:
        """Return the error for a field that does more than compute; `what` says what it does."""
        return self.error(
            field,
            f"{brief(field.source)} {what}, which no field does; do it in a cell, assign the value "
            "to a variable and name that",
            _RAW_HINT,
        )

    def no_variable(self, field: Field, name: str) -> UsageError:
        """Return the error for a name that nothing has."""
        if name == _LAST_ERROR:
            return self.error(field, f"there is no last exception for {brief(field.source)}")
        if name.startswith("_") and name.strip("_").isdigit():
            return self.error(field, f"{name} does not exist; {self._outputs()}")
        hint = did_you_mean(self.namespace, name) or _RAW_HINT
        return self.error(field, f"no variable {name!r} for {brief(field.source)}", hint)

    def error(self, field: Field, what: str, hint: str = "") -> UsageError:
        """Return the error that says `what` is wrong with a field, and where that stands."""
        line = self._text.count("\n", 0, field.start)
        column = field.start - (self._text.rfind("\n", 0, field.start) + 1) + 1
        place = f"(line {self._first_line + line}, column {column})"
        return UsageError(f"{self._clean(what)} {place}. Nothing was sent.{hint}")

    def _explained(self, expression: _Expression, error: BaseException) -> str | None:
        """Say what an error means about names, keys and outputs; None if it says it best itself."""
        failure = expression.failure(error)
        if failure is None:
            return None
        node, value = failure.node, expression.kept[failure.number]
        if isinstance(node, ast.Attribute):
            if not isinstance(error, AttributeError) or error.name not in (None, node.attr):
                return None
            near = sorted(names_like(value, node.attr))
            like = f"; names like it: {', '.join(near)}" if near else ""
            return f"{failure.base} has no attribute {node.attr!r}{like}"
        if isinstance(error, LookupError) and value is self.namespace.get("Out"):
            return f"{expression.source(node)} does not exist; {self._outputs()}"
        if isinstance(error, IndexError) and value is self.namespace.get("In"):
            last = len(self.namespace["In"]) - 1
            return f"{expression.source(node)} does not exist; inputs kept: 1 to {last}"
        kind, names = names_in(value)
        wanted = _missing(failure.index, error, names) if kind else None
        if wanted is None:
            return None
        like = f"; it has no {kind}"
        if near := sorted(closest(names, wanted)):
            like = f"; {kind} like it: {', '.join(near)}"
        elif names:
            like = f"; its {kind}: {_listed(names)}"
        return f"{failure.base} has no {kind.removesuffix('s')} {wanted!r}{like}"

    def _outputs(self) -> str:
        outputs = self.namespace.get("Out")
        kept = sorted(n for n in outputs if isinstance(n, int)) if isinstance(outputs, dict) else []
        if not kept:
            return "no outputs are kept"
        before = "…, " if len(kept) > _SHOWN_OUTPUTS else ""
        return f"outputs kept: {before}{', '.join(map(str, kept[-_SHOWN_OUTPUTS:]))}"


def brief(source: str) -> str:
    """Return what was written, cut where a message would grow too long."""
    return source if len(source) <= _LONGEST else source[: _LONGEST - 3] + "…}}"


class _Expression:
    """An expression that keeps the value before each dot and bracket while it is evaluated.

    To explain an error by evaluating once more would run the user's code twice.
    """

    def __init__(self, text: str, calls: Calls) -> None:
        self.text = text
        self.names = names_of(text)
        self.kept: dict[int, Any] = {}
        self._calls = calls
        self._code: CodeType | None = None  # None before, and where Python refuses to compile it
        self._tree = quiet_parse(text) or ast.Expression(ast.Constant(None))
        self._failures: dict[tuple[int | None, ...], _Failure] = {}
        self._called: dict[int, ast.Call] = {}
        self._given: dict[int, tuple[int, ast.expr]] = {}  # arguments, with the numbers of calls
        nodes = list(ast.walk(self._tree))
        calls_of = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
        for number, node in enumerate(nodes):
            if isinstance(node, (ast.Attribute, ast.Subscript)):
                base = self.source(node.value)
                index = node.slice if isinstance(node, ast.Subscript) else None
                self._failures[_place(node)] = _Failure(node, number, base, index)
                if (call := calls_of.get(id(node))) is not None:
                    self._failures.setdefault(_place(call), _Failure(call, number, base))
        for number, node in enumerate(nodes):
            self._watch(number, node)
        ast.fix_missing_locations(self._tree)

    def _watch(self, number: int, node: ast.AST) -> None:
        """Put what keeps and judges the values into the tree, around the parts of one node."""
        match node:
            case ast.Attribute():
                node.value = _through(_KEEP, number, node.value)
            case ast.Subscript():
                node.value = _through(_KEEP, number, node.value)
                # Where the key is missing, it is the subscript that fails.
                node.slice = _through(_KEY, number, node.slice, at=node)
            case ast.Compare():
                node.comparators = [
                    _through(_MEMBER, number, each) if isinstance(op, (ast.In, ast.NotIn)) else each
                    for op, each in zip(node.ops, node.comparators, strict=True)
                ]
            case ast.Call():
                for given in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    self._given[id(given)] = number, given
                # The judge sees the call as it was written.
                self._called[number] = ast.Call(node.func, list(node.args), list(node.keywords))
                ast.copy_location(self._called[number], node)
                node.args = [_through(_ARGUMENT, id(each), each) for each in node.args]
                node.keywords = [
                    ast.keyword(each.arg, _through(_ARGUMENT, id(each.value), each.value))
                    for each in node.keywords
                ]
                node.func = _through(_CALLEE, number, node.func)
            case _:
                pass

    def evaluate(self, name: str, scope: dict[str, Any], namespace: ChainMap[str, Any]) -> Any:
        """Return the value; `name` stands in the traceback of what it raises. Raises Refused."""
        if self._code is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                self._code = compile(self._tree, name, "eval", dont_inherit=True)
        self.kept.clear()
        functions: dict[int, Any] = {}

        def key(number: int, value: Any) -> Any:
            check_key(self.kept[number], value)
            return value

        def callee(number: int, function: Any) -> Any:
            call = self._called[number]
            functions[number] = self._calls.callee(call, self.source(call), function)
            return function

        def argument(given: int, value: Any) -> Any:
            number, node = self._given[given]
            return self._calls.argument(functions[number], node, value)

        def member(_number: int, value: Any) -> Any:
            check_iterator(value)
            return value

        watchers: dict[str, Any] = {_KEEP: self.kept.setdefault, _KEY: key, _CALLEE: callee}
        watchers |= {_ARGUMENT: argument, _MEMBER: member}
        found = ChainMap(watchers, *namespace.maps)
        # The expression is the user's own, as if run in a cell. A real frame with the user's names
        # is what `df.query("a > @limit")` looks into.
        return eval(self._code, scope, found)  # noqa: S307

    def source(self, node: ast.expr) -> str:
        """Return what was written for a node."""
        return ast.get_source_segment(self.text, node) or self.text

    def failure(self, error: BaseException) -> _Failure | None:
        """Return what was being done as `error` was raised, by its place in the source."""
        step = error.__traceback__
        if self._code is None:
            return None
        while step is not None and step.tb_frame.f_code is not self._code:
            step = step.tb_next
        if step is None:
            return None
        places = self._code.co_positions()
        found = self._failures.get(next(islice(places, step.tb_lasti // 2, None)))
        return found if found is not None and found.number in self.kept else None


@dataclass(frozen=True, slots=True)
class _Failure:
    """A subscript, an attribute or a method call, with the number and source of what is before.

    `index` is what stands in the brackets of a subscript.
    """

    node: ast.expr
    number: int
    base: str
    index: ast.expr | None = None


def _through(watcher: str, number: int, node: ast.expr, *, at: ast.expr | None = None) -> ast.expr:
    """Return a call that hands the value of a node through a watcher; it stands where `at` does."""
    call = ast.Call(ast.Name(watcher, ast.Load()), [ast.Constant(number), node], [])
    return ast.copy_location(call, node if at is None else at)


def _place(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def names_of(expression: str) -> list[str]:
    """Return the names in an expression, in the order of its tree."""
    tree = quiet_parse(expression)
    return [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)] if tree is not None else []


def _missing(index: ast.expr | None, error: BaseException, names: list[str]) -> str | None:
    """Return the column or key that a subscript or a method was asked for and that is not there."""
    wanted: list[Any] = list(error.args[:1]) if isinstance(error, KeyError) else []
    if index is not None:
        items = index.elts if isinstance(index, (ast.List, ast.Tuple)) else [index]
        wanted = [item.value for item in items if isinstance(item, ast.Constant)] + wanted
    known = set(names)
    return next((name for name in wanted if isinstance(name, str) and name not in known), None)


def _listed(names: list[str]) -> str:
    text = ", ".join(names[:_SHOWN_NAMES])
    return text if len(names) <= _SHOWN_NAMES else f"{text}, …"
