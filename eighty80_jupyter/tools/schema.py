"""The parameters of a function as JSON Schema, and the model's arguments as Python values.

pydantic knows the types. Each parameter has an adapter of its own, so that any name will do and a
message can say which one is wrong.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from eighty80_jupyter.api.json_schema import Generator, without_titles
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown, unknown
from eighty80_jupyter.tools.arguments import ToolInputError
from eighty80_jupyter.tools.docstrings import documented
from eighty80_jupyter.tools.types import (
    Unresolved,
    annotated,
    described_fields,
    resolved,
    signature_of,
)

_MISSING = inspect.Parameter.empty
_LONGEST_DEFAULT = 500  # characters of its JSON; a longer one tells a model nothing
_STARS = "**********"  # pydantic's for a secret; a model would send them as if they were it
_SHOWN_PROBLEMS = 5
_MENDS = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only; remove the `/` after it",
    inspect.Parameter.VAR_POSITIONAL: (
        "takes any number of values; write one parameter with a list, such as items: list[str]"
    ),
    inspect.Parameter.VAR_KEYWORD: "takes any keywords; write a parameter for each",
}


@dataclass(frozen=True, slots=True)
class Input:
    """One parameter: its pydantic adapter, and the default that the function has, if any."""

    name: str
    adapter: Any
    default: Any = _MISSING

    @property
    def fill(self) -> Any:
        """What pydantic's own default gives, as `Some(value)`; None where there is none."""
        return self.adapter.get_default_value()

    @property
    def required(self) -> bool:
        """Whether a call must have it."""
        return self.default is _MISSING and self.fill is None

    def read(self, value: Any) -> Any:
        """Return the Python value for the parsed JSON `value`. Raises ToolInputError."""
        try:
            return self._validated(value)
        except ValidationError as error:
            problem = error
        if value is None and self.default is None:  # `x: int = None` says so
            return None
        if isinstance(value, str) and (inner := _parsed(value)) is not _MISSING:
            # Small models write lists and objects as text.
            try:
                return self._validated(inner)
            except ValidationError:
                pass
        raise ToolInputError(_explained(self.name, value, problem))

    def _validated(self, value: Any) -> Any:
        # From JSON, not from Python: strict models take dates and sets from it, too.
        return self.adapter.validate_json(json.dumps(value))


@dataclass(frozen=True, slots=True)
class Inputs:
    """All parameters of a function."""

    items: tuple[Input, ...]

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments for the parsed JSON object `values`.

        Raises ToolInputError with all that is wrong.
        """
        problems: list[str] = []
        result: dict[str, Any] = {}
        known = {item.name: item for item in self.items}
        strange = [name for name in values if name not in known]
        problems += [unknown("parameter", shown(name)[1:-1], known) for name in strange]
        lacking = [i.name for i in self.items if i.required and i.name not in values]
        problems += [f"{name} is required and missing" for name in lacking]
        for item in self.items:
            if item.name not in values:
                if item.default is _MISSING and (filled := item.fill) is not None:
                    result[item.name] = filled.value
                continue
            try:
                result[item.name] = item.read(values[item.name])
            except ToolInputError as error:
                problems.append(str(error))
            except RecursionError:
                problems.append(f"{item.name} is nested too deeply")
            except Exception as error:  # noqa: BLE001  # a validator of the user's own
                problems.append(f"{item.name}: {type(error).__name__}: {error}")
        if not problems:
            return result
        text = "; ".join(problems[:_SHOWN_PROBLEMS])
        if len(problems) > _SHOWN_PROBLEMS:
            text += f"; and {len(problems) - _SHOWN_PROBLEMS} more"
        if strange or lacking:
            words = [f"{item.name}{'' if item.required else ' (optional)'}" for item in self.items]
            text += f". The parameters are: {', '.join(words) or 'none'}"
        raise ToolInputError(text)


def inputs_of(function: Callable[..., Any], name: str) -> tuple[Inputs, dict[str, Any], str]:
    """Return the parameters of a function, their JSON Schema, and the function's description.

    What a partial has bound is none of them. `name` is for messages. Raises UsageError with one
    line that says how to mend it.
    """
    parameters = _parameters(function, name)
    docs = documented(function)
    hints = resolved(function, parameters)
    adapters: list[Input] = []
    for parameter in parameters:
        if parameter.kind in _MENDS:
            raise _refused(name, parameter.name, _MENDS[parameter.kind])
        if parameter.annotation is _MISSING:
            mend = "has no type; annotate it, such as {}: str"
            raise _refused(name, parameter.name, mend.format(parameter.name))
        words = docs.parameters.get(parameter.name, "")
        adapters.append(_input(parameter, hints[parameter.name], words, name))
    return Inputs(tuple(adapters)), _schema(adapters, hints, name), docs.description


def _parameters(function: Any, name: str) -> list[inspect.Parameter]:
    if not callable(function):
        hint = ""
        if isinstance(function, classmethod):
            hint = "; register the bound method, as in chat.tool(TheClass.method)"
        raise UsageError(f"a tool must be a function, got a {type(function).__name__}{hint}")
    try:
        signature = signature_of(function)
    except (ValueError, TypeError):
        raise UsageError(
            f"{name} has no signature that Python can read (it is a builtin or written in C); "
            "wrap it in a function with annotated parameters"
        ) from None
    bound: Mapping[str, Any] = function.keywords if isinstance(function, partial) else {}
    parameters = [p for p in signature.parameters.values() if p.name not in bound]
    first = parameters[0] if parameters else None
    if first and first.name in {"self", "cls"} and first.annotation is _MISSING:
        raise UsageError(
            f"{name} is a method without its object (its first parameter is {first.name}); "
            f"make an object and register its bound method: chat.tool(obj.{name})"
        )
    return parameters


def _input(parameter: inspect.Parameter, hint: Any, words: str, name: str) -> Input:
    if isinstance(hint, Unresolved):
        raise _undefined(name, parameter.name, hint.error)
    default, field = parameter.default, None
    if isinstance(default, FieldInfo):  # x: int = Field(5, ge=1)
        field, default = default, _MISSING
    try:
        adapter = TypeAdapter(annotated(hint, field, words))
    except Exception as error:  # noqa: BLE001  # a type may have its own say in its schema
        raise _no_form(name, parameter.name, hint, error) from None
    return Input(parameter.name, adapter, default)


def _schema(inputs: list[Input], hints: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the JSON Schema of an object with these parameters."""
    for item in inputs:  # one by one, to say which it is
        try:
            json.dumps(item.adapter.json_schema(schema_generator=Generator), allow_nan=False)
        except Exception as error:  # noqa: BLE001  # a type may have its own say in its schema
            raise _no_form(name, item.name, hints[item.name], error) from None
    each, shared = TypeAdapter.json_schemas(
        [(item.name, "validation", item.adapter) for item in inputs], schema_generator=Generator
    )
    definitions: dict[str, Any] = shared.get("$defs", {})
    properties = {item.name: _with_default(each[item.name, "validation"], item) for item in inputs}
    for key, words in described_fields(hints[item.name] for item in inputs).items():
        fields = definitions.get(key, {}).get("properties", {})
        for field, text in words.items():
            if isinstance(fields.get(field), dict):
                fields[field].setdefault("description", text)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required := [item.name for item in inputs if item.required]:
        schema["required"] = required
    schema["additionalProperties"] = False
    if definitions:
        schema["$defs"] = definitions
    plain: dict[str, Any] = without_titles(schema)
    return plain


