"""The YAML file of a dataset: what it means, and where exactly it is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from datagen.cli import marks, spec
from datagen.domain.errors import InputError, Problem
from datagen.domain.examples import EXAMPLES, Example
from datagen.domain.parameters import MAX_STOPS, PARAMETERS
from datagen.domain.requests import (
    MAX_DESCRIPTION,
    MAX_INSTRUCTIONS,
    MAX_TITLE,
)

FOLDER = Path(__file__).parents[2] / "examples"
FILES = {"Support tickets": "support_tickets", "Products with variants": "products",
         "Spam or ham": "spam_or_ham"}
WHOLE = "title: T\ndescription: D\ninstructions: I\nrecords: 3\n"


def loaded(tmp_path: Path, text: str) -> spec.Spec:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    return spec.load(str(file))


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, text)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: FILES[example.name])
def test_the_example_files_say_what_the_buttons_say(example: Example) -> None:
    path = FOLDER / f"{FILES[example.name]}.yaml"
    asked = spec.load(str(path)).request
    assert (asked.title, asked.description, asked.instructions) == (
        example.title, example.description, example.instructions)
    assert (asked.total_records, asked.dataset_mode) == (example.records, example.dataset_mode)
    first = path.read_text().splitlines()[0]
    named = (FOLDER / first.removeprefix("# yaml-language-server: $schema=")).resolve()
    assert named == spec.SCHEMA_FILE


def test_every_example_file_belongs_to_a_button() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(FILES.values())


def test_the_published_schema_is_one_and_has_the_limits_of_the_service() -> None:
    published = json.loads(spec.SCHEMA_FILE.read_text())
    Draft202012Validator.check_schema(published)
    fields = published["properties"]
    assert fields["title"]["maxLength"] == MAX_TITLE
    assert fields["description"]["maxLength"] == MAX_DESCRIPTION
    assert fields["instructions"]["maxLength"] == MAX_INSTRUCTIONS
    inference = {**fields["inference"]["properties"], "seed": fields["seed"]}
    assert inference.pop("stop")["maxItems"] == MAX_STOPS
    for name, bounds in PARAMETERS.items():
        one = inference.pop(name)
        assert (one["minimum"], one["maximum"]) == (bounds.low, bounds.high)
        assert one["type"] == ("integer" if bounds.whole else "number")
    assert set(inference) == {"base_url", "path", "model"}


def test_seed_and_parameters_reach_the_request(tmp_path: Path) -> None:
    asked = loaded(tmp_path, WHOLE + "seed: 5\nmode: dataset\ninference:\n  model: big\n"
                                     "  temperature: 0.2\n  stop: [a, b]\n").request
    assert asked.parameters == {"seed": 5, "temperature": 0.2, "stop": ["a", "b"]}
    assert asked.model == "big"
    assert asked.dataset_mode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("records: 3\ntitle: T\n", ["x.yaml:1:1: description is missing.",
                                    "x.yaml:1:1: instructions is missing."]),
        (WHOLE.replace("3", "many"), ["x.yaml:4:10: records must be a whole number."]),
        (WHOLE.replace("3", "0"), ["x.yaml:4:10: records must be at least 1."]),
        (WHOLE.replace("D", "' '"), ["x.yaml:2:14: description must not be empty."]),
        (WHOLE + "mode: yes\n", ["x.yaml:5:7: mode must be records or dataset."]),
        (WHOLE + "recrods: 4\n", ["x.yaml:5:1: recrods is not known here. Is records meant?"]),
        (WHOLE + "inference:\n  temperature: 3\n  base_url: here\n",
         ["x.yaml:6:16: inference.temperature must be at most 1.5.",
          "x.yaml:7:13: inference.base_url must begin with http:// or https://."]),
        (WHOLE + "title: again\n", ["x.yaml:5:1: title is given twice."]),
        (WHOLE + "schema: !!python/name:os.system x\n",
         ["x.yaml:5:9: A tag such as tag:yaml.org,2002:python/name:os.system can't be used "
          "here."]),
        ("title: [T\n", ["x.yaml:2:1: This is not valid YAML: expected ',' or ']', but got "
                         "'<stream end>' (while parsing a flow sequence)."]),
        ("", ["x.yaml:1:1: The file is empty. It needs title, description, instructions and "
              "records."]),
        ("- a\n", ["x.yaml:1:1: The file must be a mapping."]),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    assert faults(tmp_path, text) == expected


def test_a_key_in_a_file_is_refused_and_told_where_it_belongs(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, WHOLE + "inference:\n  api_key: sk-1\n")
    assert "DATAGEN_INFERENCE_API_KEY" in fault
    assert "sk-1" not in fault


def test_words_stay_words(tmp_path: Path) -> None:
    text = WHOLE + "schema:\n  enum: [no, 2026-01-01, 010, 12:30, 1, 1.5, 1e3, true, null, -]\n"
    found = loaded(tmp_path, text.replace(", -]", ", ~]")).schema
    assert found == {"enum": ["no", "2026-01-01", "010", "12:30", 1, 1.5, 1000.0, True, None,
                              None]}


def test_names_are_texts_whatever_they_look_like(tmp_path: Path) -> None:
    found = loaded(tmp_path, WHOLE + "schema: {properties: {1: {}, true: {}, null: {}}}\n").schema
    assert found == {"properties": {"1": {}, "true": {}, "null": {}}}


def test_aliases_that_mean_billions_or_themselves_are_refused(tmp_path: Path) -> None:
    levels = "".join(f"x{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    [fault] = faults(tmp_path, "x0: &a0 [1]\n" + levels)
    assert "too large" in fault
    [fault] = faults(tmp_path, "title: &x [*x]\n")
    assert "too large" in fault


def test_a_file_of_any_size_is_read_up_to_a_mebibyte_and_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("title: " + "x" * marks.MAX_BYTES)
    with pytest.raises(InputError, match="more than 1 MiB"):
        spec.load(str(tmp_path / "x.yaml"))


def test_a_fault_in_the_schema_is_found_at_its_field(tmp_path: Path) -> None:
    text = WHOLE + "schema:\n  properties:\n    items:\n      items:\n        properties:\n" \
                   "          price: {type: number, minimum: 5, maximum: 2}\n"
    told = loaded(tmp_path, text).schema_fault([Problem(path="items[].price", message="Empty.")])
    assert str(told).endswith("x.yaml:10:18: items[].price: Empty.")


def test_a_fault_the_service_finds_is_told_with_its_place(tmp_path: Path) -> None:
    found = loaded(tmp_path, WHOLE)
    told = found.request_fault(InputError("x", [Problem(path="totalRecords", message="Too many.")]))
    assert str(told).endswith("x.yaml:4:10: records: Too many.")


def test_what_is_no_text_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"title: \xff")
    for name in (tmp_path / "x.yaml", tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError, match=r"UTF-8|can't be read"):
            spec.load(str(name))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
))
def test_json_is_yaml_with_the_same_meaning(value: Any) -> None:
    assert marks.read(json.dumps(value), "x").value == value


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"#%@`\n \t0.,~<=", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        marks.read(text, "x")


def test_a_character_that_yaml_forbids_is_told_with_its_place() -> None:
    with pytest.raises(InputError, match=r"^x:2:4: The character U\+000F can't stand"):
        marks.read("a: b\nc: \x0f", "x")
