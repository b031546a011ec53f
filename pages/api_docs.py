"""API: every route with an example to copy, about the reader's own jobs."""

from __future__ import annotations

import streamlit as st

from datagen.domain.api.examples import VARIABLE
from datagen.domain.errors import StoreError
from datagen.ui import api_view, components, pages
from datagen.ui.session import app, require_user

JOBS = 50  # offered for the examples, the newest ones

user = require_user()

components.title("API")
components.quiet("What pages do, scripts can do too: JSON in, JSON out. A script sends a personal "
                 "token, which opens jobs and datasets and nothing else.")
with st.container(horizontal=True, vertical_alignment="center"):
    st.page_link(pages.ACCOUNT, label="Make a personal token", icon=":material/key:")
    components.same_tab("openapi.json", "/api/openapi.json")
st.code(f"read -rs {VARIABLE} && export {VARIABLE}  # paste your token, press Enter",
        language="bash", wrap_lines=True)

try:
    views = app().jobs.list(user)[:JOBS]
except StoreError as exc:
    components.not_yet("Your jobs can't be named in the examples yet", exc)
    views = ()
titles = {view.job.id: view.job.title for view in views}
job_id = None
if titles:
    job_id = st.selectbox("The examples are about this job", list(titles), width=420,
                          format_func=lambda one: f"{titles[one]} · {one}")
else:
    components.quiet("You have no job yet: JOB_ID stands for the id of one.")
api_view.draw(user, job_id)
