"""Save, load and export in the panel: a path and three buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipywidgets import Button, HBox, Text, VBox

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.saved.export import export
from eighty80_jupyter.storage import store

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.panel.actions import Actions
    from eighty80_jupyter.session.session import Session


class FileControls(VBox):  # type: ignore[misc]  # untyped
    """Keep the conversation in a file, go on with one from a file, export it to read or to run."""

    def __init__(self, session: Session, actions: Actions) -> None:
        self._session = session
        self._actions = actions
        self.path = Text(
            description="file", placeholder="conversation.json", tooltip="a path on this machine"
        )
        self.buttons = {
            "Save": self._button("Save", "Save the conversation to this file", self._save),
            "Load": self._button("Load", "Go on with the conversation in this file", self._load),
            "Export": self._button(
                "Export",
                "Write it to read (.md, .html), to run (.ipynb) or to train on (.jsonl)",
                self._export,
            ),
        }
        row = HBox(list(self.buttons.values()))
        row.add_class("e80-row")
        super().__init__([self.path, row])
        self.add_class("e80-p-file")
        self.add_class("e80-parameter")

    def _save(self, path: str) -> None:
        file = store.save(
            self._session.conversation,
            path,
            secret=self._session.secrets,
            tell=lambda line: self._actions.say(line, "info"),
        )
        self._say(f"Saved to {file.name}.")

    def _load(self, path: str) -> None:
        lines = store.adopt(self._session.conversations, store.load(path))
        self._say(f"Loaded: {'; '.join(lines) or 'nothing'}.")

    def _export(self, path: str) -> None:
        session = self._session
        file = export(
            session.conversation,
            path,
            secret=session.secrets,
            system=session.config.system,
            tools=session.tools,
        )
        self._say(f"Exported to {file.name}.")

    def _say(self, text: str) -> None:
        self._actions.say(text, "info")

    def _button(self, text: str, title: str, do: Callable[[str], None]) -> Any:
        def click(_button: object) -> None:
            self._actions.act(lambda: do(self._path()))

        button = Button(description=text, tooltip=title)
        button.add_class("e80-button")
        button.on_click(click)
        return button

    def _path(self) -> str:
        path: str = self.path.value.strip()
        if not path:
            raise UsageError("name a file, such as conversation.json, notes.md or story.ipynb")
        return path
