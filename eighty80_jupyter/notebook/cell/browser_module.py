"""The JavaScript of a widget: one module, as it can import nothing from beside it in a browser."""

from __future__ import annotations

from pathlib import Path

_MAKE = Path(__file__).parent / "static" / "make.js"


def browser_module(*scripts: Path) -> str:
    """Return scripts as one module, behind what makes elements."""
    return "\n".join(script.read_text(encoding="utf-8") for script in (_MAKE, *scripts))
