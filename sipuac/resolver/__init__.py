"""Finds the servers for a URI (RFC 3263), over `twisted.names`.

interfaces  what the rest of the package knows of it
resolver    the search: NAPTR, SRV, addresses, one after another
names       the addresses of a name, the answer to a question
rules       which services, and in which order: no input or output
addresses   the order of the addresses of one name (RFC 6724)
records     what an answer says, and what of it is believed
cache       answers kept for their time, questions shared
client      asks name servers until one answers
attempts    one question to one of them, over UDP and TCP
system      the hosts file, resolv.conf, and names that are nobody's
"""

from __future__ import annotations

from sipuac.resolver.interfaces import IResolver, Lookup
from sipuac.resolver.resolver import Resolver

__all__ = ["IResolver", "Lookup", "Resolver"]
