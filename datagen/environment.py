"""The environment's variables: their names, and how their text reads.

``VARIABLES`` is the whole list; the README's table is tested against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})
_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|([A-Za-z_]\w*))")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One environment variable: how it reads, what it means, who else may set it."""

    name: str
    doc: str
    default: str = ""  # as it would be written in the environment; "" = not set
    aliases: tuple[str, ...] = ()  # older or platform names, used when ``name`` is unset
    secret: bool = False


VARIABLES: tuple[Variable, ...] = (
    Variable(name="DATAGEN_APP_HOST", doc="address the web process listens on",
             default="127.0.0.1 (0.0.0.0 in a container)"),
    Variable(name="DATAGEN_APP_PORT", doc="its port", default="8501"),
    Variable(name="DATAGEN_DATA_DIR", doc="folder of the embedded store", default=".datagen"),
    Variable(name="DATAGEN_LOCAL_CACHE_DIR", doc="journals and preview files",
             default="/_local_cache/datagen (<data dir>/cache in local mode)"),
    Variable(name="DATAGEN_SESSION_SECRET", secret=True,
             doc="signs sessions and drafts; at least 32 bytes; made and kept in local mode"),
    Variable(name="DATAGEN_SESSION_SECRET_PREVIOUS", secret=True,
             doc="the one before: what it signed and sealed still counts"),
    Variable(name="DATAGEN_FAIL_CLOSED", doc="answer 503 while no other listed peer is heard: a "
             "session may have been ended there", default="0"),
    Variable(name="DATAGEN_TRUSTED_PROXIES", doc="addresses or networks, comma separated, "
             "whose X-Forwarded-Proto and X-Forwarded-For count"),
    Variable(name="DATAGEN_INFERENCE_HOST", doc="host of the model server; with the port, "
             "wins over the base URL"),
    Variable(name="DATAGEN_INFERENCE_PORT", doc="its port"),
    Variable(name="DATAGEN_INFERENCE_BASE_URL", doc="base URL of the model server; unset = "
             "the local model"),
    Variable(name="DATAGEN_INFERENCE_PATH", doc="path of the chat completion call",
             default="/create_chat_completion (/v1/chat/completions for the local model)"),
    Variable(name="DATAGEN_INFERENCE_MODEL", doc="model name, where the server wants one"),
    Variable(name="DATAGEN_INFERENCE_API_KEY", secret=True,
             doc="sent only to the origin configured here"),
    Variable(name="DATAGEN_INFERENCE_DIALECT", doc="ratio1 or openai",
             default="by the path"),
    Variable(name="DATAGEN_INFERENCE_POLLED", doc="hand calls in to a Ratio1 node and ask for "
             "their answers later: what is paid for survives a restart", default="0"),
    Variable(name="DATAGEN_INFERENCE_REQUESTS_PER_MINUTE", doc="most calls a minute; 0 = no "
             "bound", default="0"),
    Variable(name="DATAGEN_INFERENCE_TOKENS_PER_MINUTE", doc="most tokens a minute, prompts "
             "included; 0 = no bound", default="0"),
    Variable(name="DATAGEN_INFERENCE_TIMEOUT_SECONDS", doc="how long one answer may take",
             default="120"),
    Variable(name="DATAGEN_MODEL_PORT", doc="port of the local model", default="8502"),
    Variable(name="DATAGEN_MAX_RECORDS_PER_JOB", doc="most records one job may ask for",
             default="200"),
    Variable(name="DATAGEN_MAX_IN_FLIGHT", doc="most model calls at once to one server; how many "
             "are best is found out; 1 = one after another", default="64"),
    Variable(name="DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE", doc="jobs a worker makes records of "
             "at once; one that is held up does not count", default="4"),
    Variable(name="DATAGEN_PEER_DEAD_SECONDS", doc="without progress, until other peers help; at "
             "least three times the timeout of an answer; 0 = never", default="300"),
    Variable(name="DATAGEN_JOB_POLL_SECONDS", doc="how often a worker looks for work",
             default="5"),
    Variable(name="DATAGEN_UPDATE_EVERY_K_REQUESTS", doc="records between two progress writes",
             default="5"),
    Variable(name="RETRY_INFERENCE_ON_FAILURE", doc="one more attempt for a record whose "
             "answer did not fit", default="0"),
    Variable(name="DATAGEN_ACTIVE_POLL_SECONDS", doc="refresh of open pages while something "
             "runs", default="10 (1 in local mode)",
             aliases=("NEXT_PUBLIC_DATAGEN_ACTIVE_POLL_SECONDS",)),
    Variable(name="DATAGEN_IDLE_POLL_SECONDS", doc="refresh of open pages when nothing runs",
             default="30 (10 in local mode)",
             aliases=("NEXT_PUBLIC_DATAGEN_IDLE_POLL_SECONDS",)),
    Variable(name="DATAGEN_SHOW_FAILURES", doc="show the number of failed records on job cards",
             default="0", aliases=("NEXT_PUBLIC_SHOW_FAILURES",)),
    Variable(name="DATAGEN_UI_TEST_PRESET", doc="JSON that fills the form of a new dataset",
             aliases=("NEXT_PUBLIC_DATAGEN_UI_TEST_PRESET",)),
    Variable(name="DATAGEN_MAX_EXTERNAL_API_CONFIGS", doc="model profiles per user",
             default="10"),
    Variable(name="DATAGEN_MAX_OPEN_JOBS_PER_USER", doc="jobs of one user that are not finished; "
             "0 = any number", default="0"),
    Variable(name="DATAGEN_MAX_RECORDS_PER_DAY", doc="records one user may ask for within 24 "
             "hours; 0 = any number", default="0"),
    Variable(name="DATAGEN_MAX_DRAFTS_PER_HOUR", doc="schemas one user may have drafted within an "
             "hour; 0 = any number", default="0"),
    Variable(name="DATAGEN_MAX_MODEL_TESTS_PER_HOUR", doc="how often one user may test model "
             "servers or list their models within an hour; 0 = any number", default="120"),
    Variable(name="DATAGEN_ALLOW_PRIVATE_INFERENCE_URLS", doc="private networks, comma "
             "separated, where users' model servers may be, e.g. 10.1.0.0/16"),
    Variable(name="DATAGEN_MOCK_CSTORE", doc="a throwaway store with admin/admin and "
             "test_user/testtest; loopback only", default="0"),
    Variable(name="DATAGEN_MOCK_INFERENCE_API", doc="answer with the built-in sample model",
             default="0"),
    Variable(name="LOG_INFERENCE_REQUESTS", doc="log model calls, secrets redacted",
             default="0"),
    Variable(name="DATAGEN_LOG_R1FS_CALLS", doc="log start, success and error of file calls",
             default="0"),
    Variable(name="R1EN_CHAINSTORE_PEERS", doc="all peers, JSON list or comma separated",
             default="this peer alone"),
    Variable(name="R1EN_HOST_ADDR", doc="this peer's id; must be in the list", default="local"),
    Variable(name="R1EN_CSTORE_AUTH_HKEY", doc="hash that holds the accounts",
             default="datagen:auth", aliases=("EE_CSTORE_AUTH_HKEY",)),
    Variable(name="R1EN_CSTORE_AUTH_SECRET", secret=True, doc="pepper of the password hashes; "
             "made and kept in local mode", aliases=("EE_CSTORE_AUTH_SECRET",)),
    Variable(name="R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD", secret=True,
             doc="first password of admin; unset = a random one, shown once",
             aliases=("R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PW",
                      "EE_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD",
                      "EE_CSTORE_AUTH_BOOTSTRAP_ADMIN_PW")),
    Variable(name="EE_CHAINSTORE_API_HOST", doc="host of the node's CStore; it and R1FS "
             "in place of the embedded store", aliases=("CSTORE_API_HOST",)),
    Variable(name="EE_CHAINSTORE_API_PORT", doc="its port", aliases=("CSTORE_API_PORT",)),
    Variable(name="EE_CHAINSTORE_API_URL", doc="its URL, when host and port are unset",
             aliases=("R1EN_CHAINSTORE_API_URL",)),
    Variable(name="EE_R1FS_API_HOST", doc="host of the node's R1FS",
             aliases=("R1FS_API_HOST",)),
    Variable(name="EE_R1FS_API_PORT", doc="its port", aliases=("R1FS_API_PORT",)),
    Variable(name="EE_R1FS_API_URL", doc="its URL, when host and port are unset",
             aliases=("R1EN_R1FS_API_URL",)),
    Variable(name="DATAGEN_R1FS_SECRET", secret=True,
             doc="encrypts files in R1FS; the same on all peers, unset as in the earlier "
             "application"),
    Variable(name="DATAGEN_SMTP_HOST", doc="mail server for sign-up; unset = nobody signs up"),
    Variable(name="DATAGEN_SMTP_PORT", doc="its port: TLS from the start on 465, STARTTLS on "
             "others, plain only to this very machine", default="587"),
    Variable(name="DATAGEN_SMTP_USER", doc="its user"),
    Variable(name="DATAGEN_SMTP_PASS", secret=True, doc="its password"),
    Variable(name="DATAGEN_SMTP_FROM", doc="sender of our mails"),
    Variable(name="DATAGEN_REGISTER_RATE_WINDOW_SECONDS", default="900",
             doc="for so long a sign-up counts"),
    Variable(name="DATAGEN_REGISTER_RATE_MAX_PER_IP", default="10",
             doc="sign-ups from one address in that time"),
    Variable(name="DATAGEN_REGISTER_RATE_MAX_PER_EMAIL", default="3",
             doc="sign-ups with one e-mail in that time"),
    Variable(name="DATAGEN_REGISTER_RESEND_WINDOW_SECONDS", default="900",
             doc="for so long asking for the mail again counts"),
    Variable(name="DATAGEN_REGISTER_RESEND_MAX_PER_IP", default="5",
             doc="of that from one address"),
    Variable(name="DATAGEN_REGISTER_RESEND_MAX_PER_EMAIL", default="2",
             doc="of that for one e-mail"),
    Variable(name="DATAGEN_REGISTER_FAILURE_TTL_SECONDS", default="86400",
             doc="for so long an undelivered password waits to be sent again"),
)


