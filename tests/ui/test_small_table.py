"""The small tables of the pages."""

from __future__ import annotations

import json

from streamlit.testing.v1 import AppTest


def _script() -> None:
    import streamlit as st

    from datagen.ui import components

    components.table([{"Peer": "a", "Ok": 1_000_000, "Share": 0.5, "Times": 3}],
                     {"Times": st.column_config.NumberColumn(format="%d")})


def test_whole_numbers_get_separators_unless_told_otherwise() -> None:
    [table] = AppTest.from_function(_script).run().dataframe
    formats = {name: one.get("type_config", {}).get("format")
               for name, one in json.loads(table.proto.columns).items()}
    assert formats["Ok"] == "localized"
    assert formats["Times"] == "%d"
    assert "localized" not in (formats.get("Share"), formats.get("Peer"))
