"""A dataset's records many at a time: as stored text where there is some, which is quick."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from threading import Semaphore
from typing import TypeVar

from datagen.domain.exports import ResultLine
from datagen.protocol.lines import lines_of

T = TypeVar("T")

_RECORDS = 500  # of a block without text: more would keep the garbage collector busy
_THREADS = 2  # most of the work is polars' and waits for no other thread
_POOL = ThreadPoolExecutor(_THREADS, thread_name_prefix="blocks")
_AHEAD = Semaphore(_THREADS)  # of all who are at it, those whose next two blocks are begun early


@dataclass(frozen=True)
class Block:
    """Some records in a row."""

    text: bytes = b""  # stored lines; or else
    own: tuple[ResultLine, ...] = ()

    def good(self) -> list[ResultLine]:
        """Those that did not fail."""
        lines = lines_of(self.text) if self.text else self.own
        return [line for line in lines if line.ok and line.data is not None]


def blocks_of(lines: Iterable[ResultLine]) -> Iterator[Block]:
    """Blocks without text."""
    source = iter(lines)
    while some := tuple(islice(source, _RECORDS)):
        yield Block(own=some)


def in_order(blocks: Iterable[Block], work: Callable[[Block], T]) -> Generator[T, None, None]:
    """What ``work`` makes of each block, some of them at the same time, few in memory.

    However many are at it, two threads work; of most there is nothing in memory but what was
    yielded last, since a client may take as long over it as it likes.
    """
    begun: deque[Future[T]] = deque()
    source, ahead = iter(blocks), 0
    try:
        while submitted := _submitted(source, work):
            begun.append(submitted)
            if not ahead and _AHEAD.acquire(blocking=False):
                ahead = 2
            if len(begun) > ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()
        if ahead:
            _AHEAD.release()


def _submitted(source: Iterator[Block], work: Callable[[Block], T]) -> Future[T] | None:
    """The work on the next block, which is held by nobody else; None after the last."""
    for block in source:
        return _POOL.submit(work, block)
    return None
