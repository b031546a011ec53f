"""Two replicas take the place of the earlier application's on the nodes it wrote to."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from datagen import bootstrap, settings
from datagen.adapters.clock import SystemClock
from datagen.adapters.cstore import CStore
from datagen.adapters.r1fs import R1fs
from datagen.bootstrap import Services
from datagen.domain.downloads import Wish
from datagen.domain.users import User
from datagen.sandbox import Plan, Sandbox, running
from tests import golden
from tests.golden import FINISHED, RUNNING
from tests.node_environment import node_environment

ADMIN = User(name="admin", role="admin")
ACCOUNT = json.loads((golden.FOLDER.parent / "auth_vectors.json").read_text("utf-8"))[1]
ANSWERS = golden.vector("api_responses")
WITHIN = 60.0  # seconds on a busy machine


def leave_behind(sandbox: Sandbox, folder: Path) -> None:
    """Stores and disks as the earlier application left them, its peers named as the nodes."""
    first = sandbox.nodes[0]
    peers = [node.peer_id for node in sandbox.nodes]
    store = CStore(first.cstore_url, peers=peers, clock=SystemClock())
    files = R1fs(first.r1fs_url, cache_dir=folder / "r1fs", clock=SystemClock())
    names = {"peer1": peers[0], "peer2": peers[1]}
    for cid, content in golden.files(golden.RUNNING_RUN).items():
        names[cid] = files.add(io.BytesIO(content), cid)

    def renamed(text: str) -> str:
        for name, new in names.items():
            text = text.replace(name, new)
        return text

    vector = golden.vector(golden.RUNNING_RUN)["cstore"]
    for key, text in vector["keys"].items():
        store.set(key, renamed(text))
    for hkey, fields in vector["hashes"].items():
        for field, text in fields.items():
            store.hset(hkey, renamed(field), renamed(text))
    store.hset("sandbox:auth", ACCOUNT["username"], ACCOUNT["raw"])
    store.close()
    for number, peer in enumerate(("peer1", "peer2")):
        for path, text in golden.local_cache(peer).items():
            file = folder / f"cache{number}" / renamed(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


@asynccontextmanager
async def replica(sandbox: Sandbox, folder: Path, node: int) -> AsyncIterator[Services]:
    """Services of one replica, whose worker runs beside them."""
    services = bootstrap.build(settings.load(node_environment(sandbox, folder, node) | {
        "DATAGEN_JOB_POLL_SECONDS": "0.5", "DATAGEN_ACTIVE_POLL_SECONDS": "0.5",
        "R1EN_CSTORE_AUTH_SECRET": ACCOUNT["pepper"],
    }, in_container=False))
    stop = asyncio.Event()
    life = asyncio.create_task(services.generation.run(stop))
    try:
        yield services
    finally:
        stop.set()
        await life
        services.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.1)


async def test_what_it_left_is_read_and_goes_on(tmp_path: Path) -> None:
    with running(Plan(nodes=2, scale=100)) as sandbox:
        await asyncio.to_thread(leave_behind, sandbox, tmp_path)
        async with AsyncExitStack() as lives:
            first, second = [
                await lives.enter_async_context(replica(sandbox, tmp_path, node))
                for node in (0, 1)]
            await until(lambda: first.jobs.get(ADMIN, RUNNING).job.is_over
                        and second.jobs.get(ADMIN, RUNNING).job.is_over)

            def seen(services: Services) -> tuple[bytes, list[str], dict[str, object]]:
                file = services.datasets.export(ADMIN, FINISHED, Wish(form="json"))
                export = b"".join(file.chunks)
                made = [str(line.data["record_id"]) if line.data else ""
                        for line in services.datasets.lines(ADMIN, RUNNING)]
                return export, made, services.jobs.metrics(ADMIN)

            here, there = await asyncio.gather(*(
                asyncio.to_thread(seen, services) for services in (first, second)))
            signed_in = await asyncio.to_thread(
                first.accounts.sign_in, ACCOUNT["username_input"], ACCOUNT["password"])

        assert here == there
        export, made, totals = here
        assert export.decode() == ANSWERS["export_json"][1]
        old = [index for index, record_id in enumerate(made) if record_id.startswith("rec-0000")]
        assert old == [*range(6), *range(10, 17)]
        assert len(made) == 20
        assert all(made)
        assert (totals["totalJobs"], totals["activeJobs"]) == (2, 0)
        assert signed_in[1].user.name == ACCOUNT["username"]
