"""HTTP calls to a node's stores: pooled, bounded in time and in size.

The one seam where requests' errors become ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode

import requests
from urllib3 import exceptions as pool

from datagen.adapters.exchange import Exchange
from datagen.adapters.node_answers import Answer, NodeError, Service, Why, result_of
from datagen.adapters.node_wire import Adapter, Body, Sent, going_on
from datagen.ports import Clock

CONNECT_TIMEOUT = 5.0  # seconds; a node is on the same machine or next to it
STATUS_TIMEOUT = 5.0  # seconds
ANSWER_LIMIT = 64 * 1024 * 1024  # bytes
_CHUNK = 256 * 1024  # bytes
_CONNECTIONS = 16  # kept open; more threads at once open more


class NodeHttp:
    """One service of a node. Safe from any thread. Raises NodeError."""

    def __init__(self, service: Service, *, clock: Clock) -> None:
        self.service = service
        self._clock = clock
        # Threads share it: without cookies its only state is the pool, which locks.
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies and no .netrc: a node is never behind one
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["Accept-Encoding"] = "identity"  # what is bounded is what is sent
        adapter = Adapter(pool_maxsize=_CONNECTIONS)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def get(self, call: str, query: Mapping[str, str], *, timeout: float) -> Answer:
        with self.stream("GET", call, query=query, timeout=timeout) as stream:
            return stream.answer()

    def post(self, call: str, body: Mapping[str, Any], *, timeout: float) -> Answer:
        with self.stream("POST", call, data=as_json(body), timeout=timeout) as stream:
            return stream.answer()

    @contextmanager
    def stream(
        self, method: str, call: str, *, timeout: float, within: float | None = None,
        query: Mapping[str, str] | None = None, data: bytes | Body | None = None,
        content_type: str = "application/json",
    ) -> Iterator[Incoming]:
        """An answer whose body is still to be read.

        ``timeout``: seconds of silence; ``within``: of the whole exchange, ``timeout`` if None.
        What comes or goes more slowly than 64 KiB a second ends sooner.
        """
        exchange = Exchange(self._clock.monotonic, silence=timeout,
                            within=timeout if within is None else within)
        url = f"{self.service.url.rstrip('/')}/{call}"
        if query:
            url += f"?{urlencode(query)}"
        with translated(self.service), going_on(exchange):
            response = self._session.request(
                method, url, data=data if data is None or isinstance(data, bytes)
                else Sent(data, exchange),
                headers={"Content-Type": content_type} if data is not None else None,
                timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                stream=True, allow_redirects=False,
            )
        with response:
            yield Incoming(response, self.service, exchange)

    def status(self, *, timeout: float = STATUS_TIMEOUT) -> None:
        """Return if the service answers, whatever it says at HTTP 200."""
        answer = self.get("get_status", {}, timeout=timeout)
        if answer.status != 200:
            result_of(answer)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()


class Incoming:
    """One answer on its way. Raises NodeError."""

    def __init__(
        self, response: requests.Response, service: Service, exchange: Exchange
    ) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.service = service
        self._raw = response.raw
        self._exchange = exchange

    def chunks(self, limit: int) -> Iterator[bytes]:
        """The body as it comes, ``limit`` bytes at most."""
        size = 0
        with translated(self.service):
            # read1 takes what is there: a body that drips can't outlast the deadline.
            while chunk := self._raw.read1(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise NodeError(self.service, Why.TOO_LARGE, status=self.status)
                self._exchange.took(len(chunk))
                if self._exchange.left <= 0:
                    raise NodeError(self.service, Why.TIMED_OUT)
                yield chunk

    def answer(self, limit: int = ANSWER_LIMIT) -> Answer:
        """The whole answer in memory."""
        body = b"".join(self.chunks(limit))
        return Answer(status=self.status, body=body, service=self.service)


def as_json(body: Mapping[str, Any]) -> bytes:
    """A request's body; half a surrogate pair raises UnicodeEncodeError."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


@contextmanager
def translated(service: Service) -> Iterator[None]:
    """Where the errors of requests and urllib3 become ours."""
    try:
        yield
    except (requests.RequestException, pool.HTTPError) as exc:
        # from None: they may repeat the address, and a password in it.
        raise NodeError(service, _why(exc)) from None


def _why(exc: Exception) -> Why:
    cause = exc.args[0] if exc.args else None
    reason = cause.reason if isinstance(cause, pool.MaxRetryError) else cause
    if isinstance(exc, ValueError) or isinstance(  # requests' errors for a bad URL
        reason, (pool.NewConnectionError, pool.ConnectTimeoutError)
    ):
        return Why.UNSENT
    if isinstance(exc, (requests.Timeout, pool.TimeoutError)):
        return Why.TIMED_OUT
    return Why.BROKEN
