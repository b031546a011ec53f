"""The form of a model profile: what it holds stays whatever a test or a save comes to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from datagen.domain.errors import Problem
from datagen.domain.presets import PRESETS
from datagen.domain.profile_requests import MAX_KEY, MAX_NAME, MAX_PARAMETERS, ProfileRequest
from datagen.domain.profiles import MAX_IN_FLIGHT, MAX_PER_MINUTE, Profile
from datagen.domain.requests import MAX_ADDRESS
from datagen.ui import components
from datagen.ui.words import count

_OPEN, _LOAD, _OFFERS, _PRESET = "model_open", "model_load", "model_offers", "model_preset"
_NAME, _URL, _PATH, _MODEL, _KEY = (f"model_{name}" for name in (
    "name", "url", "path", "model", "key"))
_DROP, _PARAMETERS, _DIALECT, _POLLED = (f"model_{name}" for name in (
    "drop", "parameters", "dialect", "polled"))
_LIMITS = {"requests_per_minute": "Requests per minute", "tokens_per_minute": "Tokens per minute",
           "max_in_flight": "Calls at once"}
_SHOWN = {"requests_per_minute": "requestsPerMinute", "tokens_per_minute": "tokensPerMinute",
          "max_in_flight": "maxInFlight"}
_DIALECTS = {None: "As the path says", "openai": "OpenAI", "ratio1": "Ratio1 node"}
_NEW = ""
_SEEN = "model_seen"  # when the profile was last changed, as the form knows it
_MEANWHILE = "model_meanwhile"


def open_for(profile: Profile | None) -> None:
    """Show the form from the next run on; None = for a new one."""
    st.session_state[_OPEN] = profile.id if profile else _NEW
    st.session_state[_SEEN] = profile.updated_at if profile else None
    st.session_state.pop(_MEANWHILE, None)
    st.session_state[_LOAD] = _values(profile)
    st.session_state.pop(_OFFERS, None)


def opened() -> str | None:
    """The id of the profile that is edited, "" for a new one; None = the form is closed."""
    value = st.session_state.get(_OPEN)
    return value if isinstance(value, str) else None


def keep_up(now: Profile | None) -> bool:
    """Whether the profile of the open form was changed or deleted since, in another tab.

    Told once; what the form holds stays, and is a new profile's where the old one is gone.
    """
    known = st.session_state.get(_SEEN)
    if not opened() or (now is not None and now.updated_at == known):
        return False
    st.session_state[_SEEN] = now.updated_at if now else None
    st.session_state[_OPEN] = now.id if now else _NEW
    st.session_state[_MEANWHILE] = (
        "This model was changed meanwhile, in another tab. Below is what you have here: Save puts "
        "it in the place of that change, Cancel leaves it as it is now." if now else
        "This model was deleted meanwhile, with its key. Below is what you have here: Save adds it "
        "as a new one.")
    return True


def meanwhile() -> str | None:
    """What happened to the profile while its form was open."""
    said = st.session_state.get(_MEANWHILE)
    return said if isinstance(said, str) else None


def close() -> None:
    """Forget what the form holds, the key above all."""
    for key in [_OPEN, _OFFERS, _KEY, _SEEN, _MEANWHILE]:
        st.session_state.pop(key, None)


def offer(names: Sequence[str]) -> None:
    """Models to choose from, at the next run."""
    st.session_state[_OFFERS] = tuple(names)


def draw(problems: Sequence[Problem], old: Profile | None) -> ProfileRequest:
    """Draw the fields, with what is wrong beneath each, and return what they hold now."""
    for key, value in st.session_state.pop(_LOAD, {}).items():
        st.session_state[key] = value
    if old is None:
        st.pills("Kind of server", [one.name for one in PRESETS], key=_PRESET, on_change=_preset,
                 help="Fills in the path and how the server is spoken to.")
    example = next((one.example for one in PRESETS if one.name == st.session_state.get(_PRESET)),
                   "https://your-host:8000")
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name", key=_NAME, max_chars=MAX_NAME, persist_state="session",
                             placeholder="As the address says")
        components.complain(problems, "name")
        url = st.text_input("Base URL", key=_URL, max_chars=MAX_ADDRESS, persist_state="session",
                            placeholder=example)
        components.complain(problems, "baseUrl")
        api_key, drops = _key(old)
        components.complain(problems, "apiKey")
    with right:
        path = st.text_input("Path of the chat call", key=_PATH, max_chars=MAX_ADDRESS,
                             persist_state="session", placeholder="/v1/chat/completions")
        components.complain(problems, "path")
        model = st.selectbox(
            "Model", _models(), index=None, key=_MODEL, accept_new_options=True,
            persist_state="session", placeholder="Type its name, or list what the server has",
            help="Leave it empty where the server has one model only.")
        components.complain(problems, "model")
        if offers := st.session_state.get(_OFFERS):
            components.quiet(f"{count(len(offers), 'model')} to choose from.")
    return ProfileRequest(
        id=old.id if old else None, name=name, base_url=url or "", path=path, model=model,
        api_key=api_key, drops_key=drops, **_advanced(problems))


def _models() -> list[str]:
    """What the server offers, and what stands in the field."""
    named = st.session_state.get(_MODEL)
    return list(dict.fromkeys([*st.session_state.get(_OFFERS, ()), *([named] if named else [])]))


def _key(old: Profile | None) -> tuple[str | None, bool]:
    """The key that was typed, and whether the one that is kept is to go."""
    has_key = old is not None and old.api_key is not None
    drops = has_key and bool(st.session_state.get(_DROP))
    typed = st.text_input(
        "API key", key=_KEY, type="password", max_chars=MAX_KEY, autocomplete="new-password",
        disabled=drops,
        placeholder="Saved; leave empty to keep it" if has_key else "If it needs one",
        help="Kept encrypted and sent to this address only. It is never shown again, to anybody.")
    if has_key:
        st.checkbox("Remove the saved key", key=_DROP)
    return (None if drops else typed or None), drops


def _advanced(problems: Sequence[Problem]) -> dict[str, Any]:
    """What most servers don't need."""
    wrong = any(problem.path not in {"name", "baseUrl", "path", "model", "apiKey"}
                for problem in problems)
    values: dict[str, Any] = {}
    with st.expander("Parameters and limits", expanded=wrong):
        for column, (name, label) in zip(st.columns(3), _LIMITS.items(), strict=True):
            with column:
                values[name] = st.number_input(
                    label, value=None, min_value=1, step=1, placeholder="no limit",
                    max_value=MAX_IN_FLIGHT if name == "max_in_flight" else MAX_PER_MINUTE,
                    key=f"model_{name}", persist_state="session")
                components.complain(problems, _SHOWN[name])
        text = st.text_area("Parameters, as JSON", key=_PARAMETERS, max_chars=MAX_PARAMETERS,
                            height=84, persist_state="session", placeholder='{"temperature": 0.8}')
        for problem in problems:
            if problem.path.startswith("parameters"):
                components.complain([problem], problem.path, named=True)
        values["dialect"] = st.segmented_control(
            "It speaks", list(_DIALECTS), key=_DIALECT, format_func=_DIALECTS.__getitem__,
            persist_state="session")
        values["polled"] = st.toggle(
            "Hand calls in and ask for the answers", key=_POLLED, persist_state="session",
            help="The second form of a Ratio1 node's calls: for models that take minutes.")
        components.complain(problems, "polled")
    return values | {"parameters": _parsed(text)}


