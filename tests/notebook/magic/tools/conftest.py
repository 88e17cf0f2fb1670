"""One kernel with tools for the tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.notebook.magic.tools.seeing import TOOLS
from tests.support.kernel import KernelSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    with KernelSession(startup="%load_ext eighty80_jupyter\n" + TOOLS) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    kernel.questions.clear()
    result = kernel.run(
        "import os\n"
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-tools-test')\n"
        "chat.conversation.reset(); chat.config.max_retries = 0; chat.requests._always.clear()\n"
        "chat.config.tool_rounds = 10"
    )
    assert result.ok, result.error
