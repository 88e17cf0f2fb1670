"""A Jupyter server in an environment of its own, with kernels in another: as hubs have them."""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.support.lab import JupyterServer, NotebookPage, make_notebook
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.scripted import ScriptedServer


def environment(folder: Path, *without: str) -> str:
    """Make an environment with all that this one has but for some packages; return its Python."""
    venv.create(folder, symlinks=True)
    own = Path(sysconfig.get_path("purelib"))
    there = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    share = Path("share", "jupyter")
    (folder / share / "labextensions").mkdir(parents=True)
    pairs = [(own, there), (Path(sys.prefix) / share, folder / share)]
    pairs.append((Path(sys.prefix) / share / "labextensions", folder / share / "labextensions"))
    for source, target in pairs:
        for entry in source.iterdir():
            left_out = any(name in entry.name.replace("-", "_") for name in without)
            if not left_out and not (target / entry.name).exists():
                (target / entry.name).symlink_to(entry)
    (folder / "etc").symlink_to(Path(sys.prefix) / "etc")
    return str(folder / "bin" / "python")


def test_the_server_lacks_what_draws_the_panel(
    browser: Browser, server: ScriptedServer, tmp_path: Path
) -> None:
    """Cells work as ever; in the place of the panel stands what is missing, and where."""
    python = environment(tmp_path / "hub", "eighty80", "anywidget")
    server.queue(stream_reply("An **answer**."))
    # The kernel's environment is named in the user's folder, which counts for less in a venv.
    env = {"_8080_API_URL": server.url, "_8080_API_KEY": "k", "JUPYTER_PREFER_ENV_PATH": "0"}
    with JupyterServer(env=env, python=python) as jupyter:
        cells = make_notebook("%load_ext eighty80_jupyter", "%chat Hello", "%chat --panel")
        page = NotebookPage.open(browser, jupyter, cells)
        try:
            for number in range(3):
                page.run_cell(number)
            expect(page.outputs(1).locator("strong")).to_have_text("answer")
            note = page.cell(2).get_by_text("pip install ipywidgets anywidget")
            expect(note).to_be_visible()
            expect(note).to_contain_text("in the server's environment")
            # Jupyter's own red sign is not to be seen, nor what is left of the panel around it.
            expect(page.cell(2).locator(".jupyter-widgets-error-widget")).to_have_count(1)
            expect(page.cell(2).locator(".e80-panel")).to_be_hidden()
            page.screenshot("panel-without-anywidget")
        finally:
            page.close()
