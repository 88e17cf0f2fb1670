"""`--show probabilities`: tokens shaded by how likely they were, in a page and in a terminal."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.api.tokens import Token
from eighty80_jupyter.notebook.cell.probabilities import shaded_html, shaded_text
from tests.support.replies import chunk, sse_reply, stream_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kernel import KernelSession
    from tests.support.scripted import ScriptedServer

HOSTILE = "<img src=x onerror=alert(1)>$x$ \\def\"'"


class _Tags(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(html: str) -> _Tags:
    tags = _Tags()
    tags.feed(html)
    return tags


def _stream(*tokens: tuple[str, float]) -> list[dict[str, Any]]:
    chunks = []
    for text, probability in tokens:
        event = chunk({"content": text})
        others = [{"token": "Lyon", "logprob": math.log(0.2), "bytes": list(b"Lyon")}]
        event["choices"][0]["logprobs"] = {
            "content": [
                {
                    "token": text,
                    "logprob": math.log(probability),
                    "bytes": list(text.encode()),
                    "top_logprobs": others,
                }
            ]
        }
        chunks.append(event)
    return [*chunks, chunk({}, finish_reason="stop")]


def test_the_less_likely_the_darker() -> None:
    """A sure token is plain, a doubtful one shaded, and it opens to what else was likely."""
    tokens = [
        Token(text="It is", probability=0.99, alternatives=(("So", 0.01),)),
        Token(text=" Paris", probability=0.4, alternatives=(("Lyon", 0.3),)),
        Token(text="\n!", probability=0.1),
    ]
    page = _read(shaded_html(tokens, "It is Paris\n!"))
    shades = [
        float(found[1])
        for _, attributes in page.tags
        if (found := re.search(r"rgba\(230, 126, 34, ([\d.]+)\)", attributes.get("style") or ""))
    ]
    assert len(shades) == 2
    assert shades[0] < shades[1]
    titles = [a["title"] for _, a in page.tags if "title" in a]
    assert titles == ["It·is 99%; So 1%", "·Paris 40%; Lyon 30%", "↵! 10%"]
    assert [tag for tag, _ in page.tags].count("summary") == 1
    assert page.text.startswith("It is Paris[·Paris 40%; Lyon 30%]\n!")
    assert "2 of 3 tokens" in page.text


def test_what_opens_keeps_no_end_of_a_line() -> None:
    """Ends of lines stand outside of what opens, where they end a line of the answer."""
    other = (("x", 0.1),)
    texts = ("a", ".\n\n", "\nb", "\n")
    tokens = [Token(text=text, probability=0.5, alternatives=other) for text in texts]
    html = shaded_html(tokens, "".join(texts))
    outside = "".join(re.split(r"(?s)<details.*?</details>", html))
    assert re.sub(r"(?s)<div style=[^>]*>", "", outside).startswith("\n\n\n\n</div>")
    assert re.findall(r">([^<]*)</span></summary>", html) == ["a", ".", "b", "\u21b5"]


def test_nothing_of_a_token_runs() -> None:
    """Texts of the model are text, in the page and in the titles."""
    tokens = [Token(text=HOSTILE, probability=0.3, alternatives=((HOSTILE, 0.2),))]
    page = _read(shaded_html(tokens, HOSTILE))
    assert {tag for tag, _ in page.tags} <= {"div", "span", "details", "summary"}
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert page.text.startswith(HOSTILE)


def test_long_answers_are_shaded_in_part() -> None:
    """All of the text stands there, however many tokens it has."""
    tokens = [Token(text="ab ", probability=0.5)] * 5000
    page = _read(shaded_html(tokens, "ab " * 5000))
    assert page.text.count("ab ") == 5000
    assert [tag for tag, _ in page.tags].count("span") == 4000


def test_a_terminal_lists_the_most_doubtful() -> None:
    """Some lines in the order of the text, and how many there are besides."""
    tokens = [Token(text=f"t{n}", probability=n / 100) for n in range(1, 100)]
    lines = shaded_text(tokens).splitlines()
    assert lines[0] == "t1 1%"
    assert lines[-1] == "and 69 more below 90%"
    assert len(lines) == 21
    assert shaded_text([Token(text="a", probability=0.95)]) == "every token at 90% or more"


@pytest.mark.slow
def test_in_a_cell(kernel: Callable[..., KernelSession], server: ScriptedServer) -> None:
    """The page keeps shaded tokens, or a line that there are none; a key in them shows nowhere."""
    key = "sk-probable-8f3a91c7d2"
    running = kernel(
        env={"_8080_API_URL": server.url, "_8080_API_KEY": key},
        startup="%load_ext eighty80_jupyter",
    )
    server.queue(
        sse_reply(_stream(("It is", 0.99), (" Paris", 0.4))),
        stream_reply("Plain."),
        sse_reply(_stream(("It is ", 0.99), (key[:9], 0.4), (key[9:], 0.4), (".", 0.5))),
    )
    shown = running.run("%%chat --show probabilities --once\nWhere?")
    assert shown.ok
    assert server.requests[-1].json["top_logprobs"] == 5
    assert "·Paris 40%; Lyon 20%" in "".join(shown.data("text/html"))
    plain = running.run("%%chat --show probabilities --once\nWhere?")
    assert "the server gave no probabilities" in "".join(plain.data())
    secret = running.run("%%chat --show probabilities --once --into r\nWhere?")
    raw = running.run("print(r.choices[0].logprobs, list(r.tokens.token))")
    for result in (secret, raw):
        told = f"{result.data('text/html')}{result.data()}{result.stdout}"
        assert key[:9] not in told
        assert key[9:] not in told
        assert "redacted" in told
