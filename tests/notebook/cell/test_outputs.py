"""An output of a cell: what goes out with each drawing, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.notebook.cell.outputs import Output, Page, columns_html, folded


def drawn(**settings: Any) -> tuple[list[dict[str, Any]], Page]:
    """Return the messages of a page that is still empty, and the page."""
    messages: list[dict[str, Any]] = []

    def publish(**message: Any) -> None:
        messages.append(message)

    return messages, Page(publish, {"of": "all"}, **settings)


def test_the_source_goes_along_with_the_first_drawing_and_the_last() -> None:
    """What is drawn in between is the HTML alone, without metadata."""
    messages, page = drawn()
    output = Output(page)
    output.markdown("*a*", partial=True)
    output.markdown("*a* b", partial=True)
    output.markdown("*a* b c")
    assert [set(message["data"]) for message in messages] == [
        {"text/html", "text/plain"}, {"text/html"}, {"text/html", "text/plain"},
    ]  # fmt: skip
    assert [bool(message["metadata"]) for message in messages] == [True, False, True]
    assert [message["update"] for message in messages] == [False, True, True]
    assert messages[-1]["data"]["text/plain"] == "*a* b c"
    assert page.count == 1


def test_html_of_ours_goes_the_same_way() -> None:
    """The text beside it comes with the first and the last; LaTeX with the last, where wanted."""
    messages, page = drawn(latex=True)
    output = Output(page)
    output.html("<b>a</b>", "a", partial=True, markdown="**a**")
    output.html("<b>b</b>", "b", partial=True, markdown="**b**")
    output.html("<b>c</b>", "c", markdown="**c**")
    assert [set(message["data"]) for message in messages] == [
        {"text/html", "text/plain"}, {"text/html"}, {"text/html", "text/plain", "text/latex"},
    ]  # fmt: skip
    (last,) = messages[-1]["metadata"].values()
    assert last == {"of": "all", "markdown": "**c**"}


def test_what_is_the_same_is_not_drawn_again() -> None:
    """Each drawing costs the browser time."""
    messages, page = drawn()
    output = Output(page)
    for text in ("a", "a", "b", "b"):
        output.quiet(text)
    assert len(messages) == 2


@pytest.mark.parametrize("show", [Output.quiet, Output.markdown])
def test_a_terminal_that_prints_it_obeys_nothing(show: Any) -> None:
    """The plain text has no control characters, whatever the model wrote."""
    messages, page = drawn()
    show(Output(page), "a\x1b[31mb\x07")
    assert messages[0]["data"]["text/plain"] == "a\ufffd[31mb\ufffd"


def test_where_updates_may_be_ignored_each_output_comes_once() -> None:
    """As it is in the end; what became empty does not come."""
    messages, page = drawn(live=False)
    first, gone = Output(page), Output(page)
    first.quiet("a")
    gone.quiet("x")
    first.quiet("b")
    gone.html("", "")
    assert messages == []
    page.release()
    assert [message["data"]["text/plain"] for message in messages] == ["b"]
    page.release()
    assert len(messages) == 1


def test_what_was_thought_is_closed_up_with_its_words_counted() -> None:
    """In thousands, as people write them."""
    html = folded("one two three " * 500)
    assert "Reasoning (1,500 words)" in html
    assert "Reasoning (1 word)" in folded("Hm.")
    assert html.startswith("<details ")
    assert " open" not in html.split(">", 1)[0]


def test_columns_have_their_titles_as_text() -> None:
    """A title opens no element."""
    html = columns_html([("<b>one", "<p>1</p>"), ("two", "<p>2</p>")])
    assert html.index("&lt;b&gt;one") < html.index("<p>1</p>") < html.index("<p>2</p>")
