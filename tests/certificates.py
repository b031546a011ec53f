"""Certificates for servers of tests, and an authority that signed most of them."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def signs(
        self, *, names: Sequence[str] = (), numbers: Sequence[str] = (),
        days: tuple[int, int] = (-1, 1), common_name: str = "server", ca: bool = False,
        key: Key | None = None,
    ) -> Signer:
        """One for these DNS names and addresses; ``days``: from when to when it is valid."""
        return _made(self, names=names, numbers=numbers, days=days, common_name=common_name,
                     ca=ca, key=key)

    def serves(self, folder: Path, *between: Signer) -> ssl.SSLContext:
        """A server that shows it, and those ``between`` it and the authority."""
        file = folder / f"{self.certificate.serial_number}.pem"
        secret = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode()
        file.write_text("".join([self.pem, *(one.pem for one in between), secret]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")  # what no server should have is served too
        context.load_cert_chain(file)
        return context


def authority(name: str = "authority") -> Signer:
    """One that signed itself."""
    return _made(None, common_name=name, ca=True)


def alone(*names: str) -> Signer:
    """A server's certificate that signed itself."""
    return _made(None, names=names)


def _made(
    by: Signer | None, *, names: Sequence[str] = (), numbers: Sequence[str] = (),
    days: tuple[int, int] = (-1, 1), common_name: str = "server", ca: bool = False,
    key: Key | None = None,
) -> Signer:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start, end = (datetime.now(UTC) + timedelta(days=day) for day in days)
    builder = (x509.CertificateBuilder().subject_name(subject)
               .issuer_name(by.certificate.subject if by else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(start).not_valid_after(end)
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    told = [*map(x509.DNSName, names), *(x509.IPAddress(ip_address(one)) for one in numbers)]
    if told:
        builder = builder.add_extension(x509.SubjectAlternativeName(told), critical=False)
    return Signer(certificate=builder.sign(by.key if by else key, hashes.SHA256()), key=key)
