"""The dataset's table: search, filter, sort and page over all rows; a profile per column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from datagen.services.datasets import Column, ColumnProfile, Filter, Page
from datagen.ui import components
from datagen.ui.words import count, plain

SIZES = (25, 50, 100, 200)  # rows per page
_PAGE = "table_page"
_NAMED = 5  # frequent values a profile line names
_ROW_ORDER = "Record order"
_SORTS = {True: "Highest first", False: "Lowest first"}
_KINDS = {"integer": "whole number", "number": "number", "boolean": "true/false",
          "date": "date", "datetime": "date and time", "text": "text", "json": "nested"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the reader asked to see."""

    offset: int
    limit: int
    sort: str | None
    descending: bool
    search: str
    filters: Mapping[str, Filter] = field(default_factory=dict)


def controls(columns: Sequence[Column], profiles: Sequence[ColumnProfile]) -> Choice:
    """The bar above the table."""
    names = [column.name for column in columns]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input("Search", placeholder="Search in all texts", width=300,
                               key="table_search", on_change=_first_page)
        sort = st.selectbox("Sort by", [_ROW_ORDER, *names], key="table_sort", width=200,
                            on_change=_first_page)
        descending = st.selectbox("Order", [False, True], format_func=_SORTS.__getitem__,
                                  key="table_order", width=150, on_change=_first_page,
                                  disabled=sort == _ROW_ORDER)
        limit = st.selectbox("Rows", SIZES, index=1, key="table_size", width=90,
                             on_change=_first_page)
        with st.popover("Filter", icon=":material/filter_alt:"):
            filters = _filters(profiles)
    if filters:
        components.quiet("Filtered by " + ", ".join(filters))
    return Choice(
        offset=(st.session_state.get(_PAGE, 1) - 1) * limit, limit=limit,
        sort=None if sort == _ROW_ORDER else sort, descending=descending,
        search=(search or "").strip(), filters=filters,
    )


def draw(page: Page) -> None:
    """One page of rows, typed."""
    if not page.matching:
        st.info("No row fits. Change the search or the filter.", icon=":material/search_off:")
        return
    frame = page.frame.copy()
    frame[page.index] += 1  # people count from 1
    config: dict[str, Any] = {
        page.index: st.column_config.NumberColumn("#", width=70, format="localized",
                                                  pinned=True)
    }
    for column in page.columns:
        config[column.name] = _column(column)
        if column.nested:
            frame[column.name] = frame[column.name].map(_readable)
    st.dataframe(frame, hide_index=True, column_config=config, key="table_rows",
                 placeholder="", height=min(components.table_height(len(frame)), 660))


def pages(matching: int, total: int, limit: int) -> None:
    """Where we are, and the way to other pages."""
    last = max(1, -(-matching // limit))
    with st.container(horizontal=True, vertical_alignment="center",
                      horizontal_alignment="distribute"):
        components.quiet(count(matching, "row") if matching == total
                         else f"{matching:,} of {count(total, 'row')}")
        if last > 1:
            st.pagination(last, key=_PAGE)


def profiles(items: Sequence[ColumnProfile]) -> None:
    """What each column holds, a line each."""
    rows = [
        {
            "Column": item.name,
            "Type": _KINDS[item.kind],
            "Filled": item.filled_share * 100,
            "Distinct": item.distinct,
            "Least": _span(item.low if item.low is not None else item.shortest, item),
            "Mean": None if item.mean is None else round(item.mean, 2),
            "Most": _span(item.high if item.high is not None else item.longest, item),
            "Spread": [bin_.count for bin_ in item.bins] or None,
            "Most frequent": _frequent(item),
        }
        for item in items
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="profile_rows", placeholder="",
                 height=components.table_height(len(rows)), column_config={
        "Column": st.column_config.TextColumn(pinned=True),
        "Type": st.column_config.TextColumn(width=110),
        "Filled": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f%%"),
        "Distinct": st.column_config.NumberColumn(format="localized"),
        "Least": st.column_config.TextColumn(width=130),
        "Mean": st.column_config.NumberColumn(format="localized", width="small"),
        "Most": st.column_config.TextColumn(width=130),
        "Spread": st.column_config.BarChartColumn(help="How the numbers are spread"),
        "Most frequent": st.column_config.ListColumn(width="large"),
    })
    components.quiet("For texts, least and most are lengths in characters.")


def _first_page() -> None:
    st.session_state[_PAGE] = 1


def _filters(items: Sequence[ColumnProfile]) -> dict[str, Filter]:
    """A filter for every column that has few values or an order."""
    found: dict[str, Filter] = {}
    for item in items:
        chosen = _filter(item)
        if chosen is not None:
            found[item.name] = chosen
    if not items:
        st.caption("There is nothing to filter by.")
    return found


def _filter(item: ColumnProfile) -> Filter | None:
    key, label = f"table_filter_{item.name}", plain(item.name)
    if item.kind == "boolean":
        picked = st.segmented_control(label, [True, False], key=key, selection_mode="multi",
                                      on_change=_first_page)
        return Filter(values=frozenset(picked)) if picked else None
    if item.kind in {"integer", "number"} and item.low is not None and item.low < item.high:
        whole = item.kind == "integer"
        ends = (item.low, item.high) if whole else (float(item.low), float(item.high))
        low, high = st.slider(label, ends[0], ends[1], ends, key=key, on_change=_first_page)
        return Filter(low=low, high=high) if (low, high) != ends else None
    choices = [top.value for top in item.top]
    if item.kind == "text" and 1 < item.distinct <= len(choices):
        texts = st.multiselect(label, choices, key=key, on_change=_first_page)
        return Filter(values=frozenset(texts)) if texts else None
    return None


def _column(column: Column) -> Any:
    label = column.name
    if column.kind == "integer":
        return st.column_config.NumberColumn(label, format="localized")
    if column.kind == "number":
        return st.column_config.NumberColumn(label)
    if column.kind == "date":
        return st.column_config.DateColumn(label, format="D MMM YYYY")
    if column.kind == "datetime":
        return st.column_config.DatetimeColumn(label, format="D MMM YYYY, HH:mm")
    if column.kind == "boolean":
        return st.column_config.CheckboxColumn(label)
    return st.column_config.TextColumn(label, width="medium" if column.nested else None)


def _readable(text: object) -> str | None:
    """A nested value as a line of ``key: value``; a click on the cell shows all of it."""
    if not isinstance(text, str):
        return None
    try:
        return _flat(json.loads(text))
    except ValueError:
        return text


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        if any(isinstance(inner, dict | list) for inner in value):
            return "; ".join(f"({_flat(inner)})" for inner in value)
        return ", ".join(_flat(inner) for inner in value)
    return "—" if value is None else str(value)


def _span(value: object, item: ColumnProfile) -> str | None:
    if value is None or item.kind == "json":
        return None  # the length of nested JSON tells nobody anything
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):  # as in the rows, and in the files
        return f"{value.day} {value:%b %Y, %H:%M}"
    return str(value)


def _frequent(item: ColumnProfile) -> list[str]:
    if item.true_share is not None:
        return [f"true {item.true_share:.0%}", f"false {1 - item.true_share:.0%}"]
    if item.distinct == item.filled or item.kind == "json":
        return []  # every value once: no value stands out
    return [f"{top.value[:60]} ×{top.count:,}" for top in item.top[:_NAMED]]
