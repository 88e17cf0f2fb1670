r"""Formulas reach MathJax as they were written, and nothing else does.

`formulas` of the checks is MathJax's search for formulas, as JupyterLab configures it.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.notebook.markdown.render import render
from tests.data.markdown_checks import formulas, text_of

UNTOUCHED = {
    "inline": "$x_1*y*z_2$",
    "inline_display": "$$\\sum_{i=1}^n a_i$$",
    "round": r"\(a_1 \cdot *b*\)",
    "square": r"\[ \int_0^1 x\,dx \]",
    "text_around": "so $x$, $y$.",
    "in_list": "- $a_1$\n- $b_1 < c$",
    "in_table": "| $a$ | b |\n|---|---|\n| c | $$d$$ |",
    "in_heading": "# The $n$th",
    "in_strong": "**$a$ and $b$**",
    "in_link": "[$a$](https://x.y)",
    "in_quote": "> \\[ a \\]",
    "html_characters": "$a < b & c > d$",
    "entities": "$a &lt; b$",
    "backslashes": r"$\{a\}\,\;\!\%$",
    "new_lines": "$a +\nb$",
    "matrix": "$$\n\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}\n$$",
    "lines_like_lists": "$$\na\n- b\n+ c\n* d\n1. e\n$$",
    "lines_like_headings": "$$\na\n=\nb\n# c\n---\nd\n$$",
    "lines_like_quotes": "\\[\n> a\n| b | c |\n|---|---|\n\\]",
    "after_text": "So:\n\\[\na\n- b\n\\]\nand on",
    "in_item_of_lines": "1. So:\n   $$\n   a\n   - b\n   $$\n2. c",
    "escaped_dollar": r"$a = \$5$",
    "nested_braces": r"$\frac{a}{\text{if $x$}}$",
    "greek_command": r"$\delta \definition \newline \classical$",
    "units": "$5\\,\\text{m}$ and $x=5$",
    "hyphenated": "$k$-means, $n$th",
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_formulas_are_text_as_they_were_written(name: str) -> None:
    """Nothing in a formula is taken for Markdown, and MathJax finds it whole."""
    found = formulas(render(UNTOUCHED[name]))
    assert found
    source = "\n".join(line.strip() for line in UNTOUCHED[name].split("\n"))
    for formula in found:
        assert formula in source


def test_all_four_delimiters_are_found() -> None:
    """One text can use all of them."""
    source = r"a $b$ c $$d$$ e \(f\) g \[h\] i"
    assert formulas(render(source)) == ["$b$", "$$d$$", r"\(f\)", r"\[h\]"]
    assert render(source) == f"<p>{source}</p>"


PRICES = [
    "$5 and $6",
    "costs $5, or $10-$20",
    "US$5 … $7",
    "**$5** and **$6**",
    "It is $5.00/month ($60/year).",
    "from $1,000 to $2,000",
    "$5\n$6",
    "5$ and 6$ and 7$",
    r"\$5 and \$6",
    "&#36;5 and &dollar;6",
    "$ x $ y",
    "- $5, $6\n- $7",
    "| $5 | $6 and $7 |\n|---|---|\n| $8 | $9 |",
    "$5<br>$6",
    "`$A` costs $5 and $6",
]


@pytest.mark.parametrize("source", PRICES)
def test_prices_are_no_formulas(source: str) -> None:
    """MathJax finds nothing between two prices, and the text is unchanged."""
    html = render(source)
    assert not formulas(html)
    assert text_of(html).count("$") == source.count("$") + source.count("&#36;") + source.count(
        "&dollar;"
    )


def test_a_price_beside_a_formula_is_left_out() -> None:
    """The formula is found, the price is not its start."""
    assert formulas(render("for $5 you get $x$ and $y$, or $6")) == ["$x$", "$y$"]


def test_a_single_dollar_needs_no_element() -> None:
    """Most dollars are alone; nothing is put around these."""
    assert render("only $5") == "<p>only $5</p>"
    assert render("- $5\n- $6") == "<ul><li>$5</li><li>$6</li></ul>"


OTHER = {
    r"\\(a\\)": r"\(a\)",
    r"\\[a\\]": r"\[a\]",
    r"\begin{align}a\end{align}": r"\begin{align}a\end{align}",
    r"\ref{a} \eqref{b}": r"\ref{a} \eqref{b}",
    r"C:\begin\ref": r"C:\begin\ref",
    r"a \\\\ b": r"a \\ b",
    "$$": "$$",
    "$$$$": "$$$$",
    r"\(\)": "()",
    r"\[not a link\](x": r"\[not a link\](x",
}


@pytest.mark.parametrize("source", OTHER)
def test_what_is_no_formula_is_shown_as_text(source: str) -> None:
    """MathJax changes nothing that is text by the rules of Markdown."""
    html = render(source)
    assert text_of(html) == OTHER[source]
    assert not [found for found in formulas(html) if not found.startswith("\\[not")]


def test_a_blank_line_ends_a_formula() -> None:
    """No formula goes on in the next paragraph; what started it is text."""
    html = render("$$\na\n\n- b\n$$\n\nc")
    assert not formulas(html)
    assert "<li>b" in html


def test_lines_after_an_opening_that_never_closes_are_markdown() -> None:
    r"""A `$$` or `\[` that is only text takes nothing from what follows it."""
    for opening in ("$$", "\\["):
        assert "<li>b</li>" in render(f"{opening}\na\n- b\n\nc")
        assert "<h1>b</h1>" in render(f"{opening} a\n# b\n")


@pytest.mark.parametrize(
    "formula",
    [r"\(a_1 *b* c", "\\[\n- a\n# b *c* d", "$$\na_1\n- b *c* d", r"$\frac{1}{", "$$", "$", "\\"],
)
def test_an_unfinished_formula_is_not_shown(formula: str) -> None:
    """While a formula streams, there is no trace of it; if it never ends, it is text."""
    html = render(f"text {formula}", partial=True)
    assert text_of(html).strip() == "text"
    assert text_of(render(f"text {formula}")) != "text"


@pytest.mark.parametrize("text", ["It costs $5 and", "$ 5", "$PATH is " + 20 * "a variable "])
def test_a_dollar_is_not_withheld_for_long(text: str) -> None:
    """A price is shown while it streams, and a shell's variable after a while."""
    assert text_of(render(text, partial=True)).strip() == text.strip()


