"""Break lines of one room on purpose, and tell which changes its tests notice.

    python tools/mutants.py ROOM [--sample 60] [--seed 1] [--only PATTERN ...] [--tests PATH ...]

mutmut writes the mutants of a room into `mutants/`; all stand in the code beside the original, and
its variable tells which one is called. One process collects the tests, and each mutant is tried in
a fork of it, by the tests that reach its function: those of its own file first, then the quickest.

Mutants that change nothing a user or a program could see are listed, each with its reason, in
`tests/data/equivalent_mutants.txt`, and count as if they were not there. A line has the function,
the change and the reason, with tabs between them; mutmut's own names shift with each edit.
"""

# ruff: noqa: INP001, T201 - a program of the Makefile, which tells what it finds

from __future__ import annotations

import argparse
import fnmatch
import io
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import partial
from pathlib import Path

import pytest
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths

ROOT = Path(__file__).parents[1]
MUTANTS = ROOT / "mutants"
EQUIVALENT = ROOT / "tests" / "data" / "equivalent_mutants.txt"
PACKAGE = "eighty80_jupyter"
# The tests of each room and of those that lean on it; no browser, no model, no real kernel.
TESTS = {
    "wire": ["tests/wire", "tests/api"],
    "conversation": ["tests/conversation", "tests/turns", "tests/test_state_machine.py"],
    "turns": ["tests/turns", "tests/session", "tests/structured"],
    "tools": ["tests/tools"],
    "storage": ["tests/storage", "tests/session/test_presets.py", "tests/session/test_record.py"],
    "prompt/secrets": ["tests/prompt/secrets"],
    "session": ["tests/session"],
    "evaluation": ["tests/evaluation"],
    "rows/running": ["tests/rows/running", "tests/rows/test_run.py"],
}
ARGUMENTS = ["-q", "-m", "not real", "-p", "no:cacheprovider", "--rootdir=.", "--timeout=20"]
# The first looks into every frame, the second goes to the limit of recursion: both find frames of
# the mutation tester there. The third starts programs of Python, which take no mutants.
LEFT_OUT = [
    "--ignore=tests/wire/test_key.py",
    "--deselect=tests/tools/test_written.py::test_not_written",
    "--ignore=tests/session/test_copies.py",
]
ENOUGH_SECONDS = 20.0  # for the tests of one mutant; what does not fit is left out
LIVED, CAUGHT, NO_TESTS, TIMEOUT = 0, 1, 33, 36  # mutmut's codes


class Trial:
    """A plugin of pytest that runs the collected tests in forks, once for each mutant."""

    def __init__(self, mutants: list[str]) -> None:
        """Take the names of the mutants that are to be tried, in their order."""
        self.mutants = mutants
        self.codes: dict[str, int] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Have Hypothesis take fewer examples, and not look for the simplest one that falls."""
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest wants to load it itself

        phases = [Phase.explicit, Phase.generate]
        profile = settings(deadline=None, database=None, max_examples=30, phases=phases)
        settings.register_profile("mutants", profile)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all tests once to see which reach what; then those of each mutant."""
        if session.testsfailed:
            return None  # not all could be collected, which pytest says
        session.config.pluginmanager.unregister(name="terminalreporter")
        reached = MUTANTS / "reached.json"
        forked(partial(_write_reached, session, reached), seconds=1200)
        tests: dict[str, list[tuple[float, str]]] = json.loads(reached.read_text())
        items = {item.nodeid: item for item in session.items}
        for number, name in enumerate(self.mutants, 1):
            own = f"test_{name.rsplit('.', 2)[1]}.py"
            nearest = sorted(
                tests.get(name.partition("__mutmut_")[0], []),
                key=lambda test: (own not in test[1], test[0]),
            )
            chosen, seconds = [], 0.0
            for duration, test in nearest:
                if seconds + duration <= ENOUGH_SECONDS:
                    chosen.append(items[test])
                    seconds += duration
            start = time.monotonic()
            run = partial(_run, session, chosen, name)
            self.codes[name] = forked(run, seconds=20 + 3 * seconds) if chosen else NO_TESTS
            print(
                f"{number}/{len(self.mutants)} {self.codes[name]} {name}"
                f" ({len(chosen)} of {len(nearest)} tests, {time.monotonic() - start:.1f} s)",
                flush=True,
            )
        return True


