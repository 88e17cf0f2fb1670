"""%chat --local in a real kernel, and the committed notebooks on the real model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kernel import KernelSession

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_a_conversation_with_the_embedded_model(kernel: Callable[..., KernelSession]) -> None:
    """%chat --local needs no key, streams an answer, and ends with the kernel."""
    session = kernel(startup="%load_ext eighty80_jupyter")
    started = session.run("%chat --local", timeout=300)
    assert started.ok, started.error
    result = session.run("%%chat -t 0 --max-tokens 40\nWhat is the capital of France?", timeout=120)
    assert result.ok, result.error
    assert len(result.data()[0].split()) > 3
    assert "smollm2-135m-instruct" in result.data()[-1]
    assert "tokens/s" in result.data()[-1]
    pid = int(
        session.run(
            "from eighty80_jupyter import chat\n"
            "print(chat._embedded._server.pid, chat.config.api_key)"
        ).stdout.split()[0]
    )
    again = session.run("%chat --local")
    assert "smollm2" in again.stdout
    assert session.run("print(chat._embedded._server.pid)").stdout == f"{pid}\n"
    assert "missing.gguf in" in failure(session, "%chat --local missing.gguf")
    assert session.run("print(chat._embedded._server.pid)").stdout == f"{pid}\n"
    assert session.run("%chat --remote").ok
    wait_until(lambda: not exists(pid), what="the end of the server")
    assert "https://api.8080.io" in session.run("%chat").data()[0]


def failure(session: KernelSession, code: str) -> str:
    """Return the one line of a failing cell."""
    error = session.run(code).error
    assert error is not None
    assert len(error.plain.splitlines()) == 1
    return error.plain


def exists(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_notebook(kernel: Callable[..., KernelSession], name: str) -> None:
    """Every cell of a committed notebook runs, and it was committed with outputs like these."""
    path = NOTEBOOKS / f"{name}.ipynb"
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat is half typed
    session = kernel()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        result = session.run(cell.source, timeout=300)
        assert result.ok, (cell.source, result.error)
        shown = [out["output_type"] for out in result.outputs]
        assert shown == [out["output_type"] for out in cell.outputs], cell.source
        if cell.source.startswith(("%%chat", "%chat -t")):
            assert len(result.data()[0]) > 20
            assert len(cell.outputs[-1]["data"]["text/plain"]) > 20
