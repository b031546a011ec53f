"""Who sees every change of every replica, and knows what must never be seen."""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from datagen.domain.asked import Rename
from datagen.protocol.keys import JOBS, PEERS
from datagen.protocol.words import load_asked
from tests.simulation.network import Place

_SHOWN = 90  # characters of a value
_FINAL = ("succeeded", "failed")
_MARKS = {"inc", "rev", "mac"}
_GROWING = ("generatedOk", "generatedFailed", "calls", "attempts", "waitingMs", "workingMs")
LEAST_LOOKS = 3  # at which a helper saw no progress


class Broken(AssertionError):  # noqa: N818 - it says what happened to the rules
    """A history in which a rule was broken."""


class _Looks:
    """How often a reader saw the same of each peer, at least a second apart."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._number = 0
        self._texts: dict[str, str] = {}
        self._runs: dict[str, tuple[tuple[int, int], str, int, int]] = {}

    def look(self, now: float, texts: Mapping[str, str]) -> None:
        if now - self._at >= 1:
            self._at = now
            self._number += 1
        for peer, text in texts.items():
            if self._texts.get(peer) == text:
                continue
            self._texts[peer], record = text, json.loads(text)
            mark = (record.get("inc", 0), record.get("rev", 0))
            effort = record.get("effort") or {}  # of later rounds
            said = json.dumps([record.get("generatedOk"), record.get("generatedFailed"),
                               effort if effort.get("of") == peer else None])
            newest, known, since, before = self._runs.get(peer, ((-1, 0), "", 1, 0))
            if mark > newest:
                if said != known:
                    since, before = self._number, self._number - since
                self._runs[peer] = mark, said, since, before

    def of(self, peer: str) -> int:
        """How often what that peer says was the same.

        Who decided to help tells so later, when something may just have changed.
        """
        _, _, since, before = self._runs.get(peer, ((-1, 0), "", 1, 0))
        return max(self._number - since + 1, before)


class Watch(logging.Handler):
    """Takes notes, counts what befell the world, and checks each change as it is made.

    As a handler of the product's log it takes an error of the worker's for what it is.
    """

    def __init__(self, now: Any) -> None:
        super().__init__(level=logging.ERROR)
        self._now = now
        self.problem: str | None = None  # the first rule that was broken
        self.counts: Counter[str] = Counter()
        self.notes: deque[tuple[float, str, str, tuple[Any, ...]]] = deque(maxlen=2_000)
        self.answers: list[int] = []  # the index that was asked for, by what was answered
        self.creators: dict[str, str] = {}  # job -> the replica where it was confirmed
        self.to_delete: set[str] = set()  # jobs that somebody asked to delete
        self.entries: set[tuple[str, str]] = set()  # what was written of jobs by their owners
        self.sealed: dict[tuple[str, int], str] = {}  # job, round -> the manifest agreed on
        self.shown: set[tuple[str, str]] = set()  # node, job: it was seen there
        self.renamed: dict[str, set[Rename | None]] = {}  # by job: renames another node was told
        self.wiped: set[str] = set()  # nodes that lost all they had
        self.disks_lost: set[str] = set()  # replicas that lost theirs
        self.marks: dict[tuple[str, Place], tuple[int, int]] = {}
        self.said: dict[tuple[str, str], dict[str, Any]] = {}  # job, peer -> its last words
        self._looks: dict[tuple[str, str], _Looks] = {}  # reader, job
        self._helped: set[tuple[str, str, str, int]] = set()  # helper, job, helped, round

    def fail(self, problem: str) -> None:
        if self.problem is None:
            self.note("!", problem)
            self.problem = problem

    def emit(self, record: logging.LogRecord) -> None:
        self.fail(logging.Formatter().format(record))

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def note(self, who: str, what: str, *more: Any) -> None:
        self.notes.append((self._now(), who, what, more))

    def story(self, most: int) -> str:
        """The last events, one per line."""
        return "\n".join(
            f"{at:9.2f}  {who:<4} {what} {' '.join(_short(item) for item in more)}".rstrip()
            for at, who, what, more in list(self.notes)[-most:]
        )

    def answered(self, index: int) -> int:
        """What the model answers for this index: never the same twice."""
        self.answers.append(index)
        return len(self.answers) - 1

    def disk_lost(self, peer: str) -> None:
        """What it had counted is gone with it: nothing but its journals remembers (rule 4)."""
        self.disks_lost.add(peer)
        for job, who in list(self.said):
            if who == peer:
                del self.said[job, who]

    def forget(self, node: str) -> None:
        """A node lost all it had."""
        self.wiped.add(node)

    # What is written.

    def written(self, writer: str, place: Place, text: str | None) -> None:
        hkey, name = place
        if hkey != PEERS:
            self.note(writer, f"writes {_brief(place)}", text)
        if text is None:
            self._taken_away(writer, place)
            return
        if hkey is None:
            self.fail(f"{writer} writes the plain key {name}.")
            return
        record = json.loads(text)
        owner = name.partition(":")[0]  # of what is counted on each of its disks, too
        if not self._may_write(writer, hkey, owner, record):
            self.fail(f"{writer} writes {_brief(place)}, which is another's.")
        mark = (record.get("inc", 0), record.get("rev", 0))
        if mark <= self.marks.get((writer, place), (0, 0)):
            self.fail(f"{writer} writes {_brief(place)} with the mark {mark}, which is not new.")
        self.marks[writer, place] = mark
        if hkey.endswith(":peers") and hkey != PEERS:
            self._counted(hkey.split(":")[2], name, record)
            self._helps(hkey.split(":")[2], name, record.get("effort"))

    def _taken_away(self, writer: str, place: Place) -> None:
        hkey, name = place
        job = name if hkey == JOBS or name.startswith("job_") else (hkey or "").split(":")[2]
        if job not in self.to_delete:
            self.fail(f"{writer} removes {_brief(place)}, which nobody asked for.")

    def _counted(self, job: str, peer: str, record: dict[str, Any]) -> None:
        before = self.said.get((job, peer))
        if before is not None:
            said, known = _counted(record), _counted(before)
            done = [key for key in known if said.get(key, 0) < known[key]]
            if done:
                self.fail(f"{peer} counts less than before of {job}: {', '.join(done)}.")
            if before.get("finishedAt") and not record.get("finishedAt"):
                self.fail(f"{peer} takes back that it finished its share of {job}.")
        self.said[job, peer] = record

    def _helps(self, job: str, helper: str, effort: dict[str, Any] | None) -> None:
        """Nobody helps who has not seen several times in a row that the other gets nowhere."""
        if effort is None or effort["of"] == helper:
            return
        helps = (helper, job, effort["of"], effort["round"])
        if helps not in self._helped:
            self._helped.add(helps)
            looks = self._looks.get((helper, job), _Looks())
            if looks.of(effort["of"]) < LEAST_LOOKS:
                self.fail(f"{helper} helps {effort['of']} with {job} after it looked "
                          f"{looks.of(effort['of'])} times.")

    def _may_write(self, writer: str, hkey: str, name: str, record: dict[str, Any]) -> bool:
        """Only its owner writes a field. A job's entry others may repeat, and tell its end."""
        if hkey.startswith("datagen:user:") and hkey.endswith(":jobs"):
            return True  # a copy of that
        if hkey != JOBS:
            return name == writer
        text = json.dumps({key: record[key] for key in record.keys() - _MARKS}, sort_keys=True)
        by = record.get("edition", {}).get("by")
        own = writer in {self.creators.get(name), by} or record["status"] in _FINAL
        if own:
            self.entries.add((hkey, text))
        return own or (hkey, text) in self.entries

    # What is seen.

    def read(self, reader: str, hkey: str, texts: Mapping[str, str]) -> None:
        """The worker of that node could read what the peers say."""
        if hkey.endswith(":peers") and hkey != PEERS:
            looks = self._looks.setdefault((reader, hkey.split(":")[2]), _Looks())
            looks.look(self._now(), texts)

    def arrived(self, node: str, place: Place, before: str | None, text: str | None) -> None:
        hkey, name = place
        if text is None or hkey is None:
            return
        if hkey == JOBS:
            self.shown.add((node, name))
            self._agreed(name, json.loads(text).get("edition"))
        elif hkey.endswith(":control"):
            job, word = hkey.split(":")[2], json.loads(text)
            self._agreed(job, word.get("ended"))
            if "rename" in word and node != name:
                self.renamed.setdefault(job, set()).add(load_asked(word).rename)

    def _agreed(self, job: str, edition: dict[str, Any] | None) -> None:
        """A round has one end, unless a person closed it."""
        if edition is None or edition.get("forced"):
            return
        known = self.sealed.setdefault((job, edition["round"]), edition["manifestCid"])
        if known != edition["manifestCid"]:
            self.fail(f"Round {edition['round']} of {job} ended with {known}, and with "
                      f"{edition['manifestCid']}.")


def _brief(place: Place) -> str:
    return f"{(place[0] or '').removeprefix('datagen:')}/{place[1]}"


def _short(item: Any) -> str:
    text = str(item)
    if text.startswith("{"):
        record = json.loads(text)
        kept = ("status", "generatedOk", "generatedFailed", "finishedAt", "resultCid", "trouble",
                "cancel", "delete", "retry", "close", "rename", "title", "totalOk", "error",
                "effort", "inc", "rev")
        for name in ("ended", "vote"):
            kept += (name,) if name in record else ()
        vote = record.get("vote")
        if vote and "taken" in vote:
            vote["taken"] = vote["taken"]["manifestCid"]
        if "ended" in record:
            record["ended"] = record["ended"]["manifestCid"]
        return " ".join(f"{key}={record[key]}" for key in kept if key in record)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _counted(record: dict[str, Any]) -> dict[str, int]:
    """All counts of a peer's word."""
    return {**{key: record[key] for key in _GROWING if key in record}, **record.get("tokens", {})}
