"""Virtual time never waits, real time is scaled; both keep the order of what is due."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from datagen.sandbox import RealTime, VirtualTime


def test_virtual_time_does_what_is_due_in_its_order() -> None:
    virtual, done = VirtualTime(), []
    for when, name in [(2, "c"), (1, "a"), (1, "b"), (9, "late"), (-5, "now")]:
        virtual.at(when, lambda name=name: done.append((virtual.now(), name)))
    virtual.advance(3)
    assert done == [(0, "now"), (1, "a"), (1, "b"), (2, "c")]
    assert virtual.now() == 3
    assert virtual.step()
    assert (virtual.now(), virtual.step()) == (9, False)


def test_what_is_due_may_add_what_is_due_at_once() -> None:
    virtual, done = VirtualTime(), []
    virtual.at(1, lambda: virtual.at(1, lambda: done.append("inner")))
    virtual.at(1, lambda: done.append("second"))
    virtual.advance(1)
    assert done == ["second", "inner"]


@pytest.fixture
def real() -> Iterator[RealTime]:
    made = RealTime(scale=1_000)
    yield made
    made.close()


def test_real_time_passes_as_fast_as_its_scale_says(real: RealTime) -> None:
    start, before, done = time.monotonic(), real.now(), threading.Event()
    real.at(before + 50, done.set)
    assert done.wait(10)
    assert real.now() - before >= 50
    assert 0.05 <= time.monotonic() - start < 5


def test_real_time_keeps_the_order_even_of_one_moment(real: RealTime) -> None:
    done, over, moment = [], threading.Event(), real.now() + 10
    real.at(moment + 1, over.set)
    for name in range(100):
        real.at(moment, lambda name=name: done.append(name))
    assert over.wait(10)
    assert done == list(range(100))


def test_what_comes_earlier_is_not_kept_waiting_by_what_comes_later(real: RealTime) -> None:
    soon = threading.Event()
    real.at(real.now() + 1e6, soon.set)
    real.at(real.now(), soon.set)
    assert soon.wait(10)


def test_what_is_not_due_when_real_time_ends_is_dropped() -> None:
    real, done = RealTime(), []
    real.at(real.now() + 1e6, lambda: done.append("never"))
    real.close()
    assert done == []
