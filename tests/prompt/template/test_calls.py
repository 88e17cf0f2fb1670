"""What a field may call: what computes is called, what acts or changes something is refused."""

from __future__ import annotations

import array
import base64
import builtins
import collections
import copy
import csv
import datetime as dt
import functools
import heapq
import importlib
import inspect
import io
import itertools
import json
import math
import operator
import os
import pathlib
import pickle
import random
import re
import shutil
import socket
import sqlite3
import statistics
import string
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import bs4
import dask
import networkx as nx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import requests
import statsmodels.api as sm
from IPython.core.interactiveshell import InteractiveShell
from scipy import stats
from sklearn.linear_model import LinearRegression

from eighty80_jupyter.errors import UsageError
from tests.data.braces_describe import PlainDescriber
from tests.support.rendering import render

MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        *(array, base64, collections, copy, csv, dt, functools, heapq, importlib, inspect),
        *(io, itertools, json, math, operator, os, pathlib, pickle, random, re, shutil, socket),
        *(statistics, string, subprocess, sys, threading, urllib.request, requests),
    )
}


CONNECTION = sqlite3.connect(":memory:")


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    """Close the connection that a field must not use."""
    yield
    CONNECTION.close()


@dataclass
class Point:
    """A class of the notebook."""

    x: int = 1

    def double(self) -> int:
        return 2 * self.x

    def __call__(self, more: int) -> int:
        return self.x + more


class Reader(io.StringIO):
    """A class of the notebook with methods of somebody else's."""


class Missing(dict[str, int]):
    """A dictionary that knows what to say for what is missing."""

    def __missing__(self, key: str) -> int:
        return 0


def own(value: Any) -> str:
    return f"own {value}"


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        return function(*args, **options)

    return wrapper


@functools.lru_cache
def remembered(value: int) -> int:
    return value * 10


def counted() -> Iterator[int]:
    yield from (1, 2, 3)


def namespace() -> dict[str, Any]:
    shell = InteractiveShell.__new__(InteractiveShell)  # made, but not begun
    return MODULES | {
        "np": np,
        "pd": pd,
        "pl": pl,
        "pa": pa,
        "x": 7,
        "s": "a b",
        "path": "made.txt",
        "xs": [3, 1, 2],
        "d": {"a": 1, "b": 2},
        "dd": collections.defaultdict(list, a=[1]),
        "missing": Missing(a=1),
        "counter": collections.Counter("aab"),
        "dq": collections.deque([1, 2]),
        "ba": bytearray(b"abc"),
        "st": {1, 2},
        "gen": counted(),
        "it": iter([1, 2]),
        "f": io.StringIO("text"),
        "reader": Reader("text"),
        "day": dt.date(2024, 5, 1),
        "folder": pathlib.Path("folder/a.txt"),
        "df": pd.DataFrame({"a": [3, 1, 2], "b": ["x", "y", "z"], "c d": [1, 2, 3]}),
        "series": pd.Series([3, 1, 2]),
        "frame": pl.DataFrame({"a": [3, 1, 2]}),
        "column": pl.Series("a", [3, 1, 2]),
        "table": pa.table({"a": [1, 2]}),
        "arr": np.array([3, 1, 2]),
        "rng": np.random.default_rng(1),
        "model": LinearRegression(),
        "ma": np.ma.array([1, 2]),
        "graph": nx.path_graph(4),
        "soup": bs4.BeautifulSoup("<a>x</a>", "html.parser"),
        "pq": pq,
        "pa_csv": pa_csv,
        "stats": stats,
        "sm": sm,
        "nx": nx,
        "dask": dask,
        "con": CONNECTION,
        "session": requests.Session(),
        "point": Point(),
        "Point": Point,
        "own": own,
        "remembered": remembered,
        "plus": functools.partial(operator.add, 1),
        # aliases, and what stands in front of what acts
        "o": open,
        "run": os.system,
        "system": functools.partial(os.system, "touch made.txt"),
        "nested": functools.partial(functools.partial(open, mode="w"), path := "made.txt"),
        "decorated": logged(os.remove),
        "twice": logged(logged(builtins.open)),
        "cached": functools.lru_cache(os.listdir),
        "vectorised": np.vectorize(os.remove),
        "write": pathlib.Path(path).write_text,
        "push": [1].append,
        "reach": operator.attrgetter("__class__"),
        "method": operator.methodcaller("to_csv", "made.txt"),
        "jobs": {"clean": os.remove},
        "steps": [len, os.remove],
        "shell": shell,
        "get_ipython": shell.get_ipython,
    }


