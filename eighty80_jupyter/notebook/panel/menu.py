"""The bar above the transcript: which conversation, and what can be done with the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipywidgets import Button, Dropdown, HBox

from eighty80_jupyter.notebook.panel.widgets import Setting

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.panel.actions import Actions
    from eighty80_jupyter.session.session import Session


class ConversationBar(HBox):  # type: ignore[misc]  # untyped
    """A menu of the conversations, and buttons: Retry, Undo, New, Fork, Insert transcript."""

    def __init__(self, session: Session, actions: Actions) -> None:
        self._session = session
        self._act = act = actions.act
        self._setting = Setting()
        self.menu = Dropdown(
            options=list(session.conversations),
            value=session.conversation.name,
            tooltip="The conversation that cells and panel go on with",
        )
        self.menu.add_class("e80-p-conversation")
        self.menu.observe(self._use, "value")
        conversations = session.conversations
        self.buttons = {
            "Retry": _button("Retry", "Ask the last prompt again", lambda: act(actions.retry)),
            "Undo": _button("Undo", "Take the last turn away", lambda: act(actions.undo)),
            "New": _button("New", "Begin another conversation", lambda: act(conversations.new)),
            "Fork": _button(
                "Fork",
                "Go on from here under another name; this conversation stays as it is",
                lambda: act(conversations.fork),
            ),
            "Insert": _button(
                "Insert transcript",
                "Put the conversation below the panel as an output that is saved",
                lambda: act(actions.insert),
            ),
        }
        super().__init__([self.menu, *self.buttons.values()])
        self.add_class("e80-bar")

    def refresh(self) -> None:
        """Show the conversations that there are."""
        names, current = tuple(self._session.conversations), self._session.conversation.name
        with self._setting.values(), self.menu.hold_sync():
            if self.menu.options != names:
                self.menu.options = names
            self.menu.value = current

    def _use(self, change: Any) -> None:
        if not self._setting.active and change["new"] is not None:
            self._act(lambda: self._session.conversations.use(change["new"]))


def _button(text: str, title: str, click: Callable[[], None]) -> Any:
    button = Button(description=text, tooltip=title)
    button.on_click(lambda _button: click())
    button.add_class("e80-button")
    return button
