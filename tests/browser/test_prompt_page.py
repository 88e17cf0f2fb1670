"""What stands around prompt cells: commands, the side bar, Tab, the page as context, old pages."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator

    from tests.support.lab import App, JupyterServer, NotebookPage
    from tests.support.scripted import ScriptedServer

LOAD = "%load_ext eighty80_jupyter\ndifferent = divided = 1"
BREAK = """change => {
    let container;
    window._JUPYTERLAB = new Proxy({}, {
        set(target, name, value) {
            if (name === "eighty80-jupyter") {
                const init = value.init;
                value.init = shared => init({ ...shared, ...change(shared) });
            }
            target[name] = value;
            return true;
        },
    });
}"""


def sources(page: NotebookPage) -> list[str]:
    """Return the texts of the cells."""
    texts: list[str] = page.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.widgets"
        ".map(cell => cell.model.sharedModel.getSource())"
    )
    return texts


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_commands(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, app: App
) -> None:
    """A shortcut puts %%chat above a cell and takes it away; the side bar shows the panel."""
    server.default = stream_reply("From a cell.")
    page = open_notebook(LOAD, "# why\n\nx = 1\ny", "md:text", "%chat hello", app=app)
    content = page.cell(1).locator(".cm-content")
    content.click()
    page.page.keyboard.press("Control+Shift+y")
    expect(content).to_have_attribute("spellcheck", "true")
    assert sources(page)[1] == "%%chat\n# why\n\nx = 1\ny"
    page.page.keyboard.press("Control+Shift+y")
    expect(content).not_to_have_attribute("spellcheck", "true")
    assert sources(page)[1] == "# why\n\nx = 1\ny"
    page.set_source(1, "# why\n\n%%chat -t 0.2\nx = 1")
    page._command("eighty80-jupyter:toggle-prompt")
    expect(content.locator(".cm-line")).to_have_text(["# why", "", "x = 1"])
    page.cell(2).click()
    page.page.keyboard.press("Control+Shift+y")
    assert sources(page)[2] == "text"
    page.run_all()
    # It comes from the kernel, once the page has found that.
    command = "eighty80-jupyter:open-panel"
    page.page.wait_for_function("id => window.jupyterapp.commands.hasCommand(id)", arg=command)
    if app == "lab":
        expect(page.page.locator("[data-id=eighty80-jupyter-panel]")).to_be_visible()
    page._command(command)
    bar = page.page.locator("#eighty80-jupyter-panel")
    expect(bar.locator(".e80-panel")).to_be_visible()
    expect(bar).to_contain_text("From a cell.")
    page.screenshot(f"side-bar-{app}")
    assert page.errors == []


def test_brackets_stay_alone(open_notebook: Callable[..., NotebookPage]) -> None:
    """Where the user has brackets closed, those of a prompt are not; those of code still are."""
    page = open_notebook("", "")
    for index, first in ((0, "%%chat"), (1, "x = 1")):
        page.page.evaluate(
            "index => window.jupyterapp.shell.currentWidget.content.widgets[index]"
            ".editor.setOption('autoClosingBrackets', true)",
            index,
        )
        content = page.cell(index).locator(".cm-content")
        content.click()
        page.page.keyboard.type(first)
        if index == 0:
            expect(content).to_have_attribute("spellcheck", "true")
        page.page.keyboard.type("\nit's (a \"b [c")
    assert sources(page)[0] == "%%chat\nit's (a \"b [c"
    assert sources(page)[1] != "x = 1\nit's (a \"b [c"


def reload(page: NotebookPage, change: str) -> None:
    """Load the page anew, with other shared modules."""
    page.page.add_init_script(f"({BREAK})({change})")
    page.page.remove_listener("dialog", page._note_dialog)
    page.page.on("dialog", lambda dialog: dialog.accept())  # the page asks before it goes
    page.page.reload()
    page.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.close_dialogs()
    page.wait_idle()
    page.errors.clear()  # JupyterLab 4.2 itself throws one while it loads


def tab(page: NotebookPage, shown: Locator) -> None:
    """Press Tab until something is shown; JupyterLab waits a second for the kernel's answer."""
    while True:
        page.page.keyboard.press("Tab")
        with contextlib.suppress(AssertionError):
            expect(shown).to_be_visible(timeout=3000)
            return


