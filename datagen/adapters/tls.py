"""Whom we trust over TLS, and what it means to people when that fails.

Words of a server, its certificate's names among them, are in no message: they are hostile text.
"""

from __future__ import annotations

import ssl

# As OpenSSL numbers them (x509_vfy.h); Python names them in no other way.
_OUT_OF_TIME = {9: "is not valid yet", 10: "has expired"}
_UNKNOWN = frozenset({2, 18, 19, 20, 21, 24})  # who signed it
_OTHER_NAME = frozenset({62, 64})
_WEAK = frozenset({66, 67, 68})
_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"})
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST",
                     "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})

NO_TLS = "it speaks no TLS here."


def context(authority: str | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later, and names where names belong.

    ``authority``: the certificate, PEM, of the only one that is trusted; None = those that this
    machine trusts.
    """
    made = ssl.create_default_context(cadata=authority)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.hostname_checks_common_name = False  # as in browsers: any text may stand there
    made.options |= ssl.OP_NO_RENEGOTIATION  # a server could ask for it without end
    return made


def untrusted(fault: ssl.SSLCertVerificationError) -> str:
    """Why a certificate is not taken, and what to do: a sentence after "can't be trusted:"."""
    code = fault.verify_code
    if code in _OUT_OF_TIME:
        return (f"its certificate {_OUT_OF_TIME[code]}. Whoever runs it must renew it; if it is "
                "new, look at the clock of this machine.")
    if code in _OTHER_NAME:
        return "its certificate is for another name. Check the address."
    if code in _UNKNOWN:
        return ("its certificate is from nobody this machine knows, or the server leaves out the "
                "certificates between. Whoever runs DataGen can add an authority (SSL_CERT_FILE).")
    if code in _WEAK:
        return "its certificate is too weak to be safe. Whoever runs it needs a new one."
    return "its certificate is not valid. Whoever runs it must look at it."


def unspoken(fault: OSError) -> str | None:
    """Why no encryption came about, and what to do; None where it is no matter of TLS."""
    reason = getattr(fault, "reason", None)
    if reason in _OLD:
        return "it speaks only a TLS older than 1.2, which is not safe. It needs an update."
    if reason in _NO_TLS:
        return NO_TLS
    if isinstance(fault, ssl.SSLError):
        return "it and DataGen find no encryption that both take. Check its TLS settings."
    if isinstance(fault, ConnectionError) and not isinstance(fault, ConnectionRefusedError):
        return "it broke off before the encryption stood. Check its TLS settings and the address."
    return None
