"""Session descriptions and bodies that are absurd, cut off or contradict themselves.

Whatever a callee writes, each 2xx is acknowledged, each dialog comes to its end, the
caller is told by a typed failure, and nothing is left.
"""

from __future__ import annotations

from typing import Any

from sipuac.errors import MediaRefused, MissingSessionDescription, TransportFailed
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.message import Request, Response, response_to
from sipuac.testing.media import late
from sipuac.ua.invitation import Invitation
from tests.ua.peer import HOST, PeerTestCase

SDP = ("Content-Type", "application/sdp")
HEAD = b"v=0\r\no=bob 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
AUDIO = b"m=audio 4000 RTP/AVP 0 8\r\n"
GOOD = HEAD + AUDIO

UNREADABLE = {
    "ten thousand streams": HEAD + AUDIO * 10_000,
    "three thousand lines": GOOD + b"a=x\r\n" * 3_000,
    "port 99999": HEAD + AUDIO.replace(b"4000", b"99999"),
    "port -1": HEAD + AUDIO.replace(b"4000", b"-1"),
    "a port of a thousand digits": HEAD + AUDIO.replace(b"4000", b"9" * 1_000),
    "cut off in a line": GOOD[: len(HEAD) + 10],
    "cut off after o=": GOOD[:20],
    "no c=": GOOD.replace(b"c=IN IP4 192.0.2.9\r\n", b""),
    "an m= line without format": HEAD + b"m=audio 4000 RTP/AVP\r\n",
    "an unknown letter": GOOD + b"q=1\r\n",
    "NUL": GOOD.replace(b"s=-", b"s=\0"),
    "no text at all": bytes(range(128, 256)) * 100,
    "empty lines": b"\r\n" * 1_000,
}
"""Of the right type, but no session description that counts."""

ODD_BODIES = {
    "multipart without boundary": ("multipart/mixed", b"--x\r\n\r\n" + GOOD),
    "multipart that never ends": (
        "multipart/mixed;boundary=x",
        b"--x\r\nContent-Type: application/sdp\r\n",
    ),
    "multipart with an empty boundary": ('multipart/mixed;boundary=""', GOOD),
    "nested beyond the bound": ("multipart/mixed;boundary=b0", b""),
    "a thousand parts": (
        "multipart/mixed;boundary=x",
        b"--x\r\n\r\nhi\r\n" * 1_000
        + b"--x\r\nContent-Type: application/sdp\r\n\r\n"
        + GOOD
        + b"\r\n--x--\r\n",
    ),
    "another type": ("text/plain", GOOD),
    "a type that cannot be read": ("application", GOOD),
}


def nested(depth: int) -> bytes:
    """A description in so many multiparts within one another."""
    body = b"Content-Type: application/sdp\r\n\r\n" + GOOD
    for level in reversed(range(depth)):
        boundary = b"b%d" % level
        body = b"--%b\r\n%b\r\n--%b--\r\n" % (boundary, body, boundary)
        if level:
            body = (
                b"Content-Type: multipart/mixed;boundary=%b\r\n\r\n" % boundary + body
            )
    return body


ODD_BODIES["nested beyond the bound"] = ("multipart/mixed;boundary=b0", nested(5))


class BadDescriptionCase(PeerTestCase):
    """A peer that says anything."""

    def say(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/sdp",
        tag: str = "a",
        rseq: str | None = None,
    ) -> Response:
        """Answer the INVITE with this body."""
        fields = [("Contact", f"<sip:bob@{HOST}>"), ("Content-Type", content_type)]
        if rseq is not None:
            fields += [("Require", "100rel"), ("RSeq", rseq)]
        invite = self.peer.last("INVITE")
        said = response_to(invite, status, to_tag=tag, headers=fields, body=body)
        self.peer.send(said)
        self.advance()
        return said

    def warnings(self, call: Invitation) -> list[str]:
        """The warnings of the call."""
        events = [event.as_dict() for event in call.events]
        return [str(e["message"]) for e in events if e["event"] == "warning"]

    def end(self) -> None:
        """Answer what we asked last; nothing is left."""
        for method in ("PRACK", "BYE"):
            for request in self.peer.requests(method)[-1:]:
                self.peer.answer(request, 200)
        self.advance()
        self.assert_nothing_left()

    def hang_up(self, call: Invitation) -> None:
        """End the call that stands; nothing is left."""
        self.successResultOf(call.established).bye()
        self.advance()
        self.end()


