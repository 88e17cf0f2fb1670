"""The panel in a page, as a person uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.support.lab import NotebookPage

# Milliseconds from a click on Stop until no answer is under way, or null after a minute.
STOP = """async panel => {
    const start = performance.now();
    panel.querySelector(".e80-stop").click();
    while (panel.querySelector(".e80-streaming")) {
        if (performance.now() - start > 60_000) return null;
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - start;
}"""


class PanelView:
    """The panel below a cell."""

    def __init__(self, page: NotebookPage, cell: int = 1) -> None:
        self.page = page
        self.root = page.cell(cell).locator(".e80-panel")
        self.box = self.root.locator(".e80-input")
        self.log = self.root.locator(".e80-log")
        self.turns = self.root.locator(".e80-turn")
        self.notice = self.root.locator(".e80-notice")
        self.stop = self.root.locator(".e80-stop")

    def button(self, name: str) -> Locator:
        """Find a button by the text on it."""
        return self.root.get_by_text(name, exact=True)

    def row(self, name: str) -> Locator:
        """Find the row of a parameter."""
        return self.root.locator(f".e80-p-{name}")

    def handle(self, name: str) -> Locator:
        """Find the handle of a parameter's slider."""
        return self.row(name).locator(".noUi-handle")

    def field(self, name: str) -> Locator:
        """Find the field of a parameter."""
        return self.row(name).locator("input[type=text], textarea")

    def menu(self, name: str) -> Locator:
        """Open the conversation's menu, and find a button in it."""
        opener = self.root.locator(".e80-opens-menu")
        if opener.get_attribute("aria-expanded") != "true":
            opener.click()
        return self.root.locator(".e80-menu").get_by_text(name, exact=True)

    def unfold(self) -> None:
        """Show the parameters that are folded away."""
        self.root.locator(".e80-fold > button").first.click()

    def view(self, name: str) -> None:
        """Go to another view, with the keyboard."""
        self.root.get_by_role("tab", name=name).press("Enter")

    def answer(self, index: int) -> Locator:
        """Find the answer of a turn; -1 is the last one."""
        turn = self.turns.last if index < 0 else self.turns.nth(index)
        return turn.locator(".e80-answer:not(.e80-live-answer)")

    def send(self, text: str, key: str = "Control+Enter") -> None:
        """Type a prompt and send it with the keyboard."""
        self.box.fill(text)
        self.box.press(key)

    def ask(self, text: str, key: str = "Control+Enter") -> None:
        """Send a prompt and wait for the end of its answer."""
        count = self.turns.count()
        self.send(text, key)
        expect(self.turns).to_have_count(count + 1)
        self.wait_done()

    def wait_done(self) -> None:
        """Wait until no answer is under way."""
        expect(self.root.locator(".e80-streaming")).to_have_count(0)

    def stop_milliseconds(self) -> float:
        """Click on Stop, and return how long the answer went on."""
        milliseconds: float | None = self.root.evaluate(STOP)
        assert milliseconds is not None, "it did not stop"
        return milliseconds

    def at_end(self) -> bool:
        """Tell whether the end of the transcript is to be seen."""
        there: Any = self.log.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight < 30")
        return bool(there)
