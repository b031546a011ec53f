"""Where the pages are; links between them go through here."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parents[2] / "pages"

JOBS = _FOLDER / "jobs.py"
NEW = _FOLDER / "new.py"
JOB = _FOLDER / "job.py"  # ?id=
MODELS = _FOLDER / "models.py"
METRICS = _FOLDER / "metrics.py"
API = _FOLDER / "api_docs.py"
ACCOUNT = _FOLDER / "account.py"
ADMIN = _FOLDER / "admin.py"  # for admins alone
DATASET = _FOLDER / "dataset.py"  # ?id=
