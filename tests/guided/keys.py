"""What opens something: tokens, sealed keys, stored passwords, password files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from datagen.adapters import crypto, vault
from datagen.domain import htpasswd, tokens
from datagen.domain.errors import SessionEnded
from tests.guided.target import Target, target, text, texts, value

_AT = datetime(2026, 11, 22, tzinfo=UTC)


class _Now:
    def now(self) -> datetime:
        return _AT

    def monotonic(self) -> float:
        return 0.0


_SIGNER = crypto.JwtSigner("s" * 32, _Now())


@target("token", "a text is a token of ours, in time, or SessionEnded; a personal one is spelled "
        "in one way", [_SIGNER.sign({"exp": 2_000_000_000, "typ": "draft"}), '{"exp":2000000000}',
                    tokens.spelled("ab" * 6, "A" * 43, "ada"), "a.b.c"])
def token(data: bytes) -> None:
    said = text(data)
    for one in (said, _SIGNER._jws.encode(data, _SIGNER._secrets[0], algorithm="HS256")):
        try:
            claims = _SIGNER.read(one)
        except SessionEnded:
            continue
        assert claims["exp"] > _AT.timestamp()
        assert _SIGNER.read(_SIGNER.sign(claims)) == claims
    found = tokens.parts(said)
    assert found is None or tokens.spelled(*found) == said


_VAULT = vault.AesVault("s" * 32, purpose="test", draw=lambda count: b"n" * count)


@target("sealed-key", "a sealed key opens to what was sealed, for its place alone, and anything "
        "else opens to nothing",
        [["key", "ada"], [_VAULT.seal("key", ("ada",)), "ada"], ["sealed1.", ""]])
def sealed_key(data: bytes) -> None:
    said, place = texts(data, 2)
    assert _VAULT.open(said, ("eve",)) is None
    try:
        (said + place).encode()
    except UnicodeEncodeError:
        return  # a request holds none
    made = _VAULT.seal(said, (place,))
    if len(made) <= vault.MAX_SEALED:
        assert _VAULT.open(made, (place,)) == said
    assert _VAULT.open(made, (place, "")) is None


class _Counting(crypto.Argon2Hasher):
    """Does not hash: it asks what the work would be."""

    def _derive(self, scheme: Any, password: bytes, salt: bytes) -> bytes:
        cost = scheme.memory if hasattr(scheme, "memory") else scheme.n * scheme.r // 8
        passes = scheme.passes if hasattr(scheme, "passes") else scheme.p
        assert 0 < cost <= crypto.MAX_MEMORY
        assert cost * passes <= crypto.MAX_PASSES
        assert crypto.MIN_KEY <= scheme.length <= crypto.MAX_KEY
        return b"\xff" * scheme.length


_B64 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@target("password", "a stored password asks for bounded work and lets nobody in by itself", [
    {"algo": "argon2id", "hash": _B64, "salt": "AAAAAAAAAAAAAAAAAAAAAA==", "version": 1,
     "params": {"timeCost": 3, "memoryCost": 65536, "parallelism": 1, "outputLen": 32}},
    {"algo": "scrypt", "hash": _B64, "salt": "AAAAAAAAAAAAAAAAAAAAAA==",
     "params": {"N": 32768, "r": 8, "p": 1, "keyLength": 32}}])
def password(data: bytes) -> None:
    found = value(data)
    if isinstance(found, dict) and found.get("hash") == _B64:
        assert _Counting("p").verify("x", found) is False


_HASH = "$2b$04$" + "a" * 21 + "." + "a" * 31


@target("htpasswd", "every line of a password file is an account that can sign in, or a reason "
        "that repeats no password",
        [f"ada:{_HASH}\n# x\n\nbob:{{SHA}}x\r\neve", f"Ada:{_HASH}:x\rada:x"])
def password_file(data: bytes) -> None:
    entries, refusals = htpasswd.parse(text(data))
    for entry in entries:
        assert htpasswd.MIN_COST <= htpasswd.cost(entry.bcrypt) <= htpasswd.MAX_COST
        assert entry.bcrypt.isascii()
        assert len(entry.bcrypt) == 60
    assert len({entry.name for entry in entries}) == len(entries)
    for refusal in refusals:
        assert refusal.reason.isprintable()
        assert len(refusal.reason) < 200


TARGETS: tuple[Target, ...] = (token, sealed_key, password, password_file)
