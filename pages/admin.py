"""Administration, for admins alone: accounts, peers, settings, the audit log."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import StoreError
from datagen.ui import admin_accounts, admin_views, components
from datagen.ui.session import require_user

user = require_user()
if user.role != "admin":  # the shell does not even offer it, and the gate answers 404
    components.back_to_jobs("There is no such page.")
    st.stop()

components.title("Administration")
for tab, (draw, what) in zip(
    st.tabs(["Accounts", "Peers", "Settings", "Audit log"]),
    ((admin_accounts.draw, "The accounts"), (admin_views.peers, "The peers"),
     (admin_views.settings, "The settings"), (admin_views.audit, "The audit log")),
    strict=True,
):
    with tab:
        try:
            draw(user)
        except StoreError as exc:
            components.not_yet(f"{what} can't be shown yet", exc)
