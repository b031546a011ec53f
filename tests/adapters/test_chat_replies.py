"""What comes back from a chat model."""

from __future__ import annotations

import contextlib
import json
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.chat_replies import (
    Answer,
    complaint,
    error_of,
    parse,
    read_reply,
    wait_of,
)
from datagen.adapters.chat_secrets import MESSAGE_LIMIT, clean
from datagen.domain.errors import (
    ModelError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    ModelRejected,
    ModelUnreachable,
    ReplyUnusable,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHOICE = {"message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
OUTPUT = {"choices": [CHOICE], "model": "tiny", "usage": {"prompt_tokens": 7,
                                                         "completion_tokens": 3}}


def answer(body, status=200, **more) -> Answer:
    raw = body if isinstance(body, bytes) else (
        body.encode() if isinstance(body, str) else json.dumps(body).encode())
    return Answer(status=status, body=raw, place="models.example:443", now=NOW, **more)


def failure(body, status=200, **more) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_reply(answer(body, status, **more))
    return caught.value


def saying(text) -> dict[str, Any]:
    return OUTPUT | {"choices": [{"message": {"content": text}}]}


@pytest.mark.parametrize("body", [
    OUTPUT,
    OUTPUT | {"error": None},
    {"result": {"REQUEST_ID": "1", "MODEL_NAME": "tiny", "TEXT_RESPONSE": ["{}"],
                "FULL_OUTPUT": [OUTPUT]}, "server_node_addr": "0xai_x"},
    {"REQUEST_ID": "1", "MODEL_NAME": "tiny", "TEXT_RESPONSE": ["{}"], "FULL_OUTPUT": [OUTPUT]},
    {"result": {"TEXT_RESPONSE": "{}", "FULL_OUTPUT": OUTPUT, "status": "completed"}},
    OUTPUT | {"choices": [CHOICE | {"message": {"content": [
        {"type": "text", "text": "{"}, {"type": "text", "text": "}"}]}}]},
    OUTPUT | {"choices": [{"text": "{}", "finish_reason": "stop"}]},
])
def test_every_answer_form_is_read(body):
    reply = read_reply(answer(body))
    assert (reply.text, reply.finish_reason, reply.model) == ("{}", "stop", "tiny")
    assert (reply.prompt_tokens, reply.completion_tokens) == (7, 3)


def test_what_a_server_does_not_say_stays_unknown():
    reply = read_reply(answer({"result": {"TEXT_RESPONSE": ["{}"], "FULL_OUTPUT": None}}))
    assert (reply.finish_reason, reply.prompt_tokens, reply.completion_tokens, reply.model) == (
        None, None, None, None)


def test_a_cut_off_reply_says_so():
    body = {"choices": [{"message": {"content": '{"a'}, "finish_reason": "length"}]}
    assert read_reply(answer(body)).finish_reason == "length"


@pytest.mark.parametrize(("status", "kind"), [
    (301, ModelRejected), (400, ModelRejected), (401, ModelRefused), (402, ModelRefused),
    (403, ModelRefused), (404, ModelRejected), (407, ModelRefused), (408, ModelUnreachable),
    (413, ModelRejected), (422, ModelRejected), (429, ModelOverloaded), (500, ModelFailed),
    (502, ModelFailed), (503, ModelOverloaded), (504, ModelUnreachable), (529, ModelOverloaded),
])
@pytest.mark.parametrize("body", [
    "", "plain text", "<html><title>Oops</title></html>", {"error": "why"},
    {"error": {"message": "why"}}, {"detail": "why"}, {"detail": [{"loc": ["body"], "msg": "y"}]},
    {"result": {"error": "why", "status": "error"}}, [], "null"])
def test_an_http_error_decides_the_kind_whatever_the_body(status, kind, body):
    error = failure(body, status)
    assert type(error) is kind
    assert str(error).startswith("The model server at models.example:443 ")


@pytest.mark.parametrize(("body", "kind"), [
    ({"result": {"error": "no", "status": "unauthorized"}}, ModelRefused),
    ({"result": {"error": "no", "status": "rate_limited"}}, ModelOverloaded),
    ({"result": {"error": "no", "status": "timeout"}}, ModelUnreachable),
    ({"result": {"error": "no", "status": "failed"}}, ModelFailed),
    ({"result": {"error": "no", "status": "error"}}, ModelFailed),
    ({"result": {"error": "no"}}, ModelFailed),
    ({"error": "no", "status": "unauthorized"}, ModelRefused),
    ({"result": {"status": "failed"}}, ModelFailed),
    ({"error": {"status": 429, "message": "no"}}, ModelOverloaded),
    ({"error": {"code": "401", "message": "no"}}, ModelRefused),
    ({"error": {"code": 400, "message": "no"}}, ModelRejected),
    ({"result": {"error": {"type": "rate_limit_exceeded"}}}, ModelOverloaded),
])
def test_errors_with_http_200_are_errors(body, kind):
    assert type(failure(body)) is kind


def test_a_spent_budget_is_no_overload():
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    assert type(failure(body, 429)) is ModelRefused


@pytest.mark.parametrize(("body", "part"), [
    ("", "not JSON"), ("hello", "not JSON"), ("<!DOCTYPE html><p>x", "web page"),
    ("{}", "without text"), ("[]", "without text"), ("3", "without text"),
    ({"result": None}, "without text"), ({"choices": []}, "without text"),
    ({"choices": [{"message": {"content": " \n"}}]}, "without text"),
    ({"choices": [{"message": {"content": None}, "finish_reason": "length"}]}, "tokens"),
])
def test_an_answer_without_text_is_unusable_and_says_why(body, part):
    error = failure(body)
    assert type(error) is ReplyUnusable
    assert part in str(error)


@pytest.mark.parametrize(("header", "seconds"), [
    ("12", 12), (" 1.5 ", 1.5), ("0", 0), ("999999", 3600),
    (format_datetime(NOW + timedelta(seconds=30)), 30),
    (format_datetime(NOW - timedelta(seconds=30)), 0),
    ("Sun, 01 Mar 2026 12:00:30", None), (None, None), ("", None), ("soon", None),
    ("-5", None), ("9" * 5000, None), ("٣", None)])
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert wait_of(header, NOW) == seconds
    error = failure("slow down", 429, retry_after=header)
    assert isinstance(error, ModelOverloaded)
    assert error.retry_after == seconds


@pytest.mark.parametrize(("status", "body", "about"), [
    (400, {"error": {"message": "'response_format' is not supported"}}, (True, False)),
    (400, {"error": {"message": "bad", "param": "response_format"}}, (True, False)),
    (422, {"detail": [{"loc": ["body", "response_format", "type"], "msg": "x"}]}, (True, False)),
    (400, "json_schema: unsupported", (True, False)),
    (200, {"result": {"error": "response_format refused", "status": "error"}}, (True, False)),
    (400, {"error": {"message": "Invalid schema for response_format 'record'"}}, (True, True)),
    (400, {"error": {"message": "failed to parse grammar"}}, (True, True)),
    (500, {"error": {"message": "Unexpected empty grammar stack"}}, (True, True)),
    (500, {"error": {"message": "internal error"}}, (False, False)),
    (400, {"error": {"message": "max_tokens is too large"}}, (False, False)),
    (401, {"error": {"message": "response_format needs a key"}}, (False, False)),
    (429, "response_format quota", (False, False)),
])
def test_a_refused_form_is_told_from_other_errors(status, body, about):
    found = complaint(answer(body, status))
    assert found is not None
    assert (found.about_format, found.about_schema) == about


KEY = 'k"ey\\-54321'


@pytest.mark.parametrize("text", [
    f"bad key {KEY}", "bad key " + json.dumps(KEY), "Authorization: Bearer abc.def-1",
    'got {"authorization": "abc.def-1"}', "api_key=abc.def-1 is wrong", "key sk-abc.def-1",
    "Bearer abc.def-1"])
def test_no_message_repeats_a_secret(text):
    for body in (text, {"error": {"message": text}}, {"detail": text}):
        said = str(failure(body, 401, secrets=(KEY,)))
        assert "54321" not in said
        assert "abc" not in said


def test_a_secret_at_the_cut_is_hidden_before_the_cut():
    said = str(failure("x" * (MESSAGE_LIMIT - 5) + "topsecretkey", 500, secrets=("topsecretkey",)))
    assert "tops" not in said


LONG_KEY = "k-" + "0123456789" * 400


@pytest.mark.parametrize("before", [0, 1, 5_000, 9_900, 9_990, 19_990])
def test_no_part_of_a_secret_is_left_where_a_long_text_is_cut(before):
    for body in (" " * before + LONG_KEY * 6, {"error": " " * before + LONG_KEY * 6}):
        said = str(failure(body, 500, secrets=(LONG_KEY,)))
        assert "k-0" not in said
        assert "0123" not in said


@pytest.mark.parametrize("spell", [
    str, lambda key: key.encode().hex(), lambda key: b64encode(key.encode()).decode(),
    lambda key: quote(key, safe="")])
def test_a_secret_is_known_in_the_spellings_that_servers_use(spell):
    key = "a+key/of=16&characters"
    assert spell(key).rstrip("=") not in str(failure(f"no such key: {spell(key)}", 401,
                                                     secrets=(key,)))
    with pytest.raises(ReplyUnusable, match="repeated the key"):
        read_reply(answer(saying(f"my key is {spell(key)}"), secrets=(key,)))


def test_a_reply_may_hold_a_word_that_is_a_key_of_no_worth():
    assert read_reply(answer(saying("EMPTY"), secrets=("EMPTY",))).text == "EMPTY"


def test_a_long_error_is_read_in_no_time():
    body = {"error": {"message": "model " * 170_000}}
    started = time.process_time()
    failure(body, 500)
    failure("<title" * 100_000, 500)
    assert time.process_time() - started < 0.5  # it was 2 s


def test_no_call_comes_to_more_tokens_than_any_model_takes():
    said = saying("x") | {"usage": {"prompt_tokens": 10**6 + 1, "completion_tokens": 10**6}}
    reply = read_reply(answer(said))
    assert (reply.prompt_tokens, reply.completion_tokens) == (None, 10**6)


def test_messages_are_one_short_line():
    said = str(failure("a\n\x1b[31m\x00b\u202e" * 5000, 500))
    assert len(said) < MESSAGE_LIMIT + 100
    assert said.isprintable()
    assert clean(" a \n b ") == "a b"


def test_a_web_page_gives_its_title_only():
    said = str(failure("<html><title>502 Bad\nGateway</title><body>long</body></html>", 502))
    assert said == "The model server at models.example:443 failed (502): 502 Bad Gateway"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["result", "error", "status", "detail", "choices", "message", "content",
                         "TEXT_RESPONSE", "FULL_OUTPUT", "usage", "prompt_tokens", "text", "code",
                         "finish_reason", "model", "MODEL_NAME", "loc", "type"]), inner,
        max_size=5),
    max_leaves=25)


