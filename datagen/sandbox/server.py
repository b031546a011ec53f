"""The sandbox as servers on loopback: a port per node and API, and one for control."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from datagen.domain.errors import DatagenError
from datagen.sandbox.app import RESET, node_app
from datagen.sandbox.clock import RealTime
from datagen.sandbox.control import control_app
from datagen.sandbox.network import Network
from datagen.sandbox.plan import Plan
from datagen.sandbox.world import State

HOST = "127.0.0.1"
WITHIN = 10.0  # seconds the servers may take to start, a node to stop
_KEEP_ALIVE = 75  # seconds an idle connection stays open


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where one node is found."""

    peer_id: str
    cstore_url: str
    r1fs_url: str


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A sandbox that runs."""

    plan: Plan
    nodes: tuple[Address, ...]
    control_url: str
    network: Network


@contextmanager
def running(plan: Plan) -> Iterator[Sandbox]:
    """Serve the plan's nodes until the end of the block. Raises DatagenError for a port in use."""
    time = RealTime(plan.scale)
    network = Network(plan, time)
    ports = iter(range(plan.first_port, 65_536) if plan.first_port else ())
    servers = _Servers()
    try:
        listeners = [(servers.add(node_app(network, node, "cstore"), next(ports, 0)),
                      servers.add(node_app(network, node, "r1fs"), next(ports, 0)))
                     for node in range(plan.nodes)]
        control = servers.add(control_app(network), next(ports, 0))
        network.watch_states(lambda node, state: servers.show(listeners[node], state))
        servers.start()
        yield Sandbox(
            plan=plan, network=network, control_url=control.url,
            nodes=tuple(Address(peer_id=peer_id, cstore_url=cstore.url, r1fs_url=r1fs.url)
                        for peer_id, (cstore, r1fs)
                        in zip(network.peer_ids, listeners, strict=True)),
        )
    finally:
        time.close()
        servers.close()


class _Connection(H11Protocol):
    """A connection that the app can break."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's
        super().connection_made(transport)
        inner = cast(ASGIApp, self.app)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[RESET] = self.reset
            await inner(scope, receive, send)

        self.app = cast(Any, app)

    def reset(self) -> None:
        """Break the connection as a crashed process would: the client gets a reset."""
        connected = self.transport.get_extra_info("socket")
        if connected is not None and connected.fileno() >= 0:
            at_once = struct.pack("ii", 1, 0)  # linger 0 s: RST instead of FIN
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.transport.abort()


class _Listener:
    """One port. It is ours from the start to the end, also while nobody listens on it."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._reserved = _reserve(port)
        self._port = self._reserved.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.url = f"http://{HOST}:{self._port}"

    async def open(self) -> None:
        if self._server is not None:
            return
        self._server = server = uvicorn.Server(uvicorn.Config(
            self._app, http=_Connection, ws="none", lifespan="off", access_log=False,
            log_level="critical", log_config=None, timeout_keep_alive=_KEEP_ALIVE,
        ))
        self._serving = asyncio.create_task(server.serve(sockets=[_socket(self._port)]))
        while not server.started:
            if self._serving.done():
                raise DatagenError(f"Nothing can be served on {self.url}.") from (
                    self._serving.exception())
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        """Refuse connections from now on, and break those that are open."""
        if self._server is None or self._serving is None:
            return
        for listening in self._server.servers:
            listening.close()
        self.reset()
        self._serving.cancel()
        await asyncio.wait({self._serving})
        self._server = self._serving = None

    def reset(self) -> None:
        for connection in list(self._server.server_state.connections if self._server else ()):
            cast(_Connection, connection).reset()

    def release(self) -> None:
        self._reserved.close()


class _Servers:
    """All ports, served by one event loop in a thread of its own."""

    def __init__(self) -> None:
        self._listeners: list[_Listener] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._thread.start()

    def add(self, app: ASGIApp, port: int) -> _Listener:
        self._listeners.append(_Listener(app, port))
        return self._listeners[-1]

    def start(self) -> None:
        for listener in self._listeners:
            self._do(listener.open())

    def show(self, listeners: Iterable[_Listener], state: State) -> None:
        """Let a node's new state be seen on its ports. Not for the loop's own thread."""
        for listener in listeners:
            self._do(self._show(listener, state))

    async def _show(self, listener: _Listener, state: State) -> None:
        if state == "down":
            await listener.close()
        else:
            listener.reset()  # calls that hang end so when the node is back
            await listener.open()

    def close(self) -> None:
        for listener in self._listeners:
            self._do(listener.close())
            listener.release()
        self._do(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN)
        self._loop.close()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN)


async def _end_tasks() -> None:
    """Requests whose clients are gone may still wait for an answer: end them."""
    tasks = asyncio.all_tasks() - {cast("asyncio.Task[Any]", asyncio.current_task())}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=1)


def _reserve(port: int) -> socket.socket:
    """A bound socket that never listens: nobody else gets the port, and it refuses connections."""
    if port:
        with socket.socket() as probe:  # the reservation alone would share a port in silence
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as exc:
                raise DatagenError(f"Port {port} is in use: name another with --ports.") from exc
    return _socket(port)


def _socket(port: int) -> socket.socket:
    # With its protocol named: asyncio sends small packets at once for such sockets alone.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    return made
