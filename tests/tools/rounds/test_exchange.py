"""Tools that take the place of others, as those of a server that was asked again do."""

from __future__ import annotations

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.tools.tool import Tool, make_tool
from eighty80_jupyter.tools.toolbox import ToolBox


def made(name: str) -> Tool:
    """Make a tool of that name, which is another one each time."""
    return make_tool(lambda: name, name=name, description="of a test")


def box(*tools: Tool) -> tuple[ToolBox, list[int]]:
    """Return a box with those tools, and how often it was told since."""
    toolbox, told = ToolBox(), list[int]()
    for tool in tools:
        toolbox.add(tool)
    toolbox.watch(lambda: told.append(len(toolbox)))
    return toolbox, told


def test_the_old_ones_go_and_the_others_stay() -> None:
    """In their order, with the new ones behind them; nobody is told before all is known."""
    a, b, c = made("a"), made("b"), made("c")
    toolbox, told = box(a, b)
    (added,) = toolbox.exchange([a], [c])
    assert list(toolbox) == ["b", "c"]
    assert toolbox["b"] is b
    assert toolbox["c"] is added
    assert added.function is c.function
    assert told == []
    toolbox.tell()
    assert told == [2]
    assert toolbox.exchange([added], []) == []
    assert list(toolbox) == ["b"]


def test_a_name_that_is_taken_gets_a_number() -> None:
    """The first one that is free; no name grows longer than servers take it."""
    long = "x" * 64
    toolbox, _ = box(made("a"), made("a_2"), made(long))
    added = toolbox.exchange([], [made("a"), made("a"), made(long), made("b")])
    assert [tool.name for tool in added] == ["a_3", "a_4", "x" * 60 + "_2", "b"]
    assert list(toolbox)[3:] == [tool.name for tool in added]


def test_a_tool_that_was_replaced_meanwhile_is_not_taken_out() -> None:
    """The user's own has its name now."""
    old, own = made("a"), made("a")
    toolbox, _ = box(old)
    toolbox.add(own)
    toolbox.exchange([old], [])
    assert toolbox["a"] is own
    toolbox.exchange([own], [old])
    assert toolbox["a"].function is old.function


def test_who_no_longer_watches_is_not_told() -> None:
    """And a tool that is not there cannot be removed."""
    toolbox, told = box(made("alpha"))
    end = toolbox.watch(lambda: told.append(-1))
    end()
    with pytest.raises(UsageError, match="alpha"):
        toolbox.remove("alpah")
    assert told == []
    toolbox.remove("alpha")
    assert (told, list(toolbox)) == ([0], [])
