"""What a tool returned, or raised, as text for the model: bounded, without secrets, harmless.

A text stays a text, what JSON can carry becomes compact JSON, anything else is described as prompts
describe values.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

from eighty80_jupyter.prompt.describe.display import defaults
from eighty80_jupyter.prompt.describe.registry import Registry, describe
from eighty80_jupyter.prompt.describe.values.fields import hides_fields
from eighty80_jupyter.prompt.describe.values.own import own_text
from eighty80_jupyter.prompt.secrets.redact import Redactor, environment_names
from eighty80_jupyter.prompt.template.compose import defused
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import clean
from eighty80_jupyter.tools.run import FirstItems

NOTHING = "done; the function returned nothing (None)"
EMPTY = "done; the function returned an empty text"

_MOST_VALUES = 20_000  # in a result that is written as JSON; a larger one is described
_ERROR_BUDGET = 400  # tokens
_TOKEN = 12  # characters that one token never exceeds, but in long runs of spaces
_MARGIN = 12_000  # characters that are searched for secrets beyond what can be kept
_EDGE = 6_000  # of these, the last, where half a secret may stand
_NOTE = 15  # tokens of the words that tell what was left out
_SUB_ERRORS = 3
_MOST_PARTS = 20
_DEEPEST_PARTS = 3  # containers within each other, of which each part is described
_LEAST_SHARE = 60  # tokens for each part; with fewer, one description of all says more
_KEY = 100  # characters of a part's name
_ATOMS = (
    *(str, int, float, bool, type(None), bytes, decimal.Decimal, uuid.UUID, pathlib.PurePath),
    *(dt.date, dt.time, dt.timedelta, enum.Enum),
)
_EXACT = {str, int, float, bool, type(None)}
_CONTAINERS = (list, tuple, set, frozenset, deque)


class PictureText(str):
    """A text that a tool has returned together with `pictures`, the bytes of files.

    The model reads the text; the pictures are for the user.
    """

    __slots__ = ("pictures",)
    pictures: tuple[bytes, ...]

    def __new__(cls, text: str, pictures: tuple[bytes, ...] = ()) -> Self:
        """Make one."""
        made = super().__new__(cls, text)
        made.pictures = pictures
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettings:
    """How results become text.

    `registry` has the user's own descriptions of types; None: none. `redactor` takes secrets out;
    None: they stay. `budget` bounds each result, in estimated tokens.
    """

    registry: Registry | None = None
    redactor: Redactor | None = None
    budget: int = 2_000


USUAL = ToolSettings()


def result_text(value: Any, settings: ToolSettings = USUAL, *, depth: int = 0) -> str:
    """Return what the model reads of a tool's result, within the budget of `settings`.

    Words in brackets say how much was left out. Marks of chat templates and data blocks are broken
    up, secrets taken out. The work is bounded by the budget, but for writing JSON and copying; an
    exception of the value's own code leads to a plainer text. `depth` is that of a part, within the
    container that is the result.
    """
    redactor = settings.redactor
    if value is None:
        return NOTHING
    if redactor is not None and redactor.is_environment(value):
        names = environment_names(value)
        value = f"{len(names)} environment variables, names only: {', '.join(names)}"
    if isinstance(value, str) and own_text(type(value)) is None:
        text: str | None = str.__str__(value)
    else:
        text = _as_json(value)
    if text is None:
        return _described(value, settings, depth)
    if not text:
        # There are servers that refuse a message without a text, and models that doubt it.
        return EMPTY
    more = isinstance(value, FirstItems)
    note = f"\n[… more: only the first {len(value):,} items were taken]" if more else ""
    return cleaned(text, settings.budget - (_NOTE if more else 0), redactor) + note


def error_text(error: BaseException, settings: ToolSettings = USUAL) -> str:
    """Return an exception as the model reads it: its class and its message, without a traceback."""
    text = _error(error)
    if isinstance(error, BaseExceptionGroup):
        inner = [_error(one) for one in error.exceptions[:_SUB_ERRORS]]
        left = len(error.exceptions) - len(inner)
        text += ": " + "; ".join([*inner, f"and {left} more"] if left else inner)
    return cleaned(text, min(settings.budget, _ERROR_BUDGET), settings.redactor)


def cleaned(text: str, budget: int, redactor: Callable[[str], str] | None = None) -> str:
    """Return a text without secrets and marks that do harm, cut to about `budget` tokens.

    Of a long text only the beginning is looked at, whatever its length.
    """
    total, reach = len(text), max(budget, 1) * _TOKEN + _MARGIN
    head = text[:reach]
    if redactor is not None:
        head = redactor(head)
    if total > reach:
        head = head[: max(len(head) - _EDGE, 0)]
    return _within(defused(clean(head)), budget, total if total > reach else None)


def _within(text: str, budget: int, total: int | None) -> str:
    """Return `text` if it is whole (`total` is None) and fits; else its beginning, with a note."""
    if total is None and estimate(text) <= budget:
        return text
    total = len(text) if total is None else total
    room = max(budget - _NOTE, 1)
    keep = min(len(text), room * _TOKEN)
    while keep > 0 and (tokens := estimate(text[:keep])) > room:
        keep = min(int(keep * room / tokens), keep - 1)
    left = max(total - keep, 1)
    return f"{text[:keep]}\n[… {left:,} of {total:,} characters left out]"


def _described(value: Any, settings: ToolSettings, depth: int) -> str:
    if (parts := _parts(value, settings, depth)) is not None:
        return cleaned("\n".join(parts), settings.budget, settings.redactor)
    description = describe(
        value,
        name="result",
        budget=settings.budget,
        registry=settings.registry,
        scrub=settings.redactor,
    )
    # The describer has cut it and says so; a second note would only repeat that.
    return cleaned(description.text, settings.budget * 2, settings.redactor)


def _parts(value: Any, settings: ToolSettings, depth: int) -> list[str] | None:
    """Return the text of each value in a small container; None for any other value.

    Described as one, such as a dict of tables, it would give their names only.
    """
    if depth >= _DEEPEST_PARTS:  # it may hold itself
        return None
    if type(value) not in (dict, list, tuple) or not 0 < len(value) <= _MOST_PARTS:
        return None
    share = (settings.budget - _NOTE) // len(value)
    if share < _LEAST_SHARE:
        return None
    own = dataclasses.replace(settings, budget=share)
    parts = []
    for key, item in value.items() if type(value) is dict else enumerate(value):
        text = result_text(item, own, depth=depth + 1)
        name = type(key).__name__
        if isinstance(key, (str, int)):
            with suppress(Exception):  # a foreign __str__ may raise anything
                name = (own_text(type(key)) or str)(key)[:_KEY]
        parts.append(f"{name}:\n{text}" if "\n" in text else f"{name}: {text}")
    return parts


def _error(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = (own_text(type(error), "__str__", "__repr__") or str)(error).strip()
        notes = [str(note) for note in getattr(error, "__notes__", ())[:3]]
    except Exception:  # noqa: BLE001  # a foreign __str__ may raise anything
        return name
    return "\n".join([f"{name}: {text}" if text else name, *notes])


def _as_json(value: Any) -> str | None:
    """Return compact JSON; None for what has no such form, or is too large for one."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415  # slow to import

    try:
        if not _is_plain(value):
            return None
        with defaults():
            plain = to_jsonable_python(value, fallback=_scalar)
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    except Exception:  # noqa: BLE001  # a foreign container or model may raise anything
        return None


