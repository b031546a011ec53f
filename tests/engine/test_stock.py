"""Parts grow with the journal, from either end, and stay few."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryFiles
from datagen.domain.errors import StoreError
from datagen.domain.folds import Case
from datagen.domain.jobs import MAX_PARTS, Part, PeerState, Share
from datagen.engine.journal import Journal, failed_line, ok_line
from datagen.engine.stock import Stock
from datagen.engine.tally import Tally
from tests.engine.workbench import job_of

SHARE = Share(start=10, end=40)
JOB = job_of(total=60, peers=("other", "local"))


class Counted(MemoryFiles):
    """Counts what is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.added = self.lines = 0

    def add(self, source: Any, filename: str) -> str:
        cid = super().add(source, filename)
        self.added += 1
        self.lines += self._files[cid].count(b"\n")
        return cid


class Bench:
    """One share in the making."""

    def __init__(self, folder: Path, *, backwards: bool = False, number: int = 0,
                 due: Collection[int] | None = None, share: Share = SHARE) -> None:
        self.folder, self.backwards, self.number = folder, backwards, number
        self.due, self.share, self.files = due, share, Counted()
        self.before: PeerState | None = None
        self.open()

    def open(self, lost: Collection[str] = ()) -> None:
        """A life of the worker begins."""
        self.journal = Journal(self.folder / "j", self.share, self.due)
        self.tally = Tally(
            peer_id="local", owner="ada", share=self.share, journal=self.journal,
            clock=HandClock(), before=self.before,
            of="other" if self.backwards else None, number=self.number)
        self.stock = Stock(
            journal=self.journal, share=self.share, number=self.number,
            backwards=self.backwards, tally=self.tally, files=self.files, name="job_local",
            lost=lost)

    def restart(self, *, parts: tuple[Part, ...] | None = None,
                lost: Collection[str] = ()) -> None:
        state = self.tally.state()
        self.before = state if parts is None else replace(state, parts=parts)
        self.journal.close()
        self.open(lost)

    def make(self, *indices: int) -> None:
        for index in indices:
            self.journal.append(ok_line(index, {"n": index}) if index % 7
                                else failed_line(index, "It did not fit.", ""))

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.tally.parts

    def spans(self) -> list[tuple[int, int]]:
        return sorted((part.start, part.end) for part in self.parts)

    def held(self, part: Part) -> list[int]:
        """The indices in its file."""
        if not part.cid:
            return []
        return [json.loads(line)["i"] for line in self.files.open(part.cid)]


Make = Callable[..., Bench]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Bench] = []

    def one(**options: Any) -> Bench:
        made.append(Bench(tmp_path / str(len(made)), **options))
        return made[-1]

    yield one
    for bench in made:
        bench.journal.close()


def test_each_part_is_told_with_the_checksum_of_its_file(make: Make) -> None:
    bench = make()
    bench.make(*range(10, 40))
    bench.stock.grow()
    (part,) = bench.parts
    with bench.files.open(part.cid) as content:
        assert hashlib.sha256(content.read()).hexdigest() == part.sha256


def test_what_is_there_from_the_start_on_is_stored_and_told(make: Make) -> None:
    bench = make()
    assert not bench.stock.grow()
    bench.make(10, 11, 12, 14)
    assert bench.stock.grow()
    (part,) = bench.parts
    assert (part.start, part.end, part.ok, part.failed, part.whole) == (10, 13, 3, 0, True)
    assert bench.held(part) == [10, 11, 12]
    assert bench.tally.state().parts == (part,)
    assert not bench.stock.grow()  # 14 waits for 13


def test_who_helps_grows_from_the_far_end(make: Make) -> None:
    bench = make(backwards=True)
    bench.make(10, 38, 39)
    assert bench.stock.grow()
    assert bench.spans() == [(38, 40)]
    bench.make(37, 36, 35, 34)
    assert bench.stock.grow()
    assert bench.spans() == [(34, 40)]
    bench.make(33)
    assert bench.stock.grow()
    assert bench.spans() == [(33, 34), (34, 40)]


