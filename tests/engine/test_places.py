"""For which jobs there is room, and which give their place away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.domain.asked import NOTHING
from datagen.engine.orders import Orders
from datagen.engine.places import SPARE, STILL_AFTER, TURN, Places
from tests.engine.workbench import hand_pace


class Bench:
    def __init__(self, most: int) -> None:
        self.clock = HandClock()
        self.places = Places(most, hand_pace(self.clock))
        self.moved: dict[str, float] = {}

    def take(self, job_id: str, owner: str = "ada") -> Orders:
        orders = Orders(NOTHING, begun=self.clock.monotonic(), owner=owner)
        self.places.take(job_id, orders)
        self.moves(job_id)
        orders.moved = lambda: self.moved[job_id]
        return orders

    def moves(self, *job_ids: str) -> None:
        self.moved |= dict.fromkeys(job_ids, self.clock.monotonic())


@pytest.fixture
def bench() -> Bench:
    return Bench(2)


def test_jobs_that_move_have_as_many_places_as_there_are(bench: Bench) -> None:
    bench.take("a")
    assert bench.places.has_room
    bench.take("b")
    assert not bench.places.has_room
    bench.places.leave("a")
    assert bench.places.has_room


def test_a_job_that_is_still_gives_its_place_away_and_stays_in_hand(bench: Bench) -> None:
    orders = bench.take("a")
    bench.take("b")
    bench.clock.advance(STILL_AFTER)
    bench.moves("b")
    assert bench.places.has_room
    bench.take("c")
    assert not bench.places.has_room
    assert not orders.halt.is_set()
    assert set(bench.places.in_hand) == {"a", "b", "c"}


def test_where_many_are_still_the_stillest_are_put_back_for_a_while(bench: Bench) -> None:
    orders = {}
    for number in range(2 + SPARE):
        orders[number] = bench.take(str(number))
        bench.clock.advance(STILL_AFTER)
    assert not bench.places.has_room
    bench.places.make_room(1)
    assert [number for number, one in orders.items() if one.halt.is_set()] == [0]
    bench.places.leave("0")
    assert bench.places.has_room
    assert not bench.places.may_try("0")
    bench.clock.advance(30)
    assert bench.places.may_try("0")


def test_nobody_is_put_back_while_there_is_room_or_all_move(bench: Bench) -> None:
    orders = [bench.take(str(number)) for number in range(2)]
    bench.clock.advance(STILL_AFTER)
    bench.places.make_room(5)
    bench.moves("0", "1")
    orders += [bench.take(str(number)) for number in range(2, 2 + SPARE)]
    bench.places.make_room(5)
    assert not any(one.halt.is_set() for one in orders)


def test_each_try_that_fails_makes_the_next_wait_longer_and_is_told_once(bench: Bench) -> None:
    pauses = []
    for number in range(4):
        assert bench.places.put_off("a") is (number == 0)
        (until,) = bench.places.retries()
        pauses.append(until - bench.clock.monotonic())
    assert pauses == [1, 2, 4, 8]
    bench.places.done("a")
    assert bench.places.may_try("a")
    assert bench.places.put_off("a")


@given(st.integers(1, 4), st.lists(st.tuples(st.sampled_from("tlmc"), st.integers(0, 30)),
                                   max_size=120))
def test_there_are_never_more_in_hand_than_places_and_spare_ones(
    most: int, steps: list[tuple[str, int]]
) -> None:
    bench = Bench(most)
    for what, number in steps:
        in_hand, job_id = bench.places.in_hand, str(number)
        if what == "t" and job_id not in in_hand and bench.places.has_room:
            bench.take(job_id)
        elif what == "l" and job_id in in_hand:
            bench.places.leave(job_id)
        elif what == "m" and job_id in in_hand:
            bench.moves(job_id)
        else:
            bench.clock.advance(number)
            bench.places.make_room(1)
        assert len(bench.places.in_hand) <= most + SPARE


def test_who_has_the_fewest_comes_first_and_each_ones_own_in_their_turn(bench: Bench) -> None:
    bench.take("a0", "ada")
    waiting = ["a1", "a2", "a3", "b1", "b2", "c1"]
    assert list(bench.places.fairly(waiting, lambda job_id: job_id[0].replace("a", "ada"))) == [
        "b1", "c1", "a1", "b2", "a2", "a3"]


@given(st.lists(st.sampled_from("abc")))
def test_of_one_user_nothing_changes_and_nobody_is_left_out(owners: list[str]) -> None:
    places, waiting = Bench(2).places, list(enumerate(owners))
    found = list(places.fairly(waiting, lambda one: one[1]))
    assert sorted(found) == waiting
    for name in "abc":
        assert [one for one in found if one[1] == name] == [
            one for one in waiting if one[1] == name]


def test_for_who_has_no_place_one_is_put_back_of_who_has_most(bench: Bench) -> None:
    first, second = bench.take("a1"), bench.take("a2")
    bench.places.make_way({"ada"})
    assert not first.is_put_back
    assert not second.is_put_back
    bench.places.make_way({"ada", "ben"})
    bench.places.make_way({"ada", "ben"})  # it is on its way out
    assert (first.is_put_back, second.is_put_back) == (False, True)
    bench.places.leave("a2")
    assert bench.places.has_room
    assert not bench.places.may_try("a2")


def test_who_has_one_place_keeps_it_for_a_turn(bench: Bench) -> None:
    ada, ben = bench.take("a1", "ada"), bench.take("b1", "ben")
    bench.places.make_way({"cat"})
    assert not ada.is_put_back
    bench.clock.advance(TURN)
    bench.moves("a1", "b1")
    bench.places.make_way({"cat"})
    assert ada.is_put_back
    assert not ben.is_put_back
