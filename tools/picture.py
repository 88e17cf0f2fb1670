"""Make the moving picture of the README: `python tools/picture.py`, as docs/images/tour.png.

A real JupyterLab in a real Chromium. The answers are written below and come from the scripted
server of the tests, at about a hundred tokens a second: the picture shows the interface, no model.
"""

# ruff: noqa: INP001, T201 - a program of the Makefile, which tells what it does

from __future__ import annotations

import io
import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, expect  # noqa: E402  # what follows needs the path

from tests.support.lab import (  # noqa: E402  # the same
    JupyterServer,
    NotebookPage,
    make_notebook,
    open_browser,
)
from tests.support.replies import Reply, Wait, chat_reply, sse_reply, text_chunks  # noqa: E402  # the same
from tests.support.scripted import Request, ScriptedServer  # noqa: E402  # the same

TARGET = ROOT / "docs" / "images" / "tour.png"
SIZE = (940, 640)
COLOURS = 96
LARGEST = 2_000_000  # bytes
RATE = 110  # tokens a second

SETUP = """\
%load_ext eighty80_jupyter
import pandas as pd
sales = pd.DataFrame({"shop": ["Oslo", "Rome", "Lima", "Oslo"] * 30,
                      "price": [10.5, 9.9, 11.0, 250.0] * 30})
tickets = pd.DataFrame({"text": [
    "The export stops at page 3", "Please add a dark theme", "Cannot save to a network drive",
    "A shortcut for the search, please", "It crashes when I paste a table",
    "Let me choose the font", "The total is wrong by one cent", "Thanks, all good"] * 15})"""
PROMPT = """\
%%chat
Which prices in {{sales}} are outliers?
Show how to drop them."""
PANEL = "%chat --panel"
ROWS = """\
%%chat --rows tickets --choices bug,feature,other --column label --into labelled
Classify: {{text}}"""

ANSWER = """\
A quarter of the rows stands out: **Oslo** has a price of 250, where all others lie between
9.90 and 11.00. The interquartile range tells them apart:

```python
q1, q3 = sales["price"].quantile([0.25, 0.75])
low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
clean = sales[sales["price"].between(low, high)]
```

| shop | rows | largest price |
|---|---|---|
| Oslo | 60 | 250.00 |
| Rome | 30 | 9.90 |
| Lima | 30 | 11.00 |
"""
NAMES = (
    (0.45, "**Median Coffee.** Plain, and right in the middle."),
    (0.9, "**The Odd Bean.** For those who like to stand out."),
    (1.35, "**Four Sigma Roasters.** Far from the mean, and proud of it."),
    (9.0, "**Café Outlier & Sons of the Long Tail.** We roast what the others drop!"),
)
LABELS = (("stops|cannot|crash|wrong", "bug"), ("please|choose", "feature"))


def answer(request: Request) -> Reply | None:
    """Answer as the picture has it."""
    if "chat/completions" not in request.path:
        return None
    text = str(request.json["messages"][-1]["content"]).lower()
    if "classify" in text:
        found = (label for signs, label in LABELS if re.search(signs, text))
        pause = Wait(random.uniform(0.1, 0.4))  # noqa: S311  # no secret
        return chat_reply(next(found, "other"), usage=False).after(pause)
    if "café" in text:
        heat = request.json.get("temperature") or 0.0
        name = next(name for limit, name in NAMES if heat <= limit)
        return streamed(name)
    return streamed(ANSWER)


def streamed(text: str) -> Reply:
    """Stream a text, without the usage: the speed of a script says nothing."""
    return sse_reply(text_chunks(text, usage=False), per_second=RATE)


