"""Descriptions are bounded: in time, in what they look at, and in what they leave behind."""

from __future__ import annotations

import queue
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.prompt.describe import foreign as describe_foreign
from eighty80_jupyter.prompt.describe.foreign import TimeLimit, TooLongError
from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.describe.tables import pandas as describe_pandas
from eighty80_jupyter.prompt.describe.tables import table as describe_tables
from eighty80_jupyter.prompt.describe.tables.stats import summarised

SECONDS = 50  # far more than the half second of a free machine
ROWS = 3_000_000


class Sleeps:
    """An object whose `repr` takes far too long; it counts how often it is asked."""

    asked = 0

    def __repr__(self) -> str:
        type(self).asked += 1
        time.sleep(60)
        return "awake"


class Loops:
    """An object whose `repr` never ends."""

    def __repr__(self) -> str:
        while True:
            pass


class Raises:
    """An object whose `repr` raises."""

    def __init__(self, error: type[BaseException] = ValueError) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error


class Huge:
    """An object whose `repr` has ten megabytes."""

    def __repr__(self) -> str:
        return "word " * 2_000_000


def text_of(value: Any, options: str = "", *, budget: int = 1_000) -> str:
    """Return the text of a description, which must not take long."""
    start = time.perf_counter()
    text = describe(value, name="x", options=options, budget=budget).text
    assert time.perf_counter() - start < SECONDS
    return text


@pytest.mark.usefixtures("hurried")
def test_reprs_that_sleep() -> None:
    """A `repr` that takes too long is given up, and not asked again in the same description."""
    assert text_of(Sleeps()).endswith("Sleeps: its repr took too long>")
    Sleeps.asked = 0
    text = text_of([Sleeps() for _ in range(1_000)])
    assert "its repr took too long> (1,000 times)" in text
    assert Sleeps.asked == 1


@pytest.mark.usefixtures("hurried")
def test_reprs_that_sleep_in_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is in the cells of a frame, whose other columns are told all the same."""
    monkeypatch.setattr(describe_tables, "_AT_LEAST", SECONDS)  # a stall is not what is tested
    frame = pd.DataFrame({"a": [Sleeps()] * 100, "b": range(100)})
    text = text_of(frame)
    assert "its repr took too long" in text
    assert "- b: int64, all unique, 0 to 99" in text


@pytest.mark.usefixtures("hurried")
def test_reprs_that_never_end() -> None:
    """A `repr` that never ends is given up, and its thread ends."""
    text_of(Loops())
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and any(
        thread.name == "eighty80-describe" and thread.is_alive() and not is_asleep(thread)
        for thread in threading.enumerate()
    ):
        threading.Event().wait(0.01)
    assert not any(
        thread.name == "eighty80-describe" and not is_asleep(thread)
        for thread in threading.enumerate()
    )


def is_asleep(thread: threading.Thread) -> bool:
    """Say whether a thread is in one of this file's `repr`s that sleep for a minute."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code is Sleeps.__repr__.__code__:
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize(
    "error", [ValueError, RecursionError, SystemExit, KeyboardInterrupt, MemoryError]
)
def test_reprs_that_raise(error: type[BaseException]) -> None:
    """Whatever a `repr` raises, the value is described."""
    assert "its repr raised" in text_of(Raises(error))
    assert "its repr raised" in text_of([Raises(error)])
    assert "its repr raised" in text_of({"a": (Raises(error),)})


def test_reprs_that_are_no_texts() -> None:
    """A `repr` that returns no text is a failure like others."""

    class Odd:
        def __repr__(self) -> Any:
            return 3

    assert "its repr raised TypeError" in text_of(Odd())


def test_huge_reprs() -> None:
    """A `repr` of ten megabytes is cut, and so is one in a list."""
    assert "of 10,000,000 characters left out]" in text_of(Huge())
    assert len(text_of([Huge()] * 100)) < 20_000


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", ["_repr_llm_", "_repr_markdown_", "__format__", "__str__"])
def test_other_methods_that_sleep(name: str) -> None:
    """The other methods of a value are under the same limit."""
    release = threading.Event()

    def sleep(*_: object) -> str:
        release.wait(60)
        return "late"

    cls = type("Other", (Exception,) if name == "__str__" else (), {name: sleep})
    try:
        if name == "__format__":
            with pytest.raises(ValueError, match="no option"):
                text_of(cls(), "abc")
        else:
            assert "late" not in text_of(cls())
    finally:
        release.set()


@pytest.mark.usefixtures("hurried")
def test_only_daemons_are_left() -> None:
    """No thread that could keep the kernel from ending is left behind."""
    text_of([Sleeps(), Loops()])
    assert all(
        thread.daemon for thread in threading.enumerate() if thread.name == "eighty80-describe"
    )


def test_threads_end() -> None:
    """A description that nothing held up leaves no thread."""
    before = {thread.ident for thread in threading.enumerate()}
    text_of([Raises()])
    for thread in threading.enumerate():
        if thread.name == "eighty80-describe" and thread.ident not in before:
            thread.join(SECONDS)
            assert not thread.is_alive()


