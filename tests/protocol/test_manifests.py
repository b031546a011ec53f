"""A sealed edition's files: what is not what was sealed is given to nobody."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from datagen.adapters.memory import MemoryFiles
from datagen.domain.errors import StoreError
from datagen.domain.jobs import Edition
from datagen.protocol.fields import dumps
from datagen.protocol.manifests import (
    MAX_KEYS,
    MAX_MANIFEST,
    Manifest,
    check_edition,
    checksum,
    edition_blocks,
    edition_lines,
    manifest_record,
    read_manifest,
)
from tests.editions import sealed
from tests.engine.workbench import job_of

LINES = b'{"i":0,"ok":true,"data":{"n":0}}\n{"i":2,"ok":false,"error":"no"}\n'
JOB = job_of()


class Stored:
    """One edition and its two files."""

    def __init__(self, lines: bytes = LINES) -> None:
        self.files = MemoryFiles()
        edition = sealed(JOB, self.files, lines).edition
        assert edition is not None
        self.edition = edition

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.files.open(self.edition.manifest_cid).read())
        return found

    def write(self, content: bytes) -> Edition:
        """An edition whose manifest holds this."""
        self.files.put("written", content)
        return replace(self.edition, manifest_cid="written",
                       sha256=hashlib.sha256(content).hexdigest())

    def with_dataset(self, **changes: Any) -> Edition:
        record = self.manifest()
        return self.write(json.dumps(
            record | {"dataset": record["dataset"] | changes}).encode())


@pytest.fixture
def stored() -> Stored:
    return Stored()


def test_its_records_come_in_order_and_only_from_its_own_files(stored: Stored) -> None:
    check_edition(stored.files, stored.edition)
    assert [(line.i, line.ok) for line in edition_lines(stored.files, stored.edition)] == [
        (0, True), (2, False)]


def test_a_manifest_says_of_which_job_and_round_it_is(stored: Stored) -> None:
    dataset = Manifest(cid="c", sha256="0" * 64)
    assert manifest_record(JOB.id, replace(stored.edition, round=3, by="p"), dataset) == {
        "job": JOB.id, "round": 3, "by": "p", "ok": 1, "failed": 1,
        "dataset": {"cid": "c", "sha256": "0" * 64}}


@pytest.mark.parametrize(("keys", "told"), [
    (("a", "é", ""), ("a", "é", "")), ((), ()), (None, None), (("x" * MAX_KEYS,), None),
])
def test_it_names_the_records_fields_and_bytes_where_that_is_little(
    stored: Stored, keys: tuple[str, ...] | None, told: tuple[str, ...] | None
) -> None:
    record = manifest_record(JOB.id, stored.edition, Manifest(
        cid="c", sha256="0" * 64, keys=keys, size=7))
    content = dumps(record).encode()
    edition = replace(stored.edition, manifest_cid=stored.files.add(io.BytesIO(content), "m"),
                      sha256=hashlib.sha256(content).hexdigest())
    found = read_manifest(stored.files, edition)
    assert (found.keys, found.size) == (told, 7)


def test_an_edition_without_a_record_needs_no_dataset(stored: Stored) -> None:
    edition = stored.with_dataset(cid=None, sha256=hashlib.sha256(b"").hexdigest())
    check_edition(stored.files, edition)
    assert list(edition_lines(stored.files, edition)) == []


@pytest.mark.parametrize("read", [read_manifest, check_edition, edition_lines])
class TestManifest:
    def test_one_that_is_not_there_is_trouble_of_the_store(
        self, stored: Stored, read: Any
    ) -> None:
        with pytest.raises(StoreError, match="Try again"):
            read(stored.files, replace(stored.edition, manifest_cid="away"))

    def test_one_that_was_changed_is_refused(self, stored: Stored, read: Any) -> None:
        content = stored.files.open(stored.edition.manifest_cid).read()
        stored.files.put(stored.edition.manifest_cid, content.replace(b'"ok":1', b'"ok":2'))
        with pytest.raises(StoreError, match="not the one that was"):
            read(stored.files, stored.edition)

    @pytest.mark.parametrize("content", [
        b"", b"?", b"[]", b"{}", b'{"dataset":5}', b'{"dataset":[]}', b'{"dataset":{}}',
        b'{"dataset":{"cid":"../../etc/passwd","sha256":"x"}}', b'{"dataset":{"cid":"c"}}',
        b'{"dataset":{"cid":5,"sha256":"x"}}', b"\xff\xfe", b"[" * 50_000,
    ])
    def test_one_that_is_damaged_is_refused_though_it_was_sealed(
        self, stored: Stored, read: Any, content: bytes
    ) -> None:
        with pytest.raises(StoreError, match="can't be read"):
            read(stored.files, stored.write(content))

    def test_one_of_another_size_than_any_is_not_read(self, stored: Stored, read: Any) -> None:
        with pytest.raises(StoreError):
            read(stored.files, stored.write(b" " * (MAX_MANIFEST + 1)))


def test_a_dataset_that_is_away_is_told_before_the_first_record(stored: Stored) -> None:
    edition = stored.with_dataset(cid="away")
    for read in (check_edition, edition_lines):
        with pytest.raises(StoreError, match="Try again"):
            read(stored.files, edition)


def test_a_dataset_with_another_checksum_is_not_carried(stored: Stored) -> None:
    cid = read_manifest(stored.files, stored.edition).cid
    assert cid
    stored.files.put(cid, LINES.replace(b'"n":0', b'"n":1'))
    with pytest.raises(StoreError, match="not the one that was stored"):
        check_edition(stored.files, stored.edition)


def test_a_dataset_that_is_another_than_was_sealed_is_read_by_nobody(stored: Stored) -> None:
    """A node may give it back right once and with another job's lines the next time."""
    check_edition(stored.files, stored.edition)
    cid = read_manifest(stored.files, stored.edition).cid
    assert cid
    stored.files.put(cid, b'{"i":0,"ok":true,"data":{"n":"of another job"}}\n' * 2)
    for read in (edition_lines, edition_blocks):
        with pytest.raises(StoreError, match="not the one that was stored"):
            read(stored.files, stored.edition)


def test_a_checksum_is_that_of_the_whole_file() -> None:
    files, content = MemoryFiles(), b"x" * 3_000_000
    files.put("c", content)
    assert checksum(files, "c") == hashlib.sha256(content).hexdigest()
