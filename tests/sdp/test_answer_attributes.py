"""Which formats and attributes an answer of ours has, one rule at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import NegotiationError
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import answer_to, check_answer, refusing_answer
from tests.sdp.descriptions import LOCAL, media_lines, sdp

_OURS = "me 1 1 IN IP4 192.0.2.1"


def _ours(*media: str) -> SessionDescription:
    return sdp(*media, origin=_OURS)


def _with_session(
    origin: str, attributes: list[str], *media: str
) -> SessionDescription:
    """A description with these attributes of the session."""
    lines = ["v=0", f"o={origin}", "s=Call", "c=IN IP4 192.0.2.2", "t=0 0"]
    return SessionDescription.of_lines([*lines, *attributes, *media])


class FormatTests(SynchronousTestCase):
    """Formats in common (RFC 3264 section 6.1)."""

    def test_what_carries_no_voice(self) -> None:
        """Events, comfort noise and tones go along with a codec; where the codecs of
        both differ there is no call to be made of them.
        """
        for encoding in ("telephone-event", "CN", "tone"):
            also = ["m=audio 4000 RTP/AVP 0 97", f"a=rtpmap:97 {encoding}/8000"]
            offer = sdp("m=audio 6000 RTP/AVP 9 97", f"a=rtpmap:97 {encoding}/8000")
            self.assertRaises(NegotiationError, answer_to, offer, _ours(*also))
            offer = sdp("m=audio 6000 RTP/AVP 0 97", f"a=rtpmap:97 {encoding}/8000")
            answer = answer_to(offer, _ours(*also))
            self.assertEqual(answer.media[0].formats, ("0", "97"))

    def test_what_names_other_formats(self) -> None:
        """An answer may leave out any format: those whose parameters name the payload
        types of others are left out, as their numbers need not be ours.
        """
        for encoding in ("rtx", "red", "ulpfec", "flexfec"):
            media = [
                "m=video 4000 RTP/AVP 96 97",
                "a=rtpmap:96 VP8/90000",
                f"a=rtpmap:97 {encoding}/90000",
            ]
            answer = answer_to(sdp(*media), _ours(*media))
            self.assertEqual(answer.media[0].formats, ("96",), encoding)

    def is_common(self, encoding: str, theirs: str, ours: str) -> bool:
        """Whether a format with these parameters is the same for both."""
        lines = ["m=audio 4000 RTP/AVP 96", f"a=rtpmap:96 {encoding}"]
        offer = [*lines, *([f"a=fmtp:96 {theirs}"] if theirs else [])]
        local = [*lines, *([f"a=fmtp:96 {ours}"] if ours else [])]
        try:
            answer_to(sdp(*offer), _ours(*local))
        except NegotiationError:
            return False
        return True

    def test_configurations(self) -> None:
        """Parameters that "describe specific configurations of the media format" are
        part of it; where one is left out it has its default (3264-6.1-b; RFC 6184
        section 8.2.2, RFC 4867 section 8.3.1).
        """
        for encoding, name in (
            ("H264/90000", "packetization-mode"),
            ("AMR/8000", "octet-align"),
            ("AMR-WB/16000", "octet-align"),
        ):
            for theirs, ours, is_common in (
                (f"{name}=1", f"{name}=1", True),
                (f"{name}=1", f"{name}=0", False),
                (f"{name}=0", "", True),
                ("", f"{name}=0", True),
                (f"{name}=1", "", False),
                (f"x=y; {name.upper()}=1; z", f"{name}=1", True),
                (f"{name}=1;x=y", "x=y", False),
            ):
                found = self.is_common(encoding, theirs, ours)
                self.assertEqual(found, is_common, (encoding, theirs, ours))

    def test_bit_rates(self) -> None:
        """G.722.1 is another format at another bit rate (RFC 5577)."""
        self.assertTrue(self.is_common("G7221/16000", "bitrate=24000", "bitrate=24000"))
        self.assertFalse(
            self.is_common("G7221/16000", "bitrate=24000", "bitrate=32000")
        )
        self.assertFalse(self.is_common("G7221/16000", "bitrate=24000", ""))
        self.assertTrue(self.is_common("G7221/16000", "", ""))

    def test_other_parameters(self) -> None:
        """All others are each side's own."""
        self.assertTrue(self.is_common("AMR/8000", "mode-set=0", "mode-set=7"))
        self.assertTrue(self.is_common("opus/48000/2", "octet-align=1", ""))

    def test_formats_without_rtp(self) -> None:
        """A stream that is no RTP has formats and no payload types to map."""
        fax = "m=image 4000 udptl t38"
        self.assertEqual(
            media_lines(answer_to(sdp(fax), _ours(fax))), [fax, "a=sendrecv"]
        )

    def test_a_stream_that_we_do_not_have(self) -> None:
        """One of ours that is disabled takes no stream of the offer."""
        local = _ours("m=audio 0 RTP/AVP 0", "m=audio 4002 RTP/AVP 0")
        answer = answer_to(sdp("m=audio 6000 RTP/AVP 0"), local)
        self.assertEqual(answer.media[0].port, 4002)

    def test_a_further_stream(self) -> None:
        """Where the slot was not there before, no payload type had a meaning in it
        (3264-8.3.2-a).
        """
        audio = "m=audio 4000 RTP/AVP 0"
        video = ["m=video 4002 RTP/AVP 96", "a=rtpmap:96 VP8/90000"]
        previous = answer_to(sdp(audio), _ours(audio))
        answer = answer_to(sdp(audio, *video), _ours(audio, *video), previous)
        self.assertEqual([stream.port for stream in answer.media], [4000, 4002])


