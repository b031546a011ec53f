"""The models page, and the choice of a model for a new dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from datagen import bootstrap
from datagen.domain.errors import ModelRefused, StoreError
from datagen.domain.profiles import Profile, Profiles
from datagen.services.profiles import ProfileRequest
from tests.ui.replica import ADA, BEN, World, signed_in
from tests.ui.test_hostile_pages import WORDS, assert_harmless

ASKED = ProfileRequest(name="Mine", base_url="https://llm.example/v1", path="/chat/completions",
                       model="m-1", api_key="sk-MARKED")


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAGEN_DATA_DIR", str(tmp_path_factory.mktemp("replica")))
        patch.setenv("DATAGEN_MOCK_INFERENCE_API", "1")
        patch.setenv("DATAGEN_APP_HOST", "127.0.0.1")
        patch.setenv("DATAGEN_MAX_EXTERNAL_API_CONFIGS", "2")
        bootstrap.shared.cache_clear()
        services = bootstrap.shared()
        for user in (ADA, BEN):
            services.accounts.create(user.name, "a password of some length")
        yield World(services=services)
        services.close()
        bootstrap.shared.cache_clear()


def press(at: AppTest, label: str) -> AppTest:
    next(b for b in at.button if b.label == label).click()
    at.run()
    assert not at.exception
    return at


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def held(at: AppTest) -> str:
    """All that the session still knows."""
    return repr(at.session_state.to_dict())


def said(at: AppTest) -> str:
    shown = [e.value for kind in ("markdown", "error", "success", "warning", "info", "caption")
             for e in at.get(kind)]
    return "\n".join([*shown, *(e.proto.body for e in at.get("html"))]).replace("\\", "")


def typed(at: AppTest, **values: Any) -> AppTest:
    for name, value in values.items():
        at.text_input(key=f"model_{name}").set_value(value)
    return at


def _delete() -> None:
    from datagen.domain.users import User
    from datagen.ui import model_cards
    from datagen.ui.session import app

    known = app().profiles.seen_by(User(name="ada", role="user"))
    if known.all:  # until it is deleted
        model_cards.ask_to_delete(known.all[0], [])


def _save() -> None:
    from dataclasses import replace

    from datagen.domain.users import User
    from datagen.services.profiles import ProfileRequest
    from datagen.ui import model_cards
    from datagen.ui.session import app

    user, profiles = User(name="ada", role="user"), app().profiles
    moved = replace(ProfileRequest(base_url="https://other.example", api_key="sk-2"),
                    id=profiles.seen_by(user).all[0].id)
    model_cards.ask_to_save([], lambda: profiles.save(user, moved))


def asked(question: Callable[[], None]) -> AppTest:
    """The question alone: AppTest runs whole pages, and a dialog is a part of one."""
    at = AppTest.from_function(question)
    at.user = signed_in(ADA)
    return at.run()


def profiles(world: World) -> list[tuple[str, str | None]]:
    return [(p.name, p.model) for p in world.services.profiles.seen_by(ADA).all]


def test_who_has_none_sees_the_servers_own_and_what_can_be_added(world: World) -> None:
    at = world.open("models")
    assert "This server’s model" in said(at)
    assert "vLLM, llama.cpp, Ollama or LM Studio" in said(at)
    assert "Edit" not in labels(at)


def test_a_kind_of_server_fills_in_what_is_the_same_everywhere(world: World) -> None:
    at = press(world.open("models"), "Add a model")
    at.button_group(key="model_preset").set_value("Ratio1 node").run()
    assert at.text_input(key="model_path").value == "/create_chat_completion"
    at.button_group(key="model_preset").set_value("OpenAI").run()
    assert [at.text_input(key=f"model_{name}").value for name in ("name", "url", "path")] == [
        "OpenAI", "https://api.openai.com", "/v1/chat/completions"]
    typed(at, url="https://mine.example", name="Own").run()
    at.button_group(key="model_preset").set_value("Ollama").run()
    assert at.text_input(key="model_url").value == "https://mine.example"  # a person's own stays
    assert at.text_input(key="model_name").value == "Own"


def test_a_model_is_added_tested_listed_and_saved(world: World) -> None:
    at = press(world.open("models"), "Add a model")
    typed(at, url="https://llm.example/v1", path="/chat/completions", key="sk-MARKED")
    press(at, "Test connection")
    assert "It answers" in said(at)
    press(at, "List models")
    assert "1 model to choose from" in said(at)
    at.selectbox(key="model_model").set_value("sample")
    press(at, "Save")
    assert profiles(world) == [("llm.example", "sample")]
    assert "In use" in said(at) or "llm.example" in said(at)
    assert "key saved" in said(at)
    assert "sk-MARKED" not in held(at)
    assert world.services.profiles.opened(ADA).all[0].api_key == "sk-MARKED"


def test_what_is_wrong_stands_beneath_the_fields_and_what_was_typed_stays(world: World) -> None:
    at = press(world.open("models"), "Add a model")
    typed(at, url="http://127.0.0.1:8000", key="two words")
    at.text_area(key="model_parameters").set_value("{oops")
    press(at, "Save")
    shown = said(at)
    for words in ("private network", "no spaces", "This must be a JSON object"):
        assert words in shown
    assert at.text_input(key="model_url").value == "http://127.0.0.1:8000"
    assert profiles(world) == []
    typed(at, url="https://llm.example", key="sk-1")
    at.text_area(key="model_parameters").set_value('{"temperature": 7, "x": 1}')
    press(at, "Test connection")
    assert "parameters.temperature" in said(at)
    assert "parameters.x" in said(at)
    at.text_area(key="model_parameters").set_value('{"temperature": 0.7}')
    press(at, "Save")
    assert world.services.profiles.seen_by(ADA).all[0].parameters == {"temperature": 0.7}


def test_a_server_that_refuses_says_so_and_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object, **__: object) -> None:
        raise ModelRefused("The model server at llm.example:443 refused the key (401): no")

    monkeypatch.setattr(type(world.services.chat), "complete", refuses)
    world.services.profiles.save(ADA, ASKED)
    at = press(world.open("models"), "Test connection")
    assert "refused the key (401): no. Check the key, and whether" in said(at)
    assert "DATAGEN_INFERENCE_API_KEY" not in said(at)


def test_a_change_keeps_the_key_and_another_address_asks_for_it(world: World) -> None:
    world.services.profiles.save(ADA, ASKED)
    at = press(world.open("models"), "Edit")
    assert at.text_input(key="model_key").value == ""
    assert at.text_input(key="model_key").placeholder == "Saved; leave empty to keep it"
    typed(at, url="https://other.example")
    press(at, "Save")
    assert "Enter the key again: it was saved for https:\u2060//llm.example/v1" in said(at)
    typed(at, url="https://llm.example/v2")
    press(at, "Save")
    assert world.services.profiles.opened(ADA).all[0].api_key == "sk-MARKED"
    at = press(at, "Edit")
    at.checkbox(key="model_drop").check()
    press(at.run(), "Save")
    assert world.services.profiles.seen_by(ADA).all[0].api_key is None


def test_cancel_changes_nothing(world: World) -> None:
    world.services.profiles.save(ADA, ASKED)
    at = typed(press(world.open("models"), "Edit"), name="Else", key="sk-else")
    press(at, "Cancel")
    assert profiles(world) == [("Mine", "m-1")]
    assert "sk-else" not in held(at)


def test_one_is_used_instead_of_another(world: World) -> None:
    saved = world.services.profiles.save(ADA, ASKED)
    at = press(world.open("models"), "Use this one")
    assert world.services.profiles.seen_by(ADA).active is None
    press(at, "Use this one")
    assert world.services.profiles.seen_by(ADA).active_id == saved.id


def test_there_are_no_more_than_allowed(world: World) -> None:
    for _ in range(2):
        world.services.profiles.save(ADA, ASKED)
    assert next(b for b in world.open("models").button if b.label == "Add a model").disabled


def chosen(world: World) -> AppTest:
    """A draft with the model that is in use."""
    at = world.open("new")
    at.text_input(key="form_title").set_value("Birds")
    at.text_area(key="form_description").set_value("One bird")
    at.text_area(key="form_instructions").set_value("Fields: species")
    return press(at, "Draft schema")


def test_a_dataset_is_made_with_the_model_that_is_in_use_or_another(world: World) -> None:
    saved = world.services.profiles.save(ADA, ASKED)
    at = chosen(world)
    assert at.selectbox(key="form_model").value == saved.id
    press(at, "Create dataset")
    (view,) = world.services.jobs.list(ADA)
    asked = world.services.jobs.details(ADA, view.job.id).inference
    assert (asked.profile_id, asked.base_url, asked.model) == (
        saved.id, "https://llm.example/v1", "m-1")
    job = world.open("job", id=view.job.id)
    assert not job.exception


def test_who_chooses_the_servers_own_model_gets_it(world: World) -> None:
    world.services.profiles.save(ADA, ASKED)
    at = chosen(world)
    at.selectbox(key="form_model").set_value("").run()
    press(at, "Create dataset")
    (view,) = world.services.jobs.list(ADA)
    assert world.services.jobs.details(ADA, view.job.id).inference.own


def test_somebody_elses_models_are_not_seen(world: World) -> None:
    world.services.profiles.save(BEN, ASKED)
    assert "Mine" not in said(world.open("models"))
    assert not [box for box in world.open("new").selectbox if box.key == "form_model"]


def test_a_deletion_asks_and_names_the_jobs_that_stop(world: World) -> None:
    world.services.profiles.save(ADA, ASKED)
    press(chosen(world), "Create dataset")
    at = press(world.open("models"), "Delete")
    assert "1 open job can't go on without it" in said(at)
    assert "- Birds" in said(at)
    press(asked(_delete), "Keep it")
    assert profiles(world) == [("Mine", "m-1")]
    press(asked(_delete), "Delete it")
    assert profiles(world) == []


def test_an_address_that_open_jobs_need_is_not_left_unasked(world: World) -> None:
    world.services.profiles.save(ADA, ASKED)
    press(chosen(world), "Create dataset")
    at = typed(press(world.open("models"), "Edit"), url="https://other.example", key="sk-2")
    press(at, "Save")
    assert "- Birds" in said(at)
    assert world.services.profiles.seen_by(ADA).all[0].base_url == "https://llm.example/v1"
    press(asked(_save), "Don't save")
    assert world.services.profiles.seen_by(ADA).all[0].base_url == "https://llm.example/v1"
    press(asked(_save), "Save it")
    assert world.services.profiles.opened(ADA).all[0].api_key == "sk-2"


def test_a_store_that_cannot_be_read_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreError("The store is away.")

    monkeypatch.setattr(type(world.services.profiles), "seen_by", away)
    assert "Your models can't be shown yet" in said(world.open("models"))
    assert "this server's model is used" in said(world.open("new"))


@pytest.mark.parametrize("word", WORDS)
def test_names_and_models_are_never_markup(world: World, word: str) -> None:
    """What a person may type, and what lies in the store for them without our check."""
    profile = Profile(id="p", name=word[:900], base_url="https://x.example", api_key=None,
                      model=word[:900])
    book = world.services.profiles._book
    book.put(ADA.name, Profiles(all=(profile,)))
    for page in ("models", "new"):
        assert_harmless(world.open(page))
    assert_harmless(press(world.open("models"), "Delete"))
    assert_harmless(press(world.open("models"), "Edit"))


def test_a_model_that_is_deleted_while_it_is_edited_takes_nothing_away_that_was_typed(
    world: World
) -> None:
    saved = world.services.profiles.save(ADA, ASKED)
    at = typed(press(world.open("models"), "Edit"), name="Typed for long")
    world.services.profiles.delete(ADA, saved.id)  # in another tab
    press(at, "Save")
    assert "was deleted meanwhile" in said(at)
    assert profiles(world) == []  # nobody knew what they saved
    press(at, "Save")
    assert profiles(world) == [("Typed for long", "m-1")]
    assert world.services.profiles.opened(ADA).all[0].api_key is None
    assert "meanwhile" not in said(at)


def test_a_change_made_in_another_tab_is_not_undone_unseen(world: World) -> None:
    saved = world.services.profiles.save(ADA, ASKED)
    at = typed(press(world.open("models"), "Edit"), name="From here")
    world.services.profiles.save(ADA, replace(ASKED, id=saved.id, model="m-2"))
    press(at, "Save")
    assert "was changed meanwhile" in said(at)
    assert profiles(world) == [("Mine", "m-2")]
    press(at, "Save")
    assert profiles(world) == [("From here", "m-1")]


def test_a_key_that_was_saved_for_another_address_meanwhile_does_not_go_to_this_one(
    world: World
) -> None:
    saved = world.services.profiles.save(ADA, ASKED)
    at = press(world.open("models"), "Edit")
    world.services.profiles.save(ADA, replace(
        ASKED, id=saved.id, base_url="https://other.example", api_key="sk-OTHER"))
    for label in ("Save", "Save", "Test connection"):
        press(at, label)
        assert "sk-OTHER" not in held(at)
    assert "Enter the key again" in said(at)
    kept, = world.services.profiles.opened(ADA).all
    assert (kept.base_url, kept.api_key) == ("https://other.example", "sk-OTHER")
