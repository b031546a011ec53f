"""What only the local file store does: names, rights, kills, full disks, its log."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datagen.adapters.local import LocalFiles
from datagen.adapters.whole_files import translated
from datagen.domain.errors import NotThere, StoreError, StoreFull

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "files"


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let the system refuse to let any file grow beyond ``size`` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_id_begins_with_the_sha_256_of_the_content(folder: Path) -> None:
    cid = LocalFiles(folder).add(io.BytesIO(b"content"), "a.txt")
    assert cid[:64] == hashlib.sha256(b"content").hexdigest()
    assert LocalFiles(folder).add(io.BytesIO(b"content"), "a.txt") == cid


def test_a_file_of_an_earlier_version_is_read_and_never_removed(folder: Path) -> None:
    files = LocalFiles(folder)
    cid = hashlib.sha256(b"content").hexdigest()
    (folder / cid).write_bytes(b"content")
    files.remove(cid)
    with files.open(cid) as stream:
        assert stream.read() == b"content"


def test_what_is_removed_leaves_no_name_behind(folder: Path) -> None:
    files = LocalFiles(folder)
    kept, gone = (files.add(io.BytesIO(b"content"), name) for name in ("a.txt", "b.txt"))
    files.remove(gone)
    files.remove("../files")
    assert [entry.name for entry in folder.iterdir()] == [kept]


def test_folder_and_files_are_for_their_owner_alone(folder: Path) -> None:
    folder = folder / "made" / "files"
    cid = LocalFiles(folder).add(io.BytesIO(b"content"), "a.txt")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / cid).stat().st_mode) == 0o600


def test_storing_again_heals_a_damaged_file(folder: Path) -> None:
    files = LocalFiles(folder)
    cid = files.add(io.BytesIO(b"content"), "a.txt")
    (folder / cid).write_bytes(b"damaged")
    files.add(io.BytesIO(b"content"), "a.txt")
    assert (folder / cid).read_bytes() == b"content"


def test_a_damaged_file_is_not_verified(folder: Path) -> None:
    files = LocalFiles(folder)
    cid = files.add(io.BytesIO(b"content"), "a.txt")
    files.verify(cid)
    (folder / cid).write_bytes(b"damaged")
    with pytest.raises(StoreError, match="damaged"):
        files.verify(cid)


def test_a_reader_keeps_its_stream_while_the_file_is_stored_again(folder: Path) -> None:
    files = LocalFiles(folder)
    cid = files.add(io.BytesIO(b"content"), "a.txt")
    with files.open(cid) as stream:
        files.add(io.BytesIO(b"content"), "a.txt")
        assert stream.read() == b"content"


def test_a_full_disk_is_told_and_leaves_nothing_half_stored(folder: Path) -> None:
    files = LocalFiles(folder)
    kept = files.add(io.BytesIO(b"kept"), "kept.txt")
    with no_file_beyond(100_000), pytest.raises(StoreFull, match="nothing stored was lost"):
        files.add(io.BytesIO(b"x" * 5_000_000), "big.bin")
    assert [entry.name for entry in folder.iterdir()] == [kept]


@pytest.mark.parametrize(("number", "kind"), [
    (errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull),
    (errno.EROFS, StoreError), (errno.EACCES, StoreError), (errno.EIO, StoreError),
])
def test_the_systems_errors_become_ours(number: int, kind: type[StoreError]) -> None:
    assert type(translated(OSError(number, os.strerror(number)), Path("/data"), "X")) is kind


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="DATAGEN_DATA_DIR"):
        LocalFiles(tmp_path / "file" / "files")


def test_kill_9_in_the_middle_of_a_copy_leaves_no_file_by_any_id(folder: Path) -> None:
    script = """
import io, sys
from pathlib import Path
from datagen.adapters.local import LocalFiles
class Endless(io.RawIOBase):
    def read(self, size=-1):
        print("asked", flush=True)
        return b"x" * size
LocalFiles(Path(sys.argv[1])).add(Endless(), "endless.bin")
"""
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], cwd=ROOT,
                          stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        writer.stdout.read()
    assert [entry.suffix for entry in folder.iterdir()] == [".part"]


def test_leftovers_go_at_a_start_a_day_later_and_nothing_else_does(folder: Path) -> None:
    cid = LocalFiles(folder).add(io.BytesIO(b"content"), "a.txt")
    for name in ("old.part", "young.part"):
        (folder / name).write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(folder / "old.part", (two_days_ago, two_days_ago))
    os.utime(folder / cid, (two_days_ago, two_days_ago))
    LocalFiles(folder)
    assert {entry.name for entry in folder.iterdir()} == {cid, "young.part"}


def test_calls_are_logged_when_asked_without_contents(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = LocalFiles(folder, log_calls=True)
    cid = files.add(io.BytesIO(b"confidential"), "job_1_local.jsonl")
    files.open(cid).close()
    with pytest.raises(NotThere):
        files.open("0" * 64)
    assert caplog.messages == [
        "File call: add job_1_local.jsonl ...",
        f"File call done: add job_1_local.jsonl: {cid}, 12 bytes",
        f"File call: open {cid} ...",
        f"File call done: open {cid}: 12 bytes",
        f"File call: open {'0' * 64} ...",
        f"File call failed: open {'0' * 64}: NotThere",
    ]


def test_a_hostile_name_stays_on_its_line_of_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    LocalFiles(folder, log_calls=True).add(io.BytesIO(b"x"), "a\nERROR: \x1b[31mfaked" + "x" * 999)
    assert all("\n" not in line and "\x1b" not in line for line in caplog.messages)
    assert all(len(line) < 300 for line in caplog.messages)


def test_nothing_is_logged_unless_asked(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    LocalFiles(folder).add(io.BytesIO(b"content"), "a.txt")
    assert caplog.messages == []
