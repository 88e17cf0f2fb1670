"""The JSON text that a model wrote as arguments, and its check where a tool has no signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eighty80_jupyter import loading
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import shown

_LONGEST = 10_000_000  # characters
_SHOWN = 5
_MESSAGE = 200


class ToolInputError(UsageError):
    """The model's arguments do not fit a tool; the text says what the model can do about it."""


def parsed(text: str) -> dict[str, Any]:
    """Return the JSON object in a model's text; an empty text and `null` are `{}`.

    An object that is written as a JSON string counts too, and line ends within strings do not
    matter. Raises ToolInputError for anything else.
    """
    if len(text) > _LONGEST:
        raise ToolInputError(f"the arguments have {len(text):,} characters; send less")
    if not text.strip():
        return {}
    value = _loaded(text)
    if isinstance(value, str):
        value = _loaded(value) if value.strip() else {}
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ToolInputError(
            f"the arguments must be one JSON object of names and values, got {shown(value)}"
        )
    return value


def check(values: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check values by a JSON Schema.

    Raises ToolInputError with what is wrong. A schema that jsonschema cannot use checks nothing.
    """
    loading.require(*loading.CHECKS)
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # a door: jsonschema
    from jsonschema.validators import validator_for  # noqa: PLC0415  # the same
    from referencing import Registry  # noqa: PLC0415  # the same

    try:
        # With a registry of its own it fetches nothing from addresses in the schema.
        kind = validator_for(schema, default=Draft202012Validator)
        errors = list(kind(schema, registry=Registry()).iter_errors(values))
    except RecursionError:
        raise ToolInputError("the arguments are nested too deeply") from None
    except Exception:  # noqa: BLE001  # the schema came from elsewhere, and is wrong
        return
    if errors:
        told = [_told(error.json_path, str(error.message)) for error in errors[:_SHOWN]]
        more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise ToolInputError("; ".join(told) + more)


def _told(path: str, message: str) -> str:
    if len(message) > _MESSAGE:
        # What came stands first and may be long, what was expected stands last.
        message = f"{message[:80]}…{message[-100:]}"
    place = path.removeprefix("$").removeprefix(".")
    return f"{place}: {message}" if place else message


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        raise ToolInputError("the arguments are nested too deeply") from None
    except ValueError as error:
        raise ToolInputError(
            f"the arguments are no valid JSON ({error}), got {shown(text)}; "
            'send one JSON object, such as {"name": "value"}'
        ) from None
