"""A real JupyterLab or Notebook 7 on loopback, and its pages in a real Chromium.

    with JupyterServer(env={"_8080_API_URL": server.url, "_8080_API_KEY": "k"}) as jupyter:
        with open_browser() as browser:
            page = NotebookPage.open(browser, jupyter, make_notebook("%load_ext eighty80_jupyter"))
            page.run_all()
            expect(page.outputs(0)).to_contain_text("...")

Nothing leaves the machine: the browser resolves no name, and what it asked for elsewhere is kept in
`NotebookPage.foreign_requests`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import Browser, Locator, Page, Response, sync_playwright

from tests.support.jupyter import App, JupyterServer, make_notebook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "DARK",
    "LIGHT",
    "App",
    "JupyterServer",
    "NotebookPage",
    "find_chromium",
    "make_notebook",
    "open_browser",
]

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
VIEWPORT = (1280, 900)
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


def find_chromium() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextlib.contextmanager
def open_browser(executable: str | None = None) -> Iterator[Browser]:
    """Start a headless Chromium; `executable`: None means the one on the search path.

    While it is open, `asyncio.run` cannot be called in the same thread (playwright's loop counts
    as running there).
    """
    executable = executable or find_chromium()
    if executable is None:
        raise FileNotFoundError(f"expected one of {', '.join(CHROMIUM_NAMES)} on the search path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_ARGS))
        try:
            yield browser
        finally:
            browser.close()


class NotebookPage:
    """One notebook, open in a browser page of its own, with its kernel connected and idle.

    `errors`: uncaught errors of the page since it was opened. `alerts`: the texts of the dialogs
    that scripts opened. `foreign_requests`: the addresses asked for that are not the server's.
    """

    def __init__(self, page: Page, server: JupyterServer, path: Path) -> None:
        self.page = page
        self.server = server
        self.path = path
        self.errors: list[str] = []
        self.alerts: list[str] = []
        self.foreign_requests: list[str] = []
        self._theme = LIGHT
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note_request(request.url))
        page.on("dialog", self._note_dialog)

    @classmethod
    def open(
        cls,
        browser: Browser,
        server: JupyterServer,
        notebook: Mapping[str, Any],
        *,
        name: str = "notebook.ipynb",
        viewport: tuple[int, int] = VIEWPORT,
        timeout: float = 100.0,
    ) -> NotebookPage:
        """Write `notebook` as `name` into the server's root and open it. `timeout` in seconds."""
        path = server.root / name
        path.write_text(json.dumps(notebook), encoding="utf-8")
        width, height = viewport
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(timeout * 1000)
        self = cls(page, server, path)
        try:
            place = "lab/tree" if server.app == "lab" else "notebooks"
            page.goto(f"{server.url}/{place}/{quote(name)}?reset&token={server.token}")
            page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=timeout * 1000)
            self.close_dialogs()
            self.wait_idle(timeout=timeout)
            self.errors.clear()  # Notebook 7.6 itself throws one while it loads
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Close the page and shut its kernel down."""
        if self._theme != LIGHT:
            self.set_theme(LIGHT)
        self.page.close()
        self.end_kernel()

    def end_kernel(self) -> None:
        """Shut the kernel down."""
        for session in self.server.api("GET", "api/sessions"):
            if session["path"] == self.path.relative_to(self.server.root).as_posix():
                self.server.api("DELETE", f"api/sessions/{session['id']}")

    # What the page shows.

    def cell(self, index: int) -> Locator:
        """Find a cell by its number, from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def outputs(self, index: int) -> Locator:
        """Find the outputs of a cell, one element each."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def wait_idle(self, *, timeout: float = 100.0) -> None:
        """Wait until the kernel is idle and what `run_all` or `run_cell` began has ended."""
        self.page.wait_for_function(_IDLE, timeout=timeout * 1000)

    def screenshot(self, name: str, *, whole: bool = False) -> Path:
        """Take a picture into `build/screenshots`; `whole`: as high as the notebook is."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        size = self.page.viewport_size
        assert size is not None
        if whole:
            missing = self.page.evaluate(_HIDDEN_HEIGHT)
            self.page.set_viewport_size(
                {"width": size["width"], "height": size["height"] + missing}
            )
        self.page.evaluate("document.fonts.ready")
        self.page.screenshot(path=path, animations="disabled")
        self.page.set_viewport_size(size)
        return path

    def set_theme(self, name: str) -> None:
        """Switch the theme, `LIGHT` or `DARK`; `close` switches back."""
        self._command("apputils:change-theme", theme=name)
        self.page.wait_for_function("n => document.body.dataset.jpThemeName === n", arg=name)
        self._theme = name

    def toggle_side_bar(self) -> None:
        """Close the open side bar of JupyterLab, or open it."""
        self._command("application:toggle-left-area")

    def close_dialogs(self) -> None:
        """Accept every dialog and dismiss every notice that covers the page."""
        while (button := self.page.locator(".jp-Dialog .jp-mod-accept")).count():
            button.first.click()
        while (notice := self.page.locator(".Toastify__close-button")).count():
            notice.first.click()

    # What a person does.

    def run_all(self, *, wait: bool = True, timeout: float = 100.0) -> None:
        """Run every cell; not `wait`: return while they run."""
        self._command("notebook:run-all-cells")
        if wait:
            self.wait_idle(timeout=timeout)

    def run_cell(self, index: int, *, wait: bool = True, timeout: float = 100.0) -> None:
        """Run one cell; not `wait`: return while it runs."""
        self.page.evaluate(_RUN_CELL, index)
        if wait:
            self.wait_idle(timeout=timeout)

    def set_source(self, index: int, source: str) -> None:
        """Replace the text of a cell."""
        self.page.evaluate(
            f"([index, source]) => {_PANEL}.content.widgets[index]"
            ".model.sharedModel.setSource(source)",
            [index, source],
        )

    def interrupt(self) -> None:
        """Interrupt the kernel, as the stop button does."""
        self._command("notebook:interrupt-kernel")

    def save(self) -> dict[str, Any]:
        """Save with the keyboard, and return the notebook as it is in the file."""
        with self.page.expect_response(_is_save) as saved:
            self.page.keyboard.press("Control+s")
        assert saved.value.ok, saved.value.status
        return self.read()

    def read(self) -> dict[str, Any]:
        """Return the notebook as it is in the file."""
        notebook: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return notebook

    def _command(self, name: str, **arguments: Any) -> None:
        """Start a command of the application; `wait_idle` waits for its end."""
        self.page.evaluate(_COMMAND, [name, arguments])

    def _note_request(self, url: str) -> None:
        if urlsplit(url).scheme in {"http", "https"} and not url.startswith(self.server.url + "/"):
            self.foreign_requests.append(url)

    def _note_dialog(self, dialog: Any) -> None:
        self.alerts.append(dialog.message)
        dialog.dismiss()


def _is_save(response: Response) -> bool:
    return response.request.method == "PUT" and "/api/contents/" in response.url


_PANEL = "window.jupyterapp.shell.currentWidget"
_COMMAND = """([name, args]) => {
    window.pendingCommands = (window.pendingCommands ?? 0) + 1;
    const end = () => { window.pendingCommands -= 1; };
    window.jupyterapp.commands.execute(name, args).then(end, end);
}"""
# In one step: what ran before may take the focus back between two.
_RUN_CELL = f"""index => {{
    {_PANEL}.content.activeCellIndex = index;
    ({_COMMAND})(["notebook:run-cell", {{}}]);
}}"""
_IDLE = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    return !window.pendingCommands && kernel?.connectionStatus === "connected"
        && kernel.status === "idle";
}"""
_HIDDEN_HEIGHT = """() => {
    const view = document.querySelector(".jp-WindowedPanel-outer, .jp-Notebook");
    return Math.max(0, view.scrollHeight - view.clientHeight);
}"""
