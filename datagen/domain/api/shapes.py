"""The API's requests and answers as JSON Schema (draft 2020-12), as OpenAPI 3.1 takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datagen.domain.requests import (
    MAX_ADDRESS,
    MAX_DESCRIPTION,
    MAX_ID,
    MAX_INSTRUCTIONS,
    MAX_TITLE,
)

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


def one_of(*values: str) -> Shape:
    """One of these words."""
    return {"type": "string", "enum": list(values)}


FAILURE = of({"error": TEXT}, details=listed(of({"path": TEXT, "message": TEXT})))
STATUS = one_of("queued", "running", "succeeded", "failed")
EDITION = of({"round": COUNT, "by": TEXT, "status": one_of("succeeded", "failed"), "ok": COUNT,
              "failed": COUNT, "manifestCid": TEXT, "sha256": TEXT, "finishedAt": TIME})
JOB = of(
    {"id": TEXT, "owner": TEXT, "title": TEXT, "status": STATUS, "totalRecords": COUNT,
     "datasetMode": FLAG, "peers": listed(TEXT), "peerCount": COUNT, "totalGenerated": COUNT,
     "totalOk": COUNT, "totalFailed": COUNT, "jobDetailsCid": TEXT, "createdAt": TIME,
     "schemaGeneratedAt": TIME, "schemaDurationMs": COUNT, "schemaRefreshes": COUNT,
     "updatedAt": TIME},
    jobStartedAt=TIME, jobFinishedAt=TIME, recordsDurationMs=COUNT, error=TEXT, cancelledAt=TIME,
    cancelledBy=TEXT, creator=TEXT, renamed=of({"at": TIME, "by": TEXT}), round=COUNT,
    manifestCid=TEXT, edition=EDITION)
PEER = of({"peerId": TEXT, "assigned": COUNT, "range": of({"start": COUNT, "end": COUNT}),
           "generatedOk": COUNT, "generatedFailed": COUNT,
           "errors": listed(of({"index": COUNT, "message": TEXT}))},
          startedAt=TIME, lastUpdateAt=TIME, finishedAt=TIME, resultCid=TEXT, errorsCid=TEXT)
DETAILS = of({"id": TEXT, "owner": TEXT, "description": TEXT, "instructions": TEXT,
              "schema": OBJECT, "inference": of({"useExternalApi": FLAG, "baseUrl": TEXT,
                                                 "path": TEXT}),
              "datasetMode": FLAG, "createdAt": TIME, "schemaGeneratedAt": TIME,
              "schemaDurationMs": COUNT, "schemaRefreshes": COUNT})
OF_ROUND: Mapping[str, Shape] = {"round": COUNT, "asked": OBJECT, "helpers": OBJECT,
                                 "notClosed": TEXT}
RECORD = of({"index": COUNT, "ok": FLAG}, data=OBJECT, error=TEXT, raw=TEXT)
METRICS = of({"totalJobs": COUNT, "totalRecordsRequested": COUNT, "totalRecordsGenerated": COUNT,
              "activeJobs": COUNT, "failedJobs": COUNT, "lastJobAt": optional(TIME)},
             modelCalls=COUNT, modelAttempts=COUNT, promptTokens=COUNT, completionTokens=COUNT,
             estimatedTokens=COUNT, workingSeconds=COUNT, waitingSeconds=COUNT,
             callsUnderWay=COUNT)
PROFILE = of({"id": TEXT, "name": TEXT, "hasApiKey": FLAG})
SETTINGS = of({"maxProfiles": COUNT, "profiles": listed(PROFILE), "hasApiKey": FLAG},
              activeProfileId=TEXT, activeProfile=PROFILE, baseUrl=TEXT, model=TEXT, path=TEXT,
              stoppedJobs=listed(TEXT))

INFERENCE: Mapping[str, Shape] = {
    "useExternalApi": optional(FLAG), "profileId": optional(text(MAX_ID)),
    "inferenceBaseUrl": optional(text(MAX_ADDRESS)),
    "inferencePath": optional(text(MAX_ADDRESS)), "inferenceModel": optional(text(MAX_ADDRESS)),
    "inferenceParams": optional(OBJECT)}
ASKED = of({"title": text(MAX_TITLE, 1), "totalRecords": {"type": "integer", "minimum": 1},
            "description": text(MAX_DESCRIPTION, 1), "instructions": text(MAX_INSTRUCTIONS, 1)},
           datasetMode=optional(FLAG), previousDraftToken=optional(TEXT), **INFERENCE)
DRAFT = of({"schema": OBJECT, "schemaGeneratedAt": TIME, "schemaDurationMs": COUNT,
            "schemaRefreshes": COUNT, "draftToken": TEXT, "failedAttempts": COUNT})