def test_tab_and_help(open_notebook: Callable[..., NotebookPage]) -> None:
    """Tab and shift-Tab do in a prompt what they do without prose."""
    page = open_notebook(LOAD, "")
    page.run_cell(0)
    content = page.cell(1).locator(".cm-content")
    lines = content.locator(".cm-line")
    offered = page.page.locator(".jp-Completer-item")
    content.click()
    page.page.keyboard.type("%%chat --temp")
    tab(page, lines.filter(has_text="--temperature"))
    page.page.keyboard.type(" 0.2\nExplain {{di")
    tab(page, offered.filter(has_text="different"))
    expect(offered.filter(has_text="divided")).to_be_visible()
    page.page.keyboard.type("ff")
    page.page.keyboard.press("Enter")
    expect(lines).to_have_text(["%%chat --temperature 0.2", "Explain {{different"])
    page.page.keyboard.type("}} and {{len")
    if not page.page.evaluate("window.jupyterapp.version").startswith("4.2."):  # in no cell there
        page.page.keyboard.press("Shift+Tab")
        expect(page.page.locator(".jp-Tooltip")).to_contain_text("number of items in a container")
    assert page.errors == []


@pytest.fixture(name="completing")
def _completing(jupyter: Callable[[App], JupyterServer]) -> Iterator[None]:
    """Have JupyterLab complete while one types, as a user's setting does."""
    setting = "lab/api/settings/@jupyterlab/completer-extension:manager"
    jupyter("lab").api("PUT", setting, {"raw": '{"autoCompletion": true}'})
    yield
    jupyter("lab").api("PUT", setting, {"raw": "{}"})


@pytest.mark.usefixtures("completing")
def test_completion_without_a_key(open_notebook: Callable[..., NotebookPage]) -> None:
    """Names in fields and options are offered in prose while one types, as in code."""
    page = open_notebook(LOAD, "", "")
    page.run_cell(0)
    offered = page.page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item")
    for index, text, name in (
        (1, "%%chat\nExplain {{differen", "different"),
        (2, "%%chat --temperatur", "--temperature"),
    ):
        content = page.cell(index).locator(".cm-content")
        content.click()
        page.page.keyboard.type(text)
        while not offered.filter(has_text=name).count():  # a slow kernel is asked with the next key
            page.page.keyboard.press("Backspace")
            page.page.keyboard.type(text[-1])
            with contextlib.suppress(AssertionError):
                expect(offered.filter(has_text=name)).to_be_visible(timeout=3000)
        expect(content).to_have_attribute("spellcheck", "true")
        page.page.keyboard.press("Escape")
    assert page.errors == []


@pytest.mark.parametrize(
    ("change", "prose"),
    [
        ("() => ({'@codemirror/view': undefined})", False),
        ("() => ({'@lezer/highlight': {1: {get: async () => () => ({})}}})", False),
        ("() => ({'@jupyterlab/outputarea': undefined, '@lumino/widgets': {}})", True),
    ],
)
def test_another_jupyterlab(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer, change: str, *, prose: bool
) -> None:
    """Where a shared module is missing or has another shape, all else works and nothing is said."""
    server.default = stream_reply("Still here.")
    page = open_notebook(LOAD, "%%chat\nWhy {{different}}?")
    messages: list[str] = []
    page.page.on(
        "console", lambda each: messages.append(each.text) if each.type != "debug" else None
    )
    reload(page, change)
    page.run_all()
    expect(page.outputs(1).first).to_contain_text("Still here.")
    expect(page.cell(1).locator(".e80-magic")).to_have_count(1 if prose else 0)
    assert page.errors == []
    assert [text for text in messages if re.search("e80|eighty80|CodeMirror", text)] == []


def test_the_page_as_context(
    open_notebook: Callable[..., NotebookPage], server: ScriptedServer
) -> None:
    """Cells go along in the order of the page, with Markdown and the text of outputs."""
    server.default = stream_reply("ok")
    page = open_notebook(
        LOAD,
        "print('late')\n'second'",
        "md:# The question",
        "print('printed')\n'first'",
        "%%chat --cells above\nWhy?",
        "'below'",
        "%%chat --cells\nWhy?",
        "%%chat\n{{missing}}",
    )
    page.run_cell(0)
    # The page has to know the kernel before it can tell it anything.
    expect(page.cell(7).locator(".e80-wrong")).to_have_text("{{missing}}")
    for index in (3, 5, 1, 4):
        page.run_cell(index)
    text = server.requests[-1].json["messages"][-1]["content"]
    blocks = re.findall(r'<data name="(.+?)" type="(.+?)"[^>]*>\n(.*?)\n</data>', text, re.DOTALL)
    assert [block[:2] for block in blocks] == [
        ("In[1]", "notebook cell"),
        ("In[4]", "notebook cell"),
        ("Markdown", "Markdown cell"),
        ("In[2]", "notebook cell"),
    ]
    assert blocks[1][2].endswith("--- output\nlate\n--- result (str)\nsecond")
    assert blocks[2][2] == "# The question"
    assert "--- output\nprinted" in blocks[3][2]
    expect(page.outputs(4).last).to_contain_text("4 cells, ")
    page.run_cell(6)
    text = server.requests[-1].json["messages"][-1]["content"]
    assert re.findall(r'<data name="(.+?)"', text) == ["In[3]"]
    expect(page.outputs(6).last).to_contain_text("1 cell, ")
    assert page.errors == []
