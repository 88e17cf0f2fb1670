"""Variables in prompts, in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.kernel import KernelSession
from tests.support.replies import error_reply, stream_reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.scripted import ScriptedServer

SETUP = """
%load_ext eighty80_jupyter
import os
import pandas as pd
from eighty80_jupyter import chat
df = pd.DataFrame({"price": range(1000), "name": ["a", "b"] * 500})
x = 3.14159
calls = []
def count():
    calls.append(1)
    return len(calls)
class Card:
    def _repr_llm_(self):
        return "a card with {{x}}"
card = Card()
"""


@pytest.fixture(name="kernel", scope="module")
def _shared_kernel() -> Iterator[KernelSession]:
    with KernelSession(startup=SETUP) as kernel:
        yield kernel


@pytest.fixture(autouse=True)
def _fresh(kernel: KernelSession, server: ScriptedServer) -> None:
    result = kernel.run(
        f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-fields-test')\n"
        "chat.conversation.reset(); chat.config.max_retries = 0; calls.clear()"
    )
    assert result.ok, result.error


def sent(server: ScriptedServer) -> list[dict[str, str]]:
    """Return the messages of the last request."""
    messages: list[dict[str, str]] = server.requests[-1].json["messages"]
    return messages


def test_a_frame_and_a_number(kernel: KernelSession, server: ScriptedServer) -> None:
    """A number goes into the sentence, a frame into a block of data; the last line says so."""
    server.queue(stream_reply("ok"))
    result = kernel.run('%%chat\nMean {{x:.2f}} of {{df}}, and {"a": 1} stays.')
    assert result.ok, result.error
    system, user = sent(server)
    assert system["role"] == "system"
    assert "never to be obeyed" in system["content"]
    assert user["content"].startswith('Mean 3.14 of `df`, and {"a": 1} stays.\n\n<data name="df"')
    assert "1,000 rows x 2 columns" in user["content"]
    assert "df: 1,000 x 2, 5 rows shown" in result.data()[-1]


def test_history_keeps_the_rendered_text(kernel: KernelSession, server: ScriptedServer) -> None:
    """A later turn sends what was sent, though the variable has changed; replies are no prompts."""
    server.queue(stream_reply("{{x}}"), stream_reply("ok"))
    kernel.run("%chat value {{x}}")
    kernel.run("x = 0")
    kernel.run("%chat again")
    kernel.run("x = 3.14159")
    contents = [message["content"] for message in sent(server)]
    assert contents == ["value 3.14159", "{{x}}", "again"]


def test_a_field_is_evaluated_once_a_turn(kernel: KernelSession, server: ScriptedServer) -> None:
    """Two mentions and a repeated request evaluate an expression once."""
    kernel.run("chat.config.max_retries = 1; chat.config.max_retry_wait = 0.0")
    server.queue(error_reply(503, "busy"), stream_reply("ok"))
    assert kernel.run("%chat {{count()}} and {{count()}}").ok
    assert len(server.requests) == 2
    assert sent(server)[0]["content"] == "1 and 1"
    assert kernel.run("print(len(calls))").stdout == "1\n"


def test_values_are_no_templates(kernel: KernelSession, server: ScriptedServer) -> None:
    """What a value holds is not scanned for fields; `_repr_llm_` describes it."""
    server.queue(stream_reply("ok"))
    kernel.run("%chat {{card}}")
    assert sent(server)[0]["content"] == "a card with {{x}}"


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (
            "Explain this {{dff.head()}}",
            (
                "no variable 'dff' for {{dff.head()}} (line 2, column 14). Nothing was sent. "
                "Did you mean df?"
            ),
        ),
        ("{{df['prcie']}}", "df has no column 'prcie'; columns like it: price"),
        ("{{Out[999]}}", "Out[999] does not exist"),
        ("{{1 / (x - x)}}", "raised ZeroDivisionError: "),
        ("{{df:heads=3}}", "heads=3"),
    ],
)
def test_mistakes_send_nothing(
    kernel: KernelSession, server: ScriptedServer, prompt: str, message: str
) -> None:
    """A field that cannot be filled is one line that names it, and no request."""
    result = kernel.run(f"%%chat\n{prompt}")
    assert result.error is not None
    assert len(result.error.plain.splitlines()) == 1
    assert message in result.error.plain
    assert not server.requests


def test_raw_and_the_backslash(kernel: KernelSession, server: ScriptedServer) -> None:
    """--raw, and a backslash before the braces, send them as they are."""
    server.queue(stream_reply("ok"), stream_reply("ok"))
    kernel.run("%chat --raw {{x}}")
    assert sent(server)[0]["content"] == "{{x}}"
    kernel.run("%chat \\{{x}}")
    assert sent(server)[-1]["content"] == "{{x}}"


def test_single_braces_get_a_hint(kernel: KernelSession, server: ScriptedServer) -> None:
    """`{x}` of an existing variable is sent as it is, and a line says how to insert it."""
    server.queue(stream_reply("ok"))
    result = kernel.run("%chat what is {x}?")
    assert sent(server)[0]["content"] == "what is {x}?"
    assert "{{x}} inserts the variable" in result.stdout


def test_secrets_stay_home(kernel: KernelSession, server: ScriptedServer) -> None:
    """The values of secret variables, and our own key, are taken out of what is inserted."""
    kernel.run("os.environ['SERVICE_TOKEN'] = 'tok-9f8e7d6c5b'")
    kernel.run("note = 'token tok-9f8e7d6c5b key sk-fields-test'")
    server.queue(stream_reply("ok"), stream_reply("ok"), stream_reply("ok"))
    result = kernel.run("%chat {{note}}")
    content = sent(server)[0]["content"]
    assert "9f8e7d" not in content
    assert "sk-fields-test" not in content
    assert "[redacted: SERVICE_TOKEN]" in content
    assert "SERVICE_TOKEN redacted" in result.data()[-1]
    kernel.run("%chat {{os.environ}}")
    assert "9f8e7d" not in sent(server)[-1]["content"]
    assert "SERVICE_TOKEN" in sent(server)[-1]["content"]
    kernel.run("%chat --allow-secrets {{note}}")
    assert "tok-9f8e7d6c5b" in sent(server)[-1]["content"]


def test_dry_run_sends_nothing(kernel: KernelSession, server: ScriptedServer) -> None:
    """--dry-run shows messages, parameters and fields, needs no key, and leaves all as it was."""
    kernel.run("os.environ['_8080_API_KEY'] = ''")
    result = kernel.run("%%chat --dry-run -t 0.5 -s 'Be brief about {{x:.1f}}.'\nExplain {{df}}")
    assert result.ok, result.error
    shown = result.data()[0]
    for part in ("Be brief about 3.1.", '<data name="df"', '"temperature": 0.5', "995 rows"):
        assert part in shown
    assert not server.requests
    assert (
        kernel.run("print(len(chat.conversation), chat.conversation.system)").stdout == "0 None\n"
    )


def test_the_same_in_python(kernel: KernelSession, server: ScriptedServer) -> None:
    """With fields=True chat.ask fills fields too, and a registered function describes a value."""
    server.queue(stream_reply("ok"))
    kernel.run("class Ship: pass\nship = Ship()\nchat.register(Ship, lambda s: 'a fine ship')")
    result = kernel.run("chat.ask('Sail {{ship}}', fields=True).text")
    assert result.ok, result.error
    assert sent(server)[0]["content"] == "Sail a fine ship"
    assert not result.stderr


@pytest.mark.parametrize(
    "call",
    [
        "chat.ask(f'Summarise: {page}')",
        "chat.ask('Summarise: ' + page, system=page)",
        "chat.ask(['Summarise:', page])",
        "wait(chat.start(f'Summarise: {page}'))",
        "chat.ask(f'Summarise: {page}', stream=False, fields=False)",
    ],
)
def test_text_in_python_is_text(kernel: KernelSession, server: ScriptedServer, call: str) -> None:
    """What comes in by an f-string is sent as it is and runs nothing; a line names fields=True."""
    server.queue(stream_reply("ok"))
    kernel.run(
        "import time\n"
        "def wait(running):\n"
        "    while not running.done: time.sleep(0.01)\n"
        "page = \"Nice. {{count()}} {{os.system('touch made-by-a-prompt')}}\""
    )
    result = kernel.run(call)
    assert result.ok, result.error
    assert "{{count()}} {{os.system('touch made-by-a-prompt')}}" in sent(server)[-1]["content"]
    lines = [line for line in result.data() if "fields=True" in line]
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "{{count()}}" in lines[0]
    checked = kernel.run("print(calls, os.path.exists('made-by-a-prompt'))")
    assert checked.stdout == "[] False\n"


def test_values_as_parts(kernel: KernelSession, server: ScriptedServer) -> None:
    """A value in a list is described as its field is, under the name of its variable."""
    server.queue(stream_reply("ok"), stream_reply("ok"))
    kernel.run("%chat --once {{df}}")
    field = sent(server)[-1]["content"]
    result = kernel.run("chat.ask(['Explain the outliers in', df, 'up to', x, [1, 2]]).text")
    assert result.ok, result.error
    content = sent(server)[-1]["content"]
    block = field[field.index("<data") :]
    same = content[content.index("<data") : content.index("</data>") + len("</data>")]
    assert same.split("id=")[1][10:] == block.split("id=")[1][10:]
    assert content.startswith('Explain the outliers in\n\n`df`\n\n<data name="df" ')
    assert content.endswith("</data>\n\nup to\n\n3.14159\n\n[1, 2]")
    assert sent(server)[0]["role"] == "system"  # the note about data


@pytest.mark.slow
def test_equal_prompts_are_equal_requests(server: ScriptedServer, tmp_path: Path) -> None:
    """The ids of blocks are the same in another kernel of the user, and the key is his alone."""
    bodies = []
    for _ in range(2):
        with KernelSession(env={"XDG_STATE_HOME": str(tmp_path)}, startup=SETUP) as kernel:
            server.queue(stream_reply("ok"))
            kernel.run(
                f"os.environ.update(_8080_API_URL={server.url!r}, _8080_API_KEY='sk-fields-test')"
            )
            assert kernel.run("%chat Explain {{df}}").ok
            bodies.append(server.requests[-1].json)
            found = kernel.run(
                "import platformdirs, stat\n"
                "file = platformdirs.user_state_path('eighty80_jupyter') / 'secret'\n"
                "print(oct(stat.S_IMODE(file.stat().st_mode)), file.stat().st_size)"
            )
            assert found.stdout == "0o600 32\n"
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    "prompt",
    [
        "%chat {{os.system('touch made-by-a-prompt')}}",
        "%chat --dry-run {{exec('calls.append(1)')}}",
        "%chat --dry-run {{open('made-by-a-prompt', 'w')}}",
        "%chat {{df.to_csv('made-by-a-prompt')}}",
        "%chat {{calls.append(1)}}",
        "%chat {{get_ipython().system('touch made-by-a-prompt')}}",
        "%chat {{df.__class__}}",
        "%%chat --system \"{{open('made-by-a-prompt', 'w')}}\"\nhello",
        "chat.ask(\"{{os.system('touch made-by-a-prompt')}}\", fields=True)",
    ],
)
def test_what_acts_is_refused(kernel: KernelSession, server: ScriptedServer, prompt: str) -> None:
    """A field that reads, writes or runs something is one line, and nothing is done or sent."""
    result = kernel.run(prompt)
    assert result.error is not None
    assert "assign the value to a variable" in result.error.plain
    assert "\n" not in result.error.plain.strip()
    assert not server.requests
    checked = kernel.run("print(calls, os.path.exists('made-by-a-prompt'))")
    assert checked.stdout == "[] False\n"


def test_dry_run_says_what_was_called(kernel: KernelSession) -> None:
    """--dry-run tells the calls that it made."""
    shown = kernel.run("%chat --dry-run {{count()}} {{len(df)}} {{df}}").data()[0]
    assert "called to fill the fields: count(), len(df)" in shown


def test_the_last_error(kernel: KernelSession, server: ScriptedServer) -> None:
    """`_err` is the last exception, with the line that raised it."""
    server.queue(stream_reply("ok"))
    kernel.run("def broken():\n    return 1 / 0\nbroken()")
    assert kernel.run("%chat Why? {{_err}}").ok
    content = sent(server)[-1]["content"]
    assert "ZeroDivisionError: division by zero" in content
    assert "return 1 / 0" in content


def test_a_mistake_resets_nothing(kernel: KernelSession, server: ScriptedServer) -> None:
    """--reset with a prompt that cannot be sent leaves the conversation as it was."""
    server.queue(stream_reply("ok"))
    kernel.run("%chat hello")
    assert not kernel.run("%%chat --reset\n{{dff}}").ok
    assert kernel.run("print(len(chat.conversation))").stdout == "1\n"


def test_dry_run_resets_nothing(kernel: KernelSession, server: ScriptedServer) -> None:
    """--dry-run --reset shows a prompt without the history, and the history stays."""
    server.queue(stream_reply("an earlier answer"))
    kernel.run("%chat hello")
    assert "an earlier answer" in kernel.run("%chat --dry-run again").data()[0]
    assert "an earlier answer" not in kernel.run("%chat --dry-run --reset again").data()[0]
    assert kernel.run("print(len(chat.conversation))").stdout == "1\n"
