"""Interrupt the first prompt of fresh processes at many moments, and ask again in each.

    python interrupted_imports.py ADDRESS COUNT

Each process is forked off before anything late is imported. Prints in how many of them the first
prompt was interrupted, and in how many the two after it were answered.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

LAST = 1.0  # seconds
STUCK = 60.0  # seconds after which a process tells where it hangs, and ends with 1
GOOD, INTERRUPTED, BAD, BROKEN = 0, 10, 11, 12


def moment(shell: Any, seconds: float) -> int:
    """Ask with an interrupt after `seconds`, then twice."""
    faulthandler.dump_traceback_later(STUCK, exit=True)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    with capture_output():
        try:
            interrupted = not shell.run_cell("%%chat\nhi").success
        except KeyboardInterrupt:  # in IPython's own code, before the cell or after it
            interrupted = True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        later = [shell.run_cell("%%chat\nhi") for _ in range(2)]
    for result in later:
        if not result.success:
            print(seconds, repr(result.error_in_exec), file=sys.stderr)
            return BAD
    return INTERRUPTED if interrupted else GOOD


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
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            code = BROKEN
            try:
                code = moment(shell, 0.001 + LAST * number / count)
            finally:
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    print(*codes, file=sys.stderr)
    print(codes.count(INTERRUPTED), codes.count(GOOD) + codes.count(INTERRUPTED))


if __name__ == "__main__":
    main()