class AnswerTests(BadDescriptionCase):
    """In place of the answer to our offer."""

    def bodies(self) -> dict[str, tuple[str, bytes]]:
        """Every body that brings no answer, by what is wrong with it."""
        unreadable = {
            name: ("application/sdp", body) for name, body in UNREADABLE.items()
        }
        return {**unreadable, **ODD_BODIES}

    def test_in_a_2xx(self) -> None:
        """ACK, BYE, MissingSessionDescription, and a warning that says what it is
        (3261-13.2.1-e).
        """
        for name, (content_type, body) in self.bodies().items():
            self.setUp()
            call = self.invite()
            self.say(200, body, content_type)
            self.failureResultOf(call.established, MissingSessionDescription)
            self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"], name)
            self.assertIn("cause=488", self.peer.last("BYE").get("Reason") or "")
            (warning,) = self.warnings(call)
            self.assertNotIn("\n", warning, name)
            self.assertLess(len(warning), 600, name)
            self.assertEqual(self.media.called("open"), [], name)
            self.end()

    def test_in_a_provisional(self) -> None:
        """It is passed over: the description that follows is the answer."""
        for name, (content_type, body) in self.bodies().items():
            self.setUp()
            call = self.invite(early_media=True)
            self.say(183, body, content_type)
            self.say(183, body, content_type, rseq="1")
            self.assertEqual(self.peer.methods, ["INVITE", "PRACK"], name)
            self.assertEqual(len(self.warnings(call)), 2, name)
            self.say(200, GOOD)
            self.assertEqual(len(self.media.called("apply_answer")), 1, name)
            self.hang_up(call)

    def test_an_answer_that_does_not_fit(self) -> None:
        """One with the wrong number of streams, or none that could be used, is refused:
        BYE with Reason 488, and the failure names the rule (3264-6-a).
        """
        for body, rule in (
            (HEAD, "0 streams in answer to 1 (RFC 3264 6)"),
            (GOOD + AUDIO, "2 streams in answer to 1 (RFC 3264 6)"),
            (HEAD + AUDIO * 60, "60 streams in answer to 1 (RFC 3264 6)"),
            (HEAD + b"m=video 4000 RTP/AVP 0\r\n", "(RFC 3264 6.1)"),
            (HEAD + b"m=audio 4000 RTP/AVP 127\r\n", "(RFC 3264 6.1)"),
        ):
            for status in (183, 200):
                self.setUp()
                call = self.invite(early_media=True)
                self.say(status, body)
                self.assertIn("cause=488", self.peer.last("BYE").get("Reason") or "")
                if status == 183:
                    self.peer.answer(self.peer.last("INVITE"), 487)
                    self.advance()
                error = self.failureResultOf(call.established, MediaRefused).value
                self.assertIn(rule, str(error))
                self.assertEqual(self.media.called("open"), [])
                self.end()

    def test_every_cut(self) -> None:
        """An answer that is cut off anywhere is the answer or is none; never more."""
        for length in range(0, len(GOOD), 3):
            self.setUp()
            call = self.invite()
            self.say(200, GOOD[:length])
            self.assertEqual(self.peer.methods[:2], ["INVITE", "ACK"])
            if "BYE" in self.peer.methods:
                self.end()
            else:
                self.hang_up(call)

    def test_two_answers_that_differ(self) -> None:
        """The first one counts, and the difference is told once for each response."""
        call = self.invite(early_media=True)
        self.say(183, GOOD)
        for _ in range(3):
            self.say(183, HEAD + AUDIO * 3)
        self.say(200, HEAD + AUDIO.replace(b"4000", b"5000"))
        self.assertEqual(len(self.warnings(call)), 4)
        self.assertEqual(len(self.media.called("apply_answer")), 1)
        self.hang_up(call)


