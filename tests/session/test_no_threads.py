"""Where Python has no threads, or no widgets: one line says so."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.session import Session


def test_pyodide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question says that threads are missing, instead of `can't start new thread`."""
    session = Session()
    session.config.api_key = "sk-made-up-for-this-test"
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(UsageError, match="Pyodide"):
        session.ask("Hello")


def test_marimo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel says what works there."""
    monkeypatch.setitem(sys.modules, "marimo", ModuleType("marimo"))
    with pytest.raises(UsageError, match="marimo shows no ipywidgets"):
        Session().panel()
