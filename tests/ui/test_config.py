"""Streamlit options we lean on: each must still exist in the pinned version."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from streamlit import config

ROOT = Path(__file__).parents[2]
FILE = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())


def _options() -> list[str]:
    names = []
    for section, values in FILE.items():
        for name, value in values.items():
            if isinstance(value, dict) and section == "theme":
                names += [f"theme.{name}.{inner}" for inner in value]
            else:
                names.append(f"{section}.{name}")
    return names


@pytest.mark.parametrize("option", _options())
def test_every_option_we_set_is_known_to_streamlit(option: str) -> None:
    assert option in config._config_options_template


def test_nothing_is_reported_to_strangers() -> None:
    assert FILE["browser"]["gatherUsageStats"] is False
    assert FILE["client"]["showErrorDetails"] == "none"


def test_the_script_runner_does_not_collect_garbage_after_every_run() -> None:
    assert FILE["runner"]["postScriptGC"] is False
