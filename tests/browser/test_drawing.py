"""A reply looks right in JupyterLab, while it comes and when it is there."""

from __future__ import annotations

import itertools
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.data.rich_reply import FORMULAS, rich_reply
from tests.support.lab import DARK, LIGHT
from tests.support.replies import Gate, chunk, sse_reply, stream_reply, text_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.support.lab import NotebookPage
    from tests.support.scripted import ScriptedServer

LOAD = "%load_ext eighty80_jupyter"
WARM = "md:$x$"  # JupyterLab loads MathJax and its fonts when the first formula is drawn
# JupyterLab's own Markdown knows no `\(`.
OWN = r"""from IPython.display import Markdown
from eighty80_jupyter import chat
Markdown(chat.conversation[0].reply.text.replace(r"\( ", "$").replace(r" \)", "$"))"""
LINE = 20  # pixels
RATES = (700, 150, 40)  # tokens a second; a busy machine draws no steps of the first

# Notes, for each frame: the output's height, its formulas, and traces of Markdown and TeX.
SAMPLE = r"""index => {
    const frames = window.frames_ = [];
    const cell = document.querySelectorAll(".jp-Notebook .jp-Cell")[index];
    const area = cell.querySelector(".jp-Cell-outputArea");
    const step = () => {
        // A dollar in code that is still being written is no source of a formula.
        const codes = [...area.querySelectorAll("code")].map(code => code.innerText);
        const text = codes.reduce((rest, code) => rest.replace(code, ""), area.innerText);
        frames.push([
            area.getBoundingClientRect().height,
            area.querySelectorAll("mjx-container").length,
            (text.match(/\\frac|\\sum|\\int|\$(?!\d|PATH)|\\[([]|\*\*|```/g) ?? []).join(" "),
        ]);
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
}"""
COLOURS = """area => Object.fromEntries(Object.entries({
    keyword: "pre span[style*=keyword]", comment: "pre span[style*=comment]",
    string: "pre span[style*=string]", number: "pre span[style*=builtin]",
    text: "p", quiet: "div[style*=font-color2]", summary: "summary",
}).map(([name, selector]) => {
    const found = [...area.querySelectorAll(selector)].at(-1);
    return [name, found && getComputedStyle(found).color];
}))"""


# How the elements of an output look and where they stand.
LOOKS = """area => ["h2", "p", "strong", "p code", "p a", "pre", "table", "td", "ol", "li",
    "blockquote"].map(selector => [
        ...area.querySelectorAll(`${selector}:not(details *)`)].map(element => {
        const style = getComputedStyle(element);
        const x = style.display === "inline" ? null : element.getBoundingClientRect().x;
        return [selector, style.margin, style.padding, style.font, style.color,
            style.backgroundColor,
            style.textAlign.replace("-webkit-", "").replace("start", "left"), x];
    }))"""


def area(page: NotebookPage, index: int) -> Locator:
    """Return all that a cell shows below itself."""
    return page.cell(index).locator(".jp-Cell-outputArea")


def luminance(colour: str, paper: float) -> float:
    """Return how bright `rgb(…)` or `rgba(…)` is on a grey paper, from 0 to 1 (WCAG)."""
    red, green, blue, alpha = [*(float(p) for p in re.findall(r"[\d.]+", colour)), 1.0][:4]
    mixed = [(p * alpha + paper * (1 - alpha)) / 255 for p in (red, green, blue)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in mixed]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(colour: str, paper: int) -> float:
    """Return the contrast of a colour to a grey paper (0 to 255), from 1 to 21."""
    low, high = sorted((luminance(colour, paper), luminance(f"rgb({paper},{paper},{paper})", 0)))
    return (high + 0.05) / (low + 0.05)


def reasoned(text: str) -> list[Any]:
    """Return the chunks of a reply that was thought about."""
    thoughts = "The user wants *the mean*. Let me think of $x$ first.\n\n- one\n- two\n"
    return [chunk({"reasoning": thoughts}), *text_chunks(text)]


