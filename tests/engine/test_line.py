"""Real runners and lines at servers in virtual time: what is found out, and what is survived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.memory import MemoryStore
from datagen.domain.chat import ChatCall, ChatReply, Endpoint, Limits
from datagen.domain.errors import (
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ModelUnreachable,
    ReplyUnusable,
)
from datagen.domain.jobs import PeerState, Share
from datagen.engine.journal import Journal
from datagen.engine.limiters import Limiters
from datagen.engine.line import MAX_UNUSABLE, Line
from datagen.engine.prospects import LEAST, PAUSES, PER_PAUSE
from datagen.engine.runner import Runner
from datagen.engine.tally import Tally
from datagen.engine.turnstile import Turnstile
from tests.engine.virtual_servers import (
    Busy,
    Flapping,
    Hidden,
    Rationed,
    Seats,
    Server,
    Stumbling,
    virtual_pace,
    virtually,
)
from tests.engine.workbench import OWN, details_of, good, index_of, job_of

NODE = replace(OWN, path="/create_chat_completion", dialect="ratio1")


class Shop:
    """One worker's limiters; jobs on them."""

    def __init__(self, folder: Path, most: int = 256) -> None:
        self._folder, self._most = folder, most
        self.pace = virtual_pace()
        self.limiters = Limiters(most=most, desk=MemoryStore(), pace=self.pace)
        self.tallies: list[Tally] = []
        self.journals: list[Journal] = []

    async def job(
        self, server: Any, total: int, *, endpoint: Endpoint = OWN, attempts: int = 1,
        stop: asyncio.Event | None = None, look_up: Callable[[], Endpoint] | None = None,
    ) -> PeerState:
        """Make all its records, or as many as come before ``stop``."""
        number = len(self.journals) + 1
        share = Share(start=0, end=total)
        journal = Journal(self._folder / f"{number}", share)
        tally = Tally(peer_id="p", owner="ada", share=share, journal=journal,
                      clock=self.pace.clock, before=None)
        self.journals.append(journal)
        self.tallies.append(tally)
        line = Line(model=server, endpoint=endpoint, limiters=self.limiters, tally=tally,
                    pace=self.pace, look_up=look_up)
        runner = Runner(details=details_of(job_of(number, total=total)), total=total,
                        journal=journal, line=line, tally=tally, pace=self.pace,
                        turnstile=Turnstile(), max_in_flight=self._most, attempts=attempts)
        try:
            await runner.run(stop or asyncio.Event())
            return tally.state()
        finally:
            journal.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("sigma", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_hidden_limit_is_found_and_hardly_a_call_is_wasted(
    shop: Shop, sigma: float, seed: int
) -> None:
    async def scene() -> None:
        server, total = Hidden(32, sigma=sigma, seed=seed), 4_000
        state = await shop.job(server, total)
        assert state.generated_ok == total
        assert total * 0.2 / 32 / now() >= 0.88
        assert server.refused / total <= 0.05

    virtually(scene())


@pytest.mark.parametrize("seats", [1, 5, 16, 60])
def test_a_server_that_never_refuses_is_not_buried(shop: Shop, seats: int) -> None:
    async def scene() -> None:
        server, total = Seats(seats), 250 * seats
        await shop.job(server, total)
        level = shop.limiters.of(OWN).level.kept
        assert abs(level - seats) <= max(1, 0.2 * seats)
        assert total * 0.2 / seats / now() >= 0.8

    virtually(scene())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nor_is_one_whose_answers_take_all_sorts_of_times(shop: Shop, seed: int) -> None:
    async def scene() -> None:
        server, total = Seats(16, sigma=0.5, seed=seed), 6_000
        await shop.job(server, total)
        assert total * 0.2 / 16 / now() >= 0.8
        assert shop.limiters.of(OWN).level.kept <= 32

    virtually(scene())


def test_a_node_that_works_on_one_call_gets_one_or_two(shop: Shop) -> None:
    async def scene() -> None:
        server = Seats(1, seconds=10, sigma=0.2)
        await shop.job(server, 300, endpoint=NODE)
        assert server.peak <= 3
        assert server.in_flight == 0

    virtually(scene())


def test_a_balanced_node_that_can_do_more_gets_more(shop: Shop) -> None:
    async def scene() -> None:
        server = Seats(16, seconds=2)
        await shop.job(server, 2_000, endpoint=NODE)
        assert 12 <= shop.limiters.of(NODE).level.kept <= 20

    virtually(scene())


def test_a_server_that_grows_is_used_and_one_that_shrinks_is_spared(shop: Shop) -> None:
    async def scene() -> None:
        server = Hidden(16)
        await shop.job(server, 3_000)
        server.limit = 64
        await shop.job(server, 20_000)
        assert shop.limiters.of(OWN).level.kept >= 56
        server.limit, server.refused = 8, 0
        await shop.job(server, 2_000)
        assert shop.limiters.of(OWN).level.kept == 8
        assert server.refused <= 0.05 * 2_000 + 64

    virtually(scene())


def test_a_flapping_server_costs_no_record_and_few_calls(shop: Shop) -> None:
    async def scene() -> None:
        server, total = Flapping(20, 100), 20_000
        state = await shop.job(server, total)
        assert state.generated_ok == total
        assert server.calls <= total * 1.02
        assert state.trouble is None

    virtually(scene())


def test_a_server_that_counts_by_the_minute_is_left_alone_until_the_next(shop: Shop) -> None:
    async def scene() -> None:
        server = Rationed(50)
        state = await shop.job(server, 300)
        assert state.generated_ok == 300
        assert server.refused <= 6 * 64
        assert now() <= 6 * 60

    virtually(scene())


def test_the_owners_bound_on_requests_is_never_passed(shop: Shop) -> None:
    async def scene() -> None:
        server = Server()
        limited = replace(OWN, limits=Limits(requests_per_minute=30, max_in_flight=5))
        await shop.job(server, 100, endpoint=limited)
        assert all(sum(at <= one < at + 60 - 1e-6 for one in server.times) <= 30
                   for at in server.times)
        assert server.peak <= 5

    virtually(scene())


# --------------------------------------------------- the worker's own lateness, single faults


@pytest.mark.parametrize(("most", "loud", "turn", "seed"), [
    (256, 0.0015, 1, 1), (256, 0.0015, 5, 1), (64, 0.006, 5, 2), (64, 0.006, 20, 2)])
def test_a_worker_that_hardly_keeps_up_takes_the_server_for_no_slower(
    tmp_path: Path, most: int, loud: float, turn: float, seed: int
) -> None:
    async def scene() -> None:
        shop = Shop(tmp_path, most=most)
        level, values = shop.limiters.of(OWN).level, []

        async def look() -> None:
            await asyncio.sleep(5)
            while True:
                values.append(level.value)
                await asyncio.sleep(0.5)

        looks = asyncio.create_task(look())
        await shop.job(Busy(0.0004, loud, turn, seed=seed), 60 * most)
        looks.cancel()
        assert set(values) == {most}
        assert 0.16 <= level.quick <= 0.22

    virtually(scene())


@pytest.mark.parametrize("most", [1, 2, 8, 64])
@pytest.mark.parametrize("seconds", [0.2, 5.0])
def test_one_call_in_twenty_that_comes_to_nothing_costs_that_call_alone(
    tmp_path: Path, most: int, seconds: float
) -> None:
    async def scene() -> None:
        shop, total = Shop(tmp_path, most=most), 250 * most
        server = Stumbling(0.05, seconds=seconds)
        state = await shop.job(server, total)
        assert state.generated_ok == total
        assert server.calls <= 1.1 * total
        assert total * seconds / most / now() >= 0.9
        assert shop.limiters.of(OWN).level.kept == most
        assert shop.tallies[0].state().trouble is None

    virtually(scene())


def test_where_most_calls_come_to_nothing_all_wait_and_people_are_told(shop: Shop) -> None:
    async def scene() -> None:
        server, told = Stumbling(0.0), set[str]()
        job = asyncio.create_task(shop.job(server, 6_000))
        await asyncio.sleep(5)
        before, server.failing = server.calls, 0.95
        for _ in range(300):
            await asyncio.sleep(1)
            told.add(shop.tallies[0].state().trouble or "")
        assert server.calls - before <= 900  # instead of some 60,000
        assert any("failed (500)" in text for text in told)
        server.failing = 0.0
        state = await job
        assert state.generated_ok == 6_000
        assert state.trouble is None

    virtually(scene())


@pytest.mark.parametrize(("total", "poison"), [(1, (0,)), (400, (0,)), (400, (70, 399))])
@pytest.mark.parametrize("most", [1, 16])
def test_a_record_that_a_server_fails_on_every_time_fails_alone(
    tmp_path: Path, most: int, total: int, poison: tuple[int, ...]
) -> None:
    async def scene() -> None:
        shop, server = Shop(tmp_path, most=most), Stumbling(0.0, poison=poison)
        state = await shop.job(server, total)
        assert {error.index for error in state.errors} == set(poison)
        assert all("failed (500)" in error.message for error in state.errors)
        assert state.generated == total
        assert server.calls <= total + 150 * len(poison)
        assert now() < total * 0.2 / most + 300 * len(poison)

    virtually(scene())


# --------------------------------------------------------------------- several jobs


def test_a_small_job_is_done_long_before_a_big_one_that_began_before(shop: Shop) -> None:
    async def scene() -> None:
        server = Server()
        big = asyncio.create_task(shop.job(server, 40_000, endpoint=replace(
            OWN, limits=Limits(max_in_flight=8))))
        await asyncio.sleep(5.05)
        begun = now()
        await shop.job(server, 10, endpoint=replace(OWN, limits=Limits(max_in_flight=8)))
        assert now() - begun < 2
        big.cancel()
        await asyncio.wait([big])

    virtually(scene())


class Broken(Server):
    """Fails every call with the same error, or hangs."""

    def __init__(self, error: ModelError | None) -> None:
        super().__init__()
        self._error = error

    async def serve(self) -> None:
        if self._error is None:
            await asyncio.sleep(120)
            raise ModelUnreachable("The model server did not answer within 120 s.")
        await asyncio.sleep(0.01)
        raise self._error


@pytest.mark.parametrize("error", [
    ModelUnreachable("Away."), ModelFailed("It broke."), ModelOverloaded("Too much."),
    ModelRefused("The key."), ModelRejected("No such path."), None])
def test_a_dead_server_costs_few_calls_no_record_and_no_slot_of_another(
    tmp_path: Path, error: ModelError | None
) -> None:
    async def scene() -> None:
        shop, stop, dead, fine = Shop(tmp_path, most=1), asyncio.Event(), Broken(error), Server()
        stuck = asyncio.create_task(shop.job(
            dead, 10_000, endpoint=replace(OWN, base_url="http://127.0.0.1:8"), stop=stop))
        await asyncio.sleep(1)
        begun = now()
        assert (await shop.job(fine, 50)).generated_ok == 50
        assert now() - begun == pytest.approx(10)
        await asyncio.sleep(3_600)
        state = shop.tallies[0].state()
        assert state.trouble
        assert state.trouble.endswith("DataGen keeps trying.")
        assert dead.calls <= 200
        stop.set()
        assert (await stuck).generated == 0

    virtually(scene())


@pytest.mark.parametrize("error", [ModelFailed("A schema it can't do."), ModelRejected("No.")])
def test_a_job_whose_every_call_fails_does_not_slow_down_others_at_that_server(
    shop: Shop, error: ModelError
) -> None:
    class Choosy(Server):
        async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
            if " of 777," in call.messages[-1].content:
                raise error
            return await super().complete(endpoint, call)

    async def scene() -> None:
        server, stop = Choosy(), asyncio.Event()
        unlucky = asyncio.create_task(shop.job(server, 777, stop=stop))
        await asyncio.sleep(30)
        begun = now()
        await shop.job(server, 6_400)
        assert now() - begun < 10
        stop.set()
        await unlucky

    virtually(scene())


def test_it_goes_on_by_itself_once_the_server_is_back(shop: Shop) -> None:
    async def scene() -> None:
        server = Flapping(600, 100_000)
        state = await shop.job(server, 500)
        assert state.generated_ok == 500
        assert state.trouble is None
        assert 600 < now() < 640

    virtually(scene())


# ---------------------------------------------------------- one record, and wrong answers


class Filtering(Server):
    """Rejects some records, whatever happens."""

    def __init__(self, *rejected: int) -> None:
        super().__init__()
        self._rejected = rejected

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        if index_of(call) in self._rejected:
            self.calls += 1
            raise ModelRejected("The prompt was filtered (400).")
        return await super().complete(endpoint, call)


@pytest.mark.parametrize(("total", "rejected"), [(1, (0,)), (20, (0,)), (20, (7, 8)), (20, (19,))])
def test_with_one_call_at_once_a_record_that_is_always_rejected_fails_alone(
    tmp_path: Path, total: int, rejected: tuple[int, ...]
) -> None:
    async def scene() -> None:
        shop, server = Shop(tmp_path, most=1), Filtering(*rejected)
        state = await shop.job(server, total)
        assert {error.index for error in state.errors} == set(rejected)
        assert all(error.message == "The prompt was filtered (400)." for error in state.errors)
        assert state.generated == total
        assert server.calls <= total + 8 * len(rejected)
        assert now() < 150 * len(rejected)

    virtually(scene())


def test_where_every_record_is_rejected_all_wait_and_none_fails(tmp_path: Path) -> None:
    async def scene() -> None:
        shop, stop, server = Shop(tmp_path, most=1), asyncio.Event(), Filtering(*range(1_000))
        job = asyncio.create_task(shop.job(server, 5, stop=stop))
        await asyncio.sleep(3_600)
        assert "filtered" in (shop.tallies[0].state().trouble or "")
        stop.set()
        assert (await job).generated == 0
        assert server.calls < 60

    virtually(scene())


class Writing(Server):
    """Answers as ``write`` says."""

    def __init__(self, write: Callable[[int], ChatReply | ModelError]) -> None:
        super().__init__()
        self._write = write

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        said = self._write(self.calls + 1)
        await super().complete(endpoint, call)
        if isinstance(said, ModelError):
            raise said
        return said if said.text else good(call)


WRONG, GOOD = ChatReply(text='{"n": "x"}', finish_reason="stop"), ChatReply(text="")


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_model_that_never_writes_a_record_that_fits_is_not_asked_for_all(
    tmp_path: Path, attempts: int
) -> None:
    async def scene() -> None:
        shop, server = Shop(tmp_path, most=8), Writing(lambda _: WRONG)
        state = await shop.job(server, 2_000, attempts=attempts)
        assert state.generated_failed == 2_000
        assert server.calls <= attempts * (100 + 8)
        untried = [e.message for e in state.errors if e.message.startswith("Not tried, since 10")]
        assert len(untried) > 5
        assert all('"x" is not a whole number' in message for message in untried)
        assert now() < 60

    virtually(scene())


def test_a_server_that_turns_to_nonsense_is_doubted_and_believed_again(tmp_path: Path) -> None:
    async def scene() -> None:
        shop, server = Shop(tmp_path, most=4), Writing(
            lambda call: WRONG if 100 <= call < 100 + LEAST + 8 else GOOD)
        job = asyncio.create_task(shop.job(server, 300))
        await asyncio.sleep(14)
        trouble = shop.tallies[0].state().trouble or ""
        assert "records failed: " in trouble
        assert "until one fits" in trouble
        state = await job
        assert state.generated_failed == LEAST + 8
        assert state.generated_ok == 300 - LEAST - 8
        assert state.trouble is None

    virtually(scene())


def test_a_doubt_that_nothing_ends_ends_the_calls(tmp_path: Path) -> None:
    async def scene() -> None:
        shop, server = Shop(tmp_path, most=4), Writing(lambda call: GOOD if call < 50 else WRONG)
        state = await shop.job(server, 400)
        assert server.calls <= 50 + LEAST + PER_PAUSE * PAUSES + 8
        assert state.generated_failed == 400 - state.generated_ok
        assert 300 < now() < 1_000

    virtually(scene())


def test_many_answers_without_a_text_are_the_servers_fault_not_the_records(tmp_path: Path) -> None:
    async def scene() -> None:
        shop, server = Shop(tmp_path, most=4), Writing(
            lambda call: ReplyUnusable("A web page.") if call <= 40 else GOOD)
        state = await shop.job(server, 200)
        assert MAX_UNUSABLE <= state.generated_failed <= MAX_UNUSABLE + 4
        assert state.generated_ok == 200 - state.generated_failed
        assert state.trouble is None

    virtually(scene())


def test_a_new_key_is_taken_with_its_own_limiter(shop: Shop) -> None:
    class Locked(Server):
        async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
            if endpoint.api_key != "new":
                raise ModelRefused("The key was refused.")
            return await super().complete(endpoint, call)

    async def scene() -> None:
        new = replace(OWN, api_key="new")
        state = await shop.job(Locked(), 100, endpoint=replace(OWN, api_key="old"),
                               look_up=lambda: new)
        assert state.generated_ok == 100
        assert shop.limiters.of(replace(OWN, api_key="old")).is_idle
        assert shop.limiters.of(new).is_idle  # it left that one as well, at its end
        assert shop.limiters.of(new).level.is_tried

    virtually(scene())


def test_what_is_used_is_counted_and_shown_while_it_is(shop: Shop) -> None:
    async def scene() -> None:
        job = asyncio.create_task(shop.job(Server(1.0), 100))
        await asyncio.sleep(0.5)
        state = shop.tallies[0].state()
        assert (state.under_way, state.allowed) == (8, 8)
        state = await job
        assert (state.under_way, state.allowed) == (0, None)
        assert (state.usage.calls, state.usage.attempts) == (100, 100)
        assert (state.usage.prompt_tokens, state.usage.completion_tokens) == (300, 200)
        assert state.usage.estimated_tokens == 0
        assert state.usage.working_ms == pytest.approx(1_000 * now(), abs=5)
        assert state.usage.waiting_ms == 0

    virtually(scene())
