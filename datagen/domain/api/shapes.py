"""The API's requests and answers as JSON Schema (draft 2020-12), as OpenAPI 3.1 takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datagen.domain.profile_requests import MAX_KEY, MAX_NAME
from datagen.domain.profiles import MAX_IN_FLIGHT, MAX_PER_MINUTE
from datagen.domain.requests import (
    MAX_ADDRESS,
    MAX_DESCRIPTION,
    MAX_ID,
    MAX_INSTRUCTIONS,
    MAX_TITLE,
)
from datagen.domain.signing_up import EMAIL_PATTERN, MAX_EMAIL

Shape = Mapping[str, Any]

FLAG: Shape = {"type": "boolean"}
COUNT: Shape = {"type": "integer", "minimum": 0}
TEXT: Shape = {"type": "string"}
TIME: Shape = {"type": "string", "format": "date-time"}
OBJECT: Shape = {"type": "object"}


def optional(shape: Shape) -> Shape:
    """The same, or null."""
    return {"anyOf": [shape, {"type": "null"}]}


def listed(shape: Shape) -> Shape:
    """A list of these."""
    return {"type": "array", "items": shape}


def of(required: Mapping[str, Shape], **others: Shape) -> Shape:
    """An object with these fields, and perhaps the others."""
    return {"type": "object", "properties": {**required, **others}, "required": list(required)}


def text(most: int, least: int = 0) -> Shape:
    """A text of so many characters."""
    return {"type": "string", "minLength": least, "maxLength": most}


def counts() -> Shape:
    """Numbers by name."""
    return {"type": "object", "additionalProperties": COUNT}


def one_of(*values: str) -> Shape:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


EMAIL: Shape = {"type": "string", "maxLength": MAX_EMAIL,
                "pattern": rf"^\s*{EMAIL_PATTERN}\s*$"}
NAME: Shape = text(200, 1)  # of a thing there is
USER_NAME: Shape = {"type": "string", "pattern": r"^\s*[A-Za-z0-9._-]{3,64}\s*$"}
FAILURE = of({"error": TEXT}, details=listed(of({"path": TEXT, "message": TEXT})),
             canResend=FLAG)
STATUS, ENDED = one_of("queued", "running", "succeeded", "failed"), one_of("succeeded", "failed")
ROLE, SCOPE = one_of("admin", "user"), one_of("read", "run")
TOKENS = of({"prompt": COUNT, "completion": COUNT, "estimated": COUNT})
RENAMED = of({"at": TIME, "by": TEXT})
EDITION = of({"round": COUNT, "by": TEXT, "status": ENDED, "ok": COUNT, "failed": COUNT,
              "manifestCid": TEXT, "sha256": TEXT, "finishedAt": TIME},
             forced=FLAG, startedAt=TIME, error=TEXT, cancelledAt=TIME, cancelledBy=TEXT)
JOB = of(
    {"id": TEXT, "owner": TEXT, "title": TEXT, "status": STATUS, "totalRecords": COUNT,
     "datasetMode": FLAG, "peers": listed(TEXT), "peerCount": COUNT, "totalGenerated": COUNT,
     "totalOk": COUNT, "totalFailed": COUNT, "jobDetailsCid": TEXT, "createdAt": TIME,
     "schemaGeneratedAt": TIME, "schemaDurationMs": COUNT, "schemaRefreshes": COUNT,
     "updatedAt": TIME},
    jobStartedAt=TIME, jobFinishedAt=TIME, recordsDurationMs=COUNT, error=TEXT, cancelledAt=TIME,
    cancelledBy=TEXT, creator=TEXT, renamed=RENAMED, round=COUNT, manifestCid=TEXT,
    edition=EDITION)
PART = of({"from": COUNT, "to": COUNT, "round": COUNT, "ok": COUNT, "failed": COUNT}, cid=TEXT,
          sha256=TEXT, partial=FLAG)
PEER = of(
    {"peerId": TEXT, "assigned": COUNT, "range": of({"start": COUNT, "end": COUNT}),
     "generatedOk": COUNT, "generatedFailed": COUNT,
     "errors": listed(of({"index": COUNT, "message": TEXT}))},
    startedAt=TIME, lastUpdateAt=TIME, finishedAt=TIME, resultCid=TEXT, errorsCid=TEXT,
    inFlight=listed(of({"index": COUNT, "attempt": COUNT, "startedAt": TIME})), underWay=COUNT,
    allowed=COUNT, calls=COUNT, attempts=COUNT, tokens=TOKENS, waitingMs=COUNT, workingMs=COUNT,
    coerced=counts(), trouble=TEXT, parts=listed(PART), owner=TEXT,
    effort=of({"of": TEXT, "round": COUNT, "ok": COUNT, "failed": COUNT}))
DETAILS = of({"id": TEXT, "owner": TEXT, "description": TEXT, "instructions": TEXT,
              "schema": OBJECT, "inference": of(
                  {"useExternalApi": FLAG, "baseUrl": TEXT, "path": TEXT}, profileId=TEXT,
                  model=TEXT, parameters=OBJECT, own=FLAG, dialect=one_of("ratio1", "openai")),
              "datasetMode": FLAG, "createdAt": TIME, "schemaGeneratedAt": TIME,
              "schemaDurationMs": COUNT, "schemaRefreshes": COUNT})
_REQUEST = of({"at": TIME, "by": TEXT}, round=COUNT)
OF_ROUND: Mapping[str, Shape] = {
    "round": COUNT, "notClosed": TEXT, "helpers": {"type": "object", "additionalProperties": TEXT},
    "asked": of({}, cancel=_REQUEST, retry=_REQUEST, close=_REQUEST, delete=_REQUEST,
                rename=of({"at": TIME, "by": TEXT, "title": TEXT}))}
RECORD = of({"index": COUNT, "ok": FLAG}, data=OBJECT, error=TEXT, raw=TEXT)
_SCALAR: Shape = {"type": ["number", "string"]}
COLUMN = of({"name": TEXT, "kind": TEXT, "filled": COUNT, "distinct": COUNT}, low=_SCALAR,
            high=_SCALAR, mean={"type": "number"}, shortest=COUNT, longest=COUNT,
            trueShare={"type": "number", "minimum": 0, "maximum": 1},
            top=listed(of({"value": TEXT, "count": COUNT})))
QUALITY = of({"total": COUNT, "ok": COUNT, "failed": COUNT, "columns": listed(COLUMN),
              "failures": listed(of({"reason": TEXT, "count": COUNT}))})
METRICS = of({"totalJobs": COUNT, "totalRecordsRequested": COUNT, "totalRecordsGenerated": COUNT,
              "activeJobs": COUNT, "failedJobs": COUNT, "lastJobAt": optional(TIME)},
             modelCalls=COUNT, modelAttempts=COUNT, promptTokens=COUNT, completionTokens=COUNT,
             estimatedTokens=COUNT, workingSeconds=COUNT, waitingSeconds=COUNT,
             callsUnderWay=COUNT)
PROFILE = of({"id": TEXT, "name": TEXT, "baseUrl": TEXT, "hasApiKey": FLAG}, model=TEXT, path=TEXT,
             createdAt=TIME, updatedAt=TIME, dialect=one_of("ratio1", "openai"), parameters=OBJECT,
             requestsPerMinute=COUNT, tokensPerMinute=COUNT, maxInFlight=COUNT, polled=FLAG)
SETTINGS = of({"maxProfiles": COUNT, "profiles": listed(PROFILE), "hasApiKey": FLAG},
              activeProfileId=TEXT, activeProfile=PROFILE, baseUrl=TEXT, model=TEXT, path=TEXT,
              stoppedJobs=listed(TEXT))
SESSION = of({"id": TEXT, "openedAt": TIME, "expiresAt": TIME, "address": TEXT, "agent": TEXT,
              "current": FLAG})
_TOKEN: Mapping[str, Shape] = {"id": TEXT, "name": TEXT, "scope": SCOPE, "createdAt": TIME,
                               "expiresAt": TIME, "lastUsedAt": optional(TIME)}
TOKEN, NEW_TOKEN = of(_TOKEN), of({**_TOKEN, "token": TEXT})
MEMBER = of({"username": TEXT, "role": ROLE, "active": FLAG, "name": optional(TEXT),
             "email": optional(TEXT), "country": optional(TEXT), "mailFailedAt": optional(TIME),
             "mustChangePassword": FLAG, "createdAt": TIME, "updatedAt": TIME, "jobs": COUNT,
             "openJobs": COUNT, "records": COUNT})
REPLICA = of({"peerId": TEXT, "here": FLAG, "alive": FLAG, "silentForSeconds": optional(COUNT),
              "version": optional(TEXT), "waitingJobs": COUNT, "waitingRecords": COUNT,
              "storeCalls": COUNT, "storeErrors": COUNT, "lastError": optional(TEXT),
              "lastErrorAt": optional(TIME)})
SETTING = of({"name": TEXT, "value": TEXT, "isDefault": FLAG})
EVENT = of({"at": TIME, "what": TEXT, "who": TEXT, "about": TEXT, "address": TEXT, "times": COUNT,
            "peer": TEXT})

INFERENCE: Mapping[str, Shape] = {
    "useExternalApi": optional(FLAG), "profileId": optional(text(MAX_ID)),
    "inferenceBaseUrl": optional(text(MAX_ADDRESS)),
    "inferencePath": optional(text(MAX_ADDRESS)), "inferenceModel": optional(text(MAX_ADDRESS)),
    "inferenceParams": optional(OBJECT)}
def _most(number: int) -> Shape:
    return optional({"type": "integer", "minimum": 1, "maximum": number})


_OF_SERVER: Mapping[str, Shape] = {
    "name": optional(text(MAX_NAME)), "baseUrl": optional(text(MAX_ADDRESS)),
    "path": optional(text(MAX_ADDRESS)), "model": optional(text(MAX_ADDRESS)),
    "apiKey": optional(text(MAX_KEY)), "dialect": optional(one_of("ratio1", "openai", "")),
    "parameters": optional(OBJECT), "requestsPerMinute": _most(MAX_PER_MINUTE),
    "tokensPerMinute": _most(MAX_PER_MINUTE), "maxInFlight": _most(MAX_IN_FLIGHT),
    "polled": optional(FLAG)}
_ID: Mapping[str, Shape] = {"profileId": optional(text(MAX_ID)), "id": optional(text(MAX_ID))}
ASKED_SERVER = of({}, **_ID, **_OF_SERVER)  # beside it, or as ``profile``
ASKED_SETTINGS = of({}, mode=one_of("upsert", "activate"), profile=optional(ASKED_SERVER), **_ID,
                    **_OF_SERVER)
ASKED = of({"title": text(MAX_TITLE, 1), "totalRecords": {"type": "integer", "minimum": 1},
            "description": text(MAX_DESCRIPTION, 1), "instructions": text(MAX_INSTRUCTIONS, 1)},
           datasetMode=optional(FLAG), previousDraftToken=optional(TEXT), **INFERENCE)
DRAFT = of({"schema": OBJECT, "schemaGeneratedAt": TIME, "schemaDurationMs": COUNT,
            "schemaRefreshes": COUNT, "draftToken": TEXT, "failedAttempts": COUNT})