def test_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt while a `repr` is waited for ends the description at once."""

    def interrupted(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(describe_foreign._Worker, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        text_of(Raises())


def test_patience_in_all() -> None:
    """All foreign code of a description together has a limit, by the clock that is given."""
    now = [0.0]

    def slow() -> str:
        now[0] += 0.2
        return "done"

    with TimeLimit(total=0.5, clock=lambda: now[0]) as time_limit:
        assert [time_limit.call(slow) for _ in range(3)] == ["done"] * 3
        with pytest.raises(TooLongError):
            time_limit.call(slow)


def test_patience_passes_errors() -> None:
    """An error of the code arrives as it was raised."""
    with TimeLimit() as time_limit, pytest.raises(ZeroDivisionError):
        time_limit.call(lambda: 1 / 0)


def test_patience_keeps_the_context() -> None:
    """Settings of the caller's context, such as NumPy's print options, hold in the thread."""
    with np.printoptions(precision=2), TimeLimit() as time_limit:
        assert time_limit.call(repr, np.array([1 / 3])) == "array([0.33])"


def test_abandoned_results_are_not_mixed_up() -> None:
    """A late result is not taken for that of the next call."""
    release: queue.SimpleQueue[None] = queue.SimpleQueue()

    def late() -> str:
        release.get(timeout=60)
        return "late"

    with TimeLimit(limit=0.01) as time_limit:
        with pytest.raises(TooLongError):
            time_limit.call(late)
        time_limit.limit = SECONDS
        release.put(None)
        assert time_limit.call(lambda: "next") == "next"


def times() -> Any:
    """Return a long column of times of which one is missing."""
    column = pd.Series(pd.date_range("2000", periods=ROWS, freq="s", tz="UTC"))
    column.iloc[7] = pd.NaT
    return column


FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame({c: np.arange(ROWS) / 3 for c in "abcdef"}),
    "pandas objects": lambda: pd.DataFrame(
        {c: ["x", "y", None] * (ROWS // 3) for c in "ab"}, dtype=object
    ),
    "pandas texts": lambda: pd.DataFrame({"a": ["x", "y", None] * (ROWS // 3)}),
    "pandas times": lambda: pd.DataFrame({"a": times()}),
    "pandas wide": lambda: pd.DataFrame(np.zeros((100, 5_000))),
    "pandas very wide": lambda: pd.DataFrame(np.zeros((2, 300_000))),
    "pandas long texts": lambda: pd.DataFrame({"a": ["word " * 20_000] * 100_000}, dtype=object),
    "pandas lists": lambda: pd.DataFrame({"a": [[1] * 1_000] * 100_000}),
    "pandas levels": lambda: pd.DataFrame(
        {"a": np.zeros(ROWS)},
        index=pd.MultiIndex.from_product([range(1_000), range(ROWS // 1_000)]),
    ),
    "polars": lambda: pl.DataFrame({c: np.arange(ROWS) / 3 for c in "abcdef"}),
    "polars lists": lambda: pl.DataFrame({"a": [list(range(100_000))] * 20}),
    "pyarrow": lambda: pa.table({c: np.arange(ROWS) / 3 for c in "abcdef"}),
    "pyarrow nulls": lambda: pa.table({"a": pa.array([1, None, 2] * (ROWS // 3))}),
}


@pytest.mark.slow
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", list(FRAMES))
def test_large_frames(name: str) -> None:
    """A frame of millions of rows or thousands of columns is described soon, and not copied."""
    frame = FRAMES[name]()
    tracemalloc.start()
    try:
        text = text_of(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert " rows x " in text
    assert peak < 16e6  # one column of the smallest of them has 24 MB


LARGE: dict[str, Callable[[], Any]] = {
    "dicts": lambda: {key: dict.fromkeys(range(1_000), key) for key in range(1_000)},
    "keys": lambda: dict.fromkeys(range(1_000_000), "value"),
    "records": lambda: [{"id": 1, "tags": ["a", "b"]}] * 1_000_000,
    "set": lambda: {str(number) for number in range(1_000_000)},
    "texts": lambda: ["word " * 2_000_000] * 100,
    "text": lambda: "some words, and 123 numbers\n" * 400_000,
    "bytes": lambda: bytes(50_000_000),
    "array": lambda: np.zeros((7_000, 8_000)),
    "view": lambda: np.ones((2_000, 4_000))[:, ::2].T,
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("name", list(LARGE))
def test_large_values(name: str) -> None:
    """A container of a million items or a text of megabytes is described soon, and not copied."""
    value = LARGE[name]()
    tracemalloc.start()
    try:
        text = text_of(value)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(text) < 20_000
    assert peak < 5e6


def test_deep_values() -> None:
    """Lists in lists by the hundred thousand are no trouble."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert "<list of 1>" in text_of(value)
    while value:  # taken apart by hand: Python's own way recurses
        value = value[0]


def test_samples_of_long_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a column of long texts only as many are looked at as have a bounded length in all."""
    seen: list[int] = []

    def count(values: list[Any], *args: Any, **keywords: Any) -> dict[str, str]:
        seen.append(sum(map(len, values)))
        return summarised(values, *args, **keywords)

    monkeypatch.setattr(describe_pandas, "summarised", count)
    text_of(pd.DataFrame({"a": ["word " * 1_000] * 100_000}, dtype=object))
    assert len(seen) == 1
    assert 100_000 < seen[0] < 5_000_000


def test_values_that_hash_slowly() -> None:
    """Values of classes that are not known are never hashed or compared."""

    class Odd:
        def __hash__(self) -> int:
            raise AssertionError

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __repr__(self) -> str:
            return "odd"

    text = text_of(pd.DataFrame({"a": [Odd()] * 100}))
    assert "- a: object, all Odd" in text
    assert "\nodd\n" in text


def test_nothing_lazy_is_computed() -> None:
    """A relation that would take for ever is described at once."""
    relation = duckdb.sql("select count(*) from range(1000000000) a, range(1000000000) b")
    assert "lazy: nothing was computed" in text_of(relation)
    assert "lazy>" in text_of({"relation": relation})


def test_formats_are_bounded() -> None:
    """A width of gigabytes is refused before anything is written."""
    with pytest.raises(ValueError, match="no option"):
        text_of(3, "1000000000")
    with pytest.raises(ValueError, match="no option"):
        text_of(3.5, ".999999999f")
