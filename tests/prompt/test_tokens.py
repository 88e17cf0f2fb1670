"""The estimate of tokens."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.prompt import tokens
from eighty80_jupyter.prompt.tokens import Calibration, estimate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("hello", 1),
        ("letters", 1),
        ("eightchr", 1),
        ("ninechars", 2),
        ("a" * 17, 3),
        ("two words", 2),
        ("123", 1),
        ("1234567", 3),
        ("3.14", 3),
        ("x1", 2),
        ("!", 1),
        ("()", 1),
        ("...", 1),
        ("------", 2),
        ("-------", 3),
        ("_", 1),
        ("____", 1),
        ("snake_case", 3),
        ("\n", 1),
        ("  \n\n  ", 1),
        ("    ", 1),
        ("a\tb", 2),
        ("Straße", 5),  # 6 letters at 0.8, rounded up
        ("日本語", 3),
        ("d" * 40, 5),
        ("d" * 41, 30),  # longer than any word: 41 / 1.4
        ("a1" * 35, 50),
    ],
)
def test_pieces(text: str, expected: int) -> None:
    """Each kind of piece counts as the rule for it says."""
    assert estimate(text) == expected


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("The quick brown fox jumps over the lazy dog, and the dog does not mind at all.", 19),
        ('def add(first, second):\n    """Return the sum."""\n    return first + second\n', 19),
        (
            (
                r"\frac{\partial u}{\partial t} = \alpha \nabla^2 u "
                r"+ \sum_{i=1}^{n} \lambda_i \phi_i(x)"
            ),
            40,
        ),
        ("id,price,city\n1,5.5,Oslo\n2,4.2,Rome\n3,7.9,Paris\n", 31),
        (
            "| id | price | city |\n| --- | --- | --- |\n| 1 | 5.5 | Oslo |\n| 2 | 4.2 | Rome |\n",
            40,
        ),
        ('{"id": 1, "name": "Oslo", "tags": ["a", "b"], "price": 5.5}', 30),
        ("for (const item of items) { if (!item.done) { total += item.price; } }", 24),
    ],
)
def test_real_tokens(text: str, real: int) -> None:
    """Prose, code, LaTeX and tables are estimated within a tenth of what a tokenizer counts.

    The counts are those of SmolLM2's tokenizer. It splits numbers into single digits, unlike the
    larger vocabularies that the estimate is made for, so here no number has more than one.
    """
    assert estimate(text) == pytest.approx(real, rel=0.1)


@given(st.text(max_size=300), st.text(max_size=300))
def test_lines_add_up(first: str, second: str) -> None:
    """Two lines count as much as their parts and the line end between, give or take a rounding."""
    together = estimate(first.strip() + "\n" + second.strip())
    assert abs(together - estimate(first.strip()) - estimate(second.strip()) - 1) <= 1


def test_long_texts_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate of a long text comes from samples, and is close to that of all of it."""
    rows = json.dumps([{"id": number, "name": f"row {number}"} for number in range(20_000)])
    assert len(rows) > tokens.WHOLE
    sampled = estimate(rows)
    monkeypatch.setattr(tokens, "WHOLE", len(rows))
    assert sampled == pytest.approx(estimate(rows), rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a", " ", "\n", " \t", "!", "_", "1", "é", "word ", "a\n "])
def test_time_is_bounded(piece: str) -> None:
    """Ten megabytes of anything take far less than seconds."""
    text = piece * (10_000_000 // len(piece))
    start = time.process_time()
    assert estimate(text) > 0
    assert time.process_time() - start < 50


def test_the_calibration_averages_what_servers_counted() -> None:
    """The first pair counts as it is, each later one as much as all before it."""
    calibration = Calibration()
    assert calibration.tokens("hello hello") == 2
    calibration.learn(200, 300)
    assert calibration.ratio == 1.5
    assert calibration.tokens("hello hello hello") == 5  # rounded up
    calibration.learn(200, 200)
    assert calibration.ratio == 1.25
    calibration.learn(1_000, 750)
    assert calibration.ratio == 1.0


def test_short_texts_teach_nothing() -> None:
    """What a server puts around each message would weigh too much."""
    calibration = Calibration()
    calibration.learn(149, 200)
    assert calibration.ratio == 1.0
    calibration.learn(150, 225)
    assert calibration.ratio == 1.5


@pytest.mark.parametrize(("counted", "ratio"), [(1, 0.5), (100_000, 2.0)])
def test_what_cannot_be_is_learned_within_bounds(counted: int, ratio: float) -> None:
    """A server that counts nonsense makes no estimate useless."""
    calibration = Calibration()
    calibration.learn(1_000, counted)
    assert calibration.ratio == ratio
