"""What the pages name is there: options, variables, public names, targets of make, files."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.line.options import OPTIONS, Group
from eighty80_jupyter.notebook.line.parser import parse
from tests.docs.pages import DOCS, ROOT, inline_code, name, pages, shell_blocks

PAGES = {name(path): path.read_text(encoding="utf-8") for path in pages()}
FLAGS = {flag for option in OPTIONS.values() for flag in (option.short, option.long) if flag}
# Options of other programs, and words about lines that are wrong on purpose.
FOREIGN = {"--pdf"}


@pytest.mark.parametrize("page", PAGES)
def test_lines_of_chat_in_the_prose_can_be_read(page: str) -> None:
    """A `%chat` line in backticks is one that the parser takes."""
    wrong = []
    for code in inline_code(PAGES[page]):
        if match := re.match(r"(?:\w+ = )?%?%chat(?= |$)(.*)", code):
            try:
                parse(match[1].strip().removesuffix("..."))
            except UsageError as error:
                wrong.append(f"{code}: {error}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_options_in_the_prose_exist(page: str) -> None:
    """What begins with two dashes in backticks is an option."""
    named = [
        code.split()[0].partition("=")[0]
        for code in inline_code(PAGES[page])
        if re.match("--[a-z]", code)
    ]
    assert [flag for flag in named if flag not in FLAGS | FOREIGN and flag != "--"] == []


@pytest.mark.parametrize("page", PAGES)
def test_targets_of_make_exist(page: str) -> None:
    """`make NAME` names a target of the Makefile."""
    rules = re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    known = {target for rule in rules for target in rule.split()}
    code = [*inline_code(PAGES[page]), *shell_blocks(PAGES[page])]
    named = {word for text in code for word in re.findall(r"^make (\w+)", text, re.MULTILINE)}
    assert named <= known


def test_every_variable_of_the_environment_is_explained() -> None:
    """Each variable that the package reads by a name of its own stands in the reference."""
    sources = (ROOT / "eighty80_jupyter").rglob("*.py")
    read = {
        word
        for path in sources
        for word in re.findall(r'"((?:_8080|EIGHTY80)_[A-Z_]+)"', path.read_text("utf-8"))
    }
    assert len(read) > 4
    assert read <= set(inline_code((DOCS / "reference" / "settings.md").read_text("utf-8")))


def test_every_group_of_options_is_in_the_reference() -> None:
    """The page of the options has the table of each group but the parameters, which have a page."""
    page = (DOCS / "reference" / "options.md").read_text("utf-8")
    shown = re.findall(r"^```{chat-options} (\w+)", page, re.MULTILINE)
    assert sorted(shown) == sorted(set(get_args(Group)) - {"parameters"})


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    """The README has under 150 lines; what it links to in the project is there."""
    text = PAGES["README.md"]
    assert len(text.splitlines()) < 150
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_pictures_are_small() -> None:
    """No picture of the documentation takes more than two megabytes."""
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    assert max(path.stat().st_size for path in pictures) < 2_000_000
