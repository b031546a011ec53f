"""The newest that was seen of each field: a node may show an older version again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from datagen.protocol.fields import load_object, whole


class HasMark(Protocol):
    """What says which of two versions is newer."""

    @property
    def inc(self) -> int:
        """The start of the worker that wrote it."""
    @property
    def rev(self) -> int:
        """The number of the write in that start."""


T = TypeVar("T")
Marked = TypeVar("Marked", bound=HasMark)
MAX_SEEN = 500  # hashes of which the newest that was seen is remembered


@dataclass(frozen=True, kw_only=True)
class _Seen:
    text: str
    sure: bool
    value: Any  # has a mark

    @property
    def mark(self) -> tuple[int, int]:
        return self.value.inc, self.value.rev


@dataclass(frozen=True, kw_only=True)
class Version(Generic[T]):
    """A value and the mark that its field carries."""

    inc: int
    rev: int
    value: T


def version_of(text: str, value: T) -> Version[T]:
    """Raises ValueError."""
    record = load_object(text)
    return Version(inc=whole(record, "inc", 0), rev=whole(record, "rev", 0), value=value)


class Newest:
    """Values by hash and peer. Safe to use from any thread: a read may be done twice."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, _Seen]] = {}  # the hash that was read last at the end

    def of(
        self, hkey: str, texts: Mapping[str, str], load: Callable[[str, str], Marked],
        ignored: Callable[[str, ValueError], None], *, sure: bool = True,
    ) -> dict[str, Marked]:
        """What was seen with the highest marks, by peer; these ``texts`` included.

        What has not changed is not read again; what ``load`` can't read is ``ignored``.
        ``sure``: whether it is known that only what is sealed counts here.
        """
        before, seen = self._seen.get(hkey, {}), dict[str, _Seen]()
        for peer, text in texts.items():
            known = before.get(peer)
            if known is not None and (known.text, known.sure) == (text, sure):
                seen[peer] = known
                continue
            try:
                seen[peer] = _Seen(text=text, sure=sure, value=load(peer, text))
            except ValueError as exc:
                ignored(peer, exc)
        for peer, known in before.items():
            if known.mark != (0, 0) and (peer not in seen or seen[peer].mark < known.mark):
                seen[peer] = known
        self.forget(hkey)  # the last read goes to the end
        self._seen[hkey] = seen
        while len(self._seen) > MAX_SEEN:
            self._seen.pop(next(iter(self._seen)), None)
        return {peer: one.value for peer, one in seen.items()}

    def forget(self, hkey: str) -> None:
        """It was taken away."""
        self._seen.pop(hkey, None)
