"""Typed answers in a real kernel: drawn as a value, put into a variable, refused in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import sse_reply, stream_reply, text_chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.slow

SETUP = """
%load_ext eighty80_jupyter
import os
from eighty80_jupyter import chat
from pydantic import BaseModel
class Person(BaseModel):
    name: str
    born: int
"""
ADA = '{"name": "<b>Ada</b>", "born": 1815}'


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    with KernelSession(startup=SETUP) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    result = kernel.run(
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-typed-test')\n"
        "chat.conversation.reset(); chat.config.max_retries = 0"
    )
    assert result.ok, result.error


def test_a_class_of_the_notebook(kernel: KernelSession, server: ScriptedServer) -> None:
    """The value is a table of its fields, harmless, with the raw text folded; --into gets it."""
    server.queue(stream_reply(ADA))
    result = kernel.run("%%chat --returns Person --into ada\nWho?")
    assert result.ok, result.error
    html = result.data("text/html")[0]
    assert "&lt;b&gt;Ada&lt;/b&gt;</td>" in html
    assert "<b>" not in html
    assert "<details>" in html
    assert result.data()[0] == "name: <b>Ada</b>\nborn: 1815"
    assert kernel.run("ada == Person(name='<b>Ada</b>', born=1815)").data() == ["True"]


def test_choices(kernel: KernelSession, server: ScriptedServer) -> None:
    """One of the choices comes back as it was written there; one may hold a comma."""
    server.queue(stream_reply("**Bug**."), stream_reply("A, B"))
    assert kernel.run("%%chat --choices bug,feature --into label\nWhich?").ok
    assert kernel.run("label").data() == ["'bug'"]
    assert kernel.run("""%%chat --choices "'a, b',c" --into label\nWhich?""").ok
    assert kernel.run("label").data() == ["'a, b'"]


def test_records_are_rows(kernel: KernelSession, server: ScriptedServer) -> None:
    """A list of records is a table with a row each."""
    server.queue(stream_reply('[{"n": 1, "s": "x"}, {"n": 2, "s": "y"}]'))
    result = kernel.run('%%chat --returns "list[{n: int, s: str}]"\nWhich?')
    assert result.data("text/html")[0].count("<tr>") == 3


def test_the_fields_fill_while_they_come(kernel: KernelSession, server: ScriptedServer) -> None:
    """What has come of a value is on the page before it is whole."""
    text = '{"name": "Ada", "note": "' + "word " * 200 + '"}'
    server.queue(sse_reply(text_chunks(text, n=40), per_second=40))
    result = kernel.run('%%chat --returns "name: str, note: str"\nWho?')
    drawn = [html for html in result.data("text/html") if "Ada" in html]
    updates = [
        message.content["data"].get("text/html", "")
        for message in result.messages
        if message.type == "update_display_data"
    ]
    assert drawn
    assert any("<td" in html and "details" not in html for html in updates)


def test_mended(kernel: KernelSession, server: ScriptedServer) -> None:
    """The last line tells at which attempt it was valid; the first answer is not on the page."""
    server.queue(stream_reply("It is Ada."), stream_reply(ADA))
    result = kernel.run("%%chat --returns Person\nWho?")
    assert result.ok, result.error
    assert "valid at attempt 2" in result.data()[-1]
    assert not any("It is Ada" in text for text in result.data())


def test_not_to_be_had(kernel: KernelSession, server: ScriptedServer) -> None:
    """The cell fails in one line, the raw text stays on the page, the variable as it was."""
    kernel.run("before = 'as it was'")
    server.queue(*[stream_reply("It is Ada.")] * 3)
    result = kernel.run("%%chat --returns Person --into before\nWho?")
    assert not result.ok
    assert result.error is not None
    assert result.error.ename == "ReplyFormatError"
    assert result.error.evalue == (
        "the reply is not of the type that was asked for at 3 attempts: there is "
        "no JSON in the answer; its text is error.text, and stands in the conversation"
    )
    assert "It is Ada." in result.data()[0]
    assert "not of the type" in result.data()[-1]
    assert kernel.run("before").data() == ["'as it was'"]
    assert kernel.run("len(chat.conversation)").data() == ["1"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--returns strng", "strng is no type"),
        ("--returns os", "os is no type"),
        ("--choices bug,Bug", "the same but for case"),
        ("--choices ,", "a choice is empty"),
        ("--choices a,b --returns int", "give one of them"),
        ("--returns int --response-format json_object", "give one of them"),
    ],
)
def test_refused(kernel: KernelSession, server: ScriptedServer, line: str, says: str) -> None:
    """What has no schema is refused in one line before anything is sent."""
    result = kernel.run(f"%%chat {line}\nWhich?")
    assert not result.ok
    assert result.error is not None
    assert result.error.ename == "UsageError"
    assert says in result.error.evalue
    assert not server.requests


def test_dry_run(kernel: KernelSession, server: ScriptedServer) -> None:
    """The dry run shows the instruction and the format that would be sent."""
    result = kernel.run('%%chat --dry-run --returns "label: bug|feature"\nWhich?')
    assert "TypeScript type" in result.data()[0]
    assert "json_schema" in result.data()[0]
    assert not server.requests


def test_asked_again(kernel: KernelSession, server: ScriptedServer) -> None:
    """--retry asks for the same type, also where the class has no name in the notebook any more."""
    server.queue(stream_reply(ADA), stream_reply('{"name": "Bob", "born": 1900}'))
    assert kernel.run("%%chat --returns Person\nWho?").ok
    result = kernel.run("%chat --retry --into bob")
    assert result.ok, result.error
    assert kernel.run("bob == Person(name='Bob', born=1900)").data() == ["True"]
    assert server.requests[-1].json["response_format"]["type"] == "json_schema"


def test_pictures(kernel: KernelSession, server: ScriptedServer) -> None:
    """A picture in Python goes along with the type of the answer."""
    server.queue(stream_reply(ADA))
    kernel.run("import io, PIL.Image as im; picture = im.new('RGB', (4, 4))")
    result = kernel.run("chat.ask(['Who?', picture], returns=Person).value")
    assert result.ok, result.error
    parts = server.requests[-1].json["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url"]
