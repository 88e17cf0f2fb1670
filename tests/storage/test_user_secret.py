"""The secret of a user: made once, read by nobody else, and never a reason to fail."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from eighty80_jupyter.storage.user_secret import SIZE, user_secret


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_lies_with_the_state_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path it is in the user's own folder, which is made where there is none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a" / "b"))
    found = user_secret()
    file = tmp_path / "a" / "b" / "eighty80_jupyter" / "secret"
    assert file.read_bytes() == found
    assert len(found) == SIZE


def test_it_is_made_once(tmp_path: Path) -> None:
    """The next kernel finds the same; file and folder are for the user alone."""
    path = tmp_path / "new" / "mine"
    found = user_secret(path)
    assert (user_secret(path), path.read_bytes()) == (found, found)
    assert list(path.parent.iterdir()) == [path]
    if os.name == "posix":
        assert (mode(path), mode(path.parent)) == (0o600, 0o700)
        path.chmod(0o644)
        assert (user_secret(path), mode(path)) == (found, 0o600)
        path.chmod(0o400)
        assert (user_secret(path), mode(path)) == (found, 0o400)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * (SIZE - 1)])
def test_what_is_too_short_is_made_anew(tmp_path: Path, content: bytes) -> None:
    """A file that was cut is no secret."""
    path = tmp_path / "secret"
    path.write_bytes(content)
    found = user_secret(path)
    assert (len(found), path.read_bytes()) == (SIZE, found)


def test_where_it_cannot_be_kept_it_is_of_this_process(tmp_path: Path) -> None:
    """A folder that cannot be made, a file that is none, one that is too long: no error."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "long").write_bytes(b"x" * (SIZE + 1))
    for path in (tmp_path / "file" / "secret", tmp_path, tmp_path / "long"):
        one, two = user_secret(path), user_secret(path)
        assert (len(one), len(two)) == (SIZE, SIZE)
        assert one != two
    assert (tmp_path / "long").read_bytes() == b"x" * (SIZE + 1)
