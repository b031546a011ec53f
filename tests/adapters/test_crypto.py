"""Password records against the npm library's own, and tokens against forgers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.adapters.clock import HandClock
from datagen.adapters.crypto import LANES, MAX_TOKEN, Argon2Hasher, JwtSigner, _Argon2, _read
from datagen.domain.errors import SessionEnded

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "auth_vectors.json").read_text("utf-8")
)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "a secret of at least thirty-two bytes"


class CountingHasher(Argon2Hasher):
    """Notes each scheme it derives with instead of deriving."""

    def __init__(self) -> None:
        super().__init__("pepper", draw=lambda n: b"s" * n)
        self.schemes: list[Any] = []

    def _derive(self, scheme: Any, password: bytes, salt: bytes) -> bytes:
        self.schemes.append(scheme)
        return b"\0" * scheme.length


def record_of(vector: dict[str, Any]) -> dict[str, Any] | None:
    password: dict[str, Any] | None = json.loads(vector["raw"])["password"]
    return password


def test_there_are_21_vectors() -> None:
    assert len(VECTORS) == 21


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['algo']}-{v['username']}")
def test_a_vector_verifies_and_fails_as_listed(vector: dict[str, Any]) -> None:
    hasher, record = Argon2Hasher(vector["pepper"]), record_of(vector)

    assert hasher.verify(vector["password"], record) is vector["verifies"]
    for wrong in vector.get("wrong", ()):
        assert hasher.verify(wrong["password"], record) is wrong["verifies"]
    if other := vector.get("wrong_pepper"):
        assert Argon2Hasher(other["pepper"]).verify(vector["password"], record) is other["verifies"]


def test_a_new_record_has_the_librarys_form_and_verifies() -> None:
    hasher = Argon2Hasher("pepper")
    record = hasher.hash("  pässword ")
    example = record_of(VECTORS[0])

    assert example is not None
    assert list(record) == list(example)
    assert record["params"] == example["params"]
    assert list(record["params"]) == list(example["params"])
    assert len(base64.b64decode(record["salt"])) == 16
    assert hasher.verify("  pässword ", record)
    assert not hasher.verify("pässword", record)
    assert hasher.hash("  pässword ")["salt"] != record["salt"]


ARGON2 = {"algo": "argon2id", "hash": base64.b64encode(b"h" * 32).decode(),
          "salt": base64.b64encode(b"s" * 16).decode(), "version": 1,
          "params": {"timeCost": 3, "memoryCost": 65536, "parallelism": 1, "outputLen": 32}}
SCRYPT = {**ARGON2, "algo": "scrypt", "params": {"N": 32768, "r": 8, "p": 1, "keyLength": 32}}


def with_params(record: dict[str, Any], **params: object) -> dict[str, Any]:
    return {**record, "params": {**record["params"], **params}}


HOSTILE = [
    with_params(ARGON2, memoryCost=256 * 1024 + 1),
    with_params(ARGON2, memoryCost=2**40),
    with_params(ARGON2, memoryCost=256 * 1024, timeCost=5),
    with_params(ARGON2, timeCost=0),
    with_params(ARGON2, timeCost=10**9),
    with_params(ARGON2, timeCost=True),
    with_params(ARGON2, parallelism=10**6),
    with_params(ARGON2, memoryCost=16, parallelism=4),
    with_params(ARGON2, outputLen=2**30),
    with_params(ARGON2, outputLen=4),
    with_params(ARGON2, memoryCost="65536"),
    with_params(SCRYPT, N=2**18),
    with_params(SCRYPT, N=32767),
    with_params(SCRYPT, N=2**17, r=16, p=16),
    with_params(SCRYPT, p=10**6),
    with_params(SCRYPT, keyLength=1),
    {**ARGON2, "hash": ""},
    {**ARGON2, "hash": "not base64!"},
    {**ARGON2, "salt": None},
    {**ARGON2, "salt": base64.b64encode(b"s" * 1000).decode()},
    {**ARGON2, "params": None},
    {**ARGON2, "algo": "md5"},
    {**ARGON2, "version": 2},
    {},
]


@pytest.mark.parametrize("record", HOSTILE)
def test_a_hostile_record_costs_one_ordinary_hash_and_never_verifies(
    record: dict[str, Any],
) -> None:
    hasher = CountingHasher()

    assert not hasher.verify("x", record)
    assert hasher.schemes == [_Argon2()]


@pytest.mark.parametrize("password", ["x", "half a pair \ud83d"])
def test_no_record_costs_what_a_record_costs(password: str) -> None:
    hasher = CountingHasher()

    assert not hasher.verify(password, None)
    assert not hasher.verify(password, ARGON2)
    assert hasher.schemes == [_Argon2(), _Argon2()]


def test_a_refused_record_is_logged_without_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    CountingHasher().verify("the password", {**ARGON2, "hash": "secret!"})

    assert "can't be used" in caplog.text
    assert "secret!" not in caplog.text
    assert "the password" not in caplog.text


def test_no_more_hashes_run_at_once_than_a_small_container_can_bear() -> None:
    hasher, inside, leave = Argon2Hasher("pepper"), threading.Semaphore(0), threading.Event()

    class Slow:
        length = 32

        def derive(self, password: bytes, salt: bytes, pepper: bytes) -> bytes:
            inside.release()
            leave.wait(30)
            return b""

    threads = [threading.Thread(target=hasher._derive, args=(Slow(), b"", b"")) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert all(inside.acquire(timeout=30) for _ in range(LANES))
    assert not hasher._lanes.acquire(blocking=False)
    assert not inside.acquire(blocking=False)
    leave.set()
    for thread in threads:
        thread.join(30)
    assert all(inside.acquire(blocking=False) for _ in range(6 - LANES))


def test_the_vectors_cost_within_bounds() -> None:
    for vector in VECTORS:
        if (record := record_of(vector)) is not None:
            _read(record)


def signer(clock: HandClock | None = None) -> JwtSigner:
    return JwtSigner(SECRET, clock or HandClock(NOW))


def in_an_hour() -> int:
    return int((NOW + timedelta(hours=1)).timestamp())


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_reads_back_until_it_expires() -> None:
    clock = HandClock(NOW)
    reader = signer(clock)
    token = reader.sign({"a": 1, "exp": in_an_hour()})

    clock.advance(3599)
    assert reader.read(token) == {"a": 1, "exp": in_an_hour()}
    clock.advance(1)
    with pytest.raises(SessionEnded):
        reader.read(token)


def test_a_token_of_another_secret_is_refused() -> None:
    token = JwtSigner("another secret of thirty-two bytes", HandClock(NOW)).sign(
        {"exp": in_an_hour()}
    )

    with pytest.raises(SessionEnded):
        signer().read(token)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS384", "HS512", "RS256", "hs256", "", None]
)
def test_no_other_algorithm_is_accepted(algorithm: str | None) -> None:
    start = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part({'exp': in_an_hour()})}"
    digest = hashlib.sha512 if algorithm == "HS512" else hashlib.sha256
    mac = hmac.new(SECRET.encode(), start.encode(), digest).digest()
    signature = base64.urlsafe_b64encode(mac).decode().rstrip("=")

    for token in (f"{start}.{signature}", f"{start}.", start):
        with pytest.raises(SessionEnded):
            signer().read(token)


@pytest.mark.parametrize("claims", [{}, {"exp": "never"}, {"exp": 9e99}, {"exp": True}, [], "text"])
def test_a_token_needs_an_end(claims: object) -> None:
    token = jwt.PyJWS().encode(json.dumps(claims).encode(), SECRET, algorithm="HS256")

    with pytest.raises(SessionEnded):
        signer().read(token)


def test_signing_without_an_end_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="for ever"):
        signer().sign({"username": "ann"})


def test_a_token_has_one_spelling_only() -> None:
    reader = signer()
    token = reader.sign({"exp": in_an_hour()})
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [token + "=", token + "\n", " " + token, token + ".", token[:-1] + "!"]
    others += [token[:-1] + letter for letter in alphabet if letter != token[-1]]

    for other in others:
        with pytest.raises(SessionEnded):
            reader.read(other)


def test_an_oversized_token_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = signer()
    big = reader.sign({"schema": "x" * MAX_TOKEN, "exp": in_an_hour()})
    monkeypatch.setattr(reader, "_jws", None)

    with pytest.raises(SessionEnded):
        reader.read(big)


@given(st.text(max_size=200))
def test_any_text_is_answered_with_session_ended(text: str) -> None:
    with pytest.raises(SessionEnded):
        signer().read(text)


def test_a_short_secret_works_without_a_warning() -> None:
    reader = JwtSigner("short", HandClock(NOW))

    assert reader.read(reader.sign({"exp": in_an_hour()}))
