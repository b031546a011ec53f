"""A new dataset comes back from its tab: to its own user, once, and whatever the tab says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from datagen.domain.requests import MAX_TITLE, DraftRequest
from datagen.ui import kept
from tests.ui.replica import ADA, BEN, World, signed_in

TEXTS = {"form_title": "Birds", "form_description": "One bird", "form_instructions": "Fields: name"}


def _page() -> None:
    import streamlit as st

    from datagen.ui import kept
    from datagen.ui.session import require_user

    kept.bring_back(require_user(), st.session_state["sent"])


def brought_back(sent: Any) -> dict[str, Any]:
    """What a new session of ada's knows then."""
    at = AppTest.from_function(_page, default_timeout=20)
    at.user = signed_in(ADA)
    at.session_state["sent"] = sent
    at.run()
    assert not at.exception
    known = at.session_state.to_dict()
    return {name: value for name, value in known.items() if name.startswith(("form_", "new_"))}


def sent(**more: Any) -> dict[str, Any]:
    return {"who": "ada", "draft": "", "texts": TEXTS, "rest": {"form_records": 7}} | more


@pytest.fixture
def token(world: World) -> str:
    drafts = world.services.drafts
    return drafts.sign(ADA, asyncio.run(drafts.draft(ADA, DraftRequest(
        title="Birds", total_records=6, description="One bird", instructions="Fields: name"))))


def test_texts_and_draft_come_back_to_their_user(world: World, token: str) -> None:
    found = brought_back(sent(draft=token))
    assert found.pop("new_draft").owner == "ada"
    assert found == TEXTS | {"form_records": 7}


def test_nobody_is_given_what_another_wrote(world: World) -> None:
    drafts = world.services.drafts
    bens = drafts.sign(BEN, asyncio.run(drafts.draft(BEN, DraftRequest(
        title="Bats", total_records=6, description="One bat", instructions="Fields: name"))))
    assert brought_back(sent(who="ben")) == {}
    assert "new_draft" not in brought_back(sent(draft=bens))


def test_what_became_a_job_is_not_begun_again(world: World, token: str) -> None:
    world.services.jobs.confirm(ADA, token)
    assert brought_back(sent(draft=token)) == {}


@pytest.mark.parametrize("odd", [
    None, "x", [], {}, {"who": "ada"}, sent(texts=[1], rest="x", draft=7), sent(draft="a.b.c"),
    sent(texts={"form_title": 7}, rest={"form_records": "7", "form_seed": True, "form_mode": 1}),
    sent(texts={"new_draft": "x", "form_take": "x"}, rest={"form_records": 10**30}),
    sent(texts={}, rest={}, draft="x" * (kept.MAX_TOKEN + 1)),
])
def test_a_tab_may_say_anything(world: World, odd: Any) -> None:
    assert set(brought_back(odd)) <= set(TEXTS) | {"form_records"}


def test_a_text_is_no_longer_than_its_field(world: World) -> None:
    found = brought_back(sent(texts={"form_title": "x" * (MAX_TITLE + 1)}))
    assert found["form_title"] == "x" * MAX_TITLE
