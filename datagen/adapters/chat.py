"""Chat models over HTTP, in the node's dialect and in OpenAI's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from datagen.adapters.chat_dialects import (
    Form,
    build_body,
    build_headers,
    digest,
    first_form,
    is_loopback,
    key_for,
    place,
)
from datagen.adapters.chat_models import Offers
from datagen.adapters.chat_replies import Answer, Complaint, clean, complaint, error_of, read_reply
from datagen.domain.chat import ChatCall, ChatReply, Endpoint
from datagen.domain.errors import (
    ModelError,
    ModelRejected,
    ModelUnknown,
    ModelUnreachable,
    ReplyUnusable,
)
from datagen.ports import Clock

CONNECT_TIMEOUT = 10.0  # seconds
ANSWER_LIMIT = 1024 * 1024  # bytes; a record is a few kilobytes
_LOG_LIMIT = 600  # characters of a prompt or a reply in one log line
_MAX_REMEMBERED = 1000  # schemas a server could not do; forgotten all at once beyond it
log = logging.getLogger("datagen.inference")

_Spot = tuple[str, str, str | None, str]


class HttpChat:
    """The ChatModel port on aiohttp. Safe to call from any thread's event loop.

    ``own`` is the server's own endpoint: a key leaves for its origin only. Connections
    are kept per event loop and closed when that loop ends or with ``aclose``.
    """

    def __init__(
        self, *, timeout: float, own: Endpoint, clock: Clock, log: bool = False
    ) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=timeout, connect=CONNECT_TIMEOUT, sock_connect=CONNECT_TIMEOUT
        )
        self._seconds = timeout
        self._own = own
        self._clock = clock
        self._log = log
        self._closed = False
        self._open: dict[asyncio.AbstractEventLoop, _Kept] = {}
        self._offers = Offers(fetch=self._get, clock=clock)
        self._forms: dict[tuple[_Spot, str], Form] = {}  # "" = any schema of that endpoint

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        """One reply, asked for in the strictest form the server takes. Raises ModelError.

        A server that refuses the form gets the next simpler one, and that is remembered
        once it worked: for the endpoint, or for this schema where the schema is at fault.
        """
        spot = (endpoint.base_url, endpoint.path, endpoint.model, endpoint.dialect)
        schema = digest(call.schema)
        form = max(first_form(call), self._forms.get((spot, ""), Form.SCHEMA),
                   self._forms.get((spot, schema), Form.SCHEMA))
        refused: tuple[_Spot, str] | None = None
        while True:
            answer = await self._ask(endpoint, call, form)
            found = complaint(answer)
            if found is None:
                break
            if not found.about_format or form is Form.PLAIN:
                raise await self._error(endpoint, answer, found)
            refused = (spot, schema if found.about_schema else "")
            form = Form(form + 1)
        if refused is not None:
            self._remember(refused, form)
        return read_reply(answer)

    async def _error(self, endpoint: Endpoint, answer: Answer, found: Complaint) -> ModelError:
        """The typed error; an unknown model's names those that the server offers."""
        error = error_of(answer, found)
        if not isinstance(error, ModelUnknown):
            return error
        offers = await self._offers.of(endpoint)
        return ModelUnknown(str(error), offers=[
            name for name in offers if clean(name, answer.secrets) == name
        ])

    async def aclose(self) -> None:
        """Close all connections. Further calls raise ModelUnreachable."""
        self._closed = True
        here = asyncio.get_running_loop()
        for loop, kept in list(self._open.items()):
            if loop is here:
                kept.keeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await kept.keeper
            else:
                with contextlib.suppress(RuntimeError):  # that loop ended meanwhile
                    loop.call_soon_threadsafe(kept.keeper.cancel)

    def _remember(self, key: tuple[_Spot, str], form: Form) -> None:
        if len(self._forms) >= _MAX_REMEMBERED:
            self._forms.clear()
        self._forms[key] = max(form, self._forms.get(key, form))

    async def _ask(self, endpoint: Endpoint, call: ChatCall, form: Form) -> Answer:
        """Send one request and read its answer, whatever it says."""
        api_key = key_for(endpoint, self._own)
        secrets = tuple(k for k in (endpoint.api_key, self._own.api_key) if k)
        where = place(endpoint)
        try:
            body = json.dumps(build_body(endpoint, call, form, api_key), allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            raise ModelRejected("The request holds a value that JSON can't carry. "
                                "Check the schema and the parameters.") from None
        if self._log:
            words = " | ".join(f"{m.role}: {m.content}" for m in call.messages)
            log.info("request to %s%s form=%s max_tokens=%d: %s", where,
                     clean(urlsplit(endpoint.path).path, secrets), form.name.lower(),
                     call.max_tokens, clean(words, secrets, _LOG_LIMIT))
        started = self._clock.monotonic()
        try:
            status, retry_after, data = await self._post(endpoint, body, api_key, where)
        except ModelError as exc:
            if self._log:
                log.info("no answer from %s after %.2f s: %s", where,
                         self._clock.monotonic() - started, exc)
            raise
        if self._log:
            log.info("answer from %s after %.2f s: %d, %d bytes: %s", where,
                     self._clock.monotonic() - started, status, len(data),
                     clean(data[:20_000].decode("utf-8", "replace"), secrets, _LOG_LIMIT))
        return Answer(status=status, body=data, place=where, secrets=secrets,
                      retry_after=retry_after, now=self._clock.now())

    async def _post(
        self, endpoint: Endpoint, body: str, api_key: str | None, where: str
    ) -> tuple[int, str | None, bytes]:
        """Status, ``Retry-After`` and body of the answer; foreign errors are translated here."""
        who = f"The model server at {where}"
        url = f"{endpoint.base_url}{endpoint.path}"
        session = await self._session()
        try:
            async with session.post(
                url, data=body.encode(), headers=build_headers(endpoint, api_key),
                allow_redirects=False, proxy=proxy_for(url),
            ) as response:
                data = await _bounded(response.content, who)
                return response.status, response.headers.get("Retry-After"), data
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            # The others may repeat the request's headers or its address, password included.
            tells_nothing = isinstance(exc, (OSError, aiohttp.ClientConnectionError))
            raise _translated(exc, who, self._seconds) from (exc if tells_nothing else None)

    async def _get(self, url: str, endpoint: Endpoint) -> bytes | None:
        """The body of a page of the model server; None unless it is one."""
        who = f"The model server at {place(endpoint)}"
        session = await self._session()
        headers = build_headers(endpoint, key_for(endpoint, self._own))
        try:
            async with session.get(url, headers=headers, allow_redirects=False,
                                   proxy=proxy_for(url)) as response:
                return await _bounded(response.content, who) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise _translated(exc, who, self._seconds) from None

    async def _session(self) -> aiohttp.ClientSession:
        """This loop's session; its keeper task closes it when the loop ends."""
        if self._closed:
            raise ModelUnreachable("DataGen is stopping.")
        loop = asyncio.get_running_loop()
        kept = self._open.get(loop)
        if kept is None:
            kept = self._open[loop] = _Kept(self._timeout, lambda: self._open.pop(loop, None))
            await asyncio.sleep(0)  # a keeper that never began could not close anything
        return kept.session


class _Kept:
    """One loop's session. ``asyncio.run`` cancels the keeper at its end, which closes it."""

    def __init__(self, timeout: aiohttp.ClientTimeout, forget: Callable[[], object]) -> None:
        self.session = aiohttp.ClientSession(
            timeout=timeout,
            connector=aiohttp.TCPConnector(limit=0),  # the caller limits calls in flight
            cookie_jar=aiohttp.DummyCookieJar(),  # calls share nothing but connections
        )
        self._forget = forget
        self.keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()  # until cancelled
        finally:
            self._forget()
            await self.session.close()


def _translated(exc: Exception, who: str, seconds: float) -> ModelError:
    """What a failed exchange means to people; ``seconds`` is the time one answer may take."""
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        return ModelUnreachable(f"{who} can't be reached: no connection within "
                                f"{CONNECT_TIMEOUT:g} s.")
    if isinstance(exc, TimeoutError):
        return ModelUnreachable(f"{who} did not answer within {seconds:g} s "
                                "(DATAGEN_INFERENCE_TIMEOUT_SECONDS).")
    if isinstance(exc, aiohttp.InvalidURL):
        return ModelUnreachable("The address of the model server is not valid.")
    if isinstance(exc, aiohttp.ClientProxyConnectionError):
        return ModelUnreachable(f"{who} can't be reached: the proxy named in the environment "
                                "does not answer.")
    if isinstance(exc, aiohttp.ClientConnectorError):
        return ModelUnreachable(f"{who} can't be reached. Is it running?")
    if isinstance(exc, (aiohttp.ClientError, OSError)):
        return ModelUnreachable(f"{who} broke the connection or does not speak HTTP.")
    return ModelRejected("The request can't be sent: the address or the key holds "
                         "characters that HTTP does not allow.")


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
