"""Peers, settings and the audit log: what admins look at."""

from __future__ import annotations

import streamlit as st

from datagen.domain.peers import peer_name
from datagen.domain.users import User
from datagen.services.fleet import Peer
from datagen.ui import components
from datagen.ui.session import app
from datagen.ui.words import count, duration

EVENTS = 500  # shown at most


def peers(user: User) -> None:
    """Who is alive, as far as this replica was told."""
    for peer in app().fleet.peers():
        _peer(peer)
    components.quiet("As their last signs of life tell it, one every 30 seconds. Calls and errors "
                     "count from the start of each worker.")
    if st.button("Look again", icon=":material/refresh:"):
        st.rerun()


def _peer(peer: Peer) -> None:
    vitals = peer.vitals
    state = ":green-badge[:material/check: alive]" if peer.is_alive else \
        ":gray-badge[never seen]" if peer.silent_for is None else ":red-badge[silent]"
    seen = "no sign of life yet" if peer.silent_for is None else \
        f"last sign of life {duration(peer.silent_for)} ago"
    waiting = f"{count(peer.waiting_jobs, 'open job')}, {count(peer.waiting_records, 'record')} " \
        "left" if peer.waiting_jobs else "nothing waits"
    with st.container(border=True, gap="xxsmall"):
        here = " :blue-badge[this replica]" if peer.is_here else ""
        st.markdown(f"**`{peer_name(peer.id)}`** {state}{here}")
        components.quiet(" · ".join(filter(None, (
            f"version {peer.version}" if peer.version else None, seen, waiting,
            f"{count(vitals.store_calls, 'store call')}, {count(vitals.store_errors, 'error')}"
            if peer.version else None))))
        if vitals.trouble_at:
            components.quiet(f"Last error, {components.moment(vitals.trouble_at)}: "
                             f"{vitals.trouble}")


def settings(user: User) -> None:
    """What is in force here; secrets only as set or not."""
    only_set = st.toggle("Only what was set", value=False)
    rows: list[dict[str, object]] = [
        {"Variable": one.name, "Value": one.value or "—",
         "Set": not one.is_default, "Meaning": one.doc[:1].upper() + one.doc[1:]}
        for one in app().settings.in_force if not only_set or not one.is_default]
    if not rows:
        st.info("Nothing was set: every value is the default.", icon=":material/info:")
        return
    components.table(rows, {
        "Variable": st.column_config.TextColumn(width="medium"),
        "Value": st.column_config.TextColumn(width="medium"),
        "Set": st.column_config.CheckboxColumn(width="small"),
        "Meaning": st.column_config.TextColumn(width="large"),
    }, most=16)
    components.quiet("Of this replica, read once at its start. Secrets are never shown.")


def audit(user: User) -> None:
    """Who did what, newest first."""
    events = app().audit.latest(EVENTS)
    search = st.text_input("Search the log", placeholder="Who, what, from where",
                           icon=":material/search:").strip().lower()
    rows: list[dict[str, object]] = [
        {"When": event.at, "Who": event.who, "What": event.what, "About": event.about,
         "From": event.address, "Times": event.times, "Peer": peer_name(event.peer)}
        for event in events
        if search in f"{event.who} {event.what} {event.about} {event.address}".lower()]
    if not rows:
        st.info("Nothing fits." if search else "Nothing has happened yet.",
                icon=":material/info:")
        return
    components.table(rows, {
        "When": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm:ss",
                                                timezone=st.context.timezone),
        "Times": st.column_config.NumberColumn(width="small"),
    }, most=16)
    components.quiet(f"The last {EVENTS:,} entries at most. Failed sign-ins are counted for about "
                     "five minutes before they are told to other replicas; a name that is no "
                     "account's is not kept.")
