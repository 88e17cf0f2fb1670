"""How many secrets are found, and how many ordinary texts are left alone: two tables of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eighty80_jupyter.prompt.secrets.redact import Redactor

DATA = Path(__file__).parents[2] / "data" / "secrets"
# What is known to be missed, and to be taken for a secret: the documentation counts them.
MISSED = {
    """GRANT ALL ON x.* TO y IDENTIFIED BY «"abc"»""",
    """tool({"cmd": "export API_KEY=«abc»"})""",
    "user,password=bob,«x»",
}
MISTAKEN = {'"AWS::ApiGateway::ApiKey": "48205d4ffd7feba3",'}


def rows(name: str) -> list[str]:
    """Return the texts of a table."""
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [line.replace("¶", "\n") for line in lines if line and not line.startswith("#")]


FOUND, ORDINARY = rows("found.txt"), rows("ordinary.txt")


def pieces(row: str) -> tuple[str, list[str]]:
    """Return the text of a row, and what of it stays: all but its secrets."""
    return re.sub("[«»]", "", row), re.split("«.*?»", row)


def test_found(subtests: pytest.Subtests) -> None:
    """A secret goes, and all around it stays."""
    for row in FOUND:
        text, kept = pieces(row)
        clean = Redactor({})(text)
        around = re.escape(kept[0]) + "".join(
            r"\[redacted: [\w ]+\]" + re.escape(piece) for piece in kept[1:]
        )
        found = re.fullmatch(around, clean, re.DOTALL) is not None
        with subtests.test(row):
            assert found is (row not in MISSED), clean


def test_ordinary(subtests: pytest.Subtests) -> None:
    """A text that hides nothing stays as it is."""
    for text in ORDINARY:
        clean = Redactor({})(text)
        with subtests.test(text):
            assert (clean == text) is (text not in MISTAKEN), clean


def test_rates() -> None:
    """The tables are long, and what is known to be wrong is a small part of them."""
    assert min(len(FOUND), len(ORDINARY)) >= 200
    assert len(set(FOUND)) == len(FOUND)
    assert len(set(ORDINARY)) == len(ORDINARY)
    assert len(MISSED) / len(FOUND) < 0.02
    assert set(FOUND) >= MISSED
    assert set(ORDINARY) >= MISTAKEN
    assert len(MISTAKEN) / len(ORDINARY) < 0.02
