"""Tests of `sipuac.sdp.negotiation`: answers, checks, later offers, differences."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, NegotiationError
from sipuac.sdp.checks import is_refused
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import (
    answer_to,
    check_answer,
    check_revision,
    check_streams,
    difference,
    held,
    next_offer,
    plain_audio_offer,
    refusing_answer,
    resumed,
)
from tests.sdp import generator

LOCAL = plain_audio_offer("192.0.2.1", 4000, session_id=7)


def sdp(*media: str, origin: str = "bob 1 1 IN IP4 192.0.2.2") -> SessionDescription:
    """A description with these lines for its streams."""
    return SessionDescription.of_lines(
        [
            "v=0",
            f"o={origin}",
            "s=-",
            "c=IN IP4 192.0.2.2",
            "t=0 0",
            *media,
        ]
    )


def media_lines(description: SessionDescription) -> list[str]:
    """The lines of all streams."""
    return [line for stream in description.media for line in stream.lines]


class PlainAudioOfferTests(SynchronousTestCase):
    """The default offer."""

    def test_the_text(self) -> None:
        """It is G.711 in both laws and telephone-event, with rtpmap for each, `s=-`
        and `t=0 0` (3264-5-a, 3264-5.1-b, 4733-2.4.1-a).
        """
        self.assertEqual(
            plain_audio_offer("192.0.2.1", session_id=7).render(),
            b"v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
            b"m=audio 5004 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\n"
            b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            b"a=fmtp:101 0-15\r\na=sendrecv\r\n",
        )

    def test_other_addresses(self) -> None:
        """An IPv6 address and a host name say so, an odd port names its RTCP port."""
        made = plain_audio_offer("2001:db8::1", 4001)
        self.assertIn("c=IN IP6 2001:db8::1", made.lines)
        self.assertIn("a=rtcp:4002", made.lines)
        self.assertIn("c=IN IP4 pc.example", plain_audio_offer("pc.example").lines)
        self.assertEqual(plain_audio_offer("h", 65_535).media[0].rtcp_port, 65_534)
        for description in (made, plain_audio_offer("h", 65_535)):
            SessionDescription.parse(description.render(), is_strict=True)

    def test_unusable_arguments(self) -> None:
        """What no description can hold is refused."""
        for address, port, session_id, version, username in (
            ("not an address", 4000, 1, 1, "-"),
            ("", 4000, 1, 1, "-"),
            ("192.0.2.1", 0, 1, 1, "-"),
            ("192.0.2.1", 99_999, 1, 1, "-"),
            ("192.0.2.1", 4000, 2**63, 1, "-"),
            ("192.0.2.1", 4000, -1, 1, "-"),
            ("192.0.2.1", 4000, 1, 2**62 - 1, "-"),
            ("192.0.2.1", 4000, 1, 1, "a b"),
            ("192.0.2.1", 4000, 1, 1, "a\r\nb"),
        ):
            with self.assertRaises(LocalProtocolError):
                plain_audio_offer(
                    address,
                    port,
                    session_id=session_id,
                    version=version,
                    username=username,
                )


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
        self.assertEqual(self.fault(sdp(), answer), "RFC 3264 6")

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

    def test_faults_that_leave_the_streams_usable(self) -> None:
        """An answer with a fault in t=, o= or the direction can still be used."""
        offer = sdp("m=audio 4000 RTP/AVP 0 96", "a=rtpmap:96 x/1", "a=sendonly")
        answer = sdp("m=audio 6000 RTP/AVP 96", "a=sendonly")
        self.assertNotEqual(self.fault(offer, answer), "")
        check_streams(offer, answer)
        for useless in (sdp(), sdp("m=audio 6000 RTP/AVP 97")):
            with self.assertRaises(NegotiationError):
                check_streams(offer, useless)


class NextOfferTests(SynchronousTestCase):
    """Offers after the first."""

    def test_unchanged(self) -> None:
        """The same version only for an identical description (3264-8-a)."""
        wanted = plain_audio_offer("192.0.2.1", 4000, session_id=99, version=5)
        self.assertIs(next_offer(LOCAL, wanted), LOCAL)

    def test_changed(self) -> None:
        """The version goes up by one, all else in the o= line stays (3264-8-a)."""
        wanted = plain_audio_offer("192.0.2.9", 4000, session_id=99, version=5)
        offer = next_offer(LOCAL, wanted)
        self.assertEqual(
            offer.lines,
            tuple(
                "o=- 7 2 IN IP4 192.0.2.1" if line[0] == "o" else line
                for line in wanted.lines
            ),
        )
        check_revision(LOCAL, offer)

    def test_streams_removed_and_added(self) -> None:
        """Every earlier m= line keeps its place, with port zero when removed; a
        disabled slot may be used again (3264-8-b).
        """
        first = sdp("m=audio 4000 RTP/AVP 0", "a=x", "m=video 4002 RTP/AVP 31 34")
        second = next_offer(first, sdp("m=audio 4000 RTP/AVP 0", "a=x"))
        self.assertEqual(
            media_lines(second),
            [
                "m=audio 4000 RTP/AVP 0",
                "a=x",
                "m=video 0 RTP/AVP 31",
                "c=IN IP4 192.0.2.2",
            ],
        )
        check_revision(first, second)
        third = next_offer(
            second,
            sdp("m=audio 4000 RTP/AVP 0", "m=image 4004 udptl t38", "m=text 9 x y"),
        )
        check_revision(second, third)
        self.assertEqual(
            [(stream.media, stream.port) for stream in third.media],
            [("audio", 4000), ("image", 4004), ("text", 9)],
        )
        self.assertEqual(third.origin.version, 3)

    def test_a_payload_type_with_another_meaning(self) -> None:
        """The mapping from a dynamic payload type number to a codec within a stream
        MUST NOT change for the duration of a session (3264-8.3.2-a).
        """
        first = sdp("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 opus/48000/2")
        other = sdp("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 iLBC/8000")
        with self.assertRaises(NegotiationError) as caught:
            next_offer(first, other)
        self.assertEqual(caught.exception.rule, "RFC 3264 8.3.2")
        moved = sdp(
            "m=audio 4000 RTP/AVP 97 98",
            "a=rtpmap:97 opus/48000/2",
            "a=rtpmap:98 iLBC/8000",
        )
        self.assertEqual(next_offer(first, moved).origin.version, 2)
        video = sdp("m=video 4000 RTP/AVP 96", "a=rtpmap:96 VP8/90000")
        self.assertEqual(next_offer(first, video).origin.version, 2)

    def test_the_last_version(self) -> None:
        """A version beyond a signed 64 bit integer is not made."""
        last = sdp(origin=f"a 1 {2**63 - 1} IN IP4 192.0.2.1")
        with self.assertRaises(NegotiationError) as caught:
            next_offer(last, LOCAL)
        self.assertEqual(caught.exception.rule, "RFC 3264 5")

    def test_revisions_of_the_peer(self) -> None:
        """Each way in which a description cannot follow another is named."""
        first = sdp("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 x/1")
        other = "m=audio 4001 RTP/AVP 96"
        for rule, second in (
            ("", first),
            ("", sdp(other, origin="bob 1 2 IN IP4 192.0.2.2")),
            ("RFC 3264 8", sdp(other)),
            ("RFC 3264 8", sdp(other, origin="bob 1 3 IN IP4 192.0.2.2")),
            ("RFC 3264 8", sdp(other, origin="bob 1 0 IN IP4 192.0.2.2")),
            ("RFC 3264 8", sdp(other, origin="bob 2 2 IN IP4 192.0.2.2")),
            ("RFC 3264 8", sdp(origin="bob 1 2 IN IP4 192.0.2.2")),
            (
                "RFC 3264 8.3.2",
                sdp(other, "a=rtpmap:96 y/1", origin="bob 1 2 IN IP4 192.0.2.2"),
            ),
        ):
            try:
                check_revision(first, second)
                found = ""
            except NegotiationError as error:
                found = error.rule
            self.assertEqual(found, rule, second.text)

    def test_next_offers_are_valid(self) -> None:
        """Whatever is wanted next, the offer can follow the last or is refused."""
        made = 0
        for seed in range(300):
            random = Random(seed)
            previous = generator.description(random)
            try:
                offer = next_offer(previous, generator.description(random))
            except NegotiationError as error:
                self.assertEqual(error.rule, "RFC 3264 8.3.2")
                continue
            made += 1
            check_revision(previous, offer)
            SessionDescription.parse(offer.render(), is_strict=True)
        self.assertGreater(made, 150)


class HoldTests(SynchronousTestCase):
    """Hold and resume."""

    STREAMS = (
        "m=audio 4000 RTP/AVP 0",
        "m=audio 4002 RTP/AVP 0",
        "a=recvonly",
        "a=ptime:20",
        "m=audio 4004 RTP/AVP 0",
        "a=sendonly",
        "m=audio 4006 RTP/AVP 0",
        "a=inactive",
        "m=audio 0 RTP/AVP 0",
    )

    def directions(self, description: SessionDescription) -> list[str]:
        """The direction of each stream."""
        return [stream.direction.value for stream in description.media]

    def test_hold(self) -> None:
        """A sendrecv stream is held by sendonly and a recvonly one by inactive
        (3264-8.4-a).
        """
        offer = held(sdp(*self.STREAMS))
        self.assertEqual(
            media_lines(offer),
            [
                "m=audio 4000 RTP/AVP 0",
                "a=sendonly",
                "m=audio 4002 RTP/AVP 0",
                "a=ptime:20",
                "a=inactive",
                "m=audio 4004 RTP/AVP 0",
                "a=sendonly",
                "m=audio 4006 RTP/AVP 0",
                "a=inactive",
                "m=audio 0 RTP/AVP 0",
            ],
        )
        self.assertEqual(offer.origin.version, 2)
        self.assertIs(held(offer), offer)

    def test_hold_of_a_session_direction(self) -> None:
        """A direction of the session is overridden in each stream."""
        lines = [*sdp().lines, "a=recvonly", "m=audio 4000 RTP/AVP 0"]
        offer = held(SessionDescription.of_lines(lines))
        self.assertEqual(self.directions(offer), ["inactive"])

    def test_resume(self) -> None:
        """What was wanted before the hold is offered again, with the next version."""
        before = sdp(*self.STREAMS)
        offer = resumed(held(before), before)
        self.assertEqual(self.directions(offer), self.directions(before))
        self.assertEqual(offer.origin.version, 3)
        check_revision(held(before), offer)

    def test_resume_without_memory(self) -> None:
        """Without knowing what was before, sendonly becomes sendrecv and inactive
        recvonly.
        """
        offer = resumed(held(sdp(*self.STREAMS[:4])))
        self.assertEqual(self.directions(offer), ["sendrecv", "recvonly"])

    def test_a_stream_added_during_the_hold(self) -> None:
        """A stream that came during the hold is resumed, too."""
        before = sdp("m=audio 4000 RTP/AVP 0", "a=recvonly")
        current = sdp(
            "m=audio 4000 RTP/AVP 0", "a=inactive", "m=audio 4 RTP/AVP 0", "a=sendonly"
        )
        offer = resumed(current, before)
        self.assertEqual(self.directions(offer), ["recvonly", "sendrecv"])

    def test_a_hold_is_not_answered_by_a_hold(self) -> None:
        """The recipient of an offer for a stream on-hold SHOULD NOT automatically
        return an answer with the corresponding stream on hold (3264-8.4-b).
        """
        offer = held(sdp("m=audio 4000 RTP/AVP 0"))
        answer = answer_to(offer, LOCAL)
        self.assertEqual(self.directions(answer), ["recvonly"])
        after = answer_to(resumed(offer), LOCAL, answer)
        self.assertEqual(self.directions(after), ["sendrecv"])


class DifferenceTests(SynchronousTestCase):
    """Differences in words."""

    def test_none(self) -> None:
        """Line ends make no difference."""
        first = sdp("m=audio 4000 RTP/AVP 0", "a=x")
        second = SessionDescription.parse(first.text.replace("\r\n", "\n"))
        self.assertIsNone(difference(first, second))

    def test_everything(self) -> None:
        """Each difference is named with its stream, what is now before what was."""
        first = sdp("m=audio 4000 RTP/AVP 0 8", "a=x", "a=y", "m=video 1 RTP/AVP 31")
        second = sdp(
            "m=audio 4002 RTP/SAVP 8",
            "a=y",
            "a=sendonly",
            origin="bob 1 2 IN IP4 192.0.2.2",
        )
        self.assertEqual(
            difference(first, second),
            "session: without o=bob 1 1 IN IP4 192.0.2.2; "
            "session: with o=bob 1 2 IN IP4 192.0.2.2; "
            "1 streams instead of 2; "
            "stream 1: port 4002 instead of 4000; "
            "stream 1: protocol RTP/SAVP instead of RTP/AVP; "
            "stream 1: formats 8 instead of 0 8; "
            "stream 1: without a=x; "
            "stream 1: with a=sendonly",
        )

    def test_bounded_and_harmless(self) -> None:
        """However much differs, it is one short line of plain characters."""
        many = ["a=x:" + "\x07" * 90 + str(number) for number in range(500)]
        text = difference(sdp(), sdp("m=audio 9 x y", *many)) or ""
        self.assertEqual(text, "1 streams instead of 0")
        text = difference(sdp("m=audio 9 x y"), sdp("m=audio 9 x y", *many)) or ""
        self.assertTrue(text.isascii() and text.isprintable())
        self.assertTrue(text.endswith("; and 492 more"), text)
        self.assertLess(len(text), 800)

    def test_symmetry(self) -> None:
        """A description differs from another exactly when the other differs from it."""
        for seed in range(100):
            first = generator.description(Random(seed))
            second = generator.description(Random(seed + 1))
            self.assertIsNone(difference(first, first))
            self.assertIsNotNone(difference(first, second))
            self.assertIsNotNone(difference(second, first))
