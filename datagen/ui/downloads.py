"""The download box: every form of a dataset's file, what it is good for, how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import streamlit as st

from datagen.domain.downloads import DELIMITERS, EXCEL_ROWS, Form, Wish
from datagen.domain.errors import DatagenError
from datagen.services.datasets import Preparation
from datagen.services.jobs import JobView
from datagen.ui import components
from datagen.ui.session import app, require_user
from datagen.ui.words import count, plain, size

WAITED_FOR = 20_000  # rows from which on a file is prepared under the user's eyes
_WATCH = 0.5  # seconds between two looks at one that is being prepared
_PREPARED = "prepared_files"


@dataclass(frozen=True, kw_only=True)
class _Kind:
    name: str
    good_for: str
    prepared: bool = False  # a large one takes a while


_KINDS: Mapping[Form, _Kind] = {
    "csv": _Kind(name="CSV", good_for="A plain table that most tools open"),
    "xlsx": _Kind(name="Excel", prepared=True,
                  good_for="Typed cells, and a sheet that explains the fields"),
    "json": _Kind(name="JSON", good_for="One list, for programs"),
    "jsonl": _Kind(name="JSON Lines", good_for="A record per line, for training and large data"),
    "parquet": _Kind(name="Parquet",
                     good_for="Typed and small, for pandas, DuckDB or Spark"),
    "bundle": _Kind(name="bundle", prepared=True, good_for="A ZIP of CSV, JSON Lines and Parquet "
                                                           "with schema, card and checksums"),
}


def box(view: JobView) -> None:
    """A button that opens it; nothing where there is no record yet."""
    partial = view.offered is None
    job = view.job if partial else view.offered or view.job
    if not job.total_ok:
        return
    with st.popover("Download what is there" if partial else "Download",
                    icon=":material/download:", type="secondary" if partial else "primary",
                    width="content"):
        _content(job.id, job.total_ok, job.total_failed, view.progress.total,
                 None if partial else _size(job.id), partial=partial,
                 closed=view.not_closed is None)


def _size(job_id: str) -> int | None:
    """How much there is, where that is told at once."""
    user = require_user()
    with suppress(DatagenError):
        return app().patience.ask(("size", user, job_id),
                                  lambda: app().datasets.size(user, job_id))
    return None


@st.fragment
def _content(
    job_id: str, rows: int, failed: int, total: int, bytes_: int | None, *,
    partial: bool, closed: bool,
) -> None:
    """Redrawn alone when an option changes."""
    require_user()
    said = count(rows, "row") + (f" · about {size(bytes_)} as JSON Lines" if bytes_ else "")
    said += f" · {failed:,} failed and left out" if failed else ""
    if partial:
        said = f"{rows:,} of {count(total, 'record')} so far"
    components.quiet(said)
    if partial:
        components.quiet("The job goes on. The file is marked “-partial”, in its name and card.")
    elif not closed:
        components.quiet("The job is not closed: the file is marked “-not-closed”.")
    places = st.container()
    options = _options(partial=partial, failed=failed)
    with places.container(key="downloads", gap="small"):
        for form, kind in _KINDS.items():
            _row(job_id, rows, replace(options, form=form), kind)
        if options.safe:
            components.quiet("In CSV and Excel, a text that begins like a formula (= + - @) stays "
                             "a text: CSV gets an apostrophe in front of it. Options change that.")


def _options(*, partial: bool, failed: int) -> Wish:
    with st.expander("Options", icon=":material/tune:"):
        safe = st.toggle("Keep texts from running as formulas", value=True, key="download_safe",
                         persist_state="session",
                         help="CSV and Excel. Without it every text is exactly as it was made.")
        spread = st.toggle("A column for each nested field", key="download_spread",
                           persist_state="session",
                           help="CSV, Excel and Parquet. Else nested values are JSON in one cell.")
        bom = st.toggle("Mark CSV as UTF-8", key="download_bom", persist_state="session",
                        help="Then Excel shows letters such as é right when it opens the file.")
        delimiter = st.segmented_control("Between the cells of CSV", list(DELIMITERS),
                                         default="comma", key="download_delimiter",
                                         persist_state="session",
                                         format_func=str.capitalize)
        null = bool(failed) and st.toggle("Keep failed records as null in JSON",
                                          key="download_null")
    return Wish(form="csv", safe=safe, spread=spread, bom=bom, skip_failed=not null,
                delimiter=DELIMITERS[delimiter or "comma"], partial=partial)


def _row(job_id: str, rows: int, wish: Wish, kind: _Kind) -> None:
    """What a form is good for, beside its button."""
    too_many = wish.form == "xlsx" and rows > EXCEL_ROWS
    good_for = f"Holds at most {EXCEL_ROWS:,} rows: take CSV or Parquet" if too_many \
        else kind.good_for
    with st.container(horizontal=True, vertical_alignment="center",
                      horizontal_alignment="distribute", key=f"form_{wish.form}"):
        st.html(f'<div class="dg-form"><b>{kind.name[0].upper()}{kind.name[1:]}</b>'
                f'<div class="dg-quiet">{good_for}</div></div>', width="stretch")
        if too_many:
            st.button("Too many rows", disabled=True, key=f"no_{wish.form}")
        elif rows > WAITED_FOR and (kind.prepared or wish.partial):
            _prepared(job_id, wish, kind)
        else:
            st.link_button(f"Download {kind.name}", export_url(job_id, wish),
                           icon=":material/download:")


def _prepared(job_id: str, wish: Wish, kind: _Kind) -> None:
    """A button that has it made, then how far it is, then the link."""
    url = export_url(job_id, wish)
    known: dict[str, Preparation] = st.session_state.setdefault(_PREPARED, {})
    if url not in known:
        if st.button(f"Prepare {kind.name}", key=f"prepare_{wish.form}",
                     icon=":material/hourglass_top:"):
            try:
                preparation = app().datasets.prepare(require_user(), job_id, wish)
            except DatagenError as exc:
                st.error(plain(str(exc)))
                return
            if preparation is not None:
                known[url] = preparation
            st.rerun(scope="fragment")
        return
    _watched(known, url, kind)


def _watched(known: dict[str, Preparation], url: str, kind: _Kind) -> None:
    preparation = known[url]
    ticks = not preparation.over.is_set()

    @st.fragment(run_every=_WATCH if ticks else None)
    def watch() -> None:
        require_user()
        if ticks and preparation.over.is_set():
            st.rerun()  # a page without this clock
        if preparation.error is not None:
            st.error(plain(str(preparation.error)))
            if st.button("Try again", key=f"again_{kind.name}"):
                del known[url]
                st.rerun()
        elif preparation.is_ready:
            bytes_ = preparation.path.stat().st_size if preparation.path.exists() else 0
            st.link_button(f"Download {kind.name} · {size(bytes_)}", url,
                           icon=":material/download:", type="primary")
        else:
            st.progress(preparation.share, text=f"Preparing … {preparation.share:.0%}", width=200)

    watch()


def export_url(job_id: str, wish: Wish) -> str:
    """The address that gives the file; options as the API has them."""
    delimiter = next(name for name, mark in DELIMITERS.items() if mark == wish.delimiter)
    said = {"format": wish.form, "failed": "skip" if wish.skip_failed else "null",
            "safe": "true" if wish.safe else "false"}
    said |= {"partial": "true"} if wish.partial else {}
    said |= {"nested": "columns"} if wish.spread else {}
    if wish.form in {"csv", "bundle"}:
        said |= {"delimiter": delimiter} if delimiter != "comma" else {}
        said |= {"bom": "true"} if wish.bom else {}
    return f"/api/tasks/{quote(job_id)}/export?{urlencode(said)}"