def _with_default(schema: Mapping[str, Any], item: Input) -> dict[str, Any]:
    result = dict(schema)
    if item.default is _MISSING:
        return result
    try:
        default = item.adapter.dump_python(item.default, mode="json", warnings=False)
        lost = default is None and item.default is not None  # NaN becomes null
        text = json.dumps(default, allow_nan=False)
        if not lost and len(text) <= _LONGEST_DEFAULT and _STARS not in text:
            result["default"] = default
    except Exception:  # noqa: BLE001  # it has no JSON form; then the function alone knows it
        result.pop("default", None)
    return result


def _refused(name: str, parameter: str, what: str) -> UsageError:
    return UsageError(f"{name} cannot be a tool: its parameter {parameter} {what}")


def _no_form(name: str, parameter: str, hint: Any, error: Exception) -> UsageError:
    undefined = getattr(error, "name", None)
    if isinstance(undefined, str) and undefined:
        return _undefined(name, parameter, NameError(name=undefined))
    kind = inspect.formatannotation(hint)
    kind = kind if len(kind) <= 100 else kind[:99] + "…"  # noqa: PLR2004  # fits in the line
    if getattr(error, "code", None) == "typed-dict-version":
        return _refused(
            name, parameter, f"has the type {kind}; import TypedDict from typing_extensions"
        )
    if getattr(error, "code", None) == "class-not-fully-defined":
        return _refused(name, parameter, f"has the type {kind}, which needs model_rebuild() first")
    mend = "has the type {}, which has no JSON form; take what a model can write, such as {}"
    return _refused(name, parameter, mend.format(kind, "a name, a number or list[dict[str, Any]]"))


def _undefined(name: str, parameter: str, error: Exception) -> UsageError:
    missing = getattr(error, "name", None)
    what = f"names {missing}, which is not defined" if missing else f"cannot be read: {error}"
    whose = f"the type of its parameter {parameter}"
    mend = (
        "define or import it at the top level before the function, or wrap a function of somebody "
        "else's in one of your own"
    )
    return UsageError(" ".join(f"{name} cannot be a tool: {whose} {what}; {mend}".split()))


def _parsed(text: str) -> Any:
    """Return the value of a JSON text, but for strings; `_MISSING` if it is none."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _MISSING
    return _MISSING if isinstance(value, str) else value


def _explained(name: str, value: Any, error: Any) -> str:
    """Say what pydantic's error means: the place, what was expected there, what came."""
    places: dict[str, tuple[list[str], Any]] = {}
    for problem in error.errors(include_url=False, include_context=False):
        path, at = name, value
        for number, step in enumerate(problem["loc"]):
            last = number == len(problem["loc"]) - 1 and problem["type"] == "missing"
            # The names of a union's members stand there too; they lead to nothing in the value.
            if isinstance(at, dict) and (step in at or last):
                path, at = f"{path}.{step}", at.get(step)
            elif isinstance(at, list) and isinstance(step, int) and (0 <= step < len(at) or last):
                path, at = f"{path}[{step}]", at[step] if step < len(at) else None
        words = problem["msg"].replace("Input should be", "should be", 1)
        texts, _ = places.setdefault(path, ([], problem["input"]))
        if words not in texts:
            texts.append(words)
    told = []
    for path, (texts, came) in places.items():
        if texts == ["Field required"]:
            told.append(f"{path} is required and missing")
            continue
        first, *others = texts[:4]
        gap = " " if first.startswith("should be") else ": "
        words = " or ".join([first, *(text.removeprefix("should be ") for text in others)])
        told.append(f"{path}{gap}{words}, got {shown(came)}")
    more = f"; and {len(told) - 3} more" if len(told) > 3 else ""  # noqa: PLR2004  # enough to mend
    return "; ".join(told[:3]) + more
