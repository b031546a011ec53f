"""Files: the earlier application's SDK and our R1FS adapter, over one file store."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from datagen.adapters.clock import SystemClock
from datagen.adapters.r1fs import R1fs
from datagen.domain.errors import NotThere, StoreError
from datagen.ports import FileStore
from datagen.sandbox import Sandbox
from tests.npm.npm_driver import Npm, NpmError

BYTES = bytes(range(256)) * 5 + "Zoë 🐻\r\n".encode()
SECRET = "the file secret, with ü&="


@pytest.fixture
def secret_files(sandbox: Sandbox, tmp_path: Path) -> Iterator[R1fs]:
    """Ours with a secret; it waits for no file."""
    with closing(R1fs(sandbox.nodes[1].r1fs_url, cache_dir=tmp_path / "secret", secret=SECRET,
                      clock=SystemClock(), patience=0)) as files:
        yield files


def wrapped(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


def read_here(files: FileStore, cid: str) -> bytes:
    with files.open(cid) as stream:
        return stream.read()


def read_by_npm(npm: Npm, cid: str, **secret: str) -> list[bytes]:
    """The file in both ways the SDK has to read one."""
    whole = npm.r1fs("getFileBase64", cid=cid, **secret)["file_base64_str"]
    streamed = npm.r1fs("getFile", cid=cid, **secret)["base64"]
    return [base64.b64decode(text, validate=True) for text in (whole, streamed)]


@pytest.mark.parametrize(("call", "arguments"), [
    ("addFile", {"file": wrapped(BYTES), "filename": "a b ü.bin"}),
    ("addFileBase64", {"file_base64_str": wrapped(BYTES)["base64"], "filename": "a.bin"}),
])
def test_a_file_the_npm_library_added_is_read_here(
    npm: Npm, files: FileStore, call: str, arguments: dict[str, Any]
) -> None:
    cid = npm.r1fs(call, **arguments)["cid"]

    assert read_here(files, cid) == BYTES
    assert npm.r1fs("getFileBase64", cid=cid)["filename"] == arguments["filename"]


def test_an_object_the_npm_library_added_is_read_here_as_json(
    npm: Npm, files: FileStore
) -> None:
    details = {"id": "job_1", "schema": {"type": "object"}, "description": "Zoë 🐻", "b": [None]}

    cid = npm.r1fs("addJson", data=details, fn="job_1_details.json")["cid"]

    assert json.loads(read_here(files, cid)) == details


@pytest.mark.parametrize("size", [len(BYTES), 9 * 2**20], ids=["small", "in a stream"])
def test_a_file_added_here_is_read_by_the_npm_library(
    npm: Npm, files: FileStore, size: int
) -> None:
    data = (BYTES * (size // len(BYTES) + 1))[:size]

    cid = files.add(io.BytesIO(data), "job_1_peer.jsonl")

    assert read_by_npm(npm, cid) == [data, data]


@pytest.mark.parametrize("call", ["addFile", "addFileBase64", "addJson"])
def test_one_secret_opens_the_files_of_both(
    npm: Npm, secret_files: R1fs, call: str
) -> None:
    content = {"addFile": {"file": wrapped(b"{}"), "filename": "a"},
               "addFileBase64": {"file_base64_str": wrapped(b"{}")["base64"], "filename": "a"},
               "addJson": {"data": {}, "fn": "a"}}[call]
    theirs = npm.r1fs(call, **content, secret=SECRET)["cid"]
    ours = secret_files.add(io.BytesIO(BYTES), "a")

    assert read_here(secret_files, theirs) == b"{}"
    assert read_by_npm(npm, ours, secret=SECRET) == [BYTES, BYTES]


def test_without_the_secret_a_file_opens_for_neither(
    npm: Npm, files: R1fs, secret_files: R1fs
) -> None:
    theirs = npm.r1fs("addJson", data={"a": 1}, fn="a", secret=SECRET)["cid"]
    ours = secret_files.add(io.BytesIO(BYTES), "a")

    with pytest.raises(StoreError):
        files.open(theirs)
    assert set(npm.r1fs("getFileBase64", cid=ours)) == {"error"}
    assert set(npm.r1fs("getFile", cid=ours, secret="another")) == {"error"}


def test_a_file_that_was_added_without_a_secret_stays_readable_with_one(
    npm: Npm, secret_files: R1fs
) -> None:
    cid = npm.r1fs("addFileBase64", file_base64_str=wrapped(BYTES)["base64"])["cid"]

    assert read_here(secret_files, cid) == BYTES


def test_a_server_that_answers_with_a_path_is_read_here_and_by_base64(
    npm: Npm, files: FileStore, sandbox: Sandbox
) -> None:
    sandbox.network.set(get_file="path")
    theirs = npm.r1fs("addJson", data={"a": 1}, fn="a.json")["cid"]
    ours = files.add(io.BytesIO(BYTES), "a.bin")

    assert json.loads(read_here(files, theirs)) == {"a": 1}
    assert npm.r1fs("getFile", cid=ours)["meta"]["filename"] == "a.bin"
    assert base64.b64decode(npm.r1fs("getFileBase64", cid=ours)["file_base64_str"]) == BYTES


@pytest.mark.parametrize("missing", ["404", "result"])
def test_a_file_that_is_missing_is_so_to_both(
    npm: Npm, secret_files: R1fs, sandbox: Sandbox, missing: str
) -> None:
    sandbox.network.set(missing=missing)

    with pytest.raises(NotThere):
        secret_files.open("QmNone")
    if missing == "result":  # the SDK takes it for a file
        assert set(npm.r1fs("getFileBase64", cid="QmNone")) == {"error"}
        return
    for call in ("getFile", "getFileBase64"):
        with pytest.raises(NpmError) as caught:
            npm.r1fs(call, cid="QmNone")
        assert caught.value.status == 404


def test_yaml_and_foretold_ids_work_as_the_sdk_expects_them(npm: Npm) -> None:
    data = {"name": "Zoë", "items": [1, {"a": None}]}

    cid = npm.r1fs("addYaml", data=data, fn="a.yaml")["cid"]
    assert npm.r1fs("getYaml", cid=cid) == {"file_data": data}
    assert npm.r1fs("getYaml", cid="QmNone") == "error"

    foretold = npm.r1fs("calculateJsonCid", data=data, fn="a.json", nonce=7)
    assert npm.r1fs("addJson", data=data, fn="a.json", nonce=7)["cid"] == foretold["cid"]


def test_a_file_that_is_deleted_by_either_is_gone_from_its_node(
    npm: Npm, secret_files: R1fs
) -> None:
    theirs = npm.r1fs("addJson", data={"a": 1}, fn="a")["cid"]
    ours = secret_files.add(io.BytesIO(BYTES), "a")

    deleted = npm.r1fs("deleteFile", cid=theirs, unpin_remote=True, run_gc=True)
    secret_files.remove(ours)

    assert (deleted["success"], deleted["cid"]) == (True, theirs)
    with pytest.raises(NotThere):
        secret_files.open(theirs)
    with pytest.raises(NpmError, match="status 404"):
        npm.r1fs("getFileBase64", cid=ours, secret=SECRET)
