"""R1FS as it really is: ids that say nothing about content, files that are not there yet."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from tests.sandbox.lab import Lab


def add(lab: Lab, content: bytes = b"hello", node: int = 0, **more: Any) -> str:
    answer = lab.ask(node, "add_file_base64",
                     file_base64_str=base64.b64encode(content).decode(), **more)
    return str(answer.result["cid"])


def content(lab: Lab, cid: str, node: int = 0, **more: Any) -> bytes | None:
    """A file's bytes, or None when the call fails."""
    answer = lab.ask(node, "get_file_base64", cid=cid, **more)
    return base64.b64decode(answer.result["file_base64_str"]) if answer.form == "ok" else None


# Ids.


def test_a_cid_is_random_unless_nonce_secret_name_and_bytes_are_all_equal() -> None:
    lab = Lab()
    assert len({add(lab, filename="a") for _ in range(20)}) == 20
    one = {"filename": "a", "nonce": 7, "secret": "s"}
    assert add(lab, **one) == add(lab, node=1, **one)
    others = [add(lab, **{**one, **change}) for change in (
        {"filename": "b"}, {"nonce": 8}, {"secret": "t"}, {"nonce": None})]
    others.append(add(lab, b"other", **one))
    assert len({add(lab, **one), *others}) == 6
    assert all(len(cid) == 46 and cid.startswith("Qm") for cid in others)


def test_calculate_json_cid_foretells_add_json_with_the_same_nonce() -> None:
    lab = Lab()
    one = {"data": {"b": 1, "a": "ü"}, "fn": "x.json", "nonce": 7, "secret": "s"}
    told = lab.ask(0, "calculate_json_cid", **one).result
    assert lab.network.dump(0)["files"] == {}
    assert told == lab.ask(1, "add_json", **one).result


@pytest.mark.parametrize("nonce", [{}, {"nonce": 0}, {"nonce": None}])
def test_calculate_json_cid_wants_a_nonce(nonce: dict[str, Any]) -> None:
    answer = Lab().ask(0, "calculate_json_cid", data={}, **nonce)
    assert (answer.status, answer.message) == (400, "nonce is required")


# Adding and reading.


@pytest.mark.parametrize("given", [b"hello", b"\x00\xff" * 1000, "ü".encode()])
def test_bytes_come_back_as_they_were(given: bytes) -> None:
    lab = Lab()
    cid = add(lab, given, filename="x.bin")
    assert content(lab, cid) == content(lab, cid, node=1) == given
    assert lab.ask(0, "get_file_base64", cid=cid).result["filename"] == "x.bin"
    uploaded = lab.ask(0, "add_file", content=given, filename="y.bin").result
    assert set(uploaded) == {"cid", "message"}
    assert content(lab, uploaded["cid"], node=1) == given


def test_a_file_without_a_name_gets_one() -> None:
    lab = Lab()
    assert lab.ask(0, "get_file_base64", cid=add(lab)).result["filename"]


@pytest.mark.parametrize(("text", "says"), [("", "is required"), ("%%", "not base64")])
def test_empty_content_and_what_is_no_base64_is_refused(text: str, says: str) -> None:
    lab = Lab()
    answer = lab.ask(0, "add_file_base64", file_base64_str=text)
    assert answer.status == 400
    assert says in answer.message
    assert lab.network.dump(0)["files"] == {}


def test_get_file_streams_or_answers_a_path_without_content() -> None:
    lab = Lab()
    cid = add(lab, filename="x.txt")
    streamed = lab.ask(1, "get_file", cid=cid)
    assert (streamed.form, streamed.content, streamed.meta["filename"]) == (
        "bytes", b"hello", "x.txt")
    lab.network.set(get_file="path")
    assert lab.ask(1, "get_file", cid=cid).result == {
        "file_path": f"/{cid}", "meta": {"file": f"/{cid}", "filename": "x.txt"}}


def test_add_json_keeps_the_order_or_sorts_the_keys() -> None:
    lab = Lab()
    asked = {"data": {"b": "ü", "a": [1, None]}}
    assert content(lab, lab.ask(0, "add_json", **asked).result["cid"]) == (
        '{"b":"ü","a":[1,null]}'.encode())
    lab.network.set(sort_json=True)
    assert content(lab, lab.ask(0, "add_json", **asked).result["cid"]) == (
        '{"a":[1,null],"b":"ü"}'.encode())


@pytest.mark.parametrize("op", ["add_json", "add_yaml"])
def test_some_servers_want_a_name(op: str) -> None:
    lab = Lab()
    assert lab.ask(0, op, data=1).result["cid"]
    lab.network.set(fn_required=True)
    assert lab.ask(0, op, data=1).status == 500
    assert len(lab.network.dump(0)["files"]) == 1
    assert lab.ask(0, op, data=1, fn="x").result["cid"]


@pytest.mark.parametrize("data", [{"a": 1, "l": [1, 2]}, "no: yes", "\ud800", None, {"ü": "é\n"}])
def test_yaml_is_stored_as_yaml_and_comes_back_as_data(data: Any) -> None:
    lab = Lab()
    cid = lab.ask(0, "add_yaml", data=data, fn="y.yaml").result["cid"]
    assert lab.ask(1, "get_yaml", cid=cid).result == {"file_data": data}
    assert yaml.safe_load(content(lab, cid) or b"") == data


def test_get_yaml_of_what_is_missing_or_no_yaml_is_the_word_error() -> None:
    lab = Lab()
    cid = lab.ask(0, "add_json", data={"a": 1}).result["cid"]
    assert [lab.ask(0, "get_yaml", cid=cid).result, lab.ask(0, "get_yaml", cid="x").result] == [
        "error", "error"]


