"""One kernel for the tests of a file: starting one takes a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.notebook.attended import AttendedKernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[AttendedKernel]:
    """Give one kernel to all tests of a file."""
    with AttendedKernel(startup="%load_ext eighty80_jupyter") as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: AttendedKernel, server: ScriptedServer) -> None:
    """Begin each test with one empty conversation and this test's server."""
    result = kernel.run(
        "from eighty80_jupyter import chat; import os\n"
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-commands')\n"
        "for name in chat.conversations: chat.conversations.delete(name)\n"
        "chat.config.max_retries = 0"
    )
    assert result.ok, result.error
