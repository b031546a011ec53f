"""The field ``label`` of a dataset for classifiers: there, required, with its classes."""

from __future__ import annotations

from typing import Any

from datagen.domain.schema import tree
from datagen.domain.schema.mend import Mender
from datagen.domain.schema.types import listed

LABEL = "label"


def see_to_label(schema: dict[str, Any], classes: tuple[str, ...], mender: Mender) -> None:
    """See to it that the ground truth is there, required, and names its classes."""
    known = schema["properties"]
    if LABEL not in known:
        other = next((name for name in known if name.strip().lower() == LABEL), None)
        if other is not None:
            schema["properties"] = known = {
                LABEL if name == other else name: node for name, node in known.items()}
            schema["required"] = [n for n in schema.get("required", ()) if n != other]
        else:
            mender.note(LABEL, "was missing; added as the record's ground truth")
            # It comes first: who writes the label before the text writes a text that fits it.
            made = {"type": "string", "description": "Ground truth of the record"}
            schema["properties"] = known = {LABEL: made, **known}
    if not isinstance(known[LABEL], dict) or {"object", "array"} & {
            *listed(known[LABEL].get("type"))}:
        mender.note(LABEL, "was not a plain value; taken as text")
        known[LABEL] = {"type": "string", "description": "Ground truth of the record"}
    node = known[LABEL]
    if classes and "enum" not in node and node.get("type", "string") == "string":
        known[LABEL] = {"type": "string", "enum": list(dict.fromkeys(classes)),
                        **{k: v for k, v in node.items() if k == "description"}}
    tree.require(schema, LABEL)
