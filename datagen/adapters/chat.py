"""Chat models over HTTP, in the node's dialect and in OpenAI's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from datagen.adapters.chat_dialects import Form, digest, first_form
from datagen.adapters.chat_models import Offers, all_names, places
from datagen.adapters.chat_polled import Polled
from datagen.adapters.chat_replies import Answer, Complaint, complaint, error_of, read_reply
from datagen.adapters.chat_routes import Route, Spot
from datagen.adapters.chat_secrets import clean
from datagen.adapters.outgoing import Got, Outgoing
from datagen.domain.chat import AnswerForm, ChatCall, ChatReply, Endpoint, Trial
from datagen.domain.errors import ModelError, ModelRejected, ModelUnknown
from datagen.ports import Clock

_LOG_LIMIT = 600  # characters of a prompt or a reply in one log line
_MAX_REMEMBERED = 1000  # schemas a server could not do, endpoints; forgotten all at once beyond
log = logging.getLogger("datagen.inference")
_SHOWN: dict[Form, AnswerForm] = {
    Form.SCHEMA: "json_schema", Form.JSON: "json_object", Form.PLAIN: "none"}


class HttpChat:
    """The ChatModel port over HTTP. Safe to call from any thread's event loop.

    ``own`` is the server's own endpoint, which alone may be anywhere; each key leaves for its
    own origin only.
    """

    def __init__(
        self, *, out: Outgoing, own: Endpoint, clock: Clock, log: bool = False
    ) -> None:
        self._out = out
        self._own = own
        self._clock = clock
        self._log = log
        self._offers = Offers(fetch=self._page, clock=clock)
        self._routes: dict[Endpoint, Route] = {}
        self._forms: dict[tuple[Spot, str], Form] = {}  # "" = any schema of that endpoint

    async def complete(self, endpoint: Endpoint, call: ChatCall) -> ChatReply:
        """One reply, asked for in the strictest form the server takes. Raises ModelError.

        A server that refuses the form gets the next simpler one, and that is remembered
        once it worked: for the endpoint, or for this schema where the schema is at fault.
        """
        form = self._form(endpoint, call)
        answer, taken, about_schema = await self._step_down(endpoint, call, form)
        if taken is not form:
            spot = self._route(endpoint).spot
            self._remember((spot, digest(call.schema) if about_schema else ""), taken)
        return read_reply(answer)

    async def try_out(self, endpoint: Endpoint, call: ChatCall) -> Trial:
        """One reply, and the strictest form the server takes now. Raises ModelError."""
        started = self._clock.monotonic()
        answer, form, _ = await self._step_down(endpoint, call, first_form(call))
        return Trial(reply=read_reply(answer), form=_SHOWN[form],
                     seconds=self._clock.monotonic() - started)

    async def models(self, endpoint: Endpoint) -> tuple[str, ...]:
        """Names of the models the server offers. Raises ModelError."""
        refused: ModelError | None = None
        for url in places(endpoint):
            answer = await self._get(url, endpoint)
            found = complaint(answer)
            if found is None:
                names = all_names(answer.body)
                if names:
                    return names
            elif refused is None or isinstance(refused, ModelRejected):
                refused = error_of(answer, found)
        if refused is not None and not isinstance(refused, ModelRejected):
            raise refused
        raise ModelRejected(f"{self._route(endpoint).who} does not tell which models it has. "
                            "Type the model's name.")

    async def _step_down(
        self, endpoint: Endpoint, call: ChatCall, form: Form
    ) -> tuple[Answer, Form, bool]:
        """The answer to the first form that is taken, and whether the schema made it simpler."""
        about_schema = False
        while True:
            answer = await self._ask(endpoint, call, form)
            found = complaint(answer)
            if found is None:
                return answer, form, about_schema
            if not found.about_format or form is Form.PLAIN:
                raise await self._error(endpoint, answer, found)
            about_schema = found.about_schema
            form = Form(form + 1)

    def _form(self, endpoint: Endpoint, call: ChatCall) -> Form:
        """The most that may be asked for, as far as the server is known."""
        form = first_form(call)
        if self._forms:
            spot = self._route(endpoint).spot
            form = max(form, self._forms.get((spot, ""), form),
                       self._forms.get((spot, digest(call.schema)), form))
        return form

    def _route(self, endpoint: Endpoint) -> Route:
        """How calls get to an endpoint; found out once."""
        route = self._routes.get(endpoint)
        if route is None:
            if len(self._routes) >= _MAX_REMEMBERED:
                self._routes.clear()
            route = self._routes[endpoint] = Route(endpoint, self._own)
        return route

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
        await self._out.aclose()

    def _remember(self, key: tuple[Spot, str], form: Form) -> None:
        if len(self._forms) >= _MAX_REMEMBERED:
            self._forms.clear()
        self._forms[key] = max(form, self._forms.get(key, form))

    async def _ask(self, endpoint: Endpoint, call: ChatCall, form: Form) -> Answer:
        """Send one request and read its answer, whatever it says."""
        route = self._route(endpoint)
        try:
            body = route.body(call, form)
        except (ValueError, TypeError, RecursionError):
            raise ModelRejected("The request holds a value that JSON can't carry. "
                                "Check the schema and the parameters.") from None
        if self._log:
            words = " | ".join(f"{m.role}: {m.content}" for m in call.messages)
            log.info("request to %s%s form=%s max_tokens=%d: %s", route.place,
                     clean(urlsplit(route.url).path, route.secrets), form.name.lower(),
                     call.max_tokens, clean(words, route.secrets, _LOG_LIMIT))
        started = self._clock.monotonic()
        try:
            got = await self._sent(endpoint, route, body, call)
        except ModelError as exc:
            if self._log:
                log.info("no answer from %s after %.2f s: %s", route.place,
                         self._clock.monotonic() - started, exc)
            raise
        if self._log:
            log.info("answer from %s after %.2f s: %d, %d bytes: %s", route.place,
                     self._clock.monotonic() - started, got.status, len(got.body),
                     clean(got.body.decode("utf-8", "replace"), route.secrets, _LOG_LIMIT))
        return self._answer(got, route)

    async def _sent(
        self, endpoint: Endpoint, route: Route, body: bytes, call: ChatCall
    ) -> Got:
        """The answer to one request, in whichever form the endpoint is called."""
        async def send(method: Literal["GET", "POST"], url: str, body: bytes | None,
                       query: Mapping[str, str]) -> Got:
            return await self._out.send(method, url, own=route.is_own, who=route.who,
                                        headers=route.headers, body=body, query=query)

        if not (endpoint.polled and endpoint.dialect == "ratio1"):
            return await send("POST", route.url, body, {})
        node = Polled(base_url=endpoint.base_url, path=endpoint.path, who=route.who, send=send,
                      clock=self._clock, timeout=self._out.timeout)
        return await node.ask(body, call.name, call.again)

    async def _get(self, url: str, endpoint: Endpoint) -> Answer:
        """A page of the model server."""
        route = self._route(endpoint)
        got = await self._out.send("GET", url, own=route.is_own, who=route.who,
                                   headers=route.headers)
        return self._answer(got, route)

    async def _page(self, url: str, endpoint: Endpoint) -> bytes | None:
        answer = await self._get(url, endpoint)
        return answer.body if answer.status == 200 else None

    def _answer(self, got: Got, route: Route) -> Answer:
        return Answer(status=got.status, body=got.body, place=route.place,
                      secrets=route.secrets, retry_after=got.retry_after, now=self._clock.now())
