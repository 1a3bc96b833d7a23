"""Tests of `sipuac.sdp.checks`: answers of the peer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import NegotiationError
from sipuac.sdp.checks import is_refused
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import check_answer, check_streams
from tests.sdp.descriptions import LOCAL, sdp


class CheckAnswerTests(SynchronousTestCase):
    """What is wrong with an answer, and which rule says so."""

    OFFER = (
        "m=audio 4000 RTP/AVP 0 8 101",
        "a=rtpmap:101 telephone-event/8000",
        "m=video 0 RTP/AVP 31",
    )

    def fault(self, offer: SessionDescription, answer: SessionDescription) -> str:
        """The rule that the answer breaks, "" for none."""
        try:
            check_answer(offer, answer)
        except NegotiationError as error:
            self.assertIn(error.rule, str(error))
            return error.rule
        return ""

    def test_faults(self) -> None:
        """Each fault is found and named by its section of RFC 3264."""
        offer = sdp(*self.OFFER, origin="a 1 1 IN IP4 192.0.2.1")
        video = "m=video 0 RTP/AVP 31"
        for rule, *lines in (
            ("", "m=audio 6000 RTP/AVP 0", video),
            ("", "m=audio 0 RTP/AVP 19", video),
            ("", "m=audio 6000 RTP/AVP 99", "a=rtpmap:99 PCMA/8000", video),
            ("", "m=audio 6000 RTP/AVP 9 8", "a=inactive", video),
            ("RFC 3264 6", "m=audio 6000 RTP/AVP 0"),
            ("RFC 3264 6", "m=audio 6000 RTP/AVP 0", video, video),
            ("RFC 3264 6.1", video, "m=audio 6000 RTP/AVP 0"),
            ("RFC 3264 6.1", "m=image 0 udptl t38", video),
            ("RFC 3264 6.1", "m=audio 6000 RTP/AVP 9", video),
            ("RFC 3264 6.1", "m=audio 6000 RTP/AVP 0 99", video),
            ("RFC 3264 6.1", "m=audio 6000 RTP/AVP 101", video),
            ("RFC 3264 6", "m=audio 6000 RTP/SAVP 0", video),
            ("RFC 3264 8.2", "m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 31"),
            ("RFC 3264 6.1", "m=audio 6000 RTP/AVP 0", "c=IN IP4 233.252.0.1/1", video),
        ):
            answer = sdp(*lines)
            self.assertEqual(self.fault(offer, answer), rule, lines)

    def test_directions(self) -> None:
        """Of the sixteen pairs of directions exactly these are allowed (3264-6.1-a)."""
        allowed = {}
        directions = ("sendrecv", "sendonly", "recvonly", "inactive")
        for offered in directions:
            offer = sdp(
                "m=audio 4000 RTP/AVP 0",
                f"a={offered}",
                origin="a 1 1 IN IP4 192.0.2.1",
            )
            allowed[offered] = [
                answered
                for answered in directions
                if not self.fault(offer, sdp("m=audio 6 RTP/AVP 0", f"a={answered}"))
            ]
        self.assertEqual(
            allowed,
            {
                "sendrecv": ["sendrecv", "sendonly", "recvonly", "inactive"],
                "sendonly": ["recvonly", "inactive"],
                "recvonly": ["sendonly", "inactive"],
                "inactive": ["inactive"],
            },
        )

    def test_time(self) -> None:
        """The time of the session cannot be negotiated (3264-6-a)."""
        lines = [line.replace("t=0 0", "t=0 3724394400") for line in sdp().lines]
        answer = SessionDescription.of_lines(lines)
        self.assertEqual(self.fault(LOCAL, sdp()), "RFC 3264 6")
        offer = sdp(origin="a 1 1 IN IP4 192.0.2.1")
        self.assertEqual(self.fault(offer, sdp()), "")
        self.assertEqual(self.fault(offer, answer), "RFC 3264 6")

    def test_origin(self) -> None:
        """If the answer differs from the offer, its o= line MUST be different."""
        offer = sdp("m=audio 4000 RTP/AVP 0")
        self.assertEqual(self.fault(offer, offer), "")
        same = sdp("m=audio 6000 RTP/AVP 0")
        self.assertEqual(self.fault(offer, same), "RFC 3264 6")

    def test_multicast(self) -> None:
        """If a multicast stream is accepted, address, port and direction in the answer
        MUST match those of the offer, and the formats be a subset.
        """
        group = "c=IN IP4 233.252.0.1/1"
        other = "c=IN IP4 233.252.0.2/1"
        offer = sdp("m=audio 4000 RTP/AVP 0 8", group, origin="a 1 1 IN IP4 192.0.2.1")
        for rule, *lines in (
            ("", "m=audio 4000 RTP/AVP 0", group),
            ("", "m=audio 0 RTP/AVP 0"),
            ("RFC 3264 6.2", "m=audio 4000 RTP/AVP 0", other),
            ("RFC 3264 6.2", "m=audio 4002 RTP/AVP 0", group),
            ("RFC 3264 6.2", "m=audio 4000 RTP/AVP 0", group, "a=recvonly"),
            ("RFC 3264 6.2", "m=audio 4000 RTP/AVP 0 9", group),
        ):
            self.assertEqual(self.fault(offer, sdp(*lines)), rule, lines)

    def test_formats_without_rtp(self) -> None:
        """Formats that are no payload types need no rtpmap, and have to be the same."""
        offer = sdp("m=image 4000 udptl t38", origin="a 1 1 IN IP4 192.0.2.1")
        self.assertEqual(self.fault(offer, sdp("m=image 6000 udptl t38")), "")
        other = sdp("m=image 6000 udptl t39")
        self.assertEqual(self.fault(offer, other), "RFC 3264 6.1")

    def test_a_number_with_another_meaning(self) -> None:
        """A payload type of the offer is no common format where the answer maps it to
        another encoding.
        """
        offer = sdp("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2")
        other = sdp("m=audio 6000 RTP/AVP 96", "a=rtpmap:96 AMR/8000")
        self.assertRaises(NegotiationError, check_streams, offer, other)

    def test_every_stream_is_looked_at(self) -> None:
        """Those behind a refused one, too."""
        offer = sdp("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0")
        answer = sdp("m=audio 0 RTP/AVP 0", "m=audio 6002 RTP/AVP 9")
        with self.assertRaises(NegotiationError) as caught:
            check_streams(offer, answer)
        self.assertIn("stream 2", str(caught.exception))
        answer = sdp("m=audio 0 RTP/AVP 0", "m=audio 6002 RTP/SAVP 0")
        with self.assertRaises(NegotiationError) as caught:
            check_answer(offer.with_origin(LOCAL.origin), answer)
        self.assertIn("stream 2", str(caught.exception))

    def test_refused(self) -> None:
        """A description refuses all where it has streams and each has port 0."""
        dead, alive = "m=audio 0 RTP/AVP 0", "m=audio 6 RTP/AVP 0"
        self.assertTrue(is_refused(sdp(dead, dead)))
        self.assertFalse(is_refused(sdp(dead, alive)))
        self.assertFalse(is_refused(sdp()))

    def test_faults_that_leave_the_streams_usable(self) -> None:
        """An answer with a fault in t=, o= or the direction can still be used."""
        offer = sdp("m=audio 4000 RTP/AVP 0 96", "a=rtpmap:96 x/1", "a=sendonly")
        answer = sdp("m=audio 6000 RTP/AVP 96", "a=sendonly")
        self.assertNotEqual(self.fault(offer, answer), "")
        check_streams(offer, answer)
        for useless in (sdp(), sdp("m=audio 6000 RTP/AVP 97")):
            with self.assertRaises(NegotiationError):
                check_streams(offer, useless)
