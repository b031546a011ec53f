"""The recorded traffic of the npm SDK gets the same statuses and shapes from the sandbox."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import requests

from datagen.sandbox import Behaviour, Plan, running

RECORDED = json.loads((Path(__file__).parents[1] / "vectors" / "wire.json").read_text())
# As the recorded server: it shows nulls, wants fn, answers get_file with a path, encrypts nothing.
LIKE_IT = Behaviour(show_nulls=True, fn_required=True, get_file="path", check_secrets=False,
                    raw=False)
OWN_SHAPE = ("get_status",)  # WIRE: "only HTTP 200 counts"


def shape(value: Any) -> Any:
    """The value with its texts and numbers taken out; what the envelope adds is left out."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items() if name != "file_path"}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def replayed(base: str, exchange: dict[str, Any], cids: dict[str, str]) -> requests.Response:
    """The exchange again, with the CIDs that this server gave in place of the recorded ones."""
    url, body = exchange["url"], exchange["req_body"]
    for recorded, ours in cids.items():
        url, body = url.replace(recorded, ours), body.replace(recorded, ours)
    kind = "application/json"
    if exchange["op"] == "add_file":
        kind = f"multipart/form-data; boundary={body.splitlines()[0].removeprefix('--')}"
    return requests.request(exchange["method"], base + url, data=body.encode() or None,
                            headers={"Content-Type": kind}, timeout=20)


def test_every_recorded_exchange_gets_its_status_and_shape() -> None:
    cids: dict[str, str] = {}
    compared = 0
    with running(Plan(scale=100, behaviour=LIKE_IT)) as sandbox:
        node, api = sandbox.nodes[0], "cstore"
        for exchange in RECORDED:
            op = exchange["op"]
            api = "r1fs" if op == "r1fs.get_status" else api
            if "url" not in exchange:  # refused on the client's side
                continue
            answer = replayed(node.cstore_url if api == "cstore" else node.r1fs_url,
                              exchange, cids)
            theirs, ours = json.loads(exchange["res_body"]), answer.json()
            assert answer.status_code == exchange["status"], op
            if not exchange["url"].endswith(OWN_SHAPE):
                body = {name: ours[name] for name in theirs}
                if api == "cstore":
                    assert body == theirs, op
                elif op != "add_file":  # ours says a message besides, as a node does
                    assert shape(body) == shape(theirs), op
                compared += 1
            if op.startswith("add_") and answer.ok:
                cids[theirs["result"]["cid"]] = ours["result"]["cid"]
    assert compared > 30


def test_the_recorded_files_come_back_as_they_were_added() -> None:
    with running(Plan(scale=100)) as sandbox:
        url = sandbox.nodes[0].r1fs_url
        for op in ("add_file_base64", "add_file"):
            exchange = next(one for one in RECORDED if one["op"] == op)
            cid = replayed(url, exchange, {}).json()["result"]["cid"]
            secret = {"secret": "s"} if op == "add_file" else {}
            got = requests.post(url + "/get_file_base64", json={"cid": cid, **secret},
                                timeout=20).json()["result"]
            assert (got["filename"], base64.b64decode(got["file_base64_str"])) == {
                "add_file_base64": ("h.txt", b"hello\n"), "add_file": ("m.txt", b"multi\n")}[op]
