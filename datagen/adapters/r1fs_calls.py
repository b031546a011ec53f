"""How files go up to R1FS and come down again, in whichever form the server offers."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, BinaryIO

from datagen.adapters.file_log import FileLog
from datagen.adapters.multipart import MultipartFile
from datagen.adapters.node_answers import Answer, NodeError, Why, result_of
from datagen.adapters.node_http import Incoming, NodeHttp, as_json

CID = re.compile(r"[A-Za-z0-9]{16,128}")  # before it goes into an address or names a file
SMALL = 8 * 1024 * 1024  # bytes that are sent and read as one JSON text
_IN_MEMORY = 2 * SMALL  # bytes of an answer in base64; longer ones are decoded as they come
_JSON_LIMIT = 1024 * 1024  # bytes of an answer that holds no file
_BASE64_FIELD = re.compile(rb'"file_base64_str"\s*:\s*"')

Sink = Callable[[bytes], object]


class NotOffered(Exception):  # noqa: N818 - says what happened; never leaves this module
    """The server does not give files in this form."""


class R1fsCalls:
    """One method per call of R1FS's API. Safe from any thread. Raises NodeError.

    ``timeout`` is how long a call may be silent, ``transfer`` how long a file may take, both in
    seconds.
    """

    def __init__(
        self, http: NodeHttp, *, log: FileLog, timeout: float, transfer: float, max_bytes: int,
    ) -> None:
        self._http = http
        self._log = log
        self._timeout = timeout
        self._transfer = transfer
        self._max_bytes = max_bytes
        self._streams: bool | None = None  # whether get_file gives the bytes; None = not known

    def add_file_base64(self, content: bytes, filename: str, secret: str | None) -> str:
        """Store up to SMALL bytes and return their CID."""
        body = {"file_base64_str": base64.b64encode(content).decode(), "filename": filename}
        with self._log.call("add_file_base64", filename) as outcome:
            answer = self._http.post(
                "add_file_base64", body | _secret(secret), timeout=self._timeout
            )
            cid = self._cid(result_of(answer))
            outcome.append(f"{cid}, {len(content)} bytes")
        return cid

    def add_file(self, content: BinaryIO, size: int, filename: str, secret: str | None) -> str:
        """Store a file of any size as it is read, and return its CID."""
        form = MultipartFile(content, size, filename, {"filename": filename} | _secret(secret))
        with self._log.call("add_file", filename) as outcome:
            with self._http.stream(
                "POST", "add_file", data=form, content_type=form.content_type,
                timeout=self._timeout, within=self._transfer,
            ) as incoming:
                cid = self._cid(result_of(incoming.answer(_JSON_LIMIT)))
            outcome.append(f"{cid}, {size} bytes")
        return cid

    def download(
        self, cid: str, secret: str | None, sink: Sink, most: int | None = None
    ) -> None:
        """Give the file, of ``most`` bytes or less, to ``sink``, once, as the server offers it.

        In which form that is stays known while it works. A secret keeps out of addresses, which
        servers log, where there is another way.
        """
        stream_first = secret is None and self._streams is not False
        for streams in (stream_first, not stream_first):
            get = self.get_file if streams else self.get_file_base64
            try:
                get(cid, secret, sink, self._max_bytes if most is None else most)
            except NotOffered:
                self._streams = not streams
                continue
            if secret is None:
                self._streams = streams
            return
        self._streams = None
        raise NodeError(self._http.service, Why.NO_SUCH_CALL)

    def get_file(self, cid: str, secret: str | None, sink: Sink, most: int) -> None:
        """Give the file to ``sink`` as it comes. Raises NotOffered before it gave anything."""
        with self._log.call("get_file", cid) as outcome, self._http.stream(
            "GET", "get_file", query={"cid": cid} | _secret(secret),
            timeout=self._timeout, within=self._transfer,
        ) as incoming:
            kind = incoming.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if incoming.status == 200 and (
                kind == "application/octet-stream" or "x-meta" in incoming.headers
            ):
                size = 0
                for chunk in incoming.chunks(most):
                    sink(chunk)
                    size += len(chunk)
                if not size:  # R1FS holds no empty files: the server failed to read it
                    raise NodeError(self._http.service, Why.BROKEN)
                outcome.append(f"{size} bytes")
                return
            result = _offered(incoming.answer(_JSON_LIMIT))
            if isinstance(result, dict) and isinstance(result.get("file_path"), str):
                raise NotOffered  # a path on the node's own disk
            raise NodeError(self._http.service, Why.UNREADABLE, status=incoming.status)

    def get_file_base64(self, cid: str, secret: str | None, sink: Sink, most: int) -> None:
        """Give the decoded file to ``sink``. Raises NotOffered before it gave anything."""
        with self._log.call("get_file_base64", cid) as outcome, self._http.stream(
            "POST", "get_file_base64", data=as_json({"cid": cid} | _secret(secret)),
            timeout=self._timeout, within=self._transfer,
        ) as incoming:
            chunks = incoming.chunks(most // 3 * 4 + _JSON_LIMIT)
            head = bytearray()
            for chunk in chunks:
                head += chunk
                if len(head) > _IN_MEMORY:
                    size = self._decode_large(incoming, chain([bytes(head)], chunks), sink)
                    break
            else:
                size = self._decode(incoming, bytes(head), sink)
            outcome.append(f"{size} bytes")

    def delete_file(self, cid: str) -> None:
        """Unpin the file on this node."""
        with self._log.call("delete_file", cid):
            result_of(self._http.post("delete_file", {"cid": cid}, timeout=self._timeout))

    def _decode(self, incoming: Incoming, body: bytes, sink: Sink) -> int:
        service, status = self._http.service, incoming.status
        result = _offered(Answer(status=status, body=body, service=service))
        text = result.get("file_base64_str") if isinstance(result, dict) else None
        try:
            content = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except ValueError:
            content = b""
        if not content:
            raise NodeError(service, Why.UNREADABLE, status=status)
        sink(content)
        return len(content)

    def _decode_large(self, incoming: Incoming, chunks: Iterator[bytes], sink: Sink) -> int:
        """Decode as it comes: a container may have 512 MB in all."""
        unreadable = NodeError(self._http.service, Why.UNREADABLE, status=incoming.status)
        if incoming.status != 200:
            raise unreadable
        size = 0
        try:
            for content in _decoded_field(chunks):
                sink(content)
                size += len(content)
        except ValueError:
            raise unreadable from None
        return size

    def _cid(self, result: Any) -> str:
        cid = result.get("cid") if isinstance(result, dict) else None
        if not isinstance(cid, str) or not CID.fullmatch(cid):
            raise NodeError(self._http.service, Why.BROKEN)
        return cid


def _secret(secret: str | None) -> dict[str, str]:
    return {"secret": secret} if secret else {}


def _offered(answer: Answer) -> Any:
    try:
        return result_of(answer)
    except NodeError as exc:
        if exc.why is Why.NO_SUCH_CALL:
            raise NotOffered from exc
        raise


def _decoded_field(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of ``file_base64_str`` in a JSON text, as it comes. Raises ValueError."""
    rest = next(chunks)
    start = _BASE64_FIELD.search(rest)
    if start is None:
        raise ValueError("no file in it")
    rest = rest[start.end():]
    while (end := rest.find(b'"')) < 0:
        whole = len(rest) // 4 * 4  # digits; three bytes are four
        yield base64.b64decode(rest[:whole], validate=True)
        more = next(chunks, None)
        if more is None:
            raise ValueError("no end")
        rest = rest[whole:] + more
    yield base64.b64decode(rest[:end], validate=True)
