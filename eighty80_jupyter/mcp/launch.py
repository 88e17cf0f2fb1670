"""The program that becomes a server on Linux: it asks to be ended with its parent, then is it.

It is run as a file, by the words `PARENT PROGRAM NAME ARGUMENTS...`, and needs the standard library
only. What the kernel holds open ends a server that reads its standard input; this ends the others,
also where the kernel is killed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # Source: prctl(2)


def main(parent: str, program: str, *words: str) -> None:
    """Become `program`, called by `words`; its process ends when `parent` has ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(1)  # it had ended before
    try:
        os.execv(program, words)  # noqa: S606  # the user has agreed to this program
    except OSError as error:
        sys.exit(f"{program} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(*sys.argv[1:])
