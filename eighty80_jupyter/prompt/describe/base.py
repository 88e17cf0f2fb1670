"""What all descriptions are made with: the request, its options, the draft, cutting to a size.

Libraries are found in `sys.modules`, never imported, and values are matched by their real type: a
value's `__class__` may be a property that computes.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.foreign import TimeLimit
from eighty80_jupyter.prompt.tokens import estimate
from eighty80_jupyter.text import shown

_INLINE = 120  # characters that still go into a sentence
_KIND = 60  # characters of a type's name
_COUNTED = ("head", "tail", "sample")
_DEFAULT_COUNT = 5
_WIDEST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A description before the budget is checked: see Description for the fields.

    `fixed`: `full` was asked for, so nothing is cut. `block`: it never goes into the sentence.
    """

    text: str
    kind: str
    summary: str = ""
    cut: str = ""
    part: Part | None = None
    fixed: bool = False
    block: bool = False


@dataclass(slots=True, kw_only=True)
class Request:
    """One call of `describe`: what was asked, what it may cost, and what of the user's failed."""

    name: str
    options: str
    budget: int
    time_limit: TimeLimit
    scrub: Callable[[str], str] | None = None
    started: float = field(default_factory=time.perf_counter, init=False)
    unknown: set[type] = field(default_factory=set)  # types that no library here has
    failed: list[str] = field(default_factory=list)

    def elapsed(self) -> float:
        """Return the seconds since the request was made."""
        return time.perf_counter() - self.started

    def chosen(self, kind: str, *takes: str, hint: str = "") -> dict[str, int]:
        """Return the options with their numbers (1 for those that have none).

        `takes` lists what this type takes, such as "head=N"; `hint` says what to do instead. Raises
        UsageError for any other option.
        """
        known = {word.partition("=")[0] for word in takes}
        found: dict[str, int] = {}
        for piece in self.options.split(",") if self.options else ():
            word, equals, number = (text.strip() for text in piece.partition("="))
            counted = word in _COUNTED
            if word not in known or (equals and not (counted and _is_count(number))):
                raise self.refused(kind, *takes, hint=hint, got=piece.strip())
            found[word] = (int(number) if equals else _DEFAULT_COUNT) if counted else 1
        return found

    def refused(
        self, kind: str, *takes: str, spec: str = "", got: str = "", hint: str = ""
    ) -> UsageError:
        """Return the error for an option that `kind` does not take.

        `spec` says in words which format specifications it takes; for the rest see `chosen`.
        """
        can = ", ".join(takes)
        if spec:
            can = f"{can}, or {spec}" if can else spec
        what = f"it takes {can}" if can else "it takes no options"
        what += f"; {hint}" if hint else ""
        place = shown_field(self.name, self.options)
        return UsageError(f"no option {shown(got or self.options)} for {place} ({kind}); {what}")

    def too_large(self, kind: str, size: str) -> UsageError:
        """Return the error for `full` of what no model would read."""
        place, less = shown_field(self.name, self.options), shown_field(self.name, "head=20")
        return UsageError(f"{place} would send {size} ({kind}); choose less of it, such as {less}")

    def shorten(self, text: str, width: int) -> str:
        """Return `text` cut to `width` characters, with an ellipsis for what is gone."""
        if len(text) <= width:
            return text
        if self.scrub is not None:
            # No half of a secret stays: it is taken out before the cut.
            text = self.scrub(text[: 2 * width + 4_000])
        return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def shown_field(name: str, options: str = "") -> str:
    """Return a field as the user wrote it, cut where it is long."""
    text = f"{name}:{options}" if options else name
    return "{{" + (text if len(text) <= _KIND else text[: _KIND - 1] + "…") + "}}"


def _is_count(text: str) -> bool:
    return re.fullmatch(r"0*[1-9][0-9]{0,11}", text, re.ASCII) is not None