# Secrets.


def test_a_file_opens_only_with_its_secret() -> None:
    lab = Lab()
    cid, plain = add(lab, secret="s"), add(lab)
    tries = [{"secret": "s"}, {"secret": "t"}, {}, {"secret": ""}]
    assert [content(lab, cid, **secret) for secret in tries] == [b"hello", None, None, None]
    assert [content(lab, plain, **secret) for secret in tries] == [None, None, b"hello", b"hello"]
    assert lab.ask(0, "get_file", cid=cid).form == "result"
    lab.network.set(check_secrets=False)
    assert content(lab, cid) == b"hello"


def test_without_a_secret_the_key_is_public() -> None:
    lab = Lab()
    assert content(lab, add(lab), secret="ratio1") == b"hello"


# Where a file is, and when.


def test_reading_a_file_pins_it_here() -> None:
    lab = Lab(3)
    cid = add(lab)
    lab.network.stop(0)
    assert content(lab, cid, node=1) is None
    lab.network.start(0)
    assert content(lab, cid, node=1) == b"hello"
    lab.network.stop(0)
    assert content(lab, cid, node=2) == b"hello"  # from node 1


def test_delete_file_unpins_on_this_node_alone() -> None:
    lab = Lab()
    cid = add(lab)
    assert content(lab, cid, node=1) == b"hello"
    assert lab.ask(0, "delete_file", cid=cid).result == {
        "cid": cid, "message": f"File {cid} deleted successfully", "success": True}
    assert [list(lab.network.dump(node)["files"]) for node in (0, 1)] == [[], [cid]]
    assert content(lab, cid) == b"hello"  # fetched from the other
    for node in (0, 1):
        lab.ask(node, "delete_file", cid=cid)
    assert content(lab, cid) is None


def test_a_missing_file_is_told_as_404_or_as_200_after_a_search() -> None:
    lab = Lab()
    answer = lab.ask(0, "get_file_base64", cid="nope")
    assert (answer.form, answer.status, answer.about) == ("error", 404, "r1fs: not found")
    assert lab.time.now() == 0
    lab.network.set(missing="result", missing_after=90)
    answer = lab.ask(0, "get_file", cid="nope")
    assert (answer.form, answer.status, lab.time.now()) == ("result", 200, 90)


def test_one_missing_file_stalls_r1fs_of_the_whole_node() -> None:
    lab = Lab(missing_after=90)
    cid = add(lab)
    lab.begin(0, "get_file", cid="nope")
    waiting, elsewhere = lab.begin(0, "get_file", cid=cid), lab.begin(1, "get_file", cid=cid)
    keys = lab.begin(0, "get", key="k")
    lab.time.advance(89)
    assert [len(answers) for answers in (waiting, elsewhere, keys)] == [0, 1, 1]
    lab.time.advance(2)
    assert waiting[0].content == b"hello"


def test_a_fresh_file_is_not_visible_elsewhere_for_a_while() -> None:
    lab = Lab(file_delay=10)
    cid = add(lab)
    assert [content(lab, cid, node=0), content(lab, cid, node=1)] == [b"hello", None]
    lab.time.advance(10)
    assert content(lab, cid, node=1) == b"hello"


def test_a_search_finds_a_file_that_becomes_visible_meanwhile() -> None:
    lab = Lab(file_delay=10, missing_after=90)
    cid = add(lab)
    assert content(lab, cid, node=1) == b"hello"
    assert lab.time.now() == 10


def test_a_fetch_fails_when_the_last_holder_goes_meanwhile() -> None:
    lab = Lab(slow_files=1)
    cid = add(lab)
    fetch = lab.begin(1, "get_file", cid=cid)
    lab.time.advance(1)
    lab.network.stop(0)
    lab.settle()
    assert fetch[0].status == 404


def test_some_files_are_slow_the_first_time_and_some_dead_for_others() -> None:
    lab = Lab(slow_files=0.5)
    cids = [add(lab) for _ in range(100)]
    first = [lab.seconds(1, "get_file", cid=cid) for cid in cids]
    assert set(first) == {0, 20}
    assert 30 < first.count(20) < 70
    assert {lab.seconds(1, "get_file", cid=cid) for cid in cids} == {0}
    lab = Lab(3, dead_files=0.5)
    cids = [add(lab) for _ in range(100)]
    fates = [[content(lab, cid, node=node) is not None for node in range(3)] for cid in cids]
    assert {tuple(fate) for fate in fates} == {(True, True, True), (True, False, False)}
    assert 30 < fates.count([True, False, False]) < 70


def test_of_some_files_others_get_other_digits() -> None:
    lab = Lab(3)
    cid = add(lab, content=b'{"i":10}')
    lab.network.set(0, wrong_files=1)
    assert [content(lab, cid, node=node) for node in range(3)] == [
        b'{"i":10}', b'{"i":90}', b'{"i":90}']


def test_an_r1fs_call_takes_its_time_and_the_next_waits() -> None:
    lab = Lab(file_seconds=2)
    first, second = lab.begin(0, "add_json", data=1), lab.begin(0, "add_json", data=2)
    lab.time.advance(2)
    assert (len(first), len(second)) == (1, 0)
    lab.time.advance(2)
    assert len(second) == 1


def test_status_counts_the_files_here() -> None:
    lab = Lab()
    cid = add(lab)
    assert lab.ask(0, "get_status", api="r1fs").result == {"count": 1, "files": [cid]}
    assert lab.ask(1, "get_status", api="r1fs").result == {"count": 0, "files": []}