def expand(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Expand ``$VAR``, ``${VAR}`` and ``$$`` in our variables' values.

    Returns the values by name and one sentence per cycle. A name that is not set
    expands to nothing, as in a shell.
    """
    problems: set[str] = set()

    def value_of(name: str, trail: tuple[str, ...]) -> str:
        if name in trail:
            problems.add(_cycle(trail[trail.index(name) :]))
            return ""
        return _REFERENCE.sub(
            lambda m: "$" if m.group(0) == "$$" else value_of(m[1] or m[2], (*trail, name)),
            environ.get(name, ""),
        )

    names = {n for v in VARIABLES for n in (v.name, *v.aliases) if n in environ}
    return {name: value_of(name, ()) for name in sorted(names)}, sorted(problems)


def _cycle(names: tuple[str, ...]) -> str:
    """One sentence per cycle, wherever it was entered."""
    first = names.index(min(names))
    around = (*names[first:], *names[:first], names[first])
    return f"{around[0]} refers to itself: {' -> '.join(around)}."


class Reader:
    """Typed access to the expanded values; collects problems instead of raising."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._values, self.problems = expand(environ)
        self._known = {v.name: v for v in VARIABLES}

    def text(self, name: str) -> str | None:
        """The value under its name or an alias; blank counts as not set."""
        value = self.raw(name)
        return value and value.strip()

    def raw(self, name: str) -> str | None:
        """As ``text``, but a password keeps its white space."""
        values = (self._values.get(candidate, "") for candidate in self._names(name))
        return next((value for value in values if value.strip()), None)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        text = self.text(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            self.problems.append(f"{name} must be a number from {low:g} to {high:g}.")
            return default
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.number(name, default, low, high)
        if value != int(value):
            self.problems.append(f"{name} must be a whole number.")
        return int(value)

    def flag(self, name: str) -> bool:
        text = (self.text(name) or "").lower()
        if text not in _TRUE | _FALSE:
            self.problems.append(f"{name} must be 1 or 0.")
        return text in _TRUE

    def checked(self, name: str, parse: Callable[[str], T], what: str) -> T | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return parse(text)
        except (ValueError, TypeError, RecursionError):
            self.problems.append(f"{name} must be {what}.")
            return None

    def url(self, prefix: str) -> str | None:
        """``_HOST`` with its ``_PORT``, else ``_URL`` (or ``_BASE_URL``), else ``_HOST`` alone.

        Without a trailing slash. A host may carry its own scheme and port.
        """
        base = f"{prefix}_BASE_URL"
        url_name = base if base in self._known else f"{prefix}_URL"
        hosts = self._hosts(prefix)
        found = [(name, address) for name, address, whole in hosts if whole]
        found += [(url_name, text)] if (text := self.text(url_name)) else []
        found += [(name, address) for name, address, whole in hosts if not whole]
        if not found:
            return None
        name, url = found[0][0], found[0][1].rstrip("/")
        if not _is_base_url(url):
            self.problems.append(
                f"{name} must be an address such as http://127.0.0.1:31234, "
                "without a user or password and without ? or #."
            )
            return None
        return url

    def _hosts(self, prefix: str) -> list[tuple[str, str, bool]]:
        """Variable, address, and whether scheme or port were given, of every host set.

        The n-th alias of the host goes with the n-th of the port, never with another's.
        """
        found = []
        pairs = zip(self._names(f"{prefix}_HOST"), self._names(f"{prefix}_PORT"), strict=True)
        for host_name, port_name in pairs:
            host = self._values.get(host_name, "").strip().rstrip("/")
            port = self._values.get(port_name, "").strip()
            if not host:
                continue
            if port and not re.fullmatch(r"[0-9]{1,5}", port):
                self.problems.append(f"{port_name} must be a whole number from 1 to 65535.")
                port = ""
            if host.count(":") > 1 and "[" not in host and "://" not in host:
                host = f"[{host}]"  # IPv6
            has_port = re.search(r":[0-9]+(/|$)", host) is not None
            address = host if "://" in host else f"http://{host}"
            if port and not has_port:
                address = f"{address}:{port}"
            found.append((host_name, address, bool(port) or has_port or "://" in host))
        return found

    def is_set(self, *names: str) -> bool:
        """Whether any of them has a value, under its name or an alias."""
        return any(self.text(name) for name in names)

    def _names(self, name: str) -> tuple[str, ...]:
        return (name, *self._known[name].aliases)


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port  # raises ValueError for anything but 0-65535
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port != 0
        and re.search(r"[\s@?#\\]", url) is None  # a key in an address would be shown and logged
    )


def parse_peers(text: str) -> tuple[str, ...]:
    """Peer ids from a JSON list or comma separated text, with or without wrapping quotes.

    Raises ValueError for a list that holds anything but texts.
    """
    text = text.strip()
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, str):  # a list inside JSON quotes
        return parse_peers(value)
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise ValueError("not a list of texts")
        return _distinct(value)
    if len(text) > 1 and text[0] == text[-1] == "'":
        return parse_peers(text[1:-1])
    if text.startswith(("[", "{")):
        raise ValueError("not a JSON list")
    return _distinct(item.strip().strip("'\"") for item in text.split(","))


def _distinct(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.strip() for item in items if item.strip()))
