"""The panel as an app of its own, served by Voila."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.data.rich_reply import FORMULAS, rich_reply
from tests.support.environment import child_environment
from tests.support.jupyter import make_notebook
from tests.support.lab import SCREENSHOTS
from tests.support.ports import free_port
from tests.support.replies import stream_reply
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="address")
def _address(server: ScriptedServer, tmp_path: Path) -> Iterator[str]:
    """Give the address of a Voila that serves a notebook with a panel."""
    notebook = tmp_path / "app.ipynb"
    cells = ("%load_ext eighty80_jupyter", "%chat --panel")
    notebook.write_text(json.dumps(make_notebook(*cells)), encoding="utf-8")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = child_environment(
        tmp_path / "home", {"_8080_API_URL": server.url, "_8080_API_KEY": "key-of-the-app"}
    )
    command = [sys.executable, "-m", "voila", str(notebook), "--no-browser", f"--port={port}"]
    with (tmp_path / "log").open("wb") as log:
        voila = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=log, stderr=log)

    def answers() -> bool:
        assert voila.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(f"{address}/voila/static/favicon.ico", timeout=60):  # noqa: S310  # loopback
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    try:
        wait_until(answers, timeout=100, interval=0.2, what="Voila to answer")
        yield address
    finally:
        voila.terminate()
        try:
            voila.wait(60)
        except subprocess.TimeoutExpired:
            voila.kill()
            voila.wait()


def test_the_panel_is_an_app(address: str, server: ScriptedServer, browser: Browser) -> None:
    """In Voila it streams, stops and sets parameters; what needs a notebook says so."""
    server.queue(stream_reply(rich_reply(1)), stream_reply(rich_reply(9), tokens_per_second=50))
    page = browser.new_page(viewport={"width": 320, "height": 900})
    page.set_default_timeout(100_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    box = page.locator(".e80-input")
    box.wait_for()
    box.fill("What is the mean?")
    box.press("Control+Enter")
    expect(page.locator(".e80-line")).to_contain_text("tokens/s")
    expect(page.locator(".e80-answer mjx-container")).to_have_count(FORMULAS)
    expect(page.locator(".e80-saved").first).to_be_hidden()
    page.screenshot(path=SCREENSHOTS / "panel-voila-320.png")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.set_viewport_size({"width": 1280, "height": 900})
    box.fill("Go on")
    box.press("Shift+Enter")
    expect(page.locator(".e80-answer").last).to_contain_text("The mean")
    page.locator(".e80-stop").click()
    expect(page.locator(".e80-line").last).to_contain_text("interrupted")
    page.locator(".e80-p-temperature .noUi-handle").press("ArrowLeft")
    expect(page.locator(".e80-p-temperature input[type=text]")).to_have_value("0.95")
    page.locator(".e80-opens-menu").click()
    page.get_by_text("Insert transcript", exact=True).click()
    expect(page.locator(".e80-notice")).to_contain_text("There is no notebook here")
    page.locator(".e80-code").first.hover()
    page.get_by_label("Put this code").first.click()
    expect(page.locator(".e80-notice")).to_contain_text("cell")
    page.screenshot(path=SCREENSHOTS / "panel-voila.png")
    assert errors == []
    page.close()
