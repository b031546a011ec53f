"""How late the worker itself is, measured while calls are under way."""

from __future__ import annotations

import asyncio

import pytest

from datagen.engine.lateness import Lateness
from tests.engine.virtual_servers import spend, virtually


def test_a_quiet_loop_is_never_late() -> None:
    async def scene() -> None:
        lateness = Lateness()
        lateness.watch(0.4)
        for _ in range(100):
            await asyncio.sleep(0.013)
            assert lateness.now() == pytest.approx(0, abs=1e-6)

    virtually(scene())


def test_who_asks_while_all_is_late_is_told_by_how_much() -> None:
    async def scene() -> None:
        lateness = Lateness()
        lateness.watch(0.4)  # a look every 0.05 s
        spend(0.35)
        assert lateness.now() == pytest.approx(0.3)
        await asyncio.sleep(0.01)
        assert lateness.now() == pytest.approx(0.3)
        await asyncio.sleep(0.1)
        assert lateness.now() == pytest.approx(0)

    virtually(scene())


def test_once_nothing_is_under_way_nothing_rings() -> None:
    async def scene() -> None:
        lateness, loop = Lateness(), asyncio.get_running_loop()
        lateness.watch(0.4)
        await asyncio.sleep(1)
        lateness.rest()
        await asyncio.sleep(1)
        assert not loop._scheduled  # type: ignore[attr-defined]  # asyncio's own
        spend(5)
        assert lateness.now() == 0
        lateness.watch(0.4)
        assert lateness.now() == 0

    virtually(scene())
