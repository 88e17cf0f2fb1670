"""Plain values and JSON: what becomes what, and in which words a text that is none is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePosixPath
from typing import Any

import pytest

from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.serialization import from_json, plain, to_json


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (dt.date(2026, 1, 2), "2026-01-02"),
        (PurePosixPath("a/b"), "a/b"),
        (b"x", "b'x'"),
        (bytearray(b"x"), "bytearray(b'x')"),
        ({1: (2, [3.5, None]), "a": frozenset({True})}, {"1": [2, [3.5, None]], "a": [True]}),
        (Message("user", "x"), {"role": "user", "content": "x"}),
        (Message, str(Message)),
    ],
)
def test_what_json_does_not_know_is_a_text(value: Any, made: Any) -> None:
    """Values become lists, objects and texts; a dataclass has no fields at their default."""
    assert plain(value) == made


@pytest.mark.parametrize("written", ['{"a": "x\\ud83d"}', b'{"a": "x\\uD83D"}'])
def test_half_a_pair_is_read_as_a_sign_of_its_own(written: str | bytes) -> None:
    """From a text and from bytes; what utf-8 cannot hold does not come in."""
    (value,) = from_json(written).values()
    assert (value[0], len(value)) == ("x", 2)
    value.encode()


@pytest.mark.parametrize("written", ["{", b"[", '{"a": "\\ud83d"', '"\ud83d', "", "[1,]"])
def test_what_is_no_json_is_refused(written: str | bytes) -> None:
    """Whether it holds half a pair or not, in the words of the reader that tells the place."""
    with pytest.raises(UsageError, match=r"^it is no JSON, or was cut off: \S"):
        from_json(written)


def test_numbers_are_written_exactly() -> None:
    """Also those beyond 64 bits; indented on demand, where both writers agree."""
    assert to_json({"a": [2**80, "\ud83d"]}) == b'{"a":[%d,"\\ud83d"]}' % 2**80
    assert to_json({"a": 1}, indent=True) == b'{\n  "a": 1\n}'
    assert to_json({"a": 2**80}, indent=True) == b'{\n  "a": %d\n}' % 2**80
    with pytest.raises(UsageError, match=r"^this cannot be written as JSON: \S"):
        to_json({"a": object()})
