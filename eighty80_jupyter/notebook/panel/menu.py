"""The bar above the panel: its views, which conversation, and what can be done with the whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ipywidgets import Dropdown, HBox, Text, VBox

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.panel.widgets import Setting, button
from eighty80_jupyter.notebook.saved.export import export_current
from eighty80_jupyter.session.presets import overruled
from eighty80_jupyter.storage import store
from eighty80_jupyter.text import counted

if TYPE_CHECKING:
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.notebook.panel.actions import Actions
    from eighty80_jupyter.session.session import Session

_DELETE = "Delete"
_NO_PRESET = "none"


class ConversationBar(HBox):  # type: ignore[misc]  # untyped
    """Tabs for the `views`, the conversations, Undo, New, and a button that opens the menu.

    `views` are widgets by the names of their tabs; one is shown, the first one at first.
    """

    def __init__(
        self, session: Session, actions: Actions, menu: ConversationMenu, views: dict[str, Any]
    ) -> None:
        self._session = session
        self._act = act = actions.act
        self._setting = Setting()
        self._views, self._menu = views, menu
        self.tabs = {name: _tab(name, partial(self.show, name)) for name in views}
        tabs = HBox(list(self.tabs.values()))
        tabs.add_class("e80-tabs")
        self.menu = Dropdown(
            options=list(session.conversations),
            value=session.conversation.name,
            tooltip="The conversation that cells and panel go on with",
        )
        self.menu.add_class("e80-p-conversation")
        self.menu.observe(self._use, "value")
        new = session.conversations.new
        self.buttons = {
            "Undo": button("Undo", "Take the last turn away", lambda: act(actions.undo)),
            "New": button("New", "Begin another conversation", lambda: act(new)),
            "Menu": button("⋯", "More to do with this conversation", menu.turn),
        }
        self.buttons["Menu"].add_class("e80-opens-menu")
        super().__init__([tabs, self.menu, *self.buttons.values()])
        self.add_class("e80-bar")
        self.show(next(iter(views)))

    def show(self, name: str) -> None:
        """Show one of the views. What is done to a conversation stands with its transcript."""
        for other, view in self._views.items():
            view.layout.display = None if other == name else "none"
            if other == name:
                self.tabs[other].add_class("e80-on")
            else:
                self.tabs[other].remove_class("e80-on")
        first = name == next(iter(self._views))
        for each in self.buttons.values():
            each.layout.display = None if first else "none"
        if not first:
            self._menu.close_up()

    def refresh(self) -> None:
        """Show the conversations that there are."""
        names, current = tuple(self._session.conversations), self._session.conversation.name
        with self._setting.values(), self.menu.hold_sync():
            if self.menu.options != names:
                self.menu.options = names
            self.menu.value = current
        self._menu.refresh()

    def _use(self, change: Any) -> None:
        if not self._setting.active and change["new"] is not None:
            self._act(lambda: self._session.conversations.use(change["new"]))


class ConversationMenu(VBox):  # type: ignore[misc]  # untyped
    """What can be done with a whole conversation: retry, fork, insert; its name; its file.

    One with turns is deleted by a second click on the button, which then says how many they are.
    """

    def __init__(self, session: Session, actions: Actions) -> None:
        self._session = session
        self._actions = actions
        act = actions.act
        self.path = Text(
            description="file", placeholder="conversation.json", tooltip="a path on this machine"
        )
        self.path.add_class("e80-grow")
        self.name = Text(description="name", placeholder="another name for this conversation")
        self.name.add_class("e80-grow")
        self.preset = Dropdown(
            options=[(_NO_PRESET, "")],
            description="preset",
            tooltip="A named set of instruction, parameters and tools, for this kernel",
        )
        self.preset.observe(self._follow_preset, "value")
        self._setting = Setting()
        self.preset_name = Text(
            description="save as", placeholder="a name for what is set now", continuous_update=False
        )
        self.preset_name.add_class("e80-grow")
        self._asked: tuple[Conversation, int] | None = None  # what the next click deletes
        self.buttons = {
            "Retry": button("Retry", "Ask the last prompt again", lambda: act(actions.retry)),
            "Fork": button(
                "Fork",
                "Go on from here under another name; this conversation stays as it is",
                lambda: act(session.conversations.fork),
            ),
            "Insert": button(
                "Insert transcript",
                "Put the conversation below the panel as an output that is saved",
                lambda: act(actions.insert),
            ),
            "Rename": button(
                "Rename", "Give this conversation that name", lambda: act(self._rename)
            ),
            "Delete": button(
                _DELETE,
                "Take this conversation away; the notebook and saved files stay as they are",
                lambda: act(self._delete),
            ),
            "Preset": button(
                "Save preset",
                "Keep instruction, parameters and tools under that name",
                lambda: act(self._save_preset),
            ),
            "Save": self._file_button("Save", "Save the conversation to this file", self._save),
            "Load": self._file_button(
                "Load", "Go on with the conversation in this file", self._load
            ),
            "Export": self._file_button(
                "Export",
                "Write it to read (.md, .html), to run (.ipynb) or to train on (.jsonl)",
                self._export,
            ),
        }
        whole = [self.buttons[name] for name in ("Retry", "Fork", "Insert")]
        files = [self.buttons[name] for name in ("Save", "Load", "Export")]
        naming = [self.buttons[name] for name in ("Rename", "Delete")]
        presets = [self.preset, self.preset_name, self.buttons["Preset"]]
        rows = HBox(whole), HBox([self.name, *naming]), HBox([self.path, *files]), HBox(presets)
        for row in rows:
            row.add_class("e80-row")
        super().__init__(rows)
        self.layout.display = "none"
        for name in ("e80-menu", "e80-p-file", "e80-parameter"):
            self.add_class(name)

    def turn(self) -> None:
        """Open the menu, or close it up."""
        if self.layout.display == "none":
            self._list_presets()
            self.layout.display = None
        else:
            self.close_up()

    def close_up(self) -> None:
        """Show no more of it than the button."""
        self.layout.display = "none"
        self._ask_to_delete(None)

    def refresh(self) -> None:
        """Ask anew before a conversation is deleted that has changed since, or is another one."""
        if self._asked != self._at_stake():
            self._ask_to_delete(None)
        self._list_presets()

    def _list_presets(self) -> None:
        """Show the presets that there are, and the one that is set."""
        names, chosen = self._session.presets.names(), self._session.config.preset or ""
        names += [chosen] if chosen and chosen not in names else []
        options = ((_NO_PRESET, ""), *((name, name) for name in names))
        with self._setting.values(), self.preset.hold_sync():
            if self.preset.options != options:
                self.preset.options = options
            self.preset.value = chosen

    def _follow_preset(self, change: Any) -> None:
        if self._setting.active:
            return
        name = change["new"] or None

        def choose() -> None:
            self._session.config.preset = name
            if name is None:
                self._say("No preset: as it was before.")
                return
            preset = self._session.presets.find(name)
            own = overruled(preset, self._session.conversation)
            self._say(f"Preset: {preset}. {own}".rstrip())

        self._actions.act(choose)
        self._list_presets()

    def _save_preset(self) -> None:
        name = self.preset_name.value.strip()
        preset = self._session.presets.what_is_set(
            name, self._session.conversation, scrubbed=self._session.requests.scrubbed
        )
        path = self._session.presets.save(preset, secret=self._session.secrets)
        self.preset_name.value = ""
        self._list_presets()
        self._say(f"Saved the preset {name}: {preset} ({path}).")

    def _rename(self) -> None:
        self._session.conversations.rename(self._session.conversation.name, self.name.value)
        self.name.value = ""

    def _delete(self) -> None:
        at_stake = self._at_stake()
        if at_stake[1] and self._asked != at_stake:
            self._ask_to_delete(at_stake)
            return
        self._ask_to_delete(None)
        self._actions.delete()

    def _at_stake(self) -> tuple[Conversation, int]:
        return self._session.conversation, len(self._session.conversation)

    def _ask_to_delete(self, asked: tuple[Conversation, int] | None) -> None:
        self._asked = asked
        turns = "" if asked is None else counted(asked[1], "turn")
        self.buttons["Delete"].description = f"Really delete {turns}?" if asked else _DELETE

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
        self._say(f"Exported to {export_current(self._session, path).name}.")

    def _say(self, text: str) -> None:
        self._actions.say(text, "info")

    def _file_button(self, text: str, title: str, do: Callable[[str], None]) -> Any:
        return button(text, title, lambda: self._actions.act(lambda: do(self._path())))

    def _path(self) -> str:
        path: str = self.path.value.strip()
        if not path:
            raise UsageError("name a file, such as conversation.json, notes.md or story.ipynb")
        return path


def _tab(name: str, click: Callable[[], None]) -> Any:
    tab = button(name, f"Show: {name}", click)
    tab.add_class("e80-tab")
    return tab
