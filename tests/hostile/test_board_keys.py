"""Jobs, peers, requests and signs of life on a board that anyone can write."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryFiles
from datagen.domain.editions import Word
from datagen.domain.folds import Case
from datagen.domain.jobs import (
    JOB_ID,
    MAX_PEERS,
    MAX_RECORDS,
    MAX_UNMARKED,
    PEER_ID,
    Job,
    PeerState,
    Share,
    heard,
    shares,
)
from datagen.domain.users import USER_NAME
from datagen.engine.errands import Errands
from datagen.engine.pace import Pace
from datagen.engine.roster import Roster
from datagen.engine.shelf import Shelf
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.codec import load_job, load_peer, load_totals
from datagen.protocol.details import load_details
from datagen.protocol.fields import dumps
from datagen.protocol.foreign import MAX_LOGGED, Foreign
from datagen.protocol.settings import load_profiles
from datagen.protocol.words import load_word, word_record
from datagen.services.answers import job_answer, peer_answers
from datagen.services.jobs import JobView
from datagen.services.patience import Patience
from datagen.services.snapshots import Snapshots
from tests import golden
from tests.hostile.wicked import NAMES, OpenStore, bent, changed, damaged

JOB = {**json.loads(golden.stored_jobs()[-1]), "id": "job_1_good", "owner": "ann",
       "peers": ["local", "other"], "jobDetailsCid": "cid1"}
STATE = {**json.loads(golden.stored_states()[0]), "peerId": "local",
         "parts": [{"from": 0, "to": 2, "cid": "cid2", "ok": 1, "failed": 1}],
         "effort": {"of": "other", "round": 0, "ok": 1, "failed": 0}}
BEAT = {"inc": 1, "seq": 2, "version": "1", "at": "2026-01-01T00:00:00.000Z",
        "revoked": {"a" * 24: 1_800_000_000}}
EDITION = {"round": 1, "by": "other", "status": "failed", "ok": 3, "failed": 1,
           "manifestCid": "cid3", "sha256": "0" * 64, "finishedAt": "2026-01-01T00:00:00.000Z"}
CONTROL = {"peerId": "local", "cancel": {"at": "2026-01-01T00:00:00.000Z", "by": "ann"},
           "vote": {"round": 1, "promised": 2, "ballot": 1, "taken": EDITION}, "ended": EDITION}
DETAILS = json.loads(golden.stored_details()[0])
OF_JOBS = ("error", "cancelledAt", "cancelledBy", "creator", "edition", "round", "manifestCid",
           "inc", "rev")
OF_STATES = ("errors", "inFlight", "calls", "tokens", "coerced", "trouble", "owner", "inc", "rev")
JOB_PEERS, JOB_CONTROL = keys.job_peers("job_1_good"), keys.job_control("job_1_good")


def wicked_jobs() -> Iterator[tuple[str, str]]:
    """Field name and value; each under an id of its own, where the value says it."""
    for number, text in enumerate([*damaged(JOB, *OF_JOBS), *bent(JOB)]):
        name = f"job_9_{number}"
        yield name, text.replace('"job_1_good"', f'"{name}"')
    for name in NAMES:
        yield name, changed(JOB, "id", json.dumps(name))
        yield name + "!", json.dumps({**JOB, "id": "job_1_good"})


def wicked_states() -> Iterator[tuple[str, str]]:
    for number, text in enumerate([*damaged(STATE, *OF_STATES), *bent(STATE)]):
        name = f"peer-{number}"
        yield name, text.replace('"local"', f'"{name}"')
    for name in NAMES:
        yield name, changed(STATE, "peerId", json.dumps(name))


def wicked(record: Mapping[str, Any], *more: str) -> Iterator[tuple[str, str]]:
    for number, text in enumerate([*damaged(record, *more), *bent(record)]):
        name = f"peer-{number}"
        yield name, text.replace('"local"', f'"{name}"')
    for name in NAMES:
        yield name, json.dumps({**record, "peerId": name})


class CountingStore(OpenStore):
    """Counts what is read of hashes."""

    reads = 0

    def hgetall(self, hkey: str) -> dict[str, str]:
        self.reads += 1
        return super().hgetall(hkey)


class Planted:
    """A board with one good value of each kind among the wicked ones."""

    def __init__(self) -> None:
        self.store, self.foreign = OpenStore(), Foreign()
        self.board = Board(self.store, foreign=self.foreign)
        self.count: dict[str, int] = {}
        for hkey, good, field, values in (
            (keys.JOBS, JOB, "job_1_good", wicked_jobs()),
            (JOB_PEERS, STATE, "local", wicked_states()),
            (JOB_CONTROL, CONTROL, "local", wicked(CONTROL, "retry", "close", "delete", "at")),
            (keys.PEERS, BEAT, "local", wicked(BEAT, "rev", "mac", "revoked")),
        ):
            for name, text in values:
                self.store.plant(hkey, name, text)
            self.store.plant(hkey, field, json.dumps(good))
            self.count[hkey] = len(self.store.hgetall(hkey))


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


def assert_sound(value: object) -> None:
    """That whatever is shown, named or written of it can be."""
    if isinstance(value, Job):
        assert JOB_ID.fullmatch(value.id)
        assert USER_NAME.fullmatch(value.owner)
        assert value.total_records <= MAX_RECORDS
        assert 0 < len(value.peers) <= MAX_PEERS
        assert all(map(PEER_ID.fullmatch, value.peers))
        assert "/" not in value.details_cid
        assert ".." not in value.details_cid
        assert max(len(value.title), len(value.error or "")) <= 1_000
        assert_drawable(job_answer(JobView(job=value, progress=Case(job=value).progress)))
        assert sum(map(len, shares(value.total_records, value.peers).values())) == \
            value.total_records
    elif isinstance(value, PeerState):
        assert PEER_ID.fullmatch(value.peer_id)
        assert 0 <= value.generated <= len(value.share) <= MAX_RECORDS
        assert len(value.errors) <= 20
        assert len(value.in_flight) <= 48
        assert len(value.coerced) <= 16
        assert len(value.parts) <= 200
        assert all(0 <= part.ok + part.failed <= max(0, part.end - part.start) <= MAX_RECORDS
                   for part in value.parts)
        assert value.effort is None or PEER_ID.fullmatch(value.effort.of)
        for cid in (value.result_cid, value.errors_cid, *(part.cid for part in value.parts)):
            assert cid is None or "/" not in cid
        assert_drawable([e.message for e in value.errors] + [*value.coerced, value.trouble])
    elif isinstance(value, Word):
        assert PEER_ID.fullmatch(value.peer_id)
        for request in vars(value.asked).values():
            assert request is None or USER_NAME.fullmatch(request.by)
        for edition in (value.ended, value.vote and value.vote.taken):
            if edition is not None:
                assert "/" not in edition.manifest_cid
                assert edition.ok + edition.failed <= 2 * MAX_RECORDS
        assert_drawable(word_record(value))
    elif isinstance(value, Beat):
        assert PEER_ID.fullmatch(value.peer_id)
        assert len(value.version) <= 1_000
    for moment in moments(value):
        assert 1970 <= moment.year < 3000
        assert moment.tzinfo is not None


def moments(value: object) -> Iterator[datetime]:
    found: Iterable[object] = vars(value).values() if hasattr(value, "__dict__") else ()
    for inner in found:
        if isinstance(inner, datetime):
            yield inner
        else:
            yield from moments(inner)


def assert_drawable(value: Any) -> None:
    """As the API answers: JSON that every reader takes, in UTF-8."""
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


READERS: list[tuple[str, str, Callable[[Board], Mapping[str, object]]]] = [
    (keys.JOBS, "job_1_good", Board.jobs),
    (JOB_PEERS, "local", lambda board: board.states("job_1_good")),
    (JOB_CONTROL, "local", lambda board: board.words("job_1_good")),
    (keys.PEERS, "local", Board.beats),
]


@pytest.mark.parametrize(("hkey", "good", "read"), READERS, ids=lambda item: str(item)[:24])
def test_what_is_not_ours_is_left_out_and_the_rest_is_sound(
    planted: Planted, hkey: str, good: str, read: Callable[[Board], Mapping[str, object]]
) -> None:
    found = read(planted.board)
    assert planted.count[hkey] > 100
    assert good in found
    assert len(found) < planted.count[hkey] / 2
    assert all(PEER_ID.fullmatch(name) for name in found)  # as job ids are, too
    for value in found.values():
        assert_sound(value)


def test_they_are_counted_by_kind_and_told_in_a_few_clean_lines(
    caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    planted = Planted()
    for _ in range(2):
        for _, _, read in READERS:
            read(planted.board)
    counts = planted.foreign.counts()
    assert set(counts) == {keys.JOBS, "datagen:job:*:peers", "datagen:job:*:control", keys.PEERS}
    assert min(counts.values()) > 100
    assert len(caplog.messages) == MAX_LOGGED + 1
    for line in caplog.messages:
        assert len(line) < 1_000
        assert line.isprintable()
        assert "alert(1)" not in line or "Ignored" in line


def test_one_job_is_read_with_the_same_care(planted: Planted) -> None:
    for name in planted.store.hgetall(keys.JOBS):
        job = planted.board.job(name)
        assert job is None or job.id == name
        if job is not None:
            assert_sound(job)


def test_ten_thousand_foreign_fields_cost_little_and_hide_nothing() -> None:
    store = OpenStore()
    for number in range(10_000):
        store.plant(keys.JOBS, f"stranger {number}", '{"a":[1,2,3]}')
    store.plant(keys.JOBS, "job_1_good", json.dumps(JOB))
    board = Board(store)
    assert set(board.jobs()) == {"job_1_good"}
    assert sum(board._foreign.counts().values()) == 10_000


def test_thousands_of_open_jobs_of_strangers_cost_bounded_reads(tmp_path: Path) -> None:
    """And ours go first, however old the others say they are."""
    store = CountingStore()
    for number in range(3_000):
        store.plant(keys.JOBS, f"job_1_{number}", json.dumps(
            {**JOB, "id": f"job_1_{number}", "createdAt": "1970-01-01T00:00:00.000Z"}))
    store.plant(keys.JOBS, "job_2_ours", json.dumps({**JOB, "id": "job_2_ours", "inc": 1}))
    board, clock = Board(store), HandClock()
    roster = Roster(peer_id="local", cache=tmp_path, board=board, desk=store,
                    files=MemoryFiles(), clock=clock, errands=Errands(Pace(clock=clock)),
                    shelf=Shelf(MemoryFiles(), clock), forget_table=lambda _: None,
                    dead_after=300.0)
    due = roster.survey(frozenset()).due
    assert due[0].job.id == "job_2_ours"
    assert len(due) == MAX_UNMARKED + 1
    assert store.reads < 4 * MAX_UNMARKED

    store.reads = 0
    pages = Snapshots(board=board, desk=store, clock=clock, patience=Patience(None, clock=clock),
                      peers=("local",), active_poll=1, idle_poll=1)
    assert len(pages.current().by_owner["ann"]) == 3_001
    assert store.reads < 3 * MAX_UNMARKED


def test_what_other_peers_claim_never_adds_up_to_more_than_the_job(planted: Planted) -> None:
    job = load_job(json.dumps(JOB))
    for state in planted.board.states("job_1_good").values():
        progress = Case(job=job, states=dict.fromkeys(job.peers, state)).progress
        assert 0 <= progress.ok + progress.failed <= job.total_records
        assert 0 <= progress.done <= job.total_records


def test_answers_of_a_job_hold_its_own_peers_alone(planted: Planted) -> None:
    job = load_job(json.dumps(JOB))
    states = planted.board.states("job_1_good")
    progress = Case(job=job, states=heard(job, states)).progress
    answers = peer_answers(JobView(job=job, progress=progress, states=states))
    assert [answer["peerId"] for answer in answers] == ["local", "other"]
    assert_drawable(answers)


def test_the_worker_surveys_it_without_touching_a_foreign_path(
    planted: Planted, tmp_path: Path
) -> None:
    cache = tmp_path / "a" / "cache"
    cache.mkdir(parents=True)
    outside = sorted(tmp_path.rglob("*"))
    planted.store.plant(keys.JOBS, "job_2_good", json.dumps({**JOB, "id": "job_2_good"}))
    clock = HandClock()
    roster = Roster(peer_id="local", cache=cache, board=planted.board, desk=planted.store,
                    files=MemoryFiles(), clock=clock, errands=Errands(Pace(clock=clock)),
                    shelf=Shelf(MemoryFiles(), clock), forget_table=lambda _: None,
                    dead_after=300.0)
    for _ in range(3):
        due = roster.survey(frozenset()).due
    assert "job_2_good" in {one.job.id for one in due}
    assert all("local" in one.job.peers for one in due)
    assert sorted(tmp_path.rglob("*")) == outside


def test_shares_of_the_largest_job_take_no_time_and_no_room() -> None:
    peers = [f"p{n}" for n in range(MAX_PEERS)]
    found = shares(MAX_RECORDS, peers)
    assert found["p0"] == Share(start=0, end=10_000)
    assert found["p999"].end == MAX_RECORDS


# ------------------------------------------------------------------ any JSON at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.integers(-(10**30), 10**30) | st.sampled_from(["local", "job_1_good", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner,
                                                                 max_size=5),
    max_leaves=20,
)
LOADERS: list[tuple[Callable[[str], object], dict[str, Any]]] = [
    (load_job, JOB), (load_peer, STATE), (load_word, CONTROL), (load_details, DETAILS),
    (load_profiles, {"profiles": [{"id": "a", "baseUrl": "https://a", "apiKey": "k"}]}),
    (load_totals, {"totalJobs": 1, "lastJobAt": None}),
]


@pytest.mark.parametrize(("load", "record"), LOADERS, ids=lambda item: getattr(
    item, "__name__", ""))
@given(data=st.data())
def test_a_mutated_record_is_read_or_is_a_value_error(
    load: Callable[[str], object], record: dict[str, Any], data: st.DataObject
) -> None:
    mutated: Any = record
    for _ in range(data.draw(st.integers(1, 3))):
        names = sorted(mutated) if isinstance(mutated, dict) else []
        name = data.draw(st.sampled_from(names) if names else st.text(max_size=5))
        mutated = {**(mutated if isinstance(mutated, dict) else {}), name: data.draw(JSON)}
    try:
        value = load(dumps(mutated))
    except ValueError:
        return
    assert_sound(value)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")),
       JSON)
def test_any_text_at_all_is_a_value_error(text: str, value: Any) -> None:
    for load, _ in LOADERS[:4]:
        for candidate in (text, dumps(value)):
            with pytest.raises(ValueError, match=r"."):
                load(candidate)
