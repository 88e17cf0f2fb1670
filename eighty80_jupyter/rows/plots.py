"""Charts by the plotting library that the notebook has imported; without one, plain HTML.

matplotlib, then plotly, then altair: the first that is there. Nothing is imported that the user has
not imported.
"""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.evaluation.metrics import Interval, wilson
from eighty80_jupyter.text import counted

_BINS = 10
_CHARACTERS = 60  # of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: its name, how long it is, and the interval around its end, where there is one."""

    name: str
    value: float
    interval: Interval | None = None


class HtmlChart:
    """A chart as HTML that does nothing, for a page without a plotting library."""

    def __init__(self, title: str, bars: Sequence[Bar], most: float) -> None:
        self.title = title
        self.bars = tuple(bars)
        self._most = most or 1.0

    def __repr__(self) -> str:
        lines = [f"{bar.name}: {_told(bar)}" for bar in self.bars]
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align: left">{_text(bar.name)}</th><td style="width: 20em">'
            f'<div style="height: 0.8em; width: {100 * _length(bar, self._most):.1f}%; '
            'background: var(--jp-brand-color1, #1976d2); opacity: 0.7"></div></td>'
            f"<td>{_text(_told(bar))}</td></tr>"
            for bar in self.bars
        )
        return f"<div>{_text(self.title)}</div><table>{rows}</table>"


def chart(title: str, bars: Sequence[Bar], *, most: float | None = None) -> Any:
    """Return a chart of horizontal bars: an Axes, a plotly Figure, an altair Chart, or HTML.

    `most` is where the axis ends; None: where the longest bar does.
    """
    names = [bar.name[:_CHARACTERS] for bar in bars]
    values = [0.0 if math.isnan(bar.value) else bar.value for bar in bars]
    spans = [bar.interval or (value, value) for bar, value in zip(bars, values, strict=True)]
    off = [
        [max(0.0, v - low) for v, (low, _) in zip(values, spans, strict=True)],
        [max(0.0, high - v) for v, (_, high) in zip(values, spans, strict=True)],
    ]
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        _, axes = pyplot.subplots(figsize=(6, 0.8 + 0.4 * len(bars)))
        places = range(len(bars))
        axes.barh(places, values, xerr=off, color="C0", alpha=0.8)
        # A name is a text: what stands between dollars in it is no formula.
        axes.set_yticks(places, [name.replace("$", r"\$") for name in names])
        axes.invert_yaxis()
        axes.set_title(title)
        axes.set_xlim(0, most)
        return axes
    if (plotly := sys.modules.get("plotly.graph_objects")) is not None:
        error = {"type": "data", "symmetric": False, "array": off[1], "arrayminus": off[0]}
        safe = [html.escape(name) for name in names]
        trace = plotly.Bar(x=values, y=safe, orientation="h", error_x=error)
        figure = plotly.Figure(trace)
        figure.update_layout(title=title, yaxis={"autorange": "reversed", "type": "category"})
        if most is not None:
            figure.update_xaxes(range=[0, most])
        return figure
    if (altair := sys.modules.get("altair")) is not None:
        rows = [
            {"name": name, "value": value, "low": low, "high": high}
            for name, value, (low, high) in zip(names, values, spans, strict=True)
        ]
        base = altair.Chart(altair.Data(values=rows), title=title).encode(
            y=altair.Y("name:N", sort=None, title=None)
        )
        scale = altair.Scale(domain=[0, most]) if most is not None else altair.Undefined
        return base.mark_bar().encode(
            x=altair.X("value:Q", scale=scale, title=None)
        ) + base.mark_rule().encode(x="low:Q", x2="high:Q")
    return HtmlChart(title, bars, most or max(values, default=0.0))


def reliability(shares: Sequence[float], right: Sequence[bool]) -> list[Bar]:
    """Return how often answers are right, by the share of the samples that agree on them.

    `shares` go from 0 to 1 and are put into ten bins; those without any row are left out.
    """
    bins: dict[int, list[bool]] = {}
    for share, is_right in zip(shares, right, strict=True):
        bins.setdefault(min(_BINS - 1, int(share * _BINS)), []).append(is_right)
    return [
        Bar(
            name=(
                f"{number / _BINS:.0%} to {(number + 1) / _BINS:.0%} agree "
                f"({counted(len(found), 'row')})"
            ),
            value=sum(found) / len(found),
            interval=wilson(sum(found), len(found)),
        )
        for number, found in sorted(bins.items())
    ]


def _told(bar: Bar) -> str:
    if math.isnan(bar.value):
        return "not known"
    if bar.interval is None:
        return f"{bar.value:,.0f}"
    low, high = bar.interval
    return f"{bar.value:.3f} ({low:.3f} to {high:.3f})"


def _length(bar: Bar, most: float) -> float:
    return 0.0 if math.isnan(bar.value) else min(1.0, bar.value / most)


def _text(text: str) -> str:
    # MathJax reads from tag to tag.
    return html.escape(text[:200]).replace("$", "<span>$</span>").replace("\\", "<span>\\</span>")