def _is_plain(value: Any) -> bool:
    """Tell whether JSON carries all that is in a value, no more, and that is not too much."""
    waiting: list[Iterator[Any]] = [iter((value,))]
    seen = 0
    while waiting:
        for item in waiting[-1]:
            seen += 1
            if seen > _MOST_VALUES:
                return False
            if type(item) in _EXACT:
                continue
            if own_text(type(item)) is not None:
                return False  # it may be a mask
            if isinstance(item, _ATOMS) or _is_scalar(item):
                continue
            inner = _inner(item)
            if inner is None or hides_fields(item):
                return False
            waiting.append(inner)
            break
        else:
            waiting.pop()
    return True


def _inner(item: Any) -> Iterator[Any] | None:
    """Return what a container holds; None for a value of another kind."""
    if isinstance(item, dict):
        return chain(item.keys(), item.values())
    if isinstance(item, _CONTAINERS):
        return iter(item)
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return iter([getattr(item, field.name, None) for field in dataclasses.fields(item)])
    models = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    if models is not None and isinstance(item, models):
        return iter(dict(item).values())
    return None


def _is_scalar(value: Any) -> bool:
    generic = getattr(sys.modules.get("numpy"), "generic", None)
    return generic is not None and isinstance(value, generic)


def _scalar(value: Any) -> Any:
    """Return what pydantic does not know as JSON has it: pure paths, scalars of numpy.

    Before 2.14 it does not know queues.
    """
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if isinstance(value, deque):
        return list(value)
    if not _is_scalar(value):
        raise TypeError(f"a {type(value).__name__} has no JSON form")
    return value.item()
