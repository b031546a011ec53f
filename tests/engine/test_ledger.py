"""Which files a job has, whoever still names them."""

from __future__ import annotations

import io

from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.engine.ledger import Ledger
from datagen.protocol import keys


def test_it_knows_the_files_of_a_job_until_they_are_removed() -> None:
    desk = MemoryStore()
    ledger = Ledger(MemoryFiles(), desk)
    part = ledger.add(io.BytesIO(b"1"), "job_1_a_A_round0_0-1.jsonl")
    whole = ledger.add(io.BytesIO(b"2"), "job_1_a_A.jsonl")
    other = ledger.add(io.BytesIO(b"3"), "job_1_ab_A.jsonl")

    assert sorted(ledger.of("job_1_a")) == sorted([part, whole])
    ledger.remove(part)
    assert ledger.of("job_1_a") == [whole]
    assert ledger.of("job_1_ab") == [other]
    assert set(desk.notes(keys.DESK_STORED)) == {whole, other}


def test_another_start_knows_them_too_and_reads_as_before() -> None:
    desk, files = MemoryStore(), MemoryFiles()
    cid = Ledger(files, desk).add(io.BytesIO(b"text"), "job_1_a_A.jsonl")
    later = Ledger(files, desk)
    assert later.of("job_1_a") == [cid]
    later.verify(cid)
    with later.open(cid) as stream:
        assert stream.read() == b"text"
