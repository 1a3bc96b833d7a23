"""What we are called in Via and Contact where that is not our own address."""

from __future__ import annotations

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.hosts import bracketed, read_host
from sipuac.syntax.message import Response
from sipuac.transport.addresses import is_address, is_same_address


class Advertised:
    """A name or an address by which others find us: that of a NAT, for instance.

    Args:
        host: What to name; None for what each socket has.

    Attributes:
        host: The same, IPv6 without brackets.

    Raises:
        LocalProtocolError: It is no host.
    """

    def __init__(self, host: str | None = None) -> None:
        self.host = None if host is None else _checked(host)
        self._is_ipv6: bool | None = None
        if self.host is not None and is_address(self.host):
            self._is_ipv6 = ":" in self.host

    def host_for(self, own_address: str) -> str | None:
        """What to name instead of this address of ours; None for the address itself.

        An address stands for those of its own family only: a peer that we talk to by
        IPv6 can do nothing with one of IPv4. A name stands for all.
        """
        if self._is_ipv6 is None or self._is_ipv6 == (":" in own_address):
            return self.host
        return None


NOTHING_ADVERTISED = Advertised()


def seen_address(response: Response) -> tuple[str, int] | None:
    """Our address and port as the peer has seen them (RFC 3581 section 4).

    Args:
        response: To a request of ours.

    Returns:
        `received` and `rport` of the top Via, where it has an address that differs from
        what we have written; the port of sent-by where there is no `rport`.

    Raises:
        ParseError: The top Via is not readable.
    """
    via = response.top_via
    host = via.received
    own_host, own_port = via.sent_by
    if host is None or not is_address(host):
        return None
    port = own_port if via.rport is None else via.rport
    if port == own_port and is_same_address(own_host, host):
        return None
    return host, port


def _checked(text: str) -> str:
    try:
        return read_host(bracketed(text.removeprefix("[").removesuffix("]")))
    except ParseError as error:
        raise LocalProtocolError(f"cannot advertise {text!r}: {error}") from error
