"""What a replica on a sandbox node has in its environment."""

from __future__ import annotations

import json
from pathlib import Path

from datagen.sandbox import Sandbox

ADMIN_PASSWORD = "the bootstrap password"


def node_environment(sandbox: Sandbox, folder: Path, node: int = 0) -> dict[str, str]:
    """The variables of the replica at ``node``, all of whose peers are listed."""
    here = sandbox.nodes[node]
    return {
        "EE_CHAINSTORE_API_URL": here.cstore_url,
        "EE_R1FS_API_URL": here.r1fs_url,
        "R1EN_HOST_ADDR": here.peer_id,
        "R1EN_CHAINSTORE_PEERS": json.dumps([at.peer_id for at in sandbox.nodes]),
        "R1EN_CSTORE_AUTH_HKEY": "sandbox:auth",
        "R1EN_CSTORE_AUTH_SECRET": sandbox.plan.secret("pepper"),
        "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD": ADMIN_PASSWORD,
        "DATAGEN_SESSION_SECRET": sandbox.plan.secret("session"),
        "DATAGEN_DATA_DIR": str(folder / f"data{node}"),
        "DATAGEN_LOCAL_CACHE_DIR": str(folder / f"cache{node}"),
        "DATAGEN_MOCK_INFERENCE_API": "1",
    }
