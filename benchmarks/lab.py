"""What the extension of JupyterLab costs: opening a notebook of 500 cells, typing in a long prompt.

The same pages with the extension and without it, alternating, in one Chromium. The floor is the
page without; its own spread says how much of a difference is noise.
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
OPENED = "() => performance.now()"
# Until the frame after the key was drawn.
TYPE = """async keys => {
    const editor = window.jupyterapp.shell.currentWidget.content.activeCell.editor.editor;
    const frame = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
    const times = [];
    for (let n = 0; n < keys; n++) {
        const at = editor.state.doc.length;
        const start = performance.now();
        editor.dispatch({ changes: { from: at, insert: "a" }, selection: { anchor: at + 1 } });
        editor.coordsAtPos(at);
        times.push(performance.now() - start);
        await frame();
    }
    return times;
}"""


def open_page(browser: Browser, server: JupyterServer, notebook: Any, *, extension: bool) -> Any:
    """Open a notebook, and return its page."""
    name = f"{'with' if extension else 'without'}.ipynb"
    return NotebookPage.open(browser, server, notebook, name=name)


def opening(browser: Browser, server: JupyterServer, *, extension: bool) -> float:
    """Return the milliseconds from the request to an idle kernel and drawn cells."""
    sources = [f"for n in range({n}):\n    value_{n} = n  # a line" for n in range(CELLS)]
    page = open_page(browser, server, make_notebook(*sources), extension=extension)
    try:
        return float(page.page.evaluate(OPENED))
    finally:
        page.close()


def typing(browser: Browser, server: JupyterServer, *, extension: bool) -> list[float]:
    """Return the milliseconds that each key takes at the end of the prompt."""
    page = open_page(browser, server, make_notebook(PROMPT), extension=extension)
    try:
        page.cell(0).locator(".cm-content").click()
        if extension:
            page.cell(0).locator(".e80-magic").wait_for()
        return list(page.page.evaluate(TYPE, KEYS))
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
                    typed[extension] += keys
    print(f"{'':34} {'with':>10} {'without':>10} {'ratio':>7}   spread without")
    for label, times in (
        (f"open a notebook of {CELLS} cells, ms", opened),
        (f"a key in a prompt of {len(PROMPT):,}, ms", typed),
    ):
        ours_ms, bare_ms = statistics.median(times[True]), statistics.median(times[False])
        low, *_, high = statistics.quantiles(times[False], n=10) if rounds > 1 else times[False] * 2
        print(
            f"{label:34} {ours_ms:10.1f} {bare_ms:10.1f} {ours_ms / bare_ms:7.2f}"
            f"   {low:.1f} to {high:.1f}"
        )


if __name__ == "__main__":
    main()
