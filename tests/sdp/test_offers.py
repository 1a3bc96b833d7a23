"""Tests of `sipuac.sdp.offers`: the first offer, later ones, hold and resume."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, NegotiationError
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.negotiation import (
    answer_to,
    check_revision,
    held,
    is_holding,
    next_offer,
    plain_audio_offer,
    resumed,
)
from tests.sdp import generator
from tests.sdp.descriptions import LOCAL, media_lines, sdp


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

    def test_bounds(self) -> None:
        """Ports are 1 to 65535; id and version are signed integers of 64 bits, and the
        first version is below 2**62 - 1 (RFC 3264 section 5).
        """
        host = "192.0.2.1"
        self.assertEqual(plain_audio_offer(host).origin.session_id, 1)
        for port in (1, 65_535):
            self.assertEqual(plain_audio_offer(host, port).media[0].port, port)
        with self.assertRaises(LocalProtocolError):
            plain_audio_offer(host, 65_536)
        for number in (0, 2**63 - 1):
            made = plain_audio_offer(host, session_id=number)
            self.assertEqual(made.origin.session_id, number)
            SessionDescription.parse(made.render(), is_strict=True)
        for number in (0, 2**62 - 2):
            made = plain_audio_offer(host, version=number)
            self.assertEqual(made.origin.version, number)

    def test_versions(self) -> None:
        """The version can be raised up to the greatest integer of 64 bits, by one."""
        last = 2**63 - 1
        text = plain_audio_offer("192.0.2.1").text.replace(
            "o=- 1 1", f"o=- 1 {last - 1}"
        )
        previous = SessionDescription.parse(text)
        offer = next_offer(previous, held(LOCAL))
        self.assertEqual(offer.origin.version, last)
        with self.assertRaises(NegotiationError):
            next_offer(offer, LOCAL)


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

    def test_resume_of_fewer_streams(self) -> None:
        """What was wanted of streams that are gone, or were refused, is forgotten."""
        audio = "m=audio 4000 RTP/AVP 0"
        before = sdp(audio, "a=recvonly", "m=audio 4002 RTP/AVP 0")
        offer = resumed(sdp(audio, "a=inactive"), before)
        self.assertEqual(self.directions(offer), ["recvonly"])
        before = sdp("m=audio 0 RTP/AVP 0", "a=inactive")
        offer = resumed(sdp(audio, "a=sendonly"), before)
        self.assertEqual(self.directions(offer), ["sendrecv"])

    def test_refused_streams_stay_as_they_are(self) -> None:
        """A stream with port 0 has no direction to change."""
        streams = ("m=audio 4000 RTP/AVP 0", "m=audio 0 RTP/AVP 0")
        self.assertEqual(
            media_lines(held(sdp(*streams))), [streams[0], "a=sendonly", streams[1]]
        )
        before = sdp("m=audio 4000 RTP/AVP 0", "m=audio 4 RTP/AVP 0", "a=recvonly")
        self.assertEqual(media_lines(resumed(sdp(*streams), before)), list(streams))

    def test_who_holds(self) -> None:
        """A sender holds that wants to receive none of its streams (8.4); an address of
        nobody is the older way to say so, and refused streams say nothing.
        """
        audio, dead = "m=audio 4000 RTP/AVP 0", "m=audio 0 RTP/AVP 0"
        for is_held, *lines in (
            (True, audio, "a=sendonly"),
            (True, audio, "a=inactive"),
            (False, audio),
            (False, audio, "a=recvonly"),
            (True, audio, "c=IN IP4 0.0.0.0"),
            (True, audio, "c=IN IP4 0.0.0.0", audio, "a=sendonly"),
            (False, audio, audio, "a=sendonly"),
            (True, audio, "a=sendonly", dead),
            (False, dead, "a=sendonly"),
            (False,),
        ):
            self.assertEqual(is_holding(sdp(*map(str, lines))), is_held, lines)

    def test_a_removed_stream(self) -> None:
        """It keeps its slot with port 0 and its own connection (8.2)."""
        audio = "m=audio 4000 RTP/AVP 0"
        video = ["m=video 4002 RTP/AVP 31 32", "c=IN IP4 192.0.2.9", "a=sendonly"]
        self.assertEqual(
            media_lines(next_offer(sdp(audio, *video), sdp(audio)))[1:],
            ["m=video 0 RTP/AVP 31", "c=IN IP4 192.0.2.9"],
        )
        self.assertEqual(
            media_lines(next_offer(sdp(audio, video[0]), sdp(audio)))[1:],
            ["m=video 0 RTP/AVP 31", "c=IN IP4 192.0.2.2"],
        )

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


class HoldingTests(SynchronousTestCase):
    """Who holds a session."""

    def test_directions(self) -> None:
        """Who receives no stream holds the session; a stream that is off does not
        count, and neither does one that goes to 0.0.0.0 (3264-8.4-a).
        """
        for direction, expected in (
            ("sendrecv", False),
            ("recvonly", False),
            ("sendonly", True),
            ("inactive", True),
        ):
            plain = f"m=audio 5004 RTP/AVP 0\r\na={direction}\r\n"
            off = "m=video 0 RTP/AVP 31\r\na=sendrecv\r\n"
            for media in (plain, plain + off):
                self.assertIs(is_holding(described(media)), expected, media)
        self.assertFalse(is_holding(described("m=audio 0 RTP/AVP 0\r\n")))
        older = "m=audio 5004 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"
        self.assertTrue(is_holding(described(older)))


def described(media: str) -> SessionDescription:
    """A description with these media sections."""
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    return SessionDescription.parse(f"{head}{media}")
