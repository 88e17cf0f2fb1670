"""What the page must know of the options of a line to tell them apart.

`python -m eighty80_jupyter.notebook.lab.table` writes what it knows without a kernel.
"""

from __future__ import annotations

import json
from pathlib import Path

from eighty80_jupyter.notebook.line.options import OPTIONS, Option

STATIC = Path(__file__).parent / "extension" / "static" / "table.js"


def option_table() -> dict[str, str]:
    """Return the options without their dashes, with spaces between them, by what may follow them.

    That is a pattern of a whole word; one with an equals sign may match several words.
    """
    table: dict[str, list[str]] = {}
    for option in sorted(OPTIONS.values(), key=lambda option: option.name):
        names = [flag.lstrip("-") for flag in (option.short, option.long) if flag]
        table.setdefault(_follows(option), []).extend(names)
    return {follows: " ".join(names) for follows, names in sorted(table.items())}


def _follows(option: Option) -> str:
    if option.pairs:
        return "[A-Za-z_][.\\w]*=.*"
    if not option.metavar:
        return ""
    return (option.pattern or "[^-].*") if option.optional else ".+"


def static_table() -> str:
    """Return the module that the page reads where no kernel has told it more."""
    rows = [f"  {json.dumps(key)}: {json.dumps(names)},\n" for key, names in option_table().items()]
    return f"// Written by notebook.lab.table\nexport default {{\n{''.join(rows)}}};\n"


if __name__ == "__main__":
    STATIC.write_text(static_table(), encoding="utf-8")
