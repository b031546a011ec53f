"""The embedded store: keys, hashes and notes of one machine in one SQLite file.

Web, worker and command line use it at the same time. A value is stored once the call
has returned, whatever is killed afterwards.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from datagen.adapters.local_files import LocalFiles
from datagen.domain.errors import StoreError, StoreFull

__all__ = ["LocalFiles", "LocalStore"]

_PATIENCE = 5.0  # seconds a call waits for another process's write to end
_SPARE = 4  # idle connections kept; more are opened while more threads call at once

# One entry per schema version, applied in order; never change one that was released.
_SCHEMA = (
    # A hash's fields lie side by side (no rowid): hgetall reads one run of pages.
    """
    CREATE TABLE plain (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE hashes (
        hkey TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (hkey, field)
    ) WITHOUT ROWID;
    CREATE TABLE notes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        UNIQUE (topic, key)
    );
    """,
)


class LocalStore:
    """A HashStore and a Desk in the SQLite file ``path``; its folder is made when missing.

    Raises StoreError when the file can't be used, StoreFull when its disk is full;
    both at any call, the first included. Safe from any thread and any process.
    """

    def __init__(self, path: Path, *, patience: float = _PATIENCE) -> None:
        self._path = path
        self._patience = patience  # seconds
        self._lock = Lock()
        self._idle: list[sqlite3.Connection] | None = []  # None: closed
        self._prepare()

    def get(self, key: str) -> str | None:
        return self._one("SELECT value FROM plain WHERE key = ?", key)

    def set(self, key: str, value: str | None) -> None:
        if value is None:
            self._erase("DELETE FROM plain WHERE key = ?", key)
        else:
            self._do("INSERT OR REPLACE INTO plain VALUES (?, ?)", key, value)

    def hget(self, hkey: str, field: str) -> str | None:
        return self._one("SELECT value FROM hashes WHERE hkey = ? AND field = ?", hkey, field)

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        if value is None:
            self._erase("DELETE FROM hashes WHERE hkey = ? AND field = ?", hkey, field)
        else:
            self._do("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)", hkey, field, value)

    def hgetall(self, hkey: str) -> dict[str, str]:
        return self._pairs("SELECT field, value FROM hashes WHERE hkey = ?", hkey)

    def hsync(self, hkey: str, peer: str) -> bool:
        """True: every process of this machine reads the one store; nothing to fetch."""
        return True

    def put_once(self, topic: str, key: str, value: str) -> str:
        with self._connection() as connection, _transaction(connection):
            connection.execute(
                "INSERT INTO notes (topic, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (topic, key, value),
            )
            row: tuple[str] = connection.execute(
                "SELECT value FROM notes WHERE topic = ? AND key = ?", (topic, key)
            ).fetchone()
        return row[0]

    def keep(self, topic: str, key: str, value: str) -> None:
        with self._connection() as connection, _transaction(connection):
            connection.execute("DELETE FROM notes WHERE topic = ? AND key = ?", (topic, key))
            connection.execute(
                "INSERT INTO notes (topic, key, value) VALUES (?, ?, ?)", (topic, key, value)
            )

    def note(self, topic: str, key: str) -> str | None:
        return self._one("SELECT value FROM notes WHERE topic = ? AND key = ?", topic, key)

    def notes(self, topic: str) -> dict[str, str]:
        return self._pairs("SELECT key, value FROM notes WHERE topic = ? ORDER BY seq", topic)

    def drop(self, topic: str, key: str) -> None:
        self._do("DELETE FROM notes WHERE topic = ? AND key = ?", topic, key)

    def close(self) -> None:
        """Let go of the file; later calls raise StoreError. May be called twice."""
        with self._lock:
            idle, self._idle = self._idle or [], None
        for connection in idle:
            connection.close()

    def _do(self, statement: str, *values: str) -> None:
        with self._connection() as connection:
            connection.execute(statement, values)

    def _erase(self, statement: str, *values: str) -> None:
        """Delete so that no byte stays: neither in the file nor in its log of writes.

        While others read, the log keeps what it holds, until the next deletion.
        """
        with self._connection() as connection:
            connection.execute(statement, values)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _one(self, query: str, *values: str) -> str | None:
        with self._connection() as connection:
            row: tuple[str] | None = connection.execute(query, values).fetchone()
        return row[0] if row else None

    def _pairs(self, query: str, *values: str) -> dict[str, str]:
        with self._connection() as connection:
            return dict(connection.execute(query, values).fetchall())

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one call; the one seam where SQLite's errors become ours.

        Connections are lent, not bound to threads: Streamlit makes a thread per script
        run, and a caller that waits for a lock must not hold up those who only read.
        """
        try:
            connection = self._borrow()
            try:
                yield connection
            except BaseException:
                connection.close()  # rolls back; what state it is in nobody knows
                raise
            self._give_back(connection)
        except sqlite3.Error as exc:
            raise _translated(exc, self._path) from exc

    def _borrow(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle is None:
                raise StoreError("The store was closed. Start the process again.")
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if self._idle is not None and len(self._idle) < _SPARE:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",  # never makes a second, empty store
            uri=True,
            timeout=self._patience,
            isolation_level=None,  # each statement is its own transaction, or we say BEGIN
            check_same_thread=False,  # lent to one thread at a time
        )
        # NORMAL: a commit is in the system's page cache before the call returns, which
        # outlives any killed process. Only a power cut may take back the last commits;
        # the file stays whole then too (WAL is synced before each checkpoint), and
        # records stand in the worker's own journal. FULL would cost a disk sync per write.
        connection.execute("PRAGMA synchronous = NORMAL")
        # What is deleted or replaced is overwritten: a deleted job leaves nothing to find.
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        return connection

    def _prepare(self) -> None:
        """Make folder, file and schema, one process at a time."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            gate = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StoreError(
                f"The folder {self._path.parent} can't be written ({exc.strerror}). "
                "Check its permissions, or choose another with DATAGEN_DATA_DIR."
            ) from exc
        try:
            # SQLite has no waiting lock for the switch to WAL: two first starts at
            # once would see "database is locked".
            fcntl.flock(gate, fcntl.LOCK_EX)
            self._make_file()
            with self._connection() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                _upgrade(connection, self._path)
        finally:
            os.close(gate)

    def _make_file(self) -> None:
        """Make the file readable for its owner alone; its -wal and -shm inherit that.

        Never opens an existing one: closing it would drop this process's SQLite locks.
        """
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return
        except OSError as exc:
            raise StoreError(
                f"The store {self._path} can't be made ({exc.strerror}). "
                "Check the folder's permissions and the free space of its disk."
            ) from exc


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once, so that it can't fail half-way."""
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("COMMIT")  # after an error the connection is closed: rolled back


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to this version. Raises StoreError for a newer one."""
    version = _version(connection)
    if version > len(_SCHEMA):
        raise StoreError(
            f"The store {path} was made by a newer DataGen (schema {version}, this one "
            f"knows {len(_SCHEMA)}). Install the newer version, or choose another folder "
            "with DATAGEN_DATA_DIR. Nothing was changed."
        )
    if version == len(_SCHEMA):
        return
    with _transaction(connection):
        for script in _SCHEMA[version:]:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(_SCHEMA)}")


def _version(connection: sqlite3.Connection) -> int:
    row: tuple[int] = connection.execute("PRAGMA user_version").fetchone()
    return row[0]


def _translated(exc: sqlite3.Error, path: Path) -> StoreError:
    """Our error for SQLite's, in words for whoever runs this machine."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF  # the primary code of an extended one
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return StoreFull(
            f"The disk that holds {path} is full. Free some space; nothing stored was lost."
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        advice = "is kept locked by another process. Try again; if it stays so, end that process."
    elif code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        advice = "can't be written. Check the permissions of the file and of its folder."
    elif code == sqlite3.SQLITE_CANTOPEN:
        advice = "can't be opened. Check that it is still there, and its permissions."
    elif code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        advice = "is damaged. Stop DataGen and put back a copy of the file, or move it away."
    else:
        advice = f"can't be used now ({exc}). Check the disk, then try again."
    return StoreError(f"The store {path} {advice}")


def _disk_is_full(path: Path) -> bool:
    """Whether no page fits any more: SQLite reports some full disks as plain I/O errors."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < 65536  # two growth steps of the -shm file
