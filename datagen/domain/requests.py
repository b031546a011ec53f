"""What a person asks of a new dataset: the limits of API.md, one Problem per field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from datagen.domain import addresses
from datagen.domain.addresses import Networks, spelled
from datagen.domain.chat import Endpoint
from datagen.domain.errors import InputError, Problem
from datagen.domain.jobs import Inference
from datagen.domain.parameters import wrong_parameters
from datagen.domain.profiles import Profile

MAX_TITLE = 200  # characters, as the next three
MAX_DESCRIPTION = 2_000
MAX_INSTRUCTIONS = 8_000
MAX_ADDRESS = 200
MAX_ID = 100
NO_PATH = "Enter a path such as /v1/chat/completions."


_CLASSES = re.compile(
    r"\b(?:labels?|class(?:es)?)\b[^.;\n]{0,60}?(?::|=|\bis\b|\bare\b|\beither\b|\bone of\b)\s*"
    r"((?:[\"'“`]?[\w-]{1,40}[\"'”`]?\s*(?:,\s*or\b|,\s*and\b|,|/|\||\bor\b|\band\b)\s*)+"
    r"[\"'“`]?[\w-]{1,40})",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class DraftRequest:
    """A new dataset as asked for; values may be of any type until ``check`` has seen them."""

    title: str
    total_records: int
    description: str
    instructions: str
    dataset_mode: bool = False
    use_external_api: bool = False
    profile_id: str | None = None
    base_url: str | None = None
    path: str | None = None
    model: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    previous_token: str | None = None  # the draft this one is made again from

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes the instructions name for the label, e.g. "label: spam or ham"."""
        found = _CLASSES.search(self.instructions) or _CLASSES.search(self.description)
        if not self.dataset_mode or not found:
            return ()
        words = re.split(r"\s*(?:,|/|\||\bor\b|\band\b)\s*", found.group(1))
        return tuple(dict.fromkeys(w.strip(" \"'“”`") for w in words if w.strip(" \"'“”`")))


def check(request: DraftRequest, *, max_records: int) -> DraftRequest:
    """The request, trimmed. Raises InputError with a Problem for every field that is wrong.

    Problems carry the API's names of the fields (``totalRecords``).
    """
    problems = [*_texts(request), *_flags(request), *_total(request, max_records),
                *_inference(request), *wrong_parameters(request.parameters)]
    if problems:
        raise InputError(problems[0].message if len(problems) == 1
                         else f"{len(problems)} fields need a change.", problems)
    return replace(
        request,
        title=request.title.strip(),
        description=request.description.strip(),
        instructions=request.instructions.strip(),
        base_url=(request.base_url or "").strip().rstrip("/") or None,
        path=(request.path or "").strip() or None,
        model=(request.model or "").strip() or None,
        parameters={k: v for k, v in (request.parameters or {}).items() if v is not None},
    )


_AS_THE_SCHEMA_SAYS = "Make each record realistic and unlike the others. Keep to the schema."


def filled(request: DraftRequest, schema: Mapping[str, Any], title: str = "") -> DraftRequest:
    """The request of who gave a schema in place of words: empty texts say what it is.

    ``title``: what it is called if neither the request nor the schema says so.
    """
    def own(key: str) -> str:
        value = schema.get(key)
        return value.strip()[:MAX_TITLE] if isinstance(value, str) else ""

    title = (own("title") or title[:MAX_TITLE]) if request.title == "" else request.title
    about = own("description") or (f"One record of the dataset {title}." if title else "")
    return replace(
        request,
        title=title,
        description=about if request.description == "" else request.description,
        instructions=_AS_THE_SCHEMA_SAYS if request.instructions == "" else request.instructions,
    )


def inference_for(
    request: DraftRequest, own: Endpoint, profile: Profile | None = None, inside: Networks = ()
) -> Inference:
    """The snapshot a job keeps: the server's endpoint unless the request names another.

    ``profile``: the one that was chosen, if any; of it, path, model and parameters may be
    replaced, but nothing else may get its key. ``inside``: private networks that people's
    servers may be in. Raises InputError for an address that may not be called.
    """
    if profile is not None:
        return _of_profile(request, own, profile, inside)
    base_url, path = request.base_url or own.base_url, request.path or own.path
    is_servers = (base_url, path) == (own.base_url, own.path)
    if not request.base_url and not is_servers:
        raise _refused("inferencePath", "This server's own model has one path only. Leave this "
                                        "out, or name another server with inferenceBaseUrl.")
    wrong = None if is_servers else addresses.fault(f"{base_url}{path}", inside)
    if wrong:
        raise _refused("inferenceBaseUrl", wrong)
    model = request.model or (own.model if is_servers else None)
    return Inference(base_url=base_url, path=path, model=model,
                     parameters=dict(request.parameters),
                     own=is_servers and model == own.model)


