"""Where the names of a prompt come from, and what an assignment gets, in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.slow

SETUP = """
%load_ext eighty80_jupyter
import os, types
from eighty80_jupyter import chat
%alias_magic a chat
q = "the global"
other = "another global"
"""


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    with KernelSession(startup=SETUP) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    result = kernel.run(
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-calling-test')\n"
        "chat.conversations.use('main'); chat.conversation.reset(); chat.config.max_retries = 0"
    )
    assert result.ok, result.error


def prompts(server: ScriptedServer) -> list[str]:
    """Return the last message of each request."""
    return [request.json["messages"][-1]["content"] for request in server.requests]


ASK = 'get_ipython().run_line_magic("chat", "Say {{q}}")'
CELL = 'get_ipython().run_cell_magic("chat", "", "Say {{q}}")'
MODULE = f"""
exec("q = 'mine'\\ndef f():\\n    " + {ASK!r}, vars(m := types.ModuleType('m')))
m.get_ipython = get_ipython
m.f()
"""


@pytest.mark.parametrize(
    "code",
    [
        "def f(q):\n    %chat Say {{q}}\nf('mine')",
        "def f(q):\n    r = %chat Say {{q}}\n    return r.text\nassert f('mine') == 'ok'",
        f"def f(q):\n    {CELL}\nf('mine')",
        "class A:\n    def f(self, q):\n        %chat Say {{q}}\nA().f('mine')",
        "class A:\n    q = 'mine'\n    def f(self):\n        %chat Say {{self.q}}\nA().f()",
        "async def f(q):\n    %chat Say {{q}}\nawait f('mine')",
        f"[{ASK} for q in ['mine']]",
        f"def f(xs):\n    return [{ASK} for q in xs]\nf(['mine'])",
        f"def f(q):\n    return [{ASK} for _ in 'x']\nf('mine')",
        f"def f(q):\n    return list({ASK} for _ in 'x')\nf('mine')",
        f"def f(q):\n    def g():\n        q\n        {CELL}\n    g()\nf('mine')",
        f"(lambda q: {ASK})('mine')",
        "def f(q):\n    %chat -s 'As {{q}}' Say {{q}}\nf('mine')",
        "for q in ['mine']:\n    %chat Say {{q}}\nq = 'the global'",
        "def f(q):\n    %a Say {{q}}\nf('mine')",
        MODULE,
    ],
)
def test_the_names_where_it_stands_win(
    kernel: KernelSession, server: ScriptedServer, code: str
) -> None:
    """A field means the variable of the function, method or comprehension that asks."""
    server.queue(stream_reply("ok"))
    result = kernel.run(code)
    assert result.ok, result.error
    assert prompts(server) == ["Say mine"]
    kernel.run("chat.conversation.system = None; q = 'the global'")


def test_globals_are_seen_from_a_function(kernel: KernelSession, server: ScriptedServer) -> None:
    """What the function has no variable for comes from the notebook."""
    server.queue(stream_reply("ok"))
    result = kernel.run("def f(q):\n    %chat {{q}} and {{other}} and {{len(q)}}\nf('mine')")
    assert result.ok, result.error
    assert prompts(server) == ["mine and another global and 4"]


@pytest.mark.parametrize(
    "code",
    [
        "def f(q):\n    def g():\n        %chat Say {{q}}\n    g()\nf('mine')",
        f"def f():\n    q = 'mine'\n    return lambda: {ASK}\nf()()",
        "def f(q):\n class A:\n  def g(self):\n   %chat -s {{q}} hi\n A().g()\nf(1)",
    ],
)
def test_what_was_not_captured_is_no_global(
    kernel: KernelSession, server: ScriptedServer, code: str
) -> None:
    """A variable of the enclosing function that Python did not keep is refused by name."""
    result = kernel.run(code)
    assert result.error is not None
    assert result.error.evalue.startswith("q is a variable of f(), which the function")
    assert server.requests == []


def test_an_assignment_gets_the_reply(kernel: KernelSession, server: ScriptedServer) -> None:
    """`x = %chat ...` is the reply, and neither it nor a line at the end is drawn twice."""
    server.queue(stream_reply("Paris."), stream_reply("Rome."))
    result = kernel.run("x = %chat The capital of France?")
    shown = [text for text in result.data("text/plain") if "Paris." in text]
    assert len(shown) == 1
    assert kernel.run("print(type(x).__name__, x.text)").stdout == "Reply Paris.\n"
    result = kernel.run("%chat And of Italy?")
    shown = [text for text in result.data("text/plain") if "Rome." in text]
    assert len(shown) == 1


def test_a_loop_hears_of_once(kernel: KernelSession, server: ScriptedServer) -> None:
    """After some turns in one cell a line says what is better, and once=True does it."""
    server.queue(*[stream_reply("ok")] * 16)
    result = kernel.run("for n in range(8):\n    chat.ask(f'Number {n}')")
    told = [text for text in result.data("text/plain") if "once=True" in text]
    assert len(told) == 1
    assert len(server.requests[7].json["messages"]) == 15
    result = kernel.run("for n in range(8):\n    chat.ask(f'Number {n}', once=True)")
    assert not [text for text in result.data("text/plain") if "once=True" in text]
    assert len(server.requests[-1].json["messages"]) == 1
    assert kernel.run("print(len(chat.conversation))").stdout == "8\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("%chat --tools all hi", "there are no tools to offer; write @chat.tool above a function"),
        ("%%chat --into class\nhi", "--into needs the name of a variable; class is a word"),
        ("%chat --new 'two words'\n%chat --use main\n%chat --use two words", "there is no conv"),
        ("%chat --in two words", "there is no conversation two; a name of several words stands in"),
        ("%%chat \u2014once\nhi", "options begin with the plain dash of the keyboard"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(kernel: KernelSession, code: str, said: str) -> None:
    """One line says what is wrong, and nothing is sent."""
    result = kernel.run(code)
    assert result.error is not None
    assert result.error.evalue.startswith(said)


def test_a_comment_around_the_magic(kernel: KernelSession, server: ScriptedServer) -> None:
    """Comments above the magic and behind its options are none of the prompt."""
    server.queue(stream_reply("ok"))
    result = kernel.run("# about cities\n%%chat -t 0.5  # colder\nHello # there")
    assert result.ok, result.error
    assert prompts(server) == ["Hello # there"]
    assert server.requests[0].json["temperature"] == 0.5
