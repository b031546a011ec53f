"""One look at the board sees what is open, in as few rounds as can be."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryStore
from datagen.domain.asked import Asked, Request
from datagen.domain.editions import Word
from datagen.protocol.board import Board
from datagen.services.look import look
from datagen.services.patience import Patience
from tests.services.job_world import World

LONG = 10.0  # seconds; more than a read that comes


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With one open job and one that is over."""
    world = World(tmp_path)
    world.dataset([{"name": "a"}], draft_id="over")
    world.open_id = world.confirmed(draft_id="open")  # type: ignore[attr-defined]  # for the test
    world.take_over()
    world.beat()
    world.report(world.open_id, ok=1)  # type: ignore[attr-defined]  # likewise
    return world


@pytest.mark.parametrize("foreseen", [True, False])
def test_the_peers_of_open_jobs_alone_are_read(world: World, *, foreseen: bool) -> None:
    open_id: str = world.open_id  # type: ignore[attr-defined]  # see above
    seen = look(world.board, Patience(None, clock=world.clock),
                beside={}, without=(), likely=[open_id, "job_1_abcdef"] if foreseen else [],
                reopened=())
    assert len(seen.jobs) == 2
    assert set(seen.states) == {open_id}
    assert seen.states[open_id]["local"].generated_ok == 1
    assert seen.words == {open_id: {}}
    assert set(seen.beats) == {"local"}


def test_what_is_not_there_yet_is_seen_and_what_nobody_may_see_is_not(world: World) -> None:
    open_id: str = world.open_id  # type: ignore[attr-defined]  # see above
    new = replace(world.published(open_id), id="job_5_abcdef")
    seen = look(world.board, Patience(None, clock=world.clock), beside={new.id: new},
                without={open_id}, likely=[open_id], reopened=())
    assert set(seen.jobs) == {new.id, *(set(world.board.jobs()) - {open_id})}
    assert seen.states == {new.id: {}}


def test_where_nothing_is_open_the_list_is_all_that_is_read(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.dataset([{"name": "a"}])
    world.store.reads = 0
    seen = look(world.board, Patience(None, clock=world.clock), beside={}, without=(), likely=[],
                reopened=())
    assert (len(seen.jobs), seen.states, seen.beats, world.store.reads) == (1, {}, {}, 1)


def test_a_job_that_is_to_be_retried_is_read_as_an_open_one(world: World) -> None:
    (over,) = {job.id for job in world.board.jobs().values() if job.is_over}
    asked = Asked(retry=Request(at=world.clock.now(), by="ann"))
    world.board.say(over, Word(peer_id="local", asked=asked))
    seen = look(world.board, Patience(None, clock=world.clock), beside={}, without=(), likely=[],
                reopened={over})
    assert over in seen.states
    assert seen.words[over]["local"].asked == asked


class Meeting(MemoryStore):
    """Answers once four reads are under way."""

    def __init__(self) -> None:
        super().__init__()
        self._met = threading.Barrier(4, timeout=LONG)

    def hgetall(self, hkey: str) -> dict[str, str]:
        self._met.wait()
        return super().hgetall(hkey)


def test_what_was_foreseen_is_read_in_one_round() -> None:
    board, patience = Board(Meeting()), Patience(LONG, clock=HandClock())
    seen = look(board, patience, beside={}, without=(), likely=["job_1_aaaaaa"], reopened=())
    assert (seen.jobs, seen.states) == ({}, {})  # beside its fields and the beats
