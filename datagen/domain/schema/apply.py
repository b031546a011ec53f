"""Rows back into the schema: what changed in the table, and nothing else, changes there."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from datagen.domain.errors import InputError, Problem
from datagen.domain.schema import paths, tree
from datagen.domain.schema.check import unfit
from datagen.domain.schema.edit import edited, faults, made
from datagen.domain.schema.explain import shown
from datagen.domain.schema.paths import LIST, Steps
from datagen.domain.schema.rows import FieldRow, read


def apply_rows(schema: Mapping[str, Any], rows: Sequence[FieldRow]) -> dict[str, Any]:
    """A copy of the schema with the rows' edits, and with nothing else changed.

    Rows that say what ``rows(schema)`` says change nothing. A row whose path differs from
    ``was`` is a rename, one with an unknown path is added (``items[].price`` makes the list
    and its objects), a field whose row is gone is removed with all inside it. Raises
    InputError with a Problem for every row that does not fit, by the row's path.
    """
    if unfit(schema):
        return dict(schema)  # ``problems`` says why; nothing in it can be edited by rows
    old = {row.path: row for _, row in read(schema)}
    found, wrong = _matched(list(old.values()), rows)
    for row in found:
        wrong += [Problem(path=row.path, message=text)
                  for text in faults(row, old.get(row.was))]
    _refuse(wrong)
    table = _Table(copy.deepcopy(dict(schema)), old, found)
    _refuse(table.change())
    return table.root


def _matched(
    old: Sequence[FieldRow], rows: Sequence[FieldRow]
) -> tuple[list[FieldRow], list[Problem]]:
    """The rows with tidy paths and ``was`` filled in where it can be told, and what is wrong.

    A row without ``was`` is the field of the same path; or, in a table of the same length,
    the field that had its place, renamed.
    """
    known, seen = {row.path for row in old}, set()
    claimed = {row.was for row in rows} & known
    found: list[FieldRow] = []
    wrong: list[Problem] = []
    for row in rows:
        try:
            path = paths.join(paths.parse(row.path))
        except ValueError:
            text = ("Use a name such as price, address.city or items[].price."
                    if row.path.strip() else "Enter a name for this field.")
            wrong.append(Problem(path=row.path, message=text))
            continue
        if path in seen:
            wrong.append(Problem(path=path, message="There is another field of this name."))
        seen.add(path)
        own = row.was if row.was in known else path if path in known - claimed else ""
        found.append(replace(row, path=path, was=own))
    if len(found) == len(old):
        taken = {row.was for row in found}
        found = [
            replace(row, was=before.path) if not row.was and before.path not in taken else row
            for before, row in zip(old, found, strict=True)
        ]
    return found, wrong


def _refuse(wrong: Sequence[Problem]) -> None:
    if wrong:
        path, text = wrong[0].path, wrong[0].message
        raise InputError(f"{path}: {text}" if path else text, wrong)


class _Table:
    """One application of rows; ``root`` is changed in place."""

    def __init__(
        self, root: dict[str, Any], old: Mapping[str, FieldRow], rows: Sequence[FieldRow]
    ) -> None:
        self.root = root
        self.old = old
        kept = {row.was for row in rows}
        self.gone = {paths.parse(path) for path in old if path not in kept}
        self.new = [row for row in rows if not row.was]
        self.moved: list[tuple[FieldRow, Any]] = []
        self.known = sorted((row for row in rows if row.was), key=lambda r: len(paths.parse(r.was)))
        self.places: dict[Steps, Steps] = {}  # where each old field stands in the end

    def change(self) -> list[Problem]:
        """Move, remove, rename, edit, add; returns what could not be done."""
        stay = [row for row in self.known if self._settle(row)]
        for steps in sorted(self.gone, key=len, reverse=True):
            _drop(self.root, steps)
        self._rename(stay)
        for row in stay:
            self._edit(row)
        wrong: list[Problem] = []
        for row in sorted(self.new, key=lambda r: len(paths.parse(r.path))):
            wrong += self._add(row, made(row))
        for row, node in self.moved:
            before = self.old[row.was]
            wrong += self._add(row, edited(node, row, before))
        _finish(self.root, [
            row for row in (*self.new, *self.known)
            if not row.was or row.type != self.old[row.was].type
        ])
        return wrong

    def _settle(self, row: FieldRow) -> bool:
        """Decide where an old field goes; False when it leaves its place or goes with it."""
        was, path = paths.parse(row.was), paths.parse(row.path)
        lost = any(was[:at] in self.gone for at in range(1, len(was)))
        home = self._place(was[:-1])
        renamed = path[-1] != was[-1] and LIST not in {path[-1], was[-1]}
        stays = path[:-1] == home and (renamed or path[-1] == was[-1])
        if not lost and (stays or path == was):
            self.places[was] = path if stays else (*home, was[-1])
            return True
        if path != was:
            self.moved.append((row, _drop(self.root, was)))
        return False

    def _place(self, steps: Steps) -> Steps:
        if not steps:
            return ()
        return self.places.get(steps) or (*self._place(steps[:-1]), steps[-1])

    def _rename(self, stay: Sequence[FieldRow]) -> None:
        """Rename in place, deepest first, all children of one object at once (a swap works)."""
        names: dict[Steps, dict[str, str]] = {}
        for row in stay:
            was = paths.parse(row.was)
            now = self.places[was]
            if now[-1] != was[-1]:
                names.setdefault(was[:-1], {})[was[-1]] = now[-1]
        for steps in sorted(names, key=len, reverse=True):
            node, new = _at(self.root, steps), names[steps]
            node["properties"] = {new.get(n, n): c for n, c in node["properties"].items()}
            if isinstance(node.get("required"), list):
                node["required"] = [new.get(n, n) if isinstance(n, str) else n
                                    for n in node["required"]]

    def _edit(self, row: FieldRow) -> None:
        steps = self.places[paths.parse(row.was)]
        before = self.old[row.was]
        holder = _at(self.root, steps[:-1])
        if holder is None:
            return  # went with the field around it, whose type was changed
        where, key = (holder, "items") if steps[-1] == LIST else (
            holder.get("properties", {}), steps[-1])
        if key in where:
            where[key] = edited(where[key], row, before)
            if row.required != before.required and steps[-1] != LIST:
                _set_required(holder, steps[-1], row.required)

    def _add(self, row: FieldRow, node: Any) -> list[Problem]:
        steps = paths.parse(row.path)
        try:
            holder = tree.parent(self.root, steps)
        except tree.InTheWayError as exc:
            around = paths.join(exc.steps)
            kind = "an object" if steps[len(exc.steps)] != LIST else "a list"
            return [Problem(path=row.path, message=(
                f"{around} is not {kind}, so it can't hold this field. Change its type."))]
        if steps[-1] == LIST:
            if isinstance(holder.get("items"), dict) and row.type != "object":
                return [Problem(path=row.path, message=(
                    f"The items have fields of their own. Remove those first, or choose "
                    f"the type {shown('object', plain=True)}."))]
            holder.setdefault("items", node)
            return []
        holder["properties"][steps[-1]] = node
        _set_required(holder, steps[-1], row.required)
        return []


def _at(root: Any, steps: Steps) -> Any:
    """The node at the steps; None when it is not there."""
    node = root
    for step in steps:
        holder = node if step == LIST else node.get("properties")
        node = holder.get("items" if step == LIST else step) if isinstance(holder, dict) else None
        if not isinstance(node, dict):
            return None
    return node


def _drop(root: Any, steps: Steps) -> Any:
    """Take a field out of the schema; the node it was, or None."""
    holder = _at(root, steps[:-1])
    if holder is None:
        return None
    if steps[-1] == LIST:
        holder.setdefault("type", "array")  # where only its items said that it is a list
        return holder.pop("items", None)
    _set_required(holder, steps[-1], False)
    return holder.get("properties", {}).pop(steps[-1], None)


def _set_required(holder: dict[str, Any], name: str, required: bool) -> None:
    if required:
        tree.require(holder, name)
    elif isinstance(holder.get("required"), list) and name in holder["required"]:
        holder["required"] = [other for other in holder["required"] if other != name]
        if not holder["required"]:
            del holder["required"]


def _finish(root: dict[str, Any], rows: Sequence[FieldRow]) -> None:
    """Give the new lists among the rows their items; leave new objects without fields open."""
    for row in rows:
        node = _at(root, paths.parse(row.path))
        if node is None:
            continue
        if row.type == "array" and not {"items", "prefixItems", "contains"} & node.keys():
            node["items"] = {"type": "string"}
        if row.type == "object" and node.get("properties") == {}:
            for keyword in ("properties", "required", "additionalProperties"):
                node.pop(keyword, None)