CALLED = {
    "len(xs)": "3",
    "sum(xs) + max(xs) - min(d.values())": "8",
    "sorted(xs)": "[1, 2, 3]",
    "sorted(xs, key=own)": "[1, 2, 3]",
    "sorted(d, key=d.get)": "['a', 'b']",
    "list(map(str, xs))": "['3', '1', '2']",
    "list(zip(xs, xs))[0]": "(3, 3)",
    "sum(map(abs, xs))": "6",
    "', '.join(map(str, xs))": "3, 1, 2",
    "s.upper().split()": "['A', 'B']",
    "'{} {x}'.format(x, x=1)": "7 1",
    "d.get('a')": "1",
    "d.copy()": "{'a': 1, 'b': 2}",
    "xs.index(1)": "1",
    "counter.most_common(1)": "[('a', 2)]",
    "missing['b']": "0",
    "dd['a']": "[1]",
    "st.union(xs)": "{1, 2, 3}",
    "isinstance(gen, list)": "False",
    "type(gen)": "<class 'generator'>",
    "own(x)": "own 7",
    "remembered(x)": "70",
    "plus(x)": "8",
    "Point(3).double()": "6",
    "point(1)": "2",
    "math.sqrt(16)": "4.0",
    "statistics.mean(xs)": "2",
    "round(x / 3, 1)": "2.3",
    "json.dumps(d)": '{"a": 1, "b": 2}',
    "day.isoformat()": "2024-05-01",
    "datetime.date(2024, 1, 2).strftime('%d')": "02",
    "collections.Counter(xs).total()": "3",
    "itertools.chain(xs, xs)": None,
    "list(itertools.chain(xs, [4]))": "[3, 1, 2, 4]",
    "functools.reduce(operator.add, xs)": "6",
    "re.sub('a', 'b', s)": "b b",
    "base64.b64encode(b'a')": "b'YQ=='",
    "inspect.getdoc(own)": "None",
    "operator.itemgetter(0)(xs)": "3",
    "operator.index(x)": "7",
    "copy.copy(xs)": "[3, 1, 2]",
    "heapq.nlargest(1, xs)": "[3]",
    "os.path.basename('/a/b')": "b",
    "folder.with_suffix('.csv').name": "a.csv",
    "pathlib.Path('a') / 'b'": "a/b",
    "folder.exists()": "False",
    "df.head(1).a.tolist()": "[3]",
    "df['a'].max()": "3",
    "df.groupby('b').a.sum().tolist()": "[3, 1, 2]",
    "df.query('a > @x - 5').a.tolist()": "[3]",
    "df.query('`c d` > 2 and b.str.len() == 1 and a.isin([2])').a.tolist()": "[2]",
    "df.sort_values('a').a.tolist()": "[1, 2, 3]",
    "np.cumsum(arr, out=None).tolist()": "[3, 4, 6]",
    "df.a.apply(own).tolist()": "['own 3', 'own 1', 'own 2']",
    "df.a.agg('max')": "3",
    "df.to_dict('list')['a']": "[3, 1, 2]",
    "df[['a']].to_csv()": ",a\n0,3\n1,1\n2,2\n",
    "df[['a']].to_csv(index=False).split()": "['a', '3', '1', '2']",
    "df[['a']].to_json(None)": '{"a":{"0":3,"1":1,"2":2}}',
    "pd.Series(xs).mean()": "2.0",
    "pd.to_datetime('2024-05-01').year": "2024",
    "pd.concat([df, df]).shape": "(6, 3)",
    "frame.filter(pl.col('a') > 1).height": "2",
    "frame.select(pl.col('a').sum()).item()": "6",
    "frame.sort('a')['a'].to_list()": "[1, 2, 3]",
    "column.sort().to_list()": "[1, 2, 3]",
    "frame.write_csv()": "a\n3\n1\n2\n",
    "table.num_rows + table.column('a').length()": "4",
    "arr.mean()": "2.0",
    "np.mean(arr)": "2.0",
    "np.add(arr, 1).tolist()": "[4, 2, 3]",
    "np.sort(arr).tolist()": "[1, 2, 3]",
    "np.linalg.norm(arr * 0)": "0.0",
    "np.clip(arr, 1, 2).tolist()": "[2, 1, 2]",
    "model.get_params()['fit_intercept']": "True",
    "3 in xs": "True",
    "list(os.environ.items())[:0]": "[]",
    "os.environ.get('NO_SUCH_VARIABLE', 'none')": "none",
    "x.bit_length()": "3",
    "ValueError('x')": "x",
}


