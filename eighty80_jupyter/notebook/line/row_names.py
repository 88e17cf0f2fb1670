"""What the prompt of a cell with --rows can name besides variables: the columns, and `row`.

For a page that marks what is wrong, and for Tab: nothing is evaluated, and no row is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ROW = "row"
_HEAD = re.compile(r"(?:\s*#[^\n]*\n|\s)*%%\w+([^\n]*)")
_OPTION = re.compile(r"""(?<!\S)--rows(?:=|\s+)("[^"]*"|'[^']*'|\S+)""")
_NAME = re.compile(r"[^\W\d]\w*")
_FRAMES = {"pandas", "polars", "modin", "duckdb"}


def row_names(cell: str, namespace: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the names of the rows that a cell asks for; none where it asks for no rows.

    None: only who computes them can tell.
    """
    head = _HEAD.match(cell)
    option = _OPTION.search(head[1]) if head else None
    if option is None:
        return frozenset()
    expression = option[1].strip("\"'").strip()
    name = _NAME.match(expression)
    if name is None or name[0] not in namespace:
        return None
    columns = _columns(namespace[name[0]])
    # A selection mostly has the columns of the whole, and may have others.
    return frozenset({ROW, *columns}) if name[0] == expression else None


def _columns(value: Any) -> list[str]:
    library = type(value).__module__.partition(".")[0]
    found: Any = ()
    if library in _FRAMES:
        found = getattr(value, "columns", ())
    elif library == "pyarrow":
        found = getattr(value, "column_names", ())
    elif type(value) is dict:
        first = next(iter(value.values()), None)
        found = [*value, *(first if type(first) is dict else ())]
    elif type(value) in (list, tuple) and value and type(value[0]) is dict:
        found = value[0]
    return [name for name in found if isinstance(name, str)]
