"""Mails over SMTP, encrypted unless the server is on this very machine."""

from __future__ import annotations

import ipaddress
import logging
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from io import BufferedReader
from typing import TYPE_CHECKING, Any

from datagen.adapters import tls
from datagen.adapters.exchange import Bounded, Exchange
from datagen.domain.errors import MailNotConfigured, MailRefused

if TYPE_CHECKING:
    from datagen.domain.mail import Mail
    from datagen.settings import Smtp

_LOG = logging.getLogger(__name__)
TIMEOUT = 15.0  # seconds, of the connection and of each answer
LONGEST = 60.0  # seconds that a mail takes
IMPLICIT_TLS = 465  # the port on which the encryption comes first
_NOT_SENT = "The mail could not be sent"


class SmtpMailer:
    """The Mailer port."""

    def __init__(
        self, smtp: Smtp, *, tls: ssl.SSLContext | None = None, implicit: bool | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``tls``: None = the authorities this machine trusts; ``implicit``: None = by the port."""
        self._smtp, self._tls, self._now = smtp, tls, now
        self._implicit = smtp.port == IMPLICIT_TLS if implicit is None else implicit

    @property
    def is_ready(self) -> bool:
        return self._smtp.host is not None

    def send(self, mail: Mail) -> None:
        """Raises MailRefused, whose words hold nothing of the mail or of the password."""
        if self._smtp.host is None:
            raise MailNotConfigured
        message = EmailMessage()
        message["From"], message["To"] = self._smtp.sender or "", mail.to
        message["Subject"], message["Date"] = mail.subject, formatdate()
        message["Message-ID"] = make_msgid(domain="datagen.invalid")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        with _faults(), self._connection(self._smtp.host) as server:
            server.send_message(message, to_addrs=[mail.to])

    @contextmanager
    def _connection(self, host: str) -> Iterator[smtplib.SMTP]:
        """A server that is spoken to in private, and knows who we are."""
        trusted, port = self._tls or tls.context(), self._smtp.port
        exchange = Exchange(self._now, silence=LONGEST, within=LONGEST)
        if self._implicit:
            server: smtplib.SMTP = _Secure(exchange, host, port, timeout=TIMEOUT, context=trusted)
        else:
            server = _Replies(exchange, host, port, timeout=TIMEOUT)
        with closing(server):
            server.ehlo()
            if not self._implicit:
                if server.has_extn("starttls"):
                    server.starttls(context=trusted)
                    server.ehlo()
                elif not _is_loopback(host):
                    raise MailRefused(f"{_NOT_SENT}: the mail server offers no encryption "
                                      "(DATAGEN_SMTP_HOST, DATAGEN_SMTP_PORT).")
            if self._smtp.user and self._smtp.password:
                server.login(self._smtp.user, self._smtp.password)
            yield server
            with suppress(smtplib.SMTPException, OSError):  # it has the mail, whatever it says now
                server.quit()


class _Replies(smtplib.SMTP):
    """What a server says, as long as one mail may take, and no more than that needs."""

    def __init__(self, exchange: Exchange, *args: Any, **more: Any) -> None:
        self._exchange = exchange
        super().__init__(*args, **more)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:  # anew once it is encrypted
            stream = self.sock.makefile("rb", buffering=0)
            self.file = BufferedReader(Bounded(self.sock, stream, self._exchange))
        return super().getreply()


class _Secure(_Replies, smtplib.SMTP_SSL):
    """Encrypted from the start."""


@contextmanager
def _faults() -> Iterator[None]:
    """Translates what the server and the network do; the log has the server's own words."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as exc:
        _LOG.warning("The mail server refused a recipient: %s", _codes(exc))
        raise MailRefused(f"{_NOT_SENT}: the mail server does not take this address.") from None
    except smtplib.SMTPAuthenticationError as exc:
        _LOG.warning("The mail server refused DATAGEN_SMTP_USER (%s).", exc.smtp_code)
        raise MailRefused(f"{_NOT_SENT}: the mail server refused us.") from None
    except smtplib.SMTPResponseException as exc:
        _LOG.warning("The mail server refused a mail (%s).", exc.smtp_code)
        raise MailRefused(f"{_NOT_SENT}: the mail server refused it.") from None
    except ssl.SSLCertVerificationError as exc:
        _LOG.warning("The mail server can't be trusted: %s", tls.untrusted(exc))
        raise MailRefused(f"{_NOT_SENT}: the mail server can't be trusted.") from None
    except (smtplib.SMTPException, OSError) as exc:  # TLS and timeouts are OSErrors
        why = tls.unspoken(exc) if isinstance(exc, ssl.SSLError) else exc
        _LOG.warning("The mail server can't be used: %s", why)
        raise MailRefused(f"{_NOT_SENT}: the mail server can't be reached.") from None


def _codes(exc: smtplib.SMTPRecipientsRefused) -> str:
    return ", ".join(str(code) for code, _ in exc.recipients.values())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
