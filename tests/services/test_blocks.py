"""Blocks are worked on ahead and come in order, however many look at datasets at once."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from datagen.services.blocks import Block, in_order


def numbered(count: int, taken: list[int] | None = None) -> Iterator[Block]:
    for number in range(count):
        if taken is not None:
            taken.append(number)
        yield Block(text=b"%d" % number)


def number_of(block: Block) -> int:
    return int(block.text)


def test_what_is_made_comes_in_order() -> None:
    assert list(in_order(numbered(50), number_of)) == list(range(50))


def test_many_at_once_hold_few_blocks_each_and_all_come_to_their_end() -> None:
    taken: list[list[int]] = [[] for _ in range(40)]
    begun = [in_order(numbered(9, one), number_of) for one in taken]
    for one in begun:
        next(one)
    assert sum(map(len, taken)) <= 40 + 2 * 2  # the one that is out; two of two of them
    assert all(list(one) == list(range(1, 9)) for one in begun)


def test_who_leaves_early_or_breaks_takes_no_place_with_them() -> None:
    def broken(block: Block) -> int:
        raise ValueError(block.text)

    for _ in range(10):
        looking = in_order(numbered(9), number_of)
        next(looking)
        looking.close()
        with pytest.raises(ValueError, match="0"):
            next(in_order(numbered(9), broken))
    taken: list[int] = []
    next(in_order(numbered(9, taken), number_of))
    assert taken == [0, 1, 2]


def test_a_slow_one_does_not_keep_the_others_from_theirs() -> None:
    ends = Event()

    def slow(block: Block) -> int:
        ends.wait(30)
        return number_of(block)

    stuck = in_order(numbered(1), slow)
    others = in_order(numbered(9), number_of)
    waits = Thread(target=lambda: list(stuck))  # it holds one of the two threads
    waits.start()
    try:
        assert list(others) == list(range(9))
    finally:
        ends.set()
        waits.join()


def test_nothing_is_held_but_what_was_yielded_last() -> None:
    stored = [Block(text=b"%d" % number) for number in range(9)]
    left = [weakref.ref(block) for block in stored]
    busy = [in_order(numbered(9), number_of) for _ in range(2)]  # they are the ones ahead
    for one in busy:
        next(one)

    def handed_over() -> Iterator[Block]:
        while stored:
            yield stored.pop(0)

    looking = in_order(handed_over(), number_of)
    assert [next(looking), next(looking)] == [0, 1]
    gc.collect()
    assert [ref() for ref in left[:2]] == [None, None]
    assert len(stored) == 7
