"""Tell what `mutmut run` found: `python tools/mutants.py [ROOM ...]`, without names of all rooms.

Prints for each room how many of its mutants the tests caught, and names those that lived. Mutants
that change nothing a user or a program could see are listed, each with its reason, in
`tests/data/equivalent_mutants.txt` (a line each: the mutant's name, a blank, the reason), and
count as if they were not there. `mutmut show NAME` shows what one changes.
"""

# ruff: noqa: INP001, T201 - a program of the Makefile, which tells what it finds

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
EQUIVALENT = ROOT / "tests" / "data" / "equivalent_mutants.txt"
PACKAGE = "eighty80_jupyter."
LIVED, NO_TESTS = 0, 33  # mutmut's codes; any other is a mutant that was noticed


def main(rooms: list[str]) -> int:
    """Print the report; return the exit status."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []
    equivalent = {line.split(maxsplit=1)[0] for line in lines if line.strip()}
    results: dict[str, dict[str, int]] = defaultdict(dict)
    for path in sorted((ROOT / "mutants").rglob("*.meta")):
        for name, code in json.loads(path.read_text())["exit_code_by_key"].items():
            room = room_of(name)
            if code is not None and name not in equivalent and room.startswith(tuple(rooms or "")):
                results[room][name] = code
    if not results:
        print("There are no results; `make mutants` makes them.")
        return 1
    for room, found in sorted(results.items()):
        lived = [name for name, code in found.items() if code in (LIVED, NO_TESTS)]
        share = 1 - len(lived) / len(found)
        print(f"{room}: {len(found) - len(lived):,} of {len(found):,} caught ({share:.1%})")
        print("".join(f"    {name}\n" for name in lived), end="")
    return 0


def room_of(name: str) -> str:
    """Return the room of a mutant, such as `wire` or `prompt.secrets`."""
    parts = name.removeprefix(PACKAGE).split(".")
    return ".".join(parts[:2]) if parts[0] == "prompt" else parts[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
