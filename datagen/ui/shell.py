"""The frame around every page: guard, navigation, user menu, notices.

It lives apart from ``pages/`` on purpose: beside it, a fresh process would run a page
for an anonymous deep link without this guard.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from datagen.ui import dialogs, notices, pages, session

_STATIC = Path(__file__).parent / "static"

st.set_page_config(page_title="DataGen", page_icon=str(_STATIC / "icon.svg"), layout="wide")
st.html(_STATIC / "frame.css")
st.html(_STATIC / "watch.html", unsafe_allow_javascript=True)  # our own file, no data in it
st.logo(str(_STATIC / "logo.svg"), size="large")
user = session.require_user()
page = st.navigation(
    [
        st.Page(pages.JOBS, title="Jobs", icon=":material/list_alt:", default=True),
        st.Page(pages.NEW, title="New dataset", icon=":material/add_circle:"),
        st.Page(pages.MODELS, title="Models", icon=":material/memory:"),
        st.Page(pages.METRICS, title="Metrics", icon=":material/monitoring:"),
        st.Page(pages.JOB, title="Job", visibility="hidden"),
        st.Page(pages.DATASET, title="Dataset", visibility="hidden"),
        st.Page(pages.API, title="API", visibility="hidden"),
        st.Page(pages.ACCOUNT, title="Account", visibility="hidden"),
        *([st.Page(pages.ADMIN, title="Admin", icon=":material/admin_panel_settings:")]
          if user.role == "admin" else []),
    ],
    position="top",
)

with st.container(key="user_menu"):
    choice = st.menu_button(
        user.name, ["Account", "API", "Sign out"], icon=":material/person:", type="tertiary",
        key="account_menu"
    )
if choice == "Account":
    st.switch_page(pages.ACCOUNT)
if choice == "API":
    st.switch_page(pages.API)
if choice == "Sign out":
    session.sign_out(user)
    st.stop()

notices.watch(user)
dialogs.begin()
page.run()
