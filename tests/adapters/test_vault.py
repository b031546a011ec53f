"""Sealed secrets open for whoever has the password, and only where they belong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.vault import AesVault

WHERE = ("ann", "p1", "https", "llm.example", "443")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def vault(*passwords: str, purpose: str = "tests") -> AesVault:
    return AesVault(*(passwords or ("a secret",)), purpose=purpose)


@given(texts, st.lists(texts, max_size=4))
def test_a_secret_opens_on_another_replica(secret: str, where: list[str]) -> None:
    sealed = vault().seal(secret, where)
    assert vault().open(sealed, where) == secret
    assert vault().is_sealed(sealed)


def test_the_sealed_text_tells_nothing_and_never_repeats() -> None:
    sealed = {vault().seal("sk-secret", WHERE) for _ in range(5)}
    assert len(sealed) == 5
    assert not any("sk-secret" in one for one in sealed)
    assert not vault().is_sealed("sk-secret")


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_it_opens_for_no_other_user_profile_or_origin(place: int) -> None:
    other = (*WHERE[:place], "other", *WHERE[place + 1:])
    assert vault().open(vault().seal("sk", WHERE), other) is None


def test_parts_that_run_together_are_not_the_same_place() -> None:
    assert vault().open(vault().seal("sk", ("ab", "c")), ("a", "bc")) is None


def test_neither_another_password_nor_another_purpose_opens_it() -> None:
    sealed = vault().seal("sk", WHERE)
    assert vault("another").open(sealed, WHERE) is None
    assert vault(purpose="mail").open(sealed, WHERE) is None


def test_a_password_before_the_present_one_still_opens() -> None:
    sealed = vault("old").seal("sk", WHERE)
    both = vault("new", "old")
    assert both.open(sealed, WHERE) == "sk"
    assert vault("new").open(both.seal("sk", WHERE), WHERE) == "sk"


@pytest.mark.parametrize("text", [
    "", "sk-plain", "sealed1.", "sealed1.AAAA", "sealed1.ä", "sealed1." + "A" * 100_000,
    "sealed1.===", "sealed2.AAAA", "sealed1.AAAAAAAAAAAAAAAA",
])
def test_what_is_none_of_ours_is_nothing(text: str) -> None:
    assert vault().open(text, WHERE) is None


@given(st.data())
def test_a_changed_letter_is_noticed(data: st.DataObject) -> None:
    sealed = vault().seal("sk-secret", WHERE)
    at = data.draw(st.integers(len("sealed1."), len(sealed) - 2))
    other = data.draw(st.sampled_from("AQgw").filter(lambda one: one != sealed[at]))
    assert vault().open(sealed[:at] + other + sealed[at + 1:], WHERE) is None
