"""Tests of `sipuac.sdp.answers`: answers of ours."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import NegotiationError
from sipuac.sdp.checks import is_refused
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import (
    answer_to,
    check_answer,
    check_revision,
    refusing_answer,
)
from tests.sdp import generator
from tests.sdp.descriptions import LOCAL, media_lines, sdp


class RefusingAnswerTests(SynchronousTestCase):
    """The answer that is made without asking the media."""

    def test_the_text(self) -> None:
        """Same streams in the same order, all ports zero, at least one format each, an
        o= line of its own (3264-6-a, 3264-6-b).
        """
        offer = sdp(
            "m=audio 4000 RTP/AVP 8 0",
            "a=mid:x",
            "m=image 4002 udptl t38",
        )
        self.assertEqual(
            refusing_answer(offer).render(),
            b"v=0\r\no=sipuac 1 1 IN IP4 0.0.0.0\r\ns=-\r\n"
            b"c=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            b"m=audio 0 RTP/AVP 8\r\na=mid:x\r\nm=image 0 udptl t38\r\n",
        )

    def test_an_offer_without_streams(self) -> None:
        """If the offer contained zero m= lines, the answer MUST contain zero m= lines
        (6228-8-a).
        """
        self.assertEqual(refusing_answer(sdp()).media, ())

    def test_valid_for_every_offer(self) -> None:
        """It is a valid answer to whatever is offered, and passes the grammar."""
        for seed in range(300):
            offer = generator.description(Random(seed))
            answer = refusing_answer(offer)
            check_answer(offer, answer)
            self.assertTrue(all(stream.port == 0 for stream in answer.media), seed)
            self.assertEqual(
                SessionDescription.parse(answer.render(), is_strict=True), answer
            )

    def test_after_another_description_of_ours(self) -> None:
        """The o= line of the dialog stays but for its version (3264-8-a)."""
        offer = sdp("m=audio 4000 RTP/AVP 0")
        answer = refusing_answer(offer, LOCAL)
        self.assertIn("o=- 7 2 IN IP4 192.0.2.1", answer.lines)
        check_revision(LOCAL, answer)
        self.assertEqual(refusing_answer(offer, answer), answer)


class AnswerToTests(SynchronousTestCase):
    """The answer of one who has capabilities."""

    def test_a_payload_type_with_another_meaning(self) -> None:
        """A number that stood for another codec in this stream, in an offer or answer
        of either side, is not taken for the new one (3264-8.3.2-a).
        """
        previous = sdp("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2")
        local = sdp("m=audio 4000 RTP/AVP 97 0", "a=rtpmap:97 AMR/8000")
        offer = sdp("m=audio 6000 RTP/AVP 96 0", "a=rtpmap:96 AMR/8000")
        self.assertEqual(answer_to(offer, local).media[0].formats, ("96", "0"))
        answer = answer_to(offer, local, previous)
        self.assertEqual(answer.media[0].formats, ("0",))
        only = sdp("m=audio 6000 RTP/AVP 96", "a=rtpmap:96 AMR/8000")
        with self.assertRaises(NegotiationError):
            answer_to(only, local, previous)

    def test_formats_of_both(self) -> None:
        """The answer lists the formats of both, in the offer's order and by its payload
        type numbers (3264-6.1-b, 3264-6.1-c, 3264-6.1-d).
        """
        offer = sdp(
            "m=audio 6000 RTP/AVP 9 97 8 0 96",
            "a=rtpmap:97 opus/48000/2",
            "a=rtpmap:96 telephone-event/8000",
            "a=fmtp:96 0-16",
        )
        self.assertEqual(
            answer_to(offer, LOCAL).render(),
            b"v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
            b"m=audio 4000 RTP/AVP 8 0 96\r\na=rtpmap:8 PCMA/8000\r\n"
            b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\n"
            b"a=fmtp:96 0-15\r\na=sendrecv\r\n",
        )

    def test_names_without_case(self) -> None:
        """Encoding names are compared without regard to case."""
        offer = sdp("m=audio 6000 RTP/AVP 100", "a=rtpmap:100 pcmu/8000")
        self.assertEqual(answer_to(offer, LOCAL).media[0].formats, ("100",))

    def test_streams_that_we_cannot_take(self) -> None:
        """A stream without a format in common, of another type or protocol, disabled or
        multicast gets port zero, and the others live (3264-6.1-b, 3264-8.2-a).
        """
        offer = sdp(
            "m=audio 6000 RTP/AVP 9",
            "m=video 6002 RTP/AVP 31",
            "m=audio 6004 RTP/SAVP 0",
            "m=audio 0 RTP/AVP 0",
            "m=audio 6006 RTP/AVP 0",
            "c=IN IP4 233.252.0.1/1",
            "m=audio 6008 RTP/AVP 0",
            "m=audio 6010 RTP/AVP 0",
        )
        answer = answer_to(offer, LOCAL)
        self.assertEqual(
            [stream.port for stream in answer.media], [0, 0, 0, 0, 0, 4000, 0]
        )
        check_answer(offer, answer)

    def test_nothing_in_common(self) -> None:
        """If there are no media formats in common for all streams, the entire offered
        session is rejected.
        """
        for lines in (
            ["m=audio 6000 RTP/AVP 9"],
            ["m=video 6000 RTP/AVP 0", "m=audio 0 RTP/AVP 0"],
            ["m=audio 6000 RTP/AVP 9 101", "a=rtpmap:101 telephone-event/8000"],
        ):
            with self.assertRaises(NegotiationError) as caught:
                answer_to(sdp(*lines), LOCAL)
            self.assertEqual(caught.exception.rule, "RFC 3264 6.1")

    def test_events_alone(self) -> None:
        """A stream of nothing but telephone-event is taken where it was asked for."""
        offer = sdp("m=audio 6000 RTP/AVP 96", "a=rtpmap:96 telephone-event/8000")
        self.assertEqual(answer_to(offer, LOCAL).media[0].formats, ("96",))

    def test_no_stream_offered(self) -> None:
        """An offer without a stream, or with none that lives, is answered in kind."""
        for lines in ([], ["m=audio 0 RTP/AVP 0"]):
            offer = sdp(*lines)
            answer = answer_to(offer, LOCAL)
            check_answer(offer, answer)
            self.assertEqual(len(answer.media), len(lines))

    def test_directions(self) -> None:
        """Directions are mirrored: sendonly to recvonly or inactive, recvonly to
        sendonly or inactive, inactive to inactive (3264-6.1-a).
        """
        answered = {}
        for wanted in ("sendrecv", "sendonly", "recvonly", "inactive"):
            local = sdp(
                "m=audio 4000 RTP/AVP 0", f"a={wanted}", origin=str(LOCAL.origin)
            )
            for offered in ("sendrecv", "sendonly", "recvonly", "inactive"):
                offer = sdp("m=audio 6000 RTP/AVP 0", f"a={offered}")
                answer = answer_to(offer, local)
                check_answer(offer, answer)
                answered[wanted, offered] = answer.media[0].direction.value
        self.assertEqual(
            answered,
            {
                ("sendrecv", "sendrecv"): "sendrecv",
                ("sendrecv", "sendonly"): "recvonly",
                ("sendrecv", "recvonly"): "sendonly",
                ("sendrecv", "inactive"): "inactive",
                ("sendonly", "sendrecv"): "sendonly",
                ("sendonly", "sendonly"): "inactive",
                ("sendonly", "recvonly"): "sendonly",
                ("sendonly", "inactive"): "inactive",
                ("recvonly", "sendrecv"): "recvonly",
                ("recvonly", "sendonly"): "recvonly",
                ("recvonly", "recvonly"): "inactive",
                ("recvonly", "inactive"): "inactive",
                ("inactive", "sendrecv"): "inactive",
                ("inactive", "sendonly"): "inactive",
                ("inactive", "recvonly"): "inactive",
                ("inactive", "inactive"): "inactive",
            },
        )

    def test_time(self) -> None:
        """The t= line in the answer MUST equal that of the offer (3264-6-a)."""
        lines = ["v=0", "o=b 1 1 IN IP4 b.example", "s=-", "c=IN IP4 192.0.2.2"]
        times = ["t=3724394400 3724398000", "t=3724484400 0"]
        offer = SessionDescription.of_lines([*lines, *times, "m=audio 6000 RTP/AVP 0"])
        answer = answer_to(offer, LOCAL)
        self.assertEqual(answer.times, offer.times)
        check_answer(offer, answer)

    def test_attributes(self) -> None:
        """Our own attributes are in the answer, those that need the offer's consent
        only where it has them, feedback by the offer's numbers.
        """
        local = sdp(
            "m=video 4000 UDP/TLS/RTP/SAVPF 100 101",
            "i=camera",
            "b=AS:500",
            "a=rtpmap:100 H264/90000",
            "a=fmtp:100 packetization-mode=1",
            "a=rtpmap:101 VP8/90000",
            "a=rtcp-fb:101 nack",
            "a=rtcp-fb:100 nack",
            "a=rtcp-fb:* ccm fir",
            "a=rtcp-mux",
            "a=ice-ufrag:abcd",
            "a=setup:actpass",
            "a=extmap:1 urn:x",
            "a=mid:v",
            "a=ptime:20",
            "a=X-own:1",
            "a=sendonly",
            origin="me 1 1 IN IP4 192.0.2.1",
        )
        lines = [
            "m=video 6000 UDP/TLS/RTP/SAVPF 96 97",
            "a=rtpmap:96 H264/90000",
            "a=rtpmap:97 VP8/90000",
        ]
        common = ["i=camera", "b=AS:500"]
        codec = ["a=rtpmap:97 VP8/90000"]
        feedback = ["a=rtcp-fb:97 nack", "a=rtcp-fb:* ccm fir"]
        first = "m=video 4000 UDP/TLS/RTP/SAVPF 97"
        self.assertEqual(
            media_lines(answer_to(sdp(*lines), local)),
            [
                first,
                *common,
                *codec,
                *feedback,
                "a=ptime:20",
                "a=X-own:1",
                "a=sendonly",
            ],
        )
        asking = ["a=rtcp-mux", "a=ice-ufrag:zz", "a=setup:actpass", "a=mid:7"]
        self.assertEqual(
            media_lines(answer_to(sdp(*lines, *asking), local)),
            [
                first,
                *common,
                "a=mid:7",
                *codec,
                *feedback,
                "a=rtcp-mux",
                "a=ice-ufrag:abcd",
                "a=ptime:20",
                "a=X-own:1",
                "a=setup:active",
                "a=sendonly",
            ],
        )

    def test_later_answers(self) -> None:
        """A stream keeps its port when another is removed, and the version goes up
        only where something changed (3264-8-a).
        """
        local = sdp(
            "m=audio 4000 RTP/AVP 0",
            "m=audio 4002 RTP/AVP 0",
            origin="me 1 1 IN IP4 192.0.2.1",
        )
        both = sdp("m=audio 6000 RTP/AVP 0", "m=audio 6002 RTP/AVP 0")
        second = sdp("m=audio 0 RTP/AVP 0", "m=audio 6002 RTP/AVP 0")
        answers = [answer_to(both, local)]
        for offer in (both, second, both):
            answers.append(answer_to(offer, local, answers[-1]))
        self.assertEqual(
            [
                (answer.origin.version, [stream.port for stream in answer.media])
                for answer in answers
            ],
            [(1, [4000, 4002]), (1, [4000, 4002]), (2, [0, 4002]), (3, [4000, 4002])],
        )

    def test_our_own_offer_comes_back(self) -> None:
        """The o= line of the answer MUST be different from that of the offer."""
        answer = answer_to(LOCAL, LOCAL)
        check_answer(LOCAL, answer)
        self.assertNotEqual(answer.origin, LOCAL.origin)

    def test_every_answer_is_valid(self) -> None:
        """Whatever is offered to whatever capabilities, the answer passes every check
        and the grammar, or the whole offer is rejected.
        """
        answers = 0
        for seed in range(600):
            random = Random(seed)
            offer = generator.description(random)
            local = generator.description(random)
            try:
                answer = answer_to(offer, local)
            except NegotiationError as error:
                self.assertEqual(error.rule, "RFC 3264 6.1")
                continue
            check_answer(offer, answer)
            self.assertEqual(
                SessionDescription.parse(answer.render(), is_strict=True), answer
            )
            again = answer_to(offer, local, answer)
            self.assertEqual(again, answer)
            answers += not is_refused(answer) and bool(answer.media)
        self.assertGreater(answers, 100)