@given(raw=st.binary(max_size=300) | JSON.map(lambda v: json.dumps(v).encode()),
       status=st.integers(100, 999), header=st.none() | st.text(max_size=30))
def test_whatever_the_bytes_only_model_errors_come_out(raw, status, header):
    given_answer = Answer(status=status, body=raw, place="x:1", retry_after=header, now=NOW)
    with contextlib.suppress(ModelError):
        reply = read_reply(given_answer)
        assert reply.text.strip()
    found = complaint(given_answer)
    if found is not None:
        assert str(error_of(given_answer, found)).isprintable()


def test_a_bottomless_answer_is_unusable():
    assert type(failure("[" * 100_000)) is ReplyUnusable
    assert type(failure(b'{"error":' * 3000 + b"1" + b"}" * 3000)) in {ReplyUnusable, ModelFailed}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner,
                                                                max_size=3), max_leaves=8)


@given(JSON, st.booleans(), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_a_body_reads_as_json_however_it_is_written(value: Any, plain: bool, mark: bytes) -> None:
    body = mark + json.dumps(value, ensure_ascii=plain).encode("utf-8", "replace")

    assert parse(body) == json.loads(body.decode("utf-8-sig"))


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}'])
def test_a_body_that_is_not_quite_json_is_read_all_the_same(body: bytes) -> None:
    assert isinstance(parse(body), dict)


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b"{", b"nothing"])
def test_a_body_that_is_no_json_is_none(body: bytes) -> None:
    assert parse(body) is None
