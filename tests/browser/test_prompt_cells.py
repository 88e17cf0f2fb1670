"""Prompt cells are prose on the page: colours, wrapping and marks, and what the kernel says."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.lab import DARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.support.lab import App, NotebookPage

LOAD = "%load_ext eighty80_jupyter\nn, xs = 3.0, [1, 2]"
# As where a setting of IPython loads it: no cell says so.
LOADED = """\
manager, name = get_ipython().extension_manager, "eighty80"
getattr(manager, "load" + "_extension")(name + "_jupyter")"""
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
LONG = "words that go on, " * 20
PROMPT = f"""\
%%chat -t 0.2 --modle --raww
It's in *this* list for all: {{{{xs[0] + len("a")}}}} and {{{{missing}}}} and {{{{xs.(}}}} {LONG}

```python
for x in "abc": pass
```"""
PYTHON = "y = 1\n%chat Isn't this in prose for {{n}}?\nfor x in 'abc': pass"
BELOW = "# why\n%%chat\nIs {{xs[0][1]}} a link?"
UNDERLINED = "field => getComputedStyle(field.parentElement).textDecorationLine"
OTHER = "%%chatty\nfor x in y: pass"
COLOUR = """([cell, word]) => {
    const walker = document.createTreeWalker(cell.querySelector(".cm-content"), 4);
    const kind = node => getComputedStyle(node.parentElement);
    for (let node; (node = walker.nextNode());) {
        if (node.textContent.includes(word)) return kind(node).color + " " + kind(node).fontWeight;
    }
}"""


def look(page: NotebookPage, index: int, word: str) -> str:
    """Return colour and weight of the first piece of a cell that has `word`."""
    cell = page.cell(index).element_handle()
    return str(page.page.evaluate(COLOUR, [cell, word]))


def marked(page: NotebookPage, index: int, kind: str) -> Locator:
    """Find what is marked as something in a cell."""
    return page.cell(index).locator(f".e80-{kind}")


def hover(page: NotebookPage, mark: Locator, text: str) -> None:
    """Hover something until it says this; a kernel that works just then is not asked."""
    while True:
        page.page.mouse.move(0, 0)
        mark.hover()
        with contextlib.suppress(AssertionError):
            expect(page.page.locator(".e80-hover")).to_have_text(text, timeout=7000)
            return


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_prompt_is_prose(open_notebook: Callable[..., NotebookPage], app: App) -> None:
    """Words of a prompt have the colour of text, fields and fences Python's; others are as ever."""
    page = open_notebook(LOAD, PROMPT, PYTHON, OTHER, "md:# {{n}} for in", BELOW, app=app)
    expect(marked(page, 1, "field").first).to_be_visible()
    for theme in (None, DARK):
        if theme is not None:
            page.set_theme(theme)
        text, keyword = look(page, 2, "y "), look(page, 3, "for")
        assert look(page, 1, "It's") == look(page, 1, " list for all") == text
        assert look(page, 2, "Isn") == look(page, 2, "for") == look(page, 2, "prose") == text
        assert look(page, 1, '"a"') == look(page, 2, "'abc'") != text
        assert look(page, 1, "pass") == look(page, 2, "pass") == keyword != text
        assert look(page, 5, "%%chat") == look(page, 1, "%%chat") == look(page, 2, "%chat") != text
        page.screenshot(f"prompt-cells-{app}-{'dark' if theme else 'light'}")
    assert "".join(marked(page, 5, "comment").all_text_contents()) == "# why"
    fields = marked(page, 5, "field").all()
    assert {field.evaluate(UNDERLINED) for field in fields} == {"none"}
    wraps = "c => getComputedStyle(c.querySelector('.cm-content')).whiteSpace"
    assert page.cell(1).evaluate(wraps) == "break-spaces"
    expect(marked(page, 1, "magic")).to_have_text("%%chat")
    assert "".join(marked(page, 1, "option").all_text_contents()) == "-t"
    assert "".join(marked(page, 1, "value").all_text_contents()) == "0.2"
    assert marked(page, 1, "unknown").all_text_contents() == ["--modle", "--raww"]
    expect(marked(page, 2, "field")).to_have_text("{{n}}")
    for untouched in (0, 3, 4):
        expect(page.cell(untouched).locator("[class*=e80]")).to_have_count(0)
    assert page.errors == []


def test_the_first_line_decides(open_notebook: Callable[..., NotebookPage]) -> None:
    """Typing %%chat turns a cell into prose, deleting it back; cursor and history stay."""
    page = open_notebook(LOAD, "")
    page.run_cell(0)
    content = page.cell(1).locator(".cm-content")
    content.click()
    page.page.keyboard.type("%%chat")
    expect(content).to_have_attribute("spellcheck", "true")
    page.page.keyboard.type("\nWhat's {{n}} (for")
    expect(marked(page, 1, "field")).to_have_text("{{n}}")
    page.page.keyboard.type("?")
    expect(content.locator(".cm-line")).to_have_text(["%%chat", "What's {{n}} (for?"])
    page.page.keyboard.press("Control+Home")
    page.page.keyboard.type("x")
    expect(content).not_to_have_attribute("spellcheck", "true")
    page.page.keyboard.press("Backspace")
    expect(content).to_have_attribute("spellcheck", "true")
    page.page.keyboard.press("Control+End")
    page.page.keyboard.type("!")
    expect(content.locator(".cm-line").last).to_have_text("What's {{n}} (for?!")
    while content.inner_text().strip():
        page.page.keyboard.press("Control+z")
    expect(content).not_to_have_attribute("spellcheck", "true")


def test_the_kernel_knows_names_and_values(open_notebook: Callable[..., NotebookPage]) -> None:
    """An unknown name is underlined once the extension is loaded, and again after a restart."""
    rows = "%%chat --rows df\n{{class}} of {{Customer Name}}"
    page = open_notebook(
        LOAD, PROMPT, "%%chat\nhow long is {{xs}}?", "k = 1\n%chat why {{k}}", rows
    )
    expect(marked(page, 1, "wrong")).to_have_text(["{{xs.(}}"])
    page.run_cell(0)
    expect(marked(page, 1, "wrong")).to_have_text(["{{missing}}", "{{xs.(}}"])
    assert "".join(marked(page, 3, "field").all_text_contents()) == "{{k}}"
    expect(marked(page, 3, "wrong")).to_have_count(0)  # the cell itself sets it
    fields = "".join(marked(page, 4, "field").all_text_contents())
    assert fields == "{{class}}{{Customer Name}}"
    expect(marked(page, 4, "wrong")).to_have_count(0)  # a column may have any name
    for mark, text in (("wrong", "No variable 'missing'."), ("field", "Computed when it is sent.")):
        hover(page, marked(page, 1, mark).first, text)
    hover(page, marked(page, 2, "field").first, "list, 2 items, 5 tokens")
    page.set_source(0, "missing = 1")
    page.run_cell(0)
    expect(marked(page, 1, "wrong")).to_have_text(["{{xs.(}}"])
    page.page.remove_listener("dialog", page._note_dialog)
    page.page.on("dialog", lambda dialog: dialog.accept())  # the page asks before it goes
    page.page.reload()
    page.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.close_dialogs()
    page.wait_idle()
    hover(page, marked(page, 2, "field").first, "list, 2 items, 5 tokens")
    page.page.evaluate(f"{KERNEL}.restart()")
    page.wait_idle()
    page.set_source(0, LOADED)
    page.run_cell(0)
    expect(marked(page, 2, "wrong")).to_have_text("{{xs}}")
