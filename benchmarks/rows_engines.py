"""What a row function costs within engines, beside `chat.rows` over the same rows.

    python -m benchmarks.rows_engines [--rows 10000] [--rounds 5]

A server in a process of its own answers each request at once. Rows are asked anew each time. Dask
has four partitions and threads, DuckDB batches of 2,048. Target: 0.8 of the rows/s of `chat.rows`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks._wire_server import serving
from benchmarks.rows import AT_ONCE, KEY, MODEL, PROMPT, check, rows
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.session.session import Session

Ask = Callable[[int], None]
OPTIONS: dict[str, Any] = {"concurrency": AT_ONCE, "fresh": True}


def ways(session: Session) -> dict[str, Ask]:
    """Return the ways to ask so many rows."""
    pd, pa = import_module("pandas"), import_module("pyarrow")
    found: dict[str, Ask] = {}

    def plain(count: int) -> None:
        run = session.rows(pd.DataFrame(rows(count)), PROMPT, all=True, **OPTIONS)
        check(int(run.frame["answer"].notna().sum()), count)

    def in_dask(count: int) -> None:
        frame = import_module("dask.dataframe").from_pandas(
            pd.DataFrame(rows(count)), npartitions=4
        )
        answered = session.row_function(PROMPT, **OPTIONS)(frame).compute(scheduler="threads")
        check(int(answered["answer"].notna().sum()), count)

    def in_duckdb(count: int) -> None:
        with import_module("duckdb").connect() as connection:
            connection.register("tickets", pa.table(rows(count)))
            function = session.row_function(PROMPT, **OPTIONS)
            function.duckdb(connection, "ask", ["text", "customer"])
            query = "SELECT *, unnest(ask(text, customer)) FROM tickets"
            check(connection.sql(query).to_arrow_table()["answer"].drop_null().length(), count)

    def in_polars(count: int) -> None:
        frame = import_module("polars").LazyFrame(rows(count))
        answered = session.row_function(PROMPT, **OPTIONS)(frame).collect()
        check(count - answered["answer"].null_count(), count)

    found["chat.rows"] = plain
    found |= {"Dask": in_dask, "DuckDB": in_duckdb, "polars lazy": in_polars}
    return found


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with serving() as port, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_STATE_HOME"] = str(folder)
        base = f"http://127.0.0.1:{port}/whole/v1"
        session = Session(ChatConfig(api_key=KEY, model=MODEL, base_url=base), environ={})
        stack.enter_context(closing(session))
        session.namespace = {}
        table = ways(session)
        seconds: dict[str, list[float]] = {name: [] for name in table}
        cpu: dict[str, list[float]] = {name: [] for name in table}
        for turn in range(options.rounds + 1):
            for name, ask in table.items():
                start, before = time.perf_counter(), time.process_time()
                ask(options.rows)
                if turn:  # the first warms up
                    cpu[name].append(time.process_time() - before)
                    seconds[name].append(time.perf_counter() - start)
    title = f"{options.rows:,} rows, {AT_ONCE} at a time"
    print(f"{title:<30}{'rows/s':>9}{'ratio':>8}{'CPU us':>9}{'ratio':>8}")
    for name, taken in seconds.items():
        rate = options.rows / statistics.median(taken)
        used = statistics.median(cpu[name]) / options.rows * 1e6
        pairs = zip(seconds["chat.rows"], taken, strict=True)
        ratio = statistics.median(floor / own for floor, own in pairs)
        more = statistics.median(
            own / floor for floor, own in zip(cpu["chat.rows"], cpu[name], strict=True)
        )
        print(f"{name:<30}{rate:>9,.0f}{ratio:>8.2f}{used:>9,.0f}{more:>8.2f}")
    print("ratio: to chat.rows in the same round, the median of the rounds; target 0.8")


if __name__ == "__main__":
    main()
