r"""From a model's Markdown to LaTeX that is safe to typeset, for a notebook that becomes a PDF.

LaTeX reads and writes files (`\input`, `\write18`): nothing of a text reaches it as a command. Text
and code are escaped character by character, and no environment takes them verbatim, as a text could
end it. A formula passes where all its commands are on a list (`latex_math`); else it is code.

The packages are those that nbconvert's template loads: amsmath, amssymb, booktabs, fancyvrb,
hyperref, longtable.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from eighty80_jupyter.notebook.markdown.latex_math import latex_formula
from eighty80_jupyter.notebook.markdown.links import web_address
from eighty80_jupyter.notebook.markdown.math import END, START
from eighty80_jupyter.notebook.markdown.reader import Reader, normalise
from eighty80_jupyter.notebook.markdown.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}",
    "-": "-{}",
}  # fmt: skip
_SPECIAL = re.compile(r"[\\{}$&#%_^~<>|`]|-(?=-)")  # of `--` TeX would make one dash
# Within fancyvrb's `commandchars` all else is as it stands.
_VERBATIM = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}"}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_FORMULA = re.compile(f"{START}([^{END}]*){END}")
_DEEPEST = 4  # lists in lists that LaTeX takes
_COUNTERS = ("enumi", "enumii", "enumiii", "enumiv")
_HEADINGS = {
    "h1": "subsection", "h2": "subsection", "h3": "subsubsection", "h4": "paragraph",
    "h5": "paragraph", "h6": "paragraph",
}  # fmt: skip
_INLINE = {
    "b": "textbf", "strong": "textbf", "em": "emph", "i": "emph", "cite": "emph", "var": "emph",
    "dfn": "emph", "code": "texttt", "kbd": "texttt", "samp": "texttt",
    "sup": "textsuperscript", "sub": "textsubscript",
}  # fmt: skip
_PARAGRAPHS = ("p", "summary", "figcaption", "caption", "dt", "dd", "dl", "section", "article")
_AROUND = dict.fromkeys(_PARAGRAPHS, ("\n\n", "\n\n")) | {
    "blockquote": ("\n\n\\begin{quote}\n", "\n\\end{quote}\n\n"),
    "hr": ("\n\n\\noindent\\rule{\\linewidth}{0.4pt}\n\n", ""),
}
_SIDES = {"left": "raggedright", "center": "centering", "right": "raggedleft"}


def latex(text: str, *, references: Mapping[str, Any] | None = None) -> str:
    """Return the Markdown `text` as LaTeX that stands between paragraphs.

    `references` are link definitions of earlier pieces of the same text. Never raises.
    """
    reader = getattr(_local, "reader", None)
    if reader is None:
        reader = _local.reader = Reader()
    tree = Tree(images=False)
    tree.write(reader.read(normalise(text), partial=False, references=references or {}))
    return _Writer(tree).blocks(tree.root).strip()


_local = threading.local()  # a reader for each thread, as in `render`


def latex_text(text: str) -> str:
    """Return `text` as LaTeX that shows it, on one line."""
    plain = _CONTROLS.sub("\ufffd", text.replace("\t", " ")).replace("\n", " ")
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], plain)


class _Writer:
    """Writes the elements of one tree.

    `_depth` counts the lists that are open, `_numbered` those with numbers, `_lines` the elements
    that take no paragraphs.
    """

    def __init__(self, tree: Tree) -> None:
        self._codes = {element: code for element, code, _ in tree.codes}
        self._depth = self._numbered = self._lines = 0

    def blocks(self, parent: Element) -> str:
        """Return what stands in an element, blocks and text between them."""
        parts = [self._text(parent.text)]
        for element in parent:
            parts += [self._element(element), self._text(element.tail)]
        return "".join(parts)

    def _element(self, element: Element) -> str:
        tag = element.tag
        if element in self._codes:
            code = self._codes[element]
            return f"\\texttt{{{latex_text(code)}}}" if self._lines else _verbatim(code)
        if self._lines and tag not in (*_INLINE, "a", "br"):
            return f" {self.blocks(element)} "
        match tag:
            case "ul" | "ol":
                return self._list(element)
            case "table":
                return self._table(element)
            case "a":
                return self._link(element)
            case "br":
                return "\\newline{}\n"
            case _ if tag in _INLINE:
                return f"\\{_INLINE[tag]}{{{self._line(element)}}}"
            case _ if tag in _HEADINGS:
                return f"\n\n\\{_HEADINGS[tag]}*{{{self._line(element)}}}\n\n"
        before, after = _AROUND.get(tag, ("", ""))
        return f"{before}{self.blocks(element)}{after}"

    def _text(self, text: str | None) -> str:
        if not text:
            return ""
        parts, position = [], 0
        for match in _FORMULA.finditer(text):
            parts.append(latex_text(text[position : match.start()]))
            formula = latex_formula(match[1], display=not self._lines)
            parts.append(formula or f"\\texttt{{{latex_text(match[1])}}}")
            position = match.end()
        parts.append(latex_text(text[position:]))
        return "".join(parts)

    def _line(self, element: Element) -> str:
        """Return what stands in an element that takes no paragraphs: in it there are none."""
        self._lines += 1
        try:
            return re.sub(r"\n\s*\n", "\n", self.blocks(element).strip())
        finally:
            self._lines -= 1

    def _link(self, element: Element) -> str:
        address = web_address(element.get("href", ""))
        text = self._line(element)
        if not address:
            return text
        address = address.replace("~", "%7E").replace("$", "%24").replace("'", "%27")
        return f"\\href{{{re.sub('[%#&_]', lambda found: chr(92) + found[0], address)}}}{{{text}}}"

    def _list(self, element: Element) -> str:
        ordered = element.tag == "ol"
        self._depth += 1
        self._numbered += ordered
        try:
            items = [self.blocks(item).strip() for item in element]
        finally:
            self._depth -= 1
            self._numbered -= ordered
        if not items:
            return ""
        if self._depth >= _DEEPEST:
            return "".join(f"\n\n\\textbullet{{}} {item}\n\n" for item in items)
        name = "enumerate" if ordered else "itemize"
        start = element.get("start", "1")
        first = ""
        if ordered and start.isdecimal() and start != "1":
            first = f"\\setcounter{{{_COUNTERS[self._numbered]}}}{{{int(start) - 1}}}\n"
        body = "".join(f"\\item{{}} {item}\n" for item in items)
        return f"\n\n\\begin{{{name}}}\n{first}{body}\\end{{{name}}}\n\n"

    def _cell(self, element: Element) -> str:
        # Braces, so that nothing in it is an argument of the row's end before it.
        line = self._line(element)
        return f"{{\\bfseries {line}}}" if element.tag == "th" else f"{{{line}}}"

    def _table(self, element: Element) -> str:
        rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in element.iter("tr")]
        rows = [row for row in rows if row]
        if not rows:
            return self.blocks(element)
        count = max(map(len, rows))
        width = f"\\dimexpr {1 / count:.4f}\\linewidth-2\\tabcolsep\\relax"
        sides = [_side(cell) for cell in rows[0]] + ["raggedright"] * (count - len(rows[0]))
        columns = "".join(f">{{\\{side}\\arraybackslash}}p{{{width}}}" for side in sides)
        lines = []
        for number, row in enumerate(rows):
            cells = [self._cell(cell) for cell in row] + ["{}"] * (count - len(row))
            lines.append(" & ".join(cells) + " \\\\\n" + ("\\midrule\n" if not number else ""))
        return (
            f"\n\n\\begin{{longtable}}{{{columns}}}\n\\toprule\n{''.join(lines)}"
            "\\bottomrule\n\\end{longtable}\n\n"
        )


def _side(cell: Element) -> str:
    return _SIDES.get(cell.get("style", "").rpartition(":")[2].strip(), "raggedright")


def _verbatim(code: str) -> str:
    """Return code line by line: none can end the environment, as no backslash is left in it."""
    plain = _CONTROLS.sub("\ufffd", code.rstrip("\n").expandtabs(4))
    shown = re.sub(r"[\\{}]", lambda match: _VERBATIM[match[0]], plain)
    return f"\n\n\\begin{{Verbatim}}[commandchars=\\\\\\{{\\}}]\n{shown}\n\\end{{Verbatim}}\n\n"
