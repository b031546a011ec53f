"""The environment, read once into one frozen value; nothing else reads ``os.environ``.

``VARIABLES`` is the whole list: the README's table is tested against it, and every
problem is reported in one go.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from datagen.domain.chat import Dialect, Endpoint
from datagen.domain.errors import SettingsError

CREATE_CHAT_COMPLETION_PATH = "/create_chat_completion"
OPENAI_CHAT_PATH = "/v1/chat/completions"
T = TypeVar("T")
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


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
    Variable(name="DATAGEN_TRUSTED_PROXIES", doc="addresses or networks, comma separated, "
             "whose X-Forwarded-Proto counts"),
    Variable(name="DATAGEN_INFERENCE_HOST", doc="host of the model server; with the port, "
             "wins over the base URL"),
    Variable(name="DATAGEN_INFERENCE_PORT", doc="its port"),
    Variable(name="DATAGEN_INFERENCE_BASE_URL", doc="base URL of the model server; unset = "
             "the local model"),
    Variable(name="DATAGEN_INFERENCE_PATH", doc="path of the chat completion call",
             default=CREATE_CHAT_COMPLETION_PATH),
    Variable(name="DATAGEN_INFERENCE_MODEL", doc="model name, where the server wants one"),
    Variable(name="DATAGEN_INFERENCE_API_KEY", secret=True,
             doc="sent only to the origin configured here"),
    Variable(name="DATAGEN_INFERENCE_DIALECT", doc="ratio1 or openai",
             default="by the path"),
    Variable(name="DATAGEN_INFERENCE_TIMEOUT_SECONDS", doc="how long one answer may take",
             default="120"),
    Variable(name="DATAGEN_MODEL_PORT", doc="port of the local model", default="8502"),
    Variable(name="DATAGEN_MAX_RECORDS_PER_JOB", doc="most records one job may ask for",
             default="200"),
    Variable(name="DATAGEN_MAX_IN_FLIGHT", doc="model calls at once per worker; 1 = one after "
             "another", default="8"),
    Variable(name="DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE", doc="jobs a worker runs at once",
             default="1"),
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
    Variable(name="DATAGEN_MOCK_CSTORE", doc="a throwaway store with admin/admin and "
             "test_user/testtest; loopback only", default="0"),
    Variable(name="DATAGEN_MOCK_INFERENCE_API", doc="answer with the built-in sample model",
             default="0"),
    Variable(name="LOG_INFERENCE_REQUESTS", doc="log model calls, secrets redacted",
             default="0"),
    Variable(name="DATAGEN_LOG_R1FS_CALLS", doc="log start, success and error of file calls",
             default="0"),
    Variable(name="R1EN_CHAINSTORE_PEERS", doc="all peers, JSON list or comma separated",
             default='["local"]'),
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
    Variable(name="EE_CHAINSTORE_API_HOST", doc="CStore of the node (not used yet)",
             aliases=("CSTORE_API_HOST",)),
    Variable(name="EE_CHAINSTORE_API_PORT", doc="its port", aliases=("CSTORE_API_PORT",)),
    Variable(name="EE_CHAINSTORE_API_URL", doc="its URL, when host and port are unset",
             aliases=("R1EN_CHAINSTORE_API_URL",)),
    Variable(name="EE_R1FS_API_HOST", doc="R1FS of the node (not used yet)",
             aliases=("R1FS_API_HOST",)),
    Variable(name="EE_R1FS_API_PORT", doc="its port", aliases=("R1FS_API_PORT",)),
    Variable(name="EE_R1FS_API_URL", doc="its URL, when host and port are unset",
             aliases=("R1EN_R1FS_API_URL",)),
    Variable(name="DATAGEN_SMTP_HOST", doc="mail server (not used yet)"),
    Variable(name="DATAGEN_SMTP_PORT", doc="its port", default="587"),
    Variable(name="DATAGEN_SMTP_USER", doc="its user"),
    Variable(name="DATAGEN_SMTP_PASS", secret=True, doc="its password"),
    Variable(name="DATAGEN_SMTP_FROM", doc="sender of our mails"),
)


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """How mails leave; unused while ``host`` is None."""

    host: str | None
    port: int
    user: str | None
    password: str | None = field(repr=False)
    sender: str | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A replica's configuration. ``repr`` shows no secret."""

    local: bool  # no CStore and no R1FS configured: the embedded store serves one machine
    cstore_url: str | None
    r1fs_url: str | None
    app_host: str
    app_port: int
    data_dir: Path
    cache_dir: Path
    session_secret: str | None = field(repr=False)  # None only in local mode: made and kept
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    endpoint: Endpoint  # the server's own model endpoint, key included
    own_model: bool  # nothing configured: the local model process answers
    model_port: int
    inference_timeout: float  # seconds
    max_records_per_job: int
    max_in_flight: int
    max_concurrent_jobs: int
    job_poll_seconds: float
    update_every: int  # records
    attempts: int  # per record: 1, or 2 with RETRY_INFERENCE_ON_FAILURE
    active_poll_seconds: float
    idle_poll_seconds: float
    show_failures: bool
    ui_preset: Mapping[str, Any] | None
    max_profiles: int
    mock_store: bool
    mock_model: bool
    log_inference: bool
    log_files: bool
    peers: tuple[str, ...]
    peer_id: str
    auth_hkey: str
    auth_pepper: str | None = field(repr=False)  # None only in local mode: made and kept
    bootstrap_admin_password: str | None = field(repr=False)
    smtp: Smtp
    warnings: tuple[str, ...] = ()  # what works, but should not stay so


