"""A key in a reply that is written down while it comes: no line has any of it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.deltas import ReasoningDelta, TextDelta
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.storage import journal as journal_module
from eighty80_jupyter.storage.journal import Journal, _settled
from eighty80_jupyter.turns.feed import Feed, TurnBegan, TurnEnded, TurnEvents
from eighty80_jupyter.turns.request import Request, RunningTurn
from eighty80_jupyter.wire.client import Settings
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.secret import REDACTED, Secret
from tests.support.waiting import wait_until

KEY = "sk-abcdef-0123456789"


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("no key", "no key"),
        (f"it is {KEY}, so", f"it is {REDACTED}, so"),
        ("it is s", "it is "),
        ("it is sk-abc", "it is "),
        (f"it is {KEY[:-1]}", "it is "),
        ("it is sk-abd", "it is sk-abd"),
        ("ask", "a"),
        ("", ""),
        ("s", ""),
    ],
)
def test_an_end_that_may_become_the_key_waits(text: str, settled: str) -> None:
    """From its first letter on; what turns out to be none is written then."""
    assert _settled(text, [KEY]) == (settled, text[len(settled) :] if KEY not in text else "")


def test_of_several_keys_the_longest_end_waits() -> None:
    """Whichever of them it may become."""
    assert _settled("x abab", ["abac-long", "abab-long"]) == ("x ", "abab")
    assert _settled("x ab", ["b-other", "ab-one"]) == ("x ", "ab")
    assert _settled("x ab", []) == ("x ab", "")


@given(st.lists(st.integers(1, len(KEY) + 8), max_size=12), st.integers(0, 8))
def test_cut_anywhere_no_piece_has_a_part_of_it(cuts: Sequence[int], before: int) -> None:
    """What is settled has no half a key, and with the end that waits all of the text is there."""
    text = "x" * before + KEY + " and " + KEY
    done, end, at = "", "", 0
    for cut in [*cuts, len(text)]:
        settled, end = _settled(end + text[at : at + cut], [KEY])
        done, at = done + settled, at + cut
        assert "sk-" not in done
    assert done + end == "x" * before + f"{REDACTED} and {REDACTED}"


def began(talks: Conversations, feed: Feed) -> RunningTurn:
    """Begin a turn."""
    request = Request(
        prompt=Message("user", "Tell it."),
        parameters={},
        endpoint=Endpoint(url="https://one.example"),
        settings=Settings(),
    )
    running = RunningTurn(talks.current, request)
    feed.tell(TurnBegan(running))
    return running


def content(folder: Path) -> str:
    """Return what is written so far."""
    return "".join(file.read_text() for file in folder.iterdir())


def texts(folder: Path) -> list[str]:
    """Return the pieces of replies that are written."""
    lines = map(json.loads, content(folder).splitlines())
    return [line["text"] for line in lines if line.get("event") == "text"]


def test_no_line_has_a_part_of_a_key_that_comes_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of an answer nor of reasoning, however the pieces fall on the lines."""
    monkeypatch.setattr(journal_module, "PIECES_SECONDS", 0.01)
    talks, feed = Conversations(), Feed()
    journal = Journal(talks, feed, secrets=lambda: (Secret(KEY),), folder=tmp_path)
    running = began(talks, feed)
    for kind in (TextDelta, ReasoningDelta):
        for piece in (f"{kind.__name__} begins. ", KEY[:7], KEY[7:], f". {kind.__name__} ends."):
            feed.tell(TurnEvents(running, [kind(0, piece)]))
            if piece not in KEY:
                wait_until(lambda wanted=piece: wanted in content(tmp_path))  # type: ignore[misc]
    journal.close()
    assert not any(KEY[:4] in text for text in texts(tmp_path))
    assert "".join(texts(tmp_path)).count(REDACTED) == 2


def test_what_came_last_is_written_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two lines with pieces passes some time; a journal that ends does not wait for it."""
    monkeypatch.setattr(journal_module, "PIECES_SECONDS", 1000)
    talks, feed = Conversations(), Feed()
    journal = Journal(talks, feed, folder=tmp_path)
    running = began(talks, feed)
    wait_until(lambda: '"began"' in content(tmp_path))
    feed.tell(TurnEvents(running, [TextDelta(0, "the last words")]))
    journal.close()
    assert texts(tmp_path) == ["the last words"]


def test_a_turn_that_has_ended_is_told_with_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In milliseconds; what comes afterwards is no piece of it, nor is it told again."""
    clock = SimpleNamespace(time=lambda: 1234.56789, monotonic=time.monotonic)
    monkeypatch.setattr(journal_module, "time", clock)
    talks, feed = Conversations(), Feed()
    journal = Journal(talks, feed, folder=tmp_path)
    running = began(talks, feed)
    for _ in range(2):
        feed.tell(TurnEnded(running))
        feed.tell(TurnEvents(running, [TextDelta(0, "too late")]))
    journal.close()
    assert journal.path is not None
    _head, *lines = map(json.loads, journal.path.read_text().splitlines())
    assert [(line["event"], line["at"]) for line in lines] == [
        ("began", 1234.568), ("ended", 1234.568),
    ]  # fmt: skip
