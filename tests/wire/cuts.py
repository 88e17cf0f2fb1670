"""Ways to cut bytes into pieces, for tests that no cut may change anything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st

# How property tests run: a busy machine must not fail them.
ANY_CUT = settings(deadline=None, max_examples=100)


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Draw a way to cut `data`: sometimes into single bytes, with empty pieces now and then."""
    places = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    return st.one_of(places.map(lambda at: at_places(data, at)), st.just(single(data)))


def at_places(data: bytes, places: list[int]) -> list[bytes]:
    """Cut `data` at the given places."""
    ends = [0, *places, len(data)]
    return [data[begin:end] for begin, end in pairwise(ends)]


def single(data: bytes) -> list[bytes]:
    """Cut `data` into single bytes."""
    return [data[i : i + 1] for i in range(len(data))]


def in_two(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Cut `data` in two at every place."""
    for place in range(len(data) + 1):
        yield data[:place], data[place:]
