"""Secrets that must be read again: AES-256-GCM under a key that follows from another secret."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX = "sealed1."  # form and number of it
_NONCE = 12  # bytes
MAX_SEALED = 64 * 1024  # characters


class AesVault:
    """The Vault port. ``purpose`` keeps apart what is sealed for different ends."""

    def __init__(
        self, *passwords: str, purpose: str, draw: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        """``passwords``: the first seals, all open; every replica has the same."""
        self._keys = tuple(
            AESGCM(HKDF(hashes.SHA256(), 32, None, f"datagen: {purpose}".encode())
                   .derive(password.encode())) for password in passwords)
        self._draw = draw

    def seal(self, secret: str, bound_to: Sequence[str]) -> str:
        """``sealed1.`` and base64url of nonce, ciphertext and tag."""
        nonce = self._draw(_NONCE)
        sealed = self._keys[0].encrypt(nonce, secret.encode(), _place(bound_to))
        return _PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, bound_to: Sequence[str]) -> str | None:
        """The secret; None where it can't be opened."""
        if not self.is_sealed(sealed) or len(sealed) > MAX_SEALED:
            return None
        try:
            raw = base64.urlsafe_b64decode(sealed.removeprefix(_PREFIX).encode())
        except (binascii.Error, ValueError):
            return None
        for key in self._keys:
            try:
                return key.decrypt(raw[:_NONCE], raw[_NONCE:], _place(bound_to)).decode()
            except (InvalidTag, ValueError):  # ValueError: too short to be any
                continue
        return None

    def is_sealed(self, text: str) -> bool:
        """Whether it begins as ours do."""
        return text.startswith(_PREFIX)


def _place(bound_to: Sequence[str]) -> bytes:
    """Different for different sequences, whatever they hold."""
    return b"".join(len(part).to_bytes(4, "big") + part
                    for part in (one.encode() for one in bound_to))
