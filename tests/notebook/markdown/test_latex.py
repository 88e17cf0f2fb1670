r"""Replies as LaTeX: what arrives as such, and that no text of a model is ever a command."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.notebook.markdown.latex import latex
from eighty80_jupyter.notebook.markdown.latex_math import COMMANDS

# What the writer itself writes.
OURS = frozenset(
    "arraybackslash begin bfseries bottomrule centering dimexpr emph end href item linewidth "  # noqa: SIM905  one name a line would be no easier to read
    "midrule newline noindent paragraph raggedleft raggedright relax rule setcounter subsection "
    "subsubsection tabcolsep textasciicircum textasciigrave textasciitilde textbackslash textbar "
    "textbf textbullet textgreater textless textsubscript textsuperscript texttt toprule".split()
)
HOSTILE = [
    r"\input{/etc/passwd}",
    r"\write18{touch x}",
    r"\def\x{y}\x",
    r"$\input{/etc/passwd}$",
    r"$$\openin5=/etc/passwd \read5 to \x$$",
    r"\(\immediate\write18{x}\)",
    r"\[\csname input\endcsname{x}\]",
    r"$a ^^5cinput{x}$",
    "$\\text{\\input{x}}$",
    r"$x\%\end{math}\input{y}$",
    "```\n\\end{Verbatim}\\input{x}\n```",
    "~~~tex\n\\end{verbatim}\n\\input{x}\n~~~",
    "    \\end{Verbatim}\\input{x}",
    r"`\input{x}` and ``}\input{x}``",
    r"# \input{x} $\input{y}$",
    "| \\input{x} | }\\input{y} |\n|---|---|\n| \\\\[\\input{z}] | & \\input{w} |",
    r"[a](https://x.y/}\input{z}) [}\input{u}](https://x.y)",
    r"![\input{x}](https://x.y/a.png)",
    r"<b>\input{x}</b> <table><tr><td>\input{y}</td></tr></table>",
    "- \\input{x}\n  - [\\input{y}]\n\n> \\include{z}",
    r"$\begin{array}{>{\input{x}}c} a \end{array}$",
    r"$\begin{filecontents}x\end{filecontents}$",
    "text[^1]\n\n[^1]: \\input{x}",
    "\x02\\input{x}\x03",
    "$\x02\\input{x}\x03$",
]


def commands(source: str) -> set[str]:
    r"""Return the names of the commands in LaTeX, with `\\` and other signs read as TeX does."""
    return set(re.findall(r"\\(?:([A-Za-z]+)|.)", source, re.DOTALL)) - {""}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text(text: str) -> None:
    """It is shown, and only commands of ours and those of the list are in the result."""
    source = latex(text)
    assert commands(source) <= OURS | COMMANDS
    assert "^^" not in source
    assert source.count("\\begin{Verbatim}") == source.count("\\end{Verbatim}")


@given(st.text(alphabet=st.sampled_from(list("\\{}$%^&_#~`|[]()<>-*\n\t 0ainputbegdxr!:"))))
def test_any_text(text: str) -> None:
    """Whatever is written, no command gets in, and braces nest."""
    source = latex(text)
    assert commands(source) <= OURS | COMMANDS
    assert "^^" not in re.sub(r"(?s)\\begin\{Verbatim\}.*?\\end\{Verbatim\}", "", source)
    bare = re.sub(r"\\.", "", source, flags=re.DOTALL)
    assert bare.count("{") == bare.count("}")


def test_what_arrives_as_such() -> None:
    """Headings, emphasis, lists, tables, code, links, quotes and formulas are LaTeX's own."""
    source = latex(
        "# Title\n\nA **b** _c_ `d_e` [f](https://x.y/z_1?a=%20#h), 5% & $x_1^2$.\n\n"
        "3. one\n   - two\n4. three\n\n| a | b |\n|:--|--:|\n| 1 | $y$ |\n\n"
        "```python\nx = {1}  # \\n\n\n\ny\n```\n\n> said\n\n$$\\frac{a}{b}$$\n"
    )
    for piece in (
        "\\subsection*{Title}",
        "\\textbf{b} \\emph{c} \\texttt{d\\_e} \\href{https://x.y/z\\_1?a=\\%20\\#h}{f}, 5\\% \\&",
        "\\(x_1^2\\)",
        "\\begin{enumerate}\n\\setcounter{enumi}{2}\n\\item{} one",
        "\\begin{itemize}\n\\item{} two",
        "{1} & {\\(y\\)} \\\\",
        "\\raggedleft",
        "x = \\{1\\}  # \\textbackslash{}n\n\n\ny\n\\end{Verbatim}",
        "\\begin{quote}",
        "\\[\\frac{a}{b}\\]",
    ):
        assert piece in source


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (r"$\alpha \le \sum_{i=1}^n x_i$", r"\(\alpha \le \sum_{i=1}^n x_i\)"),
        (r"\(\mathbb{R}\)", r"\(\mathbb{R}\)"),
        (r"$$\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$$",
         r"\[\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}\]"),
        (r"$$\begin{align*} a &= b \end{align*}$$", r"\[\begin{aligned} a &= b \end{aligned}\]"),
        (r"\[\left( \frac{1}{2} \right)\]", r"\[\left( \frac{1}{2} \right)\]"),
    ],
)  # fmt: skip
def test_formulas_that_pass(formula: str, shown: str) -> None:
    assert latex(formula) == shown


@pytest.mark.parametrize(
    "formula",
    [
        r"$\foo$", r"$\left( x$", r"$\text{a_b}$", r"$a & b$", r"$\begin{cases} x$",
        r"$\begin{array}{*{999999999}{c}} x \end{array}$", r"$50\% x % y$", r"$\tag{1} x$",
    ],
)  # fmt: skip
def test_formulas_that_are_shown_as_code(formula: str) -> None:
    """What would stop LaTeX, or is not on the list, stands as it was written."""
    assert latex(formula).startswith("\\texttt{")


def test_lists_deeper_than_latex_takes() -> None:
    """The rest is shown as paragraphs."""
    source = latex("\n".join("  " * depth + f"- item {depth}" for depth in range(7)))
    assert source.count("\\begin{itemize}") == 4
    assert all(f"item {depth}" in source for depth in range(7))
