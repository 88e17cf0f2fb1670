"""Open JupyterLab on a copy of the notebooks in `build/lab`; a copy that is there is kept."""

# ruff: noqa: INP001, T201 - a program of the Makefile, which tells what it does

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "notebooks"
TARGET = ROOT / "build" / "lab"


def main() -> None:
    """Copy what is missing, then become JupyterLab."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.rglob("*"):
        copy = TARGET / path.relative_to(SOURCE)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    print(f"A copy of the notebooks is in {TARGET.relative_to(ROOT)}; remove it for a fresh one.")
    command = [sys.executable, "-m", "jupyterlab", *sys.argv[1:]]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    os.chdir(TARGET)
    os.execv(command[0], command)  # noqa: S606 - the point of this program


if __name__ == "__main__":
    main()
