"""Write the numbers of the documentation from one run of the benchmarks.

    python tools/write_numbers.py         runs the benchmarks, keeps their words: build/bench.txt
    python tools/write_numbers.py FILE    takes what an earlier run on this machine has printed

`docs/explanation/speed.md` gets, between its marks, the machine, the day, and all that the
benchmarks print; the README its line of measured numbers, and `docs/how-to/prompt-cells.md` the
line that tells what prompt cells cost. A benchmark that fails, or takes longer than `LIMIT`, is
said to be missing, and the status is 1; the others are written all the same.
"""

# ruff: noqa: INP001, T201, S603 - a program of the Makefile: it tells what it does, and runs others

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
PROMPT_CELLS = ROOT / "docs" / "how-to" / "prompt-cells.md"
BEGIN, END = "<!-- numbers: written by tools/write_numbers.py -->", "<!-- end of the numbers -->"
MISSING = "Not measured this time."
MOST_WORDS = 2  # in a line that is no head of a table, apart by two spaces
LIMIT = 600  # seconds that one benchmark may take
TITLES = {
    "wire": "From the socket to the reply",
    "draw": "Drawing a streamed reply",
    "load": "Loading",
    "conversation": "A turn in a long conversation",
    "rows": "A prompt over every row",
    "rows_engines": "Rows that an engine asks for",
    "describe": "Describing values",
    "lab": "The extension of JupyterLab",
}


def main(arguments: list[str]) -> int:
    """Write the pages; return the exit status."""
    if not arguments:
        measure()
    source = Path(arguments[0]) if arguments else OUTPUT
    parts = sections(source.read_text(encoding="utf-8"))
    day = time.strftime("%Y-%m-%d", time.localtime(source.stat().st_mtime))
    replace(PAGE, rf"(?s){re.escape(BEGIN)}.*{re.escape(END)}", page(parts, f"{day}: {machine()}"))
    replace(README, r"(?m)^\| measured: .*$", readme_row(parts))
    replace(PROMPT_CELLS, r"(?m)^- Measured: .*$", prompt_cells_line(parts))
    print(f"Written: {PAGE.relative_to(ROOT)}, and a line each of {README.name} and")
    print(f"{PROMPT_CELLS.relative_to(ROOT)}. Read what has changed.")
    missing = [name for name in TITLES if MISSING in (parts.get(name) or MISSING)]
    if missing:
        print(f"Missing: {', '.join(missing)}. `python -m benchmarks.{missing[0]}` says why.")
    return int(bool(missing))


def measure() -> None:
    """Run the benchmarks, one after the other."""
    OUTPUT.parent.mkdir(exist_ok=True)
    print(f"What they print goes to {OUTPUT.relative_to(ROOT)}")
    with OUTPUT.open("w", encoding="utf-8") as file:
        for path in sorted((ROOT / "benchmarks").glob("[!_]*.py")):
            start = time.perf_counter()
            command = [sys.executable, "-m", f"benchmarks.{path.stem}"]
            try:
                # One that misses a target has printed all the same, and ends with 1.
                done = subprocess.run(
                    command,
                    check=False,
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                    timeout=LIMIT,
                )
                printed, status = done.stdout, done.returncode
            except subprocess.TimeoutExpired:
                printed, status = "", None
            if not printed.strip():
                printed = f"{MISSING}\n"
            file.write(f"== {path.stem}\n{printed}")
            file.flush()
            print(f"{path.stem}: status {status}, {time.perf_counter() - start:.0f} s", flush=True)


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
    for name in [*TITLES, *sorted(parts.keys() - TITLES)]:
        title = TITLES.get(name, name.replace("_", " ").capitalize())
        lines += [f"## {title}", "", *markdown(parts.get(name) or MISSING), ""]
    return "\n".join([*lines, END])


def markdown(printed: str) -> list[str]:
    """Return what a benchmark printed: its tables, whose columns two spaces part, and a list."""
    lines: list[str] = []
    width = 0  # of the table that is being written
    split = [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines()]
    for cells, after in zip(split, [*split[1:], [""]], strict=True):
        if not width and len(cells) > MOST_WORDS:
            head = ["", *cells] if len(after) > len(cells) else cells  # the rows' names have none
            width = len(head)
            lines += ["", row(head), row(["---", *["---:"] * (width - 1)])]
        elif width and 1 < len(cells) <= width:
            lines.append(row([*cells, *[""] * (width - len(cells))]))
        else:
            width = 0
            if cells != [""]:
                lines += [] if lines and lines[-1].startswith("- ") else [""]
                lines.append(f"- {'  '.join(cells)}")
    return lines[1:] if lines[:1] == [""] else lines


def row(cells: list[str]) -> str:
    """Return a line of a table of Markdown."""
    return f"| {' | '.join(cells)} |"


def prompt_cells_line(parts: dict[str, str]) -> str:
    """Return the line of the page on prompt cells: with, without, and how far the latter spread."""

    def compared(label: str) -> str:
        pattern = rf"(?m)^{label}.*?([\d.]+)\s+([\d.]+)\s+[\d.]+\s+([\d.]+) to ([\d.]+)$"
        found = re.search(pattern, parts.get("lab", ""))
        if found is None:
            return "not measured"
        ours, bare, low, high = (f"{float(number):,.1f}" for number in found.groups())
        return f"{ours} ms with it and {bare} without ({low} to {high})"

    return (
        f"- Measured: a key in a prompt of 2,000 characters {compared('a key')}, "
        f"opening a notebook of 500 cells {compared('open')}."
    )


def readme_row(parts: dict[str, str]) -> str:
    """Return the README's line: ours, nothing of those that were not measured, and chatlas."""

    def cell(load: str, wire: str) -> str:
        found = [
            re.search(rf"(?m)^{re.escape(label)}\s+([\d.,]+)", parts.get(section, ""))
            for section, label in (("load", load), ("wire", wire))
        ]
        if found[0] is None or found[1] is None:
            return "not measured"
        what = " (its import)" if "import" in load else ""
        return f"{float(found[0][1]):,.0f} ms{what}; {found[1][1]} a second"

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
