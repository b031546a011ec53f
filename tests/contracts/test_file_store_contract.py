"""What every FileStore does."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, cast

import pytest

from datagen.domain.errors import NotThere
from datagen.ports import FileStore


def _read(files: FileStore, cid: str) -> bytes:
    with files.open(cid) as stream:
        return stream.read()


@pytest.mark.parametrize("size", [1, 4096, 3_000_001])
def test_a_file_comes_back_byte_for_byte(files: FileStore, size: int) -> None:
    content = bytes(n % 251 for n in range(size))
    assert _read(files, files.add(io.BytesIO(content), "data.bin")) == content


def test_a_file_that_is_not_the_one_that_was_meant_is_not_there(files: FileStore) -> None:
    cid = files.add(io.BytesIO(b"content"), "data.bin")
    for _ in range(2):
        with files.open(cid, sha256=hashlib.sha256(b"content").hexdigest()) as stream:
            assert stream.read() == b"content"
    with pytest.raises(NotThere, match="not the one that was stored"):
        files.open(cid, sha256=hashlib.sha256(b"another").hexdigest())


def test_a_file_is_read_as_a_stream(files: FileStore) -> None:
    cid = files.add(io.BytesIO(b"one\ntwo\nthree\n"), "lines.jsonl")
    with files.open(cid) as stream:
        assert next(iter(stream)) == b"one\n"
        assert stream.read(3) == b"two"


def test_it_stores_from_where_the_source_stands(files: FileStore) -> None:
    source = io.BytesIO(b"skipped|kept")
    source.seek(8)
    assert _read(files, files.add(source, "data.bin")) == b"kept"


def test_different_contents_have_different_ids(files: FileStore) -> None:
    assert files.add(io.BytesIO(b"a"), "same.txt") != files.add(io.BytesIO(b"b"), "same.txt")


def test_storing_the_same_again_leaves_both_ids_readable(files: FileStore) -> None:
    first = files.add(io.BytesIO(b"same"), "a.txt")
    second = files.add(io.BytesIO(b"same"), "b.txt")
    assert _read(files, first) == _read(files, second) == b"same"


def test_a_file_that_is_removed_is_not_there_and_may_be_removed_again(files: FileStore) -> None:
    cid = files.add(io.BytesIO(b"content"), "a.txt")
    files.remove(cid)
    files.remove(cid)
    with pytest.raises(NotThere):
        files.open(cid)
    assert _read(files, files.add(io.BytesIO(b"content"), "a.txt")) == b"content"


def test_removing_a_file_leaves_an_equal_one_of_another_name(files: FileStore) -> None:
    first = files.add(io.BytesIO(b"same"), "job_1.jsonl")
    second = files.add(io.BytesIO(b"same"), "job_2.jsonl")
    files.remove(first)
    assert _read(files, second) == b"same"


def test_who_reads_a_file_that_is_removed_may_finish(files: FileStore) -> None:
    cid = files.add(io.BytesIO(b"content"), "a.txt")
    with files.open(cid) as stream:
        files.remove(cid)
        assert stream.read() == b"content"


@pytest.mark.parametrize("cid", [
    "0" * 80, "0" * 64, "0" * 32, "", ".", "..", "../store.sqlite3", "/etc/passwd", "a/b", "a\x00b",
    "0" * 80 + "\n", "Q" * 80, "ü",
], ids=repr)
def test_an_id_that_names_no_file_is_not_there(files: FileStore, cid: str) -> None:
    files.add(io.BytesIO(b"something"), "a.txt")
    with pytest.raises(NotThere):
        files.open(cid)
    files.remove(cid)


def test_what_the_store_can_give_back_is_verified(files: FileStore) -> None:
    files.verify(files.add(io.BytesIO(b"content"), "a.txt"))
    with pytest.raises(NotThere):
        files.verify("0" * 64)


@pytest.mark.parametrize("filename", ["", "../../x", "a\nb", "ü☃", "x" * 5000], ids=repr)
def test_a_strange_file_name_does_no_harm(files: FileStore, filename: str) -> None:
    assert _read(files, files.add(io.BytesIO(b"content"), filename)) == b"content"


class _Breaks(io.RawIOBase):
    """A source that gives some bytes and then fails."""

    def __init__(self) -> None:
        self._calls = 0

    def read(self, size: int = -1) -> bytes:
        self._calls += 1
        if size < 0 or self._calls > 1:
            raise ConnectionResetError("the source went away")
        return b"half"


def test_a_source_that_breaks_is_not_the_stores_error(files: FileStore) -> None:
    with pytest.raises(ConnectionResetError):
        files.add(cast("BinaryIO", _Breaks()), "broken.txt")
    assert _read(files, files.add(io.BytesIO(b"whole"), "whole.txt")) == b"whole"


def test_many_at_once_store_one_content(files: FileStore) -> None:
    content = b"row\n" * 100_000
    with ThreadPoolExecutor(4) as pool:
        cids = list(pool.map(lambda _: files.add(io.BytesIO(content), "a.jsonl"), range(8)))
    assert all(_read(files, cid) == content for cid in set(cids))
