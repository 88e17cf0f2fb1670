"""Functions, classes, modules and exceptions."""

from __future__ import annotations

import functools
import json
import linecache
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # ships no types
import pytest

from eighty80_jupyter.prompt.describe.files import is_users
from eighty80_jupyter.prompt.describe.registry import Description, describe


def described(value: Any, options: str = "", *, budget: int = 1_000) -> Description:
    """Return a description."""
    return describe(value, name="x", options=options, budget=budget)


def add(first: int, second: int = 2) -> int:
    """Return the sum."""
    return first + second


@functools.lru_cache
def cached(number: int) -> int:
    """Return the number."""
    return number


class Thing:
    """A thing."""

    size = 3

    def method(self) -> int:
        """Return its size."""
        return self.size


def test_functions() -> None:
    """A function is its source."""
    found = described(add)
    assert found.text.startswith("def add(first: int, second: int = 2) -> int:")
    assert found.text.endswith("return first + second")
    assert (found.kind, found.summary, found.inline) == ("function", "3 lines", False)


def test_wrapped_functions() -> None:
    """A cached or decorated function is the source of what it wraps."""
    assert "def cached(number: int)" in described(cached).text
    assert "def method(self)" in described(Thing().method).text
    text = described(functools.partial(add, 1, second=2)).text
    assert text.startswith("partial of function add, given 1, second=2\ndef add(")


def test_functions_without_source() -> None:
    """A function without source is its signature and docstring."""
    text = described(len).text
    assert text.startswith("function len(obj, /)\nReturn the number of items")
    assert "add(x1, x2" in described(np.add).text
    assert "function str.join" in described(str.join).text


def test_long_sources_are_cut() -> None:
    """Of a long function the first lines are shown, and how many are left."""
    found = described(json.dumps, budget=100)
    assert found.text.startswith("def dumps(obj, ")
    assert " more lines of " in found.text.splitlines()[-1]
    assert found.text.splitlines()[-1].startswith("# … ")
    assert "lines of" in found.cut
    assert described(json.dumps, "full", budget=10).cut == ""
    assert "separators=separators" in described(json.dumps, "full", budget=10).text


def test_classes() -> None:
    """A class of the user's is its source."""
    found = described(Thing)
    assert found.text.startswith('class Thing:\n    """A thing."""')
    assert found.kind == "class"


def test_library_classes() -> None:
    """A class of a library is what it says of itself; its source is there on request."""
    text = described(pd.DataFrame).text
    assert text.startswith("class pandas.DataFrame(data=None")
    assert "Two-dimensional" in text
    assert "its own: " in text
    assert "def " not in text
    assert "class DataFrame" in described(pd.DataFrame, "full").text
    assert described(int).text.startswith("class int")


CELL = '''
import dataclasses

@dataclasses.dataclass
class Cell:
    """A class of a cell."""

    x: int

class Other:
    def method(self):
        return 1

def fails(number):
    part = 0
    return number / part
'''


@pytest.fixture
def cell() -> Iterator[dict[str, Any]]:
    """Return the names of a notebook's cell."""
    file = "/tmp/ipykernel_1234/5678.py"  # noqa: S108  # a name only
    linecache.cache[file] = (len(CELL), None, CELL.splitlines(keepends=True), file)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(CELL, file, "exec"), names)  # noqa: S102  # as a notebook does
    yield names
    del linecache.cache[file]


def test_classes_of_cells(cell: dict[str, Any]) -> None:
    """A class that was written in a cell is its source, with or without methods."""
    text = described(cell["Other"]).text
    assert text == "class Other:\n    def method(self):\n        return 1"
    text = described(cell["Cell"]).text
    assert text.startswith("@dataclasses.dataclass\nclass Cell:")
    assert text.endswith("x: int")


def test_functions_of_cells(cell: dict[str, Any]) -> None:
    """A function that was written in a cell is its source."""
    assert described(cell["fails"]).text.startswith("def fails(number):")


def test_classes_made_at_run_time() -> None:
    """A class without any source is told by its signature and names."""
    made = type("Made", (), {"size": 1, "__doc__": "Made up."})
    lines = described(made).text.splitlines()
    assert lines[0].endswith("test_describe_code.Made()")
    assert lines[1:] == ["Made up.", "its own: size"]


def test_modules() -> None:
    """A module is its name, the first line on it, and its public names."""
    text = described(json).text
    assert text.startswith("module json")
    assert "JSON (JavaScript Object Notation)" in text
    assert (
        "public names: JSONDecodeError, JSONDecoder, JSONEncoder, dump, dumps, load, loads" in text
    )
    found = described(np, budget=200)
    assert "version " in found.text
    assert "more" in found.text.splitlines()[-1]
    assert found.tokens <= 220


