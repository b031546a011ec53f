"""One worker per peer id and data folder, and how often it was started."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from datagen.domain.errors import StoreError
from datagen.engine.journal import disk_faults
from datagen.engine.pace import Backoff, Pace

_LOG = logging.getLogger(__name__)
LOOK_AGAIN = 0.5  # seconds between two tries for a lock that is taken


@contextlib.asynccontextmanager
async def alone(
    cache: Path, peer_id: str, pace: Pace, stop: asyncio.Event
) -> AsyncIterator[bool]:
    """Hold the peer's lock; waits for its turn. False when ``stop`` came first.

    The operating system frees the lock of a process that dies, however it dies.
    """
    path = cache / f"{peer_id}.lock"
    held: int | None = None
    backoff = Backoff(pace)
    said = ""
    while held is None and not stop.is_set():
        pause = LOOK_AGAIN
        try:
            held = _take(path)
            message = (
                f"Another worker for peer '{peer_id}' is running (pid {_holder(path)}). "
                "Waiting for it to end."
            )
        except StoreError as exc:
            message, pause = f"{exc} Waiting.", backoff.next()
        if held is None:
            if message != said:
                _LOG.warning(message)
            said = message
            await pace.pause(pause, stop)
    try:
        yield held is not None
    finally:
        if held is not None:
            os.close(held)


def is_taken(cache: Path, peer_id: str) -> bool:
    """Whether some process works as this peer right now. Raises StoreError."""
    path = cache / f"{peer_id}.lock"
    with disk_faults(path):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def _take(path: Path) -> int | None:
    """The lock's file descriptor; None when somebody else holds it. Raises StoreError."""
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


def _holder(path: Path) -> str:
    try:
        return path.read_text()[:20] or "unknown"
    except OSError:
        return "unknown"


def read_starts(cache: Path, peer_id: str) -> int:
    """How often this peer's worker was started on this disk. Raises StoreError."""
    path = cache / f"{peer_id}.starts"
    with disk_faults(path):
        try:
            return int(path.read_text())
        except (FileNotFoundError, ValueError):
            return 0


def keep_starts(cache: Path, peer_id: str, count: int) -> None:
    """Save the count for good before anything is written under it. Raises StoreError."""
    path = cache / f"{peer_id}.starts"
    replace_file(path, str(count).encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file so that it is the old or the new one, never half. Raises StoreError."""
    fresh = path.with_name(f"{path.name}.new")
    with disk_faults(path):
        with fresh.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
