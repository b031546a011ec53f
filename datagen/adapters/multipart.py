"""A file in a multipart form, put together as it is sent: of any size, in constant memory."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Mapping
from typing import BinaryIO


class MultipartFile:
    """The body of a request with the fields ``file`` and ``body``, a JSON object.

    ``size`` is that of ``content``, in bytes; ``filename`` plain ASCII without quotes.
    """

    def __init__(
        self, content: BinaryIO, size: int, filename: str, body: Mapping[str, str]
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{filename}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        ).encode()
        tail = (
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="body"\r\n\r\n'
            f"{json.dumps(body)}\r\n--{boundary}--\r\n"
        ).encode()
        self._size = len(head) + size + len(tail)
        self._parts = [io.BytesIO(head), content, io.BytesIO(tail)]

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1, /) -> bytes:
        while self._parts:
            if chunk := self._parts[0].read(size):
                return chunk
            self._parts.pop(0)
        return b""
