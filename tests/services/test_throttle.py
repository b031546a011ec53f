"""How often somebody may try, with time turned by hand."""

from __future__ import annotations

import pytest

from datagen.adapters.clock import HandClock
from datagen.domain.errors import TooManyTries
from datagen.services import throttle
from datagen.services.throttle import Allowed, Pair, Throttle, household


def pair(clock: HandClock, *, address: int = 3, email: int = 2) -> Pair:
    return Pair(address=Throttle(Allowed(tries=address, seconds=100), clock),
                email=Throttle(Allowed(tries=email, seconds=100), clock))


def test_so_many_tries_count_for_so_long() -> None:
    clock = HandClock()
    tries = pair(clock)
    tries.take("192.0.2.1", "a")
    clock.advance(60)
    tries.take("192.0.2.1", "a")

    with pytest.raises(TooManyTries) as caught:
        tries.take("192.0.2.1", "a")
    assert caught.value.retry_after == 40
    clock.advance(40)
    tries.take("192.0.2.1", "a")


def test_the_address_and_the_email_count_each_for_themselves() -> None:
    tries = pair(HandClock())
    for email in ("a", "b", "c"):
        tries.take("192.0.2.1", email)
    with pytest.raises(TooManyTries):
        tries.take("192.0.2.1", "d")
    tries.take("192.0.2.2", "a")
    with pytest.raises(TooManyTries):
        tries.take("192.0.2.3", "a")
    tries.take("192.0.2.3", "d")


def test_a_refused_try_counts_nowhere() -> None:
    clock = HandClock()
    tries = pair(clock, email=1)
    tries.take("192.0.2.1", "a")
    for _ in range(10):
        with pytest.raises(TooManyTries):
            tries.take("192.0.2.1", "a")
    tries.take("192.0.2.1", "b")


def test_the_counts_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_KEYS", 10)
    tries = Throttle(Allowed(tries=1, seconds=100), HandClock())
    for number in range(50):
        tries.count(str(number))
    assert len(tries._tries) == 10
    assert tries.wait("49") == 100
    assert tries.wait("1") == 0


@pytest.mark.parametrize(("address", "counted"), [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
    ("unknown", "unknown"), ("x" * 999, "x" * 64),
])
def test_who_has_a_whole_network_counts_once(address: str, counted: str) -> None:
    assert household(address) == counted
