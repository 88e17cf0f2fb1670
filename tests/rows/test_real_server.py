"""Rows on the embedded model: with its grammar and in words only, each row once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.wire.secret import Secret

if TYPE_CHECKING:
    from eighty80_jupyter.local.server import LocalServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LABELS = ["even", "odd"]
ROWS = 8


@pytest.mark.parametrize("mode", ["schema", "prompt"])
def test_each_row_once(local: LocalServer, mode: str) -> None:
    """Each row has a label or stands in the errors, and a second run sends nothing anew."""
    config = ChatConfig(base_url=local.url, api_key=Secret(local.api_key), model=local.model)
    config.structured, config.repairs = mode, 0
    if mode == "prompt":
        config.stop = [".", ","]  # it likes to talk
    session = Session(config, environ={})
    session.namespace = {}
    frame = pd.DataFrame({"number": range(ROWS)})
    try:
        run = session.start_rows(frame, "Is {{number}} odd?", returns=LABELS)
        assert run.wait(300)
        failed = {error.position for error in run.errors}
        assert run.progress().done == ROWS
        assert [value in LABELS for value in run.values] == [n not in failed for n in range(ROWS)]
        assert mode == "prompt" or not failed
        again = session.start_rows(frame, "Is {{number}} odd?", returns=LABELS)
        assert again.wait(300)
        assert again.progress().from_kept == ROWS - len(failed)
    finally:
        session.close()
