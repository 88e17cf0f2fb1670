"""A prompt within the plans of engines: each asks as little as it can, and nothing too soon."""

from __future__ import annotations

import datetime as dt
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.session import Session
from tests.rows.answering import answering, label
from tests.support.scripted import ScriptedServer

ROWS = 40
FRAME = pd.DataFrame({"text": [f"row {n}" for n in range(ROWS)], "n": range(ROWS)})
from_pandas: Any = dd.from_pandas  # it has no types
EXPECTED = ["bug" if n % 2 == 0 else "feature" for n in range(ROWS)]


@pytest.fixture(name="function")
def _function(session: Session, server: ScriptedServer) -> Any:
    """Give a function that labels rows, and keeps nothing on disk."""
    server.handler = answering(label)
    return session.row_function(
        "Classify: {{text}}", returns=["bug", "feature"], column="label", fresh=True
    )


def asked(server: ScriptedServer) -> int:
    """Return how many requests have come since this was asked."""
    count = len(server.requests)
    server.requests.clear()
    return count


def test_dask_asks_with_its_own_scheduler(function: Any, server: ScriptedServer) -> None:
    """Its types are known, in whatever way it is told; it asks nothing before it computes."""
    ddf = from_pandas(FRAME, npartitions=4)
    plans = [
        ddf.map_partitions(function, meta=function.meta(ddf)),
        ddf.map_partitions(function),  # Dask would try it on made-up rows
        function(ddf),
    ]
    assert asked(server) == 0
    for plan in plans:
        assert plan.dtypes["label"].categories.tolist() == ["bug", "feature"]
        assert plan.columns.tolist() == ["text", "n", "label", "label_error"]
    found = plans[0].compute(scheduler="threads")
    assert found["label"].tolist() == EXPECTED
    assert found.index.tolist() == FRAME.index.tolist()
    assert found["label"].dtype == plans[0].dtypes["label"]
    assert asked(server) == ROWS


def test_dask_asks_again_for_each_look_at_a_plan(function: Any, server: ScriptedServer) -> None:
    """Also for columns that nobody takes; `persist` asks once, and so do kept answers."""
    plan = function(from_pandas(FRAME, npartitions=4))
    with dask.config.set(scheduler="synchronous"):
        assert plan["n"].sum().compute() == sum(range(ROWS))
        assert asked(server) in (0, ROWS)  # its optimizer may see that nothing else is wanted
        assert len(plan.head(2)) == 2
        assert asked(server) == ROWS / 4
        there = plan.persist()
        assert asked(server) == ROWS
        assert there["label"].value_counts().compute().tolist() == [ROWS / 2] * 2
        assert there.head(2)["label"].tolist() == EXPECTED[:2]
        assert asked(server) == 0


def test_kept_answers_serve_every_look(session: Session, server: ScriptedServer) -> None:
    """A second computation of the same plan asks nothing."""
    server.handler = answering(label)
    function = session.row_function("Classify: {{text}}", returns=["bug", "feature"])
    plan = function(from_pandas(FRAME, npartitions=2))
    for _ in range(2):
        assert plan.compute(scheduler="threads")["answer"].tolist() == EXPECTED
    assert asked(server) == ROWS


def test_polars_asks_only_what_is_taken(function: Any, server: ScriptedServer) -> None:
    """Of a lazy frame: no row for other columns, and only those that a filter leaves."""
    plan = function(pl.LazyFrame(FRAME.to_dict("list")))
    assert plan.collect_schema().names() == ["text", "n", "label", "label_error"]
    assert plan.collect_schema()["label"] == pl.Enum(["bug", "feature"])
    assert asked(server) == 0
    assert plan.select("n").collect()["n"].sum() == sum(range(ROWS))
    assert asked(server) == 0
    one = plan.filter(pl.col("n") == 7).collect()
    assert (one["label"].to_list(), asked(server)) == (["feature"], 1)
    found = plan.collect()
    assert found["label"].to_list() == EXPECTED
    assert found["label_error"].null_count() == ROWS
    assert asked(server) == ROWS
    assert plan.collect(engine="streaming")["label"].to_list() == EXPECTED


def test_a_run_over_a_plan_is_a_plan(session: Session, server: ScriptedServer) -> None:
    """`chat.rows` builds it, sends nothing, and takes the same options."""
    server.handler = answering(label)
    plan = session.rows(pl.LazyFrame({"text": ["row 1"]}), "{{text}}", column="label")
    assert isinstance(plan, pl.LazyFrame)
    assert asked(server) == 0
    assert plan.collect()["label"].to_list() == ["feature"]


def test_polars_leaves_the_other_columns_of_a_row_alone(
    session: Session, server: ScriptedServer
) -> None:
    """Whatever types they have; a prompt for the whole row takes all of them."""
    server.handler = answering(lambda prompt: str(len(prompt)))
    frame = pl.LazyFrame({"text": ["a"], "items": [[1, 2]], "at": [{"x": 1.5}]})
    found = session.row_function("{{text}}", returns=int)(frame).collect()
    assert found.row(0) == ("a", [1, 2], {"x": 1.5}, 1, None)
    whole = session.row_function("{{row}}", returns=int)(frame).collect()
    assert whole["answer"][0] > 10
    with pytest.raises(UsageError, match="nme"):
        session.row_function("{{nme}}")(frame)


