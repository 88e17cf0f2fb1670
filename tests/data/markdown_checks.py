"""What tests of rendered Markdown ask of HTML: its structure, its faults, what MathJax finds in it.

All three read the HTML by themselves and know nothing of how it was made.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"br", "hr", "img"}
TAGS = VOID | set(
    "a abbr article b bdi blockquote caption cite code dd del details dfn div dl dt em figcaption"  # noqa: SIM905  one name a line would be no easier to read
    " figure h1 h2 h3 h4 h5 h6 i ins kbd li mark ol p pre q rp rt ruby s samp section small span"
    " strong sub summary sup table tbody td tfoot th thead tr u ul var".split()
)
ATTRIBUTES = {
    "a": {"href", "rel", "target", "title"},
    "abbr": {"title"},
    "details": {"open"},
    "img": {"alt", "src", "title"},
    "ol": {"start"},
    "span": {"style"},
    "td": {"style"},
    "th": {"style"},
}
STYLE = re.compile(
    r"color:var\(--jp-mirror-editor-[a-z0-9-]+-color,#[0-9a-f]{3,6}\)"
    r"(?:;font-weight:bold)?(?:;font-style:italic)?"
)
_MARKUP = re.compile(r'</?[a-z][a-z0-9]*(?: [a-z]+(?:="[^"]*")?)*>')
_UNSAFE = re.compile(
    r"\\(?:href|url|style|class|cssId|data|bbox|unicode|mmlToken|require|def|let|newcommand"
    r"|renewcommand|newenvironment|DeclareMathOperator|csname|expandafter|includegraphics"
    r"|setOptions|definecolor|texttip)\b"
)

Node = tuple[str, dict[str, str], list["Node | str"]]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root: Node = ("", {}, [])
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node: Node = (tag, {name: value or "" for name, value in attrs}, [])
        self._open[-1][2].append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            closed = self._open.pop()
            assert closed[0] == tag, f"</{tag}> closes <{closed[0]}>"

    def handle_data(self, data: str) -> None:
        self._open[-1][2].append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")


def parse(html: str) -> Node:
    """Return the tree of `html`, whose tags must nest."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader._open) == 1, f"left open: {[node[0] for node in reader._open[1:]]}"
    return reader.root


def structure(html: str) -> list[object]:
    """Return what two renderings of one text must have in common: tags in tags, and the text.

    Without `<span>`, which are for colours and to keep MathJax off; of the attributes, where links
    lead, where lists start, and how cells are aligned. White space counts in code only.
    """
    return _shape(parse(html), literal=False)


def _shape(node: Node, *, literal: bool) -> list[object]:
    shape: list[object] = []
    for child in _without_spans(node[2]):
        if isinstance(child, str):
            text = child if literal else " ".join(child.split())
            if text:
                shape.append(text)
            continue
        tag, attributes, _ = child
        kept = {name: value for name, value in attributes.items() if name in ("href", "start")}
        if attributes.get("style") in ("text-align:center", "text-align:right"):
            kept["style"] = attributes["style"]
        shape.append((tag, kept, _shape(child, literal=literal or tag in ("code", "pre"))))
    return shape


def _without_spans(children: list[Node | str]) -> list[Node | str]:
    flat: list[Node | str] = []
    for child in children:
        inner = (
            [child] if isinstance(child, str) or child[0] != "span" else _without_spans(child[2])
        )
        for piece in inner:
            if isinstance(piece, str) and flat and isinstance(flat[-1], str):
                flat[-1] += piece
            else:
                flat.append(piece)
    return flat


def text_of(html: str) -> str:
    """Return the text that a reader of `html` sees."""

    def texts(node: Node) -> str:
        return "".join(child if isinstance(child, str) else texts(child) for child in node[2])

    return texts(parse(html))


def faults(html: str, *, images: bool = False) -> list[str]:
    """Return what in `html` is not on the list of what is safe; nothing, if all is well."""
    found = [f"markup: {piece!r}" for piece in _MARKUP.sub("", html).split("<")[1:]]
    found += [f"character: {character!r}" for character in "\x00\x02\x03" if character in html]

    def visit(node: Node) -> None:
        for child in node[2]:
            if not isinstance(child, str):
                found.extend(_faults_of(child, images=images))
                visit(child)

    visit(parse(html))
    found += [f"formula: {formula!r}" for formula in formulas(html) if _UNSAFE.search(formula)]
    return found


def _faults_of(node: Node, *, images: bool) -> list[str]:
    tag, attributes, _ = node
    found = [] if tag in TAGS and (tag != "img" or images) else [f"tag: {tag}"]
    for name, value in attributes.items():
        good = name in ATTRIBUTES.get(tag, set())
        match name:
            case "href":
                good &= bool(re.match(r"(?i)(https?|mailto):[!-~]+\Z", value))
            case "src":
                good &= bool(
                    re.match(r"(?i)(https?:|data:image/(png|gif|jpeg|webp);)[!-~]+\Z", value)
                )
            case "style" if tag == "span":
                good &= bool(STYLE.fullmatch(value))
            case "style":
                good &= value in ("text-align:left", "text-align:center", "text-align:right")
            case "target":
                good &= value == "_blank"
            case "start":
                good &= value.isdecimal()
            case _:
                pass
        if not good:
            found.append(f"attribute: {tag} {name}={value!r}")
    if tag == "a" and attributes.get("rel") != "noopener noreferrer":
        found.append(f"rel: {attributes}")
    return found


def formulas(html: str) -> list[str]:
    """Return what MathJax 3 would typeset in `html`, with JupyterLab's configuration.

    After HTMLDomStrings.ts and FindTeX.ts: a string goes from tag to tag, `<br>` is a newline in
    it, and code is skipped.
    """
    found: list[str] = []
    pieces: list[str] = []

    def end() -> None:
        found.extend(_find("".join(pieces)))
        pieces.clear()

    def visit(node: Node) -> None:
        for child in node[2]:
            if isinstance(child, str):
                pieces.append(child)
            elif child[0] == "br":
                pieces.append("\n")
            else:
                end()
                if child[0] not in ("pre", "code"):
                    visit(child)
                    end()

    visit(parse(html))
    end()
    return found


_START = re.compile(
    r"\$\$|\\\(|\\\[|\$|\\begin\s*\{(?P<environment>[^}]*)\}"
    r"|(?P<other>\\[\\$]|\\(?:eq)?ref\s*\{[^}]*\})"
)
_ENDS = {"$$": r"\$\$", "$": r"\$", "\\(": r"\\\)", "\\[": r"\\\]"}


def _find(text: str) -> list[str]:
    found, position = [], 0
    while start := _START.search(text, position):
        position = start.end()
        if start["other"]:
            found.append(start[0])
            continue
        name = start["environment"]
        end = rf"\\end\s*\{{{re.escape(name)}\}}" if name is not None else _ENDS[start[0]]
        depth = 0
        for match in re.compile(rf"(?P<end>{end})|\\(?:[a-zA-Z]|.)|[{{}}]").finditer(
            text, position
        ):
            if match["end"] and not depth:
                found.append(text[start.start() : match.end()])
                position = match.end()
                break
            depth = max(depth + {"{": 1, "}": -1}.get(match[0], 0), 0)
    return found
