"""Where a request goes: one server, by address, port and transport (RFC 3263)."""

from __future__ import annotations

from dataclasses import field

from sipuac.values import value

DEFAULT_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061}


@value(frozen=True, slots=True)
class Destination:
    """One server that a request can be sent to.

    Attributes:
        transport: "UDP", "TCP" or "TLS".
        host: A literal IPv4 or IPv6 address, without brackets.
        port: 1 to 65535.
        domain: The name that was asked for, before any DNS lookup: the identity that
            the server's certificate must show (RFC 5922 section 7.3).
        target: The name that has this address: connections to several addresses of one
            target may be tried at a time. "" where nobody knows; two destinations are
            equal whatever it is.
    """

    transport: str
    host: str
    port: int
    domain: str
    target: str = field(default="", compare=False)