class OfferTests(BadDescriptionCase):
    """In place of the callee's offer, where our INVITE had none."""

    def test_in_a_2xx(self) -> None:
        """ACK, BYE, MissingSessionDescription (3261-13.2.1-e)."""
        bodies = {name: ("application/sdp", one) for name, one in UNREADABLE.items()}
        for name, (content_type, body) in {**bodies, **ODD_BODIES}.items():
            self.setUp()
            call = self.invite(without_sdp=True)
            self.say(200, body, content_type)
            self.failureResultOf(call.established, MissingSessionDescription)
            self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"], name)
            self.assertEqual(self.peer.last("ACK").body, b"")
            self.assertEqual(self.media.sessions, [])
            self.end()

    def test_in_a_reliable_provisional(self) -> None:
        """It is acknowledged without an answer; the offer may come in the 2xx."""
        for name, body in UNREADABLE.items():
            self.setUp()
            call = self.invite(without_sdp=True)
            self.say(183, body, rseq="1")
            self.assertEqual(self.peer.last("PRACK").body, b"", name)
            self.peer.answer(self.peer.last("PRACK"), 200)
            self.say(200, GOOD)
            answer = SessionDescription.parse(self.peer.last("ACK").body)
            self.assertEqual(len(answer.media), 1, name)
            self.hang_up(call)

    def test_no_stream(self) -> None:
        """An offer without m= lines is one: it is answered with none."""
        call = self.invite(without_sdp=True)
        self.say(200, HEAD)
        answer = SessionDescription.parse(self.peer.last("ACK").body)
        self.assertEqual(answer.media, ())
        self.hang_up(call)

    def test_streams_of_no_use(self) -> None:
        """Streams that nobody could take are refused one by one (3264-6-b)."""
        call = self.invite(without_sdp=True)
        streams = b"m=quantum 4000 ENTANGLED/1 x\r\nm=audio 0 RTP/AVP 0\r\n"
        self.say(200, HEAD + streams + b"m=audio 4002 RTP/AVP 126\r\n" + AUDIO)
        answer = SessionDescription.parse(self.peer.last("ACK").body)
        self.assertEqual([one.port == 0 for one in answer.media][:3], [True] * 3)
        self.assertGreater(answer.media[3].port, 0)
        self.hang_up(call)

    def test_another_offer_while_one_is_pending(self) -> None:
        """The offer of the first reliable response gets the one answer; another one in
        the next response is told and ignored (6337-3.1.2-a, 6337-4-a).
        """
        self.media.react("make_answer", late(2.0))
        call = self.invite(without_sdp=True)
        self.say(183, GOOD, rseq="1")
        self.say(183, HEAD + AUDIO * 3, rseq="2")
        self.advance(2)
        pracks = self.peer.requests("PRACK")
        bodies = {prack.get("RAck"): prack.body for prack in pracks}
        self.assertEqual(sorted(map(str, bodies)), ["1 1 INVITE", "2 1 INVITE"])
        self.assertEqual(bodies["2 1 INVITE"], b"")
        answer = SessionDescription.parse(bodies["1 1 INVITE"])
        self.assertEqual(len(answer.media), 1)
        self.assertEqual(len(self.media.called("make_answer")), 1)
        self.assertEqual(len(self.warnings(call)), 1)
        for prack in pracks:
            self.peer.answer(prack, 200)
        self.say(200, b"", "text/plain")
        self.hang_up(call)

    def test_a_2xx_while_the_offer_is_pending(self) -> None:
        """It must not come yet (RFC 3262 section 3); it gets its ACK, and the answer
        still goes into PRACK.
        """
        self.media.react("make_answer", late(2.0))
        call = self.invite(without_sdp=True)
        self.say(183, GOOD, rseq="1")
        self.say(200, HEAD + AUDIO * 3)
        self.assertEqual(self.peer.last("ACK").body, b"")
        self.advance(2)
        self.assertEqual(self.peer.last("PRACK").get("RAck"), "1 1 INVITE")
        self.assertNotEqual(self.peer.last("PRACK").body, b"")
        self.peer.answer(self.peer.last("PRACK"), 200)
        self.hang_up(call)


