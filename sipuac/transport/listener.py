"""Where to listen, and the endpoint strings that say so.

The strings have the grammar of Twisted's server endpoints, which know no UDP:
`udp:5060:interface=127.0.0.1`, `tcp:5060`, and for SIP's TLS
`ssl:5061:privateKey=key.pem:certKey=cert.pem`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sipuac.errors import LocalProtocolError
from sipuac.syntax.destination import DEFAULT_PORTS
from sipuac.transport.addresses import is_address
from sipuac.transport.tls import OwnCertificate

_TRANSPORTS = {"udp": "UDP", "tcp": "TCP", "ssl": "TLS"}
_PLAIN_OPTIONS = frozenset({"interface"})
_TLS_OPTIONS = _PLAIN_OPTIONS | {"privateKey", "certKey", "extraCertChain"}


@dataclass(frozen=True, slots=True)
class Listener:
    """A place to listen.

    Attributes:
        transport: "UDP", "TCP" or "TLS".
        interface: A literal address; "" for all of IPv4, "::" for all of both.
        port: 0 for one that the system chooses.
        certificate: What a TLS listener shows, None for the others.

    Raises:
        LocalProtocolError: Nobody can listen there.
    """

    transport: str
    interface: str = ""
    port: int = 0
    certificate: OwnCertificate | None = None

    def __post_init__(self) -> None:
        if self.interface and not is_address(self.interface):
            raise LocalProtocolError(f"{self.interface!r} is no IP address of ours")
        if not 0 <= self.port < 65536:
            raise LocalProtocolError(f"{self.port} is no port")
        if (self.transport == "TLS") != (self.certificate is not None):
            raise LocalProtocolError("a certificate is for TLS, and TLS needs one")


def default_listeners(interface: str = "", port: int = 0) -> list[Listener]:
    """UDP and TCP on the same interface and port: the least a SIP element has.

    Raises:
        LocalProtocolError: Nobody can listen there.
    """
    interface = interface.removeprefix("[").removesuffix("]")
    return [Listener("UDP", interface, port), Listener("TCP", interface, port)]


def parse_listener(text: str) -> Listener:
    """The listener that an endpoint string describes.

    Raises:
        LocalProtocolError: It describes none; the message says why, in one line.
    """
    kind, *pieces = _split(text)
    transport = _TRANSPORTS.get(kind)
    if transport is None:
        known = ", ".join(f"{name}:" for name in _TRANSPORTS)
        raise _refusal(text, f"it must begin with one of {known}")
    options: dict[str, str] = {}
    positional: list[str] = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if equals:
            options[name] = value
        else:
            positional.append(piece)
    port = options.pop("port", None)
    if len(positional) > 1 or (positional and port is not None):
        raise _refusal(text, "an IPv6 address needs \\: for each of its colons")
    if positional:
        port = positional[0]
    known_options = _TLS_OPTIONS if transport == "TLS" else _PLAIN_OPTIONS
    for name in options:
        if name not in known_options:
            raise _refusal(text, f"it has no option {name!r}")
    return Listener(
        transport,
        _interface(text, options.get("interface", "")),
        _port(text, port, DEFAULT_PORTS[transport]),
        _certificate(text, options) if transport == "TLS" else None,
    )


def _port(text: str, port: str | None, default: int) -> int:
    if not port:
        return default
    if not (port.isascii() and port.isdigit() and int(port[:9]) < 65536):
        raise _refusal(text, f"{port[:20]!r} is no port")
    return int(port)


def _interface(text: str, interface: str) -> str:
    interface = interface.removeprefix("[").removesuffix("]")
    if interface and not is_address(interface):
        raise _refusal(text, f"{interface!r} is no IP address")
    return interface


def _certificate(text: str, options: dict[str, str]) -> OwnCertificate:
    private_key = options.get("privateKey")
    if not private_key:
        raise _refusal(text, "it needs privateKey=FILE, and certKey=FILE if apart")
    return OwnCertificate(
        private_key,
        options.get("certKey") or private_key,
        options.get("extraCertChain") or None,
    )


def _split(text: str) -> list[str]:
    """The pieces between colons; a backslash takes the special meaning of the next."""
    pieces = [""]
    characters = iter(text)
    for character in characters:
        if character == ":":
            pieces.append("")
        elif character == "\\":
            pieces[-1] += next(characters, "\\")
        else:
            pieces[-1] += character
    return pieces


def _refusal(text: str, why: str) -> LocalProtocolError:
    return LocalProtocolError(f"cannot listen on {text!r}: {why}")
