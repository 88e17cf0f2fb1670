"""The examples of the documentation, and what their pages say about running them.

Blocks of `python`, `chat` and `ipython`, and those without a name that begin with a magic, run in
the order of the page. A comment speaks of what follows it:

    <!-- examples                   code that runs first, and that readers do not see
    df = load()
    -->
    <!-- not run: REASON -->        the next block is not run
    <!-- fails: UsageError -->      the next block ends with this error
    <!-- answer: TEXT -->           the model's next answer; "call NAME JSON" is a call of a tool
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RUN = ("python", "chat", "ipython")
_COMMENT = re.compile(r"<!--\s*(examples|not run|fails|answer)\b:?\s*(.*?)\s*-->\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One block of code: where it stands, what is expected of it."""

    code: str
    line: int
    fails: str = ""
    answers: tuple[str, ...] = ()


def pages() -> list[Path]:
    """List the README and all pages that are written by hand, in order."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def name(path: Path) -> str:
    """Return the path of a page as a test is called by it."""
    return path.relative_to(ROOT).as_posix()


def examples(text: str) -> list[Example]:
    """List the examples of a page that are run."""
    found: list[Example] = []
    skip, fails, answers = False, "", []
    for token in MarkdownIt().parse(text):
        line = (token.map or [0])[0] + 1
        if token.type == "html_block":
            for kind, words in _COMMENT.findall(token.content):
                if kind == "examples":
                    found.append(Example(code=words, line=line))
                elif kind == "answer":
                    answers.append(words)
                elif kind == "fails":
                    fails = words
                else:
                    skip = True
        elif token.type == "fence" and (
            token.info.strip() in RUN or (not token.info and token.content.startswith("%"))
        ):
            if not skip:
                found.append(
                    Example(code=token.content, line=line, fails=fails, answers=tuple(answers))
                )
            skip, fails, answers = False, "", []
    return found


def inline_code(text: str) -> list[str]:
    """List what stands in single backticks in the prose and the tables of a page."""
    tokens = MarkdownIt().enable("table").parse(text)
    return [
        child.content
        for token in tokens
        for child in token.children or ()
        if child.type == "code_inline"
    ]


def shell_blocks(text: str) -> list[str]:
    """List the blocks of commands for a shell."""
    return [
        token.content
        for token in MarkdownIt().parse(text)
        if token.type == "fence" and token.info.strip() in ("sh", "bash", "console")
    ]
