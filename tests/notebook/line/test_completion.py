"""Tab in a real kernel: options, models, variables, and what stands in a field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.notebook.line.manual import manual
from eighty80_jupyter.notebook.line.options import OPTIONS
from tests.support.kernel import KernelSession
from tests.support.replies import models_reply
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="kernel", scope="module")
def _kernel() -> Iterator[KernelSession]:
    with ScriptedServer() as server:
        server.route("GET", "/v1/models", models_reply("llama-8b", "llama-70b", "qwen"))
        with KernelSession(
            env={"_8080_API_URL": server.url, "_8080_API_KEY": "k"},
            startup=(
                "%load_ext eighty80_jupyter\n"
                "%chat --new side\n"
                "from eighty80_jupyter import chat\n"
                "@chat.tool\ndef first_tool(): pass\n"
                "@chat.tool\ndef second_tool(): pass\n"
                "import pandas as pd\n"
                "df = pd.DataFrame({'price': [1], 'product': [2]})\n"
                "different = divided = zipped = 1"
            ),
        ) as kernel:
            yield kernel


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("%%chat --temp", ["--temperature"]),
        ("%chat --fre", ["--frequency-penalty"]),
        ("%%chat -m llama", ["llama-8b", "llama-70b"]),
        ("%chat --image dif", ["different"]),
        ("%%chat --in ", ["main", "side"]),
        ("%chat --use s", ["side"]),
        ("%chat --set temp", ["temperature="]),
        ("%chat --set seed=1 temp", ["temperature="]),
        ("%chat --al", ["--alternative"]),
        ("%%chat\nExplain {{di", ["different", "dict", "dir", "divmod"]),
        ("%%chat\nExplain {{df.sha", ["shape"]),
        ("%%chat\nExplain {{df['pr", ["price", "product"]),
        ("%chat What of {{df.colum", ["columns"]),
        ("%%chat\n{{df:sch", ["schema"]),
        ("%%chat --rows df -t 0\nSort {{pric", ["price"]),
    ],
)
def test_completes(kernel: KernelSession, code: str, found: list[str]) -> None:
    """What fits at the cursor is offered: options, models, names, attributes, columns."""
    # A list of models that is slow to come is not waited for; Tab is pressed again.
    wait_until(lambda: set(found) <= set(kernel.complete(code)), what=str(kernel.complete(code)))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("%chat --tools first_tool,sec", ["second_tool"]),
        ("%chat --tool-choice ", ["first_tool", "second_tool", "auto", "none", "required"]),
        ("%chat --model=qw", ["qwen"]),
        ("x = %chat --use s", ["side"]),
        ("%chat --save x --without ", ["data", "images", "tools"]),
        ("# note\n%%chat --tempe", ["--temperature"]),
        ("%%chat\n{{div", ["divided", "divmod"]),
        ("%%chat\n{{zi", ["zipped", "zip"]),
    ],
)
def test_completes_in_this_order(kernel: KernelSession, code: str, found: list[str]) -> None:
    """Values come after their option, own names before builtins, options as in the manual."""
    wait_until(lambda: kernel.complete(code) == found, what=str(kernel.complete(code)))


def test_options_come_in_the_order_of_the_manual(kernel: KernelSession) -> None:
    """What is asked with comes before what is set, as in the manual, and each option once."""
    shown = re.findall(r"^ +(?:-\w, )?(--s[\w-]*)", manual(), re.MULTILINE)
    found = kernel.complete("%%chat --s")
    assert found == list(dict.fromkeys(shown))
    assert found.index("--system") < found.index("--samples") < found.index("--save")


def test_options_come_with_their_help(kernel: KernelSession) -> None:
    """Each option shows what the manual says of it."""
    reply = kernel.client.complete("%%chat --onc", reply=True, timeout=60)
    types = [m["type"] for m in reply["content"]["metadata"]["_jupyter_types_experimental"]]
    assert types == [OPTIONS["once"].help]


@pytest.mark.parametrize("code", ["%%chat\nplease imp", "%chat pri"])
def test_prose_is_left_alone(kernel: KernelSession, code: str) -> None:
    """In the prose of a prompt nothing of Python is offered."""
    assert kernel.complete(code) == []


@pytest.mark.parametrize(("code", "found"), [("df.sha", "df.shape"), ("impo", "import")])
def test_python_is_left_to_ipython(kernel: KernelSession, code: str, found: str) -> None:
    """Outside a chat IPython completes as ever."""
    assert {found, found.rpartition(".")[2], "." + found.rpartition(".")[2]} & set(
        kernel.complete(code)
    )


def test_reload_leaves_one_matcher(kernel: KernelSession) -> None:
    """A reload does not pile up matchers."""
    kernel.run("%reload_ext eighty80_jupyter")
    result = kernel.run("print(len(get_ipython().Completer.custom_matchers))")
    assert result.stdout == "1\n"
