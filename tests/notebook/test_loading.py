"""What loading brings in, and what waits for its first use."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.session import Session

HEAVY = {"IPython", "aiohttp", "httpx", "ipywidgets", "markdown", "mcp", "nh3", "pydantic", "rich"}
SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; shell = S.instance(); "
LOAD = SHELL + "shell.run_line_magic('load_ext', 'eighty80_jupyter')"


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh Python has after `code`."""
    code += "; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ("import eighty80_jupyter", set()),
        ("from eighty80_jupyter import chat", set()),
        ("from eighty80_jupyter import chat; chat.config.temperature = 1", set()),
        (LOAD, {"IPython"}),
    ],
)
def test_nothing_heavy_is_loaded_before_its_use(code: str, may: set[str]) -> None:
    """No HTTP client, Markdown, widgets or pydantic come in before somebody needs them."""
    assert not (HEAVY - may) & loaded_by(code)


def test_the_extension_loads_no_more_than_the_magics_and_the_settings() -> None:
    """`%load_ext` leaves the session and all that a prompt needs to the first prompt."""
    loaded = loaded_by(LOAD)
    assert "eighty80_jupyter.config" in loaded
    assert not {"eighty80_jupyter.session.session", "eighty80_jupyter.turns.turn"} & loaded


def test_a_typed_answer_needs_no_reader_of_schemas() -> None:
    """Where Jupyter's own packages are installed jsonschema takes a second to load."""
    code = (
        "from eighty80_jupyter.structured.shape import shape_of; "
        "assert shape_of('label: bug|feature, score: float').check({'label': 'bug', 'score': 1})"
    )
    assert "jsonschema" not in loaded_by(code)


@pytest.mark.slow
def test_nothing_of_mcp_is_loaded_before_the_first_server() -> None:
    """A session that lists its servers has imported nothing for them."""
    code = "from eighty80_jupyter import chat; dict(chat.servers.known); chat.close()"
    names = {"mcp", "mcp_types", "httpx2", "eighty80_jupyter.mcp"}
    assert not names & loaded_by(code)


@pytest.mark.slow
def test_mcp_that_is_missing_is_one_line() -> None:
    """Without the package, the first server says how to install it, and everything else works."""
    code = (
        "import sys; sys.modules['mcp'] = None; from eighty80_jupyter import chat\n"
        "try: chat.mcp('echo x')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "print(chat.servers.known)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line, known = done.stdout.splitlines()
    assert line.startswith("UsageError MCP servers need the package mcp")
    assert "pip install 'eighty80-jupyter[mcp]'" in line
    assert known == "{}"


@pytest.mark.parametrize("method", [Session.ask, Session.start])
def test_signatures_list_what_a_turn_takes(method: object) -> None:
    """`help` and Tab show each option and each parameter, whichever of the two asks."""
    names = set(inspect.signature(method).parameters)  # type: ignore[arg-type]  # both are functions
    options = set(inspect.signature(TurnOptions).parameters) - {"parameters"}
    assert options | set(PARAMETERS) <= names
    assert "keywords" not in names
