"""What it costs to describe the heaviest values: time, memory beyond the value, tokens.

Time is that of the first description of a value, with the libraries loaded; a description should
take less than 0.5 s. Memory is the peak of what Python and NumPy allocate during a second one
(tracemalloc), and the growth of the process over the first; the floor is a value of no size. Beside
it stands what the library's own text costs, where that is what people would send instead.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import psutil
import pyarrow as pa
from matplotlib.figure import Figure
from plotly import graph_objects

from eighty80_jupyter.prompt.describe.registry import describe
from eighty80_jupyter.prompt.tokens import estimate

ROWS = 10_000_000
LIMIT = 0.5  # seconds
Case = tuple[str, Callable[[], Any]]


class _Sleeps:
    def __repr__(self) -> str:
        time.sleep(5)
        return "awake"


class _Loops:
    def __repr__(self) -> str:
        while True:
            pass


class _Raises:
    def __repr__(self) -> str:
        raise ValueError


class _Huge:
    def __repr__(self) -> str:
        return "word " * 2_000_000


def _numbers(columns: int = 8) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return {f"c{number}": rng.normal(size=ROWS) for number in range(columns)}


def _mixed() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    cities = np.array(["Paris", "Rome", "Oslo", None], dtype=object)
    when = pd.date_range("2000-01-01", periods=ROWS, freq="s", tz="Europe/Oslo")
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "price": rng.normal(size=ROWS),
            "ok": rng.random(ROWS) > 0.5,  # noqa: PLR2004  # half of them
            "when": when,
            "count": pd.array(np.arange(ROWS), dtype="Int64"),
            "kind": pd.Categorical.from_codes(rng.integers(0, 3, ROWS), ["a", "b", "c"]),
            "city": pd.Series(cities[rng.integers(0, 4, ROWS)], dtype=object),
            "name": cities[rng.integers(0, 3, ROWS)].astype(str),
        }
    )


def _nested(levels: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


def _figure() -> Figure:
    figure = Figure()
    axes = figure.subplots()
    axes.plot(np.arange(1_000_000), np.zeros(1_000_000))
    return figure


def _recursion() -> BaseException:
    def again() -> None:
        again()

    try:
        again()
    except RecursionError as error:
        return error
    raise AssertionError


def _mapped(folder: Path) -> Any:
    np.save(folder / "numbers.npy", np.zeros(ROWS))
    return np.load(folder / "numbers.npy", mmap_mode="r")


def cases(folder: Path) -> Iterator[Case]:
    """Yield names and makers of the values."""
    yield "an integer (floor)", lambda: 1
    yield "pandas 10M x 8, float64", lambda: pd.DataFrame(_numbers())
    yield "pandas 10M x 8, mixed types", _mixed
    yield (
        "pandas 10M, a MultiIndex",
        lambda: pd.DataFrame(
            {"x": np.zeros(ROWS)},
            index=pd.MultiIndex.from_product([range(1_000), range(10_000)]),
        ),
    )
    yield "pandas 1,000 x 5,000", lambda: pd.DataFrame(np.zeros((1_000, 5_000))).add_prefix("x")
    yield "pandas 5 x 1,000,000", lambda: pd.DataFrame(np.zeros((5, 1_000_000)))
    yield (
        "pandas 1M x 3, texts of 10 kB",
        lambda: pd.DataFrame({c: ["ab " * 3_333] * 10**6 for c in "abc"}, dtype=object),
    )
    yield (
        "pandas 100k x 2, nested lists",
        lambda: pd.DataFrame({c: [[1] * 1_000] * 10**5 for c in "ab"}),
    )
    yield "polars 10M x 8", lambda: pl.DataFrame(_numbers())
    yield (
        "polars lazy, 10M x 8",
        lambda: pl.DataFrame(_numbers()).lazy().with_columns(pl.all().sort()),
    )
    yield "pyarrow 10M x 8", lambda: pa.table(_numbers())
    yield (
        "duckdb, 10^12 rows",
        lambda: duckdb.sql("select sum(range) as s from range(1000000000000)"),
    )
    yield "numpy 10M, float64", lambda: np.zeros(ROWS)
    yield "numpy 10,000 x 10,000, float32", lambda: np.zeros((10_000, 10_000), np.float32)
    yield "numpy 5,000 x 5,000, transposed", lambda: np.ones((5_000, 10_000))[:, ::2].T
    yield "numpy 10M, a mapped file", lambda: _mapped(folder)
    yield (
        "dict of 1,000 dicts of 1,000",
        lambda: {i: dict.fromkeys(range(1_000), i) for i in range(1_000)},
    )
    yield "dict of 1M keys", lambda: dict.fromkeys(range(1_000_000), "value")
    yield "list of 1M records", lambda: [{"id": 1, "tags": ["a", "b"]}] * 1_000_000
    yield "list in lists, 100,000 deep", lambda: _nested(100_000)
    yield "set of 1M texts", lambda: {str(number) for number in range(1_000_000)}
    yield "str of 10 MB", lambda: "some words, and 123 numbers\n" * 400_000
    yield "bytes of 100 MB", lambda: bytes(100_000_000)
    yield "a repr of 10 MB", _Huge
    yield "a repr that raises", _Raises
    yield "a repr that sleeps", _Sleeps
    yield "1,000 reprs that sleep", lambda: [_Sleeps() for _ in range(1_000)]
    yield "a repr that never ends", _Loops
    yield "frame of reprs that sleep", lambda: pd.DataFrame({c: [_Sleeps()] * 1_000 for c in "abc"})
    yield "matplotlib, a line of 1M", _figure
    yield (
        "plotly, a trace of 1M",
        lambda: graph_objects.Figure(graph_objects.Scattergl(y=np.zeros(10**6))),
    )
    yield "class pandas.DataFrame", lambda: pd.DataFrame
    yield "exception after 1,000 calls", _recursion


def measure(value: Any) -> tuple[float, float, float, int]:
    """Return seconds, megabytes by tracemalloc and of the process, and tokens."""
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    start = time.perf_counter()
    tokens = describe(value, name="value").tokens
    seconds = time.perf_counter() - start
    grown = process.memory_info().rss - before
    tracemalloc.start()
    try:
        describe(value, name="value")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return seconds, peak / 1e6, grown / 1e6, tokens


def main() -> int:
    """Print the table; return 1 if something took too long."""
    describe(pd.DataFrame({"a": [1]}), name="warm")
    describe(pl.DataFrame({"a": [1]}), name="warm")
    describe(pa.table({"a": [1]}), name="warm")
    slow = 0
    print(f"{'':34} {'ms':>7} {'peak MB':>8} {'rss MB':>7} {'tokens':>7}")
    with TemporaryDirectory() as folder:
        for name, make in cases(Path(folder)):
            value = make()
            seconds, peak, grown, tokens = measure(value)
            slow += seconds > LIMIT
            late = " too slow" if seconds > LIMIT else ""
            print(f"{name:34} {seconds * 1e3:7.1f} {peak:8.1f} {grown:7.1f} {tokens:7,}{late}")
            del value
    frame = pd.DataFrame({name: values[:1_000] for name, values in _numbers().items()})
    texts = {
        "described": describe(frame, name="frame").text,
        "str(frame)": str(frame),
        "frame.head().to_csv()": frame.head().to_csv(),
        "frame.to_csv()": frame.to_csv(),
    }
    told = ", ".join(f"{name} {estimate(text):,}" for name, text in texts.items())
    print(f"\ntokens for a frame of 1,000 x 8: {told}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
