"""A text that is drawn in pieces ends as the same HTML as one that is drawn whole."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.notebook.markdown.render import Splitter, render
from tests.data.hostile_markdown import CASES as HOSTILE
from tests.data.markdown_checks import text_of
from tests.data.markdown_corpus import CASES

BLOCKS = [
    "A paragraph with **bold**.",
    "Two lines\nof text",
    "# Heading",
    "Title\n===",
    "- a\n- b\n  - c",
    "1. a\n\n   b\n2. c",
    "> q\n> r",
    "> lazy\nquote",
    "```python\nx = 1\n\ny = 2\n```",
    "~~~\n# no heading\n~~~",
    "    indented\n\n    code",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "Table:\n| a |\n|---|\n| 1 |",
    "---",
    "$$\na\n- b\n$$",
    "\\[\n# a\n\\]",
    "$$ no formula\n- a",
    "\\[ no\n$$ formula\n> a",
    "$$ a\n# b\n\\[ c\n- d\n\\]",
    "<div>\n*a*\n\n*b*\n\n</div>",
    "<details>\n<summary>s</summary>\n\n- a",
    "</details>",
    "<!-- a\n\nb -->",
    "<script>\n\nx\n</script>",
    "<b>a",
    "costs $5 and $x$",
    "[r] and [a][r]",
    "- ```\n  a",
    "text  ",
    "+ x\n\n\n+ y",
    "noted[^1], and https://x.y",
    "[^1]: a note",
    "- [ ] a\n- [x] b",
    '[r2]: https://x.y\n"a title',
]
documents = st.lists(
    st.tuples(st.sampled_from(BLOCKS), st.sampled_from(["\n", "\n\n", "\n\n\n", "\n \n"])),
    max_size=12,
).map(lambda parts: "[r]: https://x.y\n\n" + "".join(block + gap for block, gap in parts))


def stream(text: str, cuts: list[int], at_least: int) -> tuple[list[str], list[str]]:
    """Feed `text` cut at `cuts`; return the pieces (the tail is the last) and their HTML."""
    splitter = Splitter()
    pieces: list[str] = []
    html: list[str] = []
    bounds = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in pairwise(bounds):
        splitter.feed(text[start:end])
        while (piece := splitter.freeze(at_least)) is not None:
            pieces.append(piece)
            html.append(render(piece, references=splitter.references))
    pieces.append(splitter.tail)
    html.append(render(splitter.tail, references=splitter.references))
    return pieces, html


def joined(html: list[str]) -> str:
    """Return the HTML of pieces as that of one text."""
    return "\n".join(filter(None, html))


@pytest.mark.slow
@given(documents, st.lists(st.integers(min_value=0), max_size=8), st.sampled_from([1, 20, 200]))
def test_pieces_make_the_whole(text: str, cuts: list[int], at_least: int) -> None:
    """However a text arrives, its pieces are the text, and their HTML is its HTML."""
    pieces, html = stream(text, cuts, at_least)
    assert "".join(pieces) == text
    assert all(len(piece) >= at_least for piece in pieces[:-1])
    assert joined(html) == render(text)


@pytest.mark.slow
@given(documents)
def test_any_line_may_be_the_last_so_far(text: str) -> None:
    """A text that arrives line by line ends in the same HTML."""
    ends = [index + 1 for index, character in enumerate(text) if character == "\n"]
    assert joined(stream(text, ends, 1)[1]) == render(text)


# Texts whose links do not lead to definitions that come later.
PLAIN = {name: source for name, source in (CASES | HOSTILE).items() if "]:" not in source}


def test_cases_in_pieces_make_the_whole(subtests: pytest.Subtests) -> None:
    """Both corpora, each case between other blocks and in small parts, end in the same HTML."""
    for name, source in PLAIN.items():
        text = f"a\n\n{source}\n\nb\n\n- c\n\n{source}\nd"
        with subtests.test(name):
            assert joined(stream(text, list(range(0, len(text), 3)), 1)[1]) == render(text)


@pytest.mark.parametrize("text", ["a\r\n\r\nb\r\n", "a\r\rb\r", "```\ra\r\r\nb\r\n```\r\n\nc"])
def test_other_line_ends_may_be_cut_in_two(text: str) -> None:
    r"""`\r\n` that arrives in two parts is one line's end, and `\r` is one too."""
    assert joined(stream(text, list(range(len(text))), 1)[1]) == render(text)


def test_nothing_is_frozen_before_it_is_large_enough() -> None:
    """A piece has the size that is asked for, and ends where a block starts."""
    splitter = Splitter()
    splitter.feed("a\n\nb\n\n" * 10)
    assert splitter.freeze(100) is None
    splitter.feed("# c\n")
    assert splitter.freeze(60) == "a\n\nb\n\n" * 10
    assert splitter.tail == "# c\n"


def test_definitions_are_carried_to_later_pieces() -> None:
    """A definition in a piece is known to the pieces behind it."""
    splitter = Splitter()
    splitter.feed("[r]: https://x.y\n\ntext\n\n[a][r]")
    assert splitter.freeze(1) is not None
    assert "https://x.y" not in splitter.tail
    assert 'href="https://x.y"' in render(splitter.tail, references=splitter.references)


