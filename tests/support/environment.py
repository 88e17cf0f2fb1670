"""The environment that the programs of a test get: nothing of the developer's own Jupyter."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PREFIX = "_8080_"


def project_variables(names: Iterable[str]) -> list[str]:
    """Name the variables that would lead a test to the real API."""
    return [name for name in names if name.startswith(PREFIX)]


def jupyter_variables(home: Path) -> dict[str, str]:
    """Point IPython, Jupyter and this package to empty folders, and past any proxy on loopback."""
    folders = {
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "lab" / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "lab" / "workspaces",
        "XDG_CONFIG_HOME": home / "user-config",
        "XDG_STATE_HOME": home / "state",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    loopback = "127.0.0.1,localhost,::1"
    return {
        **{name: str(folder) for name, folder in folders.items()},
        "NO_PROXY": loopback,
        "no_proxy": loopback,
    }


def child_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make the whole environment of a program: this one, cleaned, isolated, and `extra` last."""
    inherited = dict(os.environ)
    for name in project_variables(inherited):
        del inherited[name]
    return {**inherited, **jupyter_variables(home), **(extra or {})}
