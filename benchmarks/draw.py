"""What drawing a streamed reply costs the browser: ours, the floor, and whole-text updates.

    python -m benchmarks.draw [--rounds 3] [--tokens 8000]

JupyterLab in a headless Chromium draws one reply of 8,000 tokens with 12 code fences and 43
formulas, which a server in this process streams. CPU is that of the renderer's main thread, by its
ticks, from the cell's start until it rests after the last paint; what watches for that asks for no
frames, which would count too. The floor is the finished reply drawn once by us. A row that takes
more than `LIMIT` seconds is stopped: then the numbers are what it had cost until then, and marked
with >.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.api.deltas import TextDelta
from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.notebook.cell.display import NotebookWriter
from tests.support.lab import JupyterServer, NotebookPage, make_notebook, open_browser
from tests.support.replies import stream_reply
from tests.support.scripted import ScriptedServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SPEEDS = (17_000, 1_000)  # tokens a second
CHARACTERS = 4  # of a token
LIMIT = 25.0  # seconds a row may take
TICK = 1 / os.sysconf("SC_CLK_TCK")

PROSE = (
    "The **median** is the middle value of a sorted list; the `mean` is the sum divided by the "
    "count. Where a few values are far from the others, as with incomes, the former says more "
    "about what is usual, and the latter more about the whole.\n\n- It is *robust*.\n- It needs "
    "sorting, or a selection algorithm.\n\n"
)
FORMULA = "For a sample $x_1, \\dots, x_n$ the variance follows:\n\n$$\n\\sigma^2 = \\frac{1}{n} "
FORMULA += "\\sum_{i=1}^n (x_i - \\bar{x})^2\n$$\n\n"
CODE = "```python\nimport statistics\n\n\ndef spread(values: list[float]) -> float:\n"
CODE += '    """Return how far the values lie apart."""\n'
CODE += "    middle = statistics.median(values)  # the middle one\n"
CODE += "    return statistics.median(abs(value - middle) for value in values)\n```\n\n"

# Ways to draw, as code in the kernel. They get the reply in `TEXT` and tokens a second in `SPEED`.
STREAM = """
import time
from IPython.display import Markdown, display
def pieces():
    start = time.perf_counter()
    for number in range(0, len(TEXT), 4):
        wait = start + number / 4 / SPEED - time.perf_counter()
        if wait > 0.001:
            time.sleep(wait)
        yield TEXT[: number + 4]
"""
WHOLE = """
handle = display(Markdown(""), display_id=True)
due = 0
for text in pieces():
    if time.perf_counter() >= due:
        handle.update(Markdown(text))
        due = time.perf_counter() + {interval}
handle.update(Markdown(TEXT + "\\n\\nThe end."))
"""
ONCE = """
from eighty80_jupyter.notebook.markdown.render import render
from IPython.display import HTML
display(HTML(render(TEXT + "\\n\\nThe end.")))
"""
# Another thread notes when the turn has ended: the panel works while the kernel is free.
PANEL = """
import threading
from eighty80_jupyter import chat
def wait(running):
    while not running.done:
        time.sleep(0.005)
    {note}