@pytest.mark.parametrize("expression", CALLED)
def test_called(expression: str) -> None:
    """What computes is called."""
    result = render(f"{{{{{expression}}}}}", namespace(), describe=PlainDescriber())
    expected = CALLED[expression]
    if expected is not None:
        assert expected.strip() in result.text


REFUSED = [
    # builtins
    *(
        "exec('x = 1')",
        "eval('x')",
        "open('made.txt', 'w')",
        "input()",
        "compile('x', 'y', 'eval')",
    ),
    *(
        "getattr(x, 'real')",
        "setattr(point, 'x', 2)",
        "delattr(point, 'x')",
        "print(x)",
        "globals()",
    ),
    *("next(gen)", "type('A', (object,), d)", "breakpoint()", "__import__('os').getcwd()"),
    # aliases, partials, decorators, bound methods
    *("o('made.txt', 'w')", "run('touch made.txt')", "system()", "nested()", "decorated(path)"),
    *("twice('made.txt', 'w')", "cached('.')", "vectorised(path)", "write('x')", "push(2)"),
    *(
        "reach(x)",
        "method(df)",
        "jobs['clean'](path)",
        "steps[1](path)",
        "functools.partial(run, s)",
    ),
    *("operator.attrgetter('a')(df)", "operator.methodcaller('upper')(s)", "operator.iadd(xs, xs)"),
    *("operator.setitem(d, 'a', 2)", "operator.isub(st, st)", "operator.call(run, s)"),
    # handed on
    *("list(map(os.remove, xs))", "sorted(xs, key=xs.remove)", "df.a.apply(os.remove)"),
    *("own(os.system)", "df.pipe(method)", "df.agg([run])", "df.agg(jobs)", "filter(o, xs)"),
    *("functools.reduce(os.rename, xs)", "df.apply('to_pickle')", "df.agg(['sum', 'to_csv'])"),
    # modules that read, write, evaluate, start, connect
    *("os.system('touch made.txt')", "os.remove(path)", "os.getcwd()", "os.listdir('.')"),
    *("os.environ.get('HOME') + os.popen('x').read()", "os.path.getsize(path)", "sys.exit()"),
    *("subprocess.run(['touch', path])", "subprocess.Popen('x')", "shutil.rmtree(path)"),
    *("importlib.import_module('os')", "socket.create_connection(('localhost', 1))"),
    *("socket.socket()", "io.open(path, 'w')", "io.StringIO(s)", "f.read()", "f.write(s)"),
    *("reader.read()", "pathlib.Path(path).write_text(s)", "folder.unlink()", "folder.mkdir()"),
    *(
        "folder.read_text()",
        "folder.touch()",
        "pathlib.Path.write_text(folder, s)",
        "folder.open()",
    ),
    *(
        "pickle.loads(ba)",
        "pickle.dumps(d)",
        "json.load(f)",
        "random.random()",
        "random.shuffle(xs)",
    ),
    *("request.urlopen('http://localhost')", "requests.get('http://localhost')"),
    *("session.get('http://localhost')", "con.execute('create table t (x)')", "con.close()"),
    *("threading.Thread(target=own)", "csv.writer(f)", "shell.system('touch made.txt')"),
    *("shell.run_cell('x = 1')", "get_ipython()", "get_ipython().system('x')"),
    # libraries of data
    *("df.to_csv('made.txt')", "df.to_csv(path)", "df.to_csv(path_or_buf=path)", "df.to_json(f)"),
    *("df.to_markdown(buf=f)", "pd.DataFrame.to_csv(df, path)", "df.to_pickle(path)"),
    *("df.to_parquet(path)", "df.to_sql('t', con)", "df.to_clipboard()", "pd.read_csv(path)"),
    *("pd.read_pickle(path)", "pd.read_sql('x', con)", "df.eval('a = 1')", "df.eval('a + 1')"),
    *("pd.eval('1 + 1')", "df.query('@run(@s)')", "df.query('a.to_csv(\"made.txt\")')"),
    *("df.query(\"@os.system('touch made.txt')\")", "df.query('a = 1')", "df.insert(0, 'n', 1)"),
    *("df.pop('a')", "df.update(df)", "df.drop(columns='a', inplace=True)", "df.info()"),
    *("df.sort_values('a', inplace=x)", "series.plot()", "df.plot.bar()", "df.hist()"),
    *("pd.set_option('display.width', 3)", "pd.ExcelWriter(path)", "pd.HDFStore(path)"),
    *("np.save(path, arr)", "np.savetxt(path, arr)", "np.load(path)", "np.loadtxt(path)"),
    *("np.fromfile(path)", "np.memmap(path)", "arr.tofile(path)", "arr.dump(path)", "arr.sort()"),
    *("np.ndarray.sort(arr)", "arr.fill(0)", "arr.put(0, 1)", "arr.resize(5)", "np.put(arr, 0, 1)"),
    *("np.add.at(arr, 0, 1)", "np.add(arr, 1, arr)", "np.add(arr, 1, out=arr)", "rng.normal()"),
    *("np.clip(arr, 0, 1, arr)", "arr.clip(0, 1, arr)", "np.random.normal()", "np.random.seed(1)"),
    *("np.copyto(arr, 0)", "np.fill_diagonal(arr, 0)", "np.set_printoptions(precision=1)"),
    *(
        "frame.write_csv(path)",
        "frame.write_parquet(path)",
        "pl.read_csv(path)",
        "pl.scan_csv(path)",
    ),
    *("frame.lazy().sink_csv(path)", "column.sort(in_place=True)", "column.append(column)"),
    *("frame.drop_in_place('a')", "frame.insert_column(0, column)", "frame.sql('select 1')"),
    *("model.fit(arr, arr)", "model.set_params(fit_intercept=False)", "pa.memory_map(path)"),
    # what changes the data
    *("xs.append(1)", "xs.pop()", "xs.sort()", "xs.clear()", "list.append(xs, 1)", "d.pop('a')"),
    *(
        "d.update(a=2)",
        "d.setdefault('z', 1)",
        "os.environ.pop('HOME')",
        "d.clear()",
        "st.add(3)",
        "st.discard(1)",
    ),
    *(
        "dq.popleft()",
        "dq.rotate()",
        "ba.extend(b'x')",
        "counter.update('a')",
        "counter.subtract('a')",
    ),
    *("heapq.heappop(xs)", "heapq.heapify(xs)", "array.array('i', xs).append(1)"),
    *("np.nan_to_num(arr, copy=False)", "np.median(arr, overwrite_input=True)", "ma.soften_mask()"),
    *("nx.relabel_nodes(graph, d, copy=False)", "nx.double_edge_swap(graph)", "soup.append(s)"),
    *("soup.a.decompose()", "dask.config.set(a=1)", "stats.norm.rvs()"),
    # classes and functions that open what they are given, and those that a frame calls
    *("pq.ParquetWriter(path, table.schema)", "pa_csv.CSVWriter(path, table.schema)"),
    *("pa.ipc.new_file(path, table.schema)", "pd.io.common.get_handle(path, 'w')"),
    *("sm.datasets.get_rdataset(s)", "df[run]", "df.loc[run]", "series[o]"),
    *("vars()", "dir()"),
    # what uses something up
    *("list(gen)", "sum(it)", "', '.join(gen)", "list(map(str, it))", "own(gen)", "3 in gen"),
    *("gen.send(1)", "gen.close()", "sorted(it)", "df.assign(n=it)", "list(f)"),
    # two underscores
    *("x.__class__", "own.__globals__['os']", "x.__class__.__mro__", "s.__len__()"),
    *("'{0.__class__}'.format(x)", "str.format('{0.__class__}', x)", "'{a[__b__]}'.format_map(d)"),
    "string.Formatter().format('{0.__class__}', x)",
]


