"""Broken JSON is mended where it stays what it says, and refused where that would be a guess."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.structured.mending import mended


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'b', 'n': 3,}", {"a": "b", "n": 3}),
        ('{a: Ada Lovelace, "n": 3}', {"a": "Ada Lovelace", "n": 3}),
        ('{"a": "b" "n": 3}', {"a": "b", "n": 3}),
        ('{"a": "he said "hi" there", "n": 1.50}', {"a": 'he said "hi" there', "n": 1.5}),
        ('{"a": True, "n": None}', {"a": True, "n": None}),
        ('{"a": 1, // was "a": 2\n "b": 3 # no\n /* "c" */}', {"a": 1, "b": 3}),
        ('{"a": "http://x/y#z",}', {"a": "http://x/y#z"}),
        ('{"a": "\\u00fc \\n \\"q\\"",}', {"a": 'ü \n "q"'}),
        ('{"a": "", "b": [],}', {"a": "", "b": []}),
        ('{"a": +5, "b": .5}', {"a": 5, "b": 0.5}),
        ('["a" "b"]', ["a", "b"]),
        ('{"a": "...", "b": 12345678901234567890123,}', {"a": "...", "b": 12345678901234567890123}),
    ],
)
def test_mended(text: str, value: Any) -> None:
    """Signs that are missing, wrong or too many do not change what is said."""
    assert mended(text) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 5 years}', '{"n": $5}', '{"n": ~5}', '{"n": 50%}', '{"n": 1 000}', '{"n": 2 + 3}',
        '{"n": 3 or 4}', '{"n": (3)}', '{"n": 1e}', '{"n": "3" "4"}', '{"n": 1, "n": 2,}',
        '{"a": , "n": 3}', '{"a": }', '{"a": ..., "n": 3}', '{"a": <name>, "n": 3}',
        '{"a": undefined}', '{"a": ["x", y, ...]}', "{}", "no JSON", "",
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    """What was said must be there, all of it, and nothing more."""
    assert mended(text) is None
