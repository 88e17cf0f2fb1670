"""What the extension of JupyterLab costs: opening a notebook of 500 cells, typing in a long prompt.

The same pages with the extension and without it, alternating, in one Chromium. Opening is measured
by the clock; of a key, what the page's main thread computes. The floor is the page without; its own
spread says how much of a difference is noise.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING, Any

from tests.support.lab import JupyterServer, NotebookPage, make_notebook, open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CELLS = 500
PROMPT = "%%chat -t 0.2\n" + "It's a prompt with {{x}} and *more* of it, in many words.\n" * 35
KEYS = 100
# Each key waits for the frame in which it was drawn.
TYPE = """async keys => {
    const editor = window.jupyterapp.shell.currentWidget.content.activeCell.editor.editor;
    const frame = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
    for (let n = 0; n < keys; n++) {
        const at = editor.state.doc.length;
        editor.dispatch({ changes: { from: at, insert: "a" }, selection: { anchor: at + 1 } });
        await frame();
    }
}"""


def open_page(browser: Browser, server: JupyterServer, notebook: Any, *, extension: bool) -> Any:
    """Open a notebook, and return its page."""
    name = f"{'with' if extension else 'without'}.ipynb"
    return NotebookPage.open(browser, server, notebook, name=name)


def computed(page: NotebookPage) -> Any:
    """Return a function that tells what the main thread has computed so far, in milliseconds."""
    devtools = page.page.context.new_cdp_session(page.page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def milliseconds() -> float:
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return 1000.0 * float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))

    return milliseconds


def opening(browser: Browser, server: JupyterServer, *, extension: bool) -> float:
    """Return the milliseconds from the request to drawn cells and an idle kernel."""
    sources = [f"for n in range({n}):\n    value_{n} = n  # a line" for n in range(CELLS)]
    page = open_page(browser, server, make_notebook(*sources), extension=extension)
    try:
        return float(page.page.evaluate("() => performance.now()"))
    finally:
        page.close()


def typing(browser: Browser, server: JupyterServer, *, extension: bool) -> float:
    """Return the milliseconds that a key takes at the end of the prompt."""
    page = open_page(browser, server, make_notebook(PROMPT), extension=extension)
    try:
        page.cell(0).locator(".cm-content").click()
        if extension:
            page.cell(0).locator(".e80-magic").wait_for()
        milliseconds = computed(page)
        page.page.evaluate(TYPE, 10)
        start = milliseconds()
        page.page.evaluate(TYPE, KEYS)
        return float(milliseconds() - start) / KEYS
    finally:
        page.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    opened: dict[bool, list[float]] = {True: [], False: []}
    typed: dict[bool, list[float]] = {True: [], False: []}
    with JupyterServer() as ours, JupyterServer() as bare, open_browser() as browser:
        disable = bare.home / "config" / "labconfig" / "page_config.json"
        disable.write_text('{"disabledExtensions": {"eighty80-jupyter": true}}', encoding="utf-8")
        servers = {True: ours, False: bare}
        for number in range(rounds + 1):  # the first one fills the caches
            for extension in (number % 2 == 0, number % 2 == 1):
                milliseconds = opening(browser, servers[extension], extension=extension)
                keys = typing(browser, servers[extension], extension=extension)
                if number:
                    opened[extension].append(milliseconds)
                    typed[extension].append(keys)
    print(f"{'':34} {'with':>10} {'without':>10} {'ratio':>7}   spread without")
    for label, times in (
        (f"open a notebook of {CELLS} cells, ms", opened),
        (f"a key in a prompt of {len(PROMPT):,}, ms", typed),
    ):
        ours_ms, bare_ms = statistics.median(times[True]), statistics.median(times[False])
        low, high = min(times[False]), max(times[False])
        print(
            f"{label:34} {ours_ms:10.1f} {bare_ms:10.1f} {ours_ms / bare_ms:7.2f}"
            f"   {low:.1f} to {high:.1f}"
        )


if __name__ == "__main__":
    main()
