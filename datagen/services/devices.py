"""Browsers that an account signed in with: others' failures never keep its owner waiting."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta

from datagen.domain.errors import SessionEnded
from datagen.ports import Clock, TokenSigner

DEVICE_LIFE = timedelta(days=180)
_TYPE = "device"  # it opens nothing


class Devices:
    """Makes and reads what such a browser keeps."""

    def __init__(
        self, *, signer: TokenSigner, clock: Clock,
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._signer, self._clock, self._draw = signer, clock, draw

    def made(self, username: str) -> str:
        """What a browser is to keep after this account signed in."""
        end = int((self._clock.now() + DEVICE_LIFE).timestamp())
        return self._signer.sign({"typ": _TYPE, "owner": username, "exp": end,
                                  "jti": self._draw(12).hex()})

    def known(self, text: str | None, username: str) -> str | None:
        """Names the browser; None where this account did not sign in with it."""
        try:
            claims = self._signer.read(text or "")
        except SessionEnded:
            return None
        fits = claims.get("typ") == _TYPE and claims.get("owner") == username
        return str(claims.get("jti", "")) if fits else None
