"""The second try of a test, which begins without anything that the first one left."""

from __future__ import annotations

import contextlib
from typing import Any


def end_fixtures(item: Any) -> None:
    """End each fixture of a test, those too that outlast it; the next use sets it up anew.

    `pytest-rerunfailures` keeps what a module or the session shares unless its own setup failed,
    and a kernel that has died or a notebook that ran badly would fail the test once more.
    """
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        for definition in definitions:
            # What is broken may end badly. The report of the first try says what broke.
            with contextlib.suppress(Exception):
                definition.finish(item._request)
