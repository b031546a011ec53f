"""A dataset as one ZIP file: records, schema, what was asked, a card and checksums."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

FILES = (
    ("data.csv", "the records as a table, nested values as JSON"),
    ("data.jsonl", "the records exactly, one per line"),
    ("data.parquet", "the records as a typed table"),
    ("schema.json", "the JSON schema that every record fits"),
    ("job.json", "what was asked for, of which model, and what came of it"),
    ("README.md", "this card"),
    ("SHA256SUMS", "checksums: sha256sum -c SHA256SUMS"),
)
_EARLIEST = 1980  # of a file in a ZIP archive
_QUICK = 1  # compression level: three times as fast as the default, a tenth larger


def write_bundle(
    path: Path, contents: Sequence[tuple[str, Callable[[], Iterable[bytes]]]], *,
    made_at: datetime, progress: Callable[[float], None],
) -> None:
    """Write the files to ``path``, then their checksums; equal contents, equal bytes.

    Raises OSError.
    """
    sums: list[str] = []
    stamp = (max(made_at.year, _EARLIEST), *made_at.timetuple()[1:6])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_QUICK) as archive:
        for n, (name, chunks) in enumerate(contents):
            digest = hashlib.sha256()
            with archive.open(_entry(name, stamp), "w", force_zip64=True) as out:
                for chunk in chunks():
                    digest.update(chunk)
                    out.write(chunk)
            sums.append(f"{digest.hexdigest()}  {name}\n")
            progress((n + 1) / (len(contents) + 1))
        archive.writestr(_entry("SHA256SUMS", stamp), "".join(sums))


def json_file(value: Any) -> list[bytes]:
    """A value as a file that people read."""
    return [json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"]


def _entry(name: str, stamp: tuple[int, ...]) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (stamp[0], stamp[1], stamp[2], stamp[3], stamp[4], stamp[5]))
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".parquet") else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
