"""The server as a process: prints its address, and ends with whoever started it.

``python -m bench.server --latency 0.2 --limit 32``; every field of Behaviour is an option.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import fields

import uvloop

from bench.server.behaviour import Behaviour, behaviour_of
from bench.server.http import Connection
from bench.server.model import Model


async def serve(behaviour: Behaviour, port: int) -> None:
    """Serve on loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    model = Model(behaviour, loop)
    server = await loop.create_server(lambda: Connection(model.handle), "127.0.0.1", port,
                                      backlog=2048)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    ended = asyncio.Event()

    def hear() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            ended.set()

    loop.add_reader(sys.stdin.fileno(), hear)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = any that is free")
    for field in fields(Behaviour):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default),
                            default=field.default)
    asked = vars(parser.parse_args())
    port = asked.pop("port")
    try:
        behaviour = behaviour_of(asked)
    except ValueError as exc:
        parser.error(str(exc))
    uvloop.run(serve(behaviour, port))


if __name__ == "__main__":
    main()
