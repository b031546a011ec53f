"""Web entry: the pages and the HTTP API in one process."""

from __future__ import annotations

import os
import sys

import streamlit as st

from datagen import bootstrap, log_lines
from datagen.api.lifespan import lifespan
from datagen.api.routes import build_middleware, build_routes
from datagen.api.serving import be_strict
from datagen.domain.errors import DatagenError
from datagen.privacy import keep_private
from datagen.ui.logs import log_as_we_do
from datagen.ui.notices import say_broken
from datagen.ui.runs import READER

if __name__ == "__main__":
    keep_private()
    log_lines.begin()
    log_as_we_do()

try:
    services = bootstrap.shared()
except DatagenError as exc:
    sys.exit(f"DataGen can't start:\n{exc}")

app = st.App(
    "datagen/ui/shell.py",
    routes=build_routes(services, services.settings),
    middleware=build_middleware(services, services.settings, reader=READER),
    lifespan=lifespan,
    on_script_error=say_broken,
)

if __name__ == "__main__":
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn trusts loopback; we, DATAGEN_TRUSTED_PROXIES
    be_strict()
    app.run(config={
        "server.address": services.settings.app_host,
        "server.port": services.settings.app_port,
    })
