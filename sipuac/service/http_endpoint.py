"""Where the control API listens: on loopback, unless the operator says otherwise."""

from __future__ import annotations

from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.python.usage import UsageError

# The address of each kind of endpoint that has ports, where its string names none.
_LOOPBACK = {"tcp": "127.0.0.1", "ssl": "127.0.0.1", "tcp6": "::1"}
_LOCAL = ("unix", "systemd")


def checked_http_endpoint(text: str) -> str:
    """An endpoint string that can be used, bound to loopback if it names no interface.

    Raises:
        UsageError: It is none; one line that says why.
    """
    kind, _, rest = text.partition(":")
    if kind not in _LOOPBACK and kind not in _LOCAL:
        known = ", ".join(f"{name}:" for name in (*_LOOPBACK, *_LOCAL))
        raise UsageError(f"--http: {text!r} does not begin with one of {known}")
    if not rest:
        raise UsageError(f"--http: {text!r} does not say where")
    if kind in _LOOPBACK:
        pieces = rest.split(":")
        _check_port(text, pieces)
        if not any(piece.startswith("interface=") for piece in pieces):
            text = f"{text}:interface={quoteStringArgument(_LOOPBACK[kind])}"
    try:
        # Without a reactor: this reads the string and the files it names, and no more.
        serverFromString(None, text)
    except Exception as error:
        # Each kind of endpoint has exceptions of its own for a string it cannot use.
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, TypeError):
            reason = (
                "it has parts that mean nothing (a colon in a value is written \\:)"
            )
        raise UsageError(f"--http: cannot use {text!r}: {reason}") from None
    return text


def _check_port(text: str, pieces: list[str]) -> None:
    ports = [piece for piece in pieces if "=" not in piece][:1]
    ports += [piece[5:] for piece in pieces if piece.startswith("port=")]
    port = ports[0] if ports else ""
    if not (port.isascii() and port.isdigit() and int(port[:9]) < 65536):
        raise UsageError(f"--http: cannot use {text!r}: {port!r} is no port")
