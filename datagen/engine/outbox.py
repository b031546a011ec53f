"""From a journal to which nothing is added any more to files in the file store, once."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from datagen.domain.errors import StoreError
from datagen.engine.journal import Journal, disk_faults, round_of
from datagen.engine.lock import replace_file
from datagen.ports import FileStore
from datagen.protocol.fields import dumps, from_iso, to_iso


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Where a finished share's files are; kept beside the journal."""

    result_cid: str | None  # None: the job was cancelled before the share's first record
    sha256: str | None  # of that file, hex
    errors_cid: str | None
    finished_at: datetime


def deliver(
    journal: Journal, files: FileStore, *, job_id: str, peer_id: str, now: datetime,
    lost: Collection[str] = (),
) -> Receipt:
    """Upload the ordered records and the list of failures (blocking). Raises StoreError.

    What was uploaded before a crash is not uploaded again, once its receipt was kept; unless
    its file is among the ``lost``.
    """
    path = journal.folder / "receipt.json"
    receipt = _read(path)
    if receipt is None or receipt.result_cid in lost:
        name = f"{job_id}_{peer_id}"
        result_cid = sha256 = errors_cid = None
        if journal.ok + journal.failed:  # there are file stores that refuse an empty file
            # The large one last: what fails before it, or with it, does not repeat it.
            errors_cid, _ = upload(journal.folder, journal.errors, files, f"{name}_errors.json")
            result_cid, sha256 = upload(journal.folder, journal.ordered, files, f"{name}.jsonl")
        receipt = Receipt(result_cid=result_cid, sha256=sha256, errors_cid=errors_cid,
                          finished_at=now)
        replace_file(path, dumps({
            "resultCid": receipt.result_cid,
            "sha256": receipt.sha256,
            "errorsCid": receipt.errors_cid,
            "finishedAt": to_iso(receipt.finished_at),
        }).encode())
    return receipt


def take_back(journal: Journal) -> None:
    """Forget the receipt: the journal has lost records since. Raises StoreError."""
    path = journal.folder / "receipt.json"
    with disk_faults(path):
        path.unlink(missing_ok=True)


def clear(
    folder: Path, files: FileStore, result_cid: str | None, *, until: int = 0
) -> None:
    """Delete a closed share's journal once the store itself can give its result, if any (blocking).

    ``until``: the round it was closed in; a later one may be worked on by now. Raises StoreError
    or NotThere while the store can't; the journal then stays.
    """
    if result_cid is not None:
        files.verify(result_cid)
    discard(folder, until=until)


def discard(folder: Path, *, until: int | None = None) -> None:
    """Delete what is in a share's folder, if anything; ``until``: but journals of later rounds.

    Raises StoreError.
    """
    with disk_faults(folder):
        for path in tuple(folder.iterdir()) if folder.exists() else ():
            if until is None or round_of(path) <= until:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for left in (folder, folder.parent):
            if left.exists() and not any(left.iterdir()):
                left.rmdir()


def upload(
    folder: Path, fill: Callable[[BinaryIO], None], files: FileStore, filename: str
) -> tuple[str, str]:
    """Store what ``fill`` writes; its id, and the SHA-256 of its bytes, hex (blocking).

    It passes through a file in ``folder``. Raises StoreError.
    """
    with disk_faults(folder):
        scratch = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed below, outside the translation of its own errors
    with scratch:
        stream = cast("BinaryIO", scratch)
        fill(stream)
        with disk_faults(folder):
            stream.seek(0)
            sha256 = hashlib.file_digest(scratch, "sha256").hexdigest()
            stream.seek(0)
        return files.add(stream, filename), sha256


def _read(path: Path) -> Receipt | None:
    try:
        record = json.loads(path.read_bytes())
        return Receipt(
            result_cid=_id(record["resultCid"]),
            sha256=_id(record["sha256"]),
            errors_cid=_id(record["errorsCid"]),
            finished_at=from_iso(record["finishedAt"]),
        )
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"{path} can't be read ({exc.strerror}).") from exc
    except (ValueError, KeyError, TypeError):
        return None  # damaged: uploading again gives the same end


def _id(value: object) -> str | None:
    return None if value is None else str(value)
