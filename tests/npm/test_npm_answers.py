"""What the earlier application's SDK makes of a node's odder answers, and what we do.

The sandbox is believable if the real packages behave on it as on such a node.
"""

from __future__ import annotations

import base64
import io

import pytest

from datagen.adapters.cstore import CStore
from datagen.adapters.r1fs import R1fs
from datagen.domain.errors import StoreError
from datagen.sandbox import Sandbox
from tests.npm.npm_driver import MISSING, Npm, NpmError

NODE_FIELDS = {  # that the SDK declares beside ``result``
    "server_node_addr", "evm_network", "ee_node_alias", "ee_node_address",
    "ee_node_eth_address", "ee_node_network", "ee_node_ver",
}
THROWN = {"detail": {400, 429, 500, 502, 503}, "validation": {422}, "error": {500, 502, 503},
          "text": {500, 502, 503}, "timeout": {504}}
AUTH = {"hkey": "auth", "secret": "pepper"}


@pytest.mark.parametrize("service", ["cstore", "r1fs"])
def test_an_answer_has_the_node_fields_that_the_sdk_declares(npm: Npm, service: str) -> None:
    answer = getattr(npm, service)("getStatusFull")

    assert set(answer) == {"result", *NODE_FIELDS}
    assert all(isinstance(answer[name], str) for name in NODE_FIELDS)


def test_raw_answers_give_the_sdk_texts_but_no_objects_and_us_both(
    npm: Npm, store: CStore, files: R1fs, sandbox: Sandbox
) -> None:
    sandbox.network.set(raw=True)

    assert npm.cstore("hset", hkey="h", key="f", value="theirs") is True
    store.hset("h", "ours", "ours")
    cid = files.add(io.BytesIO(b"content"), "a.txt")

    assert npm.cstore("hget", hkey="h", key="ours") == "ours"
    assert npm.cstore("hgetall", hkey="h") is MISSING
    full = npm.cstore("hgetallFull", hkey="h")
    assert set(full) - NODE_FIELDS == {"f", "ours"}
    assert npm.r1fs("getFileBase64", cid=cid) is MISSING
    assert base64.b64decode(npm.r1fs("getFile", cid=cid)["base64"]) == b"content"
    assert store.hgetall("h") == {"f": "theirs", "ours": "ours"}


def test_raw_answers_let_people_sign_in_but_list_nobody(npm: Npm, sandbox: Sandbox) -> None:
    sandbox.network.set(raw=True)
    npm = npm.on(**AUTH)

    npm.auth("createUser", "ann", "password")

    assert npm.auth("authenticate", "ann", "password")["username"] == "ann"
    assert npm.auth("getAllUsers") == []


@pytest.mark.parametrize("form", THROWN)
def test_a_failure_with_a_status_is_thrown_by_the_sdk_with_that_status(
    npm: Npm, store: CStore, sandbox: Sandbox, form: str
) -> None:
    sandbox.network.set(cstore_errors={form: 1.0}, r1fs_errors={form: 1.0})

    calls = [
        lambda: npm.cstore("setValue", key="k", value="v"),
        lambda: npm.cstore("hgetall", hkey="h"),
        lambda: npm.r1fs("addJson", data={"a": 1}, fn="a.json"),
        lambda: npm.r1fs("getFile", cid="QmNone"),
    ]
    for call in calls:
        with pytest.raises(NpmError, match="Request failed with status") as caught:
            call()
        assert caught.value.status in THROWN[form]
    with pytest.raises(StoreError):
        store.hset("h", "f", "v")


def test_a_connection_that_breaks_is_thrown_by_the_sdk(npm: Npm, sandbox: Sandbox) -> None:
    sandbox.network.set(cstore_errors={"reset": 1.0})

    with pytest.raises(NpmError) as caught:
        npm.cstore("getValue", key="k")

    assert (caught.value.code, caught.value.status) == ("ECONNRESET", None)


def test_an_error_with_status_200_is_a_value_to_the_sdk_and_an_error_to_us(
    npm: Npm, store: CStore, sandbox: Sandbox
) -> None:
    npm.on(**AUTH).auth("createUser", "ann", "password")
    sandbox.network.set(cstore_errors={"result": 1.0})

    assert set(npm.cstore("getValue", key="k")) == {"error"}
    assert set(npm.cstore("hset", hkey="h", key="f", value="v")) == {"error"}
    with pytest.raises(NpmError) as caught:
        npm.on(**AUTH).auth("authenticate", "ann", "password")
    assert caught.value.code == "INVALID_CREDENTIALS"  # of a store that failed
    with pytest.raises(StoreError):
        store.hget("h", "f")


def test_an_upload_that_failed_with_status_200_has_no_cid(
    npm: Npm, files: R1fs, sandbox: Sandbox
) -> None:
    sandbox.network.set(r1fs_errors={"null": 1.0})

    assert npm.r1fs("addJson", data={"a": 1}, fn="a.json") == {"cid": None}
    with pytest.raises(StoreError):
        files.add(io.BytesIO(b"content"), "a.txt")


def test_a_write_nobody_confirms_is_false_to_the_sdk_and_stays_on_its_node(
    npm: Npm, store: CStore, sandbox: Sandbox
) -> None:
    sandbox.network.set(witness=False, loss=1.0)

    assert npm.cstore("setValue", key="k", value="v") is False
    assert npm.cstore("getValue", key="k") == "v"
    assert store.get("k") is None


def test_a_write_without_targets_is_false_to_the_sdk_and_stored_nowhere(
    npm: Npm, sandbox: Sandbox
) -> None:
    sandbox.network.set(witness=False)
    alone = npm.on(chainstorePeers=[])

    assert alone.cstore("hset", hkey="h", key="f", value="v") is False
    assert alone.cstore("hget", hkey="h", key="f") is None


@pytest.mark.parametrize("value", [{"a": [1]}, [1, "a"], 7, True])
def test_a_value_that_is_no_text_comes_back_to_the_sdk_and_is_foreign_to_us(
    npm: Npm, store: CStore, value: object
) -> None:
    npm.cstore("hset", hkey="h", key="f", value=value)

    assert npm.cstore("hget", hkey="h", key="f") == value
    assert (store.hget("h", "f"), store.hgetall("h"), store.foreign) == (None, {}, 1)


def test_an_object_with_status_code_breaks_its_reading_by_the_sdk(npm: Npm) -> None:
    npm.cstore("setValue", key="k", value={"status_code": 418})

    with pytest.raises(NpmError) as caught:
        npm.cstore("getValue", key="k")

    assert caught.value.status == 418
