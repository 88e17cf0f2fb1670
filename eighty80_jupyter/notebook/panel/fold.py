"""A part of the panel that is folded away under its title, for mouse and keyboard.

The titles of an ipywidgets Accordion cannot be focused; a button can.
"""

from __future__ import annotations

from typing import Any

from ipywidgets import Button, Layout, VBox


class Fold(VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """A button named `title`, and below it the `part`, hidden until the button is pressed."""

    def __init__(self, title: str, part: Any) -> None:
        self.title = title
        self.part = part
        self.button = Button(
            description=title,
            icon="caret-right",
            tooltip=f"Show: {title}",
            layout=Layout(width="auto", align_self="flex-start", margin="6px 0 0 0"),
        )
        self.button.on_click(lambda _button: self.turn())
        part.layout.display = "none"
        super().__init__([self.button, part])
        self.add_class("e80-fold")  # by which the browser tells whether it is open

    def turn(self) -> None:
        """Show what is hidden, or hide what is shown."""
        hidden = self.part.layout.display == "none"
        self.part.layout.display = None if hidden else "none"
        self.button.icon = "caret-down" if hidden else "caret-right"
        self.button.tooltip = f"{'Hide' if hidden else 'Show'}: {self.title}"
