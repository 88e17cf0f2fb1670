"""Settings by %chat --set, and the report for a bug."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import IPython
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.line.parser import parse
from tests.support.kernel import KernelSession
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.support.kernel import Result
    from tests.support.scripted import ScriptedServer

KEY = "sk-settings-test"


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    """Give one kernel to all tests of this file: starting one takes a second."""
    with KernelSession(startup="%load_ext eighty80_jupyter") as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    """Begin each test with the default settings and this test's server."""
    result = kernel.run(
        "from eighty80_jupyter import chat, ChatConfig; import os\n"
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY={KEY!r})\n"
        "chat.conversation.reset(); fresh = ChatConfig()\n"
        "for name in chat.config.trait_names(config=True):\n"
        "    setattr(chat.config, name, getattr(fresh, name))\n"
    )
    assert result.ok, result.error


def failure(result: Result) -> str:
    """Return the one line that a failed cell shows."""
    assert result.error is not None
    lines = result.error.plain.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize(
    ("line", "values", "rest"),
    [
        ("--set a=1 b='x y' hello", {"a": "1", "b": "x y"}, "hello"),
        ('--set a={"x": [1, 2]} b=c', {"a": '{"x": [1, 2]}', "b": "c"}, ""),
        ('--set system="" -- a=b', {"system": ""}, "a=b"),
        ("--set", {}, ""),
    ],
)
def test_pairs_are_parsed(line: str, values: dict[str, str], rest: str) -> None:
    """Pairs end where something else begins; values may be quoted, or JSON."""
    options, prompt = parse(line)
    assert (options.given, prompt) == ({"set": values}, rest)


@pytest.mark.parametrize(
    ("line", "values", "rest"),
    [
        ("--undo", {"undo": 1}, ""),
        ("--undo 2", {"undo": 2}, ""),
        ("--undo What now?", {"undo": 1}, "What now?"),
        ("--undo 2x", {"undo": 1}, "2x"),
        ("--fork --at 3", {"fork": "", "at": 3}, ""),
        ("--fork side --at=3", {"fork": "side", "at": 3}, ""),
        ("--history 3-7", {"history": "3-7"}, ""),
        ("--history 3-", {"history": "3-"}, ""),
        ("--history -t 1", {"history": "", "temperature": 1}, ""),
        ("--code --new ideas What?", {"code": -1, "new": "ideas"}, "What?"),
        ("--new -- What?", {"new": ""}, "What?"),
        ("--in 'a b' What?", {"in": "a b"}, "What?"),
    ],
)
def test_values_that_may_be_left_out(line: str, values: dict[str, Any], rest: str) -> None:
    """What does not look like an option's value begins the prompt."""
    options, prompt = parse(line)
    assert (options.given, prompt) == (values, rest)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--set x", "--set takes NAME=VALUE, without spaces; got 'x'"),
        ("--set x= y", "--set x= needs a value"),
        ("--at two", "--at needs a whole number, got 'two'"),
        ("--undo=x", "--undo takes N, got 'x'"),
        ("--undo -1", "--undo takes N, got '-1'"),
        ("--history -1", "--history takes N-M, got '-1'"),
        ("--retry -2 again", "--retry takes N, got '-2'"),
        ("--alternative", "--alternative needs a value"),
        ("--alternative 99999999999999", "--alternative needs a whole number"),
    ],
)
def test_bad_values(line: str, message: str) -> None:
    """A value of another kind is refused with what was expected."""
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert str(caught.value).startswith(message)


@given(st.text(alphabet="ab=1 '\"{}[],-:", max_size=30))
def test_any_pairs_are_parsed_or_refused(text: str) -> None:
    """No text behind --set does anything but parse or be refused."""
    try:
        options, _ = parse("--set " + text)
    except UsageError:
        return
    assert all(isinstance(value, str) for value in options.given["set"].values())


def test_settings_hold_for_the_kernel(kernel: KernelSession, server: ScriptedServer) -> None:
    """--set changes several settings at once, says what they are, and they are sent."""
    result = kernel.run(
        '%chat --set temperature=0.2 model=\'a model\' stop=["x","y"] logprobs=true '
        "read_timeout=5 stream=False system='Be brief.'"
    )
    assert result.ok, result.error
    assert result.stdout.splitlines()[:3] == [
        "temperature = 0.2", "model = 'a model'", "stop = ['x', 'y']",
    ]  # fmt: skip
    server.queue(stream_reply("ok"))
    kernel.run("%chat --set stream=True")
    assert kernel.run("%chat hi").ok
    body = server.requests[-1].json
    assert (body["temperature"], body["model"], body["stop"]) == (0.2, "a model", ["x", "y"])
    assert body["messages"][0]["content"] == "Be brief."
    shown = kernel.run("%chat --set").stdout
    assert "read_timeout = 5.0" in shown
    assert "stream" not in shown
    kernel.run("%chat --set temperature=None model=default stop=default read_timeout=default")
    rest = kernel.run("%chat --set").stdout
    assert rest == "logprobs = True\nsystem = 'Be brief.'\n"