class PeerOfferTests(BadDescriptionCase):
    """Offers of the callee in a request while another one is pending."""

    def update(self, cseq: int) -> Response:
        """The callee sends UPDATE with an offer; our answer to that."""
        fields = [("Contact", f"<sip:bob@{HOST}>"), SDP]
        self.peer.ask("UPDATE", cseq=cseq, headers=fields, body=GOOD)
        self.advance()
        said = self.peer.received[-1]
        assert isinstance(said, Response)
        self.assertEqual(said.cseq.method, "UPDATE")
        return said

    def test_while_ours_is_open(self) -> None:
        """491 while our offer has no answer; 488 with a Warning once it has one, as
        there is one exchange while the INVITE is open (3311-5.2-a).
        """
        call = self.invite()
        self.say(180, b"", "text/plain")
        self.assertEqual(self.update(1).status, 491)
        self.say(183, GOOD, rseq="1")
        self.peer.answer(self.peer.last("PRACK"), 200)
        self.advance()
        refused = self.update(2)
        self.assertEqual(refused.status, 488)
        self.assertIsNotNone(refused.get("Warning"))
        self.assertEqual(self.media.called("open"), [])
        self.say(200, GOOD)
        self.hang_up(call)

    def test_while_its_own_is_open(self) -> None:
        """491: "While an INVITE client transaction is incomplete, and an ACK or a PRACK
        transaction associated with an offer/answer is incomplete, a UA should reject an
        UPDATE request with a 491 response" (RFC 6337 section 4.3).
        """
        self.media.react("make_answer", late(2.0))
        call = self.invite(without_sdp=True)
        self.say(183, GOOD, rseq="1")
        self.assertEqual(self.update(1).status, 491)
        self.advance(2)
        self.peer.answer(self.peer.last("PRACK"), 200)
        self.assertEqual(len(self.media.called("make_answer")), 1)
        self.say(200, b"", "text/plain")
        self.hang_up(call)

    def test_a_re_invite_while_the_invite_is_open(self) -> None:
        """491 (3261-14.2-a); its ACK ends that, and the call goes on."""
        call = self.invite()
        self.say(183, GOOD)
        fields = [("Contact", f"<sip:bob@{HOST}>"), SDP]
        asked = self.peer.ask("INVITE", headers=fields, body=GOOD)
        self.advance()
        self.assertEqual(self.peer.statuses, [491])
        acknowledged = Request(
            "ACK",
            asked.uri,
            [
                ("Via", asked.get("Via") or ""),
                ("Max-Forwards", "70"),
                ("From", asked.get("From") or ""),
                ("To", asked.get("To") or ""),
                ("Call-ID", asked.call_id),
                ("CSeq", "1 ACK"),
            ],
        )
        self.peer.send(acknowledged)
        self.say(200, GOOD)
        self.hang_up(call)


class LargeTests(BadDescriptionCase):
    """More than any description needs, over TCP."""

    protocol = "TCP"

    def test_a_megabyte(self) -> None:
        """It is refused unread: ACK, BYE, MissingSessionDescription."""
        for octets in (66_000, 1_000_000):
            self.setUp()
            call = self.invite()
            self.say(200, GOOD + b"a=" + b"x" * octets + b"\r\n")
            self.failureResultOf(call.established, MissingSessionDescription)
            self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
            self.assertIn("octets", self.warnings(call)[0])
            self.end()

    def test_more_than_any_message_may_hold(self) -> None:
        """The connection is given up before that; so the INVITE fails by it."""
        call = self.invite()
        self.say(200, GOOD + b"a=" + b"x" * 3_000_000 + b"\r\n")
        self.advance()
        self.failureResultOf(call.established, TransportFailed)
        self.assertEqual(self.peer.methods, ["INVITE"])
        self.end()


class NumberTests(BadDescriptionCase):
    """RSeq and RAck that cannot be."""

    def test_rseq(self) -> None:
        """Zero, or beyond 32 bits, or no number: the response is malformed and dropped,
        and counted; the call goes on without it (3262-4-d).
        """
        for rseq in ("0", "4294967296", "9" * 100, "-1", "1.5", "", "one", "1 1"):
            self.setUp()
            call = self.invite(without_sdp=True)
            self.say(183, GOOD, rseq=rseq)
            self.assertEqual(self.peer.methods, ["INVITE"], rseq)
            self.assertEqual(call.branches, [], rseq)
            counters = self.endpoint.transport.counters
            self.assertEqual(counters["malformed"], 1, rseq)
            self.say(200, GOOD)
            self.hang_up(call)

    def test_the_last_rseq(self) -> None:
        """The largest number is one; there is none after it."""
        call = self.invite()
        self.say(183, GOOD, rseq="4294967295")
        for rseq in ("4294967296", "0", "1"):
            self.say(183, GOOD, rseq=rseq)
        (prack,) = self.peer.requests("PRACK")
        self.assertEqual(prack.get("RAck"), "4294967295 1 INVITE")
        self.peer.answer(prack, 200)
        self.say(200, GOOD)
        self.hang_up(call)

    def test_a_prack_that_matches_nothing(self) -> None:
        """481, early or not, whatever its RAck says (RFC 3262 section 3); nothing else
        comes of it.
        """
        fields: list[dict[str, Any]] = [
            {"headers": [("RAck", "1 1 INVITE")]},
            {"headers": [("RAck", "99999999999 1 INVITE")]},
            {"headers": [("RAck", "nonsense")]},
            {},
        ]
        call = self.invite()
        self.say(183, GOOD)
        for number, one in enumerate(fields, 1):
            self.peer.ask("PRACK", cseq=number, **one)
        self.advance()
        self.say(200, GOOD)
        for number, one in enumerate(fields, 11):
            self.peer.ask("PRACK", cseq=number, **one)
        self.advance()
        self.assertEqual(self.peer.statuses, [481] * 8)
        self.hang_up(call)
