"""Fields of one hash store as one peer's process reads and writes them.

Whatever is written carries ``(inc, rev)`` of the writing process, and is sealed; what others
wrote is read with suspicion.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from datagen.domain.errors import StoreError, StoreUnconfirmed
from datagen.ports import HashStore
from datagen.protocol.fields import dumps
from datagen.protocol.foreign import Foreign
from datagen.protocol.newest import Marked, Newest, Version, version_of
from datagen.protocol.said import Place, Said
from datagen.protocol.seal import Seal

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_TRIES = 3  # of a write


class Fields:
    """What the board does with any field, whatever it says. Raises StoreError."""

    def __init__(
        self, store: HashStore, *, seal: Seal | None = None, foreign: Foreign | None = None,
        said: Said | None = None,
    ) -> None:
        """``seal``: None where nobody else writes; ``foreign``: counts what is not ours.

        ``said``: keeps our last words, where there are nodes that can miss them.
        """
        self._store, self.said = store, said
        self._seal = seal
        self._foreign = foreign or Foreign()
        self._inc = 1
        self._ended = False
        self._revs = itertools.count(1)
        self._alone = False  # no other node confirmed the last write
        self._seen, self._kept = Newest(), Newest()

    @property
    def is_alone(self) -> bool:
        """Whether no other node confirmed the last write."""
        return self._alone

    @property
    def inc(self) -> int:
        """The number of this start."""
        return self._inc

    def begin(self, inc: int) -> None:
        """From now on writes are those of start number ``inc`` of this peer's worker."""
        self._inc, self._ended = inc, False

    def end(self) -> None:
        """A later start writes our fields now: until ``begin``, every write raises StoreError."""
        self._ended = True

    def _last(self, hkey: str, field: str, load: Callable[[str], T]) -> T | None:
        place = Place(hkey=hkey, field=field)
        record = self.said.record(place) if self.said is not None else None
        return load(dumps({**record, "inc": self._inc})) if record else None

    def _plain(self, key: str, load: Callable[[str], T]) -> T | None:
        text = self._store.get(key)
        try:
            return None if text is None else load(text)
        except ValueError as exc:
            self._foreign.ignored(key, "", exc)
            return None

    def _check(self, hkey: str, field: str, text: str) -> None:
        """Raises ValueError for what none of our processes wrote into this field."""
        if self._seal is not None and not self._seal.holds(hkey, field, text):
            raise ValueError("it does not hold our seal")

    def _remove(self, hkey: str, field: str) -> None:
        if self.said is not None:
            self.said.forget(Place(hkey=hkey, field=field))
        self._put(hkey, field, None)

    def _write(
        self, hkey: str, field: str, record: Mapping[str, Any], *, last_word: bool = False
    ) -> None:
        """Say it, and again where that may help: each time in other bytes.

        ``last_word``: it is kept, to be said again later.
        """
        if last_word and self.said is not None:
            self.said.keep(Place(hkey=hkey, field=field), record)
        for number in range(1, _TRIES + 1):
            text = dumps({**record, "inc": self._inc, "rev": next(self._revs)})
            sealed = self._seal.put_on(hkey, field, text) if self._seal else text
            try:
                self._put(hkey, field, sealed)
            except StoreError as exc:
                if number == _TRIES or not exc.passing:
                    raise
            else:
                return

    def _put(self, hkey: str, field: str, text: str | None) -> None:
        if self._ended:
            raise StoreError("Another worker with this peer's id was started later; this one "
                             "writes nothing any more.")
        with self._confirming():
            self._store.hset(hkey, field, text)

    @contextlib.contextmanager
    def _confirming(self) -> Iterator[None]:
        """Note whether another node confirms the write; without, it is stored here all the same."""
        try:
            yield
        except StoreUnconfirmed as exc:  # it is said again with what comes next
            _LOG.log(logging.DEBUG if self._alone else logging.WARNING, "%s", exc)
            self._alone = True
        else:
            self._alone = False

    def _newest(
        self, hkey: str, load: Callable[[str, str], Marked], *, sure: bool = True
    ) -> dict[str, Marked]:
        return self._seen.of(hkey, self._store.hgetall(hkey), load,
                             partial(self._foreign.ignored, hkey), sure=sure)

    def _newest_of_ours(self, hkey: str, load: Callable[[str, str], T]) -> dict[str, T]:
        """What our processes wrote, by field, as the newest that was seen of each.

        Nothing is newer because it is there now: who can write our keys can write again what
        once stood there, seal and all, or take it away.
        """
        def version(field: str, text: str) -> Version[T]:
            self._check(hkey, field, text)
            return version_of(text, load(field, text))

        found = self._kept.of(hkey, self._store.hgetall(hkey), version,
                              partial(self._foreign.ignored, hkey))
        return {field: one.value for field, one in found.items()}

    def _readable(
        self, hkey: str, load: Callable[[str, str], T]
    ) -> Iterator[tuple[str, T]]:
        for field, text in self._store.hgetall(hkey).items():
            try:
                yield field, load(field, text)
            except ValueError as exc:
                self._foreign.ignored(hkey, field, exc)
