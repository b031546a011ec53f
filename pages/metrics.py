"""Metrics: totals, and what was made by day or month and by peer; an admin's are of all."""

from __future__ import annotations

import streamlit as st

from datagen.domain.errors import StoreError
from datagen.ui import components, metrics_view
from datagen.ui.session import app, require_user

user = require_user()
services = app()

components.title("Metrics")
components.quiet("Of everybody's jobs, since you are an administrator." if user.role == "admin"
                 else "Of your own jobs.")


@st.fragment(run_every=services.settings.idle_poll_seconds)
def draw() -> None:
    """The live part."""
    who = require_user()  # a fragment runs without the page, for as long as the tab asks
    try:
        totals = services.jobs.metrics(who) | services.model_use.seen_by(who)
    except StoreError as exc:
        components.not_yet("The totals can't be shown yet", exc)
        totals = {}
    if totals and not totals["totalJobs"]:
        metrics_view.nothing_yet(who)
        return
    if totals:
        metrics_view.totals(totals)
    try:
        metrics_view.over_time(who, totals)
    except StoreError as exc:
        components.not_yet("The charts can't be shown yet", exc)


draw()
