"""`python -m eighty80_jupyter.local`: the embedded model as a server in the foreground."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local import model, start

_BAR_CELLS = 30
_INTERRUPTED = 130  # what shells say for it


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status. None: the arguments of this process."""
    options = _parser().parse_args(arguments)
    try:
        if options.fetch:
            print(model.fetch(progress=show_progress))  # noqa: T201  # a program's output
            return 0
        return _serve(options.path, options.port)
    except LocalModelError as error:
        print(" ".join(str(error).split()), file=sys.stderr)  # noqa: T201  # the same
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def show_progress(done: int, total: int) -> None:
    """Draw a bar on stderr, for `done` of `total` bytes; on a file or pipe only the end."""
    last = done >= total
    if sys.stderr.isatty():
        cells = _BAR_CELLS * done // total
        bar = "#" * cells + "." * (_BAR_CELLS - cells)
        text = f"\rDownloading the model [{bar}] {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        sys.stderr.write(text + "\n" * last)
        sys.stderr.flush()
    elif last:
        sys.stderr.write(f"Downloaded the model, {total / 1e6:.0f} MB\n")


def _serve(path: Path | None, port: int) -> int:
    with start(path, progress=show_progress, port=port) as server:
        print(  # noqa: T201  # a program's output
            f"Serving the model {server.model} until Ctrl-C. To use it from another shell:\n"
            f"export _8080_API_URL={server.url}\n"
            f"export _8080_API_KEY={server.api_key}",
            flush=True,
        )
        try:
            server.wait()
        except KeyboardInterrupt:
            print(file=sys.stderr)  # noqa: T201  # below the ^C that the terminal shows
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eighty80_jupyter.local",
        description="Serve a model on this machine, on 127.0.0.1 only, with a key made for it.",
    )
    parser.add_argument(
        "path",
        nargs="?",
        type=Path,
        metavar="PATH.gguf",
        help="a model file (default: a small model, fetched on first use)",
    )
    parser.add_argument(
        "--port", type=_port, default=0, help="the port to listen on (default: any free one)"
    )
    parser.add_argument(
        "--fetch", action="store_true", help="only fetch the default model and print its path"
    )
    return parser


def _port(text: str) -> int:
    number = int(text)
    if number not in range(1 << 16):
        raise argparse.ArgumentTypeError(f"expected 0 to 65535, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
