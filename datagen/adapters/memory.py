"""Stores that live and die with the process: for tests, and faithful to the real ones."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import BinaryIO

from datagen.domain.errors import MailNotConfigured, MailRefused, NotThere, StoreError
from datagen.domain.mail import Mail


class _Faults:
    """Makes the next calls fail, so that a test can see what its subject does then."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._left = 0
        self._error: StoreError = StoreError("The store can't be reached.")

    def fail_next(self, calls: int = 1, error: StoreError | None = None) -> None:
        """Let the next ``calls`` calls raise ``error`` and change nothing; 0 ends it."""
        with self._lock:
            self._left = calls
            self._error = error or StoreError("The store can't be reached.")

    def _check(self) -> None:
        if self._left > 0:
            self._left -= 1
            raise self._error


class MemoryStore(_Faults):
    """A HashStore and a Desk in one process's memory. Thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, str] = {}
        self._hashes: dict[str, dict[str, str]] = {}
        self._notes: dict[str, dict[str, str]] = {}

    def get(self, key: str) -> str | None:
        with self._lock:
            self._check()
            return self._keys.get(key)

    def set(self, key: str, value: str | None) -> None:
        _must_be_unicode(key, value)
        with self._lock:
            self._check()
            _put(self._keys, key, value)

    def hget(self, hkey: str, field: str) -> str | None:
        with self._lock:
            self._check()
            return self._hashes.get(hkey, {}).get(field)

    def hset(self, hkey: str, field: str, value: str | None) -> None:
        _must_be_unicode(hkey, field, value)
        with self._lock:
            self._check()
            _put(self._hashes.setdefault(hkey, {}), field, value)

    def hgetall(self, hkey: str) -> dict[str, str]:
        with self._lock:
            self._check()
            return dict(self._hashes.get(hkey, {}))

    def hsync(self, hkey: str, peer: str) -> bool:
        """True: there is one copy; nothing to fetch."""
        with self._lock:
            self._check()
        return True

    def put_once(self, topic: str, key: str, value: str) -> str:
        _must_be_unicode(topic, key, value)
        with self._lock:
            self._check()
            return self._notes.setdefault(topic, {}).setdefault(key, value)

    def keep(self, topic: str, key: str, value: str) -> None:
        _must_be_unicode(topic, key, value)
        with self._lock:
            self._check()
            notes = self._notes.setdefault(topic, {})
            notes.pop(key, None)
            notes[key] = value

    def note(self, topic: str, key: str) -> str | None:
        with self._lock:
            self._check()
            return self._notes.get(topic, {}).get(key)

    def notes(self, topic: str) -> dict[str, str]:
        with self._lock:
            self._check()
            return dict(self._notes.get(topic, {}))

    def drop(self, topic: str, key: str) -> None:
        with self._lock:
            self._check()
            self._notes.get(topic, {}).pop(key, None)

    def close(self) -> None:
        """Nothing to close; here so that it can stand in for LocalStore."""


class MemoryFiles(_Faults):
    """A FileStore in one process's memory, by content and name. Thread-safe."""

    def __init__(self) -> None:
        super().__init__()
        self._files: dict[str, bytes] = {}

    def add(self, source: BinaryIO, filename: str) -> str:
        content = source.read()
        cid = hashlib.sha256(filename.encode() + b"\0" + content).hexdigest()
        with self._lock:
            self._check()
            self._files[cid] = content
        return cid

    def put(self, cid: str, content: bytes) -> None:
        """Have a file under the id that another store gave it."""
        self._files[cid] = content

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        with self._lock:
            self._check()
            if cid not in self._files:
                raise NotThere("There is no file with this id.")
            content = self._files[cid]
        if sha256 not in {None, hashlib.sha256(content).hexdigest()}:
            raise NotThere("The file with this id is not the one that was stored.")
        if most is not None and len(content) > most:
            raise StoreError("The file is larger than it may be.")
        return io.BytesIO(content)

    def verify(self, cid: str) -> None:
        self.open(cid).close()

    def remove(self, cid: str) -> None:
        with self._lock:
            self._check()
            self._files.pop(cid, None)


def _put(values: dict[str, str], name: str, value: str | None) -> None:
    if value is None:
        values.pop(name, None)
    else:
        values[name] = value


def _must_be_unicode(*texts: str | None) -> None:
    """Raise UnicodeEncodeError for half a surrogate pair, as every real store does."""
    for text in texts:
        if text is not None:
            text.encode()


class MemoryMailer:
    """A Mailer that keeps what it is given; ``refuses`` makes it fail as a server would."""

    def __init__(self, *, is_ready: bool = True) -> None:
        self.is_ready = is_ready
        self.refuses = False
        self.sent: list[Mail] = []

    def send(self, mail: Mail) -> None:
        if not self.is_ready:
            raise MailNotConfigured
        if self.refuses:
            raise MailRefused("The mail could not be sent: the mail server can't be reached.")
        self.sent.append(mail)
