"""The environment, read once into one frozen value; nothing else reads ``os.environ``.

Every problem is reported in one go. ``environment.VARIABLES`` is the whole list of names.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datagen.domain.addresses import Networks
from datagen.domain.bounds import Most
from datagen.domain.chat import Endpoint, Limits
from datagen.domain.endpoints import NODE_PATH, dialect_for
from datagen.domain.errors import SettingsError
from datagen.domain.jobs import MAX_PEERS, MAX_RECORDS, PEER_ID
from datagen.domain.profiles import MAX_PER_MINUTE
from datagen.environment import VARIABLES, Reader, parse_peers
from datagen.in_force import Setting, in_force
from datagen.sign_up_settings import SignUpLimits, Smtp, read_limits, read_smtp

__all__ = ["INFERENCE_BASE_URL", "VARIABLES", "Settings", "SignUpLimits", "Smtp", "load"]

CREATE_CHAT_COMPLETION_PATH = NODE_PATH
OPENAI_CHAT_PATH = "/v1/chat/completions"
LEAST_SECRET = 32  # bytes: what HS256 needs to be as strong as it can be
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A replica's configuration. ``repr`` shows no secret."""

    local: bool  # no CStore and no R1FS configured: the embedded store serves one machine
    cstore_url: str | None
    r1fs_url: str | None
    r1fs_secret: str | None = field(repr=False)
    app_host: str
    app_port: int
    data_dir: Path
    cache_dir: Path
    session_secret: str | None = field(repr=False)  # None only in local mode: made and kept
    previous_secrets: tuple[str, ...] = field(repr=False)  # what they signed still counts
    fail_closed: bool  # 503 while no other listed peer is heard
    trusted_proxies: Networks
    endpoint: Endpoint  # the server's own model endpoint, key included
    own_model: bool  # nothing configured: the local model process answers
    model_port: int
    inference_timeout: float  # seconds
    peer_dead_seconds: float  # without progress, until others help a peer's share; 0 = never
    max_records_per_job: int
    max_in_flight: int
    max_concurrent_jobs: int
    job_poll_seconds: float
    update_every: int  # records
    report_seconds: float  # at least, between two progress writes of one job
    attempts: int  # per record: 1, or 2 with RETRY_INFERENCE_ON_FAILURE
    active_poll_seconds: float
    idle_poll_seconds: float
    show_failures: bool
    ui_preset: Mapping[str, Any] | None
    max_profiles: int
    most: Most  # that one user may ask for
    private_networks: Networks  # where users' model servers may be as well
    mock_store: bool
    mock_model: bool
    log_inference: bool
    log_files: bool
    peers: tuple[str, ...]  # that share the work; this one alone where none are listed
    listed_peers: tuple[str, ...]  # as configured, for the store's writes
    peer_id: str
    auth_hkey: str
    auth_pepper: str | None = field(repr=False)  # None only in local mode: made and kept
    bootstrap_admin_password: str | None = field(repr=False)
    smtp: Smtp
    sign_up: SignUpLimits
    in_force: tuple[Setting, ...] = field(default=(), compare=False)  # as admins may see it
    short_secrets: tuple[str, ...] = ()  # names of variables
    warnings: tuple[str, ...] = ()  # what works, but should not stay so


