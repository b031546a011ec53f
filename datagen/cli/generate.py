"""``generate`` and ``draft``: a spec becomes a schema, a job, a file."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
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
from datagen.domain.errors import InputError, ModelUnreachable

if TYPE_CHECKING:
    from datagen.bootstrap import Services
    from datagen.cli.spec import Spec
    from datagen.domain.users import User
    from datagen.services.drafts import Draft
    from datagen.services.jobs import JobView

SOME_MISSING = 3  # exit status: the job is over, but not every record is there
LEFT = 130  # what a shell reports for a command stopped by Ctrl-C
_REASONS = 3  # of failed records that the summary tells


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Both commands."""
    generate = command(
        commands, "generate", _generate, "make the dataset that a YAML file describes",
        "generate examples/support_tickets.yaml --records 20 --output tickets.csv",
        "generate examples/spam_or_ham.yaml --seed 7 --output spam.parquet",
        "generate examples/products.yaml --records 5 --output - --format jsonl",
    )
    generate.epilog = (generate.epilog or "") + (
        "\n\nexit status: 0 all records are there, 3 some failed or the job was cancelled (the "
        "file then\nholds those that are there), 1 an error, 2 wrong usage, 130 left by Ctrl-C"
    )
    _add_spec(generate)
    files.add_output(generate)
    generate.add_argument("--resume", metavar="JOB", help="instead of a spec: go on with this job")
    draft = command(
        commands, "draft", _draft, "show the schema a model drafts for a YAML file",
        "draft examples/support_tickets.yaml",
        "draft examples/spam_or_ham.yaml --json",
    )
    _add_spec(draft)


def _add_spec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", nargs="?", help="YAML file; - is standard input")
    parser.add_argument("--records", type=int, metavar="N", help="instead of the file's number")
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the file's seed")
    add_user(parser)


def _generate(asked: argparse.Namespace) -> int:
    import asyncio

    if (asked.spec is None) == (asked.resume is None):
        raise InputError(f"Name a YAML file, or a job with --resume. {PROG} generate --help "
                         "shows examples.")
    if asked.json and asked.output == files.STDOUT:
        raise InputError("--json and --output - both want standard output: choose one.")
    form = None
    if asked.output is not None:
        form = files.form_of(asked.output, asked.format)
        files.check_place(asked.output)
    spec = _spec(asked) if asked.spec is not None else None
    with opened() as services:
        user = acting(services, asked.user)
        view = asyncio.run(_made(services, user, spec, asked.resume))
        if view is None:
            return LEFT
        if form is not None and view.job.total_ok:
            export = services.datasets.export(user, view.job.id, files.wish_of(asked, form))
            files.write(export.chunks, asked.output)
        _sum_up(services, user, view, asked)
    return 0 if view.job.total_ok == view.job.total_records else SOME_MISSING


def _spec(asked: argparse.Namespace) -> Spec:
    from datagen.cli.spec import load
    from datagen.domain.schema import problems, sanitise

    spec = load(asked.spec)
    if spec.schema is not None:
        wrong = problems(sanitise(spec.schema))
        if wrong:
            raise spec.schema_fault(wrong)
    changes: dict[str, Any] = {}
    if asked.records is not None:
        changes["total_records"] = asked.records
    if asked.seed is not None:
        changes["parameters"] = {**spec.request.parameters, "seed": asked.seed}
    return replace(spec, request=replace(spec.request, **changes))


async def _drafted(services: Services, user: User, spec: Spec) -> Draft:
    try:
        if spec.schema is not None:
            return services.drafts.given(user, spec.request, spec.schema)
        return await services.drafts.draft(user, spec.request)
    except InputError as exc:
        raise spec.request_fault(exc) from exc
    except ModelUnreachable as exc:
        if not services.settings.own_model or spec.request.base_url is not None:
            raise
        raise ModelUnreachable(
            f"The local model does not run: `make run` or `{PROG} model` starts it. "
            "DATAGEN_INFERENCE_BASE_URL names another."
        ) from exc


async def _made(
    services: Services, user: User, spec: Spec | None, resumed: str | None
) -> JobView | None:
    """The job when it is over; None when the person left it."""
    from datagen.cli.progress import Progress
    from datagen.cli.watch import Left, watch

    try:
        if spec is None:
            job_id = services.jobs.get(user, resumed or "").job.id
        else:
            job_id = await _submitted(services, user, spec)
        progress = Progress(sys.stderr, live=sys.stderr.isatty(),
                            columns=shutil.get_terminal_size().columns)
        return await watch(services, user, job_id, progress)
    except Left:
        return None
    finally:
        await services.chat.aclose()


async def _submitted(services: Services, user: User, spec: Spec) -> str:
    if spec.schema is None:
        note("Drafting the schema…")
    draft = await _drafted(services, user, spec)
    job_id = services.jobs.confirm(user, services.drafts.sign(user, draft))
    note(f"Job {job_id}: {draft.title}, {draft.total_records:,} records.")
    return job_id


def _sum_up(
    services: Services, user: User, view: JobView, asked: argparse.Namespace
) -> None:
    from datagen.services.answers import job_answer
    from datagen.ui.words import duration

    job = view.job
    file = asked.output if asked.output and job.total_ok else None
    failures = services.datasets.failures(user, job.id) if job.total_failed else ()
    if asked.json:
        say_json({"job": job_answer(view), "file": file, "failures": [
            {"index": failure.index, "message": failure.message} for failure in failures
        ]})
        return
    rows = [("Job", job.id), ("Title", job.title),
            ("Records", f"{job.total_ok:,} of {job.total_records:,}")]
    if job.started_at and job.finished_at and not view.round:
        took = (job.finished_at - job.started_at).total_seconds()
        rows.append(("Time", duration(took)))
    if job.total_failed:
        rows.append(("Failed", f"{job.total_failed:,}"))
        reasons = Counter(failure.message for failure in failures)
        rows += [("", f"{number} x {reason}") for reason, number in reasons.most_common(_REASONS)]
    if job.error:
        rows.append(("Ended" if job.was_cancelled else "Error", job.error))
    if asked.output != files.STDOUT:
        none = f"none yet: {PROG} export {job.id} --output FILE" if job.total_ok else "none"
        rows.append(("File", file or none))
    (note if asked.output == files.STDOUT else say)(columns(rows))


def _draft(asked: argparse.Namespace) -> None:
    import asyncio

    if asked.spec is None:
        raise InputError(f"Name a YAML file. {PROG} draft --help shows examples.")
    spec = _spec(asked)
    with opened() as services:
        user = acting(services, asked.user)
        draft = asyncio.run(_drafted_once(services, user, spec))
    schema: Mapping[str, Any] = draft.schema
    if asked.json:
        say_json({"schema": schema, "changes": list(draft.changes),
                  "schemaDurationMs": draft.schema_duration_ms})
        return
    for change in draft.changes:
        note(f"Mended: {change}")
    say_json(schema)


async def _drafted_once(services: Services, user: User, spec: Spec) -> Draft:
    try:
        return await _drafted(services, user, spec)
    finally:
        await services.chat.aclose()
