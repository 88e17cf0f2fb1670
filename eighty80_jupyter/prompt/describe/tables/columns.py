"""Many columns in few words: grouped by type, and runs of names in short."""

from __future__ import annotations

import re


def grouped(names: list[str], dtypes: list[str], most: int, *, of: int) -> str:
    """Return columns by type, at most `most` types and of each as many names, of `of` in all."""
    groups: dict[str, list[str]] = {}
    for name, dtype in zip(names, dtypes, strict=True):
        groups.setdefault(dtype, []).append(name)
    known = f", the first {len(names):,}" if of > len(names) else ""
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    lines = [f"- {dtype} ({len(some):,}): {_listed(some, most)}" for dtype, some in ordered[:most]]
    if len(ordered) > most:
        lines.append(f"… {len(ordered) - most:,} more types")
    return "\n".join([f"columns by type{known}:", *lines])


def _listed(names: list[str], most: int) -> str:
    """Return names with runs such as x0 to x99 in short, and no more than `most` of them."""
    runs: list[list[str]] = []
    previous: tuple[str, int] | None = None
    for name in names:
        match = re.fullmatch(r"(.*?)(\d{1,9})", name, re.DOTALL)
        this = (match[1], int(match[2])) if match else None
        if this and previous and this == (previous[0], previous[1] + 1):
            runs[-1].append(name)
        else:
            runs.append([name])
        previous = this
    pieces: list[str] = []
    used = 0
    for run in runs:
        if len(pieces) >= most:
            break
        pieces += run if len(run) < 4 else [f"{run[0]} to {run[-1]}"]  # noqa: PLR2004  # shorter in full
        used += len(run)
    left = len(names) - used
    return ", ".join(pieces) + (f", … {left:,} more" if left else "")
