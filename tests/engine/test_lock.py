"""One worker per peer and folder; the number of starts only grows."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from datagen.adapters.clock import HandClock
from datagen.engine.lock import alone, is_taken, keep_starts, read_starts
from tests.engine.workbench import hand_pace


async def test_the_second_says_so_once_and_takes_over_when_the_first_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, stop = HandClock(), asyncio.Event()
    pace = hand_pace(clock)

    async def second() -> bool:
        async with alone(tmp_path, "local", pace, stop) as mine:
            return mine

    async with alone(tmp_path, "local", pace, stop) as mine:
        assert mine
        task = asyncio.create_task(second())
        while clock.monotonic() < 10:
            await asyncio.sleep(0)
        assert not task.done()
    assert await task
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 1
    assert said[0].startswith("Another worker for peer 'local' is running (pid ")


async def test_anybody_can_see_whether_the_lock_is_taken(tmp_path: Path) -> None:
    stop = asyncio.Event()
    assert not is_taken(tmp_path, "local")
    async with alone(tmp_path, "local", hand_pace(HandClock()), stop):
        assert is_taken(tmp_path, "local")
        assert not is_taken(tmp_path, "another")
    assert not is_taken(tmp_path, "local")


async def test_a_stop_ends_the_waiting(tmp_path: Path) -> None:
    stop = asyncio.Event()
    pace = hand_pace(HandClock())
    async with alone(tmp_path, "local", pace, stop):
        stop.set()
        async with alone(tmp_path, "local", pace, stop) as mine:
            assert not mine


async def test_another_peer_has_its_own_lock(tmp_path: Path) -> None:
    stop = asyncio.Event()
    pace = hand_pace(HandClock())
    async with alone(tmp_path, "a", pace, stop) as first, alone(tmp_path, "b", pace, stop) as other:
        assert first
        assert other


async def test_a_folder_that_can_not_be_used_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("in the way")
    clock, stop = HandClock(), asyncio.Event()

    async def worker() -> bool:
        async with alone(tmp_path / "cache", "local", hand_pace(clock), stop) as mine:
            return mine

    task = asyncio.create_task(worker())
    while clock.monotonic() < 20:
        await asyncio.sleep(0)
    (tmp_path / "cache").unlink()
    assert await task
    assert len(caplog.records) == 1


def test_the_number_of_starts_is_kept_and_damage_counts_as_none(tmp_path: Path) -> None:
    assert read_starts(tmp_path, "local") == 0
    keep_starts(tmp_path, "local", 7)
    assert read_starts(tmp_path, "local") == 7
    (tmp_path / "local.starts").write_text("?")
    assert read_starts(tmp_path, "local") == 0
