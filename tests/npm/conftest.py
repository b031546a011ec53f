"""One Node.js for all tests here; each has a sandbox of two nodes of its own.

The npm packages speak to the first, we to the second: whatever passes between them went
over the network, as between two replicas.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from datagen.adapters.clock import SystemClock
from datagen.adapters.cstore import CStore
from datagen.adapters.r1fs import R1fs
from datagen.sandbox import Plan, Sandbox, running
from tests.npm.npm_driver import ADMIN_PASSWORD, HERE, Npm


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Npm]:
    """``driver.js``, running; fails with what to do where it or the packages are missing."""
    if shutil.which("node") is None:
        pytest.fail("There is no Node.js: install version 18 or newer, with npm.")
    if not (HERE / "node_modules").is_dir():
        pytest.fail("The npm packages are missing: run make install.")
    log = tmp_path_factory.mktemp("npm") / "stderr.txt"
    environment = {"PATH": os.environ["PATH"],
                   "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD": ADMIN_PASSWORD}
    with log.open("wb") as errors, subprocess.Popen(
        ["node", "driver.js"], cwd=HERE, env=environment, text=True, encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Npm(stdin=process.stdin, stdout=process.stdout, log=log, options={})
        process.stdin.close()
        assert process.wait(timeout=10) == 0, log.read_text()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(Plan(nodes=2, scale=100)) as sandbox:
        yield sandbox


@pytest.fixture
def npm(node: Npm, sandbox: Sandbox) -> Npm:
    """The npm packages, as in a replica on the first node."""
    here = sandbox.nodes[0]
    return node.on(cstoreUrl=here.cstore_url, r1fsUrl=here.r1fs_url,
                   chainstorePeers=list(sandbox.network.peer_ids))


@pytest.fixture
def store(sandbox: Sandbox) -> Iterator[CStore]:
    """Ours, as in a replica on the second node."""
    with closing(CStore(sandbox.nodes[1].cstore_url, peers=sandbox.network.peer_ids,
                        clock=SystemClock(), nap=lambda seconds: None)) as store:
        yield store


@pytest.fixture
def files(sandbox: Sandbox, tmp_path: Path) -> Iterator[R1fs]:
    """Ours, as in a replica on the second node."""
    with closing(R1fs(sandbox.nodes[1].r1fs_url, cache_dir=tmp_path / "cache",
                      clock=SystemClock(), nap=lambda seconds: None)) as files:
        yield files
