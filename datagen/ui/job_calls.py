"""What a job's page draws of its calls to the model: how many, for how many tokens, how long."""

from __future__ import annotations

import streamlit as st

from datagen.domain.usage import Usage
from datagen.services.jobs import JobView
from datagen.ui import components
from datagen.ui.words import count, duration


def draw(view: JobView) -> None:
    """All rounds and peers together, as they last told; nothing before the first call."""
    used = sum((state.usage for state in view.states.values()), Usage())
    if not used.calls:
        return
    st.markdown("#### Model calls")
    facts = [] if view.job.is_over else [("Under way", _under_way(view))]
    components.facts([
        *facts,
        ("Made", f"{used.calls:,}, of which {used.attempts:,} were answered"),
        ("Tokens", tokens(used)),
        ("Time", _time(used)),
    ])


def tokens(used: Usage) -> str:
    """``5,200 in prompts, 900 in answers``, and how much of it is an estimate."""
    said = f"{used.prompt_tokens:,} in prompts, {used.completion_tokens:,} in answers"
    if not used.estimated_tokens:
        return said
    part = "all" if used.estimated_tokens >= used.tokens else f"{used.estimated_tokens:,} of them"
    return f"{said}; {part} estimated, since the model server did not say"


def _time(used: Usage) -> str:
    said = f"{duration(used.working_ms / 1000)} with a call under way"
    waited = used.waiting_ms >= 1000
    return f"{said}, {duration(used.waiting_ms / 1000)} without" if waited else said


def _under_way(view: JobView) -> str:
    """How many calls wait for an answer, and how many may."""
    heard = view.heard.values()
    calls = sum(state.under_way for state in heard)
    if not calls:
        return "none"
    allowed = sum(state.allowed or 0 for state in heard)
    at = sum(bool(state.under_way) for state in heard)
    peers = f", on {count(at, 'peer')}" if at > 1 else ""
    return f"{calls:,} of at most {max(allowed, calls):,} at once{peers}"
