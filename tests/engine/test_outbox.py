"""Uploading a finished share: once, and only then is its journal given up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datagen.adapters.memory import MemoryFiles
from datagen.domain.errors import NotThere, StoreError
from datagen.domain.jobs import Share
from datagen.engine.journal import Journal, failed_line, folder_of, ok_line
from datagen.engine.outbox import clear, deliver, discard, take_back
from tests.engine.workbench import START


class Named(MemoryFiles):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def add(self, source, filename: str) -> str:
        cid = super().add(source, filename)
        self.names.append(filename)
        return cid


@pytest.fixture
def journal(tmp_path: Path):
    opened = Journal(tmp_path / "job_1" / "p", Share(start=0, end=2))
    opened.append(failed_line(1, "No.", ""))
    opened.append(ok_line(0, {"a": 1}))
    yield opened
    opened.close()


def test_records_go_up_in_order_with_the_list_of_failures(journal: Journal) -> None:
    files = Named()
    receipt = deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    lines = files.open(receipt.result_cid).read().splitlines()
    assert [json.loads(line)["i"] for line in lines] == [0, 1]
    assert json.loads(files.open(receipt.errors_cid).read()) == [{"index": 1, "message": "No."}]
    assert files.names == ["job_1_p_errors.json", "job_1_p.jsonl"]


def test_what_has_a_receipt_is_not_uploaded_again(journal: Journal) -> None:
    files = Named()
    first = deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    again = deliver(journal, files, job_id="job_1", peer_id="p", now=START.replace(year=2027))
    assert again == first
    assert len(files.names) == 2


def test_a_file_that_got_lost_is_uploaded_again_and_once(journal: Journal) -> None:
    files = Named()
    first = deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    lost = {first.result_cid or ""}
    deliver(journal, files, job_id="job_1", peer_id="p", now=START, lost={"another"})
    assert len(files.names) == 2
    later = START.replace(year=2027)
    again = deliver(journal, files, job_id="job_1", peer_id="p", now=later, lost=lost)
    assert (len(files.names), again.finished_at) == (4, later)
    assert deliver(journal, files, job_id="job_1", peer_id="p", now=START) == again
    assert len(files.names) == 4


def test_trouble_with_the_list_of_failures_repeats_no_large_upload(journal: Journal) -> None:
    class Lossy(Named):
        """Its answers are lost at first, though what was sent is stored."""

        def add(self, source, filename: str) -> str:
            cid = super().add(source, filename)
            if len(self.names) < 4:
                raise StoreError("The file store failed.")
            return cid

    files = Lossy()
    for _ in range(3):
        with pytest.raises(StoreError):
            deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    assert files.names.count("job_1_p.jsonl") == 1


def test_without_a_whole_receipt_it_is_uploaded_again(journal: Journal) -> None:
    files = Named()
    first = deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    (journal.folder / "receipt.json").write_text('{"resultCid"')
    assert deliver(journal, files, job_id="job_1", peer_id="p", now=START) == first
    take_back(journal)
    take_back(journal)
    deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    assert len(files.names) == 6


def test_a_journal_goes_only_when_its_result_can_be_read(journal: Journal) -> None:
    files = Named()
    receipt = deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    with pytest.raises(NotThere):
        clear(journal.folder, files, "unknown")
    files.fail_next()
    with pytest.raises(StoreError):
        clear(journal.folder, files, receipt.result_cid)
    assert journal.folder.exists()
    clear(journal.folder, files, receipt.result_cid)
    assert not journal.folder.parent.exists()


def test_what_there_is_goes_up_when_the_share_was_cut_short(tmp_path: Path) -> None:
    files = Named()
    journal = Journal(tmp_path / "job_1" / "p", Share(start=4, end=9))
    journal.append(ok_line(7, {"a": 1}))
    receipt = deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    journal.close()
    assert receipt.result_cid
    assert files.open(receipt.result_cid).read() == b'{"i":7,"ok":true,"data":{"a":1}}\n'


def test_a_share_cut_short_before_its_first_record_uploads_nothing(tmp_path: Path) -> None:
    files = Named()
    journal = Journal(tmp_path / "job_1" / "p", Share(start=4, end=9))
    receipt = deliver(journal, files, job_id="job_1", peer_id="p", now=START)
    again = deliver(journal, files, job_id="job_1", peer_id="p", now=START.replace(year=2027))
    journal.close()
    assert again == receipt
    assert (receipt.result_cid, receipt.errors_cid, files.names) == (None, None, [])
    clear(journal.folder, files, None)
    assert not journal.folder.parent.exists()
    discard(journal.folder)


def test_the_journal_of_a_later_round_stays(tmp_path: Path) -> None:
    earlier, later = (Journal(folder_of(tmp_path, "job_1", "p", number=number),
                              Share(start=0, end=2)) for number in (0, 1))
    for journal in (earlier, later):
        journal.close()

    discard(earlier.folder, until=0)

    assert [path.name for path in earlier.folder.iterdir()] == ["round-1"]
    assert later.folder.exists()
    discard(earlier.folder, until=1)
    assert not earlier.folder.parent.exists()