def test_a_reply_grows_without_a_jump(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """In no frame is the page lower, a formula gone, or the source of one to be seen."""
    sections = 8
    page = open_notebook(LOAD, WARM, *["%chat hello"] * len(RATES))
    expect(page.cell(1).locator("mjx-container")).to_be_visible()
    page.run_cell(0)
    for cell, rate in enumerate(RATES, 2):
        server.queue(stream_reply(rich_reply(sections), tokens_per_second=rate))
        page.page.evaluate(SAMPLE, cell)
        page.run_cell(cell, timeout=200)
        expect(area(page, cell).locator("mjx-container")).to_have_count(sections * FORMULAS)
        expect(area(page, cell)).to_contain_text("tokens/s")
        frames = page.page.evaluate("window.frames_")
        jumps = [
            (number, before, after)
            for number, (before, after) in enumerate(itertools.pairwise(frames))
            if after[0] < before[0] - LINE or after[1] < before[1] or after[2]
        ]
        assert jumps == []
        if len({height for height, _, _ in frames}) > 8:
            return
    pytest.fail("it was not drawn in steps")


def test_a_rich_reply_in_both_themes(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Formulas are typeset and prices are not, code has the theme's colours, all can be read."""
    server.queue(sse_reply(reasoned(rich_reply(1))), stream_reply("Yes: $5 is a price."))
    page = open_notebook(LOAD, "%%chat\nWhat is the mean?", "%chat And is $5 a price?", OWN)
    page.run_all()
    first = area(page, 1)
    expect(first.locator("mjx-container")).to_have_count(FORMULAS + 1)  # one in the thoughts
    expect(first.locator("mjx-container[display=true]")).to_have_count(2)
    expect(first).to_contain_text("The book costs $5, not $6,")
    expect(area(page, 2)).to_contain_text("Yes: $5 is a price.")
    expect(area(page, 2).locator("mjx-container")).to_have_count(0)
    expect(first.locator("details")).to_have_count(1)
    expect(first.get_by_text("Let me think")).not_to_be_visible()
    seen: dict[str, dict[str, str]] = {}
    for theme, paper in ((LIGHT, 255), (DARK, 17)):
        page.set_theme(theme)
        seen[theme] = first.evaluate(COLOURS)
        assert all(contrast(colour, paper) > 3 for colour in seen[theme].values()), seen
        page.screenshot(f"rich-{'dark' if theme == DARK else 'light'}", whole=True)
    changed = {name for name in seen[LIGHT] if seen[LIGHT][name] != seen[DARK][name]}
    assert changed >= seen[LIGHT].keys() - {"comment"}, seen  # it is the same in both themes
    assert len({seen[DARK][name] for name in ("keyword", "comment", "string", "text")}) == 4
    own = area(page, 3)
    expect(own.locator("mjx-container")).to_have_count(FORMULAS)
    assert first.evaluate(LOOKS) == own.evaluate(LOOKS)
    first.locator("summary").click()
    expect(first.get_by_text("Let me think")).to_be_visible()
    page.screenshot("reasoning-dark")


def test_what_is_half_written(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """An open fence is code, and half of a formula or of a bold word is not to be seen."""
    gates = [threading.Event() for _ in range(3)]
    parts = [
        "Here it is:\n\n```python\nimport os\nx = 1",
        "\n```\n\nThat is **really imp",
        "ortant**: the sum $\\frac{1}{2}$ and\n\n$$\n\\frac{a}",
    ]
    events = [e for part, gate in zip(parts, gates, strict=True) for e in (part, Gate(gate))]
    pieces = [chunk({"content": e}) if isinstance(e, str) else e for e in events]
    server.queue(sse_reply([*pieces, *text_chunks("{b}\n$$\n")[1:]]))
    page = open_notebook(LOAD, WARM, "%chat hello")
    page.run_all(wait=False)
    output = area(page, 2)
    expect(output.locator("pre code")).to_have_text("import os\nx = 1")
    expect(output.locator("pre span[style*=keyword]")).to_have_text("import")
    gates[0].set()
    expect(output.locator("strong")).to_have_text("really imp")
    gates[1].set()
    expect(output.locator("mjx-container")).to_have_count(1)
    assert "frac" not in output.inner_text()
    assert "$" not in output.inner_text()
    gates[2].set()
    expect(output.locator("mjx-container")).to_have_count(2)
    page.wait_idle()


def test_several_answers_stream_together(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Both answers grow below their headings before either is at its end."""
    gate = threading.Event()
    halves = [["Alpha **one**, ", "and $a^2$."], ["Beta `two`, ", "and $b^2$."]]
    events = [chunk({"reasoning": "Hidden thoughts."}, index=0)]
    events += [chunk({"content": half[0]}, index=n) for n, half in enumerate(halves)]
    rest = [chunk({"content": half[1]}, index=n) for n, half in enumerate(halves)]
    ends = [chunk(finish_reason="stop", index=n) for n in range(2)]
    server.queue(sse_reply([*events, Gate(gate), *rest, *ends]))
    page = open_notebook(LOAD, WARM, "%chat -n 2 hello")
    page.run_all(wait=False)
    output = area(page, 2)
    expect(output.locator("h6")).to_have_text(["Answer 1", "Answer 2"])
    expect(output.locator("strong, p code")).to_have_text(["one", "two"])
    gate.set()
    expect(output.locator("mjx-container")).to_have_count(2)
    expect(output.locator("details")).to_have_count(1)
    page.wait_idle()
    page.screenshot("answers-streamed")
