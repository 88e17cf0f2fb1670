"""Variants over the same rows: from prompts and parameters to runs, begun together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eighty80_jupyter import loading
from eighty80_jupyter.api import parameter_values, request_parameters
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.evaluation.scorers import Scorer, scorer
from eighty80_jupyter.session.rows.runs import IN_PYTHON, PromptOrigin, RowRuns, Shared, followed
from eighty80_jupyter.text import shown

if TYPE_CHECKING:
    from eighty80_jupyter.rows.comparison import RowComparison

_ROOM = ("eighty80_jupyter.rows.prepare", "eighty80_jupyter.rows.comparison", *loading.CLIENT)
MOST = 16  # variants at once


class RowComparisons:
    """The comparisons over rows of a session. `last` is the latest.

    `follow` waits for one, and shows how it stands; the notebook room sets it.
    """

    def __init__(self, runs: RowRuns) -> None:
        self.last: RowComparison | None = None
        self.follow: Callable[[RowComparison], object] = lambda comparison: comparison.wait()
        self._runs = runs

    def compare(
        self,
        data: Any,
        prompts: str | Sequence[str] | Mapping[str, str],
        *,
        truth: Any = None,
        vary: Mapping[str, Sequence[Any]] | None = None,
        score: str | float | Scorer | None = None,
        holdout: float = 0.0,
        origin: PromptOrigin = IN_PYTHON,
        **keywords: Any,
    ) -> RowComparison:
        """Ask several prompts, or one with several settings, for the same rows, and compare.

        `prompts` is a text, several, or a dictionary of names and texts; `vary` names parameters
        with lists of values: {"temperature": [0, 0.7]}; each prompt is asked with each of them.
        `truth` names the column that holds what is right (for records: a dictionary of fields and
        columns), or is a list of it; None and NaN in it are rows that nobody has labelled. `score`
        says when an answer is right: "exact", "casefold", "contains", "regex", a tolerance, or a
        function of answer and truth. `holdout` is the share of labelled rows, from 0 to 1, that
        are kept out of every figure until `held_out` is looked at. `origin` says where the prompts
        stand. Other keywords are those of `Session.rows`.

        Raises UsageError for what cannot be asked, RowsError where a run stopped, or no row of any
        variant has an answer, and ChatInterrupted; `last` has what there is.
        """
        loading.require(*_ROOM)
        # A door: rows.
        from eighty80_jupyter.rows.comparison import (  # noqa: PLC0415
            RowComparison,
            split_rows,
        )
        from eighty80_jupyter.rows.frames import open_rows  # noqa: PLC0415
        from eighty80_jupyter.rows.options import RowOptions  # noqa: PLC0415
        from eighty80_jupyter.rows.truth import fitted, read_truth  # noqa: PLC0415

        variants = _variants(prompts, vary)
        # Every variant goes over all of them.
        rows = open_rows(list(data) if isinstance(data, Iterator) else data)
        known, score, own = read_truth(truth, rows), scorer(score), callable(score)
        split = split_rows(known, rows.length or 0, holdout)
        checked = RowOptions.of(None, keywords)
        # They run at the same time: all together keep to what holds for one.
        limits = self._runs.limits(checked, among=len(variants))
        options = {**keywords, "concurrency": limits.level.most}
        given = dict(options.pop("parameters", None) or {})
        for _, prompt, setting in variants:
            # Refused here, before anything is sent.
            self._runs.preview(
                rows, prompt, None, options | {"parameters": given | setting}, origin
            )
        runs = {}
        try:
            for name, prompt, setting in variants:
                parameters = given | setting
                runs[name] = self._runs.start(
                    rows,
                    prompt,
                    None,
                    options | {"parameters": parameters},
                    origin,
                    shared=Shared(limits=limits),
                )
            if known is not None and not own:  # a function of the user's has it as it is
                known = fitted(known, runs[variants[0][0]].shape)
            comparison = self.last = RowComparison(
                runs, rows, truth=known, score=score, split=split
            )
        except BaseException:
            for run in runs.values():
                run.cancel()
            raise
        followed(self.follow, comparison, _interrupted)
        for run in runs.values():
            if run.progress().state != "done":
                run.check()
        if all(value is None for run in runs.values() for value in run.values):
            next(iter(runs.values())).check()
        return comparison


def _interrupted(comparison: RowComparison) -> str:
    return f"interrupted; {comparison.last_line()}; chat.comparisons.last has what there is"


def _variants(
    prompts: Any, vary: Mapping[str, Any] | None
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return name, prompt and parameters of every variant. Raises UsageError."""
    if isinstance(prompts, str):
        named = {"": prompts}
    elif isinstance(prompts, Mapping):
        named = {str(name): text for name, text in prompts.items()}
    elif isinstance(prompts, Sequence):
        named = {f"prompt {number}": text for number, text in enumerate(prompts, 1)}
    else:
        named = {}
    if not named or not all(isinstance(text, str) and text.strip() for text in named.values()):
        raise UsageError(
            f"prompts are a text, several, or a dictionary of names and texts, got {shown(prompts)}"
        )
    axes: dict[str, list[Any]] = {}
    for name, values in (vary or {}).items():
        known = request_parameters.canonical(name)
        if hasattr(values, "tolist"):  # an array, such as np.linspace(0, 1, 3)
            values = values.tolist()  # noqa: PLW2901  # Python's own numbers
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise UsageError(
                f"vary takes the values of {name} in a list, such as [0, 0.7], got {shown(values)}"
            )
        axes[known] = [parameter_values.check(known, value) for value in values]
    found = []
    pairs = [[(name, value) for value in values] for name, values in axes.items()]
    for (title, text), setting in itertools.product(
        named.items(), map(dict, itertools.product(*pairs))
    ):
        words = [title] if title else []
        words += [f"{name} = {value}" for name, value in setting.items()]
        found.append((", ".join(words) or "the prompt", text, setting))
    if len(found) > MOST:
        raise UsageError(f"at most {MOST} variants are compared at once, got {len(found)}")
    asked = [(text, setting) for _, text, setting in found]
    if any(one in asked[:at] for at, one in enumerate(asked)):
        raise UsageError("two variants are the same; samples=N asks each row N times")
    return found
