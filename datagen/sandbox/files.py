"""R1FS: files by content id; a node that doesn't have one fetches it from one that does."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

import yaml

from datagen.sandbox.answers import Answer, Call, failed, ok, wrong
from datagen.sandbox.world import Deliver, File, Node, World

PUBLIC_SECRET = "ratio1"  # noqa: S105 - what a node encrypts with when it is given none
MAX_LISTED = 1_000  # files in get_status
_OTHER = bytes.maketrans(b"123456789", b"912345678")  # numbers stay numbers
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

Opened = Callable[[File], Answer]


class Files:
    """The semantics of R1FS. ``run`` answers a call by calling ``done``, now or later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ops: dict[str, Callable[[Node, Call, Deliver], None]] = {
            "add_file_base64": self._add_base64, "add_file": self._add_file,
            "add_json": self._add_json, "add_yaml": self._add_yaml,
            "calculate_json_cid": self._calculate, "get_file_base64": self._get_base64,
            "get_file": self._get_file, "get_yaml": self._get_yaml,
            "delete_file": self._delete, "get_status": self._status,
        }

    def run(self, node: Node, call: Call, done: Deliver) -> None:
        time, seconds = self._world.time, node.behaviour.file_seconds
        if seconds:
            time.at(time.now() + seconds, lambda: self._ops[call.op](node, call, done))
        else:
            self._ops[call.op](node, call, done)

    # Adding.

    def _add_base64(self, node: Node, call: Call, done: Deliver) -> None:
        try:
            content = base64.b64decode(call.args["file_base64_str"], validate=True)
        except (binascii.Error, ValueError):
            done(failed(400, "file_base64_str is not base64"))
            return
        if not content:
            done(failed(400, "file_base64_str is required"))
            return
        done(ok({"cid": self._add(node, call, content, "r1fs.bin")}))

    def _add_file(self, node: Node, call: Call, done: Deliver) -> None:
        cid = self._add(node, call, call.args["content"], "r1fs.bin")
        done(ok({"cid": cid, "message": f"File {call.args['filename']} added."}))

    def _add_json(self, node: Node, call: Call, done: Deliver) -> None:
        if not self._named(node, call, done):
            return
        done(ok({"cid": self._add(node, call, self._json(node, call), "data.json")}))

    def _add_yaml(self, node: Node, call: Call, done: Deliver) -> None:
        if not self._named(node, call, done):
            return
        text = yaml.safe_dump(call.args["data"], sort_keys=False)
        done(ok({"cid": self._add(node, call, _bytes(text), "data.yaml")}))

    def _calculate(self, node: Node, call: Call, done: Deliver) -> None:
        """The CID that add_json would give with the same nonce."""
        if not call.args.get("nonce"):
            done(failed(400, "nonce is required"))
            return
        done(ok({"cid": _cid(call, _name(call, "data.json"), self._json(node, call))}))

    def _named(self, node: Node, call: Call, done: Deliver) -> bool:
        if node.behaviour.fn_required and not call.args.get("fn"):
            done(failed(500, f"r1fs {call.op} failed", "filename or filepath is required"))
            return False
        return True

    def _json(self, node: Node, call: Call) -> bytes:
        return _bytes(json.dumps(call.args["data"], ensure_ascii=False, separators=(",", ":"),
                                 sort_keys=node.behaviour.sort_json))

    def _add(self, node: Node, call: Call, content: bytes, unnamed: str) -> str:
        name = _name(call, unnamed)
        cid = _cid(call, name, content, self._world.luck(node, "cid"))
        node.files[cid] = File(
            cid=cid, name=name, content=content, secret=call.args.get("secret"),
            yaml=call.op == "add_yaml", added_at=self._world.time.now(), added_by=node.index)
        return cid

    # Reading.

    def _get_base64(self, node: Node, call: Call, done: Deliver) -> None:
        self._find(node, call, done, lambda file: ok({
            "file_base64_str": base64.b64encode(file.content).decode(), "filename": file.name}))

    def _get_file(self, node: Node, call: Call, done: Deliver) -> None:
        def opened(file: File) -> Answer:
            path = f"/{file.cid}"
            meta = {"file": path, "filename": file.name}
            if node.behaviour.get_file == "path":
                return ok({"file_path": path, "meta": meta})
            return Answer(form="bytes", content=file.content, meta=meta)

        self._find(node, call, done, opened)

    def _get_yaml(self, node: Node, call: Call, done: Deliver) -> None:
        def opened(file: File) -> Answer:
            return ok({"file_data": yaml.safe_load(file.content)} if file.yaml else "error")

        self._find(node, call, done, opened, missing=ok("error"))

    def _find(
        self, node: Node, call: Call, done: Deliver, opened: Opened, missing: Answer | None = None
    ) -> None:
        """Answer with the file as soon as it can be had, else say that it is missing."""
        time, cid = self._world.time, call.args["cid"]
        give_up = time.now() + node.behaviour.missing_after

        def finish() -> None:
            file = node.files.get(cid) or self._elsewhere(node, cid)
            if file is None:
                done(missing or _missing(node, call))
                return
            node.files[cid] = file  # what was fetched stays here
            done(_open(node, file, call.args.get("secret"), opened))

        if cid in node.files:
            finish()
            return
        file = self._elsewhere(node, cid)
        ready = None if file is None else self._ready(file)
        if file is None or ready is None or ready > give_up:
            time.at(give_up, lambda: done(missing or _missing(node, call)))
            return
        time.at(max(time.now(), ready) + self._fetching(file), finish)

    def _elsewhere(self, node: Node, cid: str) -> File | None:
        """The file, where another node has it and can deliver it."""
        for other in self._world.nodes:
            file = other.files.get(cid)
            if file is not None and other is not node and other.state == "up":
                behaviour = self._adder(file).behaviour
                if self._fate(cid, "dead") < behaviour.dead_files:
                    return None
                wrong = self._fate(cid, "wrong") < behaviour.wrong_files
                return replace(file, content=file.content.translate(_OTHER)) if wrong else file
        return None

    def _ready(self, file: File) -> float:
        return file.added_at + self._adder(file).behaviour.file_delay

    def _fetching(self, file: File) -> float:
        behaviour = self._adder(file).behaviour
        slow = self._fate(file.cid, "slow") < behaviour.slow_files
        return behaviour.slow_seconds if slow else 0

    def _adder(self, file: File) -> Node:
        return self._world.nodes[file.added_by]

    def _fate(self, cid: str, purpose: str) -> float:
        """A number from 0 to 1 that stays with the file."""
        return Random(f"{self._world.plan.seed}:{purpose}:{cid}").random()  # noqa: S311 - no secret

    # The rest.

    def _delete(self, node: Node, call: Call, done: Deliver) -> None:
        cid = call.args["cid"]
        node.files.pop(cid, None)  # others keep theirs
        done(ok({"cid": cid, "message": f"File {cid} deleted successfully", "success": True}))

    def _status(self, node: Node, _: Call, done: Deliver) -> None:
        done(ok({"count": len(node.files), "files": list(node.files)[:MAX_LISTED]}))


def _missing(node: Node, call: Call) -> Answer:
    if node.behaviour.missing == "404":
        return failed(404, f"r1fs {call.op} failed", "r1fs: not found")
    return wrong(f"r1fs {call.op} failed: not found")


def _open(node: Node, file: File, secret: str | None, opened: Opened) -> Answer:
    fits = (secret or PUBLIC_SECRET) == (file.secret or PUBLIC_SECRET)
    if fits or not node.behaviour.check_secrets:
        return opened(file)
    return wrong("The file can't be decrypted with this secret.")


def _name(call: Call, unnamed: str) -> str:
    return str(call.args.get("fn") or call.args.get("filename") or unnamed)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _cid(call: Call, name: str, content: bytes, luck: Random | None = None) -> str:
    """The content id: random, but for a nonce; then it follows from everything together."""
    nonce = call.args.get("nonce")
    if nonce is None and luck is not None:
        nonce = f"random {luck.getrandbits(128)}"
    parts = (repr(nonce).encode(), _bytes(call.args.get("secret") or PUBLIC_SECRET),
             _bytes(name), content)
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
    number = int.from_bytes(digest.digest(), "big")
    digits = []
    for _ in range(44):  # base58 of 32 bytes
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    return "Qm" + "".join(reversed(digits))
