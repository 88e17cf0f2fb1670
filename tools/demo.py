"""Run the quickstart notebook in a real kernel, and show what its first `%%chat` cell replied.

Writes `build/demo/quickstart.ipynb` and `build/demo/quickstart.html`; ends with status 1 and a
short message when a cell fails.
"""

# ruff: noqa: INP001, T201 - a program of the Makefile, which tells what it does

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "notebooks"
TARGET = ROOT / "build" / "demo"
NAME = "quickstart.ipynb"
CELL_TIMEOUT = 600


def main() -> int:
    """Run the demo; return the exit status."""
    if not (SOURCE / NAME).is_file():
        print(f"notebooks/{NAME} is missing.", file=sys.stderr)
        return 1
    shutil.copytree(SOURCE, TARGET, dirs_exist_ok=True)
    path = TARGET / NAME
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat ships half of its types
    print(f"Running notebooks/{NAME} ...", flush=True)
    start = time.monotonic()
    failure = run(notebook)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call] # as above
    if failure:
        print(f"{failure}\nWhat ran so far: {path.relative_to(ROOT)}", file=sys.stderr)
        return 1
    page = path.with_suffix(".html")
    html, _ = HTMLExporter().from_notebook_node(notebook)  # type: ignore[no-untyped-call] # as above
    page.write_text(html, encoding="utf-8")
    print(f"Done in {time.monotonic() - start:.1f} s.")
    prompt, reply = first_reply(notebook)
    if prompt:
        print(f"\n{prompt}\n\n{reply}\n")
    print(f"The notebook as it ran: {path.relative_to(ROOT)} and {page.relative_to(ROOT)}")
    print("To try it yourself: make lab")
    return 0


def run(notebook: Any) -> str:
    """Run every cell in place; return why that failed, or an empty text."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not the user's
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of its transport, loopback
        resources={"metadata": {"path": str(TARGET)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        number, source = next(
            (number, cell.source)
            for number, cell in enumerate(notebook.cells, 1)
            if any(out.output_type == "error" for out in cell.get("outputs", ()))
        )
        return f"Cell {number} failed ({source.splitlines()[0]}): {error.ename}: {error.evalue}"
    except (CellControlSignal, DeadKernelError) as error:
        return f"The notebook did not run to its end: {error}"
    return ""


def first_reply(notebook: Any) -> tuple[str, str]:
    """Return the first `%%chat` cell and the text of its outputs; empty texts if there is none."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("%%chat"):
            texts = [out["data"].get("text/plain", "") for out in cell.outputs if "data" in out]
            return cell.source, "\n".join(text for text in texts if text)
    return "", ""


if __name__ == "__main__":
    sys.exit(main())
