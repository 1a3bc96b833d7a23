"""Tests of the reading of malformed requests for the sake of an answer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.message import response_to
from sipuac.syntax.parser import parse_message, salvage_request
from tests.syntax.generators import Generator

GOOD = (
    b"INVITE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
    b"v: SIP/2.0/UDP c\r\nf: <sip:a>;tag=1\r\nTO : <sip:b>\r\ni:\r\n x\r\n"
    b"CSeq: 99999999999999999999 INVITE\r\nSubject: z\r\nMax-Forwards: x\r\n\r\n"
)


class SalvageTests(SynchronousTestCase):
    """What can be answered."""

    def test_what_a_response_needs(self) -> None:
        """All that a response repeats is there, as it came."""
        request = salvage_request(GOOD)
        assert request is not None
        self.assertEqual(
            request.header_items(),
            [
                ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1"),
                ("Via", "SIP/2.0/UDP c"),
                ("From", "<sip:a>;tag=1"),
                ("To", "<sip:b>"),
                ("Call-ID", "x"),
                ("CSeq", "99999999999999999999 INVITE"),
            ],
        )
        self.assertEqual((request.method, request.uri_text), ("INVITE", "sip:b"))
        self.assertEqual(request.branch, "z9hG4bK1")

    def test_repeated_fields(self) -> None:
        """Of a field that is repeated the response has the first row."""
        data = GOOD.replace(b"Subject: z", b"From: <sip:z>\r\nTo: <sip:z>\r\ni: z")
        self.assertEqual(salvage_request(data), salvage_request(GOOD))

    def test_heads_without_end(self) -> None:
        """A head that does not end, and rows that are none, keep nothing back."""
        for data in (
            GOOD[:-2],
            b"\r\n\r\n" + GOOD,
            GOOD.replace(b"\r\nSubject: z", b"\r\nno colon here\r\n: \xff"),
            GOOD.replace(b"Subject: z", b"Subject: z\0"),
            GOOD.replace(b"sip:b SIP", b"sip:b; lr SIP"),
            GOOD.replace(b"sip:b SIP", b" <sip:b>  SIP"),
            GOOD.replace(b"INVITE sip:b SIP/2.0", b"INVITE SIP/9.9"),
        ):
            self.assertIsNotNone(salvage_request(data), data)

    def test_no_answer(self) -> None:
        """Responses, ACKs and requests that name no way back are not answered."""
        for data in (
            b"",
            b"\r\n\r\n",
            b"\0\0\0\0",
            GOOD.replace(b"INVITE sip:b SIP/2.0", b"SIP/2.0 700 x"),
            GOOD.replace(b"INVITE", b"ACK"),
            GOOD.replace(b"INVITE sip:b SIP/2.0", b"INVITE sip:b HTTP/1.1"),
            GOOD.replace(b"INVITE sip:b SIP/2.0", b"INVITE"),
            GOOD.replace(b"INVITE sip", b"INV/TE sip"),
            GOOD.replace(b"f:", b"g:"),
            GOOD.replace(b"TO :", b"TOO :"),
            GOOD.replace(b"i:\r\n x", b"i:"),
            GOOD.replace(b"CSeq:", b"CSeq"),
            GOOD.replace(b"SIP/2.0/UDP a", b"SIP/2.0/UDP"),
            GOOD.replace(b"<sip:b>", b"<sip:b>\nX: y"),
            b"INVITE sip:b SIP/2.0" + b" " * 70_000 + GOOD,
        ):
            self.assertIsNone(salvage_request(data), data[:300])

    def test_via_is_put_right(self) -> None:
        """A top Via with empty parts or of another version still tells the way back."""
        for via in (
            b"SIP/2.0/UDP a;branch=z9hG4bK1;;",
            b"SIP/2.0/UDP a;;branch=z9hG4bK1;,;,,",
            b"SIP/7.0/UDP a;branch=z9hG4bK1",
            b"SIP / 3 / UDP a ; branch = z9hG4bK1 ;",
        ):
            data = GOOD.replace(b"SIP/2.0/UDP a;branch=z9hG4bK1", via)
            request = salvage_request(data)
            assert request is not None, via
            self.assertEqual(str(request.top_via), "SIP/2.0/UDP a;branch=z9hG4bK1")

    def test_total(self) -> None:
        """Whatever comes, there is a request that can be answered, or nothing."""
        for seed in range(500):
            generator = Generator(seed)
            octets = bytearray(generator.message().render())
            for _ in range(3):
                position = generator.random.randrange(len(octets))
                octets[position] = generator.random.choice(b'\0\r\n :,;"<0a\xff')
            request = salvage_request(bytes(octets))
            if request is not None:
                response = response_to(request, 400, to_tag="t")
                again = parse_message(response.render())
                self.assertEqual(again, response, f"seed {seed}")
                self.assertEqual(again.top_via, request.top_via, f"seed {seed}")
