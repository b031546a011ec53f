"""The worker process: generates this peer's shares of all jobs. Started by the Procfile."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading

import uvloop

from datagen import bootstrap, log_lines, settings
from datagen.domain.errors import SettingsError, StoreError
from datagen.privacy import keep_private

# Seconds from the signal, whatever a store or a server is doing: a platform kills all of us
# after 5, and Supervisor has to notice too.
EXIT_WITHIN = 4.0
STORE_AGAIN = 3.0  # seconds between two tries to open a store that isn't ready


async def serve(services: bootstrap.Services) -> None:
    """Run the worker until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_to_stop, stop)
    async with asyncio.TaskGroup() as group:
        if services.first_admin:
            group.create_task(services.first_admin.run(stop))
        if services.account_copies:
            group.create_task(services.account_copies.run(stop))
        group.create_task(services.telling.run(stop))
        await services.generation.run(stop)


def begin_to_stop(stop: asyncio.Event) -> None:
    """Ask for the end; a store that hangs can't delay it, since the journal holds all."""
    stop.set()
    timer = threading.Timer(EXIT_WITHIN, os._exit, args=(0,))
    timer.daemon = True
    timer.start()


def open_services() -> bootstrap.Services:
    """The services, once the store can be opened. Raises SettingsError."""
    said = ""
    while True:
        try:
            return bootstrap.build(settings.load())
        except StoreError as exc:
            if str(exc) != said:
                said = str(exc)
                logging.getLogger(__name__).warning("The worker waits for its store: %s", exc)
            threading.Event().wait(STORE_AGAIN)


def main() -> int:
    """The exit code: 0 after a signal, 1 when the settings don't allow a start."""
    keep_private()
    log_lines.begin(logging.INFO)
    os.nice(5)  # on a busy machine a page comes before a record
    try:
        services = open_services()
    except SettingsError as exc:
        print(exc, file=sys.stderr)  # noqa: T201 - whoever started it by hand reads this
        return 1
    gc.collect()
    gc.freeze()  # what was loaded stays: to look through it again and again stops everything
    gc.set_threshold(10_000, 20, 20)  # and a call's own objects are gone by themselves
    sys.setswitchinterval(0.0005)  # seconds; calls don't wait for what is done aside
    uvloop.run(serve(services))
    services.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
