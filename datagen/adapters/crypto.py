"""Password records of the npm auth library (WIRE.md, 5) and signed tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import bcrypt
import jwt
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from jwt.algorithms import HMACAlgorithm

from datagen.domain import htpasswd
from datagen.domain.errors import SessionEnded
from datagen.ports import Clock

_LOG = logging.getLogger(__name__)

Draw = Callable[[int], bytes]  # that many random bytes

SALT_BYTES = 16
MAX_MEMORY = 256 * 1024  # KiB one record may make us allocate
MAX_PASSES = 1024 * 1024  # KiB times passes: about a second's work
MAX_N = 2**17
MAX_KEY = 64  # bytes of a stored hash
MIN_KEY = 16
BCRYPT_BYTES = 72  # of a password that bcrypt looks at
LANES = 2  # hashes at once, 64 MiB each: a container may have 512 MB for everything
LEEWAY = 300  # seconds that another replica's clock may be ahead
MAX_TOKEN = 512 * 1024  # characters; a draft token carries a schema

_PARTS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class _Scheme(Protocol):
    """How one record turns a password into a key."""

    @property
    def length(self) -> int:
        """Bytes of the key."""
        ...

    def derive(self, password: bytes, salt: bytes, pepper: bytes) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class _Argon2:
    passes: int = 3
    memory: int = 65536  # KiB, 64 MiB
    lanes: int = 1
    length: int = 32  # bytes

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> _Argon2:
        scheme = cls(
            passes=_whole(params, "timeCost", 1, 16),
            memory=_whole(params, "memoryCost", 8, MAX_MEMORY),
            lanes=_whole(params, "parallelism", 1, 16),
            length=_whole(params, "outputLen", MIN_KEY, MAX_KEY),
        )
        if scheme.memory * scheme.passes > MAX_PASSES or scheme.memory < 8 * scheme.lanes:
            raise ValueError("its cost is out of bounds")
        return scheme

    def derive(self, password: bytes, salt: bytes, pepper: bytes) -> bytes:
        return Argon2id(
            salt=salt, length=self.length, iterations=self.passes, lanes=self.lanes,
            memory_cost=self.memory, secret=pepper,
        ).derive(password)


@dataclass(frozen=True, kw_only=True)
class _Scrypt:
    n: int
    r: int
    p: int
    length: int  # bytes

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> _Scrypt:
        scheme = cls(
            n=_whole(params, "N", 2, MAX_N),
            r=_whole(params, "r", 1, 16),
            p=_whole(params, "p", 1, 16),
            length=_whole(params, "keyLength", MIN_KEY, MAX_KEY),
        )
        kib = scheme.n * scheme.r // 8
        if kib > MAX_MEMORY or kib * scheme.p > MAX_PASSES or scheme.n & (scheme.n - 1):
            raise ValueError("its cost is out of bounds")
        return scheme

    def derive(self, password: bytes, salt: bytes, pepper: bytes) -> bytes:
        # The default limit of 32 MiB is just too little for N = 32768, r = 8.
        room = 128 * self.r * (self.n + self.p + 2) + 2**20
        return hashlib.scrypt(password, salt=salt + pepper, n=self.n, r=self.r, p=self.p,
                              maxmem=room, dklen=self.length)


_DUMMY_SALT = b"no such account!"
_DUMMY_BCRYPT = "$2b${:02d}$nosuchaccountnosuchac."  # a salt, for one cost


class Argon2Hasher:
    """Makes argon2id records and verifies them and the older scrypt ones."""

    def __init__(self, pepper: str, *, draw: Draw = secrets.token_bytes) -> None:
        self._pepper = pepper.encode()
        self._draw = draw
        self._lanes = threading.BoundedSemaphore(LANES)

    def hash(self, password: str, *, purpose: str | None = None) -> dict[str, Any]:
        """A new record ``{algo, hash, salt, version, params}``.

        16 bytes of salt: random ones, or those that follow from the pepper and ``purpose``.
        """
        salt, scheme = self._draw(SALT_BYTES), _Argon2()
        if purpose is not None:
            salt = hmac.digest(self._pepper, f"salt:{purpose}".encode(), "sha256")[:SALT_BYTES]
        key = self._derive(scheme, password.encode(), salt)
        return {
            "algo": "argon2id",
            "hash": base64.b64encode(key).decode(),
            "salt": base64.b64encode(salt).decode(),
            "version": 1,
            "params": {
                "timeCost": scheme.passes,
                "memoryCost": scheme.memory,
                "parallelism": scheme.lanes,
                "outputLen": scheme.length,
            },
        }

    def verify(self, password: str, record: Mapping[str, Any] | None) -> bool:
        """Whether they match; no record, or one that can't be read, costs the same time."""
        try:
            typed = password.encode()
        except UnicodeEncodeError:  # half a surrogate pair matches nothing
            typed, record = b"", None
        try:
            if record is not None:
                scheme, salt, key = _read(record)
                return hmac.compare_digest(self._derive(scheme, typed, salt), key)
        except ValueError as exc:
            _LOG.warning("A password record can't be used: %s", exc)
        self._derive(_Argon2(), typed, _DUMMY_SALT)
        return False

    def verify_bcrypt(self, password: str, stored: str | None, *, level: int) -> bool:
        """Whether they match, after the work of cost ``level`` (at most ``MAX_COST``).

        One step of cost doubles the work, so 2**level is 2**cost and one run each of
        cost, cost + 1 ... level - 1: which hash waits, and whether one does, takes no time.
        """
        try:
            typed = password.encode()[:BCRYPT_BYTES]
            cost = htpasswd.cost(stored) if stored else None
        except (UnicodeEncodeError, ValueError):
            typed, cost = b"", None
        decoys = [level] if cost is None and level else range(cost or level, level)
        with self._lanes:
            found = cost is not None and _matches(typed, stored or "")
            for each in decoys:
                bcrypt.hashpw(typed, _DUMMY_BCRYPT.format(each).encode())
        return found

    def _derive(self, scheme: _Scheme, password: bytes, salt: bytes) -> bytes:
        with self._lanes:
            return scheme.derive(password, salt, self._pepper)


