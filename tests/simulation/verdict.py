"""What must hold in the end, seen as people see it: through the pages' own code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from datagen.adapters.crypto import JwtSigner
from datagen.domain.chat import Endpoint
from datagen.domain.downloads import Wish
from datagen.domain.errors import DatagenError
from datagen.domain.jobs import Job
from datagen.domain.titles import is_named
from datagen.domain.users import User
from datagen.protocol import keys
from datagen.protocol.board import Board
from datagen.protocol.codec import load_job
from datagen.protocol.requests import deleted_here
from datagen.services.datasets import Datasets
from datagen.services.drafts import Drafts
from datagen.services.jobs import Jobs
from tests.services.job_world import NoModel
from tests.simulation.network import Node, NodeStores
from tests.simulation.replica import SEAL, Replica
from tests.simulation.watch import Watch
from tests.simulation.world import World

OWNER = User(name="ada", role="user")


@dataclass(frozen=True, kw_only=True)
class Pages:
    """A replica's web process."""

    stores: NodeStores
    jobs: Jobs
    datasets: Datasets


def pages_of(replica: Replica) -> Pages:
    """One that was just started."""
    stores = NodeStores(replica.network, replica.name, calm=True)
    clock = replica.clock
    jobs = Jobs(
        board=Board(stores, seal=SEAL), desk=replica.desk, files=stores,
        drafts=Drafts(chat=NoModel(), signer=JwtSigner("s" * 32, clock), clock=clock,
                      endpoint=Endpoint(base_url="http://127.0.0.1:1", path="/x"),
                      max_records=100, peer_id=replica.name),
        clock=clock, peers=replica.settings.peers, peer_id=replica.name, max_records=100,
        active_poll=1.0, idle_poll=10.0,
    )
    return Pages(stores=stores, jobs=jobs,
                 datasets=Datasets(jobs=jobs, files=stores, cache_dir=replica.folder,
                                   clock=clock))


@dataclass(kw_only=True)
class Ended:
    """What was asked for and has to come."""

    _asked: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # (job, what) -> where

    def asked(self, job: str, what: str, where: str) -> None:
        self._asked.setdefault((job, what), set()).add(where)

    def disk_lost(self, where: str) -> None:
        """What was asked there may be lost as well."""
        for places in self._asked.values():
            places.discard(where)

    def wants(self, job: str, what: str) -> bool:
        return bool(self._asked.get((job, what)))

    def open_on(self, watch: Watch, world: World, jobs: Iterable[Job]) -> str | None:
        """What is not over yet on some replica that lives; None = all is."""
        living = [name for name in world.replicas if name not in world.dead]
        for job in jobs:
            if any(_has(watch, world, job, name) for name in living):
                for name in living:
                    problem = self._open_here(watch, world, job, name)
                    if problem is not None:
                        return problem
        return None

    def _open_here(self, watch: Watch, world: World, job: Job, name: str) -> str | None:
        gone, replica = self.wants(job.id, "delete"), world.replicas[name]
        text = world.net.nodes[name].hashes.get(keys.JOBS, {}).get(job.id)
        known = job.id in deleted_here(replica.desk)
        if gone and (name, job.id) not in watch.shown:  # deleted before it came here
            return None
        if gone and not known:
            return f"{name} has not heard that {job.id} is deleted."
        if known and text is None:
            return None
        if text is None and job.id in watch.to_delete:  # by a replica that lost its disk
            return None
        if text is None:
            return f"{name} knows nothing of {job.id}."
        if not load_job(text).is_over:
            return f"{job.id} is not over on {name}."
        if not known and not pages_of(replica).jobs.known(OWNER, job.id).job.is_over:
            return f"{job.id} is open again on {name}."
        return None


def _has(watch: Watch, world: World, job: Job, name: str) -> bool:
    """Whether a replica has the job, or should have: else it was lost where it was made."""
    if watch.creators[job.id] == name and name not in watch.disks_lost:
        return True
    return bool(world.net.nodes[name].hashes.get(keys.JOBS, {}).get(job.id)) or (
        (name, job.id) in watch.shown and name not in watch.wiped)


def left_over(
    watch: Watch, ended: Ended, world: World, jobs: Iterable[Job], *, week_later: bool
) -> str | None:
    """What should be gone by now and is not, or there and is not; None = nothing."""
    living = {name: world.net.nodes[name] for name in world.replicas if name not in world.dead}
    for job in jobs:
        if any(world.net.is_late(name) for name in world.replicas if name not in world.gone):
            return "Some files can't be fetched yet."
        sure = [name for name in living if name not in watch.disks_lost]
        missed = None if ended.wants(job.id, "delete") else (
            _missed(living, job, sure) or _misnamed(watch, world, job, living))
        if missed:
            return missed
        forgotten = job.id in watch.to_delete and not ended.wants(job.id, "delete")
        if _is_lost(world, job) or forgotten:  # what is in the journals is all there is of it
            continue
        if any((world.replicas[name].folder / job.id).exists() for name in living):
            return f"Journals of {job.id}, which is over, still lie about."
        if week_later and ended.wants(job.id, "delete"):
            places = ((keys.JOBS, {job.id}), (keys.user_jobs(job.owner), {job.id}),
                      (keys.job_peers(job.id), set(world.replicas)))
            for node in living.values():
                for hkey, names in places:
                    if any(node.hashes.get(hkey, {}).get(name) for name in names):
                        return f"A week later {node.name} holds {hkey} of {job.id}, deleted."
    return None


