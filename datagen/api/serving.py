"""How the web process speaks HTTP, where Streamlit leaves no choice to its apps."""

from __future__ import annotations

import functools

import uvicorn

MAX_HEAD = 32 * 1024  # bytes of a request's line and headers; a cookie of ours has 0.3 KiB


def be_strict() -> None:
    """Servers made from here on bound what a stranger may send as headers, and name no product.

    The parser they would choose keeps headers as long as they come.
    """
    uvicorn.Config = functools.partial(  # type: ignore[misc,assignment]  # Streamlit calls it
        uvicorn.Config, http="h11", h11_max_incomplete_event_size=MAX_HEAD, server_header=False)
