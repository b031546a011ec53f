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
from datagen.ui import model_cards, model_form, slow
from datagen.ui.session import app

_PROBLEMS, _LIST = "models_problems", "models"


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
    for call in (_LIST, _trial_of(profile.id if profile else None)):
        slow.done(call)  # of a form that was left
    model_form.open_for(profile)
    st.rerun()


def try_out(user: User, request: ProfileRequest, *, path: str | None, dialect: str | None) -> None:
    """Begin one small call."""
    speaks = dialect or dialect_for(path or app().settings.endpoint.path)
    profiles = app().profiles
    slow.begin(_trial_of(request.id),
               lambda: (asyncio.run(profiles.try_out(user, request)), speaks))


def show_trial(profile_id: str | None) -> None:
    """What the small call came to; nothing where none was begun."""
    name = _trial_of(profile_id)
    try:
        found = slow.outcome(name, "Asking the model for a few words …")
    except InputError as exc:
        slow.done(name)
        _tell(exc)
    except DatagenError as exc:
        slow.done(name)
        model_cards.failure(exc)
    else:
        if found is not None:
            slow.done(name)
            model_cards.trial(found[0], speaks=found[1])


def list_models(user: User, request: ProfileRequest) -> None:
    """Begin asking the server for its models."""
    profiles = app().profiles
    slow.begin(_LIST, lambda: asyncio.run(profiles.models(user, request)))


def take_models() -> None:
    """The models of the server become choices of the form."""
    try:
        names = slow.outcome(_LIST, "Asking which models there are …")
    except InputError as exc:
        slow.done(_LIST)
        _tell(exc)
    except DatagenError as exc:
        slow.done(_LIST)
        model_cards.failure(exc)
    else:
        if names is not None:
            model_form.offer(names)
            slow.done(_LIST)
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


def _trial_of(profile_id: str | None) -> str:
    return f"trial of {profile_id or 'a new one'}"


def _tell(exc: InputError) -> None:
    """Beneath the fields, at the next run."""
    st.session_state[_PROBLEMS] = exc.problems
    st.rerun()
