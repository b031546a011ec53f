"""Every contract once more, on nodes that are slow, old, in RAW mode or failing."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import requests

from datagen.adapters.cstore import CStore
from datagen.adapters.r1fs import R1fs
from datagen.domain.errors import NotThere, StoreError, StoreUnconfirmed
from datagen.sandbox import Sandbox, running
from datagen.sandbox.behaviour import CSTORE_FORMS, R1FS_FORMS, SWITCHES
from tests.contracts import test_file_store_contract, test_hash_store_contract
from tests.contracts.nodes import (
    PLAN,
    FastClock,
    SaysItAgain,
    cstore_of,
    node_files,
    node_store,
    r1fs_of,
)

STORE_MODES: dict[str, dict[str, Any]] = {
    "raw nulls": {"raw": True, "show_nulls": True},
    "latency": {"latency": 0.2},
    "delay": {"replication_delay": 0.3, "replication_jitter": 0.3, "reorder": True},
    "errors": {"cstore_errors": 0.05, "hgetall_500": 0.5, "timeout_after": 1},  # of each form
    "errors of confirmation": {"loss": 0.5, "phantom": 0.2, "confirm_seconds": 1,
                               "confirmation": 0.5, "stale_hsync": 3, "serial": False},
}
FILE_MODES: dict[str, dict[str, Any]] = {
    "raw path": {"raw": True, "get_file": "path", "missing": "result"},
    "latency": {"latency": 0.2, "file_seconds": 0.2},
    "errors": {"r1fs_errors": 0.05, "timeout_after": 1},  # of each form
    "another node": {"read_at": 1, "file_delay": 1, "slow_files": 0.5, "slow_seconds": 2,
                     "missing_after": 0.5},
    "a secret": {"secret": "hush", "serial": False},
}
# Every switch on its own: whatever it does, what is read is right.
SWITCHED: dict[str, Any] = {
    "raw": True, "latency": 0.5, "serial": False, "errors_applied": 1, "timeout_after": 1,
}
STORE_SWITCHED: dict[str, Any] = SWITCHED | {
    "write_seconds": 1, "confirm_seconds": 1, "witness": False, "default_targets": (1, 2),
    "replication_delay": 1, "replication_jitter": 1, "reorder": True, "loss": 0.5,
    "phantom": 0.5, "message_limit": 100, "shuffle_fields": False, "show_nulls": True,
    "hgetall_500": 1, "stale_hsync": 5, "old_node": True, "cstore_errors": 0.08,
}
FILE_SWITCHED: dict[str, Any] = SWITCHED | {
    "r1fs_errors": 0.08, "file_seconds": 1, "file_delay": 2, "slow_files": 1, "slow_seconds": 5,
    "dead_files": 0.5, "wrong_files": 0.5, "missing": "result", "missing_after": 2,
    "get_file": "path", "fn_required": True, "sort_json": True,
    "check_secrets": False, "base64_limit": 2000,
}
# Switches that do nothing without another.
TOGETHER: dict[str, dict[str, Any]] = {
    "reorder": {"replication_jitter": 1}, "slow_seconds": {"slow_files": 1},
    "confirm_seconds": {"loss": 1},
    "errors_applied": {"cstore_errors": 0.08, "r1fs_errors": 0.08},
    "timeout_after": {"cstore_errors": {"timeout": 0.3}, "r1fs_errors": {"timeout": 0.3}},
    "loss": {"confirm_seconds": 1}, "message_limit": {"confirm_seconds": 1},
}


def _rules(suite: Any) -> dict[str, Any]:
    return {name: rule for name, rule in vars(suite).items() if name.startswith("test_")}


# All rules of both contracts run here, with the fixtures of this module.
globals().update(_rules(test_hash_store_contract))
globals().update(_rules(test_file_store_contract))


@pytest.fixture(params=STORE_MODES)
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    with node_store(**STORE_MODES[request.param]) as made:
        yield SaysItAgain(made) if "errors" in request.param else made


@pytest.fixture(params=FILE_MODES)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with node_files(tmp_path, **FILE_MODES[request.param]) as made:
        yield SaysItAgain(made) if "errors" in request.param else made


# What only shows between nodes, or where nobody says it again.


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(PLAN) as made:
        yield made


@pytest.fixture
def stores(sandbox: Sandbox) -> Iterator[list[CStore]]:
    with ExitStack() as ends:
        yield [ends.enter_context(closing(cstore_of(sandbox, node))) for node in range(3)]


@pytest.fixture
def shelves(sandbox: Sandbox, tmp_path: Path) -> Iterator[list[R1fs]]:
    with ExitStack() as ends:
        yield [ends.enter_context(closing(r1fs_of(sandbox, tmp_path, node))) for node in range(3)]


@pytest.mark.parametrize("form", CSTORE_FORMS)
def test_a_read_gives_the_right_value_or_an_error(
    sandbox: Sandbox, stores: list[CStore], form: str
) -> None:
    store, failed = stores[0], 0
    store.set("key", "value")
    store.hset("hash", "field", "value")
    for number in range(30):
        sandbox.network.set(cstore_errors={form: 0.6}, raw=number % 2 == 0)
        for read, expected in (
            (lambda: store.get("key"), "value"), (lambda: store.get("nothing"), None),
            (lambda: store.hget("hash", "field"), "value"),
            (lambda: store.hgetall("hash"), {"field": "value"}),
            (lambda: store.hgetall("nothing"), {}),
        ):
            try:
                assert read() == expected
            except StoreError:
                failed += 1
    assert 0 < failed < 150


@pytest.mark.parametrize("get_file", ["bytes", "path"])
@pytest.mark.parametrize("form", R1FS_FORMS)
def test_a_file_is_read_right_or_not_at_all(
    sandbox: Sandbox, tmp_path: Path, form: str, get_file: str
) -> None:
    with closing(r1fs_of(sandbox, tmp_path, max_cache_bytes=0, pause=0)) as files:
        cid = files.add(io.BytesIO(b"content"), "a.txt")
        right = 0
        for number in range(30):
            sandbox.network.set(r1fs_errors={form: 0.3}, get_file=get_file, raw=number % 2 == 0)
            try:
                with files.open(cid) as stream:
                    assert stream.read() == b"content"
                    right += 1
            except StoreError:
                continue
            except NotThere:  # after several timeouts in a row, on purpose
                assert form == "timeout"
    assert right


def test_every_switch_is_among_those_tried() -> None:
    assert STORE_SWITCHED.keys() | FILE_SWITCHED.keys() == SWITCHES.keys()


class Known:
    """What may be read: after a write that failed the old value as well as the new one."""

    def __init__(self) -> None:
        self.may_be: set[Any] = {None}
        self.good = 0  # calls that worked

    def write(self, act: Callable[[], object], value: Any) -> None:
        try:
            act()
        except StoreError:
            self.may_be.add(value)
        else:
            self.may_be = {value}
            self.good += 1

    def read(self, act: Callable[[], Any]) -> None:
        try:
            found = act()
        except StoreError:
            return
        assert found in self.may_be
        self.good += 1


@pytest.mark.parametrize("switch", STORE_SWITCHED)
def test_with_any_switch_a_value_is_right_or_there_is_an_error(
    sandbox: Sandbox, switch: str
) -> None:
    sandbox.network.set(**{switch: STORE_SWITCHED[switch], **TOGETHER.get(switch, {})})
    key, field = Known(), Known()
    with closing(cstore_of(sandbox, confirmation=0.5)) as store:
        for number in range(6):
            value = None if number == 3 else f"{number}" * (1 if number % 2 else 200)
            key.write(lambda value=value: store.set("key", value), value)
            key.read(lambda: store.get("key"))
            field.write(lambda value=value: store.hset("hash", "field", value), value)
            field.read(lambda: store.hget("hash", "field"))
            field.read(lambda: store.hgetall("hash").get("field"))
            with contextlib.suppress(StoreError):
                store.hsync("nothing", sandbox.nodes[1].peer_id)
    assert key.good > 4
    assert field.good > 4


@pytest.mark.parametrize("switch", FILE_SWITCHED)
def test_with_any_switch_a_file_is_right_or_there_is_an_error(
    sandbox: Sandbox, tmp_path: Path, switch: str
) -> None:
    sandbox.network.set(**{switch: FILE_SWITCHED[switch], **TOGETHER.get(switch, {})})
    good = 0
    with closing(r1fs_of(sandbox, tmp_path)) as here, closing(
        r1fs_of(sandbox, tmp_path / "read", 1, patience=3.0, max_cache_bytes=0)
    ) as there:
        for number in range(6):
            content = f"{number}".encode() * (1 if number % 2 else 1000)
            try:
                cid = here.add(io.BytesIO(content), "a.txt")
                with there.open(cid, sha256=hashlib.sha256(content).hexdigest()) as stream:
                    assert stream.read() == content
                there.verify(cid)
                good += 1
                for files in (here, there):
                    files.remove(cid)
                with pytest.raises((StoreError, NotThere)):
                    there.open(cid)
            except (StoreError, NotThere):
                continue
    assert good > 0


def test_a_hash_can_be_read_while_others_write_it(
    sandbox: Sandbox, stores: list[CStore]
) -> None:
    sandbox.network.set(hgetall_500=0.5)
    stores[0].hset("hash", "kept", "value")
    writing = threading.Thread(
        target=lambda: [stores[0].hset("hash", "n", str(n)) for n in range(100)])
    writing.start()
    right = 0
    while writing.is_alive():
        try:
            assert stores[0].hgetall("hash")["kept"] == "value"
            right += 1
        except StoreError:
            continue
    writing.join()
    assert right


def test_a_write_that_nobody_confirms_is_told_and_stays_here(
    sandbox: Sandbox, stores: list[CStore]
) -> None:
    sandbox.network.set(loss=1)
    with pytest.raises(StoreUnconfirmed):
        stores[0].hset("hash", "field", "value")
    assert stores[0].hget("hash", "field") == "value"
    assert stores[1].hget("hash", "field") is None


def test_a_write_without_targets_is_told_and_stores_nothing(sandbox: Sandbox) -> None:
    sandbox.network.set(witness=False)
    alone = CStore(sandbox.nodes[0].cstore_url, peers=(), clock=FastClock())
    with closing(alone), pytest.raises(StoreError, match="R1EN_CHAINSTORE_PEERS") as caught:
        alone.set("key", "value")
    assert not isinstance(caught.value, StoreUnconfirmed)
    assert sandbox.network.dump(0)["keys"] == {}


def test_every_write_reaches_all_peers(stores: list[CStore]) -> None:
    stores[0].hset("hash", "field", "value")
    stores[1].set("key", "value")
    assert [store.hget("hash", "field") for store in stores] == ["value"] * 3
    assert [store.get("key") for store in stores] == ["value"] * 3


@pytest.mark.parametrize("value", [404, 500, 504, "a text"])
def test_a_neighbours_field_that_makes_a_hash_unreadable_is_taken_away(
    sandbox: Sandbox, stores: list[CStore], value: Any
) -> None:
    stores[0].hset("hash", "field", "value")
    requests.post(f"{sandbox.nodes[1].cstore_url}/hset", timeout=10, json={
        "hkey": "hash", "key": "status_code", "value": value,
        "chainstore_peers": [node.peer_id for node in sandbox.nodes]}).raise_for_status()
    assert requests.get(f"{sandbox.nodes[0].cstore_url}/hgetall?hkey=hash",
                        timeout=10).status_code >= 400
    for store in stores:
        assert store.hgetall("hash") == {"field": "value"}


def test_hsync_brings_what_a_node_missed_while_it_was_away(
    sandbox: Sandbox, stores: list[CStore]
) -> None:
    sandbox.network.stop(1)
    stores[0].hset("hash", "field", "value")
    assert stores[0].hsync("hash", sandbox.nodes[1].peer_id) is False
    with pytest.raises(StoreError, match="can't be reached"):
        stores[1].hgetall("hash")
    sandbox.network.start(1)
    assert stores[1].hgetall("hash") == {}
    assert stores[1].hsync("hash", sandbox.nodes[0].peer_id) is True
    assert stores[1].hgetall("hash") == {"field": "value"}


def test_an_old_node_knows_no_hsync(sandbox: Sandbox, stores: list[CStore]) -> None:
    sandbox.network.set(old_node=True)
    assert stores[0].hsync("hash", sandbox.nodes[1].peer_id) is False


def test_a_connection_that_the_node_let_go_of_is_made_anew(
    sandbox: Sandbox, stores: list[CStore]
) -> None:
    stores[0].hset("hash", "field", "1")
    sandbox.network.stop(0)
    sandbox.network.start(0)
    stores[0].hset("hash", "field", "2")
    assert stores[0].hget("hash", "field") == "2"


def test_a_file_is_read_on_every_node(shelves: list[R1fs]) -> None:
    cid = shelves[0].add(io.BytesIO(b"content"), "a.txt")
    for files in shelves:
        files.verify(cid)
        with files.open(cid) as stream:
            assert stream.read() == b"content"


@pytest.mark.parametrize("missing", ["404", "result"])
def test_a_file_that_is_not_visible_yet_is_waited_for(
    sandbox: Sandbox, shelves: list[R1fs], missing: str
) -> None:
    sandbox.network.set(file_delay=10, missing=missing)
    cid = shelves[0].add(io.BytesIO(b"content"), "a.txt")
    with shelves[1].open(cid) as stream:
        assert stream.read() == b"content"


def test_a_dead_file_is_not_there_and_holds_up_nobody_twice(
    sandbox: Sandbox, shelves: list[R1fs]
) -> None:
    sandbox.network.set(dead_files=1, missing_after=30)
    dead = shelves[0].add(io.BytesIO(b"dead"), "a.txt")
    with pytest.raises(NotThere):
        shelves[1].open(dead)
    sandbox.network.clear_log()
    with pytest.raises(NotThere, match="again in"):
        shelves[1].open(dead)
    assert sandbox.network.log() == []


def test_secrets_keep_files_apart_and_old_files_readable(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with (closing(r1fs_of(sandbox, tmp_path / "a", secret="hush")) as ours,
          closing(r1fs_of(sandbox, tmp_path / "b", secret="other", patience=0)) as others,
          closing(r1fs_of(sandbox, tmp_path / "c")) as plain):
        hidden = ours.add(io.BytesIO(b"hidden"), "a.txt")
        old = plain.add(io.BytesIO(b"old"), "b.txt")
        ours.verify(hidden)
        for files in (ours, others, plain):
            with files.open(old) as stream:
                assert stream.read() == b"old"
        for files in (others, plain):
            with pytest.raises(StoreError):
                files.open(hidden)


def test_a_large_file_goes_both_ways(sandbox: Sandbox, shelves: list[R1fs]) -> None:
    content = bytes(range(256)) * 40_000  # 10 MB
    cid = shelves[0].add(io.BytesIO(content), "big.jsonl")
    for get_file in ("bytes", "path"):
        sandbox.network.set(get_file=get_file)
        with shelves[1 if get_file == "bytes" else 2].open(cid) as stream:
            assert stream.read() == content
