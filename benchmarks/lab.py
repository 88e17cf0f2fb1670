"""What the extension of JupyterLab costs: opening a notebook of 500 cells, typing in a long prompt.

The same pages with the extension and without it, in pairs that take turns in being first, in one
Chromium. Measured is what the page's main thread computes, so that other work on the machine counts
little. The floor is the page without; its spread says how much of a difference is noise.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING, Any, cast

from tests.support.lab import JupyterServer, NotebookPage, make_notebook, open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession

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


class Clocked:
    """A browser whose pages tell from their beginning what their main thread has computed."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._devtools: CDPSession | None = None

    def new_page(self, **settings: Any) -> Any:
        """Open a page."""
        page = self._browser.new_page(**settings)
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        return page

    @property
    def milliseconds(self) -> float:
        """What the newest page has computed so far."""
        assert self._devtools is not None  # noqa: S101  # a page is open
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return 1000.0 * float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))


def open_page(browser: Clocked, server: JupyterServer, notebook: Any, name: str) -> NotebookPage:
    """Open a notebook, and return its page."""
    return NotebookPage.open(cast("Browser", browser), server, notebook, name=name)


def opening(browser: Clocked, server: JupyterServer, name: str) -> float:
    """Return the milliseconds from the request to drawn cells and an idle kernel."""
    sources = [f"for n in range({n}):\n    value_{n} = n  # a line" for n in range(CELLS)]
    page = open_page(browser, server, make_notebook(*sources), name)
    try:
        return browser.milliseconds
    finally:
        page.close()


def typing(browser: Clocked, server: JupyterServer, name: str) -> float:
    """Return the milliseconds that a key takes at the end of the prompt."""
    page = open_page(browser, server, make_notebook(PROMPT), name)
    try:
        page.cell(0).locator(".cm-content").click()
        if name == "with.ipynb":
            page.cell(0).locator(".e80-magic").wait_for()
        page.page.evaluate(TYPE, 10)
        start = browser.milliseconds
        page.page.evaluate(TYPE, KEYS)
        return (browser.milliseconds - start) / KEYS
    finally:
        page.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    opened: dict[str, list[float]] = {"with": [], "without": []}
    typed: dict[str, list[float]] = {"with": [], "without": []}
    with JupyterServer() as ours, JupyterServer() as bare, open_browser() as browser:
        disable = bare.home / "config" / "labconfig" / "page_config.json"
        disable.write_text('{"disabledExtensions": {"eighty80-jupyter": true}}', encoding="utf-8")
        servers = {"with": ours, "without": bare}
        clocked = Clocked(browser)
        for number in range(rounds + 1):  # the first one fills the caches
            for kind in list(servers)[:: 1 if number % 2 else -1]:
                name = f"{kind}.ipynb"
                milliseconds = opening(clocked, servers[kind], name)
                keys = typing(clocked, servers[kind], name)
                if number:
                    opened[kind].append(milliseconds)
                    typed[kind].append(keys)
    print(f"{'':34} {'with':>10} {'without':>10} {'ratio':>7}   spread without")
    for label, times in (
        (f"open a notebook of {CELLS} cells, ms", opened),
        (f"a key in a prompt of {len(PROMPT):,}, ms", typed),
    ):
        ours_ms, bare_ms = (statistics.median(times[kind]) for kind in ("with", "without"))
        low, high = min(times["without"]), max(times["without"])
        print(
            f"{label:34} {ours_ms:10.1f} {bare_ms:10.1f} {ours_ms / bare_ms:7.2f}"
            f"   {low:.1f} to {high:.1f}"
        )


if __name__ == "__main__":
    main()