def test_duckdb_asks_from_sql(session: Session, server: ScriptedServer) -> None:
    """A function of the connection, named twice, it still asks for a row once."""
    server.handler = answering(label)
    function = session.row_function(
        "Classify {{kind}} {{text}}",
        returns="label: bug|feature, score: int|null",
        column="a",
        keep=False,
    )
    server.handler = answering(lambda prompt: f'{{"label": "{label(prompt)}", "score": {ROWS}}}')
    with duckdb.connect() as connection:
        connection.register("tickets", pa.Table.from_pandas(FRAME))
        function.duckdb(connection, "classify", {"kind": "INTEGER", "text": "VARCHAR"})
        plan = connection.sql("SELECT *, unnest(classify(1, text)) FROM tickets ORDER BY n")
        assert plan.columns == ["text", "n", "a_label", "a_score", "a_error"]
        assert asked(server) == 0
        rows = plan.fetchall()
        assert [row[2:] for row in rows] == [(value, ROWS, None) for value in EXPECTED]
        assert asked(server) == ROWS
        counted = connection.sql(
            "SELECT count(*), min(classify(2, text).a_score) FROM tickets "
            "WHERE classify(2, text).a_label = 'bug' AND n < 10"
        ).fetchall()
        assert counted == [(5, ROWS)]
        assert asked(server) <= ROWS
        function.duckdb(connection, "classify", {"kind": "INTEGER", "text": "VARCHAR"})  # again
        with pytest.raises(UsageError, match="columns are the names that the prompt uses"):
            function.duckdb(connection, "other", "text")
        with pytest.raises(UsageError, match="kind"):
            function.duckdb(connection, "other", ["text"])


def test_a_plan_is_refused_before_it_runs(session: Session) -> None:
    """Where a column is missing that the prompt names, or one of the answers is there."""
    daft = pytest.importorskip("daft")
    plans = [
        pl.LazyFrame({"c": ["a"]}),
        from_pandas(pd.DataFrame({"c": ["a"]}), npartitions=1),
        daft.from_pydict({"c": ["a"]}),
    ]
    for plan in plans:
        with pytest.raises(UsageError, match="text"):
            session.row_function("{{text}}")(plan)
        with pytest.raises(UsageError, match="there is a column c already; name another: column="):
            session.row_function("{{c}}", column="c")(plan)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask's own
def test_times_and_decimals_go_through_dask(
    session: Session, server: ScriptedServer, tmp_path: Path
) -> None:
    """They have types of Arrow, which can be written without a look at any value."""
    server.handler = answering(lambda _prompt: '{"at": "10:00:00", "price": 1.50}')
    function = session.row_function("{{text}}", returns={"at": dt.time, "price": Decimal})
    function(from_pandas(FRAME, npartitions=2)).to_parquet(tmp_path / "out")
    found = pd.read_parquet(tmp_path / "out")
    assert found["answer_price"].iloc[0] == Decimal("1.5")
    assert str(found["answer_at"].iloc[0]) == "10:00:00"


def test_daft_asks_in_batches(function: Any, server: ScriptedServer) -> None:
    """Nothing before it collects; its columns come beside the others."""
    daft = pytest.importorskip("daft")
    plan = function(daft.from_pydict(FRAME.to_dict("list")))
    assert plan.column_names == ["text", "n", "label", "label_error"]
    assert asked(server) == 0
    found = plan.sort("n").to_pydict()
    assert (found["label"], found["label_error"]) == (EXPECTED, [None] * ROWS)
    assert asked(server) == ROWS


@pytest.mark.engines
@pytest.mark.filterwarnings("default")  # theirs are not our affair
def test_spark_asks_in_its_workers(function: Any, server: ScriptedServer, monkeypatch: Any) -> None:
    """Processes of their own, whose key is in their environment."""
    sql = pytest.importorskip("pyspark.sql", exc_type=ImportError)
    monkeypatch.setenv("_8080_API_KEY", "sk-of-the-worker")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    spark = sql.SparkSession.builder.master("local[2]").getOrCreate()
    try:
        frame = spark.createDataFrame(FRAME)
        plan = function(frame)
        assert plan.columns == ["text", "n", "label", "label_error"]
        assert asked(server) == 0
        found = plan.toPandas().sort_values("n")
        assert found["label"].tolist() == EXPECTED
        assert asked(server) == ROWS
    finally:
        spark.stop()


@pytest.mark.engines
@pytest.mark.filterwarnings("default")  # theirs are not our affair
def test_ray_asks_in_its_workers(function: Any, server: ScriptedServer, monkeypatch: Any) -> None:
    """Processes of their own, whose key is in their environment."""
    ray = pytest.importorskip("ray", exc_type=ImportError)
    monkeypatch.setenv("_8080_API_KEY", "sk-of-the-worker")
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        plan = function(ray.data.from_pandas(FRAME))
        assert asked(server) == 0
        found = plan.to_pandas().sort_values("n")
        assert found["label"].tolist() == EXPECTED
        assert asked(server) == ROWS
    finally:
        ray.shutdown()


def test_threads_of_an_engine_share_one_session(function: Any, server: ScriptedServer) -> None:
    """However many partitions are computed at the same time."""
    before = threading.active_count()
    plan = function(from_pandas(FRAME, npartitions=ROWS))
    found = plan.compute(scheduler="threads", num_workers=8)
    assert found["label"].tolist() == EXPECTED
    assert asked(server) == ROWS
    assert threading.active_count() <= before + 10