def formatted(value: Any, request: Request, *takes: str, kind: str, spec: str) -> Draft | None:
    """Return `value` as the format specification in the options says; None without options.

    Raises UsageError for what is no specification for it.
    """
    text = request.options
    if not text:
        return None
    if any(int(number) > _WIDEST for number in re.findall(r"\d{1,9}", text)):
        raise request.refused(kind, *takes, spec=spec)
    try:
        result = request.time_limit.call(format, value, text)
    except Exception:  # noqa: BLE001  # a foreign __format__ may raise anything
        raise request.refused(kind, *takes, spec=spec) from None
    return Draft(text=str(result), kind=kind)


def text_of(value: str) -> str:
    """Return the characters of a str, whatever its subclass says."""
    return value if type(value) is str else str.__str__(value)


def inherited(value: Any, name: str) -> bool:
    """Say whether a method of `value` is the one that every object has."""
    return getattr(type(value), name, None) is getattr(object, name)


def found(module: str, *names: str) -> tuple[type, ...]:
    """Return the classes of these names in `module`, if the user has imported it."""
    place = getattr(sys.modules.get(module), "__dict__", {})
    return tuple(item for name in names if isinstance(item := place.get(name), type))


def is_a(value: Any, module: str, *names: str) -> bool:
    """Say whether `value` is of a class that `module` has under one of these names."""
    classes = found(module, *names)
    return bool(classes) and issubclass(type(value), classes)


def attempt(function: Callable[..., Any], *args: Any, default: Any) -> Any:
    """Return `function(*args)`, or `default` where it fails.

    polars raises some of its failures as a BaseException; interrupts go through.
    """
    try:
        return function(*args)
    except (KeyboardInterrupt, SystemExit, GeneratorExit, UsageError):
        raise
    except BaseException:  # noqa: BLE001  # a failing library means a simpler description
        return default


def kind_of(value: Any) -> str:
    """Return the type of `value` for the data tag, such as "pandas.DataFrame"."""
    return class_name(type(value))


def class_name(cls: type) -> str:
    """Return the name of a class, with its library's where it is not the user's own."""
    name = str(type.__dict__["__name__"].__get__(cls))
    module = type.__dict__["__module__"].__get__(cls)
    top = module.partition(".")[0] if isinstance(module, str) else ""
    plain = top in {"", "builtins", "__main__"} or top.startswith("_")
    return safe(name if plain else f"{top}.{name}")


def safe(name: str) -> str:
    """Return a type's name without what could end a tag, and not too long."""
    return re.sub(r"[^\w.]+", "_", name)[:_KIND]


def is_inline(text: str) -> bool:
    """Say whether a text is short and a single line."""
    return len(text) <= _INLINE and len(text.splitlines()) <= 1 and not text.endswith(("\n", "\r"))


def fit(text: str, budget: int, *, middle: bool = False) -> tuple[str, int]:
    """Return `text` cut to about `budget` tokens, and how many characters are left of it.

    The end is cut off, or the middle taken out; words in brackets say how much is gone, unless
    the budget is too small even for that. The work is bounded by the budget, not by the text.
    """
    keep = min(len(text), budget * 12 + 100)
    if keep == len(text) and estimate(text) <= budget:
        return text, keep
    keep = min(keep, len(text) - 1)
    for _ in range(20):
        cut, kept = _cut(text, keep, middle=middle, noted=budget > 40)  # noqa: PLR2004  # the note has 15
        tokens = estimate(cut)
        if tokens <= budget or keep == 0:
            break
        keep = min(int(keep * budget / tokens * 0.97), keep - 1)
    return cut, kept


def _cut(text: str, keep: int, *, middle: bool, noted: bool) -> tuple[str, int]:
    front = keep * 2 // 3 if middle else keep
    head = text[:front]
    lines = "\n" in text
    if lines and (end := head.rfind("\n", front * 4 // 5)) > 0:
        head = head[:end]
    tail = text[len(text) - (keep - front) :] if keep > front else ""
    if lines and tail and (start := tail.find("\n", 0, len(tail) // 5)) >= 0:
        tail = tail[start + 1 :]
    kept = len(head) + len(tail)
    if not noted:
        return f"{head}…{tail}", kept
    gap = "\n" if lines else " "
    note = f"[… {len(text) - kept:,} of {len(text):,} characters left out]"
    return gap.join(piece for piece in (head, note, tail) if piece), kept
