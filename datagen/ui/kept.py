"""A new dataset that is being written outlives a reload, a new session and a restarted server.

It stays in the tab's own storage (``sessionStorage``), with the name of its user; nobody else
is given it back, and signing out empties it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from datagen.domain.errors import DatagenError, NotThere
from datagen.domain.jobs import job_id
from datagen.domain.users import User
from datagen.services.drafts import Draft
from datagen.ui import dataset_form, drafting, schema_editor
from datagen.ui.session import app, require_user

_BOX, _SESSION = "kept", "kept_session"
MAX_TOKEN = 256 * 1024  # characters of a draft that is kept
_box = st.components.v2.component(
    "datagen_kept", html="<i></i>",
    js=(Path(__file__).parent / "static/kept.js").read_text("utf-8"))


def draw(user: User, draft: Draft | None) -> None:
    """Keep what the page holds now; last on the page, so that all of it is known."""
    session = st.session_state.setdefault(_SESSION, secrets.token_hex(8))
    now = {"who": user.name, "draft": _signed(user, draft), **dataset_form.held()}
    is_empty = draft is None and not any(now["texts"].values())
    _box(key=_BOX, data={"session": session, "empty": is_empty, "now": now},
         on_kept_change=lambda: bring_back(require_user(), st.session_state[_BOX].kept))


def _signed(user: User, draft: Draft | None) -> str:
    if draft is None:
        return ""
    token = app().drafts.sign(user, replace(draft, schema=schema_editor.result()))
    return token if len(token) <= MAX_TOKEN else ""


def bring_back(user: User, kept: Any) -> None:
    """What a tab kept, which may be anything; one that became a job is over."""
    if not isinstance(kept, Mapping) or kept.get("who") != user.name or drafting.current():
        return
    draft = _draft(user, kept.get("draft"))
    if draft is not None and _is_job(user, draft):
        return
    dataset_form.put_back(kept)
    if draft is not None:
        drafting.resume(draft)


def _draft(user: User, token: object) -> Draft | None:
    """None where there was none, or it is too old."""
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN:
        return None
    try:
        return app().drafts.read(user, token)
    except DatagenError:
        return None


def _is_job(user: User, draft: Draft) -> bool:
    try:
        app().jobs.known(user, job_id(draft.created_at, draft.id))
    except NotThere:
        return False
    except DatagenError:
        return False  # not to be told now; to confirm it once more makes no second job
    return True
