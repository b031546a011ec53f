"""A user's models as cards, what a test of one came to, and the question before one goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import streamlit as st

from datagen.domain.chat import AnswerForm, Trial
from datagen.domain.endpoints import dialect_for
from datagen.domain.errors import DatagenError, ModelError, ModelRefused
from datagen.domain.profiles import Profile
from datagen.services.jobs import JobView
from datagen.ui import components, dialogs, model_form
from datagen.ui.session import app, require_user
from datagen.ui.words import count, duration, plain

_FORMS: dict[AnswerForm, str] = {
    "json_schema": "JSON that fits a schema, the strictest form",
    "json_object": "any JSON object; DataGen checks it against the schema",
    "none": "text only; the prompt asks for JSON, and DataGen checks what comes",
}
_SPEAKS = {"openai": "OpenAI's API", "ratio1": "a Ratio1 node's API"}
_REPLY = 200  # characters that are shown


def own_card(*, active: bool) -> bool:
    """The server's own model; whether it is to be used from now on."""
    settings = app().settings
    endpoint = settings.endpoint
    if settings.mock_model:
        where = "The built-in sample model"
    elif settings.own_model:
        where = "The small model that comes with DataGen"
    else:
        where = " · ".join(filter(None, (_host(endpoint.base_url), endpoint.model)))
    with st.container(border=True, gap="xxsmall", key="model_own"):
        _head("This server’s model", active=active)
        components.quiet(where)
        return not active and st.button("Use this one", key="use_own", icon=":material/check:")


def card(profile: Profile, *, active: bool) -> str | None:
    """One profile; what is to be done with it: use, test, edit or delete."""
    actions = [("edit", "Edit", ":material/edit:"), ("test", "Test connection", ":material/cable:"),
               ("delete", "Delete", ":material/delete:")]
    if not active:
        actions.insert(0, ("use", "Use this one", ":material/check:"))
    with st.container(border=True, gap="xxsmall", key=f"model_card_{profile.id}"):
        _head(profile.name or _host(profile.base_url), active=active)
        components.quiet(_facts(profile))
        with st.container(horizontal=True):
            pressed = [name for name, label, icon in actions
                       if st.button(label, key=f"{name}_{profile.id}", icon=icon,
                                    type="tertiary" if name == "delete" else "secondary")]
    return pressed[0] if pressed else None


def trial(found: Trial, *, speaks: str) -> None:
    """What a test of a server showed."""
    st.success(f"It answers, in {duration(found.seconds)}.", icon=":material/check_circle:")
    tokens = [f"{number:,} {what}" for number, what in (
        (found.reply.prompt_tokens, "in"), (found.reply.completion_tokens, "out")) if number]
    components.facts([
        ("Model", found.reply.model or "the server does not say"),
        ("It speaks", _SPEAKS[speaks]),
        ("Answers it can be held to", _FORMS[found.form]),
        ("Answer", " ".join(found.reply.text.split())[:_REPLY]),
        *([("Tokens", ", ".join(tokens))] if tokens else []),
    ])


def failure(exc: DatagenError) -> None:
    """What went wrong, and what to do about it."""
    advice = exc.advice if isinstance(exc, ModelError) else ""
    if isinstance(exc, ModelRefused):
        advice = "Check the key, and whether it may use this model."
    said = str(exc).rstrip(". ")
    st.error(plain(f"{said}. {'' if advice in said else advice}"), icon=":material/error:")


@dialogs.asks("Delete this model?")
def ask_to_delete(profile: Profile, stopping: Sequence[JobView]) -> None:
    """The question before a profile goes."""
    _ask(f"**{plain(profile.name)}** and its key are deleted.", stopping,
         yes="Delete it", no="Keep it", icon=":material/delete:",
         act=lambda: app().profiles.delete(require_user(), profile.id))


@dialogs.asks("Save, though jobs stop?")
def ask_to_save(stopping: Sequence[JobView], save: Callable[[], object]) -> None:
    """The question before a profile leaves a server that open jobs need."""
    _ask("Its address changes, and keys go to their own address only.", stopping,
         yes="Save it", no="Don't save", icon=":material/save:", act=save)


def _ask(what: str, stopping: Sequence[JobView], *, yes: str, no: str, icon: str,
         act: Callable[[], object]) -> None:
    require_user()  # a dialog runs without the page
    st.markdown(what)
    if stopping:
        jobs = count(len(stopping), "open job")
        st.warning(f"{jobs} can't go on without it, and wait until there is a model profile for "
                   "its server again:" if len(stopping) > 1 else
                   f"{jobs} can't go on without it, and waits until there is a model profile for "
                   "its server again:", icon=":material/pause_circle:")
        st.markdown("\n".join(f"- {plain(view.job.title)}" for view in stopping[:10]))
    with st.container(horizontal=True):
        confirmed = st.button(yes, type="primary", icon=icon)
        declined = st.button(no)
    if confirmed:
        try:
            act()
        except DatagenError as exc:
            st.error(plain(str(exc)), icon=":material/error:")
            return
        model_form.close()
    if confirmed or declined:
        st.rerun()


def _head(name: str, *, active: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(name)}**", width="content")
        if active:
            st.badge("In use", color="green", icon=":material/check:")


def _facts(profile: Profile) -> str:
    """``llm.example · model m · OpenAI's API · key saved · at most 4 calls at once``."""
    limits = [f"{number:,} {what}" for number, what in (
        (profile.requests_per_minute, "requests/min"), (profile.tokens_per_minute, "tokens/min"),
        (profile.max_in_flight, "calls at once")) if number]
    path = profile.path or app().settings.endpoint.path
    return " · ".join(filter(None, (
        _host(profile.base_url), profile.model, _SPEAKS[profile.dialect or dialect_for(path)],
        "key saved" if profile.api_key else "no key", *limits)))


def _host(url: str) -> str:
    return urlsplit(url).netloc or url