def forked(task: Callable[[], int], *, seconds: float) -> int:
    """Run a task in a process of its own, which ends with all that it started."""
    child = os.fork()
    if not child:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        code = CAUGHT
        try:
            code = task()
        finally:
            os._exit(code)
    end = time.monotonic() + seconds
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended and time.monotonic() < end:
        time.sleep(0.01)
        ended, status = os.waitpid(child, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
        return TIMEOUT
    return os.waitstatus_to_exitcode(status) and CAUGHT


def _run(session: pytest.Session, items: list[pytest.Item], mutant: str) -> int:
    """Run tests until one falls; return the code of the mutant."""
    set_mutant_under_test(mutant)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return CAUGHT
    return LIVED


def _write_reached(session: pytest.Session, file: Path) -> int:
    """Run every test, and write for each function which reach it and how long they take."""
    set_mutant_under_test("stats")
    reached: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    hit = state()._stats  # noqa: SLF001 - what mutmut's own runner reads
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        hit.clear()
        failed, start = session.testsfailed, time.monotonic()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        duration = time.monotonic() - start
        if session.testsfailed == failed:
            for function in tuple(hit):
                reached[function].append((duration, item.nodeid))
    file.write_text(json.dumps(reached))
    return LIVED


def function_of(name: str) -> str:
    """Return which function a mutant is of, as the list of the equivalent ones has it."""
    return name.removeprefix(f"{PACKAGE}.").partition("__mutmut_")[0]


def change(name: str, path: str) -> str:
    """Return what a mutant changes, as one line: the lines as they were, and as they are."""
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    old, new = (" ".join(x[1:].strip() for x in lines if x[0] == sign) for sign in "-+")
    return f"{old} -> {new}"


def main() -> int:
    """Make and try the mutants of a room; print the report; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("room", choices=TESTS)
    parser.add_argument("--sample", type=int, help="try as many of them, chosen by chance")
    parser.add_argument("--seed", type=int, default=1, help="another number chooses others")
    parser.add_argument("--only", nargs="+", default=[], help="try those of these patterns")
    parser.add_argument(
        "--tests", nargs="+", help="instead of the room's own and those that lean on it"
    )
    options = parser.parse_args()
    os.chdir(ROOT)
    config().only_mutate = [f"{PACKAGE}/{options.room}/*"]
    shutil.rmtree(MUTANTS, ignore_errors=True)
    MUTANTS.mkdir()
    set_mutant_under_test("mutant_generation")
    with redirect_stdout(io.StringIO()):  # the name of each file
        copy_src_dir()
        copy_also_copy_files()
        setup_source_paths()
        create_mutants(max_children=1)

    files = {
        name: str(file.relative_to(MUTANTS).with_suffix(""))
        for file in sorted(MUTANTS.rglob("*.meta"))
        for name in json.loads(file.read_text())["exit_code_by_key"]
        if not options.only or any(fnmatch.fnmatch(name, f"*{p}") for p in options.only)
    }
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    equivalent = {tuple(line.split("\t")[:2]) for line in lines}
    functions = {function for function, _ in equivalent}
    for name, path in tuple(files.items()):
        if function_of(name) in functions and (function_of(name), change(name, path)) in equivalent:
            del files[name]
    mutants = list(files)
    if options.sample and options.sample < len(mutants):
        chance = random.Random(options.seed)  # noqa: S311 - chance is all that is wanted
        mutants = chance.sample(mutants, options.sample)

    trial = Trial(mutants)
    os.chdir(MUTANTS)
    set_mutant_under_test("")
    status = pytest.main(
        [*ARGUMENTS, *LEFT_OUT, *(options.tests or TESTS[options.room])], plugins=[trial]
    )
    os.chdir(ROOT)
    lived = sorted(name for name, code in trial.codes.items() if code in (LIVED, NO_TESTS))
    for name in lived:
        diff = get_diff_for_mutant(name, path=files[name]).splitlines()[2:]
        print(name, *diff, f"{function_of(name)}\t{change(name, files[name])}\t", "", sep="\n")
    if trial.codes:
        share = 1 - len(lived) / len(trial.codes)
        print(f"{options.room}: {share:.1%} of {len(trial.codes):,} caught")
    return status


if __name__ == "__main__":
    sys.exit(main())
