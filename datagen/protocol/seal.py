"""The seal on what our processes write: whoever shares a node can write our keys as well.

``"mac"``, the last member of a stored object, is an HMAC over where it lies and what it says;
its key follows from a secret that all replicas have and that never changes.
"""

from __future__ import annotations

import hashlib
import hmac

_PURPOSE = b"datagen: what is on the board"
_OPENS, _CLOSES = ',"mac":"', '"}'
_LENGTH = 32  # hex digits: 128 bits
_TAIL = len(_OPENS) + _LENGTH + len(_CLOSES)


class Seal:
    """Seals and checks JSON objects; every replica of one network makes the same seals."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    def put_on(self, hkey: str, field: str, text: str) -> str:
        """The compact JSON object ``text``, which is not empty, with its seal at the end."""
        return f"{text[:-1]}{_OPENS}{self._mac(hkey, field, text)}{_CLOSES}"

    def holds(self, hkey: str, field: str, text: str) -> bool:
        """Whether ``text`` was sealed for this very place and is as it was then."""
        said = text[-_TAIL:]
        if not (said.startswith(_OPENS) and said.endswith(_CLOSES)):
            return False
        mac = self._mac(hkey, field, text[:-_TAIL] + "}")
        return hmac.compare_digest(said.encode("utf-8", "replace"),
                                   f"{_OPENS}{mac}{_CLOSES}".encode())

    def _mac(self, hkey: str, field: str, text: str) -> str:
        message = "\x00".join((hkey, field, text)).encode("utf-8", "replace")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:_LENGTH]
