"""A journal in a process that was forked off: the parent's file is the parent's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from eighty80_jupyter import watchers
from eighty80_jupyter.conversation.branches import Conversations
from eighty80_jupyter.storage import journal as journal_module
from eighty80_jupyter.storage.journal import Journal
from eighty80_jupyter.turns.feed import Feed
from tests.support.talks import plain_turn
from tests.support.waiting import wait_until


def test_a_child_writes_nothing_and_holds_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done in the child closes the file there, and takes no more events."""
    in_child: list[Callable[[], None]] = []

    closed: list[int] = []

    def close(descriptor: int) -> None:
        closed.append(descriptor)
        os.close(descriptor)

    monkeypatch.setattr(journal_module, "at_fork", in_child.append)
    monkeypatch.setattr(journal_module, "os", SimpleNamespace(**{**vars(os), "close": close}))
    conversations = Conversations()
    made = Journal(conversations, Feed(), folder=tmp_path)
    conversations.current.commit(plain_turn("a", "b"))
    wait_until(lambda: made.path is not None and b"turns" in made.path.read_bytes())
    assert made.path is not None
    descriptor = made._descriptor
    assert descriptor is not None
    (forget,) = in_child
    forget()
    assert closed == [descriptor]
    before = made.path.read_bytes()
    conversations.current.commit(plain_turn("c", "d"))
    made.close()
    assert made.path.read_bytes() == before


def test_where_nothing_forks_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has no such call."""
    names = {name: value for name, value in vars(os).items() if name != "register_at_fork"}
    monkeypatch.setattr(watchers, "os", SimpleNamespace(**names))
    conversations = Conversations()
    made = Journal(conversations, Feed(), folder=tmp_path)
    conversations.current.commit(plain_turn("a", "b"))
    made.close()
    assert made.path is not None
    assert b'"b"' in made.path.read_bytes()
