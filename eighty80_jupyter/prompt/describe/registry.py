"""A value of a notebook as text that a model reads: compact, bounded in size and in time.

    description = describe(df, name="df", budget=1000)

The way of a value: its own `_repr_llm_()`, then a function registered for its class, then what this
package knows of its type, then what its class offers: `_repr_markdown_()`, `repr`, `str`, HTML. A
class with a `repr` or `str` of its own, written by hand, is described by that although a base of it
is known: it may be a mask. What fails leads to the next. Nothing lazy is computed, nothing is
consumed or changed, and no library is imported.

Beside this file: `base` (options, cutting to a size), `foreign` (foreign code under a time limit),
`custom` (users' own functions). The rooms: `tables` (any table, with adapters for the libraries),
`values` (containers, at any depth), `kinds` (one file for each other family of types).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eighty80_jupyter.prompt.describe.base import (
    Draft,
    Request,
    attempt,
    fit,
    formatted,
    inherited,
    is_inline,
    kind_of,
    safe,
)
from eighty80_jupyter.prompt.describe.custom import Registry, called, custom, of_text
from eighty80_jupyter.prompt.describe.display import defaults
from eighty80_jupyter.prompt.describe.foreign import TimeLimit
from eighty80_jupyter.prompt.describe.kinds import (
    arrays,
    estimators,
    exceptions,
    figures,
    offered,
    plain,
)
from eighty80_jupyter.prompt.describe.kinds import code as describe_code
from eighty80_jupyter.prompt.describe.protocol import Description
from eighty80_jupyter.prompt.describe.tables import columnar, groups
from eighty80_jupyter.prompt.describe.tables import lazy as describe_lazy
from eighty80_jupyter.prompt.describe.tables import pandas as describe_pandas
from eighty80_jupyter.prompt.describe.values import containers as describe_values
from eighty80_jupyter.prompt.describe.values import short_repr
from eighty80_jupyter.prompt.describe.values.fields import stored_in
from eighty80_jupyter.prompt.tokens import estimate

__all__ = ["Description", "Registry", "describe"]

Describer = Callable[[Any, Request], Draft | None]

# What is described by its structure, whatever its class says of it.
_ALWAYS: tuple[Describer, ...] = (
    describe_lazy.draft,
    describe_pandas.draft,
    columnar.draft,
    groups.draft,
    arrays.draft,
    exceptions.draft,
    describe_code.draft,
    figures.picture,
    plain.consumed,
)
# What is described so unless its class has its own way to show it.
_UNLESS_OWN: tuple[Describer, ...] = (
    figures.draft,
    plain.draft,
    estimators.draft,
    describe_values.draft,
)
_FAILED = Draft(text="", kind="")
_ATTRIBUTES = 40


def describe(
    value: Any,
    *,
    name: str,
    options: str = "",
    budget: int = 1000,
    registry: Registry | None = None,
    scrub: Callable[[str], str] | None = None,
) -> Description:
    """Return what a model reads of `value`.

    `name` is the expression as the user wrote it, for errors. `options` is the text after the
    colon, such as "head=20", ".3f" or "image"; the error for any other says which a type takes.
    `budget` is in estimated tokens and bounds the text, unless `options` has `full`. `scrub` takes
    secrets out of a text before that is cut or quoted, so that no half of one stays.

    Takes under 0.5 s for any value, but for functions in `registry` and drawing for `image`. Raises
    UsageError for options that do not fit the value, and nothing else.
    """
    with defaults(), TimeLimit() as time_limit:
        request = Request(
            name=name,
            options=options.strip(),
            budget=max(budget, 1),
            time_limit=time_limit,
            scrub=scrub,
        )
        return _finished(_draft(value, request, registry or Registry()), request)


def _finished(draft: Draft, request: Request) -> Description:
    text, cut = draft.text, draft.cut
    if not draft.fixed and len(text) > request.budget and estimate(text) > request.budget:
        text, _ = fit(text, request.budget)
        cut = f"{cut}, the end" if cut else "the end"
    return Description(
        text=text,
        kind=safe(draft.kind),
        summary=draft.summary,
        cut=cut,
        inline=not draft.block and is_inline(text),
        part=draft.part,
        tokens=estimate(text),
    )


def _draft(value: Any, request: Request, registry: Registry) -> Draft:
    draft = custom(value, request, registry) or _built_in(_ALWAYS, value, request)
    if draft is None:
        own = short_repr.own(value, request, 0)
        draft = _built_in(_UNLESS_OWN, value, request) if own is None else None
        draft = draft or _other(value, request, registry, own)
    return replace(draft, cut=", ".join(filter(None, [*request.failed, draft.cut])))


def _built_in(describers: tuple[Describer, ...], value: Any, request: Request) -> Draft | None:
    for describer in describers:
        draft: Draft | None = attempt(describer, value, request, default=_FAILED)
        if draft is _FAILED:
            request.options = ""  # they were for what has failed
        elif draft is not None:
            return draft
    return None


def _other(value: Any, request: Request, registry: Registry, own: str | None) -> Draft:
    """Describe a value of an unknown type; `own` is what its class says of it by hand."""
    kind = kind_of(value)
    function = registry.fallback()
    if function is not None:
        draft = called(function, (value,), request, value, limited=False)
        if draft is not None:
            return draft
    if request.options not in {"", "full"}:
        if inherited(value, "__format__"):
            raise request.refused(kind, "full")
        drawn = formatted(value, request, "full", kind=kind, spec="what its __format__ takes")
        if drawn is not None:
            return drawn
    if (text := offered.markdown(value, request)) is not None:
        return replace(of_text(text, kind, request), block=True)
    if own is not None:
        return of_text(own, kind, request)
    bare = inherited(value, "__repr__") and inherited(value, "__str__")
    if bare and (text := offered.text(value, request)) is not None:
        return of_text(text, kind, request)
    text = short_repr.foreign(value, request, 0)
    if bare:
        names = [key for key in stored_in(value) if isinstance(key, str) and key[:1] != "_"]
        listed = describe_code.listed(names, _ATTRIBUTES)
        # Names only: an attribute may hold what its class never shows.
        text = f"{text[:-1]} with the attributes {listed}>" if names else text
    return of_text(text, kind, request)
