"""The code blocks of a reply, against CommonMark's own reading of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from eighty80_jupyter.api.code_blocks import CodeBlock, code_blocks
from eighty80_jupyter.api.reply import Choice, Reply


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("no code, `inline` only", []),
        ("", []),
        ("```\nx\n```", [("", "x\n")]),
        ("Text\n```python\nx = 1\n\n  y\n```\nmore", [("python", "x = 1\n\n  y\n")]),
        ("``` Python title=a b\nx\n```", [("python", "x\n")]),
        ("```{.R}\nx\n```", [("r", "x\n")]),
        ("~~~~\n```\n~~~\n~~~~~", [("", "```\n~~~\n")]),
        ("````md\n```\nx\n```\n````", [("md", "```\nx\n```\n")]),
        ("  ```\n    deep\n  in\n out\n   ```", [("", "  deep\nin\nout\n")]),
        ("    ```\n    x\n    ```", []),
        ("```a`b\nx", []),
        ("```sh\n```\n```sh\nls\n```", [("sh", ""), ("sh", "ls\n")]),
        ("1. Do:\n\n   ```js\n   a\n     b\n   ```\n2. c", [("js", "a\n  b\n")]),
        ("- ```py\n  a\n  ```\n- ```py\n  b\n  ```", [("py", "a\n"), ("py", "b\n")]),
        ("- a\n  - b\n\n    ```\n    x\n    ```", [("", "x\n")]),
        ("> ```\n> x\n>  y\n> ```\nout", [("", "x\n y\n")]),
        ("> ```\n> x\nout", [("", "x\n")]),
        ("```\r\nx\r\n```\r\n", [("", "x\n")]),
        ("```\n\tx\n```", [("", "\tx\n")]),
        ("-\t```\n\tx\n\t```", [("", "x\n")]),
        ("1. ```\n\tx\n\t\ty\n   ```", [("", " x\n \ty\n")]),
        ("```c\\+\\+\nx\n```", [("c++", "x\n")]),
    ],
)
def test_blocks(text: str, blocks: list[tuple[str, str]]) -> None:
    """Every kind of fence is found with its language, its text without indentation and markers."""
    assert [(block.language, block.text) for block in code_blocks(text)] == blocks


def test_cut_block() -> None:
    """A reply that was cut within its code gives what had come."""
    assert code_blocks("```py\nx = 1\ny =") == [CodeBlock("py", "x = 1\ny =", closed=False)]
    assert code_blocks("```py") == [CodeBlock("py", "", closed=False)]


def test_a_reply_has_its_code() -> None:
    """`reply.code_blocks` are those of the first answer."""
    reply = Reply(choices=(Choice(text="```py\na\n```"), Choice(index=1, text="```py\nb\n```")))
    assert [str(block) for block in reply.code_blocks] == ["a\n"]
    assert Reply().code_blocks == []


_PIECES = st.sampled_from(
    ["```", "~~~", "````", "```py\n", "\n", "\n\n", "x = 1\n", "  ", "> ", "- ", "1. ", "text\n"]
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(["```py", "```", "~~~", "````", "x = 1", "", "  y", "text"])))
def test_agrees_with_commonmark(lines: list[str]) -> None:
    """Outside of lists and quotes the blocks are those that a CommonMark parser finds."""
    text = "\n".join([*lines, ""])
    tokens = MarkdownIt("commonmark").parse(text)
    fences = [t for t in tokens if t.type == "fence"]
    found = code_blocks(text)
    assert [b.language for b in found] == [t.info.strip() for t in fences]
    assert [b.text.rstrip("\n") for b in found] == [t.content.rstrip("\n") for t in fences]


@given(st.lists(_PIECES).map("".join))
def test_takes_any_text(text: str) -> None:
    """Whatever the nesting, a block holds lines of the text and nothing else."""
    for block in code_blocks(text):
        assert all(line.strip() in text for line in block.text.split("\n"))


@pytest.mark.slow
def test_long_text_is_quick() -> None:
    """A megabyte of nested markers takes no time to speak of."""
    start = time.process_time()
    code_blocks("> - " * 250_000)
    code_blocks("> - ```\n" * 100_000)
    assert time.process_time() - start < 50
