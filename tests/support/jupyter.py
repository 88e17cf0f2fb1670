"""A real Jupyter server in a process of its own, and the notebooks that are given to it."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from tests.support.environment import child_environment
from tests.support.ports import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

EXTENSION = Path(__file__).parents[2] / "eighty80_jupyter" / "notebook" / "lab" / "extension"
App: TypeAlias = Literal["lab", "notebook"]

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
}


def make_notebook(*sources: str) -> dict[str, Any]:
    """Make a notebook of code cells; a source that starts with `md:` becomes a Markdown cell."""
    cells: list[dict[str, Any]] = []
    for number, source in enumerate(sources):
        cell = {"id": f"cell-{number}", "metadata": {}, "source": source.removeprefix("md:")}
        if source.startswith("md:"):
            cells.append({"cell_type": "markdown", **cell})
        else:
            cells.append({"cell_type": "code", "execution_count": None, "outputs": [], **cell})
    spec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}, "cells": cells}


class JupyterServer:
    """A Jupyter server in a process of its own, with an empty root, no news and no terminals.

    `env` is added to the cleaned environment of the server and so of every kernel. `root`: None
    means a new temporary folder. `python` runs it; kernels run in the environment of the tests.
    """

    def __init__(
        self,
        app: App = "lab",
        *,
        env: Mapping[str, str] | None = None,
        root: Path | None = None,
        timeout: float = 100.0,
        python: str = sys.executable,
    ) -> None:
        self.app = app
        self.python = python
        self.env = dict(env or {})
        self.timeout = timeout
        self.token = secrets.token_hex(16)
        self.port = 0
        self._home = tempfile.TemporaryDirectory(prefix="jupyter-", ignore_cleanup_errors=True)
        self.home = Path(self._home.name)
        self.root = root or self.home / "root"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server has printed."""
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        env = child_environment(self.home, self.env)
        overrides = self.home / "config" / "labconfig" / "default_setting_overrides.json"
        overrides.parent.mkdir(parents=True)
        overrides.write_text(json.dumps(SETTINGS), encoding="utf-8")
        self.root.mkdir(exist_ok=True)
        if self.python == sys.executable:
            # Installed is a copy of the extension, which may be older than what is tested.
            ours = self.home / "path" / "labextensions" / "eighty80-jupyter"
            ours.parent.mkdir(parents=True)
            ours.symlink_to(EXTENSION, target_is_directory=True)
            env["JUPYTER_PATH"] = str(self.home / "path")
        else:
            spec = self.home / "data" / "kernels" / "python3" / "kernel.json"
            spec.parent.mkdir(parents=True)
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            named = {"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}
            spec.write_text(json.dumps(named), encoding="utf-8")
        self.port = free_port()
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), env=env, cwd=self.root, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._answers, timeout=self.timeout, interval=0.1, what="Jupyter to answer")

    def _command(self) -> list[str]:
        module, name = {
            "lab": ("jupyterlab", "LabApp"),
            "notebook": ("notebook", "JupyterNotebookApp"),
        }[self.app]
        settings = {
            "ServerApp.allow_root": True,
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.open_browser": False,
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.root,
            "ServerApp.terminals_enabled": False,
            "IdentityProvider.token": self.token,
            f"{name}.expose_app_in_browser": True,
            "LabApp.extension_manager": "readonly",
            "LabApp.news_url": "",
            "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        }
        options = [f"--{setting}={value}" for setting, value in settings.items()]
        return [self.python, "-m", module, *options]

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Jupyter ended with {self._process.returncode}:\n{self.log}")
        try:
            self.api("GET", "api/status")
        except OSError:
            return False
        return True

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the server's own API: `api("GET", "api/sessions")`."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.url}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as reply:
            data = reply.read()
        return json.loads(data) if data else None

    def close(self) -> None:
        """End the server with its kernels, remove its folders."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._home.cleanup()
