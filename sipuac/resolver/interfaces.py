"""What the rest of the package knows of resolvers, and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.names import dns
from zope.interface import Interface

from sipuac.syntax.destination import Destination

#: Answers, authorities and additional records, as `twisted.names` gives them.
Sections = tuple[Sequence[Any], Sequence[Any], Sequence[Any]]

#: Address and port of a name server.
NameServer = tuple[str, int]


class IResolver(Interface):
    """Finds the servers for a URI (RFC 3263)."""

    def resolve(uri: object, *, is_secure: bool = False) -> Deferred[list[Destination]]:
        """The servers to try for a SipUri, in order; at least one.

        Args:
            uri: The `SipUri` of the next hop: the top Route, or the Request-URI.
            is_secure: Whether the request must go over TLS although this URI does not
                say so: its Request-URI is a SIPS URI (RFC 3261 section 8.1.2).

        The Deferred fails with `ResolutionFailed`; cancelling it gives up.
        """


class Lookup(Protocol):
    """What we need of a resolver of `twisted.names`; each of those will do."""

    def query(
        self, query: dns.Query, timeout: Sequence[int] | None = None
    ) -> Deferred[Sections]:
        """The records that answer this question.

        The Deferred fails with an error of `twisted.names.error`, or of time.
        """
