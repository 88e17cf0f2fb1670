"""No text gets anything but harmless HTML out of the renderer."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.notebook.markdown import render as markdown
from eighty80_jupyter.notebook.markdown.render import render
from tests.data.hostile_markdown import CASES
from tests.data.markdown_checks import faults, formulas, text_of

FRAGMENTS = [
    *("<b>", "</b>", "<div>", "</div>", "<td>", "<table>", "</table>", "<p>", "<pre>", "</pre>"),
    *("<script>", "<!--", "-->", "<a href='https://x.y'>", "</a>", "<x y='", '"', "'", ">", "<"),
    *("$", "$$", "\\(", "\\)", "\\[", "\\]", "\\\\", "\\", "{", "}", "\\href{javascript:x}{y}"),
    *("\\begin{a}", "\\end{a}", "&#36;", "&bsol;", "(", "[", "](https://x.y)", "](javascript:x)"),
    *("\n", "\n\n", "  \n", "- ", "> ", "1. ", "# ", "```", "`", "*", "**", "_", "~~", "| ", "\t"),
    *("| a | b |\n|---|---|\n", "![", "!", "[r]: /x\n", "a", "b c", "5", "\x00", "\x02", "\x03"),
    *("<code>", "</code>", "<br>", "<details>", "</details>", "\u202e", "\ud800", "x", " "),
]
documents = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)


def test_the_corpus_is_as_large_as_promised() -> None:
    """There are more than two hundred hostile texts."""
    assert len(set(CASES.values())) >= 200


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<b onclick='x'>y</b>",
        '<a href="javascript:x" rel="noopener noreferrer">y</a>',
        '<a href="https://x.y">y</a>',
        '<p style="position:fixed">x</p>',
        '<span style="color:red">x</span>',
        '<b class="jp-x">x</b>',
        '<img src="https://x.y">',
        "<p>$\\href{x}{y}$</p>",
        "<p>$5<br>\\href{x}{y} $</p>",
        "<p>\\begin{a}\\href{x}{y}\\end{a}</p>",
        "a < b",
    ],
)
def test_the_check_finds_faults(html: str) -> None:
    """The check that the other tests rely on does see what is wrong."""
    assert faults(html)


def test_hostile_text_is_harmless(subtests: pytest.Subtests) -> None:
    """Each hostile text, whole, partial and with images allowed, has nothing but harmless HTML."""
    for name, source in CASES.items():
        with subtests.test(name):
            assert not faults(render(source))
            assert not faults(render(source, partial=True))
            assert not faults(render(source, allow_images=True), images=True)


def test_hostile_text_is_harmless_in_parts(subtests: pytest.Subtests) -> None:
    """A hostile text that arrives in two parts is harmless wherever it is cut."""
    for name, source in CASES.items():
        with subtests.test(name):
            for cut in range(1, len(source), max(1, len(source) // 24)):
                assert not faults(render(source[:cut], partial=True))
                assert not faults(render(source[cut:]))


def test_the_second_wall_has_nothing_to_hold(
    subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is harmless before nh3 has cleaned it: each wall stands by itself."""

    def leave(html: str) -> str:
        return html.replace("<a ", '<a rel="noopener noreferrer" ').replace(
            "<a>", '<a rel="noopener noreferrer">'
        )

    monkeypatch.setattr(markdown, "_CLEANERS", {False: SimpleNamespace(clean=leave)})
    for name, source in CASES.items():
        with subtests.test(name):
            assert not faults(render(source))


def test_the_second_wall_holds_without_the_first(
    subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a hostile text were written as HTML, what is left after nh3 would be harmless."""
    for name, hostile in CASES.items():
        source = re.sub("[\x00\x02\x03\ud800-\udfff]|&#[23];", "", hostile)
        monkeypatch.setattr(markdown, "to_html_string", lambda _, source=source: source)
        with subtests.test(name):
            found = faults(render("x", allow_images=True), images=True)
            assert not [fault for fault in found if not fault.startswith("formula")]


@pytest.mark.parametrize("name", ["tag_script", "tag_iframe", "tag_comment", "tag_custom"])
def test_what_takes_no_effect_is_shown(name: str) -> None:
    """A reader sees what the text tried."""
    assert text_of(render(CASES[name])).strip() == CASES[name]


@given(documents)
def test_any_text_of_hostile_pieces_is_harmless(source: str) -> None:
    """However hostile pieces are put together, what comes out is harmless, and drawn at all."""
    assert not faults(render(source))
    assert not faults(render(source, partial=True))


@given(st.text())
def test_any_text_is_harmless(source: str) -> None:
    """Any text at all is drawn, and harmless."""
    assert not faults(render(source))
    assert not faults(render(source, partial=True))


@given(documents)
def test_mathjax_finds_formulas_and_nothing_else(source: str) -> None:
    """No escape, reference or environment outside a formula is left for MathJax."""
    for formula in formulas(render(source)):
        assert formula.startswith(("$", "\\(", "\\["))
