"""What several replicas know of one user's model profiles comes together, in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.profiles import (
    LONG_AGO,
    MAX_GONE,
    Profile,
    Profiles,
    merged,
    with_one,
    without,
)


def at(seconds: int):
    return LONG_AGO + timedelta(seconds=seconds)


def profile(profile_id: str, changed: int, name: str = "") -> Profile:
    return Profile(id=profile_id, name=name, base_url="https://x.example", api_key=None,
                   created_at=at(1), updated_at=at(changed))


A1, A2 = profile("a", 1, "old"), profile("a", 2, "new")
EARLIER = Profiles(all=(profile("a", 9, "earlier"), profile("e", 9)), active_id="e")

moments = st.integers(1, 4)
states = st.builds(
    lambda found, gone, active, active_at: Profiles(
        all=tuple({p.id: p for p in found}.values()), active_id=active, active_at=at(active_at),
        gone={one: at(when) for one, when in gone.items()}),
    st.lists(st.builds(profile, st.sampled_from("abc"), moments, st.sampled_from("xyz"))),
    st.dictionaries(st.sampled_from("abc"), moments), st.sampled_from(["a", "b", None]), moments)


@given(st.lists(states, max_size=3))
def test_the_order_in_which_replicas_are_read_is_nothing(known: list[Profiles]) -> None:
    results = {repr(merged(one, EARLIER)) for one in permutations(known)}
    assert len(results) == 1


@given(st.lists(states, max_size=3))
def test_to_keep_what_came_together_changes_nothing(known: list[Profiles]) -> None:
    whole = merged(known, EARLIER)
    again = merged([*known, whole], Profiles())
    assert (again.all, again.gone) == (whole.all, whole.gone)
    assert merged([whole], Profiles()).all == whole.all


def test_the_version_that_was_changed_last_counts() -> None:
    assert merged([Profiles(all=(A2,)), Profiles(all=(A1,))], Profiles()).all == (A2,)


def test_a_deleted_one_stays_so_unless_it_was_changed_afterwards() -> None:
    gone = without(Profiles(all=(A1,), active_id="a"), "a", at(2))
    assert (gone.all, gone.active_id) == ((), None)
    assert merged([gone, Profiles(all=(A2,))], EARLIER).get("a") is None
    later = replace(A2, updated_at=at(3))
    assert merged([gone, Profiles(all=(later,))], Profiles()).all == (later,)


def test_the_earlier_application_replaces_nothing_of_ours() -> None:
    found = merged([Profiles(all=(A1,))], EARLIER)
    assert [(p.id, p.name) for p in found.all] == [("a", "old"), ("e", "")]
    assert found.active_id == "e"  # nothing else was ever chosen
    chosen = Profiles(all=(A1,), active_id=None, active_at=at(5))
    assert merged([chosen], EARLIER).active is None  # the server's own, on purpose


def test_a_choice_that_is_not_there_is_none() -> None:
    assert merged([Profiles(active_id="z", active_at=at(1))], EARLIER).active_id is None
    assert merged([], replace(EARLIER, active_id="z")).active_id is None


def test_one_is_changed_and_the_others_stay() -> None:
    found = with_one(Profiles(all=(A1, profile("b", 1))), A2)
    assert {p.id: p.name for p in found.all} == {"a": "new", "b": ""}
    assert found.latest == at(2)


def test_only_so_many_deletions_are_remembered() -> None:
    gone = {f"p{number}": at(number) for number in range(1, MAX_GONE + 50)}
    assert len(merged([Profiles(gone=gone)], Profiles()).gone) == MAX_GONE
