"""Fixtures of the tests of prompts."""

from __future__ import annotations

import time

import pytest

from eighty80_jupyter.prompt.describe.foreign import TimeLimit
from eighty80_jupyter.prompt.describe.tables import columnar, table

PLENTY = 100.0  # seconds


@pytest.fixture(name="hurried")
def _hurried() -> None:
    """Leave the limits of time as they are, for a test that is about them."""


@pytest.fixture(autouse=True)
def _time_enough(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no stall of the machine shorten a description."""
    if "hurried" in request.fixturenames:
        return
    monkeypatch.setattr(TimeLimit.__init__, "__defaults__", (PLENTY, PLENTY, time.perf_counter))
    monkeypatch.setattr(columnar, "_SECONDS", PLENTY)
    monkeypatch.setattr(table, "_SECONDS", PLENTY)
