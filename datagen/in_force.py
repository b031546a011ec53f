"""The settings in force on this replica, as admins may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from datagen.environment import VARIABLES, expand


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One variable; a secret's value is never here."""

    name: str
    value: str
    doc: str
    is_default: bool


def in_force(environ: Mapping[str, str]) -> tuple[Setting, ...]:
    """Every variable with its value, or its default."""
    values, _ = expand(environ)
    found = []
    for variable in VARIABLES:
        names = (variable.name, *variable.aliases)
        value = next((values[name].strip() for name in names if values.get(name, "").strip()), "")
        shown = "set, not shown" if variable.secret and value else value or variable.default
        found.append(Setting(name=variable.name, value=shown, doc=variable.doc,
                             is_default=not value))
    return tuple(found)
