"""Calls that take seconds: one that was begun is carried through, whatever is clicked meanwhile.

A run of a page ends as soon as the page is asked for anew; a call that it waits for must not end
with it. So the call has a thread of its own, and the page looks how far it is.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from threading import Thread
from typing import Any

import streamlit as st

from datagen.ui import components
from datagen.ui.session import app, require_user

_CALLS = "slow.calls"
_AT_ONCE = 0.4  # seconds for which a page waits itself
_LOOK = 0.5  # seconds between two looks


@dataclass(frozen=True, kw_only=True)
class _Call:
    future: Future[Any]
    begun: float  # monotonic seconds


def begin(name: str, act: Callable[[], object]) -> None:
    """Start it, unless it is under way."""
    calls = _calls()
    if name in calls:
        return
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(act())
        except BaseException as exc:  # noqa: BLE001 - raised where the page asks for the outcome
            future.set_exception(exc)

    calls[name] = _Call(future=future, begun=app().clock.monotonic())
    Thread(target=run, name=f"slow {name}", daemon=True).start()


def outcome(name: str, words: str) -> Any:
    """What it came to; None where it was not begun, or is under way, which ``words`` then tell.

    Raises what it raised. It stays until ``done`` says that it was put to use.
    """
    call = _calls().get(name)
    if call is None:
        return None
    if not wait([call.future], timeout=_AT_ONCE).done:
        _watch(call, words)
        return None
    return call.future.result()


def done(name: str) -> None:
    """Forget it, and its outcome."""
    _calls().pop(name, None)


def _calls() -> dict[str, _Call]:
    found: dict[str, _Call] = st.session_state.setdefault(_CALLS, {})
    return found


def _watch(call: _Call, words: str) -> None:
    @st.fragment(run_every=_LOOK)
    def watch() -> None:
        require_user()  # a fragment runs without the page, for as long as the tab asks
        if call.future.done():
            st.rerun()
        components.busy(words, app().clock.monotonic() - call.begun)

    watch()
