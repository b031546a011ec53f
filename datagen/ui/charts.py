"""Charts of the metrics page, in the theme's colours, and the same figures as a table.

They are Vega-Lite as it is written: to load Altair, which would write it, takes 1.8 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from datagen.domain.figures import Step, Sums
from datagen.domain.peers import peer_name
from datagen.ui import components
from datagen.ui.session import app

HEIGHT = 240  # pixels
_BAR = 34  # pixels that a peer's bar takes
_GREEN, _RED, _BLUE, _GREY = "#0f8a7e", "#d1453b", "#2f6fdb", "#7a8594"  # as in frame.css
_LABELS: Mapping[Step, str] = {"day": "%-d %b", "month": "%b %Y"}


def records(steps: Mapping[date, Sums], step: Step) -> None:
    """Records by day or month, good and failed ones."""
    _by_time(steps, step, "Records", _record_kinds(),
             lambda one: {"Good": one.ok, "Failed": one.failed})


def tokens(steps: Mapping[date, Sums], step: Step) -> None:
    """Tokens by day or month, of prompts and of answers."""
    _by_time(steps, step, "Tokens", {"Prompts": _GREY, "Answers": _BLUE},
             lambda one: {"Prompts": one.usage.prompt_tokens,
                          "Answers": one.usage.completion_tokens})


def peers(found: Mapping[str, Sums]) -> None:
    """What each peer made, and what it asked of models."""
    kinds = _record_kinds()
    rows: list[dict[str, Any]] = [
        {"Peer": _named(peer), "Jobs": one.jobs, "Good": one.ok, "Failed": one.failed,
         "Calls": one.usage.calls, "Tokens": one.usage.tokens}
        for peer, one in sorted(found.items())]
    if len(rows) > 1:
        long = _long(pd.DataFrame(rows), ["Peer"], "Records", kinds)
        _draw(long, "Records by peer", {
            "x": _amount("Records"),
            "y": {"field": "Peer", "type": "nominal", "title": None, "axis": {"labelLimit": 170}},
            **_coloured(kinds, "Records", {"field": "Peer"}),
        }, height=_BAR * len(rows) + 70)
    _table(rows)


def as_table(steps: Mapping[date, Sums], step: Step) -> None:
    """All figures of the charts, the latest first; where nothing happened is left out."""
    _table([
        {step.title(): _label(start, step, full=True), "Jobs": one.jobs, "Good": one.ok,
         "Failed": one.failed, "Calls": one.usage.calls, "Prompt tokens": one.usage.prompt_tokens,
         "Answer tokens": one.usage.completion_tokens}
        for start, one in sorted(steps.items(), reverse=True) if one.jobs])


def _table(rows: list[dict[str, Any]]) -> None:
    hidden = {"Good", "Failed"} - _record_kinds().keys()
    shown: list[dict[str, object]] = [
        {name: value for name, value in row.items() if name not in hidden} for row in rows]
    components.table(shown, {
        name: st.column_config.NumberColumn(format="localized")
        for row in shown[:1] for name, value in row.items() if isinstance(value, int)}, most=12)


def _record_kinds() -> dict[str, str]:
    good = {"Good": _GREEN}
    return good | {"Failed": _RED} if app().settings.show_failures else good


def _named(peer: str) -> str:
    return f"{peer_name(peer)} (here)" if peer == app().settings.peer_id else peer_name(peer)


def _label(start: date, step: Step, *, full: bool = False) -> str:
    return f"{start:%-d %b %Y}" if full and step == "day" else f"{start:{_LABELS[step]}}"


def _by_time(
    steps: Mapping[date, Sums], step: Step, what: str, kinds: Mapping[str, str],
    values: Callable[[Sums], Mapping[str, int]],
) -> None:
    starts = sorted(steps)
    frame = pd.DataFrame([
        {"At": _label(start, step), "Day": _label(start, step, full=True), **values(steps[start])}
        for start in starts])
    _draw(_long(frame, ["At", "Day"], what, kinds), f"{what} by {step}", {
        "x": {"field": "At", "type": "ordinal", "title": None, "axis": {
            "labelAngle": 0, "labelOverlap": "parity", "labelSeparation": 8, "ticks": False},
              "sort": list(frame["At"])},
        "y": _amount(what),
        **_coloured(kinds, what, {"field": "Day", "title": step.title()}),
    }, height=HEIGHT)


def _long(frame: pd.DataFrame, by: list[str], what: str, kinds: Mapping[str, str]) -> pd.DataFrame:
    """A row for each kind, in their order from the axis on."""
    long = frame.melt(id_vars=by, value_vars=list(kinds), var_name="Kind", value_name=what)
    return long.assign(Order=long["Kind"].map(list(kinds).index))


def _amount(what: str) -> dict[str, Any]:
    return {"field": what, "type": "quantitative", "title": None,
            "axis": {"labelExpr": "format(datum.value, '~s')", "tickMinStep": 1,
                     "tickCount": 4}}


def _coloured(kinds: Mapping[str, str], what: str, about: Mapping[str, str]) -> dict[str, Any]:
    legend = {"orient": "top", "title": None, "offset": 6} if len(kinds) > 1 else None
    return {
        "color": {"field": "Kind", "type": "nominal", "legend": legend,
                  "scale": {"domain": list(kinds), "range": list(kinds.values())}},
        "order": {"field": "Order", "type": "quantitative"},
        "tooltip": [{**about, "type": "nominal"}, {"field": "Kind", "type": "nominal"},
                    {"field": what, "type": "quantitative", "format": ","}],
    }


def _draw(frame: pd.DataFrame, said: str, encoding: Mapping[str, Any], *, height: int) -> None:
    spec = {"mark": {"type": "bar", "cornerRadius": 2}, "encoding": encoding,
            "padding": {"left": 0, "right": 16, "top": 0, "bottom": 0}}
    st.vega_lite_chart(frame, spec, height=height,
                       alt=f"{said}; the same figures are in the table below.")
