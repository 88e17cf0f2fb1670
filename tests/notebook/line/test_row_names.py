"""What the prompt of a cell with --rows can name."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from eighty80_jupyter.notebook.lab.answers import check, describe_field
from eighty80_jupyter.notebook.line.row_names import row_names

FRAME = pd.DataFrame({"text": ["a"], "a name": [1], 7: [2]})
NAMES: dict[str, Any] = {
    "df": FRAME,
    "lazy": pl.DataFrame({"text": ["a"]}),
    "arrow": pa.table({"text": ["a"]}),
    "records": [{"text": "a"}],
    "columns": {"text": ["a"]},
    "items": ["a"],
    "text_": "x",
    "frame": iter(()),
}


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("%%chat --rows df -t 0\n{{text}}", {"row", "text", "a name"}),
        ("# why\n\n%%chat -t 0 --rows=lazy\n", {"row", "text"}),
        ("%%chat --rows arrow", {"row", "text"}),
        ('%%chat --rows "records"', {"row", "text"}),
        ("%%chat --rows columns", {"row", "text"}),
        ("%%chat --rows items", {"row"}),
        ("%%chat --rows frame", {"row"}),
        ("%%chat --rows df.head(3)", None),
        ("%%chat --rows 'df[df.text > 1]'", None),
        ("%%chat --rows later", None),
        ("%%chat\n--rows df", set()),
        ("%%chat", set()),
        ("", set()),
    ],
)
def test_names(cell: str, found: set[str] | None) -> None:
    """Columns of frames, keys of records, and row; none without --rows; None where it computes."""
    assert row_names(cell, NAMES) == found


def test_columns_are_no_wrong_fields() -> None:
    """A page marks what is neither a column nor a variable, and nothing where it cannot know."""
    prompt = '\n{{text}} {{row["a name"]}} {{items}} {{txt}}'
    assert list(check(f"%%chat --rows df{prompt}", NAMES)) == ["{{txt}}"]
    assert list(check(f"%%chat{prompt}", NAMES)) == ["{{text}}", '{{row["a name"]}}', "{{txt}}"]
    assert check(f"%%chat --rows df.head(1){prompt}", NAMES) == {}
    assert "text" in check("%%chat --rows df\n{{txt}}", NAMES)["{{txt}}"]


def test_a_column_is_described_as_one() -> None:
    """Where a column hides a variable, hovering tells of the column."""
    names = NAMES | {"text": "a variable"}
    assert "column" in describe_field("{{text}}", names, cell="%%chat --rows df\n{{text}}")
    assert "column" not in describe_field("{{text}}", names, cell="%%chat\n{{text}}")
    assert describe_field("{{row}}", NAMES, cell="%%chat --rows items\n{{row}}") == "The whole row."
