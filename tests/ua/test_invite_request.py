"""The INVITE as it is written, and what is refused before that."""

from __future__ import annotations

from typing import Any

from sipuac.errors import (
    LocalProtocolError,
)
from sipuac.syntax.message import Request
from sipuac.syntax.uri import SipUri
from sipuac.ua.inviter import Inviter
from tests.ua.peer import HOST, TARGET, Peer, PeerTestCase


class ConstructionTests(PeerTestCase):
    """Every field of RFC 3261 8.1.1 and 13.2.1."""

    def sent(self, target: str = TARGET, **options: Any) -> Request:
        """The INVITE that comes of this."""
        self.successResultOf(self.inviter.invite(target, **options))
        self.advance()
        return self.peer.last("INVITE")

    def inviter_with(self, *arguments: Any, **options: Any) -> None:
        """Use another inviter on the same endpoint."""
        self.inviter = Inviter(self.endpoint, *arguments, media=self.media, **options)

    def test_the_mandatory_fields(self) -> None:
        """To, From, CSeq, Call-ID, Max-Forwards and Via are in it (3261-8.1.1-a); the
        Request-URI is that of To, which has no tag (3261-8.1.1.1-a, 3261-8.1.1.2-a).
        """
        invite = self.sent()
        self.assertEqual(invite.uri_text, TARGET)
        self.assertEqual(invite.get("To"), f"<{TARGET}>")
        self.assertIsNone(invite.to_tag)
        self.assertEqual(
            invite.get("From"), '"Caller" <sip:caller@example.invalid>;tag=caller-tag1'
        )
        self.assertEqual(invite.get("Call-ID"), "caller-call1")
        self.assertEqual(invite.get("CSeq"), "1 INVITE")
        self.assertEqual(invite.get("Max-Forwards"), "70")
        self.assertEqual(len(invite.vias), 1)
        self.assertEqual(invite.get_all("Route"), [])

    def test_what_an_invite_has_beyond(self) -> None:
        """Contact, without feature tags that nobody asked for (3840-11-a), Allow, the
        offer and its type (3261-8.1.1.8-a, 3261-13.2.1-a, 3311-4-a).
        """
        invite = self.sent()
        self.assertEqual(
            invite.get_all("Contact"), ["<sip:caller@caller.invalid:5060>"]
        )
        for method in ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE"):
            self.assertTrue(invite.has_token("Allow", method))
        self.assertFalse(invite.has_token("Allow", "REFER"))
        self.assertEqual(invite.get("Content-Type"), "application/sdp")
        self.assertEqual(invite.body, self.media.description.render())
        self.assertIsNone(invite.get("Require"))
        self.assertIsNone(invite.get("Request-Disposition"))
        self.assertRegex(invite.get("User-Agent") or "", r"\Asipuac/")

    def test_each_invite_is_new(self) -> None:
        """New requests get a new From tag, Call-ID and branch (3261-8.1.1.3-a)."""
        first, second = self.sent(), self.sent()
        self.assertNotEqual(first.from_tag, second.from_tag)
        self.assertNotEqual(first.call_id, second.call_id)
        self.assertNotEqual(first.branch, second.branch)

    def test_a_loose_proxy(self) -> None:
        """The proxy is the top Route, and the Request-URI stays the target; a proxy
        that does not say lr is a loose router all the same (3261-8.1.1.1-b).
        """
        for proxy in (f"sip:{HOST}", f"sip:{HOST};lr"):
            self.inviter_with("sip:caller@example.invalid", proxy=proxy)
            invite = self.sent("sip:bob@elsewhere.invalid")
            self.assertEqual(invite.uri_text, "sip:bob@elsewhere.invalid")
            self.assertEqual(invite.get_all("Route"), [f"<sip:{HOST};lr>"])

    def test_a_tel_uri_goes_to_the_proxy(self) -> None:
        """A tel URI is the Request-URI and To; the proxy routes it."""
        self.inviter_with("tel:+358-555-1234567", proxy=f"sip:{HOST}")
        invite = self.sent("tel:+1-201-555-0123")
        self.assertEqual(invite.uri_text, "tel:+1-201-555-0123")
        self.assertEqual(invite.get("To"), "<tel:+1-201-555-0123>")
        self.assertEqual(invite.get("From"), "<tel:+358-555-1234567>;tag=caller-tag1")
        self.assertEqual(invite.get("Contact"), "<sip:caller.invalid:5060>")

    def test_contact_over_tcp(self) -> None:
        """Contact names the transport that it is reached by, other than UDP, and bears
        no feature tag that nobody has asked for (3840-11-a).
        """
        asked = self.inviter.invite(f"{TARGET};transport=tcp")
        self.advance()
        self.successResultOf(asked)
        self.assertEqual(
            self.peer.last("INVITE").get("Contact"),
            "<sip:caller@caller.invalid:5060;transport=tcp>",
        )

    def test_secure_contact(self) -> None:
        """Where Request-URI or top Route is a SIPS URI, Contact MUST be one as well
        (3261-8.1.1.8-b), and the request goes over TLS (3261-8.1.2-a).
        """
        peer = Peer(self.network, "tls.invalid", "TLS", port=5061)
        cases = (
            ("sips:bob@tls.invalid", None),
            ("sip:bob@elsewhere.invalid", "sips:tls.invalid"),
            ("sips:bob@elsewhere.invalid", "sip:tls.invalid"),
        )
        for target, proxy in cases:
            self.inviter_with("sip:caller@example.invalid", proxy=proxy)
            asked = self.inviter.invite(target)
            self.advance()
            self.successResultOf(asked)
            self.advance()
            invite = peer.last("INVITE")
            self.assertEqual(invite.get("Contact"), "<sips:caller@caller.invalid:5060>")
            self.assertEqual(invite.top_via.transport, "TLS")

    def test_to_and_from_have_what_table_1_allows(self) -> None:
        """Port, transport and the like stand in the Request-URI, not in To and From
        (3261-19.1.1-b); all that is not the method stays there (3261-19.1.5-a).
        """
        self.inviter_with("sip:caller@example.invalid:5070;transport=udp;ttl=1;lr")
        parameters = ";transport=udp;user=phone;maddr=peer.invalid;ttl=1;x=y"
        invite = self.sent(f"sip:+1@{HOST}:5060{parameters};method=INVITE")
        self.assertEqual(invite.uri_text, f"sip:+1@{HOST}:5060{parameters}")
        self.assertEqual(invite.get("To"), f"<sip:+1@{HOST};user=phone;x=y>")
        sender = invite.get("From") or ""
        self.assertTrue(sender.startswith("<sip:caller@example.invalid>;tag="))

    def test_routes_have_what_table_1_allows(self) -> None:
        """A Route has no method, headers and ttl (3261-19.1.1-b)."""
        self.inviter_with("sip:a@b", proxy=f"sip:{HOST};ttl=1;method=BYE;x=y?a=b")
        self.assertEqual(self.sent().get_all("Route"), [f"<sip:{HOST};x=y;lr>"])

    def test_headers_of_the_target(self) -> None:
        """Words for the callee and preferences for the way are honored; what says who
        calls, where we are and what we can is not (3261-19.1.5-b).
        """
        honored = "Subject=on%20time&priority=urgent&d=no-fork&In-Reply-To=x%40y"
        ignored = (
            "From=%3Csip:evil%40x%3E&i=evil&CSeq=7%20BYE&v=evil&Record-Route=evil&"
            "Route=%3Csip:evil%3E&Accept=evil&Accept-Encoding=evil&k=evil&"
            "Accept-Language=evil&Allow=evil&m=%3Csip:evil%3E&Organization=evil&"
            "User-Agent=evil&Replaces=evil&Authorization=evil&P-Asserted-Identity=evil&"
            "Privacy=evil&body=evil&Content-Type=text/evil&Require=&l=7&Date=evil"
        )
        invite = self.sent(f"{TARGET}?{honored}&{ignored}")
        self.assertEqual(invite.uri_text, TARGET)
        self.assertEqual(invite.get("Subject"), "on time")
        self.assertEqual(invite.get("Priority"), "urgent")
        self.assertEqual(invite.get("Request-Disposition"), "no-fork")
        self.assertEqual(invite.get("In-Reply-To"), "x@y")
        self.assertNotIn(b"evil", invite.render())
        self.assertEqual(invite.cseq.method, "INVITE")

    def test_the_applications_own_fields_count_alone(self) -> None:
        """A header of the target does not stand beside one of the application."""
        invite = self.sent(f"{TARGET}?Subject=theirs", headers=[("s", "ours")])
        self.assertEqual(invite.get_all("Subject"), ["ours"])

    def test_our_own_extensions(self) -> None:
        """Supported and Require name what is built, of standards-track RFCs: 100rel
        (RFC 3262), 199 (RFC 6228) and timer (RFC 4028) (3261-8.1.1.9-a); what the call
        depends on is required (3261-8.1.1.9-b).
        """
        self.assertEqual(self.sent().supported, ["100rel", "timer"])
        self.assertEqual(
            self.sent(early_media=True).supported, ["100rel", "199", "timer"]
        )
        invite = self.sent(reliable="required")
        self.assertEqual((invite.require, invite.supported), (["100rel"], ["timer"]))
        for asked in ({}, {"early_media": True}, {"reliable": "required"}):
            self.assertIsNone(self.sent(**asked).get("Proxy-Require"))

    def test_what_proxies_must_know(self) -> None:
        """An extension of the application's that proxies must know is in Proxy-Require
        as it says (3261-8.1.1.9-b).
        """
        invite = self.sent(headers=[("Proxy-Require", "pref")])
        self.assertEqual(invite.tokens("Proxy-Require"), ["pref"])

    def test_numbers(self) -> None:
        """CSeq begins far below 2**31 and has the method of its request, Max-Forwards
        is 70, in every request (3261-8.1.1.5-a, 3261-8.1.1.6-a).
        """
        call = self.invite()
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 200, sdp=True)
        self.advance()
        session = self.successResultOf(call.established)
        session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        second = self.invite()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        second.cancel()
        self.advance()
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(self.peer.last("INVITE"), 487)
        self.advance()
        requests = [m for m in self.peer.received if isinstance(m, Request)]
        methods = {request.method for request in requests}
        self.assertEqual(methods, {"INVITE", "ACK", "BYE", "CANCEL"})
        for request in requests:
            self.assertEqual(request.cseq.method, request.method)
            self.assertLess(request.cseq.number, 1000)
            self.assertEqual(request.max_forwards, 70)
        self.assert_nothing_left()

    def test_an_anonymous_call(self) -> None:
        """From says nobody, Contact has no user but our true host, Call-ID no host, and
        no field tells who calls (3323-4.1-a).
        """
        self.inviter_with('"Anonymous" <sip:anonymous@anonymous.invalid>')
        invite = self.sent(headers=[("Privacy", "id;critical")])
        sender = invite.from_
        self.assertEqual(sender.display_name, "Anonymous")
        self.assertEqual(str(sender.uri), "sip:anonymous@anonymous.invalid")
        self.assertEqual(invite.get_all("Contact"), ["<sip:caller.invalid:5060>"])
        self.assertNotIn("@", invite.call_id)
        for name in ("User-Agent", "Organization", "Reply-To", "Call-Info", "Subject"):
            self.assertIsNone(invite.get(name))
        self.assertEqual(invite.get("Privacy"), "id;critical")

    def test_a_preferred_identity_goes_to_our_proxy(self) -> None:
        """To no other hop than a proxy of our choice is it sent (3325-6-a)."""
        self.inviter_with("sip:caller@example.invalid", proxy=f"sip:{HOST}")
        field = ("P-Preferred-Identity", "<sip:a@b>, <tel:+1>")
        invite = self.sent(headers=[field])
        self.assertEqual(invite.get(field[0]), field[1])

    def test_the_user_agent_can_be_chosen_or_left_out(self) -> None:
        """User-Agent is configurable, able to be left out (3261-20.41-a)."""
        self.inviter_with("sip:caller@example.invalid", user_agent="Thing/1")
        self.assertEqual(self.sent().get("User-Agent"), "Thing/1")
        self.inviter_with("sip:caller@example.invalid", user_agent=None)
        self.assertIsNone(self.sent().get("User-Agent"))

    def test_the_answer_timeout_is_sent_as_expires(self) -> None:
        """A limit of the caller goes into Expires (3261-13.2.1-b)."""
        self.assertEqual(self.sent().get("Expires"), "180")
        self.assertEqual(self.sent(answer_timeout=20).get("Expires"), "20")
        self.assertEqual(self.sent(answer_timeout=0.2).get("Expires"), "1")

    def test_the_session_timer(self) -> None:
        """Supported says timer, wanted or not, and Require never does (4028-7.1-a);
        Session-Expires is at or above Min-SE and names no refresher (4028-7.1-b,
        4028-4-a).
        """
        invite = self.sent()
        self.assertTrue(invite.has_token("Supported", "timer"))
        self.assertIsNone(invite.get("Session-Expires"))
        self.assertIsNone(invite.get("Min-SE"))
        invite = self.sent(session_expires=90)
        self.assertEqual(invite.get_all("Session-Expires"), ["90"])
        self.assertIsNone(invite.get("Min-SE"))
        invite = self.sent(session_expires=1800, min_se=120)
        self.assertEqual(invite.get_all("Session-Expires"), ["1800"])
        self.assertEqual(invite.get_all("Min-SE"), ["120"])
        self.assertIsNone(invite.get("Require"))

    def test_early_media_asks_for_no_fork(self) -> None:
        """no-fork and 199, the latter never required (6228-4-a, 3841-9.1-a)."""
        invite = self.sent(early_media=True)
        self.assertEqual(invite.get_all("Request-Disposition"), ["no-fork"])
        self.assertEqual(invite.get_all("Supported"), ["100rel, 199, timer"])
        self.assertIsNone(invite.get("Require"))
        invite = self.sent(early_media=True, fork_preference="sequential")
        self.assertEqual(invite.get("Request-Disposition"), "sequential")
        invite = self.sent(early_media=True, fork_preference="none")
        self.assertIsNone(invite.get("Request-Disposition"))

    def test_own_preferences_count_alone(self) -> None:
        """What the application asks of proxies is sent as it is (3841-5-a)."""
        for name in ("Request-Disposition", "d", "request-disposition"):
            invite = self.sent(early_media=True, headers=[(name, "fork, queue")])
            self.assertEqual(invite.get_all("Request-Disposition"), ["fork, queue"])

    def test_preferences_are_repeated(self) -> None:
        """CANCEL and the ACK of a non-2xx repeat them unchanged (3841-5-b)."""
        preferences = [
            ("Accept-Contact", '*;audio;methods="INVITE"'),
            ("Reject-Contact", "*;automata"),
            ("Request-Disposition", "no-fork"),
        ]
        call = self.invite(headers=preferences)
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        call.cancel()
        self.advance()
        cancel = self.peer.last("CANCEL")
        self.peer.answer(cancel, 200)
        self.peer.answer(self.peer.last("INVITE"), 487)
        self.advance()
        for request in (cancel, self.peer.last("ACK")):
            for name, value in preferences:
                self.assertEqual(request.get_all(name), [value], request.method)
        self.assert_nothing_left()

    def test_further_fields(self) -> None:
        """The application's fields are sent in their order; credentials go into the
        ACK, too (3261-22.1-d).
        """
        fields = [("X-One", "1"), ("Authorization", "Digest a=b"), ("X-One", "2")]
        invite = self.sent(headers=fields)
        self.assertEqual(invite.get_all("X-One"), ["1", "2"])
        self.peer.answer(invite, 486)
        self.advance()
        self.assertEqual(self.peer.last("ACK").get("Authorization"), "Digest a=b")


