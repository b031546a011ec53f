"""Answers are read one after the other, and what follows each leaves in between."""

from __future__ import annotations

import asyncio

from datagen.engine.turnstile import Turnstile


async def _read(turnstile: Turnstile, name: str, told: list[str]) -> None:
    await turnstile.through()
    told.append(f"read {name}")
    # as a client does: the call leaves in the next turn of the loop
    asyncio.get_running_loop().call_soon(told.append, f"sent {name}")


def test_what_follows_an_answer_leaves_before_the_next_but_one_is_read() -> None:
    async def scene() -> list[str]:
        turnstile, told = Turnstile(), list[str]()
        await asyncio.gather(*(_read(turnstile, name, told) for name in "abcd"))
        await asyncio.sleep(0)
        return told

    told = asyncio.run(scene())
    assert [word for word in told if word.startswith("read")] == [f"read {x}" for x in "abcd"]
    assert all(told.index(f"sent {one}") < told.index(f"read {later}")
               for one, later in zip("ab", "cd", strict=True))


def test_who_comes_alone_does_not_wait() -> None:
    async def scene() -> None:
        turnstile = Turnstile()
        for _ in range(3):
            coming = turnstile.through()
            try:
                coming.send(None)
            except StopIteration:
                pass
            else:
                raise AssertionError("it waited")
            await asyncio.sleep(0)

    asyncio.run(scene())


def test_who_is_cancelled_while_waiting_holds_up_nobody() -> None:
    async def scene() -> list[str]:
        turnstile, told = Turnstile(), list[str]()
        tasks = [asyncio.create_task(_read(turnstile, name, told)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return told

    told = asyncio.run(scene())
    assert [word for word in told if word.startswith("read")] == ["read a", "read c"]