@pytest.mark.parametrize("expression", REFUSED)
def test_refused(expression: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What acts, changes or uses up something is refused in one line, and has not been done."""
    monkeypatch.chdir(tmp_path)
    names = namespace()
    with pytest.raises(UsageError) as caught:
        render(f"{{{{{expression}}}}}", names, describe=PlainDescriber())
    said = str(caught.value)
    assert "which no field does; do it in a cell, assign the value to a variable" in said, said
    assert "\n" not in said
    assert not list(tmp_path.iterdir())
    assert names["xs"] == [3, 1, 2]
    assert names["d"] == {"a": 1, "b": 2}
    assert names["df"].equals(namespace()["df"])
    assert names["arr"].tolist() == [3, 1, 2]
    assert names["column"].to_list() == [3, 1, 2]
    assert list(names["gen"]) == [1, 2, 3]
    assert list(names["it"]) == [1, 2]


def test_a_private_function_behind_a_public_object_is_judged_by_its_name() -> None:
    """An object of a library that calls a private function, as options of old pandas do, acts."""
    done: list[object] = []

    class Documented:
        """As `pandas.set_option` was: an object around a function."""

        def __init__(self, function: FunctionType) -> None:
            self.__func__ = function

        def __call__(self, *arguments: object) -> None:
            done.append(arguments)

    def _set_option(*_arguments: object) -> None:
        """Change an option."""

    behind = FunctionType(_set_option.__code__, vars(pd), "_set_option")
    with pytest.raises(UsageError, match="calls"):
        render("{{option('a', 1)}}", {"option": Documented(behind)}, describe=PlainDescriber())
    assert done == []


def test_missing_keys_are_not_made() -> None:
    """Naming a key that a defaultdict has not is an error, and does not make it."""
    names = namespace()
    with pytest.raises(UsageError, match=r"dd has no key 'b'; its keys: a"):
        render("{{dd['b']}}", names, describe=PlainDescriber())
    assert list(names["dd"]) == ["a"]


def test_names_are_looked_up_once() -> None:
    """A namespace that answers differently each time is asked once for each name of a field."""
    asked: list[str] = []

    class Names(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            asked.append(name)
            return super().__getitem__(name)

    render("{{x + x}} {{len(xs)}}", Names(x=1, xs=[1]), describe=PlainDescriber())
    assert [asked.count(name) for name in ("x", "xs")] == [1, 1]


def test_calls_are_noted() -> None:
    """The calls that were made are told in their order, as they were written."""
    result = render(
        "{{len(xs)}} {{df.head(max(1, 2))!r}} {{x}}", namespace(), describe=PlainDescriber()
    )
    assert result.calls == ("len(xs)", "df.head(max(1, 2))", "max(1, 2)")