threading.Thread(target=wait, args=(chat.start("x"),)).start()
"""
NOTE = "open('ended', 'w').write(str(time.time()))"
WAYS = {
    "drawn once at the end (floor)": ONCE,
    "ours": "%chat x",
    "ours, in the panel": PANEL.format(note=NOTE),
    "whole text, 10 a second": WHOLE.format(interval=0.1),
    "whole text, every token": WHOLE.format(interval=0),
}
# In the page: when the end was first painted. It looks only at what comes in, and asks for no
# frames meanwhile: those of the eight seconds cost more than drawing the reply once.
WATCH = """() => {
    const area = document.querySelectorAll(".jp-Notebook .jp-Cell")[1]
        .querySelector(".jp-Cell-outputArea");
    window.painted = null;
    const watcher = new MutationObserver((records) => {
        const added = records.flatMap(({ addedNodes }) => [...addedNodes]);
        if (!added.some(({ textContent }) => textContent.includes("The end."))) return;
        watcher.disconnect();
        requestAnimationFrame(() => { window.painted = Date.now() / 1000; });
    });
    watcher.observe(area, { childList: true, subtree: true });
}"""


def reply_text(tokens: int) -> str:
    """Return Markdown of that many tokens; 8,000 of them have 12 fences and 43 formulas."""
    paragraphs = ["Let $x$ be a number.\n\n"] + [PROSE] * round(tokens * CHARACTERS / len(PROSE))
    fences, formulas = round(tokens * 12 / 8000), round(tokens * 21 / 8000)
    for block, count in ((CODE, fences), (FORMULA, formulas)):
        for number in range(count):
            paragraphs[number * len(paragraphs) // count] += block
    text, size = "".join(paragraphs), tokens * CHARACTERS
    while len(text) > size and PROSE in paragraphs:
        paragraphs.remove(PROSE)
        text = "".join(paragraphs)
    return text


@dataclass(slots=True)
class Row:
    """What one way of drawing has cost in each round."""

    cpu: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    stopped: bool = False


def main_thread(page: NotebookPage) -> Path:
    """Find the statistics of the main thread of the page's renderer: the busiest one."""
    burn = "() => { const end = Date.now() + 400; while (Date.now() < end); }"
    before = {task: ticks(task) for task in _renderers()}
    page.page.evaluate(burn)
    return max(before, key=lambda task: ticks(task) - before[task])


def _renderers() -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"--type=renderer" in command:
            found.append(process / "task" / process.name / "stat")
    return found


def ticks(stat: Path) -> float:
    """Return the seconds that a thread has worked."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * TICK


class Bench:
    """A JupyterLab, a browser, and a server that streams the reply."""

    def __init__(self, stack: ExitStack, text: str) -> None:
        self.text = text
        self.server = stack.enter_context(ScriptedServer())
        env = {"_8080_API_URL": self.server.url, "_8080_API_KEY": "key"}
        self.jupyter = stack.enter_context(JupyterServer(env=env))
        self.browser: Browser = stack.enter_context(open_browser())
        (self.jupyter.root / "text.json").write_text(json.dumps(text), encoding="utf-8")

    def run(self, way: str, speed: int, row: Row) -> None:
        """Draw the reply once, in a new page, and note what it cost."""
        self.server.reset()
        self.server.queue(stream_reply(self.text + "\n\nThe end.", tokens_per_second=speed))
        setup = f"import json\nTEXT = json.load(open('text.json'))\nSPEED = {speed}\n{STREAM}"
        setup += "\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        # The first formula and the first reply load what all later ones have.
        setup += "import eighty80_jupyter.notebook.markdown.render\n%load_ext eighty80_jupyter\n"
        setup += "from IPython.display import Markdown\nMarkdown('$x$')"
        code = WAYS[way]
        cells = ["%chat --panel", code] if NOTE in code else [f"{code}\nimport time; {NOTE}"]
        notebook = make_notebook(setup, *cells)
        page = NotebookPage.open(self.browser, self.jupyter, notebook, name="draw.ipynb")
        try:
            page.run_cell(0)
            page.page.wait_for_function("document.querySelector('mjx-container')")
            if len(cells) > 1:
                page.run_cell(1)
                page.page.wait_for_function("document.querySelector('.e80-chat')")
                self._idle(page, main_thread(page))
            page.page.evaluate(WATCH)
            thread = main_thread(page)
            self._idle(page, thread)
            before = ticks(thread)
            page.run_cell(len(cells), wait=False)
            painted = self._wait(page)
            self._idle(page, thread)
            row.cpu.append(ticks(thread) - before)
            ended = self.jupyter.root / "ended"
            if painted is None:
                row.stopped = True
                row.late.append(LIMIT - len(self.text) / CHARACTERS / speed)
            else:
                row.late.append(painted - float(ended.read_text()))
        finally:
            page.page.close()
            for kernel in self.jupyter.api("GET", "api/kernels"):
                self.jupyter.api("DELETE", f"api/kernels/{kernel['id']}")

    def _wait(self, page: NotebookPage) -> float | None:
        """Return when the end was painted; None if that takes too long."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            time.sleep(0.2)
            handle = _quickly(page, "window.painted")
            if handle is not None:
                return float(handle)
        return None

    def _idle(self, page: NotebookPage, thread: Path) -> None:
        """Wait until the main thread rests, but not for one that never will."""
        del page
        for _ in range(20):
            before = ticks(thread)
            time.sleep(0.3)
            if ticks(thread) - before <= 2 * TICK:
                return


