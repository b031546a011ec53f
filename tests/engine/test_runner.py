"""Records out of replies: what uses up an attempt, what is waited out, what a stop does."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.domain.chat import ChatReply
from datagen.domain.errors import (
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ModelUnreachable,
    ReplyUnusable,
    StoreFull,
)
from datagen.domain.jobs import Share
from datagen.engine.journal import Journal
from datagen.engine.line import Line
from datagen.engine.runner import Runner, max_tokens
from datagen.engine.tally import Tally
from datagen.engine.turnstile import Turnstile
from tests.engine.workbench import (
    OWN,
    SCHEMA,
    Model,
    details_of,
    good,
    hand_pace,
    job_of,
    limiters_of,
)

WRONG = ChatReply(text='{"n": "seven"}', finish_reason="stop")


class FullDisk(Journal):
    """A journal whose disk is full for the next ``refusals`` appends."""

    refusals = 0

    def append(self, line: bytes) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreFull("The disk is full. Free some space.")
        super().append(line)


class Bench:
    def __init__(self, folder: Path, model: Model, *, total: int = 10, attempts: int = 1,
                 max_in_flight: int = 4, number: int = 1, backwards: bool = False,
                 round_: int = 0, **parameters: Any) -> None:
        share = Share(start=0, end=total)
        self.model, self.naps, self.stop = model, [], asyncio.Event()
        self.clock = HandClock()
        pace = hand_pace(self.clock, self.naps)
        self.journal = FullDisk(folder / f"j{number}", share)
        self.tally = Tally(peer_id="p", owner="ada", share=share, journal=self.journal,
                           clock=self.clock, before=None)
        line = Line(model=model, endpoint=OWN, limiters=limiters_of(max_in_flight, pace),
                    tally=self.tally, pace=pace)
        details = details_of(job_of(number, total=total), **parameters)
        self.runner = Runner(details=details, total=total,
                             journal=self.journal, line=line, tally=self.tally, pace=pace,
                             turnstile=Turnstile(), max_in_flight=max_in_flight,
                             attempts=attempts, backwards=backwards, number=round_)

    async def run(self) -> bool:
        return await self.runner.run(self.stop)

    def lines(self) -> list[dict[str, Any]]:
        out = io.BytesIO()
        self.journal.ordered(out)
        return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def make(script: dict[int, list[Any]] | None = None, **options: Any) -> Bench:
        made.append(Bench(tmp_path / options.pop("folder", ""), Model(script), **options))
        return made[-1]

    yield make
    for each in made:
        each.journal.close()


async def test_every_missing_record_is_made_once_with_several_in_flight(bench) -> None:
    it = bench(total=25)
    assert await it.run()
    assert [line["data"]["n"] for line in it.lines()] == list(range(25))
    assert sorted(index for index, _ in it.model.calls) == list(range(25))
    assert it.model.peak == 4
    state = it.tally.state()
    assert (state.usage.calls, state.usage.prompt_tokens, state.usage.completion_tokens) == (
        25, 75, 50)


async def test_one_in_flight_means_one_after_another(bench) -> None:
    it = bench(max_in_flight=1)
    assert await it.run()
    assert it.model.peak == 1
    assert [index for index, _ in it.model.calls] == list(range(10))


async def test_who_helps_works_from_the_last_record_to_the_first(bench) -> None:
    it = bench(max_in_flight=1, backwards=True)
    assert await it.run()
    assert [index for index, _ in it.model.calls] == list(range(9, -1, -1))


async def test_a_record_that_came_from_another_meanwhile_is_not_made(bench) -> None:
    it = bench(max_in_flight=1)
    made = it.runner._record

    async def slow(index: int, stop: asyncio.Event) -> Any:
        if index == 3:
            for other in (4, 5):
                it.journal.append(json.dumps({"i": other, "ok": True, "data": {"n": -1}}).encode())
        return await made(index, stop)

    it.runner._record = slow
    assert await it.run()
    assert [index for index, _ in it.model.calls] == [0, 1, 2, 3, 6, 7, 8, 9]


async def test_a_second_run_makes_only_what_is_missing(bench) -> None:
    it = bench()
    for index in (0, 3, 4, 9):
        it.journal.append(json.dumps({"i": index, "ok": True, "data": {"n": -1}}).encode())
    assert await it.run()
    assert sorted(index for index, _ in it.model.calls) == [1, 2, 5, 6, 7, 8]


async def test_an_answer_that_does_not_fit_is_a_failed_record_with_reason_and_raw_reply(
    bench,
) -> None:
    it = bench({3: [WRONG]})
    assert await it.run()
    line = it.lines()[3]
    assert line["ok"] is False
    assert "n" in line["error"]
    assert line["raw"] == WRONG.text
    assert it.tally.state().generated_failed == 1


async def test_the_second_attempt_is_told_what_was_wrong(bench) -> None:
    it = bench({3: [WRONG]}, attempts=2)
    assert await it.run()
    first, second = [call.messages[-1].content for index, call in it.model.calls if index == 3]
    assert it.lines()[3] == {"i": 3, "ok": True, "data": {"n": 3}}
    assert '"seven" is not a whole number' in second
    assert "seven" not in first


async def test_two_wrong_answers_use_up_two_attempts(bench) -> None:
    it = bench({3: [WRONG, ReplyUnusable("Nothing in it."), good]}, attempts=2)
    assert await it.run()
    assert it.lines()[3]["error"] == "Nothing in it."


CUT = ChatReply(text='{"n": 12', finish_reason="length")
UNSAID = ChatReply(text='{"n": 12', completion_tokens=256)  # all that was allowed


@pytest.mark.parametrize("cut", [CUT, UNSAID, ReplyUnusable("No text.", cut=True)])
async def test_an_answer_that_was_cut_off_is_asked_for_once_more_with_more_room(
    bench, cut: Any
) -> None:
    it = bench({0: [cut], 1: [cut, cut]}, attempts=1)
    assert await it.run()
    first, second = [call for index, call in it.model.calls if index == 0]
    assert (first.max_tokens, second.max_tokens) == (256, 1024)
    assert first.messages == second.messages  # it is no second attempt
    assert it.lines()[0] == {"i": 0, "ok": True, "data": {"n": 0}}
    assert it.lines()[1]["ok"] is False
    assert len([index for index, _ in it.model.calls if index == 1]) == 2


async def test_a_cut_uses_up_no_attempt_and_the_room_stays(bench) -> None:
    it = bench({0: [CUT, WRONG], 1: [CUT, WRONG, CUT]}, attempts=2)
    assert await it.run()
    assert it.lines()[0]["ok"] is True
    assert "cut off" in it.lines()[1]["error"]
    assert [call.max_tokens for index, call in it.model.calls if index == 1] == [256, 1024, 1024]


async def test_where_no_more_room_can_be_given_a_cut_is_a_wrong_answer(bench) -> None:
    it = bench({0: [CUT]}, attempts=1, max_tokens=4096)
    assert await it.run()
    assert "cut off" in it.lines()[0]["error"]
    assert len(it.model.calls) == 10


async def test_converted_values_are_counted_by_field_once_they_are_kept(bench) -> None:
    text = ChatReply(text='{"N": "7"}', finish_reason="stop")
    it = bench({0: [text], 1: [ChatReply(text='{"n": "7", "m": 1}')], 2: [text]})
    it.journal.refusals = 1
    assert await it.run()
    assert it.lines()[0]["data"] == {"n": 7}
    assert it.tally.state().coerced == {"n": 4}


@pytest.mark.parametrize("fault", [
    ModelUnreachable("No connection."), ModelOverloaded("Slow down."), ModelFailed("Broken."),
    ModelRefused("The key is wrong."), ModelRejected("No such model."), ModelError("Odd."),
])
async def test_trouble_of_the_endpoint_never_fails_a_record(bench, fault: ModelError) -> None:
    it = bench({index: [fault] * 2 for index in range(10)})
    assert await it.run()
    assert all(line["ok"] for line in it.lines())
    assert it.tally.state().trouble is None


@given(st.lists(st.lists(st.sampled_from("wutof"), max_size=4), min_size=6, max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_mix_of_faults_ends_with_each_record_once(tmp_path_factory, plan) -> None:
    kinds = {
        "w": WRONG, "u": ReplyUnusable("Nothing in it."), "t": ModelUnreachable("Away."),
        "o": ModelOverloaded("Slow down.", retry_after=3), "f": ModelFailed("Broken."),
    }
    script = {index: [kinds[kind] for kind in faults] for index, faults in enumerate(plan)}

    async def scene() -> list[dict[str, Any]]:
        it = Bench(tmp_path_factory.mktemp("mix"), Model(script), total=6, attempts=2)
        assert await it.run()
        it.journal.close()
        return it.lines()

    lines = asyncio.run(scene())
    wrong = [sum(kind in "wu" for kind in faults) for faults in plan]
    assert [line["i"] for line in lines] == list(range(6))
    assert [line["ok"] for line in lines] == [count < 2 for count in wrong]


async def test_every_call_has_a_name_that_only_the_same_call_after_a_restart_has(bench) -> None:
    script = {1: [WRONG], 2: [ModelUnreachable("Away."), ModelFailed("Broken.")]}
    first, same, other, later = (
        bench(script, total=4, attempts=2, max_in_flight=1, folder=folder, number=job, round_=turn)
        for folder, job, turn in (("a", 1, 0), ("b", 1, 0), ("c", 2, 0), ("d", 1, 1)))
    for it in (first, same, other, later):
        assert await it.run()
    names, names_again, *rest = [[(call.name, call.again) for _, call in it.model.calls]
                                 for it in (first, same, other, later)]
    assert names == names_again
    assert len({name for said in (names, *rest) for name, _ in said}) == 3 * (4 + 1)
    of_two = [(call.name, call.again) for index, call in first.model.calls if index == 2]
    assert [times for _, times in of_two] == [0, 0, 1]  # what was not answered may be yet
    assert len({name for name, _ in of_two}) == 1


async def test_while_the_endpoint_is_away_the_reason_is_visible_and_one_record_tries(
    bench,
) -> None:
    back = asyncio.Event()
    away = ModelUnreachable("The model server at x can't be reached.")
    it = bench({index: [away] * 5 + [back] for index in range(10)})
    task = asyncio.create_task(it.run())
    while it.clock.monotonic() < 100 and not it.model.in_flight:
        await asyncio.sleep(0)
    while it.clock.monotonic() < 20:
        await asyncio.sleep(0)
    state = it.tally.state()
    assert "can't be reached" in (state.trouble or "")
    assert "Check that the model server runs" in (state.trouble or "")
    assert len(state.in_flight) <= 1
    back.set()
    assert await task
    assert it.tally.state().trouble is None


async def test_pauses_double_up_to_thirty_seconds(bench) -> None:
    it = bench({0: [ModelUnreachable("Away.")] * 9}, total=1)
    assert await it.run()
    assert it.naps == [1, 2, 4, 8, 16, 30, 30, 30, 30]


async def test_a_permanent_fault_is_tried_less_often_and_names_its_advice(bench) -> None:
    it = bench({0: [ModelRefused("401.")] * 5}, total=1)
    assert await it.run()
    assert it.naps == [10, 20, 40, 80, 120]


async def test_retry_after_is_obeyed(bench) -> None:
    it = bench({0: [ModelOverloaded("Slow down.", retry_after=47)]}, total=1)
    assert await it.run()
    assert it.naps == [47]


async def test_a_full_disk_is_waited_out_with_the_answer_in_hand(bench) -> None:
    it = bench(total=4)
    it.journal.refusals = 9
    assert await it.run()
    assert len(it.model.calls) == 4
    assert it.tally.state().trouble is None
    assert len(it.lines()) == 4


async def test_a_stop_takes_no_new_records_and_keeps_what_ends_in_time(bench) -> None:
    gate = asyncio.Event()
    it = bench({index: [gate] for index in range(10)})
    task = asyncio.create_task(it.run())
    while it.model.in_flight < 4:
        await asyncio.sleep(0)
    it.stop.set()
    gate.set()
    assert not await task
    assert [line["i"] for line in it.lines()] == [0, 1, 2, 3]
    assert len(it.model.calls) == 4


async def test_calls_that_do_not_end_in_time_are_cancelled(bench) -> None:
    it = bench({index: [asyncio.Event()] for index in range(10)})
    task = asyncio.create_task(it.run())
    while it.model.in_flight < 4:
        await asyncio.sleep(0)
    it.stop.set()
    assert not await task
    assert it.model.in_flight == 0
    assert it.clock.monotonic() <= 3
    assert it.lines() == []


async def test_a_stop_ends_a_pause_at_once(bench) -> None:
    it = bench({index: [ModelRefused("401.")] * 1000 for index in range(10)})
    task = asyncio.create_task(it.run())
    while it.clock.monotonic() < 300:
        await asyncio.sleep(0)
    it.stop.set()
    assert not await task


async def test_parameters_go_along_but_never_replace_what_is_ours(bench) -> None:
    it = bench(total=1, temperature=0.1, max_tokens=999, top_p=0.5, messages=[], stream=True,
               authorization="x", response_format={})
    assert await it.run()
    call = it.model.calls[0][1]
    assert (call.temperature, call.max_tokens) == (0.1, 999)
    assert dict(call.parameters) == {"top_p": 0.5}
    assert call.schema == SCHEMA


async def test_jobs_of_one_seed_ask_the_same_and_others_do_not(bench) -> None:
    asked = []
    for number, parameters in enumerate(({"seed": 7}, {"seed": 7}, {"seed": 8}, {}), 1):
        it = bench(number=number, total=3, **parameters)
        assert await it.run()
        asked.append(sorted(call.messages[-1].content for _, call in it.model.calls))
    assert asked[0] == asked[1]
    assert not set(asked[0]) & {*asked[2], *asked[3]}


@pytest.mark.parametrize(("asked", "given"), [(5, 16), (999, 999), (100_000, 4096), ("9", 256)])
def test_the_length_of_an_answer_is_bounded(asked: object, given: int) -> None:
    tokens = max_tokens(details_of(job_of(), max_tokens=asked))
    assert tokens == given


async def test_a_record_the_server_never_takes_fails_alone_while_others_are_answered(
    bench,
) -> None:
    it = bench({3: [ModelRejected("The prompt was filtered (400).")] * 999}, total=40)
    assert await it.run()
    failed = [line for line in it.lines() if not line["ok"]]
    assert [(line["i"], line["error"]) for line in failed] == [
        (3, "The prompt was filtered (400).")]
    assert it.tally.state().trouble is None


async def test_a_reply_that_breaks_the_reader_costs_its_own_record(bench) -> None:
    it = bench(total=3)
    it.runner.reader = Breaking(it.runner.reader, '{"n": 1}')
    assert await it.run()
    assert [line["ok"] for line in it.lines()] == [True, False, True]
    assert "KeyError" in it.lines()[1]["error"]
    assert it.lines()[1]["raw"] == '{"n": 1}'


class Breaking:
    """A reader with a fault that one reply brings out."""

    def __init__(self, inner: Any, fatal: str) -> None:
        self._inner, self._fatal = inner, fatal

    def read(self, reply: ChatReply) -> Any:
        if reply.text == self._fatal:
            raise KeyError(reply.text)
        return self._inner.read(reply)
