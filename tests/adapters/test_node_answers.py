"""What a node's answers mean: every recorded exchange, every form of error, hostile bytes."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.node_answers import Answer, NodeError, Service, Why, fields_of, result_of
from datagen.domain.errors import StoreError

WIRE = json.loads((Path(__file__).parents[1] / "vectors" / "wire.json").read_text())
EXCHANGES = [exchange for exchange in WIRE if "status" in exchange]
SERVICE = Service(name="The shared store", url="http://me:hidden@node.test:31234/x",
                  variable="EE_CHAINSTORE_API_URL")
NODE = {"server_node_addr": "0xai_A", "evm_network": "devnet", "ee_node_alias": "a"}


def answer(body: Any, status: int = 200) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, body=sent, service=SERVICE)


def why(body: Any, status: int = 200, read=result_of) -> Why:
    with pytest.raises(NodeError) as caught:
        read(answer(body, status))
    assert isinstance(caught.value, StoreError)
    return caught.value.why


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: e["op"])
def test_every_recorded_exchange_is_understood(exchange: dict[str, Any]) -> None:
    got = answer(exchange["res_body"].encode(), exchange["status"])
    if exchange["status"] == 200:
        assert result_of(got) == json.loads(exchange["res_body"])["result"]
    else:
        expected = {400: Why.REFUSED, 404: Why.ABSENT, 500: Why.BROKEN}[exchange["status"]]
        assert why(got.body, got.status) is expected


@pytest.mark.parametrize("result", [True, False, None, "text", '{"a":1}', {}, {"cid": "Qm"}, [1]],
                         ids=repr)
def test_a_result_is_the_same_wrapped_and_raw(result: Any) -> None:
    assert result_of(answer({"result": result, **NODE})) == result
    assert result_of(answer({**result, **NODE} if isinstance(result, dict) else result)) == result


@pytest.mark.parametrize("fields", [
    {}, {"a": "1", "b": None}, {"result": "text"}, {"a": "1", "error": "a user of that name"},
    {"a": "1", "detail": "x", "status": "y"}, {"a": {"b": 1}},
], ids=repr)
def test_the_fields_of_a_hash_are_the_same_wrapped_and_raw(fields: dict[str, Any]) -> None:
    assert fields_of(answer({"result": fields, **NODE})) == fields
    assert fields_of(answer({**fields, **NODE})) == fields


def test_a_hash_that_is_null_has_no_fields() -> None:
    assert fields_of(answer({"result": None})) == {}
    assert fields_of(answer(None)) == {}


@pytest.mark.parametrize("body", [
    "text", [1], True, 5, {"result": [1]}, {"result": True},
], ids=repr)
def test_what_is_no_hash_is_not_read_as_one(body: Any) -> None:
    assert why(body, read=fields_of) is Why.UNREADABLE


COMPLAINTS = [
    {"result": {"error": "it failed"}},
    {"result": {"error": "it failed", "status": "error", "status_code": 500, "logged": True}},
    {"result": {"error": "it failed", "cid": None}},
    {"result": None, "error": "it failed"},
    {"error": "it failed"},
    {"error": {"status": 500, "message": "it failed"}},
    {"detail": {"error": "it failed"}},
    {"detail": [{"loc": ["body"], "msg": "it failed"}]},
]


@pytest.mark.parametrize("body", COMPLAINTS, ids=str)
@pytest.mark.parametrize("read", [result_of, fields_of])
def test_a_complaint_at_http_200_is_an_error(body: dict[str, Any], read) -> None:
    assert why(body, read=read) is Why.BROKEN
    assert why({**body, **NODE}, read=read) is Why.BROKEN


@pytest.mark.parametrize("body", [
    *COMPLAINTS, b"Internal Server Error", b"", b"<html>no</html>", b"\xff", None,
], ids=str)
@pytest.mark.parametrize(("status", "expected"), [
    (500, Why.BROKEN), (502, Why.BROKEN), (503, Why.BROKEN), (429, Why.BROKEN),
    (504, Why.TIMED_OUT), (408, Why.TIMED_OUT), (400, Why.REFUSED), (401, Why.REFUSED),
    (422, Why.REFUSED), (302, Why.REFUSED), (405, Why.NO_SUCH_CALL), (501, Why.NO_SUCH_CALL),
])
def test_the_http_status_decides_whatever_the_body_is(
    body: Any, status: int, expected: Why
) -> None:
    assert why(body, status) is expected


@pytest.mark.parametrize("body", [
    {"error": {"status": 404, "message": "r1fs get_file failed"}},
    {"detail": "File not found. Expected a valid file path, got: None"},
    {"detail": {"error": "x"}},
    b"r1fs: cid not found",
], ids=str)
def test_a_404_of_the_store_means_that_it_is_not_there(body: Any) -> None:
    assert why(body, 404) is Why.ABSENT


@pytest.mark.parametrize("body", [
    {"detail": "Not Found"}, b"404 page not found\n", b"Not Found", b"", b"<h1>Not Found</h1>",
], ids=str)
def test_a_404_of_the_web_server_means_that_the_call_is_unknown(body: Any) -> None:
    assert why(body, 404) is Why.NO_SUCH_CALL


@pytest.mark.parametrize(("error", "expected"), [
    ("Failed to retrieve file with CID 'Qm'. The file may not exist or the IPFS download failed.",
     Why.ABSENT),
    ("r1fs: not found", Why.ABSENT),
    ({"status": 404, "message": "x"}, Why.ABSENT),
    ({"status": 504, "message": "x"}, Why.TIMED_OUT),
    ("something else", Why.BROKEN),
    (True, Why.BROKEN),
], ids=str)
def test_a_complaint_at_http_200_tells_why(error: Any, expected: Why) -> None:
    assert why({"result": {"error": error}}) is expected
    assert why({"error": error}) is expected


@pytest.mark.parametrize("body", [
    b"", b"plain text", b"{", b"\xff\xfe", b'{"result": NaN}', b'{"result": -Infinity}',
    b"[" * 200_000, b"1" * 5000, b"<html>",
], ids=lambda b: repr(b[:20]))
def test_what_is_not_json_is_unreadable(body: bytes) -> None:
    assert why(body) is Why.UNREADABLE


def test_only_what_may_pass_is_worth_another_try() -> None:
    passing = {why for why in Why if NodeError(SERVICE, why).may_pass(60.0)}
    assert passing == {Why.UNSENT, Why.BROKEN, Why.UNREADABLE, Why.REFUSED}


@pytest.mark.parametrize(("status", "took", "may"), [(504, 0.1, True), (504, 60.0, False),
                                                     (None, 0.1, False)])
def test_a_timeout_may_pass_only_where_it_was_told_at_once(
    status: int | None, took: float, may: bool
) -> None:
    assert NodeError(SERVICE, Why.TIMED_OUT, status=status).may_pass(took) is may


@pytest.mark.parametrize("reason", Why)
def test_a_message_names_the_store_and_no_password(reason: Why) -> None:
    message = str(NodeError(SERVICE, reason, status=500))
    assert message.startswith("The shared store at node.test:31234 ")
    assert "hidden" not in message
    assert message.endswith(".")


def test_an_address_that_is_none_has_no_place() -> None:
    assert str(Service(name="The shared store", url="http://[", variable="X")) == "The shared store"
    assert str(Service(name="It", url="http://h:99999", variable="X")) == "It"


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["result", "error", "detail", "status", "a", "ee_node_x"]), inner,
        max_size=4),
    max_leaves=12), st.sampled_from([200, 201, 400, 404, 500, 504]))
def test_nothing_but_a_node_error_comes_of_any_json(data: Any, status: int) -> None:
    for read in (result_of, fields_of):
        try:
            found = read(answer(data, status))
        except NodeError:
            continue
        assert status < 300
        if read is fields_of:
            assert isinstance(found, dict)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_nothing_but_a_node_error_comes_of_any_bytes(body: bytes, status: int) -> None:
    for read in (result_of, fields_of):
        with suppress(NodeError):
            read(answer(body, status))
            assert 200 <= status < 300
