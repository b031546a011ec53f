"""``jobs``, ``show``, ``export``, ``cancel``, ``retry``, ``close``, ``delete``: after a start."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from datagen.cli import files
from datagen.cli.terminal import (
    PROG,
    acting,
    add_user,
    columns,
    command,
    note,
    opened,
    say,
    say_json,
)
from datagen.domain.errors import InputError, NotThere

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.domain.jobs import Job, JobDetails
    from datagen.domain.users import User
    from datagen.services.jobs import JobView

LATEST = "latest"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """The seven commands."""
    listing = command(commands, "jobs", _jobs, "list the jobs, newest first",
                      "jobs", "jobs --user admin --json")
    add_user(listing)
    show = command(commands, "show", _show, "tell how far a job is and what it was asked",
                   "show latest", "show latest --json")
    export = command(commands, "export", _export, "write the records of a job to a file",
                     "export latest --output tickets.csv",
                     "export latest --output - --format jsonl",
                     "export latest --output tickets.parquet --json",
                     "export latest --output tickets.xlsx --safe",
                     "export latest --output tickets.zip --partial")
    cancel = command(commands, "cancel", _cancel,
                     "end a job that runs or waits; what was generated is kept",
                     "cancel latest")
    retry = command(commands, "retry", _retry,
                    "make the records of a finished job that failed or are missing once more",
                    "retry latest")
    close = command(commands, "close", _close,
                    "end a complete job most of whose peers are gone, as this replica has it",
                    "close latest")
    delete = command(commands, "delete", _delete,
                     "delete a job with its records, for good; one that runs is cancelled first",
                     "delete latest --yes")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    for parser in (show, export, cancel, retry, close, delete):
        parser.add_argument("job", metavar="JOB", help=f"its id, or {LATEST}")
        add_user(parser)
    files.add_output(export)
    export.add_argument("--failed", choices=("skip", "null"), default="skip",
                        help="what stands in JSON where a record failed")
    export.add_argument("--partial", action="store_true",
                        help="of a job that still runs, the records there are so far")


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
            (view.job.id, status(view),
             f"{view.progress.done:,}/{view.job.total_records:,}", f"{view.progress.failed:,}",
             f"{view.job.created_at:%Y-%m-%d %H:%M}", view.job.title) for view in views
        )]))


def _show(asked: argparse.Namespace) -> None:
    from datagen.services.answers import details_answer, job_answer, peer_answers, round_answer

    with opened() as services:
        user = acting(services, asked.user)
        view = found(services, user, asked.job)
        details = services.jobs.details(user, view.job.id)
    if asked.json:
        say_json({"job": job_answer(view), "peers": peer_answers(view),
                  "details": details_answer(details), **round_answer(view)})
        return
    say(columns(_facts(view, details)))
    say("\nSchema")
    say_json(details.schema)


def _facts(view: JobView, details: JobDetails) -> list[tuple[str, str]]:
    from datagen.cli.progress import words
    from datagen.domain.peers import peer_name
    from datagen.ui.words import when

    job = view.job
    rows = [("Job", job.id), ("Title", job.title), ("Status", status(view)),
            ("Progress", words(view))]
    if view.round:
        rows.append(("Round", f"{view.round + 1}"))
    if view.waiting:
        rows.append(("Waiting", view.waiting))
    rows += [("Helping", f"{peer_name(helper)} helps {peer_name(helped)}")
             for helped, helper in view.helpers.items()]
    times = (("Created", job.created_at), ("Started", job.started_at),
             ("Finished", job.finished_at))
    rows += [(name, when(moment, None)) for name, moment in times if moment]
    if job.error:
        rows.append(("Ended" if job.was_cancelled else "Error", job.error))
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
        view = found(services, user, asked.job)
        job = view.job if asked.partial else view.offered or view.job
        export = services.datasets.export(user, job.id, files.wish_of(asked, form))
        size = files.write(export.chunks, output)
    if asked.json:
        say_json({"job": job.id, "file": output, "format": form, "bytes": size,
                  "records": job.total_ok, "failed": job.total_failed})
    elif output != files.STDOUT:
        note(f"{output}: {job.total_ok:,} records, {size:,} bytes"
             + (f"; {job.total_failed:,} failed" if job.total_failed else "") + "."
             + (f" {view.not_closed}" if view.not_closed else ""))


def _cancel(asked: argparse.Namespace) -> None:
    _ask(asked, "cancel", "The worker ends {job} and keeps what was generated.", "{job} ends")


def _retry(asked: argparse.Namespace) -> None:
    _ask(asked, "retry", "The worker makes what {job} lacks; what is there can be exported "
         "meanwhile.", "{job} goes on")


def _close(asked: argparse.Namespace) -> None:
    _ask(asked, "close", "The worker closes {job} with all that it can read of it.",
         "{job} is closed")


def _ask(asked: argparse.Namespace, what: str, now: str, later: str) -> None:
    """Ask for it, and say what comes of it: ``now`` where a worker runs, else ``later``."""
    with opened() as services:
        user = acting(services, asked.user)
        job_id = found(services, user, asked.job).job.id
        getattr(services.jobs, what)(user, job_id)
        works = services.generation.is_running()
    if asked.json:
        say_json({"job": job_id, "asked": what, "worker": works})
    elif works:
        say(f"{now.format(job=job_id)} {PROG} show {job_id} tells when it is over.")
    else:
        say(f"{later.format(job=job_id)} as soon as a worker runs: `python worker.py`, "
            "or `make run`.")


def _delete(asked: argparse.Namespace) -> int:
    with opened() as services:
        user = acting(services, asked.user)
        job = found(services, user, asked.job).job
        if not asked.yes and not _is_sure(job):
            note("Nothing was deleted.")
            return 1
        services.jobs.delete(user, job.id)
        works = services.generation.is_running()
    if asked.json:
        say_json({"job": job.id, "asked": "delete", "worker": works})
    else:
        say(f"{job.id} is deleted." if works else
            f"{job.id} is on no list any more. Its files go as soon as a worker runs: "
            "`python worker.py`, or `make run`.")
    return 0


def _is_sure(job: Job) -> bool:
    if not sys.stdin.isatty():
        raise InputError("Nobody is there to be asked: add --yes to delete it.")
    note(f"{job.title}: {job.total_ok:,} records and all that is stored of them are deleted. "
         "This can't be undone. Delete? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def status(view: JobView) -> str:
    """The job's status in a word; of a failed one, whether people ended it."""
    if view.not_closed:
        return "not closed"
    if view.is_ending:
        return "cancelling"
    return "cancelled" if view.job.was_cancelled else view.job.status


def found(services: Services, user: User, name: str) -> JobView:
    """The job of that id, or the user's latest. Raises NotThere."""
    if name != LATEST:
        return services.jobs.get(user, name)
    views = services.jobs.list(user)
    if not views:
        raise NotThere(f"{user.name} has no job yet.")
    return services.jobs.get(user, views[0].job.id)
