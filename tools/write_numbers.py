"""Write the numbers of the documentation from one run of the benchmarks.

    python tools/write_numbers.py         runs `make bench`, keeps what it prints: build/bench.txt
    python tools/write_numbers.py FILE    takes what an earlier run on this machine has printed

`docs/explanation/speed.md` gets, between its marks, the machine, the day, and all that the
benchmarks print; the README its line of measured numbers. A number that is not found is an error.
"""

# ruff: noqa: INP001, T201, S607 - a program of the Makefile: it tells what it does, runs make

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "build" / "bench.txt"
PAGE = ROOT / "docs" / "explanation" / "speed.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- numbers: written by tools/write_numbers.py -->", "<!-- end of the numbers -->"
TITLES = {
    "conversation": "A turn in a long conversation",
    "describe": "Describing values",
    "draw": "Drawing a streamed reply",
    "load": "Loading",
    "wire": "From the socket to the reply",
}


def main(arguments: list[str]) -> int:
    """Write the pages; return the exit status."""
    if not arguments:
        OUTPUT.parent.mkdir(exist_ok=True)
        print(f"Running the benchmarks; what they print goes to {OUTPUT.relative_to(ROOT)}")
        with OUTPUT.open("w") as file:
            subprocess.run(["make", "bench"], cwd=ROOT, stdout=file, check=True)
    source = Path(arguments[0]) if arguments else OUTPUT
    parts = sections(source.read_text(encoding="utf-8"))
    day = time.strftime("%Y-%m-%d", time.localtime(source.stat().st_mtime))
    replace(PAGE, rf"(?s){re.escape(BEGIN)}.*{re.escape(END)}", page(parts, f"{day}: {machine()}"))
    replace(README, r"(?m)^\| measured: .*$", readme_row(parts))
    print(f"Written: {PAGE.relative_to(ROOT)} and a line of {README.name}. Read what has changed.")
    return 0


def sections(printed: str) -> dict[str, str]:
    """Return what each benchmark printed, by its name."""
    pieces = re.split(r"(?m)^== (\w+)$", printed)
    return {name: text.strip("\n") for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}


def machine() -> str:
    """Return the machine in words, without its name."""
    return (
        f"{os.cpu_count()} cores ({processor()}), {memory() / 2**30:.0f} GB, {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def processor() -> str:
    """Return what the processor calls itself."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def memory() -> int:
    """Return the bytes of memory, 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return 0


def page(parts: dict[str, str], where: str) -> str:
    """Return what stands between the marks: each benchmark's own words."""
    lines = [BEGIN, "", f"Measured on {where}.", ""]
    for name, text in parts.items():
        title = TITLES.get(name, name.replace("_", " ").capitalize())
        lines += [f"## {title}", "", "```text", text, "```", ""]
    return "\n".join([*lines, END])


def readme_row(parts: dict[str, str]) -> str:
    """Return the README's line: ours, nothing of those that were not measured, and chatlas."""

    def column(section: str, label: str) -> str:
        found = re.search(rf"(?m)^{re.escape(label)}\s+([\d.,]+)", parts[section])
        if found is None:
            raise SystemExit(f"build/bench.txt has no number for {label!r} in {section}")
        return found[1]

    def cell(load: str, wire: str) -> str:
        milliseconds = float(column("load", load))
        return f"{milliseconds:,.0f} ms; {column('wire', wire)} a second"

    ours = cell("eighty80_jupyter", "ours: Client.complete to Snapshot")
    return (
        f"| measured: loading; chunks of a reply | {ours} | not measured | "
        f"{cell('chatlas (import only)', 'chatlas')} |"
    )


def replace(path: Path, pattern: str, text: str) -> None:
    """Put `text` where the pattern is found; it must be found once."""
    changed, count = re.subn(pattern, lambda _match: text, path.read_text(encoding="utf-8"))
    if count != 1:
        raise SystemExit(f"{path.name} has {count} places for the numbers; there must be one")
    path.write_text(changed, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
