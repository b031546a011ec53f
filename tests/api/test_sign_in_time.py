"""Whether a name is an account's can't be told from the time a refusal takes."""

from __future__ import annotations

import secrets
import statistics
import sys
import time
from typing import Any

import pytest

from datagen.adapters.clock import SystemClock
from datagen.adapters.crypto import Argon2Hasher, JwtSigner
from datagen.adapters.memory import MemoryStore
from datagen.domain.errors import SignInFailed
from datagen.services.accounts import Accounts

TRIES = 200  # of each kind


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    store, clock = MemoryStore(), SystemClock()
    accounts = Accounts(store=store, desk=store, clock=clock, hasher=Argon2Hasher("pepper"),
                        signer=JwtSigner("s" * 32, clock), hkey="datagen:auth")
    accounts.create("ann", secrets.token_urlsafe())
    accounts.create("gone", secrets.token_urlsafe())
    accounts.deactivate("gone")
    took: dict[str, list[float]] = {"ann": [], "nobody": [], "gone": []}
    texts: set[str] = set()
    for _ in range(TRIES):
        for name, times in took.items():  # in turn: what else the machine does hits all alike
            begun = time.perf_counter()
            with pytest.raises(SignInFailed) as caught:
                accounts.sign_in(name, "not the password")
            times.append(time.perf_counter() - begun)
            texts.add(str(caught.value))

    assert len(texts) == 1
    known = took.pop("ann")
    for name, times in took.items():
        apart = abs(statistics.median(times) - statistics.median(known))
        noise = _spread(known)
        sys.stdout.write(f"\n{name}: medians {1000 * statistics.median(known):.2f} and "
                         f"{1000 * statistics.median(times):.2f} ms, noise {1000 * noise:.2f} ms\n")
        assert apart < noise


def _spread(times: list[float]) -> Any:
    """Half of what lies between the quartiles."""
    low, _, high = statistics.quantiles(times, n=4)
    return (high - low) / 2
