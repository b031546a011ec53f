"""Account: who you are, how much you made, your password, sessions and personal tokens."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import StoreError
from datagen.ui import components, own_sessions, own_tokens
from datagen.ui.session import app, require_user

user = require_user()
services = app()

with st.container(horizontal=True, vertical_alignment="center",
                  horizontal_alignment="distribute"):
    components.title("Your account")
    components.same_tab("Change password", "/password?next=/account")
try:
    account = services.accounts.get(user.name)
    person = services.directory.known([account])[user.name]
except StoreError as exc:
    components.not_yet("Your account can't be shown yet", exc)
    components.redraw_soon()
    st.stop()
said = [part for part in (person.name, person.email, person.country) if part]
components.quiet(" · ".join([
    f"Signed in as {user.name}", *(["an administrator"] if user.role == "admin" else []), *said,
    *filter(None, [components.since(account.created_at)])]))

try:
    views = services.jobs.list(user)
except StoreError as exc:
    components.not_yet("What you made can't be counted yet", exc)
else:
    components.figures({
        "Jobs": f"{len(views):,}",
        "Running or waiting": f"{sum(not view.job.is_over for view in views):,}",
        "Records made": f"{sum(view.progress.ok for view in views):,}",
        "Records failed": f"{sum(view.progress.failed for view in views):,}",
    })

for draw, what in ((own_sessions.draw, "Your sessions"), (own_tokens.draw, "Your tokens")):
    try:
        draw(user)
    except StoreError as exc:
        components.not_yet(f"{what} can't be shown yet", exc)