def expand(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Expand ``$VAR``, ``${VAR}`` and ``$$`` in our variables' values.

    Returns the values by name and one sentence per cycle. A name that is not set
    expands to nothing, as in a shell.
    """
    token = re.compile(r"\$(?:\$|\{(\w+)\}|([A-Za-z_]\w*))")
    problems: list[str] = []
    done: dict[str, str] = {}

    def value_of(name: str, trail: tuple[str, ...]) -> str:
        if name in trail:
            problems.append(f"{trail[0]} refers to itself: {' -> '.join((*trail, name))}.")
            return ""
        if name not in done:
            text = token.sub(
                lambda m: "$" if m.group(0) == "$$"
                else value_of(m.group(1) or m.group(2), (*trail, name)),
                environ.get(name, ""),
            )
            if not trail:
                done[name] = text
            return text
        return done[name]

    names = {n for v in VARIABLES for n in (v.name, *v.aliases) if n in environ}
    return {name: value_of(name, ()) for name in sorted(names)}, sorted(set(problems))


class _Reader:
    """Typed access to the expanded values; collects problems instead of raising."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._values, self.problems = expand(environ)
        self._known = {v.name: v for v in VARIABLES}

    def text(self, name: str) -> str | None:
        """The value under its name or an alias; blank counts as not set."""
        for candidate in (name, *self._known[name].aliases):
            value = self._values.get(candidate, "").strip()
            if value:
                return value
        return None

    def raw(self, name: str) -> str | None:
        """As ``text``, but a password keeps its white space."""
        for candidate in (name, *self._known[name].aliases):
            value = self._values.get(candidate, "")
            if value.strip():
                return value
        return None

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
        except (ValueError, TypeError):
            self.problems.append(f"{name} must be {what}.")
            return None

    def url(self, prefix: str) -> str | None:
        """``_HOST`` + ``_PORT``, else ``_URL`` (or ``_BASE_URL``), without a trailing slash."""
        host, port = self.text(f"{prefix}_HOST"), self.text(f"{prefix}_PORT")
        name = f"{prefix}_BASE_URL" if f"{prefix}_BASE_URL" in self._known else f"{prefix}_URL"
        url = self.text(name)
        if host:
            name = f"{prefix}_HOST"
            url = host if "://" in host else f"http://{host}"
            if port and urlsplit(url).port is None:
                url = f"{url.rstrip('/')}:{port}"
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            self.problems.append(f"{name} must be an address such as http://127.0.0.1:31234.")
            return None
        return url.rstrip("/")


def parse_peers(text: str) -> tuple[str, ...]:
    """Peer ids from a JSON list or comma separated text, with or without wrapping quotes."""
    text = text.strip()
    if text[:1] == text[-1:] and text[:1] in {"'", '"'}:
        text = text[1:-1].strip()
    if text.startswith("["):
        items = json.loads(text)
        if not all(isinstance(item, str) for item in items):
            raise ValueError(text)
    else:
        items = text.split(",")
    return tuple(dict.fromkeys(item.strip() for item in items if item.strip()))


def _preset(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError(text)
    return value


def _networks(text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(item.strip(), strict=False)
                 for item in text.split(",") if item.strip())


def _endpoint(env: _Reader, model_port: int) -> tuple[Endpoint, bool]:
    """The configured endpoint, or the local model's and True."""
    base_url = env.url("DATAGEN_INFERENCE")
    own = base_url is None
    path = env.text("DATAGEN_INFERENCE_PATH") or (
        OPENAI_CHAT_PATH if own else CREATE_CHAT_COMPLETION_PATH
    )
    if not path.startswith("/") or len(path) > 200:
        env.problems.append("DATAGEN_INFERENCE_PATH must start with / and be short.")
    dialect = env.text("DATAGEN_INFERENCE_DIALECT") or dialect_of(path)
    if dialect not in {"ratio1", "openai"}:
        env.problems.append("DATAGEN_INFERENCE_DIALECT must be ratio1 or openai.")
    return Endpoint(
        base_url=base_url or f"http://127.0.0.1:{model_port}",
        path=path,
        model=env.text("DATAGEN_INFERENCE_MODEL"),
        dialect="ratio1" if dialect == "ratio1" else "openai",
        api_key=env.text("DATAGEN_INFERENCE_API_KEY"),
    ), own


def dialect_of(path: str) -> Dialect:
    """The dialect a path speaks when nobody says: the node's own call, else OpenAI's."""
    return "ratio1" if path.rstrip("/").endswith(CREATE_CHAT_COMPLETION_PATH) else "openai"


def _peers(env: _Reader) -> tuple[tuple[str, ...], str]:
    peers = env.checked("R1EN_CHAINSTORE_PEERS", parse_peers,
                        'a JSON list such as ["0xai_A", "0xai_B"]') or ()
    peer_id = env.text("R1EN_HOST_ADDR")
    if peer_id is None and peers:
        env.problems.append("R1EN_HOST_ADDR must name this peer, one of R1EN_CHAINSTORE_PEERS.")
    elif peer_id is not None and peers and peer_id not in peers:
        env.problems.append(f"R1EN_HOST_ADDR ({peer_id}) is not in R1EN_CHAINSTORE_PEERS.")
    peer_id = peer_id or "local"
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", peer_id):
        env.problems.append("R1EN_HOST_ADDR may hold letters, digits, _ . and - only.")
    return peers or (peer_id,), peer_id


def _listening(env: _Reader, mock_store: bool, in_container: bool) -> str:
    host = env.text("DATAGEN_APP_HOST") or (
        "0.0.0.0" if in_container and not mock_store else "127.0.0.1"  # noqa: S104 - a container's port is published by whoever runs it
    )
    if mock_store and host not in LOOPBACK_HOSTS:
        env.problems.append(
            "DATAGEN_MOCK_CSTORE has passwords everybody knows: it listens on loopback only. "
            "Unset it, or set DATAGEN_APP_HOST=127.0.0.1."
        )
    return host


def load(environ: Mapping[str, str] | None = None, *, in_container: bool | None = None) -> Settings:
    """Read the environment. Raises SettingsError with every problem at once."""
    env = _Reader(os.environ if environ is None else environ)
    if in_container is None:
        in_container = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
    cstore_url, r1fs_url = env.url("EE_CHAINSTORE_API"), env.url("EE_R1FS_API")
    mock_store = env.flag("DATAGEN_MOCK_CSTORE")
    local = mock_store or (cstore_url is None and r1fs_url is None)
    app_port = env.whole("DATAGEN_APP_PORT", 8501, 1, 65535)
    model_port = env.whole("DATAGEN_MODEL_PORT", 8502, 1, 65535)
    endpoint, own_model = _endpoint(env, model_port)
    peers, peer_id = _peers(env)
    data_dir = Path(env.text("DATAGEN_DATA_DIR") or ".datagen").absolute()
    if mock_store:
        data_dir = Path(tempfile.gettempdir()) / f"datagen-mock-{os.getuid()}-{app_port}"
    cache_text = env.text("DATAGEN_LOCAL_CACHE_DIR")
    if cache_text and not mock_store:
        cache_dir = Path(cache_text).absolute()
    else:
        cache_dir = data_dir / "cache" if local else Path("/_local_cache/datagen")
    session_secret = env.raw("DATAGEN_SESSION_SECRET")
    pepper = env.raw("R1EN_CSTORE_AUTH_SECRET")
    if not local:
        for name, value in (("EE_CHAINSTORE_API_URL", cstore_url), ("EE_R1FS_API_URL", r1fs_url),
                            ("DATAGEN_SESSION_SECRET", session_secret),
                            ("R1EN_CSTORE_AUTH_SECRET", pepper)):
            if not value:
                env.problems.append(f"{name} must be set when the store is a Ratio1 node.")
    warnings = []
    if session_secret is not None and len(session_secret.encode()) < 32:
        warnings.append("DATAGEN_SESSION_SECRET is shorter than 32 bytes: use a longer one.")
    settings = Settings(
        local=local,
        cstore_url=None if mock_store else cstore_url,
        r1fs_url=None if mock_store else r1fs_url,
        app_host=_listening(env, mock_store, in_container),
        app_port=app_port,
        data_dir=data_dir,
        cache_dir=cache_dir,
        session_secret=session_secret,
        trusted_proxies=env.checked("DATAGEN_TRUSTED_PROXIES", _networks,
                                    "addresses or networks, comma separated") or (),
        endpoint=endpoint,
        own_model=own_model,
        model_port=model_port,
        inference_timeout=env.number("DATAGEN_INFERENCE_TIMEOUT_SECONDS", 120, 1, 3600),
        max_records_per_job=env.whole("DATAGEN_MAX_RECORDS_PER_JOB", 200, 1, 10_000_000),
        max_in_flight=env.whole("DATAGEN_MAX_IN_FLIGHT", 8, 1, 1024),
        max_concurrent_jobs=env.whole("DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE", 1, 1, 64),
        job_poll_seconds=env.number("DATAGEN_JOB_POLL_SECONDS", 5, 0.1, 3600),
        update_every=env.whole("DATAGEN_UPDATE_EVERY_K_REQUESTS", 5, 1, 100_000),
        attempts=2 if env.flag("RETRY_INFERENCE_ON_FAILURE") else 1,
        active_poll_seconds=env.number("DATAGEN_ACTIVE_POLL_SECONDS", 1 if local else 10, 0.5, 600),
        idle_poll_seconds=env.number("DATAGEN_IDLE_POLL_SECONDS", 10 if local else 30, 1, 3600),
        show_failures=env.flag("DATAGEN_SHOW_FAILURES"),
        ui_preset=env.checked("DATAGEN_UI_TEST_PRESET", _preset, "a JSON object"),
        max_profiles=env.whole("DATAGEN_MAX_EXTERNAL_API_CONFIGS", 10, 1, 1000),
        mock_store=mock_store,
        mock_model=env.flag("DATAGEN_MOCK_INFERENCE_API"),
        log_inference=env.flag("LOG_INFERENCE_REQUESTS"),
        log_files=env.flag("DATAGEN_LOG_R1FS_CALLS"),
        peers=peers,
        peer_id=peer_id,
        auth_hkey=env.text("R1EN_CSTORE_AUTH_HKEY") or "datagen:auth",
        auth_pepper=pepper,
        bootstrap_admin_password=env.raw("R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD"),
        smtp=Smtp(
            host=env.text("DATAGEN_SMTP_HOST"),
            port=env.whole("DATAGEN_SMTP_PORT", 587, 1, 65535),
            user=env.text("DATAGEN_SMTP_USER"),
            password=env.raw("DATAGEN_SMTP_PASS"),
            sender=env.text("DATAGEN_SMTP_FROM"),
        ),
        warnings=tuple(warnings),
    )
    if env.problems:
        raise SettingsError(env.problems)
    return settings


def _inference_base_url() -> str:
    """The endpoint's base URL for those who import it as a constant."""
    reader = _Reader(os.environ)
    return reader.url("DATAGEN_INFERENCE") or (
        f"http://127.0.0.1:{reader.whole('DATAGEN_MODEL_PORT', 8502, 1, 65535)}"
    )


INFERENCE_BASE_URL = _inference_base_url()