class AttributeTests(SynchronousTestCase):
    """Attributes of ours in the answer."""

    def test_only_if_offered(self) -> None:
        """What both sides have to want is answered where the offer has it, for the
        stream or for the session (RFC 5761 5.1.1, RFC 5506 5, RFC 8839 5, RFC 8842).
        """
        audio = "m=audio 4000 RTP/AVP 0"
        for name in (
            "candidate",
            "end-of-candidates",
            "fingerprint",
            "ice-lite",
            "ice-options",
            "ice-pwd",
            "ice-ufrag",
            "remote-candidates",
            "rtcp-mux",
            "rtcp-rsize",
        ):
            ours, theirs = f"a={name}:ours", f"a={name}:theirs"
            in_stream = _ours(audio, ours)
            in_session = _with_session(_OURS, [ours], audio)
            bob = "bob 1 1 IN IP4 192.0.2.2"
            for offer, is_asked in (
                (sdp(audio), False),
                (sdp(audio, theirs), True),
                (_with_session(bob, [theirs], audio), True),
            ):
                for local in (in_stream, in_session):
                    lines = answer_to(offer, local).lines
                    self.assertEqual(ours in lines, is_asked, (name, offer, local))
                    self.assertNotIn(theirs, lines)

    def test_never_copied(self) -> None:
        """What answers something that nobody here negotiates is left out, even where
        the offer has it.
        """
        audio = "m=audio 4000 RTP/AVP 0"
        bob = "bob 1 1 IN IP4 192.0.2.2"
        for name in (
            "crypto",
            "extmap",
            "extmap-allow-mixed",
            "group",
            "msid-semantic",
            "rtcp-fb",
        ):
            line = f"a={name}:x"
            offer = _with_session(bob, [line], audio, line)
            for local in (
                _ours(audio, line),
                _with_session(_OURS, [line], audio),
            ):
                self.assertNotIn(line, answer_to(offer, local).lines)

    def test_one_direction(self) -> None:
        """A stream has one direction, made for this offer (3264-6.1-a)."""
        for direction in ("sendonly", "recvonly", "inactive", "sendrecv"):
            audio = ["m=audio 4000 RTP/AVP 0", f"a={direction}"]
            lines = media_lines(answer_to(sdp(audio[0]), _ours(*audio)))
            self.assertEqual(lines[2:], [f"a={direction}"])

    def test_feedback_without_a_format(self) -> None:
        """A feedback attribute that names no payload type means nothing."""
        audio = "m=audio 4000 RTP/AVP 0"
        answer = answer_to(sdp(audio), _ours(audio, "a=rtcp-fb"))
        self.assertFalse(any("rtcp-fb" in line for line in answer.lines))

    def test_session_lines(self) -> None:
        """Name and attributes of our session stand in the answer."""
        audio = "m=audio 4000 RTP/AVP 0"
        local = _with_session(_OURS, ["a=tool:x"], audio)
        answer = answer_to(sdp(audio), local)
        self.assertEqual(answer.name, "Call")
        self.assertEqual([str(a) for a in answer.attributes], ["tool:x"])

    def test_one_name_of_a_stream(self) -> None:
        """A stream has one mid (RFC 5888 section 4); of two the first is repeated."""
        audio = "m=audio 4000 RTP/AVP 0"
        lines = media_lines(answer_to(sdp(audio, "a=mid:1", "a=mid:2"), _ours(audio)))
        self.assertEqual([line for line in lines if "mid" in line], ["a=mid:1"])

    def test_who_opens_the_connection(self) -> None:
        """The roles of RFC 4145 section 4.1: the answer to active is passive, to
        passive active, to actpass one of them, to holdconn holdconn.
        """
        audio = "m=audio 4000 RTP/AVP 0"
        bob = "bob 1 1 IN IP4 192.0.2.2"
        ours = "a=setup:actpass"
        for asked, answered in (
            ("active", "passive"),
            ("passive", "active"),
            ("actpass", "active"),
            ("holdconn", "holdconn"),
        ):
            line = f"a=setup:{asked}"
            for offer in (sdp(audio, line), _with_session(bob, [line], audio)):
                for local in (_ours(audio, ours), _with_session(_OURS, [ours], audio)):
                    lines = answer_to(offer, local).lines
                    setups = [line for line in lines if "setup" in line]
                    self.assertEqual(setups, [f"a=setup:{answered}"])
        # Nobody opens one for media that does not have any.
        offer = sdp(audio, "a=setup:active")
        self.assertFalse(
            any("setup" in x for x in answer_to(offer, _ours(audio)).lines)
        )


class OriginTests(SynchronousTestCase):
    """The o= line of an answer (3264-6-a)."""

    def test_our_own_offer_comes_back(self) -> None:
        """It differs from that of the offer, and has our address."""
        answer = answer_to(LOCAL, LOCAL)
        self.assertEqual(str(answer.origin), "sipuac 7 1 IN IP4 192.0.2.1")
        check_answer(LOCAL, answer)

    def test_a_refusal_over_ip6(self) -> None:
        """To an offer of IPv6 the address of nobody is that of IPv6."""
        offer = sdp("m=audio 6000 RTP/AVP 0", origin="bob 3 1 IN IP6 2001:db8::2")
        answer = refusing_answer(offer)
        self.assertEqual(str(answer.origin), "sipuac 3 1 IN IP6 ::")
        self.assertIn("c=IN IP6 ::", answer.lines)
