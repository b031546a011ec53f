"""What a person asks of a new dataset: the limits of API.md, one Problem per field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from datagen.domain.chat import Endpoint
from datagen.domain.errors import InputError, Problem
from datagen.domain.jobs import Inference

MAX_TITLE = 200  # characters, as the next three
MAX_DESCRIPTION = 2_000
MAX_INSTRUCTIONS = 8_000
MAX_ADDRESS = 200


class _Bounds(NamedTuple):
    low: float
    high: float
    whole: bool = False


PARAMETERS: Mapping[str, _Bounds] = {  # bounds of the node's call (WIRE.md 3) and of OpenAI's
    "temperature": _Bounds(0, 1.5),
    "max_tokens": _Bounds(16, 4096, whole=True),
    "top_p": _Bounds(0.01, 1),
    "repeat_penalty": _Bounds(0.1, 2),
    "presence_penalty": _Bounds(-2, 2),
    "frequency_penalty": _Bounds(-2, 2),
    "seed": _Bounds(0, 2**31 - 1, whole=True),
}
MAX_STOPS = 4
MAX_STOP = 100  # characters
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
                *_inference(request), *_parameters(request.parameters)]
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


def inference_for(request: DraftRequest, own: Endpoint) -> Inference:
    """The snapshot a job keeps: the server's endpoint unless the request names another."""
    base_url, path = request.base_url or own.base_url, request.path or own.path
    model = request.model or (own.model if base_url == own.base_url else None)
    return Inference(
        base_url=base_url,
        path=path,
        model=model,
        parameters=dict(request.parameters),
        own=(base_url, path, model) == (own.base_url, own.path, own.model),
    )


def _texts(request: DraftRequest) -> Iterator[Problem]:
    for name, what, value, most in (
        ("title", "a title", request.title, MAX_TITLE),
        ("description", "a description", request.description, MAX_DESCRIPTION),
        ("instructions", "instructions", request.instructions, MAX_INSTRUCTIONS),
    ):
        if not isinstance(value, str) or not value.strip():
            yield Problem(path=name, message=f"Enter {what}.")
        elif len(value.strip()) > most:
            yield Problem(path=name, message=f"Shorten it to {most:,} characters "
                                             f"(it has {len(value.strip()):,}).")
        elif not _is_text(value):
            yield Problem(path=name, message="It holds characters that are not valid text.")


def _is_text(value: str) -> bool:
    return not re.search(r"[\ud800-\udfff\x00]", value)


def _flags(request: DraftRequest) -> Iterator[Problem]:
    for name, value in (("datasetMode", request.dataset_mode),
                        ("useExternalApi", request.use_external_api)):
        if not isinstance(value, bool):
            yield Problem(path=name, message="This must be true or false.")
    if request.use_external_api is True or request.profile_id:
        yield Problem(
            path="profileId" if request.profile_id else "useExternalApi",
            message="Model profiles are not available yet. Leave this out to use the "
                    "server's own model, or name one with inferenceBaseUrl.",
        )
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
        elif name == "inferenceBaseUrl" and value.strip() and not _is_address(value.strip()):
            yield Problem(path=name, message="Enter an address such as https://host:8000/v1, "
                                             "without user name, password, ? or #.")
        elif name == "inferencePath" and value.strip() and not _is_path(value.strip()):
            yield Problem(path=name, message="Enter a path such as /v1/chat/completions.")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(
            parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
            and "@" not in parts.netloc and not re.search(r"[\s?#\\]", text)
        )
    except ValueError:
        return False


def _is_path(text: str) -> bool:
    return text.startswith("/") and not text.startswith("//") and not re.search(r"[\s?#\\]", text)


def _parameters(parameters: object) -> Iterator[Problem]:
    if parameters is None:
        return
    if not isinstance(parameters, Mapping):
        yield Problem(path="inferenceParams", message="This must be a JSON object, for example "
                                                      '{"temperature": 0.7}.')
        return
    for name, value in parameters.items():
        message = None if value is None else _wrong(name, value)
        if message:
            yield Problem(path=f"inferenceParams.{str(name)[:60]}", message=message)


def _wrong(name: object, value: object) -> str | None:
    if name == "stop":
        stops = value if isinstance(value, list) else [value]
        fits = 0 < len(stops) <= MAX_STOPS and all(
            isinstance(stop, str) and 0 < len(stop) <= MAX_STOP for stop in stops
        )
        return None if fits else f"This must be a text, or a list of at most {MAX_STOPS}."
    bounds = PARAMETERS.get(name) if isinstance(name, str) else None
    if bounds is None:
        return f"This parameter is not known. Use {', '.join([*PARAMETERS, 'stop'])}."
    kinds = int if bounds.whole else (int, float)
    fits = (isinstance(value, kinds) and not isinstance(value, bool)
            and bounds.low <= value <= bounds.high)  # never true of NaN
    kind = "a whole number" if bounds.whole else "a number"
    return None if fits else f"This must be {kind} from {bounds.low:g} to {bounds.high:g}."