def test_definitions_outlive_a_cut_within_a_block() -> None:
    """Where a block without end is cut, definitions in front of it stay known."""
    splitter = Splitter()
    splitter.feed("[r]: https://x.y\n\n")
    splitter.feed("> quoted\n" * 500)
    while splitter.freeze(500, 1000) is not None:
        pass
    splitter.feed("> [a][r]")
    assert 'href="https://x.y"' in render(splitter.tail, references=splitter.references)


def test_repr_does_not_show_the_text() -> None:
    """A splitter tells how much it holds, not what."""
    splitter = Splitter()
    splitter.feed("secret")
    assert repr(splitter) == "<Splitter: tail of 6 characters>"


# Blocks that have no end


def pour(text: str, at_most: int, step: int = 50) -> list[str]:
    """Feed `text` in small parts, and return its pieces and the tail; no tail may be too long."""
    splitter = Splitter()
    pieces: list[str] = []
    for start in range(0, len(text), step):
        splitter.feed(text[start : start + step])
        while (piece := splitter.freeze(10**9, at_most)) is not None:
            pieces.append(piece)
        assert len(splitter.tail) <= at_most + 2 * step + 200
    return [*pieces, splitter.tail]


def test_endless_code_goes_on_in_the_next_piece() -> None:
    """A fence that is too long is closed and opened again: each piece is code, no line is lost."""
    code = "".join(f"x = {index}  # **no** $emphasis$\n\n" for index in range(500))
    pieces = pour(f"```python\n{code}```\n\ndone **now**\n", 1000)
    assert len(pieces) > 5
    html = [render(piece) for piece in pieces]
    assert all(part.startswith("<pre><code>") for part in html)
    assert "".join(text_of(part) for part in html) == f"{code}\ndone now"
    assert all("--jp-mirror-editor-comment-color" in part for part in html)


def test_an_endless_line_of_code_is_cut() -> None:
    """Code without line ends is cut, too."""
    pieces = pour("~~~\n" + "abcdefghi " * 500, 1000)
    assert len(pieces) > 3
    assert all(render(piece).startswith("<pre><code>") for piece in pieces)


def test_an_endless_table_repeats_its_head() -> None:
    """A table that is too long goes on as a table with the same columns."""
    rows = "".join(f"| {index} | b |\n" for index in range(500))
    pieces = pour(f"| n | x |\n|--:|---|\n{rows}", 1000)
    html = "".join(render(piece) for piece in pieces)
    assert len(pieces) > 3
    assert html.count("<table>") == html.count(">n</th>") == len(pieces)
    assert all(f">{index}</td>" in html for index in range(500))


def test_an_endless_list_is_cut_between_items() -> None:
    """A list that is too long goes on as a list, with the numbers that the text gives."""
    text = "".join(f"{index}. item\n     - sub **{index}**\n" for index in range(1, 300))
    html = [render(piece) for piece in pour(text, 1000)]
    assert len(html) > 3
    assert all(part.startswith("<ol") and part.endswith("</ol>") for part in html)
    assert "".join(html).count("<strong>") == 299


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "word " * 2000,
        "line of words\n" * 500,
        "> quoted\n" * 500,
        "<div>\n\n" + "text\n\n" * 2000,
        "- " + "word " * 4000,
        "- a\n" + "  - b\n" * 2000,
        "x" * 10_000,
        "$$\n" + "a + b\n" * 1000,
    ],
)
def test_other_endless_blocks_are_cut_somewhere(text: str) -> None:
    """Whatever it is that has no end, the tail stays short enough to be drawn again and again."""
    splitter = Splitter()
    shown = ""
    for start in range(0, len(text), 50):
        splitter.feed(text[start : start + 50])
        while (piece := splitter.freeze(500, 1000)) is not None:
            shown += text_of(render(piece))
        assert len(splitter.tail) < 5000
    shown += text_of(render(splitter.tail))
    letters = [character for character in text if character.isalpha()]
    assert [character for character in shown if character.isalpha()] == [
        letter for letter in letters if letter not in "div" or "div" not in text
    ]


# Effort


@pytest.mark.slow
def test_effort_is_the_same_at_the_end_as_at_the_start() -> None:
    """Of a reply of 100,000 tokens the last tenth takes about as long as the first."""
    paragraph = "Some **text** with `code`, and a [link](https://x.y) in it.\n\n- a\n- b\n\n"
    text = paragraph * 6000
    splitter = Splitter()
    times: list[float] = []
    part = len(text) // 10
    for tenth in range(10):
        begin = time.process_time()
        for start in range(tenth * part, (tenth + 1) * part, 4):
            splitter.feed(text[start : start + 4])
            if start % 400 == 0:
                splitter.freeze(2000, 8000)
        times.append(time.process_time() - begin)
    assert len(text) > 400_000
    assert min(times[-3:]) < 3 * min(times[:3])
