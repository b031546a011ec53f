"""The one place that opens connections to model servers, whoever asks for it.

Two kinds of them: the server's own endpoint, which whoever runs DataGen configured, and every
other, which some person typed. Those are checked (``domain/addresses.py``): how they are
spelled; every address their name leads to, once, and the connection goes to an address that was
checked; and that address again as the socket is made. They are called directly, never through
a proxy of the environment, which would resolve names by itself. For all: certificates are
verified for the name, redirects not followed, answers bounded in size and time, and nothing but
the connection is kept between two calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from datagen.adapters import tls
from datagen.adapters.wire import Connector, EndlessError
from datagen.domain import addresses
from datagen.domain.errors import (
    AddressForbidden,
    ModelError,
    ModelRejected,
    ModelUnreachable,
    ReplyUnusable,
)

CONNECT_TIMEOUT = 10.0  # seconds
ANSWER_LIMIT = 1024 * 1024  # bytes; a record is a few kilobytes

# Numeric addresses that a host name has, for a port. Raises OSError where there are none.
LookUp = Callable[[str, int], Awaitable[list[tuple[socket.AddressFamily, str]]]]


@dataclass(frozen=True, kw_only=True)
class Got:
    """One HTTP answer, read to its end."""

    status: int
    body: bytes
    retry_after: str | None  # the header, as sent


@dataclass(kw_only=True)
class Outgoing:
    """Connections to model servers. Safe to use from any thread's event loop.

    They are kept per event loop and closed when that loop ends or with ``aclose``.
    """

    timeout: float  # seconds until an answer has come to its end
    inside: addresses.Networks = ()  # private networks where people's servers may be
    look_up: LookUp | None = None  # None: as the system does
    verify: ssl.SSLContext = field(default_factory=tls.context)  # whom certificates come from
    _open: dict[tuple[asyncio.AbstractEventLoop, bool], _Kept] = field(default_factory=dict)
    _proxies: dict[str, str | None] = field(default_factory=dict)  # by the server's own URLs
    _closed: bool = False

    async def send(
        self, method: Literal["GET", "POST"], url: str, *, own: bool, who: str,
        headers: Mapping[str, str], body: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Got:
        """One exchange. Raises ModelError, whose message begins with ``who`` and hides the URL.

        ``own``: the address is the server's own, which nobody but its operator chose.
        ``query``: what DataGen itself adds to it.
        """
        wrong = None if own else addresses.fault(url, self.inside)
        if wrong is not None:
            raise AddressForbidden(f"{who} can't be called. {wrong}")
        session = await self._session(own=own)
        try:
            async with session.request(
                method, url, params=query, data=body, headers=headers, allow_redirects=False,
                proxy=self._proxy(url) if own else None,
            ) as response:
                return Got(status=response.status, body=await _bounded(response.content, who),
                           retry_after=response.headers.get("Retry-After"))
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            # The others may repeat the request's headers or its address, password included.
            tells_nothing = isinstance(exc, (OSError, aiohttp.ClientConnectionError))
            raise self._translated(exc, url, who) from (exc if tells_nothing else None)

    def _proxy(self, url: str) -> str | None:
        if url not in self._proxies:
            self._proxies[url] = proxy_for(url)
        return self._proxies[url]

    async def aclose(self) -> None:
        """Close all connections. Further calls raise ModelUnreachable."""
        self._closed = True
        here = asyncio.get_running_loop()
        for (loop, _), kept in list(self._open.items()):
            if loop is here:
                kept.keeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await kept.keeper
            else:
                with contextlib.suppress(RuntimeError):  # that loop ended meanwhile
                    loop.call_soon_threadsafe(kept.keeper.cancel)

    async def _session(self, *, own: bool) -> aiohttp.ClientSession:
        """This loop's session; its keeper task closes it when the loop ends."""
        if self._closed:
            raise ModelUnreachable("DataGen is stopping.")
        key = asyncio.get_running_loop(), own
        kept = self._open.get(key)
        if kept is None:
            kept = self._open[key] = _Kept(self._made(own=own), lambda: self._open.pop(key, None))
            await asyncio.sleep(0)  # a keeper that never began could not close anything
        return kept.session

    def _made(self, *, own: bool) -> aiohttp.ClientSession:
        checks: dict[str, Any] = {} if own else {
            "resolver": _Checked(self.inside, self.look_up), "socket_factory": self._socket}
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=self.timeout, connect=CONNECT_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
            # limit: the caller bounds the calls in flight
            connector=Connector(limit=0, ssl=self.verify, **checks),
            cookie_jar=aiohttp.DummyCookieJar(),  # calls share nothing but connections
        )

    def _socket(self, found: aiohttp.AddrInfoType) -> socket.socket:
        """A socket to connect to this very address. Raises _ForbiddenError."""
        family, kind, protocol, _, (host, port, *_) = found
        if not (addresses.allowed(ip_address(host), self.inside)
                and addresses.port_allowed(int(port))):
            raise _ForbiddenError(host)
        return socket.socket(family, kind, protocol)

    def _translated(self, exc: Exception, url: str, who: str) -> ModelError:
        """What a failed exchange means to people."""
        if isinstance(getattr(exc, "os_error", None), _ForbiddenError):
            return AddressForbidden(f"{who} can't be called. "
                                    + addresses.FORBIDDEN.format("What its name leads to"))
        if isinstance(exc, aiohttp.ConnectionTimeoutError):
            return ModelUnreachable(f"{who} can't be reached: no connection within "
                                    f"{CONNECT_TIMEOUT:g} s.")
        if isinstance(exc, TimeoutError):
            return ModelUnreachable(f"{who} did not answer within {self.timeout:g} s "
                                    "(DATAGEN_INFERENCE_TIMEOUT_SECONDS).")
        if url.startswith("https:") and (why := _wrong_with_tls(exc)):
            return ModelUnreachable(f"{who} {why}")
        for kind, happened in _HAPPENED:
            if isinstance(exc, kind):
                return ModelUnreachable(f"{who} {happened}")
        return ModelRejected("The request can't be sent: the address or the key holds "
                             "characters that HTTP does not allow.")