class RefusalTests(PeerTestCase):
    """What cannot be is refused, and nothing leaves."""

    def refuse(self, target: str = TARGET, **options: Any) -> None:
        """See that this is refused without a trace."""
        failure = self.failureResultOf(self.inviter.invite(target, **options))
        self.assertIsInstance(failure.value, LocalProtocolError, (target, options))
        self.advance()
        self.assertEqual(self.network.log, [])
        self.assertEqual(self.media.calls, [])
        self.assertEqual(self.inviter.invitations, [])

    def test_unusable_targets(self) -> None:
        """Only sip, sips, and with a proxy tel, can be called."""
        for target in (
            "",
            "bob",
            "sip:",
            "sip:@",
            "mailto:bob@x",
            "sip:a b@c",
            "sip:a@b\r\nX: y",
            "tel:+15550123",
            "sip:bob@peer.invalid\x00",
        ):
            self.refuse(target)

    def test_header_injection(self) -> None:
        """A field that would break the message is refused."""
        for name, value in (
            ("X-A", "1\r\nEvil: 2"),
            ("X-A", "1\nEvil: 2"),
            ("X-A", "1\r"),
            ("X-A", "a\x00b"),
            ("X-A\r\nEvil", "2"),
            ("X A", "1"),
            ("", "1"),
            ("X:A", "1"),
        ):
            self.refuse(headers=[(name, value)])

    def test_fields_of_our_own(self) -> None:
        """Fields that the user agent writes cannot be given, in whatever spelling."""
        for name in (
            "Via v From f To t Call-ID i CSeq Contact m Max-Forwards Route "
            "Record-Route Content-Length l Content-Type c Content-Encoding e Expires "
            "Allow Supported k User-Agent FROM call-id"
        ).split():
            self.refuse(headers=[(name, "x")])

    def test_targets_that_are_no_invites(self) -> None:
        """A URI of which no valid INVITE can be formed, or that needs an extension, is
        refused (3261-19.1.5-c).
        """
        for tail in (
            ";method=BYE",
            ";%6Dethod=REGISTER",
            ";method",
            ";method=invite",
            "?Require=100rel",
            "?Require=magic",
            "?Proxy-Require=magic",
            "?Subject=a%0D%0AEvil:%20b",
            "?a%20b=c",
            "?Sub%0Aject=x",
            "?X=%00",
            "?Request-Disposition=fork%2Cno-fork",
            "?Request-Disposition=",
        ):
            self.refuse(TARGET + tail)

    def test_a_preferred_identity_without_proxy(self) -> None:
        """It is for a trusted proxy only (3325-6-a)."""
        self.refuse(headers=[("P-Preferred-Identity", "<sip:a@b>")])

    def test_contradictions(self) -> None:
        """Both of a pair of directives are refused (3841-9.1-a)."""
        for value in ("fork, no-fork", "parallel, SEQUENTIAL", "queue,no-queue", ""):
            self.refuse(headers=[("Request-Disposition", value)])
        self.refuse(
            headers=[("Request-Disposition", "fork"), ("d", "no-fork")],
            early_media=True,
        )

    def test_options_that_cannot_be(self) -> None:
        """Policies against the media, early media without an offer, odd numbers."""
        asked: list[dict[str, Any]] = [
            {"on_fork": "cancel-extras"},
            {"on_fork": "unheard-of"},
            {"early_media": True, "without_sdp": True},
            {"without_sdp": True, "on_fork": "keep-all"},
            {"answer": "last"},
            {"reliable": "maybe"},
            {"answer_timeout": 0},
            {"answer_timeout": float("nan")},
            {"answer_timeout": float("inf")},
            {"fork_hold": -1},
            {"max_extras": -1},
            {"extra_ringing": "maybe"},
            {"fork_preference": "maybe"},
            {"headers": [("Require", "100rel")]},
            {"headers": [("Session-Expires", "1800")]},
            {"max_redirects": -1},
            {"session_expires": 89},
            {"session_expires": 2**31},
            {"session_expires": "soon"},
            {"min_se": 30},
            {"session_expires": 100, "min_se": 200},
        ]
        for options in asked:
            self.refuse(**options)

    def test_no_media(self) -> None:
        """Without media there is no offer."""
        self.inviter = Inviter(self.endpoint, "sip:caller@example.invalid")
        self.refuse()

    def test_too_many_calls(self) -> None:
        """The number of calls is bounded."""
        self.inviter = Inviter(
            self.endpoint, "sip:c@example.invalid", media=self.media, max_calls=0
        )
        self.refuse()

    def test_unusable_identities_and_proxies(self) -> None:
        """The inviter itself refuses what can never work."""
        for identity in (
            "",
            "caller",
            "mailto:a@b",
            'x"y <sip:a@b>',
            '"A\r\nB" <sip:a@b>',
        ):
            with self.assertRaises(LocalProtocolError):
                Inviter(self.endpoint, identity)
        for proxy in ("", "proxy", "tel:+1", "sip:p\r\nX: y"):
            with self.assertRaises(LocalProtocolError):
                Inviter(self.endpoint, "sip:a@b", proxy=proxy)
        with self.assertRaises(LocalProtocolError):
            Inviter(self.endpoint, "sip:a@b", user_agent="x\r\nEvil: 1")
        inviter = Inviter(self.endpoint, "A <sip:a@b;method=BYE?x=y>;tag=old")
        self.assertEqual(str(inviter.identity), '"A" <sip:a@b>')
        self.assertIsInstance(inviter.identity.uri, SipUri)
