"""Settings in, services out: the only place that chooses adapters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from datagen import settings as environment
from datagen.adapters.chat import HttpChat
from datagen.adapters.clock import SystemClock
from datagen.adapters.counted import CountedStore
from datagen.adapters.crypto import Argon2Hasher, JwtSigner
from datagen.adapters.local import LocalFiles, LocalStore
from datagen.adapters.local_folder import kept_secret, make_private
from datagen.adapters.outgoing import Outgoing
from datagen.adapters.sample import SampleModel
from datagen.adapters.smtp import SmtpMailer
from datagen.adapters.vault import AesVault
from datagen.domain.errors import Conflict
from datagen.engine.pace import Pace
from datagen.engine.returning import Returning
from datagen.model.sample import illustrate
from datagen.ports import ChatModel, Clock, FileStore, HashStore
from datagen.protocol.audit import AuditBook
from datagen.protocol.board import Board
from datagen.protocol.foreign import Foreign
from datagen.protocol.handed import Handed
from datagen.protocol.people import People
from datagen.protocol.profiles import ProfileBook
from datagen.protocol.said import Said
from datagen.protocol.seal import Seal
from datagen.protocol.tokens import TokenBook
from datagen.services.account_copies import AccountCopies
from datagen.services.accounts import Accounts
from datagen.services.administration import Administration
from datagen.services.allowances import Allowances
from datagen.services.audit import Audit
from datagen.services.contact import Contact
from datagen.services.datasets import Datasets
from datagen.services.delays import Delays
from datagen.services.devices import Devices
from datagen.services.drafts import Drafts
from datagen.services.figures import Figures
from datagen.services.first_admin import FirstAdmin
from datagen.services.fleet import Fleet
from datagen.services.generation import Generation
from datagen.services.jobs import Jobs
from datagen.services.metrics import ModelUse
from datagen.services.open_sessions import OpenSessions
from datagen.services.own_account import OwnAccount
from datagen.services.patience import Patience
from datagen.services.people import Directory
from datagen.services.profiles import ModelProfiles
from datagen.services.signing_up import SigningUp, Throttles
from datagen.services.telling import Telling
from datagen.services.throttle import Allowed, Pair, Throttle
from datagen.services.tokens import PersonalTokens
from datagen.services.waiting import Waiting
from datagen.settings import Settings, SignUpLimits

if TYPE_CHECKING:
    from datagen.adapters.cstore import CStore

_LOG = logging.getLogger(__name__)

PAGE_PATIENCE = 1.0  # seconds a page waits for a shared store before it shows what was last known
PAGE_READS, READS = 10.0, 40.0  # seconds until a read of it is given up; a sign-in has to be told
FRESH_FILE = 20.0  # seconds in which a file that another peer just stored may become visible
PAGE_FILES, FILES = 30.0, 130.0  # seconds a call for a file may take; a node's own bound is 120
SAMPLE_LATENCY = 0.2  # seconds, as a quick server: progress is there to be watched
MOCK_ACCOUNTS = (("admin", "admin", "admin"), ("test_user", "testtest", "user"))


@dataclass(frozen=True, kw_only=True)
class Services:
    """What pages, routes, the worker and the command line may use."""

    settings: Settings
    clock: Clock
    chat: ChatModel
    accounts: Accounts
    directory: Directory
    signing_up: SigningUp
    profiles: ModelProfiles
    own_account: OwnAccount
    opened: OpenSessions
    tokens: PersonalTokens
    delays: Delays
    devices: Devices
    administration: Administration
    fleet: Fleet
    audit: Audit
    drafts: Drafts
    jobs: Jobs
    datasets: Datasets
    generation: Generation
    telling: Telling  # for the worker
    model_use: ModelUse
    figures: Figures
    patience: Patience  # of who looks at a page, for what may take a shared store long
    first_admin: FirstAdmin | None  # for the worker of a node; elsewhere ``up`` makes it
    account_copies: AccountCopies | None  # for the same; None where nobody else has any
    illustrate: Callable[[Mapping[str, Any]], Any]  # an example record of a schema, at once
    foreign: Foreign  # values in the store's keys that were left out so far
    close: Callable[[], None]  # releases the stores' files and connections


def build(settings: Settings, *, for_pages: bool = False) -> Services:
    """Wire one replica. Raises SettingsError, StoreError.

    ``for_pages``: in a process where people wait for what a shared store says.
    """
    for warning in settings.warnings:
        _LOG.warning(warning)
    make_private(settings.data_dir)
    make_private(settings.cache_dir)
    clock = SystemClock()
    kept_store, desk, files = _stores(settings, clock, for_pages=for_pages)
    counted = CountedStore(kept_store, clock)
    store: HashStore = counted
    patience = Patience(PAGE_PATIENCE if for_pages and not settings.local else None, clock=clock)
    foreign = Foreign()
    pepper = settings.auth_pepper or kept_secret(settings.data_dir / "auth_pepper")
    seal = None if settings.local else Seal(pepper)
    said = None if settings.local else Said(desk=desk, clock=clock)
    board = Board(store, foreign=foreign, seal=seal, said=said)
    chat: SampleModel | HttpChat = (
        SampleModel(latency=SAMPLE_LATENCY, timeout=settings.inference_timeout)
        if settings.mock_model
        else HttpChat(out=Outgoing(timeout=settings.inference_timeout,
                                   inside=settings.private_networks),
                      own=settings.endpoint, log=settings.log_inference, clock=clock)
    )
    session_secret = settings.session_secret or kept_secret(settings.data_dir / "session_secret")
    signer = JwtSigner(session_secret, clock, previous=settings.previous_secrets)
    secrets_kept = (session_secret, *settings.previous_secrets)
    vault = AesVault(*secrets_kept, purpose="keys of model profiles")
    handed = Handed(board=board, desk=desk)
    people = People(store, foreign, handed)
    book = ProfileBook(board=board, desk=desk, vault=vault, peer_id=settings.peer_id)
    allowances = Allowances(clock=clock, most=settings.most)
    audit = Audit(book=AuditBook(board=board, desk=desk, peer_id=settings.peer_id),
                  peers=settings.peers, clock=clock, patience=patience)
    profiles = ModelProfiles(
        book=book, probe=chat, own=settings.endpoint, inside=settings.private_networks,
        most=settings.max_profiles, clock=clock, patience=patience, audit=audit,
        allowances=allowances)
    accounts = Accounts(
        store=store, desk=desk, clock=clock, signer=signer, hkey=settings.auth_hkey,
        patience=patience, foreign=foreign, seal=seal,
        hasher=Argon2Hasher(pepper),
        contact=Contact(desk=desk, clock=clock) if _must_hear(settings) else None,
    )
    if settings.mock_store:
        _make_mock_accounts(accounts)
    signing_up = SigningUp(
        accounts=accounts, people=people, clock=clock, mailer=SmtpMailer(settings.smtp),
        vault=AesVault(*secrets_kept, purpose="passwords of sign-up mails"),
        throttles=_throttles(settings.sign_up, clock),
        kept=timedelta(seconds=settings.sign_up.kept_seconds))
    opened = OpenSessions(desk=desk, clock=clock)
    delays = Delays(clock)
    tokens = PersonalTokens(
        book=TokenBook(board=board, handed=handed, peer_id=settings.peer_id),
        account=accounts.present, audit=audit, clock=clock, patience=patience)
    drafts = Drafts(chat=chat, signer=signer, clock=clock, endpoint=settings.endpoint,
                    max_records=settings.max_records_per_job, peer_id=settings.peer_id,
                    profiles=profiles, allowances=allowances,
                    inside=settings.private_networks)
    jobs = Jobs(board=board, desk=desk, files=files, drafts=drafts, clock=clock,
                peers=settings.peers, peer_id=settings.peer_id,
                max_records=settings.max_records_per_job,
                active_poll=settings.active_poll_seconds,
                idle_poll=settings.idle_poll_seconds, patience=patience, allowances=allowances)
    return Services(
        settings=settings, clock=clock, chat=chat, accounts=accounts,
        directory=Directory(people), signing_up=signing_up,
        own_account=OwnAccount(accounts=accounts, opened=opened, audit=audit, delays=delays),
        opened=opened, tokens=tokens, delays=delays, devices=Devices(signer=signer, clock=clock),
        administration=Administration(accounts=accounts, directory=Directory(people), jobs=jobs,
                                      audit=audit),
        fleet=Fleet(board=board, jobs=jobs, peers=settings.peers, peer_id=settings.peer_id,
                    clock=clock, patience=patience),
        audit=audit, drafts=drafts, jobs=jobs, profiles=profiles,
        datasets=Datasets(jobs=jobs, files=files, cache_dir=settings.cache_dir, clock=clock),
        generation=Generation(settings=settings, board=board, desk=desk, files=files,
                              vault=vault, chat=chat, clock=clock, vitals=counted.vitals),
        telling=Telling(tell=(book.tell, handed.tell, signing_up.forget_old, audit.publish),
                        pace=Pace(clock=clock)),
        model_use=ModelUse(board=board, patience=patience),
        figures=Figures(jobs=jobs, board=board, patience=patience, clock=clock),
        patience=patience,
        first_admin=None if settings.local else FirstAdmin(
            accounts=accounts, store=store, hkey=settings.auth_hkey,
            others=tuple(peer for peer in settings.peers if peer != settings.peer_id),
            password=settings.bootstrap_admin_password, pace=Pace(clock=clock),
        ),
        account_copies=None if settings.local else AccountCopies(
            store=store, desk=desk, hkey=settings.auth_hkey, pace=Pace(clock=clock),
            waiting=Waiting(settings.auth_hkey, seal),
            returning=Returning(peer_id=settings.peer_id, board=board, clock=clock),
        ),
        illustrate=illustrate, foreign=foreign,
        close=partial(_close, kept_store, desk),
    )


def _throttles(limits: SignUpLimits, clock: Clock) -> Throttles:
    def each(tries: int, seconds: float) -> Throttle:
        return Throttle(Allowed(tries=tries, seconds=seconds), clock)

    return Throttles(
        register=Pair(address=each(limits.register_per_address, limits.register_seconds),
                      email=each(limits.register_per_email, limits.register_seconds)),
        resend=Pair(address=each(limits.resend_per_address, limits.resend_seconds),
                    email=each(limits.resend_per_email, limits.resend_seconds)))


def _must_hear(settings: Settings) -> bool:
    """Whether nobody is let in while no other peer is heard."""
    return settings.fail_closed and not settings.local and len(settings.peers) > 1


@cache
def shared() -> Services:
    """The services of this web process, made at the first call."""
    return build(environment.load(), for_pages=True)


def _stores(
    settings: Settings, clock: Clock, *, for_pages: bool
) -> tuple[LocalStore | CStore, LocalStore, FileStore]:
    """Where jobs and accounts are, what this replica's processes leave for one another, files."""
    desk = LocalStore(settings.data_dir / "store.sqlite3")
    if settings.cstore_url is None or settings.r1fs_url is None:
        return desk, desk, LocalFiles(settings.data_dir / "files", log_calls=settings.log_files)
    from datagen.adapters.cstore import CStore  # late: their HTTP client is 7 MB
    from datagen.adapters.r1fs import R1fs

    return (
        CStore(settings.cstore_url, peers=settings.listed_peers, clock=clock,
               read_timeout=PAGE_READS if for_pages else READS),
        desk,
        R1fs(settings.r1fs_url, cache_dir=settings.cache_dir / "r1fs", clock=clock,
             secret=settings.r1fs_secret, log_calls=settings.log_files,
             patience=0.0 if for_pages else FRESH_FILE,
             timeout=PAGE_FILES if for_pages else FILES),
    )


def _close(*stores: LocalStore | CStore) -> None:
    for store in stores:
        store.close()


def _make_mock_accounts(accounts: Accounts) -> None:
    known = {account.name for account in accounts.list()}
    for name, password, role in MOCK_ACCOUNTS:
        if name not in known:
            with suppress(Conflict):  # another process of this run was quicker
                accounts.create(name, password, role="admin" if role == "admin" else "user")