def test_code_ends_the_search_for_a_formula() -> None:
    """A price and a variable in code do not make a formula of what stands between them."""
    html = render("It is $5, not $6, and `code` is `$PATH`, $HOME is `$x`.")
    assert formulas(html) == []
    assert html.count("<code>") == 3


@pytest.mark.parametrize(
    "command",
    [
        r"\href{https://x.y}{z}",
        r"\style{color:red}{z}",
        r"\class{a}{z}",
        r"\cssId{a}{z}",
        r"\def\a{b}",
        r"\newcommand{\a}{b}",
        r"\let\a\b",
        r"\csname a\endcsname",
        r"\require{html}",
        r"\unicode{65}",
        r"\bbox[red]{z}",
        r"\includegraphics{z}",
    ],
)
def test_formulas_that_could_do_more_are_code(command: str) -> None:
    """A formula with links, styles or definitions is shown to the reader, not to MathJax."""
    for formula in (f"${command}$", f"$${command}$$", rf"\({command}\)", rf"\[{command}\]"):
        html = render(f"a {formula} b")
        assert not formulas(html)
        assert f"<code>{formula}</code>" in html


HUGE = [
    r"\rule{9999em}{9999em}",
    r"\Rule{0em}{99999px}{0em}",
    r"\hspace{-300cm}x",
    r"\hspace*{300cm}x",
    r"\vspace{1000in}",
    r"\kern9999pt x",
    r"\mkern 99999mu x",
    r"\mspace{99999mu}x",
    r"\hskip 1e3em \hskip 100em",
    r"\raise 500em {x}",
    r"\raisebox{400em}{x}",
    r"\lower5000pt\hbox{x}",
    r"\moveleft 900em \hbox{x}",
    r"a \above 5000pt b",
    r"\genfrac{(}{)}{900em}{0}{a}{b}",
    r"a \\[900em] b",
    r"\begin{array}{@{\hspace{900em}}c} a \end{array}",
    r"\begin{matrix} a \cr[900em] b \end{matrix}",
    r"\skew{9999}\hat x",
    r"\sqrt[\uproot{9999}3]{x}",
    "".join(r"\raise 9em {" for _ in range(9)) + "x" + "}" * 9,
    r"\rule{" + "9" * 400 + "em}{1em}",
    r"\rule{,9em}{99999ex}",
]


@pytest.mark.parametrize("source", HUGE)
def test_formulas_of_huge_size_are_code(source: str) -> None:
    """What would cover the page, or push it away, is shown to the reader, not to MathJax."""
    for formula in (f"${source}$", f"$${source}$$", rf"\({source}\)", rf"\[{source}\]"):
        html = render(f"a {formula} b")
        assert not formulas(html)
        assert text_of(html) == f"a {formula} b"


@pytest.mark.parametrize(
    "source",
    [
        r"a \quad b \hspace{1cm} c \, d",
        r"\begin{aligned} a &= b \\[6pt] c &= d \\[6pt] e &= f \end{aligned}",
        r"\rule{1em}{2pt}",
        r"\raise 3pt {x} \lower 0.5ex {y} \kern-0.2em z",
        r"L = 5000\,\mathrm{cm} = 50000 mm",
        r"\sqrt[\leftroot{-2}\uproot{2}\beta]{k} \skew{7}\hat A",
        r"\genfrac{}{}{0.4pt}{0}{a}{b}",
    ],
)
def test_usual_sizes_are_typeset(source: str) -> None:
    """Room of the size of a word, and numbers with units, are formulas as before."""
    assert formulas(render(f"a ${source}$ b")) == [f"${source}$"]


def test_dollars_in_code_stay_alone() -> None:
    """MathJax skips code, so nothing is put into it."""
    assert render("`$A $B`") == "<p><code>$A $B</code></p>"
    assert render("```\n$a$ $b$\n```") == "<pre><code>$a$ $b$\n</code></pre>"


pieces = st.lists(
    st.sampled_from(
        [
            *(
                "$",
                "$$",
                "\\(",
                "\\)",
                "\\[",
                "\\]",
                "\\",
                "{",
                "}",
                " ",
                "\n",
                "5",
                "x",
                "a b",
                "_",
            ),
            *(
                "*",
                "`",
                "<br>",
                "<b>",
                "</b>",
                "<td>",
                "&#36;",
                "&bsol;",
                "\\$",
                "begin{a}",
                "ref{x}",
            ),
        ]
    ),
    max_size=25,
).map("".join)


@given(pieces)
def test_what_mathjax_finds_was_meant(source: str) -> None:
    """What MathJax finds stands in the source, between the same delimiters."""
    stripped = "\n".join(line.strip() for line in source.split("\n"))
    for formula in formulas(render(source)):
        assert formula.startswith(("$", "\\(", "\\["))
        assert formula in stripped