def _parsed(text: str | None) -> Any:
    """The JSON, or the text itself, which the check then refuses."""
    try:
        return json.loads(text) if text and text.strip() else {}
    except (ValueError, RecursionError):
        return text


def _preset() -> None:
    """Fill what is the same on every server of the chosen kind."""
    chosen = next((one for one in PRESETS if one.name == st.session_state[_PRESET]), None)
    if chosen is None:
        return
    usual = {one.base_url for one in PRESETS} | {None}
    if st.session_state.get(_URL) in usual:
        st.session_state[_URL] = chosen.base_url
    if st.session_state.get(_NAME) in {one.name for one in PRESETS} | {None, ""}:
        st.session_state[_NAME] = chosen.name
    st.session_state[_PATH], st.session_state[_DIALECT] = chosen.path, chosen.dialect


def _values(profile: Profile | None) -> Mapping[str, Any]:
    """What the fields show of a profile."""
    values: dict[str, Any] = {
        _PRESET: None, _NAME: "", _URL: "", _PATH: "", _MODEL: None, _KEY: "", _DROP: False,
        _PARAMETERS: "", _DIALECT: None, _POLLED: False, **{f"model_{n}": None for n in _LIMITS}}
    if profile is not None:
        parameters = json.dumps(dict(profile.parameters), indent=1) if profile.parameters else ""
        values |= {
            _NAME: profile.name, _URL: profile.base_url, _PATH: profile.path or "",
            _MODEL: profile.model, _PARAMETERS: parameters, _DIALECT: profile.dialect,
            _POLLED: profile.polled,
            **{f"model_{name}": getattr(profile, name) for name in _LIMITS}}
    return values
