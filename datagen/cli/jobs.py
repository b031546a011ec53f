"""``jobs``, ``show`` and ``export``: what was made, how far it is, the records."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from datagen.cli import files
from datagen.cli.terminal import acting, add_user, columns, command, note, opened, say, say_json
from datagen.domain.errors import InputError, NotThere

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.domain.jobs import JobDetails
    from datagen.domain.users import User
    from datagen.services.jobs import JobView

LATEST = "latest"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """The three commands."""
    listing = command(commands, "jobs", _jobs, "list the jobs, newest first",
                      "jobs", "jobs --user admin --json")
    add_user(listing)
    show = command(commands, "show", _show, "tell how far a job is and what it was asked",
                   "show latest", "show latest --json")
    export = command(commands, "export", _export, "write the records of a finished job",
                     "export latest --output tickets.csv",
                     "export latest --output - --format jsonl",
                     "export latest --output tickets.parquet --json")
    for parser in (show, export):
        parser.add_argument("job", metavar="JOB", help=f"its id, or {LATEST}")
        add_user(parser)
    files.add_output(export)
    export.add_argument("--failed", choices=("skip", "null"), default="skip",
                        help="what stands in JSON where a record failed")


def _jobs(asked: argparse.Namespace) -> None:
    from datagen.services.answers import job_answer

    with opened() as services:
        views = services.jobs.list(acting(services, asked.user))
    if asked.json:
        say_json([job_answer(view) for view in views])
    elif not views:
        say("There is no job yet. Make one: generate examples/support_tickets.yaml")
    else:
        say(columns([("JOB", "STATUS", "RECORDS", "FAILED", "CREATED", "TITLE"), *(
            (view.job.id, view.job.status,
             f"{view.progress.done:,}/{view.job.total_records:,}", f"{view.progress.failed:,}",
             f"{view.job.created_at:%Y-%m-%d %H:%M}", view.job.title) for view in views
        )]))


def _show(asked: argparse.Namespace) -> None:
    from datagen.services.answers import details_answer, job_answer, peer_answers

    with opened() as services:
        user = acting(services, asked.user)
        view = found(services, user, asked.job)
        details = services.jobs.details(user, view.job.id)
    if asked.json:
        say_json({"job": job_answer(view), "peers": peer_answers(view),
                  "details": details_answer(details)})
        return
    say(columns(_facts(view, details)))
    say("\nSchema")
    say_json(details.schema)


def _facts(view: JobView, details: JobDetails) -> list[tuple[str, str]]:
    from datagen.cli.progress import words
    from datagen.ui.words import when

    job = view.job
    rows = [("Job", job.id), ("Title", job.title), ("Status", job.status),
            ("Progress", words(view))]
    if view.waiting:
        rows.append(("Waiting", view.waiting))
    times = (("Created", job.created_at), ("Started", job.started_at),
             ("Finished", job.finished_at))
    rows += [(name, when(moment, None)) for name, moment in times if moment]
    if job.error:
        rows.append(("Error", job.error))
    inference = details.inference
    rows += [("Description", details.description), ("Instructions", details.instructions),
             ("Model", f"{inference.base_url}{inference.path} {inference.model or ''}")]
    rows += [(f"With {name}", str(value)) for name, value in inference.parameters.items()]
    for state in view.states.values():
        rows += [(f"Record {error.index + 1}", error.message) for error in state.errors[-5:]]
    return rows


def _export(asked: argparse.Namespace) -> None:
    output = asked.output or files.STDOUT
    form = files.form_of(output, asked.format)
    if asked.json and output == files.STDOUT:
        raise InputError("--json tells about the file: name one with --output.")
    files.check_place(output)
    with opened() as services:
        user = acting(services, asked.user)
        job = found(services, user, asked.job).job
        export = services.datasets.export(user, job.id, form, safe=asked.safe,
                                          skip_failed=asked.failed == "skip")
        size = files.write(export.chunks, output)
    if asked.json:
        say_json({"job": job.id, "file": output, "format": form, "bytes": size,
                  "records": job.total_ok, "failed": job.total_failed})
    elif output != files.STDOUT:
        note(f"{output}: {job.total_ok:,} records, {size:,} bytes"
             + (f"; {job.total_failed:,} failed" if job.total_failed else "") + ".")


def found(services: Services, user: User, name: str) -> JobView:
    """The job of that id, or the user's latest. Raises NotThere."""
    if name != LATEST:
        return services.jobs.get(user, name)
    views = services.jobs.list(user)
    if not views:
        raise NotThere(f"{user.name} has no job yet.")
    return services.jobs.get(user, views[0].job.id)
