"""The same dataset again, with something changed: what the new page starts from."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from datagen.domain.errors import InputError, NotThere, StoreError
from datagen.domain.jobs import JobDetails
from datagen.domain.requests import DraftRequest
from datagen.domain.users import User
from datagen.services.drafts import Draft
from datagen.ui import components, dataset_form, model_choice
from datagen.ui.session import app
from datagen.ui.words import plain

PARAMETER = "like"  # of the new page's address: the id of the job to start from


def draft(user: User) -> Draft | None:
    """The draft of the job that the address names, once; the form shows it from then on."""
    job_id = st.query_params.get(PARAMETER)
    if not job_id:
        return None
    services = app()
    try:
        job = services.jobs.known(user, job_id).job
        details = services.patience.ask(("details", user, job_id),
                                        partial(services.jobs.details, user, job_id))
        made = _draft(user, job.title, job.total_records, details)
    except StoreError as exc:
        components.not_yet("That job can't be read yet", exc)
        components.redraw_soon()
        return None
    except NotThere:
        components.quiet("The job to start from is not among yours any more.")
        made = None
    except InputError as exc:  # the earlier application took what can't be asked for now
        st.warning(f"That job can't be made like this any more: {plain(str(exc))}",
                   icon=":material/error:")
        made = None
    del st.query_params[PARAMETER]  # a reload keeps what was changed since
    return made


def _draft(user: User, title: str, records: int, details: JobDetails) -> Draft:
    drafts, asked = app().drafts, details.inference
    parameters = {name: value for name, value in asked.parameters.items() if name == "seed"}
    made = drafts.from_schema(user, DraftRequest(
        title=title, total_records=min(records, drafts.max_records),
        description=details.description, instructions=details.instructions,
        dataset_mode=details.dataset_mode, parameters=parameters,
    ), details.schema)
    dataset_form.take(made)
    model_choice.take(asked.profile_id)
    st.toast(f"A copy of **{plain(title)}**: change what should be different, then create it.",
             icon=":material/content_copy:")
    return replace(made, changes=())
