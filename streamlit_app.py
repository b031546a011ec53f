"""Web entry: the pages and the HTTP API in one process."""

from __future__ import annotations

import sys

import streamlit as st

from datagen import bootstrap
from datagen.api.routes import build_middleware, build_routes
from datagen.domain.errors import DatagenError

try:
    services = bootstrap.shared()
except DatagenError as exc:
    sys.exit(f"DataGen can't start:\n{exc}")

app = st.App(
    "datagen/ui/shell.py",
    routes=build_routes(services, services.settings),
    middleware=build_middleware(services, services.settings),
)

if __name__ == "__main__":
    app.run(config={
        "server.address": services.settings.app_host,
        "server.port": services.settings.app_port,
    })