def test_parts_stay_few_and_no_record_is_stored_often(make: Make) -> None:
    share = Share(start=0, end=1_024)
    bench = make(share=share)
    for index in range(1_024):
        bench.journal.append(ok_line(index, {}))
        assert bench.stock.grow()
        assert len(bench.parts) <= 10
    assert bench.spans() == [(0, 1_024)]
    assert bench.files.lines <= 1_024 * 11  # each of them as often as a binary counter carries it


@given(st.permutations(range(10, 40)), st.lists(st.integers(1, 9), max_size=12), st.booleans())
@settings(max_examples=50, deadline=None)
def test_whatever_comes_first_parts_are_whole_and_touch_each_other(
    order: list[int], steps: list[int], backwards: bool
) -> None:
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), backwards=backwards)
        for step in steps:
            bench.make(*order[:step])
            del order[:step]
            bench.stock.grow()
            spans = bench.spans()
            assert all(end == start for (_, end), (start, _) in pairwise(spans))
            if spans:
                assert Share(start=spans[0][0], end=spans[-1][1]) == bench.journal.run(
                    backwards=backwards)
            for part in bench.parts:
                assert bench.held(part) == list(range(part.start, part.end))
                assert part.ok + part.failed == part.end - part.start
        bench.journal.close()


def test_indices_that_are_not_due_leave_no_gap(make: Make) -> None:
    bench = make(number=1, due=[12, 30])
    bench.make(12)
    assert bench.stock.grow()
    (part,) = bench.parts
    assert (part.start, part.end, part.ok, part.failed, part.round) == (10, 30, 1, 0, 1)
    bench.make(30)
    bench.stock.finish()
    (part,) = bench.parts
    assert (part.start, part.end, part.whole) == (10, 40, True)
    assert bench.held(part) == [12, 30]


class TestFinish:
    def test_a_complete_share_becomes_one_part(self, make: Make) -> None:
        bench = make()
        for index in range(10, 40):
            bench.make(index)
            if index == 20:
                bench.stock.grow()
        cid = bench.stock.finish()
        (part,) = bench.parts
        assert (part.start, part.end, part.ok, part.failed, part.cid) == (10, 40, 26, 4, cid)
        assert part.whole
        added = bench.files.added
        assert bench.stock.finish() == cid
        assert bench.files.added == added  # there is one already

    def test_one_that_ends_early_becomes_a_partial_one(self, make: Make) -> None:
        bench = make()
        bench.make(10, 11, 25)
        bench.stock.grow()
        bench.stock.finish()
        (part,) = bench.parts
        assert (part.start, part.end, part.ok, part.failed, part.whole) == (10, 40, 3, 0, False)
        assert bench.held(part) == [10, 11, 25]

    def test_where_nothing_was_made_there_is_no_file(self, make: Make) -> None:
        for due, whole in ((None, False), ((), True)):
            bench = make(number=1, due=due)
            bench.stock.finish()
            (part,) = bench.parts
            assert (part.start, part.end, part.cid, part.whole) == (10, 40, "", whole)
            assert bench.files.added == 0

    def test_a_delivered_file_holds_all(self, make: Make) -> None:
        bench = make()
        bench.make(*range(10, 40))
        bench.stock.grow()
        bench.stock.delivered("result", "0" * 64)
        (part,) = bench.parts
        assert (part.start, part.end, part.cid, part.ok, part.failed, part.whole) == (
            10, 40, "result", 26, 4, True)

    def test_a_share_that_ended_before_its_first_record_says_so(self, make: Make) -> None:
        bench = make()
        bench.stock.delivered(None, None)
        (part,) = bench.parts
        assert (part.cid, part.whole, part.ok) == ("", False, 0)


