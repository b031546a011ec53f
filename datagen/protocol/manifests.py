"""A sealed edition's two files: the manifest, and the dataset that it names.

The manifest is JSON; the dataset holds one result line per record, in order of the index. Who
has read both and found their checksums right can give the edition to anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from datagen.domain.errors import NotThere, StoreError
from datagen.domain.exports import ResultLine
from datagen.domain.jobs import Edition
from datagen.ports import FileStore
from datagen.protocol.fields import SHA256, dumps, id_of, load_object, optional_cid
from datagen.protocol.lines import blocks, result_lines

MAX_MANIFEST = 1024 * 1024  # bytes
MAX_KEYS = 512 * 1024  # bytes of JSON that the names of all fields take; more are not told
_CHUNK = 1024 * 1024
_FIRST_BLOCK, _BLOCK = 64 * 1024, 2 * 1024 * 1024  # bytes of lines: some soon, then many


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where an edition's records are."""

    cid: str | None  # None: it holds no record
    sha256: str  # of the dataset's bytes, hex
    size: int | None = None  # bytes of the dataset; None = not told
    keys: tuple[str, ...] | None = None  # of its records, in order of appearance; None = not told


def manifest_record(job_id: str, edition: Edition, dataset: Manifest) -> dict[str, Any]:
    """The manifest as its file holds it; the edition's own id and checksum are not known yet."""
    said: dict[str, Any] = {"cid": dataset.cid, "sha256": dataset.sha256}
    if dataset.size is not None:
        said["bytes"] = dataset.size
    keys = list(dataset.keys or ())
    if dataset.keys is not None and len(dumps(keys).encode()) <= MAX_KEYS:
        said["keys"] = keys
    return {"job": job_id, "round": edition.round, "by": edition.by, "ok": edition.ok,
            "failed": edition.failed, "dataset": said}


def read_manifest(files: FileStore, edition: Edition) -> Manifest:
    """Raises StoreError while it can't be read, or is not what was sealed."""
    content = b""
    with _opened(files, edition.manifest_cid, most=MAX_MANIFEST, sha256=edition.sha256) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != edition.sha256:
        raise StoreError("The manifest of this dataset is not the one that was sealed.")
    try:
        dataset = load_object(content.decode(), MAX_MANIFEST)["dataset"]
        return Manifest(cid=optional_cid(dataset, "cid"), sha256=id_of(dataset, "sha256", SHA256),
                        keys=_keys(dataset.get("keys")), size=_size(dataset.get("bytes")))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise StoreError("The manifest of this dataset can't be read.") from exc


def _size(said: object) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 0 else None


def _keys(said: object) -> tuple[str, ...] | None:
    if not isinstance(said, list) or not all(isinstance(key, str) for key in said):
        return None
    return tuple(said)


def check_edition(files: FileStore, edition: Edition) -> None:
    """Read all that an edition holds, so that this replica can give it. Raises StoreError."""
    dataset = read_manifest(files, edition)
    if dataset.cid and checksum(files, dataset.cid, dataset.sha256) != dataset.sha256:
        raise StoreError("The records of this dataset are not those that were sealed.")


def checksum(files: FileStore, cid: str, sha256: str | None = None) -> str:
    """SHA-256 of a file, hex; ``sha256``: what it should be. Raises StoreError."""
    return measured(files, cid, sha256)[0]


def measured(files: FileStore, cid: str, sha256: str | None = None) -> tuple[str, int]:
    """A file's SHA-256, hex, and its bytes; ``sha256`` as above. Raises StoreError."""
    digest, size = hashlib.sha256(), 0
    with _opened(files, cid, sha256=sha256) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def edition_lines(files: FileStore, edition: Edition) -> Iterator[ResultLine]:
    """The edition's records in order, read as they are asked for. Raises StoreError at once."""
    stream = _dataset(files, edition)
    return _all_of(stream) if stream else iter(())


def edition_blocks(files: FileStore, edition: Edition) -> Iterator[bytes]:
    """The same as its file has them: whole lines, few at first, then many at a time."""
    stream = _dataset(files, edition)
    return _blocks_of(stream) if stream else iter(())


def _dataset(files: FileStore, edition: Edition) -> BinaryIO | None:
    """The file with the records; None where there are none."""
    found = read_manifest(files, edition)
    return _opened(files, found.cid, sha256=found.sha256) if found.cid else None


def _blocks_of(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        yield from blocks(stream, size=_BLOCK, first=_FIRST_BLOCK)


def _all_of(stream: BinaryIO) -> Iterator[ResultLine]:
    with stream:
        yield from result_lines(stream)


def _opened(
    files: FileStore, cid: str, *, most: int | None = None, sha256: str | None = None
) -> BinaryIO:
    try:
        return files.open(cid, most=most, sha256=sha256)
    except NotThere as exc:
        raise StoreError("A file with records of this job can't be found here, or is not the one "
                         "that was stored. Try again in a moment.") from exc
