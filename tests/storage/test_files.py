"""Files that are read and written: what is refused, and in which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import lock, locked, read_file, target, write_file


def refusal(path: Path | str, limit: int = 10) -> str:
    """Return why a file is not read."""
    with pytest.raises(UsageError) as caught:
        read_file(path, limit)
    return str(caught.value)


def test_a_file_of_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more is too much; the home directory may be written as `~`."""
    file = tmp_path / "x"
    file.write_bytes(b"0123456789")
    assert read_file(file, 10) == b"0123456789"
    assert refusal(file, 9) == f"{file} has 0 MB, more than 0 MB"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert read_file("~/x", 10) == b"0123456789"


def test_sizes_are_told_in_megabytes(tmp_path: Path) -> None:
    """Of a million bytes."""
    file = tmp_path / "x"
    with file.open("wb") as sparse:
        sparse.truncate(3_000_000_000)
    assert refusal(file, 2_000_000_000) == f"{file} has 3,000 MB, more than 2,000 MB"


def test_what_is_not_there_is_told_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a relative path it is where it was looked for."""
    monkeypatch.chdir(tmp_path)
    assert refusal("x") == f"there is no file x in {Path.cwd()}"
    assert refusal(tmp_path / "x") == f"there is no file {tmp_path / 'x'}"
    assert refusal(tmp_path) == f"{tmp_path} is a directory; name a file in it"
    assert refusal("") == ". is a directory; name a file in it"


@pytest.mark.skipif(os.name != "posix", reason="devices as POSIX has them")
def test_a_device_is_not_read() -> None:
    """It might never end."""
    assert refusal("/dev/zero") == "/dev/zero is no ordinary file"


def test_a_path_that_cannot_be_is_told_by_its_beginning() -> None:
    """In one line, however long it is."""
    with pytest.raises(UsageError) as caught:
        target("\0" + "x" * 300)
    assert str(caught.value).startswith("cannot use the path '\\x00" + "x" * 199 + "': ")
    assert "null" in str(caught.value)


def test_a_target_is_a_file_in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are followed, and what cannot be one is told."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "x"
    (tmp_path / "link").symlink_to(file)
    assert target(tmp_path / "link") == Path(os.path.realpath(file))
    for path, said in (
        (tmp_path, f"{tmp_path} is a directory; name a file in it"),
        ("", f"{Path(os.path.realpath(tmp_path))} is a directory; name a file in it"),
        (
            tmp_path / "no" / "x",
            f"there is no directory {tmp_path.resolve() / 'no'}; make it, or name another file",
        ),
    ):
        with pytest.raises(UsageError) as caught:
            target(path)
        assert str(caught.value) == said


def test_a_file_is_written_as_a_whole_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    """The folder holds the file alone, also after another writing and a lock."""
    file = tmp_path / ("x" * 150)
    with locked(file):
        write_file(file, b"one")
        write_file(file, b"two")
        assert len(list(tmp_path.iterdir())) == 2
    assert file.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [file]


def test_a_lock_of_another_is_false(tmp_path: Path) -> None:
    """Until it is closed."""
    file = tmp_path / "x"
    file.touch()
    first, second = os.open(file, os.O_RDWR), os.open(file, os.O_RDWR)
    try:
        assert lock(first, wait=False) is True
        assert lock(second, wait=False) is False
        os.close(first)
        assert lock(second, wait=False) is True
    finally:
        os.close(second)
