"""Markdown becomes the HTML that GitHub's rules say, and looks sensible while it is written."""

from __future__ import annotations

import threading

import pytest
from markdown_it import MarkdownIt

from eighty80_jupyter.notebook.markdown import code
from eighty80_jupyter.notebook.markdown.render import render
from tests.data.markdown_checks import STYLE, faults, structure, text_of
from tests.data.markdown_corpus import CASES, GIVEN

ORACLE = MarkdownIt("gfm-like")
assert ORACLE.linkify is not None
ORACLE.linkify.set({"fuzzy_link": False})  # names of files are no hosts

LINK = 'target="_blank" rel="noopener noreferrer"'
# What the oracle leaves as it was written.
DRAWN = {
    "task": "<ul><li>☐ todo</li><li>☑ done</li></ul>",
    "list_task": "<ul><li>☐ a</li><li>☑ b<ul><li>☑ c</li></ul></li></ul>\n<ul><li>[ ]d</li></ul>",
    "link_footnote": "<p>Text.<sup>1</sup></p>\n"
    "<div><hr><div><p><sup>1</sup> A note, with text.</p></div></div>",
    "link_footnote_address": "<p>Text.<sup>1</sup></p>\n<div><hr><div><p><sup>1</sup> "
    f'<a href="https://b.c" {LINK}>https://b.c</a></p></div></div>',
    "bare_address": f'<p>see <a href="https://a.b/c_d_e" {LINK}>https://a.b/c_d_e</a> and '
    f'<a href="http://www.f.g" {LINK}>www.f.g</a>.</p>',
}


def test_the_corpus_is_as_large_as_promised() -> None:
    """The thirty given cases are there, and more than a hundred of our own."""
    assert len(GIVEN) == 30
    assert len(CASES) >= 130


def test_structure_is_the_oracles(subtests: pytest.Subtests) -> None:
    """Each case of the corpus has the same tags around the same text as markdown-it gives it."""
    for name in sorted(CASES.keys() - DRAWN.keys()):
        with subtests.test(name):
            assert structure(render(CASES[name])) == structure(ORACLE.render(CASES[name]))


@pytest.mark.parametrize("name", DRAWN)
def test_tasks_footnotes_and_addresses_are_drawn(name: str) -> None:
    """Boxes are characters, footnotes stand at the end without links, bare addresses are links."""
    assert render(CASES[name]) == DRAWN[name]


