"""What CONTRIBUTING says of the code holds: files, rooms, and doors for late imports."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

PACKAGE = ROOT / "eighty80_jupyter"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILE = re.compile(r"`([\w./-]+\.(?:py|js|md|txt|ipynb))`")
MOST_STEPS = 12


def section(title: str) -> str:
    """Return what stands below a heading."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_files_that_it_names_are_there() -> None:
    """Each file that it names is one of the package or of the checkout."""
    named = set(FILE.findall(TEXT))
    assert len(named) > 60
    roots = (PACKAGE, ROOT, ROOT / "docs")
    assert sorted(name for name in named if not any((at / name).exists() for at in roots)) == []


def test_the_rooms_that_it_draws_are_there() -> None:
    """Each room of the drawing is a folder, where the drawing has it."""
    folders: list[str] = []
    drawn: list[str] = []
    for line in section("The rooms").split("```")[1].splitlines():
        if match := re.match(r"( +)(\w+)/", line):
            folders[len(match[1]) // 2 - 1 :] = [match[2]]
            drawn.append("/".join(folders))
    assert len(drawn) > 30
    assert [name for name in drawn if not (PACKAGE / name).is_dir()] == []


def test_a_way_has_at_most_a_dozen_steps() -> None:
    """Each of the ways through the code can be read in one sitting."""
    text = section("Five ways through the house")
    ways = re.findall(r"\*\*(.+?)\.\*\*\n\n(.*?)(?=\n\*\*|\Z)", text, re.DOTALL)
    assert len(ways) == 5
    for name, way in ways:
        steps = [int(number) for number in re.findall(r"^(\d+)\. ", way, re.MULTILINE)]
        assert steps == list(range(1, len(steps) + 1)), name
        assert 5 <= len(steps) <= MOST_STEPS, name


def test_the_doors_for_late_imports_are_there() -> None:
    """Each file of the table of doors imports in the middle of a function."""
    doors = set(FILE.findall(section("What is imported late").split("|---|---|")[1]))
    assert len(doors) > 30
    late = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "noqa: PLC0415" in path.read_text(encoding="utf-8")
    }
    assert doors - {"loading.py"} - late == set()
