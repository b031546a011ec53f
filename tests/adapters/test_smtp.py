"""Mails to real SMTP servers: in plain text on this machine, with STARTTLS, with TLS at once."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from datagen.adapters import smtp as smtp_module
from datagen.adapters import tls
from datagen.adapters.clock import HandClock
from datagen.adapters.memory import MemoryMailer
from datagen.adapters.smtp import SmtpMailer
from datagen.domain.errors import MailNotConfigured, MailRefused
from datagen.domain.mail import welcome
from datagen.settings import Smtp
from tests.certificates import Signer, authority

MAIL = welcome("ada@example.com", "user-x", "the-first-password")
LOGIN = LoginPassword(b"datagen", b"smtp secret")


@dataclass(frozen=True, kw_only=True)
class Certified:
    """A certificate for the loopback address: what a server shows, and who trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")]), datetime.now(UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .sign(key, hashes.SHA256()))
    pem = made.public_bytes(serialization.Encoding.PEM)
    file: Path = tmp_path_factory.mktemp("mail") / "mail.pem"
    file.write_bytes(pem + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    return Certified(server=server, client=ssl.create_default_context(cadata=pem.decode()))


class Inbox:
    """What a server took, and how it was told."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.encrypted: list[bool] = []
        self.refuses = refuses

    async def handle_RCPT(  # noqa: N802 - the name aiosmtpd calls
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.refuses:
            return "550 no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - likewise
        self.mails.append(BytesParser(policy=default).parsebytes(envelope.content))
        self.recipients += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@contextmanager
def serving(inbox: Inbox, **options: Any) -> Iterator[Smtp]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield Smtp(host="127.0.0.1", port=port, user=None, password=None,
                   sender="datagen@example.com")
    finally:
        controller.stop()


def authenticator(
    server: Any, session: Any, envelope: Any, mechanism: str, data: Any
) -> AuthResult:
    return AuthResult(success=data == LOGIN, handled=False)


def test_a_mail_arrives_whole_at_a_server_on_this_machine() -> None:
    inbox = Inbox()
    with serving(inbox) as smtp:
        SmtpMailer(smtp).send(MAIL)

    mail, = inbox.mails
    assert inbox.recipients == ["ada@example.com"]
    assert (mail["From"], mail["To"]) == ("datagen@example.com", "ada@example.com")
    assert mail["Subject"] == "Your DataGen account"
    text = mail.get_content()
    assert "user-x" in text
    assert "the-first-password" in text
    assert inbox.encrypted == [False]


def test_starttls_and_our_password_are_used_where_the_server_has_them(certified: Certified) -> None:
    inbox = Inbox()
    with serving(inbox, tls_context=certified.server, require_starttls=True, auth_required=True,
                 authenticator=authenticator) as smtp:
        ours = replace(smtp, user="datagen", password="smtp secret")
        SmtpMailer(ours, tls=certified.client).send(MAIL)

        with pytest.raises(MailRefused, match="refused us"):
            SmtpMailer(replace(ours, password="another"), tls=certified.client).send(MAIL)
    assert inbox.encrypted == [True]


def test_tls_from_the_start_is_spoken_on_its_port(certified: Certified) -> None:
    inbox = Inbox()
    with serving(inbox, ssl_context=certified.server) as smtp:
        SmtpMailer(smtp, tls=certified.client, implicit=True).send(MAIL)
    assert len(inbox.mails) == 1
    assert SmtpMailer(replace(smtp, port=465))._implicit
    assert not SmtpMailer(replace(smtp, port=587))._implicit


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_nobody_vouches_for_is_refused(certified: Certified, implicit: bool) -> None:
    inbox = Inbox()
    context = {"ssl_context" if implicit else "tls_context": certified.server}
    with serving(inbox, **context) as smtp, pytest.raises(MailRefused, match="can't be trusted"):
        SmtpMailer(smtp, implicit=implicit).send(MAIL)
    assert inbox.mails == []


def test_a_server_elsewhere_without_encryption_gets_nothing(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox()
    monkeypatch.setattr("datagen.adapters.smtp._is_loopback", lambda host: False)
    with serving(inbox) as smtp, pytest.raises(MailRefused, match="no encryption"):
        SmtpMailer(smtp).send(MAIL)
    assert inbox.mails == []


Odd = Callable[[socket.socket], object]


@contextmanager
def odd(serve: Odd) -> Iterator[Smtp]:
    """A server of a test's own, for one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def run() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):  # the client has had enough
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield Smtp(host="127.0.0.1", port=listening.getsockname()[1], user="datagen",
                   password="smtp secret", sender="datagen@example.com")
        thread.join()


def says(connection: socket.socket, *replies: bytes) -> bytes:
    """Each of these, and what was heard after the last."""
    heard = b""
    for reply in replies:
        connection.sendall(reply)
        heard = connection.recv(65536)
    return heard


HELLO, OFFER = b"220 hello\r\n", b"250-mail\r\n250 STARTTLS\r\n"
ROOT = authority()


def refused(serve: Odd, match: str = "can't be reached", **more: Any) -> None:
    with odd(serve) as smtp, pytest.raises(MailRefused, match=match):
        SmtpMailer(smtp, tls=tls.context(ROOT.pem), implicit=False, **more).send(MAIL)


@pytest.mark.parametrize("line", [b"220-hello\r\n", b"220 " + b"x" * 100], ids=["lines", "one"])
def test_what_a_server_says_comes_to_an_end(line: bytes) -> None:
    def endless(connection: socket.socket) -> None:
        while True:
            connection.sendall(line * 1000)

    refused(endless, match="sent")


def test_a_mail_takes_a_minute_at_most_however_a_server_drips() -> None:
    clock = HandClock()

    def drips(connection: socket.socket) -> None:
        for _ in range(100):
            clock.advance(1)
            connection.sendall(b"2")

    refused(drips, now=clock.monotonic)


@pytest.mark.parametrize("offer", [b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n", b"502 what?\r\n"])
def test_where_encryption_is_not_offered_elsewhere_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, offer: bytes
) -> None:
    monkeypatch.setattr(smtp_module, "_is_loopback", lambda host: False)
    heard: list[bytes] = []
    refused(lambda connection: heard.append(says(connection, HELLO, offer)), "no encryption")
    assert heard == [b""]


@pytest.mark.parametrize("no", [b"454 not now\r\n", b"502 what?\r\n", b"250 fine\r\n"])
def test_an_encryption_that_was_offered_and_does_not_come_ends_it(no: bytes) -> None:
    heard: list[bytes] = []
    refused(lambda connection: heard.append(says(connection, HELLO, OFFER, no)), "sent")
    assert heard == [b""]


def test_what_was_said_before_the_encryption_counts_for_nothing(tmp_path: Path) -> None:
    """Somebody on the way may put answers behind the server's own."""
    heard: list[bytes] = []
    theirs = ROOT.signs(numbers=["127.0.0.1"]).serves(tmp_path)

    def injected(connection: socket.socket) -> None:
        says(connection, HELLO, OFFER)
        connection.sendall(b"220 go\r\n250-mail\r\n250 AUTH PLAIN LOGIN\r\n")
        with theirs.wrap_socket(connection, server_side=True) as encrypted:
            heard.append(encrypted.recv(1000))
            heard.append(says(encrypted, b"250 mail\r\n"))  # which offers no AUTH

    refused(injected)
    assert heard[0].startswith(b"ehlo ")
    assert heard[1] == b""


@pytest.mark.parametrize("shown", [
    ROOT.signs(numbers=["127.0.0.1"], days=(-9, -1)), ROOT.signs(names=["mail.example"]),
    authority("another").signs(numbers=["127.0.0.1"]), ROOT.signs(common_name="127.0.0.1"),
], ids=["expired", "another name", "unknown", "a common name alone"])
def test_a_certificate_that_is_not_taken_is_told_in_the_log(
    shown: Signer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    theirs, heard = shown.serves(tmp_path), []

    def serve(connection: socket.socket) -> None:
        says(connection, HELLO, OFFER)
        connection.sendall(b"220 go\r\n")
        with theirs.wrap_socket(connection, server_side=True) as encrypted:
            heard.append(encrypted.recv(1000))

    refused(serve, "can't be trusted")
    assert "its certificate" in caplog.text
    assert not any(heard)


def test_a_mail_that_was_taken_was_sent_however_the_server_takes_its_leave() -> None:
    def serve(connection: socket.socket) -> None:
        says(connection, HELLO, b"250-mail\r\n250 AUTH PLAIN\r\n", b"235 in\r\n", b"250 ok\r\n",
             b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n", b"421 leave me\r\n")

    with odd(serve) as smtp:
        SmtpMailer(smtp, implicit=False).send(MAIL)


def test_a_refused_recipient_is_told_without_the_servers_words() -> None:
    with serving(Inbox(refuses=True)) as smtp, pytest.raises(MailRefused) as caught:
        SmtpMailer(smtp).send(MAIL)
    assert str(caught.value) == \
        "The mail could not be sent: the mail server does not take this address."


def test_no_server_and_none_that_answers() -> None:
    with serving(Inbox()) as smtp:
        pass
    with pytest.raises(MailRefused, match="can't be reached"):
        SmtpMailer(smtp).send(MAIL)
    with pytest.raises(MailNotConfigured):
        SmtpMailer(replace(smtp, host=None)).send(MAIL)


@pytest.mark.parametrize(("make", "is_ready"), [
    (lambda: MemoryMailer(), True), (lambda: MemoryMailer(is_ready=False), False),
])
def test_the_mailer_in_memory_behaves_as_the_real_one(
    make: Callable[[], MemoryMailer], is_ready: bool
) -> None:
    mailer = make()
    assert mailer.is_ready is is_ready
    if not is_ready:
        with pytest.raises(MailNotConfigured):
            mailer.send(MAIL)
        return
    mailer.send(MAIL)
    mailer.refuses = True
    with pytest.raises(MailRefused):
        mailer.send(MAIL)
    assert mailer.sent == [MAIL]


def test_a_password_is_in_no_repr() -> None:
    assert "the-first-password" not in repr(MAIL)
