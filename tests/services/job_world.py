"""One replica's jobs, datasets and drafts on stores in memory, and a worker's hands."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import JwtSigner
from datagen.adapters.local import LocalStore
from datagen.adapters.memory import MemoryFiles, MemoryStore
from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.jobs import Inference, Job, PeerState, shares
from datagen.domain.users import User
from datagen.protocol import keys
from datagen.protocol.board import Beat, Board
from datagen.protocol.codec import load_job
from datagen.services.datasets import Datasets
from datagen.services.drafts import Draft, Drafts
from datagen.services.jobs import Jobs
from tests.editions import sealed

ANN = User(name="ann", role="user")
BOB = User(name="bob", role="admin")
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


class CountingStore(MemoryStore):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def hgetall(self, hkey: str) -> dict[str, str]:
        self.reads += 1
        return super().hgetall(hkey)


class NoModel:
    """Nobody calls a model here."""

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        raise NotImplementedError

    async def aclose(self) -> None:
        return


class World:
    """Everything a test of jobs needs."""

    def __init__(self, cache_dir: Path, *, peers: tuple[str, ...] = ("local",)) -> None:
        self.clock, self.cache_dir = HandClock(), cache_dir
        self.store = CountingStore()
        self.files = MemoryFiles()
        self.board = Board(self.store)
        self.peers = peers
        self.drafts = Drafts(
            chat=NoModel(), signer=JwtSigner("s" * 32, self.clock), clock=self.clock,
            endpoint=Endpoint(base_url="http://127.0.0.1:1", path="/x"), max_records=100_000,
            peer_id=peers[0],
        )
        self.jobs = self.another_process()
        self.datasets = Datasets(jobs=self.jobs, files=self.files, cache_dir=cache_dir,
                                 clock=self.clock)

    def another_process(self, store: LocalStore | None = None) -> Jobs:
        """``store``: another than this world's."""
        return Jobs(
            board=Board(store or self.store), desk=self.store, files=self.files, drafts=self.drafts,
            clock=self.clock, peers=self.peers, peer_id=self.peers[0], max_records=100_000,
            active_poll=1.0, idle_poll=10.0,
        )

    def draft(self, *, records: int = 4, title: str = "People", draft_id: str = "d1",
              owner: User = ANN, schema: Mapping[str, Any] = SCHEMA) -> Draft:
        now = self.clock.now()
        return Draft(
            id=draft_id, owner=owner.name, title=title, total_records=records,
            description="People", instructions="One person", dataset_mode=False,
            inference=Inference(base_url="http://127.0.0.1:1", path="/x"), schema=schema,
            created_at=now, schema_generated_at=now, schema_duration_ms=45,
        )

    def token(self, **wishes: Any) -> str:
        draft = self.draft(**wishes)
        return self.drafts.sign(User(name=draft.owner, role="user"), draft)

    def confirmed(self, **wishes: Any) -> str:
        owner: User = wishes.get("owner", ANN)
        return self.jobs.confirm(owner, self.token(**wishes))

    def beat(self, peer: str = "local", *, seq: int = 1, at: datetime | None = None) -> None:
        self.board.beat(Beat(peer_id=peer, inc=1, seq=seq, version="1",
                             at=at or self.clock.now()))

    def take_over(self) -> None:
        """The worker publishes what lies on the desk."""
        for draft_id, text in self.store.notes(keys.DESK_JOBS).items():
            self.board.publish(load_job(text))
            self.store.drop(keys.DESK_JOBS, draft_id)

    def report(self, job_id: str, *, peer: str = "local", ok: int, failed: int = 0,
               **said: Any) -> None:
        job = self.published(job_id)
        now = self.clock.now()
        self.board.report(job_id, PeerState(
            peer_id=peer, share=shares(job.total_records, job.peers)[peer], generated_ok=ok,
            generated_failed=failed, started_at=said.pop("started_at", now), inc=1,
            owner=job.owner,
            last_update_at=now, **said,
        ))

    def published(self, job_id: str) -> Job:
        job = self.board.job(job_id)
        assert job is not None
        return job

    def finish(self, job_id: str, lines: Mapping[str, bytes] | bytes) -> None:
        """The workers upload their result files, and the job ends."""
        self.take_over()
        parts = {self.peers[0]: lines} if isinstance(lines, bytes) else lines
        ok = failed = 0
        for peer, content in parts.items():
            good, bad = content.count(b'"ok":true'), content.count(b'"ok":false')
            cid = self.files.add(io.BytesIO(content), f"{job_id}_{peer}.jsonl")
            self.report(job_id, peer=peer, ok=good, failed=bad, result_cid=cid,
                        finished_at=self.clock.now())
            ok, failed = ok + good, failed + bad
        self.board.publish(replace(
            self.published(job_id), status="succeeded" if ok else "failed",
            total_ok=ok, total_failed=failed, total_generated=ok + failed,
            started_at=self.clock.now(), finished_at=self.clock.now(),
        ))
        self.jobs.invalidate()

    def dataset(self, records: Sequence[Mapping[str, Any] | str], *,
                schema: Mapping[str, Any] = SCHEMA, **wishes: Any) -> str:
        """A finished job; a text stands for the reason why that record failed.

        The schema is stored as it is: the earlier application took any.
        """
        job_id = self.confirmed(records=len(records), **wishes)
        self.take_over()
        job = self.published(job_id)
        details = json.loads(self.files.open(job.details_cid).read()) | {"schema": schema}
        cid = self.files.add(io.BytesIO(json.dumps(details).encode()), "details.json")
        self.board.publish(replace(job, details_cid=cid))
        content = b"".join(line(i, record) for i, record in enumerate(records))
        self.finish(job_id, content)
        self.board.publish(sealed(self.published(job_id), self.files, content))
        self.jobs.invalidate()
        return job_id


def line(i: int, record: Mapping[str, Any] | str, raw: str | None = None) -> bytes:
    """A stored result line."""
    said: dict[str, Any] = {"i": i, "ok": not isinstance(record, str)}
    said["error" if isinstance(record, str) else "data"] = record
    if raw is not None:
        said["raw"] = raw
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"
