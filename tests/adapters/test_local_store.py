"""What only the embedded store does: other processes, kills, locks, full disks, upgrades."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from datagen.adapters.local import LocalStore
from datagen.domain.errors import StoreError, StoreFull

ROOT = Path(__file__).parents[2]
PROLOGUE = """
import sys
from pathlib import Path
from datagen.adapters.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[LocalStore]:
    with closing(LocalStore(path, patience=0.05)) as made:
        yield made


@contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process with a ``store`` on the path that is its first argument."""
    with subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + script, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def limited(store: LocalStore, pragma: str) -> None:
    """Put a limit on the connection that the next call will use."""
    with store._connection() as connection:
        connection.execute(f"PRAGMA {pragma}").fetchall()


def test_values_outlive_the_process(path: Path) -> None:
    with closing(LocalStore(path)) as first:
        first.set("key", "plain")
        first.hset("hash", "field", "value")
        first.put_once("jobs", "draft", "note")
    with closing(LocalStore(path)) as second:
        assert second.get("key") == "plain"
        assert second.hgetall("hash") == {"field": "value"}
        assert second.notes("jobs") == {"draft": "note"}


def test_folder_and_files_are_for_their_owner_alone(store: LocalStore, path: Path) -> None:
    store.set("key", "value")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    assert f"{path.name}-wal" in modes
    assert set(modes.values()) == {0o600}


def test_two_processes_write_at_once_and_lose_nothing(store: LocalStore, path: Path) -> None:
    script = """
for n in range(300):
    store.hset("hash", f"{sys.argv[2]}-{n}", sys.argv[2])
    print(store.put_once("jobs", str(n), sys.argv[2]))
"""
    with process(script, path, "web") as web, process(script, path, "worker") as worker:
        seen_by_web = web.communicate()[0].split()
        seen_by_worker = worker.communicate()[0].split()
    assert len(store.hgetall("hash")) == 600
    assert seen_by_web == seen_by_worker
    assert [store.notes("jobs")[str(n)] for n in range(300)] == seen_by_web


def test_many_first_starts_at_once_all_succeed(path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", PROLOGUE + "store.hset('h', sys.argv[2], '1')",
                          str(path), str(n)], cwd=ROOT)
        for n in range(5)
    ]
    assert [one.wait() for one in started] == [0] * 5
    with closing(LocalStore(path)) as store:
        assert len(store.hgetall("h")) == 5


def test_kill_9_in_the_middle_of_writing_loses_no_committed_value(path: Path) -> None:
    script = """
for n in range(int(sys.argv[2]), 1_000_000):
    store.hset("hash", str(n), f"value {n} " * 50)
    store.put_once("jobs", str(n), "note")
    print(n, flush=True)
"""
    chance = random.Random(7)
    committed = -1
    for _ in range(15):
        with process(script, path, committed + 1) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 120)):
                committed = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            for line in writer.stdout:
                committed = int(line)
        with closing(LocalStore(path)) as store:
            expected = {str(n): f"value {n} " * 50 for n in range(committed + 1)}
            assert expected.items() <= store.hgetall("hash").items()
            assert expected.keys() <= store.notes("jobs").keys()
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("size", [20, 20_000])  # within a page, and over several
def test_what_was_replaced_or_deleted_is_nowhere_in_the_files(
    store: LocalStore, path: Path, size: int
) -> None:
    for value in ("first", "second"):
        store.hset("hash", "gone", f"secret {value} " * size)
        store.set("gone", f"secret {value} " * size)
    store.hset("hash", "kept", "plain")
    store.hset("hash", "gone", None)
    store.set("gone", None)
    store.put_once("jobs", "other", "goes on")
    assert all(b"secret" not in file.read_bytes() for file in path.parent.iterdir())
    assert store.hgetall("hash") == {"kept": "plain"}


def test_a_deletion_while_somebody_reads_is_done_and_leaves_nothing_once_another_follows(
    store: LocalStore, path: Path
) -> None:
    store.hset("hash", "gone", "secret")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM hashes").fetchall()
        store.hset("hash", "gone", None)
        assert store.hgetall("hash") == {}
        other.execute("COMMIT")
    store.hset("hash", "another", None)
    assert all(b"secret" not in file.read_bytes() for file in path.parent.iterdir())


def test_reading_goes_on_while_another_process_writes(store: LocalStore, path: Path) -> None:
    store.set("key", "value")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.get("key") == "value"


def test_a_file_that_stays_locked_is_told_and_works_again_later(
    store: LocalStore, path: Path
) -> None:
    store.set("key", "before")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="kept locked by another process"):
            store.set("key", "during")
        with pytest.raises(StoreError, match="kept locked by another process"):
            store.put_once("jobs", "key", "during")
    assert store.get("key") == "before"
    store.set("key", "after")
    assert store.get("key") == "after"


def test_a_full_disk_is_told_and_loses_nothing_stored(store: LocalStore) -> None:
    store.hset("hash", "old", "kept")
    limited(store, "max_page_count = 10")
    with pytest.raises(StoreFull, match="nothing stored was lost"):
        store.hset("hash", "new", "x" * 100_000)
    assert store.hgetall("hash") == {"old": "kept"}
    store.hset("hash", "new", "x" * 100_000)  # the limit went with its connection: room again
    assert len(store.hgetall("hash")) == 2


def test_a_full_disk_during_a_hand_over_leaves_no_half_note(store: LocalStore) -> None:
    limited(store, "max_page_count = 10")
    with pytest.raises(StoreFull):
        store.put_once("jobs", "key", "x" * 100_000)
    assert store.notes("jobs") == {}


def test_a_store_that_may_only_be_read_is_told(store: LocalStore) -> None:
    store.set("key", "value")
    limited(store, "query_only = 1")
    assert store.get("key") == "value"
    with pytest.raises(StoreError, match="can't be written"):
        store.set("key", "other")
    assert store.get("key") == "value"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="DATAGEN_DATA_DIR"):
        LocalStore(tmp_path / "file" / "store.sqlite3")


def test_a_file_that_is_no_store_is_told_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"certainly no database " * 100)
    with pytest.raises(StoreError, match="is damaged"):
        LocalStore(path)
    assert path.read_bytes() == b"certainly no database " * 100


def test_a_store_that_vanished_is_told_and_not_begun_anew(path: Path) -> None:
    with closing(LocalStore(path)) as store:
        limited(store, "query_only = 1")
        with pytest.raises(StoreError):
            store.set("key", "value")  # ends the only connection
        path.unlink()
        with pytest.raises(StoreError, match="can't be opened"):
            store.get("key")
    assert not path.exists()


def test_a_store_of_a_newer_version_is_told_and_left_alone(path: Path) -> None:
    with closing(LocalStore(path)) as store:
        store.set("key", "value")
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="made by a newer DataGen"):
        LocalStore(path)
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (99,)
        assert plain.execute("SELECT * FROM plain").fetchall() == [("key", "value")]


def test_a_start_killed_before_the_schema_stood_is_made_good(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    with closing(LocalStore(path)) as store:
        store.set("key", "value")
        assert store.get("key") == "value"


def test_a_closed_store_says_so(path: Path) -> None:
    store = LocalStore(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.get("key")


def test_a_thousand_fields_of_800_bytes_read_within_10_ms(store: LocalStore) -> None:
    for number in range(1000):
        store.hset("hash", f"job_{number}", "x" * 800)
    spent = []
    for _ in range(15):
        start = time.perf_counter()
        assert len(store.hgetall("hash")) == 1000
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.010  # the best of many: others use this machine too
