"""The magics in real kernels, against the scripted server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from eighty80_jupyter.config import DEFAULT_MODEL
from tests.support.kernel import KernelSession
from tests.support.replies import (
    Gate,
    chat_reply,
    chunk,
    error_reply,
    sse_reply,
    stream_reply,
    text_chunks,
)
from tests.support.scripted import ScriptedServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.kernel import Result

KEY = "sk-magic-test"
LOAD = "%load_ext eighty80_jupyter"


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    """Give one kernel to all tests of this file: starting one takes a second."""
    with KernelSession(startup=LOAD) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    """Begin each test with a new conversation and this test's server."""
    result = kernel.run(
        "from eighty80_jupyter import chat as _chat; import os\n"
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY={KEY!r})\n"
        "_chat.conversation.reset(); _chat.config.max_retries = 0"
    )
    assert result.ok, result.error


def failure(result: Result) -> str:
    """Return the one line that a failed cell shows."""
    assert result.error is not None
    lines = result.error.plain.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def contents(server: ScriptedServer) -> list[str]:
    """Return the texts of the messages of the last request."""
    return [message["content"] for message in server.requests[-1].json["messages"]]


def test_three_cells_are_one_conversation(kernel: KernelSession, server: ScriptedServer) -> None:
    """Each cell adds a turn, the request is what the contract says, the reply is on the page."""
    for number in (1, 2, 3):
        server.queue(stream_reply(f"Answer **{number}**."))
        result = kernel.run(f"%%chat\nQuestion {number}: {{x}} costs $5, isn't it?\n")
        assert result.ok
        assert result.data("text/plain")[0] == f"Answer **{number}**."
        assert f"<strong>{number}</strong>" in result.data("text/html")[0]
    questions = [f"Question {n}: {{x}} costs $5, isn't it?" for n in (1, 2, 3)]
    assert contents(server) == [
        questions[0], "Answer **1**.", questions[1], "Answer **2**.", questions[2],
    ]  # fmt: skip
    assert server.requests[0].json == {
        "model": DEFAULT_MODEL,
        "messages": [{"role": "user", "content": questions[0]}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    "prompt",
    [
        "What's this?",
        "What is 2+2?",
        "help??",
        'don\'t "panic" $5 {x} $HOME `ls` \\n 100%',
        "-- -5 degrees?",
        "naïve 你好 🙂 ?",
        "f(x) = x! and (a, b",
    ],
)
def test_line_prompt_arrives_untouched(
    kernel: KernelSession, server: ScriptedServer, prompt: str
) -> None:
    """What stands after %chat is the prompt as it was typed, a question mark at its end too."""
    server.queue(stream_reply("ok"))
    result = kernel.run(f"y = 1\n%chat {prompt}\ny = 2")
    assert result.ok, result.error
    assert contents(server) == [prompt.removeprefix("-- ")]


def test_string_that_looks_like_the_magic(kernel: KernelSession) -> None:
    """A line of a string is not a prompt, though it reads like one."""
    result = kernel.run('s = """\n%chat what?\n"""\nprint(repr(s))')
    assert result.stdout == "'\\n%chat what?\\n'\n"


def test_options_hold_for_one_cell(kernel: KernelSession, server: ScriptedServer) -> None:
    """An option is sent with its cell, a trait until it is changed, and nothing else is."""
    server.queue(*(stream_reply("ok") for _ in range(3)))
    kernel.run("%%chat -t 0.5 --max-tokens 9 --stop END\na")
    kernel.run("%config ChatConfig.top_p = 0.3")
    kernel.run("%%chat -m other\nb")
    kernel.run("%config ChatConfig.top_p = None")
    kernel.run("%chat c")
    plain = {"model", "messages", "stream", "stream_options"}
    first, second, third = (request.json for request in server.requests)
    assert first.keys() == {*plain, "temperature", "max_completion_tokens", "stop"}
    assert (first["temperature"], first["max_completion_tokens"]) == (0.5, 9)
    assert second.keys() == {*plain, "top_p"}
    assert second["model"] == "other"
    assert third.keys() == plain


def test_bad_option_sends_nothing(kernel: KernelSession, server: ScriptedServer) -> None:
    """A value out of bounds is one line, and no request."""
    result = kernel.run("%%chat -t 3\nhi")
    assert failure(result) == "UsageError: temperature must be between 0 and 2, got 3"
    assert not server.requests


def test_text_on_the_cell_line(kernel: KernelSession, server: ScriptedServer) -> None:
    """A prompt on the %%chat line is refused with where it belongs."""
    assert "write the prompt into the cell" in failure(kernel.run("%%chat hello\nworld"))
    assert "the plain dash of the keyboard" in failure(kernel.run("%%chat \N{EM DASH}t 1\nworld"))
    assert "prompt is empty" in failure(kernel.run("%%chat\n\n"))
    assert not server.requests


def test_into_a_variable(kernel: KernelSession, server: ScriptedServer) -> None:
    """--into puts the Reply into a variable, whose display is the rendered reply."""
    server.queue(stream_reply("Some *text*."))
    kernel.run("%%chat --into answer\nhi")
    result = kernel.run(
        "print(answer.text, answer.finish_reason, answer.usage.completion_tokens > 0)"
    )
    assert result.stdout == "Some *text*. stop True\n"
    assert "<em>text</em>" in kernel.run("answer").data("text/html")[0]


def test_python_and_magic_share_the_conversation(
    kernel: KernelSession, server: ScriptedServer
) -> None:
    """`chat.ask` goes on where the cell ended, and returns the reply."""
    server.queue(stream_reply("one"), stream_reply("two"))
    kernel.run("%chat first")
    result = kernel.run(
        "from eighty80_jupyter import chat\n"
        "r = chat.ask('second', temperature=0)\nprint(r.text, len(chat.conversation))"
    )
    assert result.stdout == "two 2\n"
    assert contents(server) == ["first", "one", "second"]


def test_reload_keeps_the_conversation(kernel: KernelSession, server: ScriptedServer) -> None:
    """%reload_ext and unloading and loading go on with the same conversation."""
    server.queue(stream_reply("one"), stream_reply("two"))
    kernel.run("%chat first")
    assert kernel.run("%reload_ext eighty80_jupyter").ok
    kernel.run("%unload_ext eighty80_jupyter")
    assert "not found" in kernel.run("%chat nothing").stderr
    kernel.run(LOAD)
    kernel.run("%chat second?")
    assert contents(server) == ["first", "one", "second?"]


def test_status_and_history(kernel: KernelSession, server: ScriptedServer) -> None:
    """%chat alone tells where you stand; --history shows the turns; --reset forgets them."""
    server.queue(stream_reply("A **bold** answer."))
    kernel.run("%%chat -s 'Be kind.'\nhello <b>")
    kernel.run("%config ChatConfig.seed = 7")
    status = kernel.run("%chat").data()[0]
    for fact in (server.url, DEFAULT_MODEL, "1 turn", "2 messages", "seed = 7", "Be kind."):
        assert fact in status
    assert KEY not in status
    kernel.run("%config ChatConfig.seed = None")
    history = kernel.run("%chat --history")
    assert "hello &lt;b&gt;" in history.data("text/html")[0]
    assert "<strong>bold</strong>" in history.data("text/html")[0]
    assert "1. You:\nhello <b>" in history.data()[0]
    kernel.run("%chat --reset")
    assert "empty" in kernel.run("%chat --history").data()[0]
    server.queue(stream_reply("ok"))
    kernel.run("%chat anew")
    assert contents(server) == ["anew"]


def test_reset_and_ask_in_one(kernel: KernelSession, server: ScriptedServer) -> None:
    """--reset before a prompt forgets the conversation first."""
    server.queue(stream_reply("one"), stream_reply("two"))
    kernel.run("%chat first")
    assert kernel.run("%%chat --reset\nsecond").ok
    assert contents(server) == ["second"]


def test_manual(kernel: KernelSession) -> None:
    """%%chat? shows the manual, with every option and what it does."""
    for question in ("%%chat?", "%chat?"):
        result = kernel.run(question)
        assert result.reply is not None
        shown = result.reply["payload"][0]["data"]["text/plain"]
        assert "--temperature" in shown
        assert "--into NAME" in shown
        assert "%%chat [options]" in shown


def test_interrupt_keeps_what_had_come(kernel: KernelSession, server: ScriptedServer) -> None:
    """An interrupt ends the cell with one line; the partial reply is on the page and remembered."""
    gate = threading.Event()
    pieces = text_chunks("one two three four", n=4)
    server.queue(sse_reply([*pieces[:3], Gate(gate), *pieces[3:]]))
    result = kernel.submit("%%chat\ncount")
    kernel.wait_for(lambda: bool(result.data("text/html")), what="the first words")
    kernel.interrupt()
    kernel.finish(result)
    assert failure(result) == "ChatInterrupted: interrupted; what had come is kept"
    partial = result.data()[0]
    assert partial
    assert "one two three four".startswith(partial)
    assert "interrupted" in result.data()[-1]
    server.wait_disconnect()
    gate.set()
    server.queue(stream_reply("fine"))
    assert kernel.run("%chat go on").ok
    assert contents(server) == ["count", partial, "go on"]


def test_interrupt_before_anything_came(kernel: KernelSession, server: ScriptedServer) -> None:
    """An interrupt while waiting leaves the conversation as it was."""
    gate = threading.Event()
    server.queue(sse_reply([Gate(gate), *text_chunks("late")]))
    result = kernel.submit("%%chat\nhello")
    server.wait_request()
    kernel.interrupt()
    kernel.finish(result)
    assert failure(result) == "ChatInterrupted: interrupted; nothing had come yet"
    gate.set()
    assert "empty" in kernel.run("%chat --history").data()[0]


def test_failures_are_one_line(kernel: KernelSession, server: ScriptedServer) -> None:
    """Wrong key, unknown model, no server, no key: one line each, and the kernel goes on."""
    server.queue(error_reply(401, f"Incorrect API key: {KEY}"), error_reply(404, "no such model"))
    line = failure(kernel.run("%%chat\nhi"))
    assert line.startswith("AuthenticationError: ")
    assert KEY not in line
    line = failure(kernel.run("%%chat -m nope\nhi"))
    assert line.startswith("NotFoundError: ")
    assert "no such model" in line
    kernel.run("os.environ['_8080_API_URL'] = 'http://127.0.0.1:9'")
    assert failure(kernel.run("%%chat\nhi")).startswith("APIConnectionError: cannot connect")
    kernel.run("os.environ |= {'_8080_API_KEY': '', '_8080_API_URL': 'https://far.example'}")
    line = failure(kernel.run("%%chat\nhi"))
    for way in ("_8080_API_KEY", "%chat --key", "%chat --local"):
        assert way in line
    assert "empty" in kernel.run("%chat --history").data()[0]


def test_several_answers(kernel: KernelSession, server: ScriptedServer) -> None:
    """With -n 2 the answers stand side by side in the end, each under its heading."""
    events = [
        chunk({"content": "beta"}, index=1),
        chunk({"content": "alpha"}, index=0),
        chunk({}, index=0, finish_reason="stop"),
        chunk({}, index=1, finish_reason="stop"),
    ]
    server.queue(sse_reply(events))
    shown = kernel.run("%%chat -n 2\nhi").data("text/html")
    assert shown[0].index("Answer 1") < shown[0].index("alpha") < shown[0].index("Answer 2")
    assert shown[0].index("Answer 2") < shown[0].index("beta")


def test_reasoning_is_folded(kernel: KernelSession, server: ScriptedServer) -> None:
    """What the model thinks stands in a closed <details> above the answer, and is not sent back."""
    events = [
        chunk({"reasoning": "Let me see."}),
        chunk({"content": "42"}),
        chunk({}, finish_reason="stop"),
    ]
    server.queue(sse_reply(events), stream_reply("ok"))
    first, second, *_ = kernel.run("%chat hi").data("text/html")
    assert first.startswith("<details")
    assert " open" not in first.split(">")[0]
    assert "Let me see." in first
    assert "42" in second
    kernel.run("%chat again")
    assert contents(server) == ["hi", "42", "again"]


def test_model_text_cannot_run(kernel: KernelSession, server: ScriptedServer) -> None:
    """Script, handlers and javascript: links of a reply do not reach the page as HTML."""
    server.queue(stream_reply("<script>x()</script><img src=q onerror=x()> [a](javascript:x())"))
    shown = "".join(kernel.run("%chat hi").data("text/html")).lower()
    for danger in ("<script", "<img", 'href="javascript', "href='javascript"):
        assert danger not in shown


def test_model_text_commands_no_terminal(kernel: KernelSession, server: ScriptedServer) -> None:
    """A front end without HTML is a terminal: the plain text beside it has nothing to obey."""
    evil = "a\x1b]52;c;eA==\x07b\x1b[2J\x9b2Jc"
    events = [chunk({"reasoning_content": evil}), *text_chunks(evil)]
    server.queue(sse_reply(events), error_reply(400, evil))
    cells = ["%%chat\nx", "%chat --history", "%chat --alternative 1", "%chat --dry-run y"]
    shown = "".join("".join(kernel.run(cell).data()) for cell in cells)
    assert shown.count("a\ufffd]52;c;eA==\ufffdb\ufffd[2J\ufffd2Jc") == 5
    refused = kernel.run("%%chat\nx").error
    assert refused is not None
    shown += refused.plain
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


@pytest.mark.slow
def test_settings_from_the_configuration_file(server: ScriptedServer) -> None:
    """`c.ChatConfig` of an IPython profile holds in every kernel, and its key shows nowhere."""
    with KernelSession(env={"_8080_API_URL": server.url}) as kernel:
        kernel.run(
            "c = get_ipython().config\n"
            f"c.ChatConfig.temperature = 0.25; c.ChatConfig.api_key = {KEY!r}"
        )
        kernel.run(LOAD)
        server.queue(stream_reply("ok"))
        assert kernel.run("%chat hi").ok
        assert server.requests[0].json["temperature"] == 0.25
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        for code in ("get_ipython().config", "%config ChatConfig", "%chat", "_chat = 1"):
            result = kernel.run(code)
            assert KEY not in result.stdout + "".join(map(str, result.data()))


def test_pictures_and_sounds(kernel: KernelSession, server: ScriptedServer, tmp_path: Path) -> None:
    """--image and --audio take a file, an address or a variable; a missing file sends nothing."""
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    kernel.run("tone = b'ID3'")
    server.queue(stream_reply("ok"))
    result = kernel.run(
        f"%%chat --image {tmp_path}/p.png --image https://x.example/y.png --audio tone\nWhat?"
    )
    assert result.ok, result.error
    kinds = [part["type"] for part in server.requests[0].json["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "image_url", "input_audio"]
    assert "cannot read a picture from 'q.png'" in failure(kernel.run("%%chat --image q.png\nx"))
    assert len(server.requests) == 1


def test_models(kernel: KernelSession, server: ScriptedServer) -> None:
    """--models lists what the server has, as a table."""
    result = kernel.run("%chat --models")
    assert result.ok, result.error
    assert DEFAULT_MODEL in result.data()[0]
    assert DEFAULT_MODEL in result.data("text/html")[0]
    assert len(server.requests) == 1


def test_not_streamed(kernel: KernelSession, server: ScriptedServer) -> None:
    """--no-stream waits for the whole reply, as one JSON object."""
    server.queue(chat_reply("whole **reply**"))
    result = kernel.run("%%chat --no-stream\nhi")
    assert "stream" not in server.requests[0].json
    assert "<strong>reply</strong>" in result.data("text/html")[0]


def test_a_key_is_typed_in(kernel: KernelSession, server: ScriptedServer) -> None:
    """--key asks for a key without echo, uses it, and shows it nowhere; else one line says why."""
    line = failure(kernel.run("%chat --key"))
    assert "_8080_API_KEY" in line
    result = kernel.run(
        "import getpass as g; g.getpass = lambda prompt: 'sk-typed-in'\n"
        "%chat --key"  # in the same cell: ipykernel puts its own in place for each one
    )
    assert result.ok, result.error
    server.queue(stream_reply("ok"))
    kernel.run("%chat hi")
    assert server.requests[0].headers["authorization"] == "Bearer sk-typed-in"
    for code in ("%chat", "%config ChatConfig", "%config ChatConfig.api_key", "_chat.config"):
        shown = kernel.run(code)
        assert "sk-typed-in" not in shown.stdout + "".join(map(str, shown.data()))
    kernel.run("%config ChatConfig.api_key = None")


def test_queued_cells_do_not_run_after_a_failure(
    kernel: KernelSession, server: ScriptedServer
) -> None:
    """A cell that fails ends a "Run all": the cells behind it are not run."""
    patience = "get_ipython().kernel.stop_on_error_timeout = "  # seconds for cells on their way
    assert kernel.run(f"{patience}1.0").ok
    server.queue(error_reply(400, "no"))
    first = kernel.submit("%chat hi")
    second = kernel.submit("print('ran')")
    kernel.finish(first)
    kernel.finish(second)
    assert first.status == "error"
    assert second.status == "aborted"
    wait_until(lambda: kernel.run(f"{patience}0.0").ok)


@pytest.mark.slow
def test_loading_brings_in_nothing_heavy() -> None:
    """%load_ext imports neither the HTTP library nor the Markdown stack nor ipywidgets."""
    with KernelSession() as fresh:
        heavy = "{'httpx', 'aiohttp', 'markdown', 'nh3', 'ipywidgets'}"
        look = f"import sys; print(sorted(n for n in {heavy} if n in sys.modules))"
        result = fresh.run(f"{LOAD}\n{look}")  # once the kernel rests it warms up by itself
        assert result.stdout == "[]\n"
