"""A model that is none: deterministic, driven by any JSON Schema, wrong on demand."""

from datagen.model.sample.draft import draft_schema
from datagen.model.sample.engine import SampleEngine, fingerprint
from datagen.model.sample.faults import TEXT_FAULTS, WIRE_FAULTS, Faults
from datagen.model.sample.generate import CannotGenerate, generate
from datagen.model.sample.illustrate import illustrate

__all__ = [
    "TEXT_FAULTS",
    "WIRE_FAULTS",
    "CannotGenerate",
    "Faults",
    "SampleEngine",
    "draft_schema",
    "fingerprint",
    "generate",
    "illustrate",
]
