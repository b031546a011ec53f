"""Whole replicas on the nodes of a sandbox: services and workers as the processes have them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from datagen import bootstrap, settings
from datagen.bootstrap import Services
from datagen.domain.downloads import Wish
from datagen.domain.errors import SessionEnded
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from datagen.sandbox import Plan, Sandbox, running
from tests.node_environment import node_environment

ANN = User(name="ann", role="user")
WITHIN = 60.0  # seconds a job may take on a busy machine


@asynccontextmanager
async def replica(
    sandbox: Sandbox, folder: Path, node: int = 0, **variables: str
) -> AsyncIterator[Services]:
    """Web services of one replica, whose worker runs beside them."""
    environment = node_environment(sandbox, folder, node) | {
        "DATAGEN_JOB_POLL_SECONDS": "1", "DATAGEN_ACTIVE_POLL_SECONDS": "0.5", **variables,
    }
    chosen = settings.load(environment, in_container=False)
    web, worker = bootstrap.build(chosen, for_pages=True), bootstrap.build(chosen)
    stop = asyncio.Event()
    life = asyncio.create_task(worker.generation.run(stop))
    try:
        yield web
    finally:
        stop.set()
        await life
        await web.chat.aclose()
        web.close()
        worker.close()


async def confirmed(services: Services, records: int) -> str:
    draft = await services.drafts.draft(ANN, DraftRequest(
        title="People", total_records=records, description="One person.",
        instructions="Fields: name, age (18 to 90), city.",
    ))
    token = services.drafts.sign(ANN, draft)
    return await asyncio.to_thread(services.jobs.confirm, ANN, token)


async def until_over(services: Services, job_id: str) -> None:
    async with asyncio.timeout(WITHIN):
        while not (await asyncio.to_thread(services.jobs.get, ANN, job_id)).job.is_over:
            await asyncio.sleep(0.1)


def exported(services: Services, job_id: str) -> bytes:
    return b"".join(services.datasets.export(ANN, job_id, Wish(form="json")).chunks)


def calls(counters: dict[str, Any], *operations: str) -> int:
    return sum(times for by_operation in counters.values()
               for operation, times in by_operation.items() if operation in operations)


async def test_a_job_of_200_records_costs_a_node_few_calls(tmp_path: Path) -> None:
    with running(Plan(nodes=1)) as sandbox:
        async with replica(sandbox, tmp_path) as services:
            sandbox.network.clear_log()
            job_id = await confirmed(services, 200)
            folder = tmp_path / "cache0" / job_id
            stored = sandbox.network.dump(0)["hashes"]
            async with asyncio.timeout(WITHIN):  # nobody looks at a page meanwhile
                while "succeeded" not in stored.get("datagen:jobs", {}).get(job_id, "") or (
                    folder.exists()  # the journal goes once the result can be read back
                ):
                    await asyncio.sleep(0.2)
                    stored = sandbox.network.dump(0)["hashes"]
            counters = sandbox.network.counters()
            beats = calls({"": counters["cstore"].pop("datagen:peers", {})}, "hset", "hgetall")
            assert beats <= 5  # each is a look whether another has our id, and a write

            # 0.1 calls a record at 200 ms a model call; a look at the list every second apart
            looks = counters["cstore"]["datagen:jobs"].pop("hgetall")
            assert looks <= 15
            assert calls(counters["cstore"], "hget", "hset", "hgetall") <= 20
            assert sum(counters["r1fs"].values()) <= 5  # two of them for the end of the job
            assert len(json.loads(exported(services, job_id))) == 200


async def test_a_store_that_hangs_slows_no_generation(tmp_path: Path) -> None:
    def journalled() -> int:
        return sum(path.read_bytes().count(b'"ok":')
                   for path in tmp_path.glob("cache0/job_*/*/journal.jsonl"))

    async def until(records: int) -> None:
        async with asyncio.timeout(WITHIN / 2):  # a call that hangs is given up after 40 s
            while journalled() < records:
                await asyncio.sleep(0.05)

    with running(Plan(nodes=1)) as sandbox:
        async with replica(sandbox, tmp_path, DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE="8") as web:
            for _ in range(8):
                await confirmed(web, 200)
            while len(list(tmp_path.glob("cache0/job_*"))) < 8:
                await asyncio.sleep(0.05)
            before = journalled()
            sandbox.network.stop(0, hang=True)
            try:
                await until(before + 20)  # by now every report and look hangs
                await until(before + 100)
            finally:
                sandbox.network.start(0)


async def test_three_peers_make_their_shares_and_all_export_the_same(tmp_path: Path) -> None:
    with running(Plan(nodes=3)) as sandbox:
        async with AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(replica(sandbox, tmp_path, node))
                     for node in range(3)]
            sandbox.network.clear_log()
            job_id = await confirmed(peers[0], 31)
            for services in peers:
                await until_over(services, job_id)

            files = [await asyncio.to_thread(exported, services, job_id) for services in peers]
            assert files[0] == files[1] == files[2]
            assert len({json.dumps(record) for record in json.loads(files[0])}) == 31
            view = await asyncio.to_thread(peers[1].jobs.get, ANN, job_id)
            assert sorted(len(state.share) for state in view.states.values()) == [10, 10, 11]


async def _while_holds(services: Services, token: str) -> None:
    while await asyncio.to_thread(services.accounts.verify, token):
        await asyncio.sleep(0.2)


async def test_a_session_that_ends_on_one_replica_ends_on_another(tmp_path: Path) -> None:
    with running(Plan(nodes=2)) as sandbox:
        async with AsyncExitStack() as stack:
            here, there = [await stack.enter_async_context(replica(sandbox, tmp_path, node))
                           for node in range(2)]
            await asyncio.to_thread(here.accounts.create, "ann", "her password")
            token, _ = await asyncio.to_thread(here.accounts.sign_in, "ann", "her password")
            other, _ = await asyncio.to_thread(there.accounts.sign_in, "ann", "her password")
            await asyncio.to_thread(there.accounts.verify, token)

            await asyncio.to_thread(here.accounts.sign_out, token)
            with pytest.raises(SessionEnded):
                await asyncio.wait_for(_while_holds(there, token), WITHIN / 2)
            assert await asyncio.to_thread(there.accounts.verify, other)
