"""Rendering takes time in proportion to the text, whatever the text is."""

from __future__ import annotations

import time

import pytest

from eighty80_jupyter.notebook.markdown.render import Splitter, render
from tests.data.markdown_checks import faults

N = 3000
DEEP = {
    "quotes": ">" * N + "a",
    "quotes_spaced": "> " * N + "a",
    "list_items": "- " * N + "a",
    "list_nested": "\n".join("  " * depth + "- a" for depth in range(300)),
    "quotes_and_items": "> - " * N + "a",
    "brackets": "[" * N + "a" + "]" * N,
    "brackets_open": "[" * N,
    "links_open": "[a](" * N,
    "links_behind_brackets": "[" * N + "[a](b)" * N,
    "images_nested": "![" * N + "a" + "](b)" * N,
    "images_behind_images": "![" * N + "[a](b)" * N,
    "labels": "[a][" * N + "\n\n[z]: /x",
    "references": "".join(f"[a{index}]: /x\n" for index in range(N)),
    "titles": '[a](b "' * N,
    "stars": "*" * N + "a",
    "stars_both": "*" * N + "a" + "*" * N,
    "stars_words": "*a " * N,
    "stars_mixed": "**a *b " * N,
    "stars_underscores": "_*_*" * N,
    "strong_odd": "a**b" + "c* " * N,
    "tildes": "~~a ~~~" * N,
    "backticks": "".join("`" * length + "a " for length in range(1, 300)),
    "dollars": "$a " * N,
    "dollars_braces": "${" * N,
    "dollars_lines": "$$ a\n" * N,
    "delimiters": "\\(" * N,
    "delimiters_lines": "\\[\n" * N,
    "angles": "<a " * N,
    "angles_values": '<a x="' * N,
    "tags": "<b>" * N,
    "tags_lines": "<div>\n\n" * N,
    "tags_and_stars": "<b>*a" * N,
    "details": "<details>\n\n" * N,
    "comments": "<!--" * N,
    "comments_inline": "a" + "<!-- " * N,
    "instructions": "<?" * N,
    "cdata": "<![CDATA[" * N,
    "entities": "&#x" * N,
    "backslashes": "\\" * N,
    "spaces": "a" + " " * 10 * N + "b",
    "heading_spaces": "# a" + " " * 10 * N + "b",
    "tabs": "\t" * N + "a",
    "rule": "* " * N + "a",
    "table_wide": "|".join("a" * N) + "\n" + "|".join("-" * N) + "\n" + "|\n" * N,
    "lazy": "> a\n" + "b\n" * N,
    "paragraphs": "a\n\n" * N,
    "fences": "```\n" * N,
    "one_line": "word " * 10 * N,
    "one_word": "a" * 50 * N,
    "half_underline": "a\n" + "-" * N + " a",
    "code_html": "```html\n" + "<![CDATA[" * N,
    "code_quotes": "```python\n" + 'f"{' * N,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("partial", [False, True])
def test_no_text_takes_long(name: str, *, partial: bool) -> None:
    """What makes other renderers recurse, backtrack or start over is drawn in bounded time."""
    begin = time.process_time()
    html = render(DEEP[name], partial=partial)
    assert time.process_time() - begin < 40
    assert not faults(html)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
def test_no_stream_takes_long(name: str) -> None:
    """Nor does it take long to find where such a text can be cut."""
    splitter = Splitter()
    begin = time.process_time()
    for start in range(0, len(DEEP[name]), 100):
        splitter.feed(DEEP[name][start : start + 100])
        splitter.freeze(2000, 8000)
    assert time.process_time() - begin < 40


TAIL = """## Section

This is a **bold** statement with `inline code`, a [link](https://example.com/x) and *emphasis*.

1. First item with some text that is longer than usual to look real
2. Second with $x_1^2 + y$ formula
   - nested one
   - nested two

| a | b |
|---|:-:|
| 1 | `x` |

$$
\\int_0^1 x dx
$$

```python
def f(x):
    return [i**2 for i in range(x)]  # comment
```

Another paragraph, plain text without anything special in it, words and words and more words.

"""


def test_a_tail_is_drawn_in_a_fraction_of_a_frame() -> None:
    """Ten times a second, a tail of 4,000 characters takes well under a tenth of one core."""
    tail = (TAIL * 8)[:4000]
    render(tail)
    times = []
    for index in range(10):
        begin = time.process_time()
        render(f"{tail}{index}", partial=True)
        times.append(time.process_time() - begin)
    assert min(times) < 0.1
