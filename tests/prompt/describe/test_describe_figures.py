"""Figures and pictures, in words and as pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from IPython import display
from matplotlib.figure import Figure
from PIL import Image
from plotly import graph_objects  # type: ignore[import-untyped]  # ships no types

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.registry import describe


def text_of(value: Any, options: str = "", *, budget: int = 1_000) -> str:
    """Return the text of a description."""
    return describe(value, name="fig", options=options, budget=budget).text


def png() -> bytes:
    """Return a small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def figure() -> Figure:
    """Return a figure of two plots."""
    figure = Figure()
    left, right = figure.subplots(1, 2)
    figure.suptitle("Two plots")
    left.plot([1, 2, 3], [4, 5, 6], label="up")
    left.scatter([1, 2], [3, 4], label="points")
    left.set(title="Left", xlabel="time", yscale="log")
    left.text(1, 4, "a note")
    right.bar(["a", "b"], [3, 4], label="counts")
    right.imshow(np.zeros((4, 5)))
    return figure


def test_matplotlib(figure: Figure) -> None:
    """A figure tells its titles, axes and what is drawn, by name and size."""
    lines = text_of(figure).splitlines()
    assert lines[0] == "matplotlib figure of 2 plots, titled 'Two plots'"
    assert lines[1] == "plot 1: 'Left'"
    assert lines[2].startswith("- x axis: 'time', from 0.9 to 3.1")
    assert lines[3].startswith("- y axis: from ")
    assert lines[3].endswith(", log")
    assert "- line 'up': 3 points, y 4 to 6" in lines
    assert "- scatter 'points': 2 points" in lines
    assert "- text 'a note'" in lines
    assert "- bars 'counts': 2 bars, height 3 to 4" in lines
    assert "- image of 4 x 5" in lines
    assert any(line.endswith("categories a, b") for line in lines)


def test_axes(figure: Figure) -> None:
    """Axes are told alone; a picture of them is that of their figure."""
    assert text_of(figure.axes[0]).startswith("matplotlib axes: 'Left'\n- x axis")
    found = describe(figure.axes[0], name="ax", options="image")
    assert found.part is not None
    assert found.part["type"] == "image_url"


def test_many_plots() -> None:
    """Many plots, lines and long titles are bounded."""
    figure = Figure()
    for axes in figure.subplots(4, 5).flat:
        axes.set_title("title " * 200)
        for number in range(30):
            axes.plot([number, 2])
    found = describe(figure, name="fig", budget=20_000)
    assert "… 8 more plots" in found.text
    assert "- … 10 more" in found.text
    assert "title " * 30 not in found.text
    assert describe(figure, name="fig", budget=100).tokens <= 110


def test_odd_lines() -> None:
    """Lines of nothing, of NaN and of dates are told."""
    figure = Figure()
    axes = figure.subplots()
    axes.plot([])
    axes.plot([1, 2], [np.nan, np.nan])
    axes.plot(np.array(["2024-01-01", "2024-01-02"], dtype="M8[D]"), [1, 2])
    text = text_of(figure)
    assert "- line: 0 points" in text
    assert text.count("- line: 2 points") == 2


def test_plotly() -> None:
    """A plotly figure tells title, axes and traces."""
    figure = graph_objects.Figure(
        [
            graph_objects.Scatter(x=[1, 2, 3], y=[4, 5, 6], name="up"),
            graph_objects.Bar(x=["a", "b"], y=[1, None]),
            graph_objects.Heatmap(z=np.zeros((3, 4))),
        ]
    )
    figure.update_layout(title="Title", xaxis_title="time", yaxis={"type": "log", "range": [0, 2]})
    lines = text_of(figure).splitlines()
    assert lines[0] == "plotly figure of 3 traces, titled 'Title'"
    assert "- x axis: 'time'" in lines
    assert "- y axis: from 0 to 2, log" in lines
    assert "- scatter 'up': x 3 values from 1 to 3, y 3 values from 4 to 6" in lines
    assert "- bar: x 2 values, y 2 values from 1 to 1" in lines
    assert "- heatmap: z 3 x 4 grid" in lines


def test_many_traces() -> None:
    """Many traces are bounded."""
    figure = graph_objects.Figure([graph_objects.Scatter(y=[n]) for n in range(30)])
    assert "- … 10 more traces" in text_of(figure, budget=5_000)


def test_plotly_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plotly figure is drawn by plotly; what it needs for that is said if it is missing."""
    figure = graph_objects.Figure()

    def draw(*_: object, **__: object) -> bytes:
        return png()

    monkeypatch.setattr(graph_objects.Figure, "to_image", draw)
    assert describe(figure, name="fig", options="image").part is not None

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Image export requires the Kaleido package,\nwhich is missing")

    monkeypatch.setattr(graph_objects.Figure, "to_image", fail)
    with pytest.raises(UsageError, match="needs the package kaleido") as caught:
        describe(figure, name="fig", options="image")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "1"])
def test_pil(mode: str) -> None:
    """A picture tells its mode and size."""
    found = describe(Image.new(mode, (640, 480)), name="photo")
    assert found.text == f"PIL image (mode {mode}, 640 x 480 pixels)"
    assert (found.kind, found.inline, found.part) == ("PIL.Image", True, None)


def test_pil_format() -> None:
    """A picture from a file tells the file's format."""
    with Image.open(io.BytesIO(png())) as image:
        assert text_of(image) == "PIL image (PNG, mode RGB, 3 x 2 pixels)"


def test_pictures(figure: Figure, tmp_path: Path) -> None:
    """With `image` the picture is attached, and the text names it."""
    path = tmp_path / "picture.png"
    path.write_bytes(png())
    shown = display.Image(data=png())
    for value in (figure, Image.new("RGB", (4, 4)), png(), path, str(path), shown):
        found = describe(value, name="fig", options="image")
        assert found.text == "the attached picture (`fig`)"
        assert found.inline
        assert found.part is not None
        assert found.part["image_url"]["url"].startswith("data:image/png;base64,")
    address = "https://example.org/picture.png"
    part = describe(address, name="fig", options="image").part
    assert part == {"type": "image_url", "image_url": {"url": address}}


@pytest.mark.parametrize("value", [b"no picture", Path("/no/such/file.png"), "no such file"])
def test_no_pictures(value: Any) -> None:
    """What is no picture is refused in one line."""
    with pytest.raises(UsageError) as caught:
        describe(value, name="fig", options="image")
    assert "\n" not in str(caught.value)


def test_figures_that_cannot_be_drawn(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure that fails to draw is an error of one line with what to do instead."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError("broken\nfont")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(
        UsageError, match=r"cannot draw \{\{fig:image\}\}: ValueError: broken font; leave"
    ):
        describe(figure, name="fig", options="image")


def test_other_options(figure: Figure) -> None:
    """A figure takes no other option."""
    with pytest.raises(UsageError, match="it takes image"):
        describe(figure, name="fig", options="head=3")
