"""Answers that were paid for once: kept in SQLite, found again by what was asked.

The key stands for everything that was sent; the value is the raw text of the answer and what the
server told of it, no prompt and no API key. Nothing here is ever an error of a run: where the file
cannot be read or written, answers are kept in memory, and `note` says so.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from eighty80_jupyter.storage.files import PRIVATE, locked, reason, state_path
from eighty80_jupyter.watchers import at_fork

FILE = "answers.sqlite"  # of the user's state
DAYS = 30
MOST_BYTES = 1_000_000_000
_BUSY_SECONDS = 5.0  # for another kernel that writes
_DAY = 86_400
_AT_ONCE = 500  # keys of one look-up; SQLite takes 999 values in old versions
_LEFT = 0.9  # of the largest size, once the least used answers are removed
_MOST_WAITING = 10_000
_LOOKED_AFTER = 5_000  # answers that are written between two looks at the size

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, text TEXT NOT NULL, finish_reason TEXT, usage BLOB, model TEXT,
    time INTEGER NOT NULL, used INTEGER NOT NULL
)
"""
# In the place of one that is there: to remove it first takes twice as long.
_PUT = """
INSERT INTO answers VALUES (?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET
    text = excluded.text, finish_reason = excluded.finish_reason, usage = excluded.usage,
    model = excluded.model, time = excluded.time, used = excluded.used
"""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer as it was kept: its raw `text`, and what the server told of it.

    `usage` are the fields that the server counted, `time` seconds since 1970; 0 is now.
    """

    text: str
    finish_reason: str | None = None
    usage: Mapping[str, Any] | None = None
    model: str | None = None
    time: float = 0.0


class Answers:
    """The kept answers of this user; for any thread, and for several kernels at once.

    `days` after which an answer is forgotten, and the most `bytes` that all take: of more, those go
    that were not used for the longest time. `path` is the file, None in memory. `note` says once
    why they are kept in memory, or that a broken file was set aside; `new` whether the file was
    made now. The connection, and all else that changes, is guarded by one lock.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        days: float = DAYS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._wanted = state_path(FILE) if path is None else path
        self.path: Path | None = self._wanted
        self.note = ""
        self.new = False
        self._seconds = days * _DAY
        self._most = most_bytes
        self._clock = clock
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None
        self._waiting: list[tuple[bytes, Kept]] = []  # what another kernel kept us from writing
        self._written = 0
        at_fork(self._leave_to_parent)

    @classmethod
    def in_memory(cls, most_bytes: int = MOST_BYTES // 10) -> Answers:
        """Return answers that this process keeps for itself."""
        answers = cls(most_bytes=most_bytes)
        answers.path = None
        return answers

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Kept]:
        """Return the answers that are kept under any of the keys, and note that they were used."""
        return self._attempt(lambda connection: self._get(connection, keys), {})

    def put_many(self, answers: Sequence[tuple[bytes, Kept]]) -> None:
        """Keep answers, in place of those under the same keys. They are on disk when it returns."""
        if not answers:
            return
        with self._lock:
            self._waiting += answers
            self._attempt(self._put, None)
            del self._waiting[:-_MOST_WAITING]

    def forget(self) -> int:
        """Remove all answers, also those of other kernels; return how many there were."""
        return self._attempt(self._forget, 0)

    def close(self) -> None:
        """Close the file; the next use opens it again. In memory, what was kept is gone."""
        with self._lock:
            if self._waiting:
                self._attempt(self._put, None)
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _leave_to_parent(self) -> None:
        """Have a lock and a connection of its own in a forked child."""
        self._lock = threading.RLock()
        self._inherited, self._connection = self._connection, None  # never closed from here

    def _attempt(self, act: Callable[[sqlite3.Connection], _T], default: _T) -> _T:
        """Return what `act` does; where the file is of no use, what it does in memory."""
        with self._lock:
            for _ in range(3):  # as it is, with a new file, in memory
                try:
                    return act(self._opened())
                except sqlite3.OperationalError as error:
                    if self.path is None or _is_busy(error):
                        return default  # the next batch may find it free
                    self._in_memory(reason(error))
                except sqlite3.DatabaseError:
                    self._set_aside()
                except OSError as error:
                    self._in_memory(reason(error))
            return default

    def _opened(self) -> sqlite3.Connection:
        """Return the connection, which the first use opens."""
        if self._connection is None:
            connection = _connect(self.path)
            try:
                self._set_up(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        if self.path is not None:
            connection.execute("PRAGMA journal_mode = WAL")
        # A kernel that is killed loses nothing; only a machine that loses power may.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'answers'").fetchone()
        self.new = found is None and self.path is not None
        with _writing(connection):
            connection.execute(_TABLE)
            oldest = self._clock() - self._seconds
            connection.execute("DELETE FROM answers WHERE time < ?", (oldest,))
        self._make_room(connection)

    def _get(self, connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Kept]:
        found: dict[bytes, Kept] = {}
        now = self._clock()
        stale: list[tuple[float, bytes]] = []
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for key, text, finish, usage, model, at, used in connection.execute(
                "SELECT key, text, finish_reason, usage, model, time, used FROM answers "  # noqa: S608  # marks only
                f"WHERE key IN ({marks}) AND time >= ?",
                (*some, now - self._seconds),
            ):
                found[key] = Kept(
                    text=text,
                    finish_reason=finish,
                    usage=orjson.loads(usage) if usage else None,
                    model=model,
                    time=at,
                )
                if used < now - _DAY:  # a day is exact enough, and most look-ups write nothing
                    stale.append((now, key))
        if stale:
            with suppress(sqlite3.OperationalError), _writing(connection):
                connection.executemany("UPDATE answers SET used = ? WHERE key = ?", stale)
        return found

    def _put(self, connection: sqlite3.Connection) -> None:
        now = int(self._clock())
        rows = [
            (
                key,
                kept.text,
                kept.finish_reason,
                orjson.dumps(dict(kept.usage)) if kept.usage else None,
                kept.model,
                int(kept.time) or now,
                now,
            )
            for key, kept in self._waiting
        ]
        with _writing(connection):
            connection.executemany(_PUT, rows)
        self._waiting.clear()
        self._written += len(rows)
        if self._written >= _LOOKED_AFTER:
            self._written = 0
            self._make_room(connection)

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Remove the least used answers where all take more than they may."""
        size = _bytes(connection)
        if size <= self._most:
            return
        (count,) = connection.execute("SELECT count(*) FROM answers").fetchone()
        surplus = int(count * (1 - _LEFT * self._most / size)) + 1
        with _writing(connection):
            connection.execute(
                "DELETE FROM answers WHERE key IN "
                "(SELECT key FROM answers ORDER BY used, time LIMIT ?)",
                (surplus,),
            )

    def _forget(self, connection: sqlite3.Connection) -> int:
        (count,) = connection.execute("SELECT count(*) FROM answers").fetchone()
        with _writing(connection):
            connection.execute("DELETE FROM answers")
        with suppress(sqlite3.OperationalError):  # another kernel reads: the space comes back later
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return int(count)

    def _in_memory(self, why: str) -> None:
        self.note = f"answers are kept in memory only: {self._wanted} cannot be used ({why})"
        self._close()
        self.path = None

    def _set_aside(self) -> None:
        """Begin a new file in the place of one that is none of SQLite's."""
        self._close()
        path = self.path
        if path is None:
            return
        aside = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%dT%H%M%S')}")
        try:
            with locked(path):
                if not _is_broken(path):  # another kernel was quicker
                    return
                path.replace(aside)
                for ending in ("-wal", "-shm"):
                    path.with_name(path.name + ending).unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            self._in_memory(reason(error))
        else:
            self.note = f"the file of kept answers was broken; it lies at {aside} now"


def _connect(path: Path | None) -> sqlite3.Connection:
    """Open the file, private to the user, or a database in memory."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives its other files the mode of this one.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        os.close(descriptor)
        if os.name == "posix":
            path.chmod(PRIVATE)
    return sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all of what happens within, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _bytes(connection: sqlite3.Connection) -> int:
    """Return how much of the file is in use."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT)


def _is_broken(path: Path) -> bool:
    """Tell whether a file that is there cannot be read as a database of answers."""
    if not path.exists():
        return False
    try:
        connection = _connect(path)
    except sqlite3.Error:
        return True
    try:
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        connection.execute("SELECT key, text, used FROM answers LIMIT 1").fetchone()
    except sqlite3.DatabaseError:
        return True
    finally:
        connection.close()
    return bool(answer != "ok")