def _of_profile(
    request: DraftRequest, own: Endpoint, profile: Profile, inside: Networks
) -> Inference:
    if request.base_url and request.base_url != profile.base_url:
        raise _refused("inferenceBaseUrl", "A model profile goes with its own address only. Leave "
                                           "this out, or leave out the profile.")
    path = request.path or profile.path or own.path
    wrong = addresses.fault(f"{profile.base_url}{path}", inside)
    if wrong:
        raise _refused("inferencePath" if request.path else "profileId", wrong)
    return Inference(
        base_url=profile.base_url, path=path, model=request.model or profile.model,
        parameters={**profile.parameters, **request.parameters}, use_external_api=True,
        profile_id=profile.id, dialect=profile.dialect if path == profile.path else None,
    )


def _refused(path: str, message: str) -> InputError:
    return InputError(message, [Problem(path=path, message=message)])


def _texts(request: DraftRequest) -> Iterator[Problem]:
    for name, what, value, most in (
        ("title", "a title", request.title, MAX_TITLE),
        ("description", "a description", request.description, MAX_DESCRIPTION),
        ("instructions", "instructions", request.instructions, MAX_INSTRUCTIONS),
    ):
        if wrong := _wrong_text(value, what, most):
            yield Problem(path=name, message=wrong)


def checked_title(value: object) -> str:
    """A job's title, trimmed. Raises InputError."""
    wrong = _wrong_text(value, "a title", MAX_TITLE)
    if wrong or not isinstance(value, str):
        raise _refused("title", wrong or "")
    return value.strip()


def _wrong_text(value: object, what: str, most: int) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return f"Enter {what}."
    if len(value.strip()) > most:
        return f"Shorten it to {most:,} characters (it has {len(value.strip()):,})."
    return None if _is_text(value) else "It holds characters that are not valid text."


def _is_text(value: str) -> bool:
    return not re.search(r"[\ud800-\udfff\x00]", value)


def _flags(request: DraftRequest) -> Iterator[Problem]:
    for name, value in (("datasetMode", request.dataset_mode),
                        ("useExternalApi", request.use_external_api)):
        if not isinstance(value, bool):
            yield Problem(path=name, message="This must be true or false.")
    if not isinstance(request.profile_id, str | None) or len(request.profile_id or "") > MAX_ID:
        yield Problem(path="profileId", message="This must be the id of a model profile.")
    if not isinstance(request.previous_token, str | None):
        yield Problem(path="previousDraftToken", message="This must be a draft token.")


def _total(request: DraftRequest, most: int) -> Iterator[Problem]:
    value = request.total_records
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        yield Problem(path="totalRecords", message=f"Enter a whole number from 1 to {most:,}.")
    elif value > most:
        yield Problem(
            path="totalRecords",
            message=f"At most {most:,} records are allowed per job. Whoever runs this server "
                    "can raise DATAGEN_MAX_RECORDS_PER_JOB.",
        )


def _inference(request: DraftRequest) -> Iterator[Problem]:
    for name, value in (("inferenceBaseUrl", request.base_url), ("inferencePath", request.path),
                        ("inferenceModel", request.model)):
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > MAX_ADDRESS or not value.isprintable():
            yield Problem(path=name, message=f"This must be a text of at most {MAX_ADDRESS} "
                                             "characters.")
        elif name == "inferenceBaseUrl" and value.strip() and not spelled(value.strip()):
            yield Problem(path=name, message=addresses.NOT_SPELLED)
        elif name == "inferencePath" and value.strip() and not is_path(value.strip()):
            yield Problem(path=name, message=NO_PATH)


def is_path(text: str) -> bool:
    """Whether this can follow the address of a model server."""
    return text.startswith("/") and spelled(f"http://host{text}") is not None
