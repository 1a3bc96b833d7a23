"""Marking the top Via of requests, and reading where responses go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.transport.via import reply_address, with_source
from tests.transport.peers import options

SOURCE = ("192.0.2.9", 49152)


def marked(via: str, source: tuple[str, int] = SOURCE) -> str:
    """The top Via after the request came from there."""
    return str(with_source(options(f"SIP/2.0/UDP {via}"), source).top_via)[12:]


class SourceTests(SynchronousTestCase):
    """`received` and `rport`."""

    def test_name_in_sent_by(self) -> None:
        """If the host portion of the sent-by parameter contains a domain name, the
        server MUST add a received parameter (3261-18.2.1-a).
        """
        self.assertEqual(
            marked("bobspc.biloxi.com:5060;branch=z9hG4bK1"),
            "bobspc.biloxi.com:5060;branch=z9hG4bK1;received=192.0.2.9",
        )

    def test_other_address_in_sent_by(self) -> None:
        """... or if it contains an IP address that differs from the packet source
        address (3261-18.2.1-a).
        """
        self.assertEqual(
            marked("10.0.0.1;branch=z9hG4bK1"),
            "10.0.0.1;branch=z9hG4bK1;received=192.0.2.9",
        )

    def test_right_address_in_sent_by(self) -> None:
        """A request that says itself where it comes from is left alone."""
        request = options("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1")
        self.assertIs(with_source(request, SOURCE), request)
        request = options("SIP/2.0/UDP [2001:DB8::0:1]:5060;branch=z9hG4bK1")
        self.assertIs(with_source(request, ("2001:db8::1", 5060)), request)

    def test_rport(self) -> None:
        """The server MUST set the value of rport to the source port, and insert
        received even if it is identical to the sent-by component (3581-4-a).
        """
        self.assertEqual(
            marked("192.0.2.9:5060;rport;branch=z9hG4bK1"),
            "192.0.2.9:5060;rport=49152;branch=z9hG4bK1;received=192.0.2.9",
        )

    def test_values_of_the_client_are_replaced(self) -> None:
        """A client cannot send its responses elsewhere by filling them in itself."""
        self.assertEqual(
            marked("192.0.2.9:5060;rport=1;received=192.0.2.66;branch=z9hG4bK1"),
            "192.0.2.9:5060;rport=49152;received=192.0.2.9;branch=z9hG4bK1",
        )
        self.assertEqual(
            marked("192.0.2.9:5060;received=192.0.2.66;branch=z9hG4bK1"),
            "192.0.2.9:5060;received=192.0.2.9;branch=z9hG4bK1",
        )

    def test_ipv6_is_written_without_brackets(self) -> None:
        """The received parameter has an IPv6 address without brackets (5118-4.5-a)."""
        self.assertEqual(
            marked("example.com;branch=z9hG4bK1", ("2001:db8::1", 5060)),
            "example.com;branch=z9hG4bK1;received=2001:db8::1",
        )

    def test_only_the_top_via_is_touched(self) -> None:
        """The hops before are none of our business."""
        request = options("SIP/2.0/UDP a.example;branch=z9hG4bK1").with_via(
            "SIP/2.0/UDP b.example;branch=z9hG4bK2"
        )
        vias = with_source(request, SOURCE).vias
        self.assertEqual([via.received for via in vias], ["192.0.2.9", None])


class ReplyTests(SynchronousTestCase):
    """Where the response goes (RFC 3261 section 18.2.2)."""

    def reply(self, via: str, *, is_reliable: bool = False) -> object:
        """Address for the response to a marked request."""
        request = options(f"SIP/2.0/UDP {via};branch=z9hG4bK1")
        return reply_address(request, is_reliable=is_reliable)

    def test_received_and_rport(self) -> None:
        """The response MUST be sent to the IP address in received and the port in
        rport (3581-4-a).
        """
        self.assertEqual(
            self.reply("10.0.0.1:5070;received=192.0.2.9;rport=49152"),
            ("192.0.2.9", 49152),
        )

    def test_received_and_the_port_of_sent_by(self) -> None:
        """... in received, using the port indicated in the sent-by value, or 5060 if
        none is specified (3261-18.2.2-a).
        """
        self.assertEqual(
            self.reply("10.0.0.1:5070;received=192.0.2.9"), ("192.0.2.9", 5070)
        )
        self.assertEqual(self.reply("10.0.0.1;received=192.0.2.9"), ("192.0.2.9", 5060))

    def test_sent_by(self) -> None:
        """Otherwise to the address indicated by the sent-by value (3261-18.2.2-a)."""
        self.assertEqual(self.reply("192.0.2.9:5070"), ("192.0.2.9", 5070))

    def test_maddr(self) -> None:
        """If there is a maddr, the response MUST be forwarded to the address listed
        there, using the port indicated in sent-by (3261-18.2.2-a).
        """
        self.assertEqual(
            self.reply("10.0.0.1:5070;maddr=192.0.2.7;received=192.0.2.9;rport=4"),
            ("192.0.2.7", 5070),
        )

    def test_maddr_is_for_datagrams(self) -> None:
        """Over a connection only received and sent-by count (3261-18.2.2-a)."""
        self.assertEqual(
            self.reply(
                "10.0.0.1:5070;maddr=192.0.2.7;received=192.0.2.9;rport=4",
                is_reliable=True,
            ),
            ("192.0.2.9", 5070),
        )

    def test_a_name_is_no_address(self) -> None:
        """A sent-by that is a name leaves only the flow of the request."""
        self.assertIsNone(self.reply("example.com:5070"))
        self.assertEqual(
            self.reply("192.0.2.9:5070;maddr=example.com"), ("192.0.2.9", 5070)
        )
