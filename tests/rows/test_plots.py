"""Charts by whatever library the notebook has imported, and as HTML without one."""

from __future__ import annotations

import math
import sys
from html.parser import HTMLParser
from typing import Any

import matplotlib as mpl
import plotly.graph_objects as go
import pytest
from matplotlib import pyplot as plt

from eighty80_jupyter.rows.plots import Bar, HtmlChart, chart, reliability

mpl.use("agg")

HOSTILE = "<img src=x onerror=alert(1)> $x$"
BARS = [
    Bar(name=HOSTILE, value=0.8, interval=(0.7, 0.9)),
    Bar(name="short", value=0.5, interval=(0.4, 0.6)),
    Bar(name="none", value=math.nan, interval=(math.nan, math.nan)),
]
LIBRARIES = ("matplotlib.pyplot", "plotly.graph_objects", "altair")


@pytest.fixture(autouse=True)
def _none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what other tests have imported."""
    for name in LIBRARIES:
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_matplotlib_draws_bars_with_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Axes with a bar for each, the first on top, and names that are texts."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", plt)
    axes = chart("title", BARS, most=1.0)
    axes.figure.canvas.draw()
    assert [bar.get_width() for bar in axes.patches] == [0.8, 0.5, 0]
    assert axes.get_xlim() == (0, 1)
    assert axes.yaxis_inverted()
    assert axes.get_yticklabels()[0].get_text().endswith(r"\$x\$")
    plt.close(axes.figure)


def test_plotly_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Figure whose error bars are the intervals, and in whose names nothing is a tag."""
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", go)
    figure = chart("title", BARS[:2], most=1.0)
    (bars,) = figure.data
    assert list(bars.x) == [0.8, 0.5]
    assert list(bars.error_x.array) == pytest.approx([0.1, 0.1])
    assert "<img" not in bars.y[0]


def test_without_a_library_it_is_html_and_text() -> None:
    """Every name and figure is there, and nothing of a name runs."""

    class Page(HTMLParser):
        tags: set[str] = set()  # noqa: RUF012  # of one page
        text = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert not any(name.startswith("on") for name, _ in attrs)
            self.tags.add(tag)

        def handle_data(self, data: str) -> None:
            self.text += data

    found = chart("title", BARS, most=1.0)
    assert isinstance(found, HtmlChart)
    page = Page()
    page.feed(found._repr_html_())
    assert page.tags == {"div", "table", "tr", "th", "td", "span"}
    assert HOSTILE in page.text
    assert "0.800 (0.700 to 0.900)" in page.text
    assert "none: not known" in repr(found)
    counts: Any = chart("counts", [Bar(name="bug", value=12)])
    assert "bug: 12" in repr(counts)
    assert "width: 100.0%" in counts._repr_html_()


def test_reliability_bins_by_agreement() -> None:
    """Answers are right as often as their bin says, with as many rows; empty bins are left out."""
    shares = [1.0, 1.0, 0.95, 0.6, 0.62, 0.0]
    bars = reliability(shares, [True, True, False, True, False, False])
    assert [bar.name for bar in bars] == [
        "0% to 10% agree (1 row)",
        "60% to 70% agree (2 rows)",
        "90% to 100% agree (3 rows)",
    ]
    assert [bar.value for bar in bars] == pytest.approx([0, 0.5, 2 / 3])
    assert all(bar.interval is not None and bar.interval[0] <= bar.value for bar in bars)
