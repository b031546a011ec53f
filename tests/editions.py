"""Jobs whose rounds have ended, without a worker that ends them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Any

from datagen.domain.folds import ended
from datagen.domain.jobs import Edition, Job
from datagen.ports import FileStore
from datagen.protocol.fields import dumps
from datagen.protocol.manifests import Manifest, manifest_record


def sealed(job: Job, files: FileStore, lines: bytes, **said: Any) -> Job:
    """The job's entry once its dataset, these result lines, is stored and agreed on.

    ``said``: fields of the Edition.
    """
    dataset = Manifest(cid=files.add(io.BytesIO(lines), "dataset.jsonl"),
                       sha256=hashlib.sha256(lines).hexdigest())
    good, bad = lines.count(b'"ok":true'), lines.count(b'"ok":false')
    edition = Edition(**{
        "round": 0, "by": job.peers[0], "status": "succeeded" if good else "failed", "ok": good,
        "failed": bad, "manifest_cid": "", "sha256": "", "started_at": job.created_at,
        "finished_at": job.created_at, **said,
    })
    manifest = dumps(manifest_record(job.id, edition, dataset)).encode()
    return ended(job, replace(edition, manifest_cid=files.add(io.BytesIO(manifest), "manifest"),
                              sha256=hashlib.sha256(manifest).hexdigest()))
