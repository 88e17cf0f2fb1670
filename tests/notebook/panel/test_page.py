"""The transcript in pieces: no message to the browser is without bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eighty80_jupyter.notebook.panel.page import BATCH_CHARACTERS, BATCH_TURNS, Page
from eighty80_jupyter.session.session import Session
from tests.support.talks import plain_turn


@pytest.fixture(name="session")
def _session() -> Iterator[Session]:
    session = Session(environ={})
    yield session
    session.close()


def page(session: Session) -> tuple[Page, list[tuple[str, dict[str, Any]]]]:
    """Make a page, and the list of what it tells."""
    told: list[tuple[str, dict[str, Any]]] = []

    def tell(op: str, **content: Any) -> None:
        told.append((op, content))

    return Page(session, tell, ended=lambda _running: None), told


def sources(content: dict[str, Any]) -> list[str]:
    return [turn["source"] for turn in content["turns"]]


def test_a_message_has_thirty_turns_at_most(session: Session) -> None:
    """The latest first; each "earlier" brings those before, until all are there."""
    count = 2 * BATCH_TURNS + 5
    session.conversation.restore(
        [plain_turn(f"q{number}", "a") for number in range(count)], system=None
    )
    shown, told = page(session)
    shown.hello()
    shown.earlier()
    shown.earlier()
    assert [op for op, _ in told] == ["state", "earlier", "earlier"]
    assert [len(content["turns"]) for _, content in told] == [BATCH_TURNS, BATCH_TURNS, 5]
    assert [content["earlier"] for _, content in told] == [count - BATCH_TURNS, 5, 0]
    order = [name for _, content in reversed(told) for name in sources(content)]
    assert order == [f"q{number}" for number in range(count)]


@pytest.mark.parametrize("place", ["prompt", "answer"])
def test_a_message_has_so_many_characters_at_most(session: Session, place: str) -> None:
    """Long prompts and long answers count, drawn and as text; one turn goes in any case."""
    long = "word " * (BATCH_CHARACTERS // 20)
    pair = (long, "a") if place == "prompt" else ("q", long)
    session.conversation.restore([plain_turn(*pair) for _ in range(8)], system=None)
    shown, told = page(session)
    shown.hello()
    ((_, content),) = told
    assert 1 <= len(content["turns"]) < 5
    assert content["earlier"] == 8 - len(content["turns"])
    session.conversation.restore([plain_turn("q", long * 20) for _ in range(3)], system=None)
    shown.hello()
    assert len(told[-1][1]["turns"]) == 1


def test_blocks_of_data_stand_apart(session: Session) -> None:
    """A prompt shows what was typed, and a line for each block of data that was sent."""
    sent = '<data name="df" type="DataFrame" id="1a">\n5,000 rows x 5 columns\nsecret</data>'
    long = f'<data name="log" type="str" id="2b">\n{"y" * 30_000}</data>'
    turns = [plain_turn(f"Why?\n{sent}\nHow?\n{long}", "a"), plain_turn("No <data> here", "b")]
    session.conversation.restore(turns, system=None)
    shown, told = page(session)
    shown.hello()
    ((_, content),) = told
    first, second = content["turns"]
    assert first["said"] == "Why?\nHow?"
    assert [title for title, _ in first["data"]] == ["df · 5,000 \u00d7 5", "log · str"]
    assert first["data"][0][1] == sent
    assert len(first["data"][1][1]) < 21_000
    assert "more characters" in first["data"][1][1]
    assert (second["said"], second["data"]) == ("No <data> here", [])