_HAPPENED: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (EndlessError, "sends an answer without end."),
    (aiohttp.InvalidURL, "can't be called: its address is not valid."),
    (aiohttp.ClientProxyConnectionError, "can't be reached: the proxy named in the environment "
     "does not answer."),
    (aiohttp.ClientConnectorDNSError, "can't be reached: its name is not known."),
    (aiohttp.ClientConnectorError, "can't be reached. Is it running?"),
    (aiohttp.ClientError, "broke the connection or does not speak HTTP."),
    (OSError, "broke the connection or does not speak HTTP."),
)


def _wrong_with_tls(exc: Exception) -> str | None:
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        fault = exc.certificate_error
        if isinstance(fault, ssl.SSLCertVerificationError):
            return f"can't be trusted: {tls.untrusted(fault)}"
    if isinstance(exc, aiohttp.ClientConnectorError) and (why := tls.unspoken(exc.os_error)):
        return f"can't be reached: {why}" + (" Is http:// meant?" if why == tls.NO_TLS else "")
    return None


class _ForbiddenError(OSError):
    """No address of a person's model server."""


class _Checked(AbstractResolver):
    """Looks a name up once and lets it pass only if all it leads to is allowed."""

    def __init__(self, inside: addresses.Networks, look_up: LookUp | None) -> None:
        self._inside, self._look_up = inside, look_up or _system

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._look_up(host, port)
        if not all(addresses.allowed(ip_address(number), self._inside) for _, number in found):
            raise _ForbiddenError(host)
        return [
            ResolveResult(hostname=host, host=number, port=port, family=kind, proto=0,
                          flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
            for kind, number in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""


async def _system(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [(kind, str(where[0])) for kind, _, _, _, where in found]


class _Kept:
    """One loop's session. ``asyncio.run`` cancels the keeper at its end, which closes it."""

    def __init__(self, session: aiohttp.ClientSession, forget: Callable[[], object]) -> None:
        self.session, self._forget = session, forget
        self.keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()  # until cancelled
        finally:
            self._forget()
            await self.session.close()


async def _bounded(stream: aiohttp.StreamReader, who: str) -> bytes:
    data = bytearray()
    async for chunk in stream.iter_any():
        data += chunk
        if len(data) > ANSWER_LIMIT:
            raise ReplyUnusable(f"{who} sent an answer larger than 1 MiB.")
    return bytes(data)


def proxy_for(url: str) -> str | None:
    """The proxy the environment names for ``url``; none for this machine.

    Not aiohttp's ``trust_env``: that would also send credentials from ``.netrc``.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    if is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)


def proxy_secrets(url: str) -> tuple[str, ...]:
    """What the proxy for ``url`` is told to let us in, in every spelling that is sent or kept."""
    try:
        parts = urlsplit(proxy_for(url) or "")
    except ValueError:
        return ()
    if not parts.password:
        return ()
    user, password = unquote(parts.username or ""), unquote(parts.password)
    sent = b64encode(f"{user}:{password}".encode("latin-1", "replace")).decode()
    return (sent, password, parts.password)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, which no proxy can reach for us."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
