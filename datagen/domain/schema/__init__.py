"""Schemas: what a model's draft becomes, what is wrong with one, and its table of fields."""

from datagen.domain.schema.apply import apply_rows
from datagen.domain.schema.check import problems, sanitise
from datagen.domain.schema.draft import DraftSchema, own_draft, read_draft
from datagen.domain.schema.grammar import warnings
from datagen.domain.schema.infer import Inferred, read_pasted
from datagen.domain.schema.rows import ROW_TYPES, FieldRow, rows

__all__ = [
    "ROW_TYPES",
    "DraftSchema",
    "FieldRow",
    "Inferred",
    "apply_rows",
    "own_draft",
    "problems",
    "read_draft",
    "read_pasted",
    "rows",
    "sanitise",
    "warnings",
]
