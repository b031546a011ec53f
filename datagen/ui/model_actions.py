"""What is done with a model that is being entered, or is there: test, list, save, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import streamlit as st

from datagen.domain.endpoints import dialect_for
from datagen.domain.errors import DatagenError, InputError, Problem
from datagen.domain.profile_requests import ProfileRequest
from datagen.domain.profiles import Profile, Profiles, without
from datagen.domain.users import User
from datagen.services.profile_use import jobs_that_stop
from datagen.ui import model_cards, model_form
from datagen.ui.session import app

_PROBLEMS = "models_problems"


def problems() -> Sequence[Problem]:
    """What was wrong with the fields of the form the last time."""
    found: Sequence[Problem] = st.session_state.get(_PROBLEMS, ())
    return found


def forget_problems() -> None:
    """What was wrong may be right by now."""
    st.session_state[_PROBLEMS] = ()


def edit(profile: Profile | None) -> None:
    """Open the form for this one, or for a new one."""
    forget_problems()
    model_form.open_for(profile)
    st.rerun()


def try_out(user: User, request: ProfileRequest, *, path: str | None, dialect: str | None) -> None:
    """One small call, and what came of it."""
    speaks = dialect or dialect_for(path or app().settings.endpoint.path)
    try:
        with st.spinner("Asking the model for a few words …", show_time=True):
            found = asyncio.run(app().profiles.try_out(user, request))
    except InputError as exc:
        _tell(exc)
    except DatagenError as exc:
        model_cards.failure(exc)
    else:
        model_cards.trial(found, speaks=speaks)


def list_models(user: User, request: ProfileRequest) -> None:
    """The models of the server become choices of the form."""
    try:
        with st.spinner("Asking which models there are …"):
            names = asyncio.run(app().profiles.models(user, request))
    except InputError as exc:
        _tell(exc)
    except DatagenError as exc:
        model_cards.failure(exc)
    else:
        model_form.offer(names)
        st.rerun()


def save(user: User, request: ProfileRequest, now: Profiles) -> None:
    """Save it; ask first where open jobs would stop."""
    profiles = app().profiles
    try:
        stopping = jobs_that_stop(app().jobs, user, now=now, then=profiles.changed(user, request))
        if stopping:
            model_cards.ask_to_save(stopping, lambda: profiles.save(user, request))
            return
        profiles.save(user, request)
    except InputError as exc:
        _tell(exc)
    except DatagenError as exc:
        model_cards.failure(exc)
    else:
        model_form.close()
        st.rerun()


def use(user: User, profile_id: str | None) -> None:
    """This one from now on, unless another is named."""
    try:
        app().profiles.activate(user, profile_id)
    except DatagenError as exc:
        model_cards.failure(exc)
    else:
        st.rerun()


def delete(user: User, profile: Profile, now: Profiles) -> None:
    """Ask, and say which open jobs would stop."""
    then = without(now, profile.id, app().clock.now())
    try:
        stopping = jobs_that_stop(app().jobs, user, now=now, then=then)
    except DatagenError as exc:
        model_cards.failure(exc)
    else:
        model_cards.ask_to_delete(profile, stopping)


def _tell(exc: InputError) -> None:
    """Beneath the fields, at the next run."""
    st.session_state[_PROBLEMS] = exc.problems
    st.rerun()