def _preset(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError(text)
    return value


def _networks(text: str) -> Networks:
    return tuple(ipaddress.ip_network(item.strip(), strict=False)
                 for item in text.split(",") if item.strip())


def _endpoint(env: Reader, model_port: int) -> tuple[Endpoint, bool]:
    """The configured endpoint, or the local model's and True."""
    base_url = env.url("DATAGEN_INFERENCE")
    own = base_url is None
    path = env.text("DATAGEN_INFERENCE_PATH") or (
        OPENAI_CHAT_PATH if own else CREATE_CHAT_COMPLETION_PATH
    )
    if not path.startswith("/") or len(path) > 200:
        env.problems.append("DATAGEN_INFERENCE_PATH must start with / and be short.")
    dialect = (env.text("DATAGEN_INFERENCE_DIALECT") or dialect_for(path)).lower()
    if dialect not in {"ratio1", "openai"}:
        env.problems.append("DATAGEN_INFERENCE_DIALECT must be ratio1 or openai.")
    return Endpoint(
        base_url=base_url or f"http://127.0.0.1:{model_port}",
        path=path,
        model=env.text("DATAGEN_INFERENCE_MODEL"),
        dialect="ratio1" if dialect == "ratio1" else "openai",
        api_key=env.text("DATAGEN_INFERENCE_API_KEY"),
        polled=env.flag("DATAGEN_INFERENCE_POLLED"),
        limits=Limits(
            requests_per_minute=env.whole("DATAGEN_INFERENCE_REQUESTS_PER_MINUTE", 0, 0,
                                          MAX_PER_MINUTE) or None,
            tokens_per_minute=env.whole("DATAGEN_INFERENCE_TOKENS_PER_MINUTE", 0, 0,
                                        MAX_PER_MINUTE) or None,
        ),
    ), own


def _peers(env: Reader, *, local: bool) -> tuple[tuple[str, ...], str]:
    """The listed peers, and which of them this one is."""
    peers = env.checked("R1EN_CHAINSTORE_PEERS", parse_peers,
                        'a JSON list such as ["0xai_A", "0xai_B"]') or ()
    named = env.text("R1EN_HOST_ADDR")
    peer_id = named or "local"
    if not PEER_ID.fullmatch(peer_id):  # it names files
        env.problems.append(
            "R1EN_HOST_ADDR may hold letters, digits, _ . and - only, and not begin with a dot."
        )
    elif len(peers) > MAX_PEERS or not all(PEER_ID.fullmatch(peer) for peer in peers):
        env.problems.append(
            f"R1EN_CHAINSTORE_PEERS may list up to {MAX_PEERS:,} ids of letters, digits, _ . and "
            "-, none of which begins with a dot."
        )
    elif not named and not local:  # the keys of all replicas lie side by side
        env.problems.append("R1EN_HOST_ADDR must name this peer when the store is a Ratio1 node.")
    elif peers and peer_id not in peers:
        env.problems.append(
            f"R1EN_HOST_ADDR ({peer_id}) is not in R1EN_CHAINSTORE_PEERS." if named else
            "R1EN_HOST_ADDR must name this peer, one of R1EN_CHAINSTORE_PEERS."
        )
    return peers, peer_id


def _listening(env: Reader, mock_store: bool, in_container: bool) -> str:
    host = env.text("DATAGEN_APP_HOST") or (
        "0.0.0.0" if in_container and not mock_store else "127.0.0.1"  # noqa: S104 - a container's port is published by whoever runs it
    )
    if not re.fullmatch(r"[A-Za-z0-9_.:-]+", host):
        env.problems.append("DATAGEN_APP_HOST must be an address or a host name, without a port.")
    if mock_store and host not in LOOPBACK_HOSTS:
        env.problems.append(
            "DATAGEN_MOCK_CSTORE has passwords everybody knows: it listens on loopback only. "
            "Unset it, or set DATAGEN_APP_HOST=127.0.0.1."
        )
    return host


def _folders(env: Reader, *, local: bool, mock_store: bool, app_port: int) -> tuple[Path, Path]:
    """The data folder and the cache folder."""
    if mock_store:  # thrown away: never the folder of a real store
        data_dir = Path(tempfile.gettempdir()) / f"datagen-mock-{os.getuid()}-{app_port}"
        return data_dir, data_dir / "cache"
    data_dir = Path(env.text("DATAGEN_DATA_DIR") or ".datagen").absolute()
    cache = env.text("DATAGEN_LOCAL_CACHE_DIR")
    if cache:
        return data_dir, Path(cache).absolute()
    return data_dir, data_dir / "cache" if local else Path("/_local_cache/datagen")


def _check_node(env: Reader) -> None:
    """A replica on a node shares store, sessions and passwords: it can make none of them up."""
    for names in (("EE_CHAINSTORE_API_URL", "EE_CHAINSTORE_API_HOST"),
                  ("EE_R1FS_API_URL", "EE_R1FS_API_HOST"),
                  ("DATAGEN_SESSION_SECRET",), ("R1EN_CSTORE_AUTH_SECRET",)):
        if not env.is_set(*names):
            env.problems.append(f"{names[0]} must be set when the store is a Ratio1 node.")


def load(environ: Mapping[str, str] | None = None, *, in_container: bool | None = None) -> Settings:
    """Read the environment. Raises SettingsError with every problem at once."""
    env = Reader(os.environ if environ is None else environ)
    if in_container is None:
        in_container = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
    cstore_url, r1fs_url = env.url("EE_CHAINSTORE_API"), env.url("EE_R1FS_API")
    mock_store = env.flag("DATAGEN_MOCK_CSTORE")
    local = mock_store or not env.is_set("EE_CHAINSTORE_API_URL", "EE_CHAINSTORE_API_HOST",
                                         "EE_R1FS_API_URL", "EE_R1FS_API_HOST")
    if not local:
        _check_node(env)
    app_port = env.whole("DATAGEN_APP_PORT", 8501, 1, 65535)
    model_port = env.whole("DATAGEN_MODEL_PORT", 8502, 1, 65535)
    endpoint, own_model = _endpoint(env, model_port)
    if own_model and app_port == model_port:
        env.problems.append("DATAGEN_APP_PORT and DATAGEN_MODEL_PORT must differ.")
    peers, peer_id = _peers(env, local=local)
    data_dir, cache_dir = _folders(env, local=local, mock_store=mock_store, app_port=app_port)
    session_secret = env.raw("DATAGEN_SESSION_SECRET")
    previous = env.raw("DATAGEN_SESSION_SECRET_PREVIOUS")
    short = tuple(
        name for name, secret in (("DATAGEN_SESSION_SECRET", session_secret),
                                  ("DATAGEN_SESSION_SECRET_PREVIOUS", previous))
        if secret is not None and len(secret.encode("utf-8", "replace")) < LEAST_SECRET)
    settings = Settings(
        local=local,
        cstore_url=None if mock_store else cstore_url,
        r1fs_url=None if mock_store else r1fs_url,
        r1fs_secret=env.raw("DATAGEN_R1FS_SECRET"),
        app_host=_listening(env, mock_store, in_container),
        app_port=app_port,
        data_dir=data_dir,
        cache_dir=cache_dir,
        session_secret=session_secret,
        previous_secrets=(previous,) if previous else (),
        fail_closed=env.flag("DATAGEN_FAIL_CLOSED"),
        trusted_proxies=env.checked("DATAGEN_TRUSTED_PROXIES", _networks,
                                    "addresses or networks, comma separated") or (),
        endpoint=endpoint,
        own_model=own_model,
        model_port=model_port,
        inference_timeout=env.number("DATAGEN_INFERENCE_TIMEOUT_SECONDS", 120, 1, 3600),
        peer_dead_seconds=env.number("DATAGEN_PEER_DEAD_SECONDS", 300, 0, 86_400),
        max_records_per_job=env.whole("DATAGEN_MAX_RECORDS_PER_JOB", 200, 1, MAX_RECORDS),
        max_in_flight=env.whole("DATAGEN_MAX_IN_FLIGHT", 64, 1, 1024),
        max_concurrent_jobs=env.whole("DATAGEN_MAX_CONCURRENT_JOBS_PER_INSTANCE", 4, 1, 64),
        job_poll_seconds=env.number("DATAGEN_JOB_POLL_SECONDS", 5, 0.1, 3600),
        update_every=env.whole("DATAGEN_UPDATE_EVERY_K_REQUESTS", 5, 1, 100_000),
        report_seconds=1.0 if local else 2.0,  # a node's write takes 0.1 s and more
        attempts=2 if env.flag("RETRY_INFERENCE_ON_FAILURE") else 1,
        active_poll_seconds=env.number("DATAGEN_ACTIVE_POLL_SECONDS", 1 if local else 10, 0.5, 600),
        idle_poll_seconds=env.number("DATAGEN_IDLE_POLL_SECONDS", 10 if local else 30, 1, 3600),
        show_failures=env.flag("DATAGEN_SHOW_FAILURES"),
        ui_preset=env.checked("DATAGEN_UI_TEST_PRESET", _preset, "a JSON object"),
        max_profiles=env.whole("DATAGEN_MAX_EXTERNAL_API_CONFIGS", 10, 1, 1000),
        most=Most(
            open_jobs=env.whole("DATAGEN_MAX_OPEN_JOBS_PER_USER", 0, 0, 100_000),
            records_per_day=env.whole("DATAGEN_MAX_RECORDS_PER_DAY", 0, 0, 1_000_000_000),
            drafts_per_hour=env.whole("DATAGEN_MAX_DRAFTS_PER_HOUR", 0, 0, 10_000),
            model_tests_per_hour=env.whole("DATAGEN_MAX_MODEL_TESTS_PER_HOUR", 120, 0, 10_000),
        ),
        private_networks=env.checked("DATAGEN_ALLOW_PRIVATE_INFERENCE_URLS", _networks,
                                     "networks such as 10.1.0.0/16, comma separated") or (),
        mock_store=mock_store,
        mock_model=env.flag("DATAGEN_MOCK_INFERENCE_API"),
        log_inference=env.flag("LOG_INFERENCE_REQUESTS"),
        log_files=env.flag("DATAGEN_LOG_R1FS_CALLS"),
        peers=peers or (peer_id,),
        listed_peers=peers,
        peer_id=peer_id,
        auth_hkey=env.text("R1EN_CSTORE_AUTH_HKEY") or "datagen:auth",
        auth_pepper=env.raw("R1EN_CSTORE_AUTH_SECRET"),
        bootstrap_admin_password=env.raw("R1EN_CSTORE_AUTH_BOOTSTRAP_ADMIN_PWD"),
        smtp=read_smtp(env),
        sign_up=read_limits(env),
        in_force=in_force(os.environ if environ is None else environ),
        short_secrets=short,
        warnings=tuple(f"{name} is shorter than {LEAST_SECRET} bytes: use a longer one."
                       for name in short),
    )
    if env.problems:
        raise SettingsError(env.problems)
    return settings


def _inference_base_url() -> str:
    """The endpoint's base URL for those who import it as a constant."""
    reader = Reader(os.environ)
    return reader.url("DATAGEN_INFERENCE") or (
        f"http://127.0.0.1:{reader.whole('DATAGEN_MODEL_PORT', 8502, 1, 65535)}"
    )


INFERENCE_BASE_URL = _inference_base_url()
