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


def _light_of(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                        for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_light_of(one), _light_of(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_what_is_written_can_be_read(name: str) -> None:
    theme = FILE["theme"][name]
    assert _contrast("#ffffff", theme["primaryColor"]) >= 4.5  # a button's label
    for ground in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        assert _contrast(theme["primaryColor"], ground) >= 3  # what marks a tab, a bar, a field
        assert _contrast(theme["textColor"], ground) >= 7
        assert _contrast(theme["linkColor"], ground) >= 4.5
