"""Where Python has no threads, or no widgets: one line says so."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.attach import _make_session as make_session
from eighty80_jupyter.session.session import Session


def test_pyodide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question says that threads are missing, instead of `can't start new thread`."""
    session = Session()
    session.config.api_key = "sk-made-up-for-this-test"
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(UsageError, match="Pyodide"):
        session.ask("Hello")


def test_pyodide_at_the_first_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """`from eighty80_jupyter import chat` says so too: imports have a thread of their own."""
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr("threading.Thread.start", pytest.fail)
    with pytest.raises(UsageError, match="Pyodide"):
        make_session(None, in_kernel=False)


def test_marimo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel says what works there."""
    monkeypatch.setitem(sys.modules, "marimo", ModuleType("marimo"))
    with pytest.raises(UsageError, match="marimo shows no ipywidgets"):
        Session().panel()
