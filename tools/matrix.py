"""Run the tests in other environments: `python tools/matrix.py [NAME ...]`, without names in all.

Each environment is a folder of `build/matrix`, made by uv from what `ENVIRONMENTS` says. One whose
interpreter is not on this machine, and cannot be had, is reported and passed over. Ends with status
1 when a run failed.
"""

# ruff: noqa: INP001, T201, S603 - a program of the Makefile: it tells what it does, and runs others

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "matrix"
UV = (sys.executable, "-m", "uv")
PYTEST = ("-m", "pytest", "-n", "logical", "--dist", "loadfile")
NO_BROWSER = ("-m", "not browser")
BROWSER = ("-m", "browser")
PROMPT_CELLS = ("tests/browser/test_prompt_cells.py", "tests/browser/test_prompt_page.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What is installed beside this project, and which tests run there.

    `python` is a version, `packages` are requirements of pip, `lowest` takes the oldest version
    that the project allows of all that it names itself, `newest` takes what is not released yet.
    """

    python: str = "3.11"
    packages: tuple[str, ...] = ()
    lowest: bool = False
    newest: bool = False
    tests: tuple[str, ...] = NO_BROWSER


ENVIRONMENTS = {
    "lowest": Environment(lowest=True),
    "newest": Environment(python="3.14", newest=True),
    "python-3.12": Environment(python="3.12"),
    "python-3.13": Environment(python="3.13"),
    "python-3.14": Environment(python="3.14"),
    "pandas-2": Environment(packages=("pandas<3", "modin"), tests=("tests/prompt", "tests/rows")),
    "engines": Environment(
        packages=("pandas<3", "pyspark>=4", "ray[data]>=2.40"), tests=("-m", "engines")
    ),
    "ipykernel-6": Environment(
        packages=("ipykernel<7",), tests=("tests/notebook", "tests/browser")
    ),
    "jupyterlab-4.2": Environment(
        packages=("jupyterlab>=4.2,<4.3", "notebook>=7.2,<7.3"), tests=BROWSER
    ),
    "prompt-cells-oldest": Environment(
        packages=("jupyterlab==4.2.0", "notebook==7.2.0"), tests=PROMPT_CELLS
    ),
    "prompt-cells-newest": Environment(
        packages=("jupyterlab", "notebook"), newest=True, tests=PROMPT_CELLS
    ),
}


def main(names: list[str]) -> int:
    """Run the named environments; return the exit status."""
    unknown = sorted(set(names) - set(ENVIRONMENTS))
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. There are: {', '.join(ENVIRONMENTS)}.")
        return 2
    results = {name: run(name, ENVIRONMENTS[name]) for name in names or ENVIRONMENTS}
    print("\n".join(f"{name}: {result}" for name, result in results.items()))
    return int("failed" in results.values())


def run(name: str, environment: Environment) -> str:
    """Make the environment and run its tests; return how that ended, in a few words."""
    print(f"== {name}", flush=True)
    folder = FOLDER / name
    made = call(
        *UV, "venv", "--quiet", "--clear", "--seed", "--python", environment.python, str(folder)
    )
    if not made:
        return f"passed over: Python {environment.python} is not to be had here"
    python = folder / "bin" / "python"
    strategy = ["--resolution", "lowest-direct"] if environment.lowest else []
    strategy += ["--prerelease", "allow"] if environment.newest else []
    wanted = ["-e", f"{ROOT}[test]", *environment.packages]
    if not call(*UV, "pip", "install", "--quiet", "--python", str(python), *strategy, *wanted):
        return "failed"
    return "passed" if call(str(python), *PYTEST, *environment.tests) else "failed"


def call(*command: str) -> bool:
    """Run a program in the project's folder; tell whether it ended well."""
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