def _matches(typed: bytes, stored: str) -> bool:
    try:  # htpasswd ends a password at a null byte, bcrypt here does not: none may match
        return bcrypt.checkpw(typed, stored.encode()) and b"\0" not in typed
    except ValueError:  # never for what htpasswd.cost takes; a sign-in must not break on it
        _LOG.warning("A bcrypt hash that waits can't be used.")
        return False


def _read(record: Mapping[str, Any]) -> tuple[_Scheme, bytes, bytes]:
    """Scheme, salt and key of a stored record. Raises ValueError, naming no content."""
    params = record.get("params")
    if not isinstance(params, Mapping) or record.get("version", 1) != 1:
        raise ValueError("its form is unknown")
    scheme: _Scheme
    match record.get("algo"):
        case "argon2id":
            scheme = _Argon2.of(params)
        case "scrypt":
            scheme = _Scrypt.of(params)
        case _:
            raise ValueError("its algorithm is unknown")
    salt, key = _bytes(record, "salt"), _bytes(record, "hash")
    if not 8 <= len(salt) <= MAX_KEY or len(key) != scheme.length:
        raise ValueError("its salt or hash has the wrong length")
    return scheme, salt, key


def _whole(params: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"its {name} is out of bounds")
    return value


def _bytes(record: Mapping[str, Any], name: str) -> bytes:
    value = record.get(name)
    if not isinstance(value, str):
        raise ValueError(f"its {name} is missing")  # noqa: TRY004 - one error kind for unreadable records
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as exc:
        raise ValueError(f"its {name} is not base64") from exc


class _Hs256(HMACAlgorithm):
    """Takes any secret as bytes: the settings already warn about a short one."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key.encode() if isinstance(key, str) else key

    def check_key_length(self, key: bytes) -> str | None:
        return None


class JwtSigner:
    """Makes and reads tokens signed with HS256; no other algorithm exists here."""

    def __init__(self, secret: str, clock: Clock, *, previous: Sequence[str] = ()) -> None:
        """``previous``: secrets whose tokens still count."""
        if not all((secret, *previous)):
            raise ValueError("a token secret must not be empty")
        self._secrets = tuple(one.encode() for one in (secret, *previous))
        self._clock = clock
        self._jws = jwt.PyJWS(algorithms=[])
        self._jws.register_algorithm("HS256", _Hs256(HMACAlgorithm.SHA256))

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The token. ``claims`` must hold ``exp``, in seconds since 1970."""
        if not _is_seconds(claims.get("exp")):
            raise ValueError("a token without an end would live for ever")
        payload = json.dumps(dict(claims), separators=(",", ":")).encode()
        return self._jws.encode(payload, self._secrets[0], algorithm="HS256")

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that is ours and in time. Raises SessionEnded.

        Only one spelling of a token is accepted (no padding), so that its hash names it.
        """
        claims = self._claims(token)
        now = self._clock.now().timestamp()
        if not _is_seconds(claims.get("exp")):
            raise SessionEnded("This is not a token of ours.")
        if now >= claims["exp"]:
            raise SessionEnded("This has expired.")
        for name in claims.keys() & {"iat", "nbf"}:
            if not _is_seconds(claims[name]) or claims[name] > now + LEEWAY:
                raise SessionEnded("This is not valid yet.")
        return claims

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN or not _PARTS.fullmatch(token):
            raise SessionEnded("This is not a token of ours.")
        claims = None
        for secret in self._secrets:
            try:
                claims = json.loads(self._jws.decode(token, secret, algorithms=["HS256"]))
                break
            except (jwt.PyJWTError, ValueError, RecursionError):
                continue
        if not isinstance(claims, dict):
            raise SessionEnded("This is not a token of ours.")
        return claims


def _is_seconds(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
