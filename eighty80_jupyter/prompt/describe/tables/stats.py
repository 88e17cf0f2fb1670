"""What is said of one column: missing and distinct values, range, quartiles, most frequent."""

from __future__ import annotations

import bisect
import collections
import datetime as dt
import decimal
import math
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.prompt.describe.base import Request, found, is_a
from eighty80_jupyter.prompt.describe.tables.rows import number
from eighty80_jupyter.prompt.describe.values import short_repr

# Cells of a table up to which every value is looked at, beyond what the library does by itself.
WHOLE_CELLS = 400_000

_SAMPLE_CELLS = 200_000
_SAMPLE_ROWS = (1_000, 20_000)
_SAMPLE_CHARACTERS = 1_000_000
_FEW = 6  # distinct numbers that are rather counted than ranged
_TOP = 3
_ALL = 3  # the highest level of detail
_VALUE = 30  # characters of a frequent value
_COUNTABLE = (
    str, int, float, complex, bool, bytes, dt.date, dt.datetime, dt.time,
    dt.timedelta, decimal.Decimal, uuid.UUID,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What is known of a column; None and "" stand for what is not.

    `missing` and `unique` are texts such as "12 missing"; `spread` has the quartiles, `top` the
    most frequent values, `note` what else is odd.
    """

    label: str
    dtype: str
    missing: str = ""
    unique: str = ""
    span: str = ""
    spread: str = ""
    top: str = ""
    note: str = ""

    def line(self, detail: int) -> str:
        """Return the column's line: 3 is all, 2 without quartiles, 1 only type and missing."""
        facts = [self.dtype, self.missing]
        if detail > 1:
            spread = self.spread if detail == _ALL else ""
            facts += [self.unique, self.span, spread, self.top, self.note]
        return f"- {self.label}: " + ", ".join(fact for fact in facts if fact)


def sample_of(rows: int, columns: int) -> list[int] | None:
    """Return the rows that stand for all of them; None where every row can be looked at."""
    if rows * max(columns, 1) <= WHOLE_CELLS:
        return None
    low, high = _SAMPLE_ROWS
    size = min(max(_SAMPLE_CELLS // max(columns, 1), low), high, rows)
    # The same rows each time: an equal frame gives an equal prompt.
    return sorted(random.Random(0).sample(range(rows), size))  # noqa: S311  # no secret


def thinned(sample: list[int] | None, rows: int, probe: Iterable[Any]) -> list[int] | None:
    """Return a smaller sample where the texts of a column, of which `probe` has some, are long."""
    texts = [len(value) for value in probe if issubclass(type(value), (str, bytes))]
    mean = sum(texts) / len(texts) if texts else 0
    size = rows if sample is None else len(sample)
    if mean * size <= _SAMPLE_CHARACTERS:
        return sample
    size = max(50, int(_SAMPLE_CHARACTERS / mean))
    rows_now = range(rows) if sample is None else sample
    return list(rows_now[:: max(1, len(rows_now) // size)])


def summarised(
    values: list[Any],
    request: Request,
    *,
    rows: int,
    span: str = "",
    missing: int | None = None,
    numeric: bool = False,
) -> dict[str, str]:
    """Return the facts of a Column from its values, or from a sample of them.

    `rows` is the length of the column: fewer values are a sample, and what is known from it alone
    gets a "~". `span` and `missing` are what is known of the whole column.
    """
    present = short_repr.present(values)
    whole = len(values) == rows
    about = "" if whole else "~"
    facts = {"missing": missing_text(missing, len(values) - len(present), len(values), whole=whole)}
    if any(issubclass(kind, found("numpy", "generic")) for kind in set(map(type, present))):
        present = [value.item() if is_a(value, "numpy", "generic") else value for value in present]
    types = collections.Counter(map(type, present))
    if not present or not all(map(_countable, types)):
        return facts | {"note": _types(types)}
    counts = collections.Counter(present)
    unique = len(counts)
    if unique == len(present) and len(present) > 1:
        # Measurements seldom repeat: it is worth words only of other things.
        facts["unique"] = "" if types.keys() == {float} else f"{about}all unique"
    else:
        facts["unique"] = f"{about}{unique:,} unique"
    if len(types) > 1:
        return facts | {"note": _types(types)}
    first = present[0]
    numeric = numeric or (isinstance(first, (int, float)) and not isinstance(first, bool))
    if numeric and (unique > _FEW or unique == len(present) > 1):
        ordered = sorted(present)
        facts["span"] = span or _span(ordered, about)
        facts["spread"] = _quartiles(ordered, about) if unique > _FEW else ""
    elif not numeric and unique > 1 and isinstance(first, (dt.date, dt.timedelta, dt.time)):
        facts["span"] = span or span_of(min(present), max(present), about)
    elif unique < len(present) or unique == 1:
        facts["span"] = "" if whole else span  # a rare value may not be in the sample
        facts["top"] = _top(counts, len(values), request, whole=whole, all_of=unique <= _FEW)
        if unique <= _FEW and facts["top"]:
            facts["top"] = f"{facts.pop('unique')}: {facts['top']}"
    return facts


def _countable(kind: type) -> bool:
    names = ("Timestamp", "Timedelta", "Period", "Interval")
    return kind in _COUNTABLE or kind in found("pandas", *names) or kind in found("numpy", "str_")


def missing_text(known: int | None, seen: int, size: int, *, whole: bool) -> str:
    """Return how many values are missing in words: of all, or their share in a sample of `size`."""
    if known is None and not whole:
        return f"~{seen / size:.1%} missing" if seen and size else ""
    known = seen if known is None else known
    return f"{known:,} missing" if known else ""


def _types(types: collections.Counter[type]) -> str:
    if not types:
        return ""
    total = sum(types.values())
    common = types.most_common(4)
    if len(common) == 1:
        return f"all {common[0][0].__name__}"
    parts = ", ".join(f"{kind.__name__} {size / total:.0%}" for kind, size in common)
    return f"mixed types: {parts}"


def _span(ordered: list[Any], about: str) -> str:
    finite = _finite(ordered)
    infinite = len(ordered) - len(finite)
    text = span_of(finite[0], finite[-1], about) if finite else ""
    return f"{text} and {about}{infinite:,} infinite" if infinite else text


def _finite(ordered: list[Any]) -> list[Any]:
    """Return sorted numbers without the infinite ones at their ends."""
    low, high = bisect.bisect_right(ordered, -math.inf), bisect.bisect_left(ordered, math.inf)
    return ordered[low:high]


def span_of(low: Any, high: Any, about: str = "") -> str:
    """Return a range in words."""
    texts = [_point(end) for end in (low, high)]
    if all(text.endswith(" 00:00:00") for text in texts):
        texts = [text.removesuffix(" 00:00:00") for text in texts]
    return f"{about}{texts[0]} to {texts[1]}"


def _point(value: Any, digits: int = 6) -> str:
    if issubclass(type(value), float):
        return number(value, digits)
    return short_repr.scalar(value) or ""


def _quartiles(ordered: list[Any], about: str) -> str:
    finite = _finite(ordered)
    if len(finite) < 4:  # noqa: PLR2004  # of fewer there are none
        return ""
    cuts = [finite[round((len(finite) - 1) * part / 4)] for part in (1, 2, 3)]
    return f"{about}quartiles " + ", ".join(_point(cut, 3) for cut in cuts)


def _top(
    counts: collections.Counter[Any], size: int, request: Request, *, whole: bool, all_of: bool
) -> str:
    best = counts.most_common(_FEW if all_of else _TOP)
    if best[0][1] == 1:
        return ""
    shares = [
        f"{_value(value, request)} {f'{seen:,}' if whole else f'~{seen / size:.0%}'}"
        for value, seen in best
    ]
    return ("" if all_of else "most: ") + ", ".join(shares)


def _value(value: Any, request: Request) -> str:
    if not issubclass(type(value), str):
        text = short_repr.scalar(value) or (
            short_repr.head_of_bytes(value) if issubclass(type(value), bytes) else ""
        )
        return request.shorten(number(value) if issubclass(type(value), float) else text, _VALUE)
    text = request.shorten(value, _VALUE)
    plain = text.isprintable() and text.strip() == text and text and "," not in text
    return text if plain and not text[-1:].isdigit() else repr(text)
