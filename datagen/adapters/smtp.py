"""Mails over SMTP, encrypted unless the server is on this very machine."""

from __future__ import annotations

import ipaddress
import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from datagen.domain.errors import MailNotConfigured, MailRefused

if TYPE_CHECKING:
    from datagen.domain.mail import Mail
    from datagen.settings import Smtp

_LOG = logging.getLogger(__name__)
TIMEOUT = 15.0  # seconds, of the connection and of each answer
IMPLICIT_TLS = 465  # the port on which the encryption comes first
_NOT_SENT = "The mail could not be sent"


class SmtpMailer:
    """The Mailer port."""

    def __init__(
        self, smtp: Smtp, *, tls: ssl.SSLContext | None = None, implicit: bool | None = None
    ) -> None:
        """``tls``: None = the authorities this machine trusts; ``implicit``: None = by the port."""
        self._smtp, self._tls = smtp, tls
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
        tls, port = self._tls or ssl.create_default_context(), self._smtp.port
        if self._implicit:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=tls)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT)
        with server:
            server.ehlo()
            if not self._implicit:
                if server.has_extn("starttls"):
                    server.starttls(context=tls)
                    server.ehlo()
                elif not _is_loopback(host):
                    raise MailRefused(f"{_NOT_SENT}: the mail server offers no encryption "
                                      "(DATAGEN_SMTP_HOST, DATAGEN_SMTP_PORT).")
            if self._smtp.user and self._smtp.password:
                server.login(self._smtp.user, self._smtp.password)
            yield server


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
    except (smtplib.SMTPException, OSError) as exc:  # TLS and timeouts are OSErrors
        _LOG.warning("The mail server can't be used: %s", exc)
        raise MailRefused(f"{_NOT_SENT}: the mail server can't be reached.") from None


def _codes(exc: smtplib.SMTPRecipientsRefused) -> str:
    return ", ".join(str(code) for code, _ in exc.recipients.values())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