def test_modules_that_load_late() -> None:
    """A module's own `__getattr__` is not called."""
    module = types.ModuleType("late")

    def load(name: str) -> Any:
        raise AssertionError(name)

    module.__dict__.update(__getattr__=load, thing=1)
    assert described(module).text == "module late\npublic names: thing"


def raised(function: Callable[..., Any], *args: Any) -> BaseException:
    """Return what a call raises."""
    try:
        function(*args)
    except BaseException as error:  # noqa: BLE001  # whatever it is
        return error
    raise AssertionError


def test_exceptions(cell: dict[str, Any]) -> None:
    """An exception is its type and message, and the user's frames with the failing line."""
    found = described(raised(cell["fails"], 1))
    lines = found.text.splitlines()
    assert lines[0] == "ZeroDivisionError: division by zero"
    assert "at line 16 of a cell, in fails:" in lines
    assert "  >     return number / part" in lines
    assert "        part = 0" in lines
    assert (found.kind, found.summary) == ("ZeroDivisionError", "ZeroDivisionError")


def test_library_frames_are_left_out() -> None:
    """Frames of libraries are counted, and only the user's are shown."""
    found = described(raised(lambda: json.loads("{")))
    assert "json.JSONDecodeError: Expecting property name" in found.text
    assert "frames of libraries left out, raised in JSONDecoder.raw_decode)" in found.text
    assert "decoder.py" not in found.text
    assert 'json.loads("{")' in found.text
    assert "frames of libraries" in found.cut


def test_exceptions_without_user_frames() -> None:
    """If no frame is the user's, the last one is shown."""
    error = raised(lambda: json.loads("{"))
    trace = error.__traceback__
    while trace is not None and is_users(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    text = described(error.with_traceback(trace)).text
    assert "decoder.py, in JSONDecoder." in text


def test_causes() -> None:
    """What an exception came from is told after it."""
    nothing: dict[str, int] = {}

    def chained() -> None:
        try:
            nothing["inner"]
        except KeyError as error:
            raise ValueError("outer") from error

    def during() -> None:
        try:
            nothing["inner"]
        except KeyError:
            raise ValueError("outer")  # noqa: B904  # on purpose

    def hidden() -> None:
        try:
            nothing["inner"]
        except KeyError:
            raise ValueError("outer") from None

    assert "It was caused by:\nKeyError: 'inner'" in described(raised(chained)).text
    assert "It was raised while this was handled:\nKeyError" in described(raised(during)).text
    assert "KeyError" not in described(raised(hidden)).text.partition("at line")[0]


def test_causes_in_a_circle() -> None:
    """Exceptions that name each other as their cause end somewhere."""
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    assert described(first).text.count("ValueError") == 1


def test_groups_and_notes() -> None:
    """The exceptions of a group and the notes on one are told."""
    error = ExceptionGroup("several", [ValueError(str(number)) for number in range(8)])
    error.add_note("a note")
    text = described(error).text
    assert "ExceptionGroup: several (8 sub-exceptions)\na note\n- ValueError: 0\n" in text
    assert "- … 3 more" in text


def test_syntax_errors() -> None:
    """A syntax error shows the line and the place."""
    text = described(raised(compile, "x = (1,\ny = 2", "cell", "exec")).text
    assert text.startswith("SyntaxError: '(' was never closed (line 1)")
    assert "    x = (1,\n        ^" in text


def test_endless_recursion() -> None:
    """Of a thousand frames a few are shown."""

    def again() -> None:
        again()

    text = described(raised(again)).text
    assert "more frames between" in text
    assert text.count("in test_endless_recursion.<locals>.again") < 10


def test_messages_that_fail() -> None:
    """An exception whose message fails is still told; a long message is cut."""

    class Odd(Exception):  # noqa: N818  # a test's
        def __str__(self) -> str:
            raise RuntimeError

    assert "its str raised RuntimeError" in described(Odd()).text
    found = described(ValueError("word " * 10_000), budget=100)
    assert found.tokens <= 110
    assert described([ValueError("a")]).text == "[ValueError('a')]"


def test_whose_files() -> None:
    """Cells and files outside of libraries are the user's."""
    assert is_users("/home/me/work.py")
    assert is_users("/tmp/ipykernel_12/34.py")  # noqa: S108  # a name only
    assert is_users("<ipython-input-3-abc>")
    assert is_users("<stdin>")
    assert not is_users("/x/lib/python3.11/site-packages/pandas/core/frame.py")
    assert not is_users(json.__file__)
    assert not is_users("<string>")
    assert not is_users("pandas/_libs/index.pyx")
    assert not is_users("<frozen importlib._bootstrap>")
    assert sys.version_info >= (3, 11)
