"""How many connections there may be, and how long each thing on them may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv6Network
from types import ModuleType

resource: ModuleType | None
try:
    import resource
except ImportError:  # On Windows.
    resource = None


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """The limits of all connections of a transport layer.

    Attributes:
        max_made: Connections that we make, those being made included.
        max_accepted: Connections that we accept.
        max_accepted_per_peer: Connections that we accept from one peer: one address of
            IPv4, one network of 64 bits of IPv6.
        connect_timeout: Seconds to make one, and again as many for the TLS handshake.
        message_timeout: Seconds for a message from its first octet to its last.
        first_message_timeout: Seconds for an accepted connection to bring its first
            whole message.
        idle_timeout: Seconds without an octet in either direction after which an
            accepted connection is closed.
        idle_timeout_made: The same of one that we made. Behind a NAT nobody can reach
            us once it is gone, so it stays longer; as long as a NAT remembers it (RFC
            5382 section 5: "not be less than 2 hours 4 minutes").
    """

    max_made: int = 1000
    max_accepted: int = 1000
    max_accepted_per_peer: int = 200
    connect_timeout: float = 10.0
    message_timeout: float = 30.0
    first_message_timeout: float = 60.0
    idle_timeout: float = 900.0
    idle_timeout_made: float = 7440.0

    def within(self, descriptors: int | None) -> ConnectionBounds:
        """The same, with at most half of the descriptors for what others open.

        Whoever connects to us again and again would else take those that our own
        connections need, and files, and whatever else the process does.

        Args:
            descriptors: How many the process may have open; None for any number.
        """
        if descriptors is None:
            return self
        return replace(self, max_accepted=min(self.max_accepted, descriptors // 2))


def descriptor_limit() -> int | None:
    """How many descriptors this process may have open; None where nobody says."""
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if limit == resource.RLIM_INFINITY else limit


def peer_of(address: str) -> str:
    """Who counts as one peer: the holder of one IPv4 address or IPv6 network.

    Args:
        address: A literal address as `plain_address` writes it.
    """
    if ":" not in address:
        return address
    return str(IPv6Network((address, 64), strict=False))
