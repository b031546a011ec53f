"""How the small model is asked, with a model that says what the test wants."""

from __future__ import annotations

import json

from datagen.domain.chat import Message
from datagen.domain.prompts import draft_messages
from datagen.model import small


def names(text: str, asked: list[str] | None = None):
    def ask(prompt: str, grammar: str, seed: int) -> str:
        if asked is not None:
            asked.append(prompt)
        return " spam, ham" if "Classes:" in prompt.rpartition("\n")[2] else text
    return ask


def drafted(text: str, *, description="Tickets of a shop.", instructions="Vary.", dataset=False,
            asked: list[str] | None = None) -> list[dict]:
    messages = draft_messages("Tickets", description, instructions, dataset)
    return json.loads(small.draft(messages, names(text, asked)))["fields"]


def test_names_become_fields_with_their_usual_types():
    assert drafted(" subject, customer email, order date, total price") == [
        {"name": "subject", "type": "string"}, {"name": "customer_email", "type": "email"},
        {"name": "order_date", "type": "date"},
        {"name": "total_price", "type": "number", "minimum": 0}]


def test_listed_fields_are_taken_as_listed_without_asking():
    asked: list[str] = []
    fields = drafted("", instructions="Fields: a; b; c.", asked=asked)
    assert [f["name"] for f in fields] == ["a", "b", "c"]
    assert not asked


def test_fields_named_in_passing_come_first():
    fields = drafted(" subject, city, zip, street", description="Tickets with a mood and an owner.")
    assert [f["name"] for f in fields][:3] == ["mood", "owner", "subject"]


def test_torn_and_repeated_names_are_dropped_and_asked_for_again():
    asked: list[str] = []
    fields = drafted(" subject, day of the, subject, city", asked=asked)
    assert [f["name"] for f in fields] == ["subject", "city"]
    assert len(asked) == small.TRIES


def test_the_model_reads_what_the_person_wrote():
    asked: list[str] = []
    drafted(" a b, c d, e f, g h", description="Lost property of a railway.", asked=asked)
    assert "Lost property of a railway. Vary." in asked[0]


def test_a_dataset_to_classify_gets_a_label_with_classes():
    told = drafted(" a b, c d, e f, g h", description="Mails about work or play.", dataset=True)
    assert told[-1] == {"name": "label", "type": "string", "enum": ["work", "play"]}
    asked = drafted(" a b, c d, e f, g h", dataset=True)
    assert asked[-1]["enum"] == ["spam", "ham"]


def test_only_the_product_s_own_request_is_a_draft():
    assert small.is_draft(draft_messages("T", "D", "I", False), None)
    assert not small.is_draft(draft_messages("T", "D", "I", False), {"type": "object"})
    assert not small.is_draft((Message(role="user", content="Hello"),), None)


def test_a_foreign_chat_is_passed_on_as_it_is():
    chat = (Message(role="user", content="Hello"),)
    assert small.record_prompt(chat, {}) == [{"role": "user", "content": "Hello"}]


def test_other_prompts_have_other_seeds():
    first = (Message(role="user", content="Record 1"),)
    second = (Message(role="user", content="Record 2"),)
    assert small.seed_of(first) == small.seed_of(first)
    assert small.seed_of(first) != small.seed_of(second)
    assert 0 <= small.seed_of(first) < 2**31