def _misnamed(watch: Watch, world: World, job: Job, living: Iterable[str]) -> str | None:
    """Which replica shows a title that was changed since, where more than one knew of that."""
    echoed = max((one for one in watch.renamed.get(job.id, ()) if one), default=None)
    titles = {}
    for name in living:
        shown = [view.job for view in pages_of(world.replicas[name]).jobs.list(OWNER)
                 if view.job.id == job.id]
        listed = world.net.nodes[name].hashes.get(keys.JOBS, {}).get(job.id)
        for one in [*shown, *([load_job(listed)] if shown and listed else [])]:
            titles[one.title] = name
            if not is_named(one, echoed):
                return f"{name} shows {job.id} as {one.title}, and {echoed} was heard."
    return f"{job.id} has several titles: {sorted(titles)}." if len(titles) > 1 else None


def _missed(living: Mapping[str, Node], job: Job, sure: Iterable[str]) -> str | None:
    """Which of these peers' last word has not come to every node."""
    for peer in sure:
        for hkey, mark in ((keys.job_peers(job.id), "finishedAt"),
                           (keys.job_control(job.id), "ended")):
            fields = {name: node.hashes.get(hkey, {}).get(peer) or ""
                      for name, node in living.items()}
            del fields[peer]  # its own node and its disk may both have lost it
            lacking = [name for name, text in fields.items() if mark not in text]
            if 0 < len(lacking) < len(fields):
                return f"{lacking[0]} lacks what {peer} said of {job.id} ({mark})."
    return None


def judge(watch: Watch, ended: Ended, world: World, jobs: Iterable[Job]) -> None:
    """Tell ``watch`` of what people see that they must not."""
    living = {name: replica for name, replica in world.replicas.items()
              if name not in world.dead}
    for replica in living.values():
        if replica.life is not None and replica.life.foreign.counts():
            watch.fail(f"{replica.name} takes a value of ours for foreign: "
                       f"{replica.life.foreign.counts()}")
    for job in jobs:
        copies = {}
        forgotten = job.id in watch.to_delete and not ended.wants(job.id, "delete")
        if _is_lost(world, job) or forgotten:  # ... with the disk where it was asked
            continue
        for name, replica in living.items():
            if any(view.job.id == job.id for view in pages_of(replica).jobs.list(OWNER)):
                if ended.wants(job.id, "delete"):
                    watch.fail(f"{job.id} was deleted, and {name} shows it.")
                copies[name] = _dataset(watch, replica, job)
        if len(set(copies.values())) > 1:
            watch.fail(f"{job.id} is not the same everywhere: {sorted(copies)}.")


def _is_lost(world: World, job: Job) -> bool:
    """Whether its records were on a machine alone that is gone: two peers don't promise more."""
    files = [cid for node in world.net.nodes.values() for cid in node.files
             if node.name not in world.gone]
    texts = [text for node in world.net.nodes.values()
             if (text := node.hashes.get(keys.JOBS, {}).get(job.id))]
    editions = [edition for text in texts if (edition := load_job(text).edition)]
    lost = any(edition.manifest_cid not in files for edition in editions)
    return lost and len(job.peers) == 2 and bool(world.gone)


def _dataset(watch: Watch, replica: Replica, job: Job) -> bytes:
    """The export of a finished job on one replica."""
    pages = pages_of(replica)
    try:
        view = pages.jobs.get(OWNER, job.id)
        content = b"".join(pages.datasets.export(OWNER, job.id, Wish(form="jsonl")).chunks)
        lines = list(pages.datasets.lines(OWNER, job.id))
    except DatagenError as exc:
        watch.fail(f"{replica.name} can't give {job.id}: {exc}")
        return b""
    over = view.job
    indices = [line.i for line in lines]
    good = [line for line in lines if line.ok]
    if sorted(set(indices)) != indices:
        watch.fail(f"{job.id} has an index twice or out of order: {indices}")
    if not over.was_cancelled and indices != list(range(job.total_records)):
        watch.fail(f"{job.id} {over.status} without every index: {indices}")
    if (len(good), len(lines)) != (over.total_ok, over.total_generated):
        watch.fail(f"{job.id} says {over.total_ok} good of {over.total_generated} records, "
                   f"and holds {len(good)} of {len(lines)}.")
    for line in good:
        if not line.data or watch.answers[json.loads(json.dumps(line.data))["n"]] != line.i:
            watch.fail(f"Record {line.i} of {job.id} holds another's answer: {line.data}")
    return content
