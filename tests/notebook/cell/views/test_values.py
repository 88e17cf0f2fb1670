"""JSON, tables and blocks of data as a page shows them, from hostile texts too."""

from __future__ import annotations

import json

import pytest

from eighty80_jupyter.notebook.cell.views.prompts import prompt_html
from eighty80_jupyter.notebook.cell.views.values import answer_html, json_of

BLOCK = '<data name="{name}" type="pandas.DataFrame" id="0a1b">\n{content}\n</data>'


def test_flat_records_are_a_table() -> None:
    """A row for each record, a column for each field, and the text as it was written below."""
    text = json.dumps([{"a": 1, "b": None}, {"a": "<b>x</b>", "c": True}])
    html = answer_html(text)
    assert html.count("<tr>") == 3
    assert [name for name in "abc" if f">{name}</th>" in html] == ["a", "b", "c"]
    assert "<b>" not in html
    assert "as the model wrote it" in html


@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```", "\n```\n{}\n```\n"])
def test_json_is_a_tree_that_folds(fence: str) -> None:
    """What holds others is a fold with its size; values have colours; nothing in it is HTML."""
    value = {"one": [1, {"two": "<script>x</script>"}], "none": None, "<i>": []}
    html = answer_html(fence.format(json.dumps(value, indent=1)))
    assert html.count("<details open>") == 3
    assert "3 fields" in html
    assert "2 items" in html
    assert "--jp-mirror-editor-property-color" in html
    assert "<script" not in html
    assert "<i>" not in html


@pytest.mark.parametrize(
    "text", ["", "12", "[]", "{not json}", "Here:\n[1]", "[1] is a footnote", "[" * 50_000]
)
def test_what_is_no_json_is_markdown(text: str) -> None:
    """Only a text that is a list or an object as a whole is taken for one."""
    assert json_of(text) is None


def test_data_is_a_chip_that_folds() -> None:
    """A block stands as its name and size, and its text is folded away, not to be run."""
    text = (
        "Explain `df`.\n\n"
        + BLOCK.format(name="df", content="DataFrame: 5,000 rows x 5 columns\n<b>1</b>")
        + "\n\nand\n"
        + BLOCK.format(name="&lt;x&gt;", content="a list")
    )
    html = prompt_html(text, "margin: 0")
    assert "df · 5,000 \u00d7 5 · show" in html
    assert "&lt;x&gt; · DataFrame · show" in html
    assert html.count("<details>") == 2
    assert "<b>" not in html
    assert html.index("Explain") < html.index("<details>") < html.index("and")