def _quickly(page: NotebookPage, expression: str) -> Any:
    from playwright.sync_api import Error  # noqa: PLC0415  # beside the one use

    try:
        # Not at every frame, which is what it does by itself.
        return page.page.wait_for_function(expression, polling=200, timeout=1000).json_value()
    except Error:
        return None


def traffic(tokens: int, speed: int) -> tuple[int, int, float, float]:
    """Return messages, outputs, bytes as a multiple of the final HTML, and the kernel's CPU share.

    The clock is set as if the tokens came at `speed`; the CPU is what rendering really takes.
    """
    text = reply_text(tokens)
    clock, sizes, final = [0.0], list[int](), dict[str, int]()

    def publish(*, data: dict[str, str], transient: dict[str, str], **_: Any) -> None:
        sizes.append(len(json.dumps(data)))
        final[transient["display_id"]] = len(json.dumps(data["text/html"]))

    writer = NotebookWriter(publish, now=lambda: clock[0])
    begin = time.process_time()
    for start in range(0, len(text), CHARACTERS):
        clock[0] += 1 / speed
        writer.take([TextDelta(0, text[start : start + CHARACTERS])])
    writer.finish(Reply(choices=(Choice(text=text, finish_reason="stop"),), model="m"))
    spent = time.process_time() - begin
    return len(sizes), len(final), sum(sizes) / sum(final.values()), spent * speed / tokens


def print_traffic() -> None:
    """Print messages, bytes, outputs and the kernel's part, at several lengths and speeds."""
    print(
        f"\n{'tokens':>8} {'tokens/s':>9} {'messages':>9} {'outputs':>8} {'bytes':>7} {'kernel':>8}"
    )
    for tokens, speed in (
        *((4_000, speed) for speed in (5, 50, 1_000, 17_000)),
        *((tokens, 1_000) for tokens in (8_000, 25_000, 50_000, 100_000)),
    ):
        messages, outputs, size, share = traffic(tokens, speed)
        print(f"{tokens:8,} {speed:9,} {messages:9} {outputs:8} {size:6.2f}x {share:8.1%}")


def main() -> None:
    """Measure all ways in turn and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="of ours and the floor")
    parser.add_argument("--tokens", type=int, default=8_000)
    parser.add_argument("--ours-only", action="store_true", help="leave the whole-text rows out")
    options = parser.parse_args()
    print_traffic()
    rows: dict[tuple[str, int], Row] = {}
    with ExitStack() as stack:
        bench = Bench(stack, reply_text(options.tokens))
        floor, ours, panel, *others = WAYS
        own = [(way, speed) for way in (ours, panel) for speed in SPEEDS]
        plan = [(floor, SPEEDS[0]), *own] * options.rounds
        if not options.ours_only:
            plan += [(way, speed) for speed in SPEEDS for way in others]
        for way, speed in plan:
            bench.run(way, speed, rows.setdefault((way, speed), Row()))
    base = rows[floor, SPEEDS[0]]
    cpu, late = statistics.median(base.cpu), statistics.median(base.late)
    print(
        f"\n{'way':32} {'tokens/s':>9}  {'CPU':>8}  {'ratio':>7}  {'end to paint':>13}  {'more':>8}"
    )
    for (way, speed), row in rows.items():
        mark = ">" if row.stopped else ""
        worked, after = statistics.median(row.cpu), statistics.median(row.late)
        print(
            f"{way:32} {'-' if way == floor else f'{speed:,}':>9}  {f'{mark}{worked:.2f}':>6} s"
            f"  {f'{mark}{worked / cpu:.2f}':>7}x  {f'{mark}{after:.2f}':>11} s"
            f"  {f'{mark}{after - late:.2f}':>6} s"
        )


if __name__ == "__main__":
    main()
