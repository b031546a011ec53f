"""What a job's page draws of its peers: their shares, and the records in flight."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from datagen.domain.jobs import PeerState, shares
from datagen.domain.peers import peer_name
from datagen.services.jobs import JobView
from datagen.services.pulse import GONE_AFTER
from datagen.ui import components
from datagen.ui.session import app
from datagen.ui.words import duration

_ESTIMATED = "Of these tokens: from lengths, since the model server did not say."
IN_FLIGHT = 12  # records that are seen at once; what is below them stays in sight
STILL_AFTER = 30.0  # seconds without progress that are worth a word


def in_flight(view: JobView, now: datetime) -> None:
    """Each record that waits for its answer, on any peer that is alive."""
    st.markdown("#### In flight")
    shared = len(view.job.peers) > 1
    rows: list[dict[str, object]] = [
        ({"Peer": _name(peer)} if shared else {})
        | {"Record": item.index + 1, "Attempt": item.attempt,
           "Seconds": max((now - item.started_at).total_seconds(), 0)}
        for peer, state in view.heard.items() for item in state.in_flight
    ]
    if not rows:
        components.quiet("No record is waiting for an answer.")
        return
    components.table(rows, {"Seconds": st.column_config.NumberColumn(format="%.0f")},
                     most=IN_FLIGHT)
    components.quiet("As the workers last told.")


def peers(view: JobView) -> None:
    """Each peer's share, who is alive and works on it, and what every peer spent."""
    is_open, shared = not view.job.is_over, len(view.job.peers) > 1
    st.markdown("#### Shares" if shared else "#### Peers")
    rows: list[dict[str, object]] = []
    for peer, share in shares(view.job.total_records, view.job.peers).items():
        state = view.states.get(peer) or PeerState(peer_id=peer, share=share)
        ok, failed = view.counts.get(peer, (0, 0))
        row: dict[str, object] = {
            "Peer": _name(peer) if shared else peer_name(peer),
            "Share": f"{share.start + 1:,} to {share.end:,}" if len(share) else "none",
        }
        if shared and is_open and not view.round:
            row["Done"] = 100 * (ok + failed) / len(share) if len(share) else None
        row |= {"Ok": ok, "Failed": failed}
        if shared:  # of one alone it stands under its calls
            row["Calls"] = state.usage.calls
        if shared and is_open:
            row |= {"Under way": view.heard[peer].under_way if peer in view.heard else 0,
                    "Sign of life": _life(view, peer), "Note": _doing(view, peer)}
        else:
            row |= _tokens(view, state) if shared else {}
            row |= {"Started": components.moment(state.started_at),
                    "Last word": "none yet" if state.last_update_at is None else
                    components.moment(state.last_update_at)}
        rows.append(row)
    components.table(rows, {
        "Done": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f%%"),
        "Sign of life": st.column_config.TextColumn(width=150),
        "Note": st.column_config.TextColumn(width="large"),
        "Estimated": st.column_config.NumberColumn(format="localized", help=_ESTIMATED),
    })
    if view.round:
        components.quiet(f"Ok and failed are those of round {view.round + 1}.")


def _tokens(view: JobView, state: PeerState) -> dict[str, object]:
    """Those of a peer's calls; how many are estimated, where any are."""
    said: dict[str, object] = {"Tokens": state.usage.tokens}
    if any(one.usage.estimated_tokens for one in view.states.values()):
        said["Estimated"] = state.usage.estimated_tokens
    return said


def _name(peer: str) -> str:
    here = peer == app().settings.peer_id
    return f"{peer_name(peer)} (here)" if here else peer_name(peer)


def _life(view: JobView, peer: str) -> str:
    """When a peer was last heard of, whatever it works on."""
    seconds = view.silent.get(peer)
    if seconds is None:
        return "none yet"
    if seconds >= GONE_AFTER:
        return f"none for {duration(seconds)}"
    return f"{seconds:.0f} s ago"  # a beat comes every 30 s


def _doing(view: JobView, peer: str) -> str:
    """What is to be said of a peer's share, and of whom it helps."""
    said = []
    still, helper = view.still.get(peer, 0.0), view.helpers.get(peer)
    if still >= STILL_AFTER:
        said.append(f"no progress for {duration(still)}")
    if helper:
        said.append(f"{_name(helper)} is helping")
    said += [f"helps {_name(helped)}" for helped, one in view.helpers.items() if one == peer]
    return ", ".join(said)