class TestRestart:
    def test_it_goes_on_where_it_was(self, make: Make) -> None:
        bench = make()
        bench.make(10, 11, 12)
        bench.stock.grow()
        bench.restart()
        assert bench.spans() == [(10, 13)]
        bench.make(13)
        bench.stock.grow()
        assert bench.spans() == [(10, 13), (13, 14)]

    def test_a_part_of_records_that_the_journal_lost_is_none(self, make: Make) -> None:
        bench = make()
        bench.make(10, 11, 12)
        bench.stock.grow()
        (part,) = bench.parts
        bench.restart(parts=(replace(part, ok=2),))
        assert bench.parts == ()
        bench.stock.grow()
        assert bench.spans() == [(10, 13)]

    def test_parts_that_touch_no_other_are_dropped(self, make: Make) -> None:
        bench = make()
        bench.make(10, 11, 12, 20, 21)
        bench.stock.grow()
        loose = Part(start=20, end=22, cid="x", ok=1, failed=1)
        partial = Part(start=10, end=40, cid="y", ok=4, failed=1, whole=False)
        bench.restart(parts=(*bench.parts, loose, partial))
        assert bench.spans() == [(10, 13)]
        bench.restart(parts=(partial,))
        assert bench.spans() == []

    def test_a_file_that_can_not_be_read_any_more_is_stored_again(self, make: Make) -> None:
        bench = make()
        bench.make(*range(10, 40))
        first = bench.stock.finish()
        bench.restart(lost={first})
        assert bench.parts == ()
        assert bench.stock.finish() == bench.parts[0].cid
        assert bench.spans() == [(10, 40)]

    def test_what_it_stored_of_other_shares_and_rounds_stays_told(self, make: Make) -> None:
        others = (Part(start=0, end=10, cid="x", ok=10, failed=0),
                  Part(start=10, end=40, cid="y", ok=30, failed=0, round=1))
        bench = make()
        bench.restart(parts=others)
        bench.make(10)
        bench.stock.grow()
        assert bench.parts[:2] == others
        assert len(bench.parts) == 3


def test_a_state_lists_no_more_parts_than_it_may(make: Make) -> None:
    many = tuple(Part(start=0, end=10, cid=f"c{n}", ok=10, failed=0) for n in range(MAX_PARTS))
    bench = make()
    bench.restart(parts=many)
    bench.make(10)
    bench.stock.grow()
    assert len(bench.parts) == MAX_PARTS
    assert bench.parts[-1].start == 10


def test_a_store_that_fails_changes_nothing(make: Make) -> None:
    bench = make()
    bench.make(10, 11)
    bench.stock.grow()
    before = bench.parts
    bench.make(12, 13, 14)
    bench.files.fail_next()
    with pytest.raises(StoreError):
        bench.stock.grow()
    assert bench.parts == before
    bench.stock.grow()
    assert bench.spans() == [(10, 15)]


class TestWanted:
    """What others stored of this share, and we lack."""

    def wanted(self, bench: Bench, *parts: Part, inc: int = 1) -> list[tuple[str, bool]]:
        state = PeerState(peer_id="other", share=Share(start=0, end=10), inc=inc, parts=parts)
        case = Case(job=JOB, states={"other": state})
        return [(part.cid, ours) for part, ours in bench.stock.wanted(case)]

    def test_parts_with_at_least_one_of_them(self, make: Make) -> None:
        bench = make()
        bench.make(10, 11)
        assert self.wanted(
            bench, Part(start=0, end=11, cid="no", ok=11, failed=0),
            Part(start=5, end=13, cid="yes", ok=8, failed=0),
            Part(start=40, end=60, cid="beyond", ok=20, failed=0),
            Part(start=39, end=60, cid="last", ok=20, failed=0, whole=False),
        ) == [("yes", True), ("last", True)]

    def test_not_of_another_round_nor_without_a_file(self, make: Make) -> None:
        assert self.wanted(
            make(), Part(start=10, end=40, cid="x", ok=30, failed=0, round=1),
            Part(start=10, end=40, cid="", ok=0, failed=0)) == []

    def test_nothing_once_it_is_complete(self, make: Make) -> None:
        bench = make()
        bench.make(*range(10, 40))
        assert self.wanted(bench, Part(start=0, end=60, cid="x", ok=60, failed=0)) == []

    def test_it_is_told_whose_file_may_have_torn_lines(self, make: Make) -> None:
        part = Part(start=10, end=40, cid="x", ok=30, failed=0)
        assert self.wanted(make(), part, inc=0) == [("x", False)]
