"""Stored JSON to values and back: the earlier application's records, and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.domain.jobs import (
    JOB_ID,
    MAX_PARTS,
    MAX_RECORDS,
    PEER_ID,
    Edition,
    Effort,
    Inference,
    InFlight,
    Job,
    JobDetails,
    Part,
    PeerState,
    RecordError,
    Share,
)
from datagen.domain.usage import Usage
from datagen.domain.users import USER_NAME
from datagen.protocol.codec import job_record, load_job, load_peer, peer_record
from datagen.protocol.details import details_record, load_details
from datagen.protocol.fields import SHA256, dumps, from_iso, to_iso
from tests import golden

JOB = json.loads(golden.stored_jobs()[0])
STATE = json.loads(golden.stored_states()[0])
DETAILS = json.loads(golden.stored_details()[0])


class TestEarlierRecords:
    def test_a_finished_job_reads_as_it_was(self) -> None:
        job = load_job(golden.stored_jobs()[0])
        assert (job.id, job.owner, job.title) == (
            "job_1795332059915_e062d0", "admin", "golden 5 records")
        assert job.is_over
        assert job.peers == ("peer1", "peer2")
        assert (job.total_records, job.total_generated, job.total_ok, job.total_failed) == (
            5, 5, 5, 0)
        assert job.created_at == datetime(2026, 11, 22, 7, 20, 59, 915000, UTC)
        assert job.finished_at == datetime(2026, 11, 22, 7, 21, 1, 80000, UTC)
        assert job.records_duration_ms == 929

    def test_a_running_job_has_no_end(self) -> None:
        job = load_job(golden.stored_jobs()[-1])
        assert job.status == "running"
        assert job.started_at is not None
        assert job.finished_at is job.records_duration_ms is job.error is None

    def test_a_running_peer_reads_as_it_was(self) -> None:
        state = load_peer(golden.stored_states()[-1])
        assert (state.peer_id, state.share) == ("peer2", Share(start=10, end=20))
        assert state.generated == 5
        assert state.finished_at is state.result_cid is None
        assert (state.inc, state.rev, state.in_flight) == (0, 0, ())

    def test_the_details_of_a_job_read_as_they_were(self) -> None:
        details = load_details(golden.stored_details()[0])
        assert details.inference == Inference(
            base_url="http://127.0.0.1:18789", path="/create_chat_completion")
        assert details.schema["required"][0] == "record_id"

    @pytest.mark.parametrize("text", golden.stored_jobs())
    def test_a_job_written_by_us_holds_all_it_held(self, text: str) -> None:
        assert job_record(load_job(text)).items() >= json.loads(text).items()

    @pytest.mark.parametrize("text", golden.stored_states())
    def test_a_peer_written_by_us_holds_all_it_held(self, text: str) -> None:
        assert peer_record(load_peer(text)).items() >= json.loads(text).items()

    @pytest.mark.parametrize("text", golden.stored_details())
    def test_details_written_by_us_hold_all_they_held(self, text: str) -> None:
        assert details_record(load_details(text)).items() >= json.loads(text).items()

    def test_the_api_shows_jobs_as_before(self) -> None:
        answers = golden.vector("api_responses")
        assert [job_record(load_job(dumps(JOB)))] == answers["tasks"]["jobs"]
        for shown in answers["task"]["peers"]:
            assert peer_record(load_peer(dumps(shown))).items() >= shown.items()


class TestTimes:
    @pytest.mark.parametrize("text", [
        "2026-11-22T07:21:00.151Z", "2026-11-22T08:21:00.151+01:00", "2026-11-22T07:21:00.151",
    ])
    def test_any_zone_reads_as_utc(self, text: str) -> None:
        assert from_iso(text) == datetime(2026, 11, 22, 7, 21, 0, 151000, UTC)

    @given(st.timedeltas(timedelta(0), timedelta(days=50_000)), st.integers(-12, 14))
    def test_a_time_comes_back_to_the_millisecond(self, since: timedelta, hours: int) -> None:
        moment = datetime(1970, 1, 2, tzinfo=timezone(timedelta(hours=hours))) + since
        text = to_iso(moment)
        assert text.endswith("Z")
        assert len(text) == 24
        assert timedelta(0) <= moment - from_iso(text) < timedelta(milliseconds=1)

    @pytest.mark.parametrize("text", [
        None, 5, "", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z",
    ])
    def test_what_is_no_time_is_a_value_error(self, text: object) -> None:
        with pytest.raises(ValueError, match=r"."):
            from_iso(text)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNTS = st.integers(0, 2**53 - 1)
TIMES = st.integers(0, 32_503_679_999_999).map(  # until the end of the year 2999
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
JOB_IDS = st.from_regex(JOB_ID, fullmatch=True)
PEER_IDS = st.from_regex(PEER_ID, fullmatch=True)
USER_NAMES = st.from_regex(USER_NAME, fullmatch=True)
CIDS = st.text("abcXYZ019_-", min_size=1, max_size=128)
TOTALS = st.integers(0, MAX_RECORDS)
SHARES = st.tuples(TOTALS, TOTALS).map(lambda p: Share(start=min(p), end=max(p)))
EDITIONS = st.builds(
    Edition, round=COUNTS, by=PEER_IDS, forced=st.booleans(), ok=TOTALS, failed=TOTALS,
    status=st.sampled_from(["succeeded", "failed"]), manifest_cid=CIDS,
    sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True), started_at=st.none() | TIMES,
    finished_at=TIMES, error=st.none() | TEXTS, cancelled_at=st.none() | TIMES,
    cancelled_by=st.none() | TEXTS,
)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    share = draw(SHARES)
    ok = draw(st.integers(0, len(share)))
    return Part(start=share.start, end=share.end, cid=draw(st.just("") | CIDS), ok=ok,
                sha256=draw(st.none() | st.from_regex(SHA256, fullmatch=True)),
                round=draw(COUNTS), failed=draw(st.integers(0, len(share) - ok)),
                whole=draw(st.booleans()))


class TestOurRecords:
    @given(st.builds(
        Job, id=JOB_IDS, owner=USER_NAMES, title=TEXTS, details_cid=CIDS, total_records=TOTALS,
        peers=st.lists(PEER_IDS, min_size=1, unique=True).map(tuple), total_generated=COUNTS,
        total_ok=COUNTS,
        total_failed=COUNTS, created_at=TIMES, schema_generated_at=TIMES, updated_at=TIMES,
        schema_duration_ms=COUNTS, schema_refreshes=COUNTS, started_at=st.none() | TIMES,
        finished_at=st.none() | TIMES, records_duration_ms=st.none() | COUNTS,
        error=st.none() | TEXTS, dataset_mode=st.booleans(), cancelled_at=st.none() | TIMES,
        cancelled_by=st.none() | TEXTS, creator=TEXTS, edition=st.none() | EDITIONS,
        inc=st.integers(1, 2**53 - 1), rev=COUNTS,
    ))
    def test_a_job_comes_back_as_it_was(self, job: Job) -> None:
        assert load_job(dumps(job_record(job))) == job

    @given(st.builds(
        PeerState, peer_id=PEER_IDS, share=SHARES,
        started_at=st.none() | TIMES, last_update_at=st.none() | TIMES,
        finished_at=st.none() | TIMES, result_cid=st.none() | CIDS,
        errors_cid=st.none() | CIDS, under_way=COUNTS, allowed=st.none() | COUNTS,
        usage=st.builds(Usage, calls=COUNTS, attempts=COUNTS, prompt_tokens=COUNTS,
                        completion_tokens=COUNTS, estimated_tokens=COUNTS, waiting_ms=COUNTS,
                        working_ms=COUNTS), trouble=st.none() | TEXTS, inc=COUNTS, rev=COUNTS,
        errors=st.lists(st.builds(RecordError, index=COUNTS, message=TEXTS),
                        max_size=3).map(tuple),
        parts=st.lists(parts(), max_size=3).map(tuple), owner=st.none() | USER_NAMES,
        effort=st.none() | st.builds(Effort, of=PEER_IDS, round=COUNTS, ok=TOTALS, failed=TOTALS),
        coerced=st.dictionaries(TEXTS, COUNTS, max_size=4),
        in_flight=st.lists(st.builds(InFlight, index=COUNTS, attempt=COUNTS, started_at=TIMES),
                           max_size=3).map(tuple),
    ), st.floats(0, 1), st.floats(0, 1))
    def test_a_peer_comes_back_as_it_was(
        self, state: PeerState, done: float, good: float
    ) -> None:
        generated = int(done * len(state.share))
        ok = int(good * generated)
        state = replace(state, generated_ok=ok, generated_failed=generated - ok)
        assert load_peer(dumps(peer_record(state))) == state

    def test_a_job_without_our_mark_has_no_edition_whoever_writes_one(self) -> None:
        edition = Edition(round=0, by="p", status="succeeded", ok=1, failed=0, manifest_cid="m",
                          sha256="0" * 64, finished_at=datetime(2026, 1, 1, tzinfo=UTC))
        record = job_record(replace(load_job(dumps(JOB)), edition=edition))
        assert load_job(dumps(record)).edition is None
        assert load_job(dumps(record | {"inc": 1})).edition == edition

    def test_more_parts_than_any_peer_has_are_not_read(self) -> None:
        many = [{"from": n, "to": n + 1, "cid": "c", "ok": 1, "failed": 0} for n in range(999)]
        assert len(load_peer(dumps(STATE | {"parts": many})).parts) == MAX_PARTS

    @pytest.mark.parametrize("part", [
        {"from": 5, "to": 3, "ok": 1, "failed": 0}, {"from": 0, "to": 3, "ok": 2, "failed": 2},
        {"from": 0, "to": 3, "ok": 4, "failed": 0}, {"from": 0, "to": MAX_RECORDS + 1, "ok": 1},
        {"from": 0, "to": 3, "ok": 1, "failed": 0, "cid": "../etc"}, {"from": 0, "ok": 1},
    ])
    def test_a_part_that_claims_more_than_its_range_is_a_value_error(
        self, part: dict[str, Any]
    ) -> None:
        with pytest.raises(ValueError, match=r"."):
            load_peer(dumps(STATE | {"parts": [part]}))

    def test_details_come_back_as_they_were_and_know_no_key(self) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        details = JobDetails(
            id="job_1", owner="ann", description="d", instructions="i",
            schema={"type": "object"}, dataset_mode=True, created_at=now,
            schema_generated_at=now, schema_duration_ms=5, schema_refreshes=2,
            inference=Inference(base_url="https://m", path="/p", model="m", profile_id="p1",
                                parameters={"temperature": 1}, use_external_api=True),
        )
        text = dumps(details_record(details))
        assert load_details(text) == details
        assert "key" not in text.lower()

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
    def test_whatever_is_written_can_be_stored_and_read(self, value: Any) -> None:
        text = dumps(value)
        text.encode()  # no half characters
        assert json.loads(text) == json.loads(json.dumps(value))

    def test_half_a_character_in_a_stored_text_becomes_a_question_mark(self) -> None:
        text = dumps(JOB | {"title": "cut \ud83e"})
        assert "\\ud83e" in text
        assert load_job(text).title == "cut ?"

    def test_the_latest_failures_are_read_when_there_are_too_many(self) -> None:
        many = [{"index": n, "message": "m"} for n in range(50)]
        errors = load_peer(dumps(STATE | {"errors": many})).errors
        assert [error.index for error in errors] == list(range(30, 50))

    def test_the_first_fields_with_converted_values_are_read_when_there_are_too_many(self) -> None:
        many = {f"f{n}": n for n in range(50)}
        assert load_peer(dumps(STATE | {"coerced": many})).coerced == dict([*many.items()][:16])

    def test_durations_that_two_clocks_made_nonsense_of_are_left_out(self) -> None:
        job = load_job(dumps(JOB | {"recordsDurationMs": -12, "schemaDurationMs": -1}))
        assert job.records_duration_ms is None
        assert job.schema_duration_ms == 0


HOSTILE_VALUES: list[Any] = [
    None, True, -1, 1.5, 2**53, 10**400, "", "x", [], ["x"], [[]], {}, {"a": 1},
    "\ud800", [None], [{"index": "x"}], {"start": 9, "end": 3}, {"start": True, "end": 3},
    "0001-01-01T00:00:00+14:00", {"of": "p", "ok": 1, "failed": 0}, {"of": 5}, {"round": -1},
]
HOSTILE_TEXTS = [
    "", "null", "5", "[]", '"text"', "{", "{}", '{"id":1}', "[" * 100_000, "NaN",
    '{"a":' * 100_000, "\x00", '{"status":["queued"]}', "9" * 5000,
]
LOADS: list[tuple[Callable[[str], object], dict[str, Any]]] = [
    (load_job, JOB), (load_job, JOB | {"inc": 1}), (load_peer, STATE), (load_details, DETAILS),
]


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=lambda text: text[:20])
@pytest.mark.parametrize(("load", "_"), LOADS)
def test_a_text_that_is_no_record_is_a_value_error(
    load: Callable[[str], object], _: object, text: str
) -> None:
    with pytest.raises(ValueError, match=r"."):
        load(text)


@pytest.mark.parametrize(("load", "record"), LOADS)
@pytest.mark.parametrize("hostile", HOSTILE_VALUES, ids=lambda value: repr(value)[:20])
def test_a_hostile_field_is_a_value_error_or_does_no_harm(
    load: Callable[[str], object], record: dict[str, Any], hostile: Any
) -> None:
    ours = {"errors", "inFlight", "tokens", "trouble", "error", "calls", "inc", "rev", "coerced",
            "cancelledAt", "cancelledBy", "creator", "edition", "round", "manifestCid", "parts",
            "effort", "owner"}
    for name in {*record, *ours}:
        try:
            value = load(json.dumps(record | {name: hostile}))
        except ValueError:
            continue
        _is_well_typed(value)


def _is_well_typed(value: object) -> None:
    """Whether what we would show or write of it can be shown and written."""
    if isinstance(value, Job):
        dumps(job_record(value)).encode()
        assert isinstance(value.error, str | None)
    elif isinstance(value, PeerState):
        dumps(peer_record(value)).encode()
        assert len(value.share) >= 0
        assert isinstance(value.result_cid, str | None)
    elif isinstance(value, JobDetails):
        dumps(details_record(value)).encode()
        assert isinstance(value.inference.model, str | None)


def test_a_job_that_lists_a_peer_twice_is_not_ours() -> None:
    text = json.dumps({
        "id": "job_1_a", "owner": "ann", "title": "t", "status": "queued", "totalRecords": 4,
        "peers": ["p", "p"], "jobDetailsCid": "c", "createdAt": "2026-01-01T00:00:00.000Z",
    })
    with pytest.raises(ValueError, match="twice"):
        load_job(text)
    assert load_job(text.replace('["p", "p"]', '["p", "q"]')).peers == ("p", "q")
