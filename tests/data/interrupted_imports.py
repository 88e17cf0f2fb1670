"""Interrupt the first prompt of fresh processes at many moments, and ask again in each.

    python interrupted_imports.py ADDRESS COUNT

Each process is forked off before anything late is imported, two at a time. Prints in
how many of them the first prompt was interrupted, and in how many the later ones were answered.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import traceback
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

LAST = 0.6  # seconds; a first prompt takes about 0.4
AT_ONCE = 2
STUCK = 120.0  # seconds after which a process tells where it hangs, and ends with 1
GOOD, INTERRUPTED, BAD, BROKEN = 0, 10, 11, 12


def first_prompt(shell: Any, seconds: float) -> bool:
    """Ask with an interrupt after `seconds`, and tell whether the prompt was interrupted."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return not shell.run_cell("%%chat\nhi").success
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:  # in IPython's own code, or in that above; it comes but once
        return True


def moment(shell: Any, seconds: float) -> int:
    """Ask with an interrupt after `seconds`, then twice, once more after a reload."""
    faulthandler.dump_traceback_later(STUCK, exit=True)
    with capture_output():
        interrupted = first_prompt(shell, seconds)
        later = [shell.run_cell("%%chat\nhi")]
        later += [shell.run_cell(line) for line in ("%reload_ext eighty80_jupyter", "%%chat\nhi")]
    for result in later:
        if not result.success:
            print(seconds, repr(result.error_in_exec), file=sys.stderr)
            return BAD
    return INTERRUPTED if interrupted else GOOD


def in_a_fork(shell: Any, seconds: float) -> int:
    """Do that in a process of its own, and return its number."""
    pid = os.fork()
    if pid == 0:
        code = BROKEN
        try:
            code = moment(shell, seconds)
        except BaseException:  # noqa: BLE001  # it is told, and counted
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def main() -> None:
    """Fork, and count."""
    os.environ |= {"_8080_API_URL": sys.argv[1], "_8080_API_KEY": "any-key"}
    count = int(sys.argv[2])
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "eighty80_jupyter")
    assert asyncio.__name__ in sys.modules  # as in a kernel
    assert "aiohttp" not in sys.modules
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    codes = []
    for number in range(0, count, AT_ONCE):
        numbers = range(number, min(number + AT_ONCE, count))
        pids = [in_a_fork(shell, 0.001 + LAST * n / count) for n in numbers]
        codes += [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    print(*codes, file=sys.stderr)
    print(codes.count(INTERRUPTED), codes.count(GOOD) + codes.count(INTERRUPTED))


if __name__ == "__main__":
    main()
