"""What `%load_ext eighty80_jupyter` costs over an IPython that is already running.

Each run is a fresh process; the time is that of the magic alone. Peers are measured where they are
installed. The floor is loading an empty extension.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys

RUNS = 7
EXTENSIONS = {
    "an empty extension (floor)": "empty_extension",
    "eighty80_jupyter": "eighty80_jupyter",
    "jupyter_ai_magics": "jupyter_ai_magics",
    "chatlas (import only)": "chatlas",
    "openai (import only)": "openai",
}
CODE = """
import sys, time, types
empty = types.ModuleType("empty_extension")
empty.load_ipython_extension = lambda shell: None
sys.modules["empty_extension"] = empty
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("1 + 1")
start = time.perf_counter()
if {only_import!r}:
    __import__({name!r})
else:
    shell.run_line_magic("load_ext", {name!r})
print("seconds", time.perf_counter() - start)
"""


def measure(label: str, name: str) -> list[float]:
    """Return the seconds of each run."""
    code = CODE.format(name=name, only_import="import only" in label)
    times = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout.rsplit("seconds", 1)[1]))
    return times


def main() -> None:
    """Print the table."""
    print(f"{'':32} {'median':>11} {'min':>11} {'to ours':>9}")
    ours = statistics.median(measure("eighty80_jupyter", "eighty80_jupyter"))
    for label, name in EXTENSIONS.items():
        if name != "empty_extension" and importlib.util.find_spec(name) is None:
            print(f"{label:32} not installed")
            continue
        try:
            times = measure(label, name)
        except subprocess.CalledProcessError as error:
            print(f"{label:32} failed: {error.stderr.strip().splitlines()[-1]}")
            continue
        median = statistics.median(times)
        print(f"{label:32} {median * 1e3:8.1f} ms {min(times) * 1e3:8.1f} ms {median / ours:9.2f}")


if __name__ == "__main__":
    main()
