"""From data and a prompt to a run that can begin: all that is refused is refused here, unsent."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.rows.columns import clashes
from eighty80_jupyter.rows.data.chunks import Rows
from eighty80_jupyter.rows.data.missing import is_missing
from eighty80_jupyter.rows.frames import open_rows
from eighty80_jupyter.rows.options import RowOptions
from eighty80_jupyter.rows.prompt.request import RowRequest
from eighty80_jupyter.rows.prompt.template import Filled, RowTemplate
from eighty80_jupyter.rows.results import PLAIN
from eighty80_jupyter.rows.run import Run
from eighty80_jupyter.rows.running.plan import Plan, RowSettings
from eighty80_jupyter.rows.running.work import SLICE
from eighty80_jupyter.structured.shape import Shape
from eighty80_jupyter.text import shown

_SAMPLED = 200  # rows by which tokens are estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsPreview:
    """What a run would send.

    `messages` are those of the first row that is not skipped, `rows` their number, None where a
    stream does not tell. Of these `skipped` have nothing to ask about, `duplicates` are asked by
    others, `from_kept` are answered already, so that `requests` are left, which take about `tokens`
    with the instruction, without their answers. Of a stream all but `messages` is unknown.
    """

    messages: tuple[dict[str, Any], ...] = ()
    rows: int | None = None
    skipped: int = 0
    duplicates: int = 0
    from_kept: int = 0
    requests: int = 0
    tokens: int = 0
    remarks: tuple[str, ...] = ()


def prepare(data: Any, prompt: Any, options: RowOptions, settings: RowSettings) -> Run:
    """Return a run that is ready to begin. Raises UsageError for what cannot be asked."""
    rows, template = _opened(data, prompt, options, settings)
    positions: Sequence[int] | None = None
    limit = None if options.all else settings.requests
    of: int | None = None
    if options.try_rows is not None and rows.length is None:
        rows = rows.head(options.try_rows)
    elif options.try_rows is not None:
        of, limit = rows.length, settings.requests
        positions = _chosen(rows, template, settings.request, options.try_rows)
        rows = rows.take(positions)
    template = template.over(rows)
    _check_number(rows, template, options, settings, limit)
    if rows.length:
        template.fill_first(next(rows.chunks(1)))
    plan = Plan(
        rows=rows,
        template=template,
        settings=settings,
        options=options,
        positions=positions,
        of=of,
        requests=limit if rows.length is None else None,
    )
    return Run(plan, data)


def preview(data: Any, prompt: Any, options: RowOptions, settings: RowSettings) -> RowsPreview:
    """Return what a run would send; of a stream nothing is read but what opening it reads.

    Raises what `prepare` raises, but for too many requests.
    """
    rows, template = _opened(data, prompt, options, settings)
    if rows.length is None:
        return RowsPreview(remarks=tuple(template.remarks))
    if options.try_rows is not None:
        rows = rows.take(_chosen(rows, template, settings.request, options.try_rows))
    return _survey(rows, template, options, settings)


def _opened(
    data: Any, prompt: Any, options: RowOptions, settings: RowSettings
) -> tuple[Rows, RowTemplate]:
    if not isinstance(prompt, str) or not prompt.strip():
        raise UsageError(
            f"the prompt for rows is a text that names a column, got {shown(prompt)}; "
            'write "Classify: {{text}}"'
        )
    rows = open_rows(data)
    typed = settings.request.typed
    shape = None if typed is None else typed.shape
    template = RowTemplate(prompt, rows, settings.context, send_missing=options.missing == "send")
    if options.quote is not None:
        _check_quote(rows, shape, options)
    there = clashes(rows, shape, options.column, errors=options.errors, quote=options.quote)
    if not all(_is_made(rows, name, settings.made(name, template.text)) for name in there):
        names = ", ".join(there)
        raise UsageError(
            f"the rows have the column {names} already; name another with column= (--column), "
            "or drop it first"
        )
    if options.missing == "error" and rows.length is not None:
        _check_missing(rows, template)
    return rows, template


def _is_made(rows: Rows, name: str, made: AbstractSet[Any] | None) -> bool:
    """Tell whether a column holds nothing but what runs have put into it."""
    if made is None or name not in rows.names:
        return False
    return all(
        type(cell) not in PLAIN or is_missing(cell) or cell in made
        for chunk in rows.chunks(SLICE)
        for cell in chunk.column(name)
    )


def _check_quote(rows: Rows, shape: Shape | None, options: RowOptions) -> None:
    """Raise UsageError where there is no such field, or nothing to look for a quote in again."""
    if rows.length is None:
        raise UsageError(
            "quote looks into the rows again, and a stream is gone; collect them first"
        )
    fields = [] if shape is None else list(shape.schema.get("properties", {}))
    known = [*fields] or [options.column]
    if options.quote not in known:
        raise UsageError(
            f"quote names a field of the answers: {', '.join(known)}; got {shown(options.quote)}"
        )


def _check_missing(rows: Rows, template: RowTemplate) -> None:
    lost = 0
    first: Any = None
    for chunk in rows.chunks(SLICE):
        for number, missing in enumerate(template.missing(chunk)):
            lost += missing
            if missing and first is None:
                first = chunk.label(number)
    if lost:
        how_many = "1 row has" if lost == 1 else f"{lost:,} rows have"
        raise UsageError(
            f"{how_many} nothing that the prompt uses, the first is {shown(first)}; "
            'missing="skip" leaves them out, "send" sends them as (none)'
        )


def _filled(rows: Rows, template: RowTemplate) -> Iterator[tuple[int, Filled | None]]:
    """Yield the prompts of all rows, None for those that have none."""
    for chunk in rows.chunks(SLICE):
        for number, one in enumerate(template.fill_short(chunk) or template.fill(chunk)):
            yield chunk.start + number, one if isinstance(one, Filled) else None


def _chosen(rows: Rows, template: RowTemplate, request: RowRequest, count: int) -> list[int]:
    """Return the rows that are tried: the longest, and those whose content has the smallest hash.

    So they are the same ones each time, and from all over the rows.
    """
    first: dict[bytes, int] = {}
    longest, place = -1, None
    for position, filled in _filled(rows, template):
        if filled is None:
            continue
        key = request.key(filled.content, has_data=filled.has_data, sample=0)
        first.setdefault(key, position)
        if len(filled.content) > longest:
            longest, place = len(filled.content), first[key]
    chosen = set() if place is None else {place}
    smallest = heapq.nsmallest(count, first)
    chosen.update([first[key] for key in smallest if first[key] != place][: count - 1])
    return sorted(chosen)


def _check_number(
    rows: Rows,
    template: RowTemplate,
    options: RowOptions,
    settings: RowSettings,
    limit: int | None,
) -> None:
    """Raise UsageError for more requests than the settings let through without being asked."""
    if limit is None or rows.length is None or rows.length * options.samples <= limit:
        return
    survey = _survey(rows, template, options, settings)
    if survey.requests > limit:
        raise UsageError(
            f"this would send {survey.requests:,} requests with about {survey.tokens:,} tokens, "
            f"more than ChatConfig.rows_limit = {limit:,}; try some with try_rows=20 (--try 20), "
            "or ask all with all=True (--all)"
        )


def _survey(
    rows: Rows, template: RowTemplate, options: RowOptions, settings: RowSettings
) -> RowsPreview:
    request = settings.request
    each = max(1, (rows.length or 0) // _SAMPLED)
    first: Filled | None = None
    skipped = asked = 0
    tokens: list[int] = []
    seen: set[bytes] = set()
    for position, filled in _filled(rows, template):
        if filled is None:
            skipped += 1
            continue
        first = first or filled
        asked += 1
        if position % each == 0 or not tokens:
            tokens.append(request.tokens(filled.content, has_data=filled.has_data))
        for sample in range(options.samples):
            seen.add(request.key(filled.content, has_data=filled.has_data, sample=sample))
    kept = 0
    if settings.answers is not None and not options.fresh:
        keys = list(seen)
        for at in range(0, len(keys), SLICE):
            kept += len(settings.answers.get_many(keys[at : at + SLICE]))
    wanted = asked * options.samples if options.samples > 1 else len(seen)
    requests = max(0, wanted - kept)
    mean = sum(tokens) / len(tokens) if tokens else 0
    messages: tuple[dict[str, Any], ...] = ()
    if first is not None:
        mode = None if request.typed is None else request.typed.modes[0]
        body = request.body(first.content, has_data=first.has_data, mode=mode)
        messages = tuple(body["messages"])
    return RowsPreview(
        messages=messages,
        rows=rows.length,
        skipped=skipped,
        duplicates=0 if options.samples > 1 else asked - len(seen),
        from_kept=kept,
        requests=requests,
        tokens=math.ceil(mean * requests),
        remarks=tuple(template.remarks),
    )