def test_typed_key_is_taken_back(kernel: KernelSession) -> None:
    """`--set api_key=default` forgets the key that was typed in, as it does any setting."""
    kernel.run("%chat --key", answers=["typed-key"])
    assert "set for this kernel" in kernel.run("%chat").data()[0]
    assert kernel.run("%chat --set api_key=default").stdout == "api_key = the default\n"
    assert "set for this kernel" not in kernel.run("%chat").data()[0]


def test_what_stands_around_a_key_is_taken_off_with_a_word(kernel: KernelSession) -> None:
    """A key that was copied with its quotes works, and the line says what was done."""
    said = kernel.run("%chat --key", answers=['"typed-key"']).stdout
    assert said == "The key is set for this kernel; the quotes around it were taken off.\n"
    kernel.run("%chat --set api_key=default")


def test_headers_are_set_without_their_secrets(kernel: KernelSession) -> None:
    """A plain header is set, a secret one must name an environment variable."""
    good = kernel.run("""%chat --set extra_headers='{"X-Team": "a", "api-key": "$GATEWAY"}'""")
    assert good.ok, good.error
    line = failure(kernel.run("""%chat --set extra_headers='{"api-key": "word-1234"}'"""))
    assert "$NAME" in line
    assert "word-1234" not in line
    kernel.run("%chat --set extra_headers=default")


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("temperature=3", "temperature must be between 0 and 2, got 3"),
        ("temprature=1", "unknown setting temprature; did you mean temperature?"),
        ("api_key=sk-typed", "%chat --key asks for it"),
        ("read_timeout=soon", "read_timeout must be a number of at least 0.001, or None; got"),
        ("max_retries=-1", "max_retries must be an integer of at least 0; got -1"),
        ("output_format=pdf", "output_format must be auto or html or markdown or text; got 'pdf'"),
        ("context_limit=12", "context_limit must be an integer of at least 64, or a dictionary of"),
        ("base_url=ftp://x", "the address of the server must look like"),
        ("logprobs=maybe", "logprobs must be True or False"),
    ],
)
def test_all_or_nothing(kernel: KernelSession, pairs: str, message: str) -> None:
    """One bad value is one line, and none of the others is set."""
    line = failure(kernel.run(f"%chat --set seed=7 {pairs}"))
    assert message in line
    assert "sk-typed" not in line
    assert kernel.run("%chat --set").stdout == "Every setting is the default.\n"


def test_report_for_a_bug(kernel: KernelSession, server: ScriptedServer) -> None:
    """--status names versions, front end, server and settings; no key, no password, no words."""
    address = server.url.replace("://", "://user:hunter2@")
    kernel.run(
        '%chat --set seed=7 system=\'My secret plan\' user=me@example.com extra={"tag":"private"}'
    )
    server.queue(stream_reply("my words"))
    kernel.run("%chat their words")
    text = kernel.run("%chat --status").stdout
    for fact in (
        f"python: {platform.python_version()}",
        f"ipython: {IPython.__version__}",
        "eighty80_jupyter: ",
        "aiohttp: ",
        "front end: a kernel (ZMQInteractiveShell)",
        f"server: {server.url}",
        "key: from the environment (_8080_API_KEY)",
        "seed = 7",
        "system = (set, not shown)",
    ):
        assert fact in text
    for secret in (KEY, "secret plan", "me@example.com", "private", "words"):
        assert secret not in text
    kernel.run(f"os.environ['_8080_API_URL'] = {address!r}")
    assert "hunter2" not in kernel.run("%chat --status").stdout


def test_every_setting_has_help(kernel: KernelSession) -> None:
    """`%config ChatConfig` lists every setting with what it does."""
    listed = kernel.run("%config ChatConfig").stdout
    traits = ChatConfig.class_traits(config=True)
    assert len(traits) > 30
    for name, trait in traits.items():
        assert f"ChatConfig.{name}" in listed
        assert len(str(trait.help)) > 10
        assert " ".join(str(trait.help).split())[:30] in " ".join(listed.split())


def test_a_limit_for_each_model(kernel: KernelSession) -> None:
    """A setting that is a number or a dictionary takes both, and refuses others in one line."""
    result = kernel.run('%chat --set context_limit={"small":100,"big":9000}')
    assert result.ok, result.error
    assert result.stdout == "context_limit = {'small': 100, 'big': 9000}\n"
    for text in ('{"small":1}', '{"small":"x"}', "{small", "-1", "many"):
        error = kernel.run(f"%chat --set context_limit={text}").error
        assert error is not None
        assert error.plain.startswith("UsageError: ")
        assert "context_limit" in error.plain
        assert len(error.plain.splitlines()) == 1
    assert kernel.run("%chat --set context_limit=512").stdout == "context_limit = 512\n"
    assert kernel.run("%chat --set context_limit=default").ok
