"""Endpoint strings for listeners."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError
from sipuac.transport.listener import Listener, default_listeners, parse_listener
from sipuac.transport.tls import OwnCertificate


class ParseTests(SynchronousTestCase):
    """What the strings mean."""

    def test_udp(self) -> None:
        """UDP has no endpoint in Twisted, and the same grammar here."""
        self.assertEqual(parse_listener("udp:5070"), Listener("UDP", "", 5070))
        self.assertEqual(
            parse_listener("udp:0:interface=127.0.0.1"),
            Listener("UDP", "127.0.0.1", 0),
        )

    def test_default_ports(self) -> None:
        """Without port it is 5060, or 5061 for TLS (3263-4.1-d)."""
        self.assertEqual(parse_listener("udp"), Listener("UDP", "", 5060))
        self.assertEqual(
            parse_listener("tcp:interface=127.0.0.1"),
            Listener("TCP", "127.0.0.1", 5060),
        )
        self.assertEqual(parse_listener("ssl:privateKey=k.pem").port, 5061)

    def test_ipv6_interface_is_escaped(self) -> None:
        """As in Twisted's endpoints, a backslash takes the meaning of a colon."""
        self.assertEqual(
            parse_listener(r"tcp:5060:interface=\:\:1"), Listener("TCP", "::1", 5060)
        )

    def test_ssl(self) -> None:
        """TLS has a key, a certificate in the same file or another, and a chain."""
        self.assertEqual(
            parse_listener(
                "ssl:port=5062:privateKey=k.pem:certKey=c.pem:extraCertChain=x.pem"
            ),
            Listener("TLS", "", 5062, OwnCertificate("k.pem", "c.pem", "x.pem")),
        )
        self.assertEqual(
            parse_listener("ssl:5061:privateKey=both.pem").certificate,
            OwnCertificate("both.pem", "both.pem"),
        )

    def test_errors_are_one_clear_line(self) -> None:
        """What cannot be used is refused with the string and the reason."""
        for text, reason in (
            ("", "must begin with one of udp:, tcp:, ssl:"),
            ("tls:example.com:5061", "must begin with one of"),
            ("udp:http", "'http' is no port"),
            ("udp:65536", "'65536' is no port"),
            ("udp:99999999999999999999", "is no port"),
            ("udp:-1", "is no port"),
            ("udp:\u0665", "is no port"),
            ("udp:5060:interface=localhost", "'localhost' is no IP address"),
            ("udp:5060:interface=::1", "needs \\: for each of its colons"),
            ("udp:5060:port=5061", "needs \\:"),
            ("udp:5060:interfce=127.0.0.1", "no option 'interfce'"),
            ("tcp:5060:certKey=c.pem", "no option 'certKey'"),
            ("ssl:5061", "needs privateKey=FILE"),
        ):
            error = self.assertRaises(LocalProtocolError, parse_listener, text)
            self.assertIn(reason, str(error))
            self.assertIn(repr(text), str(error))
            self.assertNotIn("\n", str(error))

    def test_impossible_listeners(self) -> None:
        """What nobody can listen on is refused before a socket is opened."""
        certificate = OwnCertificate("k.pem", "c.pem")
        for arguments in (
            ("UDP", "localhost", 5060),
            ("UDP", "", -1),
            ("TCP", "", 65536),
            ("TLS", "", 5061),
            ("TCP", "", 5060, certificate),
        ):
            self.assertRaises(LocalProtocolError, Listener, *arguments)
        self.assertRaises(LocalProtocolError, default_listeners, "localhost")
        self.assertEqual(default_listeners("[::1]")[0].interface, "::1")

    def test_default_listeners(self) -> None:
        """The least that a SIP element has is UDP and TCP at one place (3261-18-a)."""
        self.assertEqual(
            default_listeners("127.0.0.1"),
            [Listener("UDP", "127.0.0.1", 0), Listener("TCP", "127.0.0.1", 0)],
        )