@dataclass
class Film:
    """The pictures so far, each with the milliseconds for which it is shown."""

    page: Page
    frames: list[tuple[Image.Image, int]] = field(default_factory=list)

    def take(self, hold: int = 120) -> None:
        """Take a picture; one that is like the last one lengthens it."""
        shot = Image.open(io.BytesIO(self.page.screenshot(caret="initial"))).convert("RGB")
        if self.frames and self.frames[-1][0].tobytes() == shot.tobytes():
            self.frames[-1] = (shot, self.frames[-1][1] + hold)
        else:
            self.frames.append((shot, hold))

    def until(self, done: Callable[[], bool], *, hold: int = 120, seconds: float = 60) -> None:
        """Take pictures until something has come true."""
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            self.take(hold)
        self.take(hold)

    def save(self, path: Path) -> None:
        """Write the moving picture, in few colours that all frames share."""
        sample = Image.new("RGB", (SIZE[0], SIZE[1] * 8))
        for place, number in enumerate(range(0, len(self.frames), max(1, len(self.frames) // 8))):
            if place < 8:  # noqa: PLR2004  # as many as the sample has room for
                sample.paste(self.frames[number][0], (0, SIZE[1] * place))
        palette = sample.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
        few = [
            frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame, _ in self.frames
        ]
        few[0].save(
            path,
            save_all=True,
            append_images=few[1:],
            duration=[hold for _, hold in self.frames],
            loop=0,
            optimize=True,
        )


def main() -> int:
    """Make the picture; return the exit status."""
    with ScriptedServer(answer) as server, open_browser() as browser:
        env = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-for-a-picture"}
        with JupyterServer(env=env) as jupyter:
            notebook = make_notebook(SETUP, PROMPT, PANEL, ROWS)
            page = NotebookPage.open(browser, jupyter, notebook, name="tour.ipynb", viewport=SIZE)
            try:
                film = Film(page.page)
                record(page, film)
                film.save(TARGET)
            finally:
                page.close()
    size = TARGET.stat().st_size
    print(f"{TARGET.relative_to(ROOT)}: {len(film.frames)} pictures, {size / 1e6:.2f} MB")
    if size >= LARGEST:
        print("That is too large.", file=sys.stderr)
        return 1
    return 0


def record(page: NotebookPage, film: Film) -> None:
    """Play the three scenes."""
    page.toggle_side_bar()
    page.run_cell(0)
    show(page, 1)
    film.take(1500)
    page.run_cell(1, wait=False)
    film.until(lambda: page.outputs(1).filter(has_text="11.00").count() > 0, seconds=20)
    film.take(2000)

    page.run_cell(2)
    panel = page.page.locator(".e80-panel")
    panel.locator(".e80-input").fill("One name for a café of statisticians")
    show(page, 2)
    film.take(600)
    panel.locator(".e80-input").press("Control+Enter")
    film.until(lambda: panel.get_by_text("in the middle").count() > 0)
    panel.get_by_role("checkbox", name="Live").check()
    show(page, 2)
    film.take(600)
    slide(page, film)
    film.take(2000)

    show(page, 3)
    film.take(1200)
    page.run_cell(3, wait=False)
    film.until(lambda: page.outputs(3).filter(has_text="120 rows:").count() > 0)
    expect(page.outputs(3)).to_contain_text("120 rows:")
    film.take(3000)


def show(page: NotebookPage, index: int) -> None:
    """Scroll a cell to the top."""
    page.cell(index).evaluate("cell => cell.scrollIntoView({block: 'start'})")
    page.page.evaluate("document.fonts.ready")


def slide(page: NotebookPage, film: Film) -> None:
    """Drag the slider of the temperature slowly to the right."""
    slider = page.page.locator(".e80-panel .e80-p-temperature")
    handle, track = slider.locator(".noUi-handle"), slider.locator(".noUi-target")
    handle.scroll_into_view_if_needed()
    grip, way = handle.bounding_box(), track.bounding_box()
    assert grip is not None  # noqa: S101  # it has just been scrolled to
    assert way is not None  # noqa: S101  # the same
    mouse, height = page.page.mouse, grip["y"] + grip["height"] / 2
    mouse.move(grip["x"] + grip["width"] / 2, height)
    mouse.down()
    for step in range(36):
        mouse.move(way["x"] + way["width"] * (0.1 + 0.8 * step / 35), height)
        film.take(110)
    mouse.up()
    film.until(lambda: page.page.get_by_text("the others drop").count() > 0, seconds=10)


if __name__ == "__main__":
    sys.exit(main())
