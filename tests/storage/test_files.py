"""Files that are read and written: what is refused, and in which words."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage import files
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


@pytest.mark.parametrize("name", ["x" * 255, "会" * 85])
def test_a_file_is_written_as_a_whole_and_nothing_stays_beside_it(
    tmp_path: Path, name: str
) -> None:
    """The folder holds the file alone, also after another writing and a lock, with any name."""
    file = tmp_path / name
    with locked(file):
        write_file(file, b"one")
        write_file(file, b"two")
        assert len(list(tmp_path.iterdir())) == 2
    assert file.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o640)])
def test_the_mode_of_a_new_file(tmp_path: Path, *, private: bool, mode: int) -> None:
    """That of the user alone, or that of any new file; one that was there keeps its own."""
    file = tmp_path / ("n" * 200)  # as long as names of hidden files beside it allow
    before = os.umask(0o027)
    try:
        write_file(file, b"1", private=private)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == mode
    file.chmod(0o604)
    write_file(file, b"2", private=private)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"2", 0o604)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name != "posix", reason="folders are opened there alone")
def test_a_folder_that_cannot_be_opened_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written; what a lost power supply may take away is not the user's error."""
    real, refused = os.open, list[Path]()

    def refusing(path: Path, flags: int, *mode: int) -> int:
        if path == tmp_path:
            refused.append(path)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, flags, *mode)

    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "open": refusing}))
    write_file(tmp_path / "x", b"1", private=False)
    assert ((tmp_path / "x").read_bytes(), refused) == (b"1", [tmp_path])


@pytest.mark.parametrize("private", [True, False])
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, *, private: bool) -> None:
    """In the words of the system."""
    file = tmp_path / "none" / "x"
    with pytest.raises(UsageError) as caught:
        write_file(file, b"1", private=private)
    assert str(caught.value) == f"cannot write {file}: {os.strerror(errno.ENOENT)}"


def test_a_lock_of_another_user_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its file may only be read it is locked as well."""
    (tmp_path / ".x.lock").write_bytes(b"")
    real = os.open

    def refusing(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, flags, *mode)

    monkeypatch.setattr(files, "os", SimpleNamespace(**{**vars(os), "open": refusing}))
    with locked(tmp_path / "x"):
        descriptor = real(tmp_path / ".x.lock", os.O_RDWR)
        held = lock(descriptor, wait=False)
        os.close(descriptor)
    assert held is False


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
