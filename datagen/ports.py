"""What the inside needs from the outside, in the domain's words.

Every adapter of a port passes the same contract suite (``tests/contracts``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from datagen.domain.chat import ChatCall, ChatReply, Endpoint, Trial
from datagen.domain.mail import Mail


class HashStore(Protocol):
    """Replicated keys and hashes; values are JSON strings, ``None`` deletes.

    Raises StoreError when the store can't be used now. Safe to call from any
    thread and any process of the replica.
    """

    def get(self, key: str) -> str | None: ...
    def set(self, key: str, value: str | None) -> None: ...
    def hget(self, hkey: str, field: str) -> str | None: ...
    def hset(self, hkey: str, field: str, value: str | None) -> None: ...
    def hgetall(self, hkey: str) -> dict[str, str]: ...

    def hsync(self, hkey: str, peer: str) -> bool:
        """Fetch a hash's fields from one other replica; whether it answered."""
        ...


class FileStore(Protocol):
    """Immutable files by content id. Raises StoreError; NotThere for an unknown id.

    Files of different names never share an id: one can be removed without the other.
    """

    def add(self, source: BinaryIO, filename: str) -> str:
        """Store all of ``source`` and return its id; the file is whole or not there."""
        ...

    def open(
        self, cid: str, *, most: int | None = None, ours: bool = True, sha256: str | None = None
    ) -> BinaryIO:
        """The file's bytes as a stream; the caller closes it.

        StoreError for one of more than ``most`` bytes, of which no more are fetched. ``ours``:
        whether one of our processes named it; whatever others name opens without our secret,
        or not at all. ``sha256``: of its bytes, in hex, where it is known: a file with others is
        not the one that was asked for, and not there.
        """
        ...

    def verify(self, cid: str) -> None:
        """Read the whole file from the store itself, past any cache."""
        ...

    def remove(self, cid: str) -> None:
        """Delete this replica's copy for good; no error where there is none."""
        ...


class Desk(Protocol):
    """Notes that the processes of ONE replica leave for one another on their own disk.

    The web process hands jobs over to the worker here (DATA.md, rule 12), so that
    no person waits for a shared store. Raises StoreError.
    """

    def put_once(self, topic: str, key: str, value: str) -> str:
        """Store ``value`` unless ``key`` has one; return the value that stands."""
        ...

    def keep(self, topic: str, key: str, value: str) -> None:
        """Store ``value`` in place of what ``key`` has; it is the newest note then."""
        ...

    def note(self, topic: str, key: str) -> str | None: ...

    def notes(self, topic: str) -> dict[str, str]:
        """All notes of a topic, key to value, oldest first."""
        ...

    def drop(self, topic: str, key: str) -> None: ...


class ChatModel(Protocol):
    """One chat completion per call. Raises the ModelError family."""

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply: ...

    async def aclose(self) -> None:
        """Close pooled connections; the model can't be used afterwards."""
        ...


class ModelProbe(Protocol):
    """Finds out about a model server. Raises the ModelError family."""

    async def try_out(self, endpoint: Endpoint, call: ChatCall) -> Trial:
        """One call, asked for in simpler and simpler forms until one is taken."""
        ...

    async def models(self, endpoint: Endpoint) -> tuple[str, ...]:
        """Names of the models that a server offers; hostile text."""
        ...


class Clock(Protocol):
    """Time as an argument, so that tests never sleep."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""
        ...


class PasswordHasher(Protocol):
    """Password records byte-compatible with the npm auth library (WIRE.md, 5)."""

    def hash(self, password: str, *, purpose: str | None = None) -> dict[str, Any]:
        """A new argon2id record ``{algo, hash, salt, version, params}``.

        Its salt is random; with a ``purpose``, that and the pepper give it: whoever shares
        the pepper makes the same record.
        """
        ...

    def verify(self, password: str, record: Mapping[str, Any] | None) -> bool:
        """Whether they match. ``None`` or an unreadable record: False, after the same time."""
        ...

    def verify_bcrypt(self, password: str, stored: str | None, *, level: int) -> bool:
        """Whether they match. The work is that of bcrypt's cost ``level`` whatever is given.

        ``None`` or a hash that is not taken: False. Only the first 72 bytes of a password
        count, as for every bcrypt.
        """
        ...


class Vault(Protocol):
    """Seals secrets that must be read again, so that every replica can and nobody else."""

    def seal(self, secret: str, bound_to: Sequence[str]) -> str:
        """The secret in a text that tells nothing, to be opened for the same ``bound_to``."""
        ...

    def open(self, sealed: str, bound_to: Sequence[str]) -> str | None:
        """The secret; None where the text is not ours, or was sealed for something else."""
        ...

    def is_sealed(self, text: str) -> bool:
        """Whether ``text`` has the form of what ``seal`` makes."""
        ...


class TokenSigner(Protocol):
    """The one place that makes and reads signed tokens (HS256)."""

    def sign(self, claims: Mapping[str, Any]) -> str: ...

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that is ours and in time. Raises SessionEnded."""
        ...


class Mailer(Protocol):
    """Sends mails. Raises MailRefused, MailNotConfigured."""

    @property
    def is_ready(self) -> bool:
        """Whether there is a mail server at all."""
        ...

    def send(self, mail: Mail) -> None:
        """The mail is the server's when this returns. Blocks, half a minute at most."""
        ...
