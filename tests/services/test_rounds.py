"""Several workers at one job: they share it, help each other, agree on its end, and try again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.memory import MemoryStore
from datagen.domain.asked import Asked, Request
from datagen.domain.chat import ChatReply
from datagen.domain.folds import Case
from datagen.domain.jobs import Edition, Job, heard
from datagen.protocol import keys
from datagen.protocol.manifests import edition_lines
from datagen.protocol.requests import ask_here, asked_here
from datagen.services.generation import dead_after
from tests.services.worker_lives import World

WRONG = ChatReply(text="no", finish_reason="stop")
PEERS = ("local", "second", "third")
DEAD = 360.0  # seconds: three times as long as an answer of the model may take


class Replica(World):
    """One of several on the same stores, each with its own disk."""

    def __init__(self, folder: Path, peer: str, first: World | None = None) -> None:
        super().__init__(folder / peer, R1EN_HOST_ADDR=peer,
                         R1EN_CHAINSTORE_PEERS=json.dumps(PEERS))
        self.peer, self.own_desk = peer, MemoryStore()
        if first is not None:
            self.store, self.files, self.clock = first.store, first.files, first.clock
            self.board = first.board

    def ask(self, job: Job, kind: str, number: int = 0) -> None:
        ask_here(self.desk, job.id, Asked(**{
            kind: Request(at=self.clock.now(), by="ada", round=number)}))

    def made(self) -> list[int]:
        """The records that it asked its model for, in this order, over all its lives."""
        return [index for model in self.models for index, _ in model.calls]


@pytest.fixture
def replicas(tmp_path: Path) -> list[Replica]:
    first = Replica(tmp_path, PEERS[0])
    return [first, *(Replica(tmp_path, peer, first) for peer in PEERS[1:])]


async def live(replicas: list[Replica], until: Callable[[], bool], *, script: Any = None) -> None:
    """Their workers run at the same time, until a condition holds."""
    done = False

    def over() -> bool:
        nonlocal done
        done = done or until()
        return done

    await asyncio.gather(*(one.live(over, script=script) for one in replicas))


def case_of(world: World, job: Job) -> Case:
    entry = world.board.job(job.id) or job
    return Case(job=entry, states=heard(entry, world.board.states(job.id)),
                words=world.board.words(job.id))


def sealed(world: World, job: Job) -> Edition:
    entry = world.board.job(job.id)
    assert entry is not None
    assert entry.edition is not None
    return entry.edition


def is_over(world: World, job: Job, number: int = 0) -> bool:
    entry = world.board.job(job.id)
    return (entry is not None and entry.is_over and entry.edition is not None
            and entry.edition.round == number)


def lines(world: World, job: Job) -> list[tuple[int, bool]]:
    return [(line.i, line.ok) for line in edition_lines(world.files, sealed(world, job))]


async def test_they_share_a_job_and_its_dataset_holds_what_all_made(
    replicas: list[Replica]
) -> None:
    job = replicas[0].hand_over(total=31, peers=PEERS)
    await live(replicas, lambda: is_over(replicas[0], job), script={4: [WRONG]})
    assert [sorted(one.made()) for one in replicas] == [
        list(range(11)), list(range(11, 21)), list(range(21, 31))]
    assert lines(replicas[0], job) == [(i, i != 4) for i in range(31)]
    edition = sealed(replicas[0], job)
    assert (edition.by, edition.ok, edition.failed, edition.status) == (
        "local", 30, 1, "succeeded")


async def test_of_a_job_that_is_over_no_disk_keeps_a_journal(replicas: list[Replica]) -> None:
    job = replicas[0].hand_over(total=9, peers=PEERS)
    await live(replicas, lambda: all(one.is_quiet(job) for one in replicas))
    assert not any(asked_here(one.desk) or one.desk.notes(keys.DESK_CREATED) for one in replicas)


async def test_the_share_of_a_dead_peer_is_made_by_one_of_the_others(
    replicas: list[Replica]
) -> None:
    job = replicas[0].hand_over(total=30, peers=PEERS)
    alive, dead = replicas[:2], replicas[2]
    begun = dead.clock.monotonic()
    await live(alive, lambda: is_over(alive[0], job))
    assert dead.clock.monotonic() - begun >= DEAD
    assert sorted(alive[0].made() + alive[1].made()) == list(range(30))
    helpers = [one for one in alive if set(one.made()) & set(range(20, 30))]
    assert len(helpers) == 1
    helped = [index for index in helpers[0].made() if index >= 20]
    assert helped[0] > helped[-1]  # from the far end: the owner may come back
    assert lines(alive[0], job) == [(i, True) for i in range(30)]


async def test_what_a_dead_peer_stored_is_carried_on_and_not_made_again(
    replicas: list[Replica]
) -> None:
    job = replicas[0].hand_over(total=600, peers=PEERS)
    *alive, dead = replicas

    def has_stored() -> bool:
        state = dead.board.states(job.id).get("third")
        return bool(state and state.parts and state.parts[0].ok >= 20)

    await replicas[0].live(lambda: job.id in replicas[0].board.jobs())
    await dead.live(has_stored)
    *_, part = dead.board.states(job.id)["third"].parts
    await live(alive, lambda: is_over(alive[0], job))
    again = {index for one in alive for index in one.made() if index >= 400}
    assert again == set(range(part.end, 600))
    assert sealed(alive[0], job).ok == 600


async def test_an_owner_that_comes_back_takes_what_its_helper_made(
    replicas: list[Replica]
) -> None:
    job = replicas[0].hand_over(total=60, peers=PEERS)
    *alive, late = replicas
    never = asyncio.Event()  # on which the helper's last record waits

    def is_helped() -> bool:
        case = case_of(late, job)
        return sum(part.ok for _, part in case.parts()
                   if part.start >= 40 and part.end <= 60) > 5

    await live(alive, is_helped, script={41: [never]})
    helped = {index for one in alive for index in one.made() if index >= 40}
    await late.live(lambda: bool(
        (state := late.board.states(job.id).get("third")) and state.finished_at))
    assert len(set(late.made()) & helped) < len(helped)
    await live(replicas, lambda: is_over(late, job))
    assert sealed(late, job).ok == 60


class TestRetry:
    async def test_only_what_failed_is_made_again_and_the_old_dataset_stays_until_then(
        self, replicas: list[Replica]
    ) -> None:
        job = replicas[0].hand_over(total=12, peers=PEERS)
        await live(replicas, lambda: all(one.is_quiet(job) for one in replicas),
                   script={1: [WRONG], 5: [WRONG], 10: [WRONG]})
        first = sealed(replicas[0], job)
        assert first.failed == 3
        replicas[1].ask(job, "retry")
        seen = set()

        def over() -> bool:
            seen.add(sealed(replicas[0], job))
            return is_over(replicas[0], job, 1)

        await live(replicas, over)
        assert [one.models[-1].calls[0][0] for one in replicas] == [1, 5, 10]
        assert all(len(one.models[-1].calls) == 1 for one in replicas)
        second = sealed(replicas[0], job)
        assert seen == {first, second}
        assert (second.round, second.ok, second.failed, second.started_at) == (
            1, 12, 0, first.started_at)
        assert lines(replicas[0], job) == [(i, True) for i in range(12)]

    async def test_what_fails_again_stays_failed_and_can_be_tried_once_more(
        self, replicas: list[Replica]
    ) -> None:
        job = replicas[0].hand_over(total=6, peers=PEERS)
        for number in range(3):
            if number:
                replicas[0].ask(job, "retry", number - 1)
            await live(replicas, lambda number=number: is_over(replicas[0], job, number) and all(
                one.is_quiet(job) for one in replicas), script={3: [WRONG]})
            assert sealed(replicas[0], job).failed == 1
        assert [len(one.made()) for one in replicas] == [2, 4, 2]

    async def test_a_cancelled_job_is_completed_by_one(self, replicas: list[Replica]) -> None:
        job = replicas[0].hand_over(total=300, peers=PEERS)
        asked = False

        def cancel_midway() -> bool:
            nonlocal asked
            if not asked and len(replicas[2].made()) > 20:
                asked = True
                replicas[2].ask(job, "cancel")
            return all(one.is_quiet(job) for one in replicas)

        await live(replicas, cancel_midway)
        first = sealed(replicas[0], job)
        assert first.cancelled_by == "ada"
        assert 0 < first.ok < 300
        before = [set(one.made()) for one in replicas]
        replicas[0].ask(job, "retry")
        await live(replicas, lambda: is_over(replicas[0], job, 1))
        second = sealed(replicas[0], job)
        assert (second.ok, second.status, second.cancelled_by, second.error) == (
            300, "succeeded", None, None)
        entry = replicas[0].board.job(job.id)
        assert entry is not None
        assert (entry.status, entry.was_cancelled) == ("succeeded", False)
        again = [{index for index, _ in one.models[-1].calls} for one in replicas]
        assert all(new.isdisjoint(old) for new, old in zip(again, before, strict=True))

    async def test_a_round_that_is_cancelled_keeps_what_was_good_before(
        self, replicas: list[Replica]
    ) -> None:
        job = replicas[0].hand_over(total=30, peers=PEERS)
        bad = {index: [WRONG] for index in range(20)}
        await live(replicas, lambda: all(one.is_quiet(job) for one in replicas), script=bad)
        assert sealed(replicas[0], job).ok == 10
        replicas[0].ask(job, "retry")
        never = asyncio.Event()
        hung = {index: [never] for index in range(4, 20)}
        asked = False

        def cancel_midway() -> bool:
            nonlocal asked
            if not asked and len(replicas[0].models[-1].calls) > 5:
                asked = True
                replicas[1].ask(job, "cancel", 1)
            return is_over(replicas[0], job, 1)

        await live(replicas, cancel_midway, script=hung)
        edition = sealed(replicas[0], job)
        assert 10 < edition.ok < 30
        assert edition.ok + edition.failed == 30  # what was not made again stays failed
        assert edition.status == "succeeded"
        assert {i for i, ok in lines(replicas[0], job) if ok} >= set(range(20, 30))

    async def test_one_replica_alone_makes_it_from_its_own_disk_wherever_it_is_stopped(
        self, tmp_path: Path
    ) -> None:
        alone = Replica(tmp_path, "local")
        job = alone.hand_over(total=20, peers=("local",))
        await alone.live(lambda: alone.is_quiet(job), script={n: [WRONG] for n in range(0, 20, 2)})
        alone.ask(job, "retry")
        await alone.live(lambda: len(alone.models[-1].calls) > 3)
        await alone.live(lambda: is_over(alone, job, 1) and alone.is_quiet(job))
        assert sorted(alone.made()[20:]) == list(range(0, 20, 2))
        assert sealed(alone, job).ok == 20


async def test_a_job_that_lost_most_of_its_peers_is_closed_by_a_person(
    replicas: list[Replica]
) -> None:
    job = replicas[0].hand_over(total=30, peers=PEERS)
    last = replicas[1]
    await replicas[0].live(lambda: job.id in last.board.jobs())
    later = last.clock.monotonic() + 20 * DEAD
    await last.live(lambda: case_of(last, job).is_complete() and last.clock.monotonic() > later)
    assert not is_over(last, job)
    last.ask(job, "close")
    await last.live(lambda: is_over(last, job))
    edition = sealed(last, job)
    assert (edition.forced, edition.by, edition.ok, edition.status) == (
        True, "second", 30, "succeeded")
    assert lines(last, job) == [(i, True) for i in range(30)]


async def test_a_share_that_was_ended_by_order_is_no_reason_to_help(
    replicas: list[Replica]
) -> None:
    job = replicas[0].hand_over(total=30, peers=PEERS)
    replicas[0].ask(job, "cancel")
    await live(replicas[:2], lambda: is_over(replicas[0], job))
    assert replicas[0].made() == replicas[1].made() == []
    assert sealed(replicas[0], job).ok == 0


def test_the_time_after_which_a_peer_counts_as_stuck_is_what_these_tests_wait_for(
    tmp_path: Path
) -> None:
    settings = Replica(tmp_path, "local").settings
    assert dead_after(settings) == DEAD
    assert dead_after(replace(settings, peer_dead_seconds=0)) == 0
    assert dead_after(replace(settings, peer_dead_seconds=9_999)) == 9_999
