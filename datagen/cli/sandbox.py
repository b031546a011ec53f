"""``sandbox``: a local edge network to develop against."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import threading
from typing import TYPE_CHECKING, Any

from datagen.cli.terminal import command, note, say

if TYPE_CHECKING:
    from datagen.sandbox import Sandbox

ADMIN_PASSWORD = "sandbox-only"  # noqa: S105 - known to all, as everything of a sandbox


def add(commands: argparse._SubParsersAction[Any]) -> None:
    parser = command(
        commands, "sandbox", _sandbox, "stand in for a Ratio1 edge network; Ctrl-C stops it",
        "sandbox --nodes 3",
        "sandbox --raw --latency 0.2 --set cstore_errors=0.01 --set replication_jitter=2",
        "sandbox --nodes 2 --ports 5101 --scale 10 --json",
    )
    parser.add_argument("--nodes", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--seed", default="1", metavar="TEXT",
                        help="of all chance, of the peer ids and secrets; default: 1")
    parser.add_argument("--scale", type=float, default=1.0, metavar="N",
                        help="how many times as fast its time passes; default: 1")
    parser.add_argument("--ports", type=int, metavar="FIRST",
                        help="the first port, the others follow; default: free ones")
    parser.add_argument("--raw", action="store_true", help="answer in RAW mode")
    parser.add_argument("--latency", type=float, metavar="SECONDS",
                        help="how long each answer is on its way")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="any switch of docs/sandbox.md; may be given several times")


def _sandbox(asked: argparse.Namespace) -> None:
    from datagen.sandbox import Behaviour, Plan, running
    from datagen.sandbox.behaviour import read_setting

    switches = dict(read_setting(setting) for setting in asked.set)
    if asked.raw:
        switches["raw"] = True
    if asked.latency is not None:
        switches["latency"] = asked.latency
    plan = Plan(nodes=asked.nodes, seed=asked.seed, scale=asked.scale, first_port=asked.ports,
                behaviour=Behaviour().changed(**switches))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does
    with running(plan) as sandbox:
        told = described(sandbox)
        try:
            say(json.dumps(told) if asked.json else _text(told))
            threading.Event().wait()
        except KeyboardInterrupt:
            note("The sandbox has stopped; what it stored is gone.")


def described(sandbox: Sandbox) -> dict[str, Any]:
    """What to know of a sandbox: ``{nodes: [{environment: {variable: value}}], controlUrl}``."""
    from datagen.sandbox.plan import AUTH_HKEY

    peers = json.dumps([node.peer_id for node in sandbox.nodes])
    shared = {
        "R1EN_CHAINSTORE_PEERS": peers,
        "R1EN_CSTORE_AUTH_HKEY": AUTH_HKEY,
        "R1EN_CSTORE_AUTH_SECRET": sandbox.plan.secret("auth"),
        "R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD": ADMIN_PASSWORD,
        "DATAGEN_SESSION_SECRET": sandbox.plan.secret("session"),
    }
    return {"controlUrl": sandbox.control_url, "nodes": [
        {"environment": {
            "EE_CHAINSTORE_API_URL": node.cstore_url,
            "EE_R1FS_API_URL": node.r1fs_url,
            "R1EN_HOST_ADDR": node.peer_id,
            **shared,
        }}
        for node in sandbox.nodes
    ]}


def _text(told: dict[str, Any]) -> str:
    lines = ["# Paste the lines of one node into the shell of one replica. The secrets are for",
             "# development only: they follow from the seed."]
    for index, node in enumerate(told["nodes"]):
        lines += ["", f"# node {index}",
                  *(f"export {name}={shlex.quote(value)}"
                    for name, value in node["environment"].items())]
    control = told["controlUrl"]
    lines += ["", "# See and change how the nodes behave (docs/sandbox.md names all switches):",
              f"#   curl -s {control}/counters",
              f"#   curl -s {control}/set -d '{{\"node\": 0, \"loss\": 0.2}}'",
              "# Ctrl-C stops it."]
    return "\n".join(lines)