def test_the_corpus_is_safe_while_it_is_written(subtests: pytest.Subtests) -> None:
    """Each start of each case is drawn without a fault, as partial text and as a whole."""
    for name, source in CASES.items():
        with subtests.test(name):
            for end in range(0, len(source) + 1, max(1, len(source) // 50)):
                assert not faults(render(source[:end], partial=True))
                assert not faults(render(source[:end]))


def test_result_is_a_fragment_without_an_element_around_it() -> None:
    """Blocks stand side by side, and nothing gives nothing."""
    assert render("# a\n\nb") == "<h1>a</h1>\n<p>b</p>"
    assert render("") == ""
    assert render(" \n\t\n") == ""


def test_unknown_tags_are_shown() -> None:
    """A reader sees the tags that take no effect, as the model wrote them."""
    source = "Use <MyComponent x={1}> or <script>, not </div>."
    assert text_of(render(source)) == source


def test_script_blocks_are_shown_as_code() -> None:
    """A whole script stays readable, line by line."""
    source = "<script>\nlet a;\n\nlet b;\n</script>\n"
    html = render(source)
    assert html.startswith("<pre><code>")
    assert text_of(html) == source


def test_details_contain_markdown() -> None:
    """Markdown between the tags of `<details>` is Markdown, and ends with the closing tag."""
    html = render("<details><summary>s</summary>\n\n**a**\n\n</details>\n\nb")
    assert html == ("<details><summary>s</summary><p><strong>a</strong></p></details>\n<p>b</p>")


def test_an_open_tag_ends_with_its_block() -> None:
    """A tag that nobody closes does not reach into the next block."""
    assert render("a <b>b\n\nc") == "<p>a <b>b</b></p>\n<p>c</p>"


def test_links_open_elsewhere_and_tell_nothing() -> None:
    """A link leaves the page where it is and gives the other side no handle on it."""
    html = render("[a](https://b.c)")
    assert html == ('<p><a href="https://b.c" target="_blank" rel="noopener noreferrer">a</a></p>')


@pytest.mark.parametrize("destination", ["docs/a.md", "/lab", "#part", "ftp://x.y", "tel:1"])
def test_other_destinations_are_told_not_followed(destination: str) -> None:
    """What is neither http, https nor mailto is no `href`, but shown when one points at it."""
    html = render(f"[a]({destination})")
    assert "href" not in html
    assert f'title="{destination}"' in html


def test_script_destinations_stay_text() -> None:
    """A link to a script is shown as it was written."""
    source = "[a](javascript:x) [b](data:text/html,x) <javascript:y>"
    assert text_of(render(source)) == source


def test_images_are_links_that_say_where_they_lead() -> None:
    """Drawing a text loads nothing."""
    html = render("![a chart](https://host.test/i.png?q=1)")
    assert "<img" not in html
    assert text_of(html) == "🖼 a chart (https://host.test/i.png?q=1)"
    assert 'href="https://host.test/i.png?q=1"' in html


def test_images_are_drawn_when_the_user_allows_them() -> None:
    """With `allow_images`, images over http, https and with pixels in `data:` are images."""
    html = render(
        '![a](https://x.y/z "t") ![b](data:image/png;base64,AA==) ![c](data:image/svg+xml,x)',
        allow_images=True,
    )
    assert html.count("<img") == 2
    assert '<img alt="a" src="https://x.y/z" title="t">' in html
    assert "![c](data:image/svg+xml,x)" in html


def test_an_image_in_a_link_is_the_links_text() -> None:
    """A badge is one link: the outer one."""
    html = render("[![b](https://x.y/b.svg)](https://x.y)")
    assert html.count("<a ") == 1
    assert 'href="https://x.y"' in html
    assert text_of(html) == "🖼 b (https://x.y/b.svg)"


FOOTNOTES = {
    # Where the notes stand does not matter, nor in which order.
    "[^b]: two\n\nx[^1] y[^b]\n\n[^1]: one\n\nz": "x1 y b | z | b two 1 one",
    # A number may belong to a piece that comes later; a word may be anything.
    "a[^1] [^x] `[^1]` \\[^1]": "a1 [^x] [^1] [^1]",
    "a[^n]\n\n[^n]:\n    - x\n    - y": "a n | n x y",
    "[^a]: [^b]: x": "a [^b]: x",
    "> q\n> [^1]: x\n\n- [^2]: y": "q 1: x | 2: y",
}


@pytest.mark.parametrize("source", FOOTNOTES)
def test_footnotes(source: str) -> None:
    """A note is drawn at the end with its label, and nothing of a text is lost."""
    html = render(source)
    expected = FOOTNOTES[source].replace(" | ", " ").split()
    assert "".join(text_of(html).split()) == "".join(expected)
    assert "<a " not in html


ADDRESSES = {
    "https://a.b/c_d_e.": "https://a.b/c_d_e",
    "**http://a.b/c**": "http://a.b/c",
    "(www.a.org/b)": "http://www.a.org/b",
    "me@a.org,": "mailto:me@a.org",
    "<i>https://a.b</i>": "https://a.b",
}


@pytest.mark.parametrize("source", ADDRESSES)
def test_bare_addresses_are_links(source: str) -> None:
    """Addresses of the web and of people are links, without the signs around them."""
    assert f'<a href="{ADDRESSES[source]}"' in render(source)


@pytest.mark.parametrize(
    "source",
    ["main.py", "ftp://a.b", "//a.b/c", "file:///etc/passwd", "`https://a.b`", "1.2.3.4", "x:y"],
)
def test_other_words_are_no_links(source: str) -> None:
    """Files, numbers, code and other schemes stay text."""
    assert "<a" not in render(f"see {source} there")


@pytest.mark.parametrize(
    "source",
    ["> " * 90 + "deep", "- " * 90 + "deep", "\n".join("  " * n + f"- {n}x" for n in range(60))],
)
def test_what_is_nested_too_deep_is_text(source: str) -> None:
    """No text is lost, however deep it stands."""
    html = render(source)
    assert not faults(html)
    assert "deep" in html or all(f"{n}x" in html for n in range(60))


def test_references_of_earlier_pieces_are_known() -> None:
    """A link can use a definition that is given from outside."""
    assert "https://x.y" in render("[a][r]", references={"R": {"href": "https://x.y", "title": ""}})


def test_cells_are_aligned_to_the_left_unless_the_text_says_otherwise() -> None:
    """JupyterLab aligns cells of HTML to the right; a text's tables say where they want to be."""
    html = render("| a | b |\n|---|--:|\n| c | d |")
    assert html.count('style="text-align:left"') == 2
    assert html.count('style="text-align:right"') == 2


# Code


def test_code_is_coloured_with_the_themes_variables() -> None:
    """Colours follow the theme, and have a fallback where there is none."""
    html = render("```python\nif x: # why\n    pass\n```")
    assert "color:var(--jp-mirror-editor-keyword-color,#008000);font-weight:bold" in html
    assert "color:var(--jp-mirror-editor-comment-color,#408080);font-style:italic" in html
    assert not faults(html)


def test_every_style_is_of_the_same_simple_form() -> None:
    """No style can be anything but a colour, bold or italic."""
    assert all(STYLE.fullmatch(code.code_style(name)) for name in code._COLOURS)


@pytest.mark.parametrize("info", ["", "mermaid", "no-such-language", "{.py", "text", "python3 x"])
def test_code_keeps_its_text(info: str) -> None:
    """Whatever the language, the code that is shown is the code that was written."""
    code = 'a <b> &amp; "c"\n\tif x:\n\n    y = `1`  \n'
    assert text_of(render(f"```{info}\n{code}```")) == code


def test_long_code_is_plain() -> None:
    """Colouring is for code of a size that someone reads."""
    html = render("```python\n" + "x = 1\n" * 10_000 + "```")
    assert "<span" not in html


# Half-finished text

HALF = {
    "**bold": "<p><strong>bold</strong></p>",
    "**bold*": "<p><strong>bold</strong></p>",
    "*a **b": "<p><em>a <strong>b</strong></em></p>",
    "***a": "<p><strong><em>a</em></strong></p>",
    "~~gone~": "<p><s>gone</s></p>",
    "a `code": "<p>a <code>code</code></p>",
    "a `": "<p>a </p>",
    "a **": "<p>a </p>",
    "2*3 is": "<p>2*3 is</p>",
    "my_var_na": "<p>my_var_na</p>",
    "# **T": "<h1><strong>T</strong></h1>",
    "> **q": "<blockquote><p><strong>q</strong></p></blockquote>",
    "- a\n- **b": "<ul><li>a</li><li><strong>b</strong></li></ul>",
    "[text](htt": '<p><a rel="noopener noreferrer">text</a></p>',
    '[text](https://x.y "ti': '<p><a rel="noopener noreferrer">text</a></p>',
    "![alt](htt": "<p>🖼 alt</p>",
    "Text\n-": "<p>Text</p>",
    "Text\n=": "<p>Text</p>",
    "Text\n1": "<p>Text</p>",
    "Text\n\n``": "<p>Text</p>",
    "| a | b |\n|--": "<p>| a | b |</p>",
    "```\nx = 1\n``": "<pre><code>x = 1</code></pre>",
    "```\nx = 1": "<pre><code>x = 1</code></pre>",
    "- a\n- ": "<ul><li>a</li></ul>",
    "a \\": "<p>a </p>",
}


@pytest.mark.parametrize("source", HALF)
def test_what_is_open_at_the_end_is_drawn_as_if_closed(source: str) -> None:
    """While a text streams, markers that wait for their partner are not shown."""
    assert render(source, partial=True) == HALF[source]


def test_partial_closes_only_what_is_open_at_the_very_end() -> None:
    """An asterisk in an earlier paragraph is an asterisk."""
    assert render("**a\n\nb", partial=True) == "<p>**a</p>\n<p>b</p>"


def test_a_finished_text_is_the_same_partial_or_not() -> None:
    """When nothing is open, `partial` changes nothing."""
    source = "# T\n\n**a** `b` [c](https://d.e)\n\n- x\n\n```\ny\n```\n"
    assert render(source, partial=True) == render(source)


# Threads


def test_several_threads_render_at_once() -> None:
    """A cell and a panel may draw at the same time."""
    sources = {f"**{index}**\n\n```python\nx = {index}\n```\n": None for index in range(8)}
    expected = {source: render(source) for source in sources}
    wrong: list[str] = []

    def work(source: str) -> None:
        wrong.extend(source for _ in range(50) if render(source) != expected[source])

    threads = [threading.Thread(target=work, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
