"""What a panel tells a browser, heard without one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eighty80_jupyter.notebook.panel.panel import Panel


class Browser:
    """Stands for a view: keeps the transcript that the panel's messages add up to."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.order: list[str] = []
        self.turns: dict[str, dict[str, Any]] = {}
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.RLock()  # the painter's thread draws while a test looks
        panel.view.send = self._take

    def say(self, do: str, **content: Any) -> None:
        """Send a message as the browser does."""
        self.panel.view._receive(None, {"do": do, "view": "here", **content}, [])

    def last(self, op: str) -> dict[str, Any]:
        """Return the last message of a kind."""
        return next(content for name, content in reversed(self.heard) if name == op)

    def html(self, index: int = -1) -> str:
        """Return what an answer looks like; nothing where there is none."""
        with self._lock:
            parts = self.turns[self.order[index]]["parts"] if self.order else {}
            return "".join(
                (part["title"] or "")
                + (part["fold"] or "")
                + "".join(part["blocks"])
                + part["tail"]
                for _, part in sorted(parts.items())
            )

    def done(self, count: int) -> bool:
        """Tell whether there are so many turns, and none of them is under way."""
        with self._lock:
            return len(self.order) == count and not any(t["live"] for t in self.turns.values())

    def _take(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._draw(message)

    def _draw(self, message: dict[str, Any]) -> None:
        op = message["op"]
        content = {name: value for name, value in message.items() if name != "op"}
        self.heard.append((op, content))
        match op:
            case "state":
                self.order, self.turns = [], {}
                for turn in content["turns"]:
                    self._put(turn, self.order[-1] if self.order else None)
            case "turn":
                self._put(content["turn"], content["after"])
            case "earlier":
                after = None
                for turn in content["turns"]:
                    self._put(turn, after)
                    after = turn["id"]
            case "drop":
                for turn_id in content["ids"]:
                    self.order.remove(turn_id)
                    del self.turns[turn_id]
            case "grow":
                parts = self.turns[content["id"]]["parts"]
                part = parts.setdefault(content["key"], {"blocks": []})
                known = [] if content.get("anew") else part["blocks"]
                blocks = known + content.get("freeze", [])
                parts[content["key"]] = {**content, "blocks": blocks}

    def _put(self, turn: dict[str, Any], after: str | None) -> None:
        old = self.turns.get(turn["id"], {"parts": {}})
        parts = old["parts"] if turn["parts"] is None else {p["key"]: p for p in turn["parts"]}
        self.turns[turn["id"]] = {**turn, "parts": parts}
        if turn["id"] not in self.order:
            self.order.insert(0 if after is None else self.order.index(after) + 1, turn["id"])


def threads(name: str) -> list[threading.Thread]:
    """Return the threads of that name."""
    return [thread for thread in threading.enumerate() if thread.name == name]
