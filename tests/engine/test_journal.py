"""The journal: nothing paid for is lost, damage costs itself alone."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.domain.errors import InputError, StoreError, StoreFull
from datagen.domain.jobs import Share
from datagen.domain.records import MAX_RAW
from datagen.engine.journal import Journal, JournalError, failed_line, folder_of, ok_line

SHARE = Share(start=10, end=20)


def lines_of(journal: Journal) -> list[dict]:
    out = io.BytesIO()
    journal.ordered(out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def filled(folder: Path, count: int = 10) -> Path:
    journal = Journal(folder, SHARE)
    for index in range(10, 10 + count):
        journal.append(ok_line(index, {"text": f"é{index}"}))
    journal.close()
    return folder / "journal.jsonl"


def test_what_was_appended_is_there_after_opening_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", SHARE)
    journal.append(ok_line(12, {"a": 1}))
    journal.append(failed_line(11, "It did not fit.", "raw"))
    journal.close()

    again = Journal(tmp_path / "j", SHARE)

    assert (again.ok, again.failed, again.left) == (1, 1, 8)
    assert list(again.missing()) == [10, *range(13, 20)]
    assert [e.message for e in again.latest_errors] == ["It did not fit."]
    assert lines_of(again) == [
        {"i": 11, "ok": False, "error": "It did not fit.", "raw": "raw"},
        {"i": 12, "ok": True, "data": {"a": 1}},
    ]
    again.close()


def test_for_one_index_the_first_stands(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    journal.append(ok_line(10, {"a": 1}))
    journal.append(ok_line(10, {"a": 2}))

    assert lines_of(journal) == [{"i": 10, "ok": True, "data": {"a": 1}}]
    assert (journal.ok, journal.failed) == (1, 0)
    journal.close()


def test_indices_of_another_share_do_not_count(tmp_path: Path) -> None:
    filled(tmp_path)
    journal = Journal(tmp_path, Share(start=0, end=12))
    assert (journal.ok, journal.left) == (2, 10)
    journal.close()


@settings(max_examples=60)
@given(cut=st.integers(0, 10_000), more=st.booleans())
def test_a_torn_end_costs_only_its_own_record(cut: int, more: bool) -> None:
    with TemporaryDirectory() as folder:
        path = filled(Path(folder))
        size = path.stat().st_size
        whole = path.read_bytes()
        os.truncate(path, cut % (size + 1))
        kept = [json.loads(line[9:])["i"] for line in path.read_bytes().split(b"\n")
                if line and line + b"\n" in whole]

        journal = Journal(Path(folder), SHARE)
        assert [line["i"] for line in lines_of(journal)] == kept
        for index in list(journal.missing())[: 1 if more else 10]:
            journal.append(ok_line(index, {"text": "again"}))
        journal.close()

        again = Journal(Path(folder), SHARE)
        assert again.ok == min(10, len(kept) + 1) if more else 10
        assert {line["i"] for line in lines_of(again)} >= set(kept)
        again.close()


@settings(max_examples=60)
@given(at=st.integers(0, 100_000), flip=st.integers(1, 255))
def test_a_flipped_byte_anywhere_costs_at_most_one_record(at: int, flip: int) -> None:
    with TemporaryDirectory() as folder:
        path = filled(Path(folder))
        content = bytearray(path.read_bytes())
        content[at % len(content)] ^= flip
        path.write_bytes(content)

        journal = Journal(Path(folder), SHARE)

        assert journal.ok >= 9
        assert all(line["data"]["text"] == f"é{line['i']}" for line in lines_of(journal))
        journal.close()


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_rubbish_is_read_over(rubbish: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = filled(Path(folder), 2)
        path.write_bytes(rubbish + path.read_bytes() + rubbish)
        journal = Journal(Path(folder), SHARE)
        assert journal.ok == 2
        journal.append(ok_line(15, {}))
        journal.close()
        again = Journal(Path(folder), SHARE)
        assert again.ok == 3
        again.close()


def test_damage_that_comes_later_is_noticed_when_reading_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    journal.append(ok_line(10, {"a": 1}))
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"a":1', b'"a":2'))

    with pytest.raises(JournalError, match="damaged"):
        lines_of(journal)
    journal.close()


def test_errors_are_a_json_list_of_index_and_message(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    empty, full = io.BytesIO(), io.BytesIO()
    journal.errors(empty)
    journal.append(failed_line(14, "b", ""))
    journal.append(failed_line(13, "a", ""))
    journal.errors(full)

    assert empty.getvalue() == b"[]"
    assert json.loads(full.getvalue()) == [
        {"index": 13, "message": "a"}, {"index": 14, "message": "b"},
    ]
    journal.close()


def test_missing_is_lazy_and_skips_what_was_appended_meanwhile(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    missing = journal.missing()
    assert next(missing) == 10
    journal.append(ok_line(11, {}))
    assert next(missing) == 12
    journal.close()


@given(st.sets(st.integers(10, 19)) | st.none(), st.lists(st.integers(5, 25), max_size=20))
def test_what_is_missing_and_what_is_whole_is_told_from_either_end(
    due: set[int] | None, indices: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder), SHARE, due)
        for index in indices:
            journal.append(ok_line(index, {}))
        wanted = set(range(10, 20)) if due is None else due
        missing = sorted(wanted - set(indices))
        assert list(journal.missing()) == missing
        assert list(journal.missing(backwards=True)) == missing[::-1]
        assert journal.left == len(missing)
        assert journal.run() == Share(start=10, end=min(missing, default=20))
        assert journal.run(backwards=True) == Share(start=max(missing, default=9) + 1, end=20)
        journal.close()


def test_of_a_retry_only_what_is_due_is_wanted(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE, [12, 15])
    assert (journal.due, journal.left) == (2, 2)
    assert [index for index in range(8, 22) if journal.lacks(index)] == [12, 15]
    journal.append(ok_line(13, {}))
    assert (journal.ok, journal.left) == (0, 2)
    journal.append(ok_line(12, {}))
    journal.append(failed_line(15, "It did not fit.", ""))
    assert (journal.ok, journal.failed, journal.left) == (1, 1, 0)
    assert [line["i"] for line in lines_of(journal)] == [12, 15]
    journal.close()

    again = Journal(tmp_path, SHARE, [12, 15, 17])  # as another edition has it
    assert list(again.missing()) == [17]
    again.close()


def test_a_retry_in_which_nothing_of_a_share_is_due_is_complete_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE, ())
    assert (journal.left, journal.run(), journal.run(backwards=True)) == (0, SHARE, SHARE)
    assert lines_of(journal) == []
    journal.close()


def test_a_span_of_it_is_counted_and_written_by_itself(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    for index in (12, 10, 19):
        journal.append(ok_line(index, {}))
    journal.append(failed_line(11, "It did not fit.", ""))
    assert journal.counts(SHARE) == (3, 1)
    assert journal.counts(Share(start=11, end=13)) == (1, 1)
    assert journal.counts(Share(start=13, end=13)) == (0, 0)
    out = io.BytesIO()
    journal.ordered(out, Share(start=11, end=19))
    assert [json.loads(line)["i"] for line in out.getvalue().splitlines()] == [11, 12]
    journal.close()


def test_missing_from_the_far_end_is_lazy_as_well(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    indices = journal.missing(backwards=True)
    assert next(indices) == 19
    journal.append(ok_line(18, {}))
    assert next(indices) == 17
    journal.close()


@pytest.mark.parametrize(("of", "number", "below"), [
    (None, 0, ""), ("peer", 0, ""), ("other", 0, "round-0/other"), ("peer", 2, "round-2/peer"),
    ("other", 2, "round-2/other"),
])
def test_each_share_and_round_has_its_own_folder_below_the_peers(
    of: str | None, number: int, below: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, "job_1_a", "peer", of=of, number=number)
    assert folder == tmp_path / "job_1_a" / "peer" / below


def test_raw_is_bounded_and_hostile_text_is_storable(tmp_path: Path) -> None:
    line = failed_line(10, "lone \ud800", "é\ud800" * MAX_RAW)
    assert len(json.loads(line)["raw"].encode()) <= MAX_RAW
    journal = Journal(tmp_path, SHARE)
    journal.append(line)
    assert lines_of(journal)[0]["error"] == "lone ?"
    journal.close()


@pytest.mark.parametrize("data", [{"a": "\ud800"}, {"a": float("nan")}, {"a": float("inf")}])
def test_a_record_that_no_json_file_can_hold_is_refused(data: dict) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json and utf-8 each word it their way
        ok_line(1, data)


@pytest.mark.parametrize(("job", "peer"), [
    ("../x", "local"), ("job_1/..", "local"), ("job_1", ".."), ("job_1", "."),
    ("job_1", "a/b"), ("job_1", ""), ("", "local"), ("job_1\n", "local"), ("job_1", "a\n"),
])
def test_ids_that_must_not_name_a_path_are_refused(job: str, peer: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        folder_of(tmp_path, job, peer)


@pytest.mark.parametrize("of", ["..", ".", "a/b", "a\n", "../../x"])
def test_nor_does_a_helped_peers_id(of: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        folder_of(tmp_path, "job_1", "local", of=of)


def test_a_full_disk_keeps_what_was_there_and_goes_on_later(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    journal.append(ok_line(10, {"text": "x" * 100}))
    before = (tmp_path / "journal.jsonl").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 50, limits[1]))  # half an entry fits
    try:
        with pytest.raises(StoreFull, match="full"):
            journal.append(ok_line(11, {"text": "y" * 100}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)

    assert (journal.ok, journal.left) == (1, 9)
    journal.append(ok_line(11, {"text": "z"}))
    assert [line["i"] for line in lines_of(journal)] == [10, 11]
    journal.close()


def test_a_folder_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="can't be used"):
        Journal(tmp_path / "file" / "j", SHARE)


def test_sync_is_needed_only_after_an_append(tmp_path: Path) -> None:
    journal = Journal(tmp_path, SHARE)
    assert not journal.dirty
    journal.append(ok_line(10, {}))
    assert journal.dirty
    journal.sync()
    assert not journal.dirty
    journal.close()
