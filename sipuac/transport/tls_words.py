"""What OpenSSL says of failures, in words for people.

pyOpenSSL gives what OpenSSL has noted as a list of tuples, each with a reason last; the
deepest comes first.
"""

from __future__ import annotations

from OpenSSL import SSL

# What the alerts of a peer mean for us; OpenSSL puts "alert" and more before them.
_ALERTS = {
    "certificate required": "the peer requires a certificate of ours",
    "unknown ca": "the peer does not trust the issuer of our certificate",
    "certificate expired": "the peer says that our certificate has expired",
    "certificate revoked": "the peer says that our certificate has been revoked",
    "bad certificate": "the peer does not take our certificate",
    "certificate unknown": "the peer does not take our certificate",
    "unsupported certificate": "the peer does not take our certificate",
    "access denied": "the peer does not take our certificate",
    # What TLS 1.2 says where a certificate is missing, and in other cases.
    "handshake failure": "the peer refuses; it may require a certificate of ours",
    "protocol version": "the peer speaks no version of TLS that we do",
}

_NO_TLS = ("wrong version number", "packet length too long", "http request")

_FILE_PROBLEMS = {
    "no start line": "there is no certificate (PEM) in it",
    "no certificate or crl found": "there is no certificate (PEM) in it",
    "unsupported": "there is no private key (PEM) in it",
    "bad decrypt": "it is encrypted, and nobody here knows the password",
    "key values mismatch": "it is not that of the certificate",
    "key type mismatch": "it is not that of the certificate",
}


def handshake_problem(error: BaseException | None) -> str:
    """Why a handshake, or a connection after it, came to nothing."""
    reasons = _reasons(error)
    if not reasons:
        return "the handshake did not succeed"
    last = reasons[-1]
    words = _ALERTS.get(last.partition("alert ")[2])
    if last in _NO_TLS:
        words = "the peer does not speak TLS"
    return last if words is None else f"{words} ({last})"


def file_problem(error: BaseException) -> str:
    """Why a file with a certificate or a key cannot be used."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    reasons = _reasons(error)
    for reason in reasons:
        if reason in _FILE_PROBLEMS:
            return _FILE_PROBLEMS[reason]
    return reasons[-1] if reasons else str(error) or type(error).__name__


def _reasons(error: BaseException | None) -> list[str]:
    if not isinstance(error, SSL.Error) or not error.args:
        return []
    return [str(noted[-1]) for noted in error.args[0] or () if noted]
