"""Only what our own processes wrote, where they wrote it, as they wrote it, holds its seal."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from datagen.protocol.fields import dumps
from datagen.protocol.seal import Seal

OURS = Seal("a secret of all replicas")
PLACES = st.text(max_size=20)
OBJECTS = st.dictionaries(st.text(max_size=5).filter(lambda name: name != "mac"),
                          st.text(max_size=5) | st.integers() | st.none(), min_size=1)


@given(hkey=PLACES, field=PLACES, record=OBJECTS)
def test_what_was_sealed_holds_and_says_the_same(
    hkey: str, field: str, record: dict[str, object]
) -> None:
    sealed = OURS.put_on(hkey, field, dumps(record))
    assert OURS.holds(hkey, field, sealed)
    assert Seal("a secret of all replicas").holds(hkey, field, sealed)
    said = json.loads(sealed)
    assert len(said.pop("mac")) == 32
    assert said == record


@given(record=OBJECTS, at=st.integers(min_value=0), character=st.characters())
def test_one_changed_character_breaks_it(
    record: dict[str, object], at: int, character: str
) -> None:
    sealed = OURS.put_on("hash", "field", dumps(record))
    at %= len(sealed)
    changed = sealed[:at] + character + sealed[at + 1:]
    assert OURS.holds("hash", "field", changed) == (changed == sealed)


def test_a_seal_is_good_for_one_place_and_one_network() -> None:
    sealed = OURS.put_on("datagen:jobs", "job_1", '{"id":"job_1"}')
    assert not OURS.holds("datagen:jobs", "job_2", sealed)
    assert not OURS.holds("datagen:peers", "job_1", sealed)
    assert not Seal("another").holds("datagen:jobs", "job_1", sealed)


@given(st.text())
def test_any_other_text_has_none(text: str) -> None:
    assert not OURS.holds("hash", "field", text)
