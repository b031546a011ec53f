"""How long sign-ins wait after failures, with time turned by hand."""

from __future__ import annotations

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.domain.errors import TooManyTries
from datagen.services import delays as module
from datagen.services.delays import Delays
from datagen.services.devices import DEVICE_LIFE, Devices

STRANGER, OWNER = "198.51.100.7", "192.0.2.1"


def fail(delays: Delays, times: int, *, name: str = "ada", address: str = STRANGER,
         device: str | None = None) -> None:
    for _ in range(times):
        delays.begin(name, address, device)


def pause(delays: Delays, *, name: str = "ada", address: str = STRANGER,
          device: str | None = None) -> float:
    with pytest.raises(TooManyTries) as caught:
        delays.begin(name, address, device)
    return caught.value.retry_after


def test_the_pause_doubles_with_each_failure_up_to_a_minute() -> None:
    clock = HandClock()
    delays, pauses = Delays(clock), []
    fail(delays, 5)
    for _ in range(9):
        pauses.append(pause(delays))
        clock.advance(pauses[-1])
        fail(delays, 1)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_stranger_never_locks_the_owner_out() -> None:
    delays = Delays(HandClock())
    for number in range(500):  # from all over the world
        fail(delays, 5, address=f"198.51.{number % 250}.{number // 250}")
    held = delays.begin("ada", OWNER, None)
    assert 0 < held <= 8  # late, not refused
    assert delays.begin("ada", OWNER, "a browser that signed in before") == 0


def test_who_shares_the_strangers_address_gets_in_with_a_known_browser() -> None:
    delays = Delays(HandClock())
    for number in range(20):
        fail(delays, 1, name=f"user{number}")
    assert pause(delays, name="ada") > 0
    assert delays.begin("ada", STRANGER, "known") == 0


def test_a_known_browser_guesses_no_faster() -> None:
    delays = Delays(HandClock())
    fail(delays, 5, device="stolen")
    assert pause(delays, device="stolen") == 1


def test_one_place_waits_whatever_the_accounts_it_tries() -> None:
    clock = HandClock()
    delays = Delays(clock)
    for number in range(20):
        fail(delays, 1, name=f"user{number}")
    assert pause(delays, name="another") == 1
    assert delays.begin("another", OWNER, None) == 0


def test_a_network_of_ipv6_addresses_is_one_place() -> None:
    delays = Delays(HandClock())
    for number in range(20):
        fail(delays, 1, name=f"user{number}", address=f"2001:db8::{number:x}")
    assert pause(delays, name="another", address="2001:db8::ffff") == 1


def test_tries_at_once_count_before_they_fail_and_success_takes_them_back() -> None:
    delays = Delays(HandClock())
    fail(delays, 5)
    assert pause(delays) == 1
    for _ in range(5):
        delays.succeeded("ada", STRANGER, None)
    for _ in range(100):
        delays.begin("ada", STRANGER, None)
        delays.succeeded("ada", STRANGER, None)


def test_after_a_quarter_of_an_hour_it_is_forgotten() -> None:
    clock = HandClock()
    delays = Delays(clock)
    fail(delays, 5)
    clock.advance(900)
    fail(delays, 5)


def test_what_is_counted_is_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 30)
    delays = Delays(HandClock())
    for number in range(200):
        fail(delays, 1, name=f"user{number}", address=f"192.0.2.{number}")
    assert len(delays._failures) == 30


def test_a_browser_is_known_for_the_account_that_signed_in_with_it_and_opens_nothing() -> None:
    clock = HandClock()
    signer = JwtSigner("s" * 32, clock)
    devices = Devices(signer=signer, clock=clock)
    text = devices.made("ada")
    assert devices.known(text, "ada") == signer.read(text)["jti"]
    assert devices.known(text, "ben") is None
    assert devices.known(None, "ada") is None
    assert devices.known("nonsense", "ada") is None
    session = signer.sign({"typ": "session", "owner": "ada", "jti": "x",
                           "exp": signer.read(text)["exp"]})
    assert devices.known(session, "ada") is None
    clock.advance(DEVICE_LIFE.total_seconds())
    assert devices.known(text, "ada") is None
