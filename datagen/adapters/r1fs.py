"""R1FS over a node's HTTP API: immutable files by content id, shared by all peers."""

from __future__ import annotations

import hashlib
import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO, TypeVar

from datagen.adapters.dead_files import DeadFiles
from datagen.adapters.file_cache import FileCache
from datagen.adapters.file_log import FileLog
from datagen.adapters.node_answers import NodeError, Service, Why
from datagen.adapters.node_http import NodeHttp
from datagen.adapters.r1fs_calls import CID, SMALL, R1fsCalls
from datagen.adapters.whole_files import within
from datagen.domain.errors import NotThere, StoreError
from datagen.ports import Clock
from datagen.services.locks import Locks

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

GIB = 1024**3
_CHUNK = 1024 * 1024  # bytes
_PAUSE = 0.5  # seconds before a fresh file is asked for again, doubled each time
_LONGEST_PAUSE = 4.0  # seconds
_QUICK_PAUSE = 0.1  # seconds before a call that failed is made again, doubled each time
_LONGEST_QUICK = 0.4  # seconds
_TRIES = 7  # of a call that fails for no reason of the file's


class R1fs:
    """A FileStore on a Ratio1 node. Raises StoreError, NotThere.

    ``secret`` encrypts what is added. What was added without one, or before there was one,
    stays readable: a file that doesn't open with the secret is tried without (R1FS encrypts
    authentically, so a wrong key gives nothing rather than something else).

    ``patience``: seconds to wait for a file that other nodes don't see yet; 0 where a person
    waits. ``pause``: seconds in which a file that failed is not asked for again, at first.
    """

    def __init__(
        self, url: str, *, cache_dir: Path, clock: Clock, secret: str | None = None,
        log_calls: bool = False, patience: float = 20.0, pause: float = 5.0,
        timeout: float = 130.0,  # seconds; a node gives up after 120
        transfer: float = 1800.0,  # seconds
        max_cache_bytes: int = 2 * GIB, max_file_bytes: int = 2 * GIB,
        nap: Callable[[float], None] = time.sleep, chance: Callable[[], float] = random.random,
    ) -> None:
        service = Service(name="The file store", url=url, variable="EE_R1FS_API_URL")
        self._service = service
        self._http = NodeHttp(service, clock=clock)
        self._cache = FileCache(cache_dir, max_bytes=max_cache_bytes)
        self._calls = R1fsCalls(
            self._http, log=FileLog(on=log_calls), timeout=timeout, transfer=transfer,
            max_bytes=max_file_bytes,
        )
        self._secret = secret or None
        self._dead = DeadFiles(clock=clock, pause=pause)
        self._fetching = Locks()  # by id: a file is fetched only once, and waits for no other
        self._patience = patience
        self._clock = clock
        self._nap = nap
        self._chance = chance

    def add(self, source: BinaryIO, filename: str) -> str:
        """Store all of ``source`` and return its CID. Raises StoreError, also when empty."""
        name = _plain(filename)
        head = _read(source, SMALL + 1)
        if not head:
            raise StoreError(f"{self._service} takes no empty files.")
        if len(head) <= SMALL:
            cid = self._added(head, name)
            with self._remembering(cid), self._cache.part() as part:
                part.write(head)
                self._cache.keep(part, _cached_as(cid, self._secret)).close()
            return cid
        with self._cache.part() as part:
            while head:
                part.write(head)
                head = source.read(_CHUNK)
            with part.path.open("rb") as content:
                cid = self._calls.add_file(content, part.size, name, self._secret)
            with self._remembering(cid):
                self._cache.keep(part, _cached_as(cid, self._secret)).close()
        return cid

    def _added(self, content: bytes, name: str) -> str:
        """Store a small file, for which somebody may be waiting.

        Sent again where that can help: at worst it is stored twice, under two CIDs.
        """
        for number in count(1):
            tried = self._clock.monotonic()
            try:
                return self._calls.add_file_base64(content, name, self._secret)
            except NodeError as exc:
                if number == _TRIES or not exc.may_pass(self._clock.monotonic() - tried):
                    raise
            self._nap(self._pause(number, _QUICK_PAUSE, _LONGEST_QUICK))
        raise AssertionError("count() has no end")

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        """The file's bytes as a stream, from the cache or through it. Raises NotThere.

        StoreError for one of more than ``most`` bytes. Not ``ours``: somebody else named it,
        who must not read through us what our secret protects. ``sha256``: what was read with
        it has a copy of its own, so bytes are compared once, and a wrong copy is none.
        """
        _check_id(cid)
        own = self._secret if ours else None
        plain = _cached_as(cid, own)
        name = plain if sha256 is None else f"{plain}-{sha256}"

        def fetch(secret: str | None) -> BinaryIO:
            found = hashlib.sha256()
            with self._cache.part() as part:
                def take(chunk: bytes) -> None:
                    found.update(chunk)
                    part.write(chunk)

                self._calls.download(cid, secret, take, most)
                if sha256 not in {None, found.hexdigest()}:
                    raise NodeError(self._service, Why.CHANGED)
                return self._cache.keep(part, name)

        kept = self._cache.open(name)
        if kept is None:
            with self._fetching.of(cid):
                kept = self._cache.open(name)  # who was before us may have fetched it
                if kept is None and sha256 is not None:
                    kept = self._cache.proven(plain, name, sha256)
                if kept is None:
                    kept = self._patiently(cid, own, fetch)
        return within(kept, most)

    def verify(self, cid: str) -> None:
        """Read the whole file from R1FS. Raises NotThere; StoreError if it isn't what was added.

        It is compared with the copy in the cache, as long as there is one.
        """
        _check_id(cid)

        def digest(secret: str | None) -> str:
            found = hashlib.sha256()
            self._calls.download(cid, secret, found.update)
            return found.hexdigest()

        found = self._patiently(cid, self._secret, digest)
        kept = self._cache.open(_cached_as(cid, self._secret))
        if kept is None:
            return
        with kept:
            same = hashlib.file_digest(kept, "sha256").hexdigest() == found  # type: ignore[arg-type]  # real files have readinto, BinaryIO does not tell
        if not same:
            raise StoreError(f"{self._service} gives back another content than was stored. "
                             "Look at the node's log.")

    def remove(self, cid: str) -> None:
        """Delete this replica's copies: the cached one and the one its node pinned."""
        if not CID.fullmatch(cid):
            return
        for secret in {self._secret, None}:
            self._cache.remove(_cached_as(cid, secret))
        try:
            self._calls.delete_file(cid)
        except NodeError as exc:
            if exc.why is not Why.ABSENT:
                raise

    def status(self) -> None:
        """Return if the store answers. Raises StoreError."""
        self._http.status()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._http.close()

    def _patiently(self, cid: str, secret: str | None, fetch: Callable[[str | None], T]) -> T:
        """What ``fetch`` gives; while the file isn't visible yet, or its call fails, again."""
        self._dead.check(cid)
        began = self._clock.monotonic()
        for number in count(1):
            tried = self._clock.monotonic()
            try:
                result = _with_or_without(secret, fetch)
            except NodeError as exc:
                now = self._clock.monotonic()
                absent = exc.why is Why.ABSENT
                pause = self._pause(number, *(
                    (_PAUSE, _LONGEST_PAUSE) if absent else (_QUICK_PAUSE, _LONGEST_QUICK)))
                again = (now - began + pause <= self._patience if absent
                         else number < _TRIES and exc.may_pass(now - tried))
                if not again:
                    raise self._given_up(cid, exc, now - began) from None
            else:
                self._dead.forget(cid)
                return result
            self._nap(pause)
        raise AssertionError("count() has no end")

    def _pause(self, number: int, first: float, longest: float) -> float:
        """Seconds to wait after the try of this number."""
        return min(first * 2.0 ** (number - 1), longest) * (0.5 + self._chance())

    def _given_up(self, cid: str, exc: NodeError, spent: float) -> Exception:
        absent = exc.why in {Why.ABSENT, Why.CHANGED}
        if absent or exc.why is Why.TIMED_OUT:
            absent = self._dead.note(cid, spent, absent=absent)
        if exc.why is Why.CHANGED:
            return NotThere("The file with this id is not the one that was stored.")
        return NotThere("There is no file with this id, or no node gives it.") if absent else exc

    @contextmanager
    def _remembering(self, cid: str) -> Iterator[None]:
        """Around keeping in the cache what is stored already: not worth failing for."""
        self._dead.forget(cid)
        try:
            yield
        except StoreError as exc:
            _LOG.warning("A file that was stored is not kept in the cache: %s", exc)


def _with_or_without(secret: str | None, fetch: Callable[[str | None], T]) -> T:
    try:
        return fetch(secret)
    except NodeError as exc:
        if secret is None or exc.why not in {Why.ABSENT, Why.BROKEN, Why.REFUSED}:
            raise
        try:
            return fetch(None)
        except NodeError:
            raise exc from None


def _cached_as(cid: str, secret: str | None) -> str:
    """The name of its copy: who has another secret, or none, can't read it there either."""
    return cid if secret is None else f"{cid}-{hashlib.sha256(secret.encode()).hexdigest()[:16]}"


def _check_id(cid: str) -> None:
    if not CID.fullmatch(cid):  # before it names a path or goes into an address
        raise NotThere("There is no file with this id.")


def _plain(filename: str) -> str:
    """A name that any server can use for a file of its own."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", filename).lstrip(".")[-120:] or "file"


def _read(source: BinaryIO, size: int) -> bytes:
    """Up to ``size`` bytes; fewer only at the end of ``source``."""
    data = bytearray()
    while len(data) < size and (chunk := source.read(min(_CHUNK, size - len(data)))):
        data += chunk
    return bytes(data)
