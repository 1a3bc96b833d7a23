"""The torture messages of RFC 4475 and RFC 5118, as far as they concern the parser."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import ParseError
from sipuac.sdp.description import SessionDescription
from sipuac.syntax.bodies import parts_of, session_description
from sipuac.syntax.framing import StreamFramer
from sipuac.syntax.hosts import bracketed
from sipuac.syntax.message import Message, Request, Response, response_to
from sipuac.syntax.parser import check_received, parse_message, salvage_request
from sipuac.syntax.uri import OtherUri, SipUri

DATA = Path(__file__).parent.parent / "data"

#: How we decide where the RFC allows both; the docstring of the parser gives reasons.
DECISIONS = {
    "quotbal": "reject",
    "ltgtruri": "reject",
    "lwsruri": "reject",
    "lwsstart": "reject",
    "trws": "reject",
    "escruri": "accept",
    "baddate": "accept",
    "regbadct": "reject",
    "badaspec": "reject",
    "baddn": "reject",
    "badbranch": "accept",
    "ipv6-bug-abnf-3-colons": "accept",
}

#: Messages without the fields that a response repeats: refused in silence.
UNANSWERABLE = {"insuf"}

# An entry of the manifest: JSON, of which each key has a type of its own.
Entry = dict[str, Any]


def load_manifest() -> list[Entry]:
    """All entries."""
    entries: list[Entry] = json.loads((DATA / "manifest.json").read_text("utf-8"))
    return entries


def read(entry: Entry) -> Message:
    """The message, read and checked as a received datagram is."""
    message = parse_message((DATA / entry["file"]).read_bytes())
    check_received(message)
    return message


def sip_uri(message: Message) -> SipUri:
    """The Request-URI."""
    assert isinstance(message, Request)
    assert isinstance(message.uri, SipUri)
    return message.uri


def contact_uri(message: Message) -> SipUri:
    """The URI of the first Contact."""
    uri = message.contacts[0].uri
    assert isinstance(uri, SipUri)
    return uri


def user(uri: object) -> str | None:
    """The user part of a URI, unescaped."""
    assert isinstance(uri, SipUri)
    return uri.unescaped_user


def scheme(message: Message) -> str:
    """The scheme of a foreign Request-URI."""
    assert isinstance(message, Request)
    assert isinstance(message.uri, OtherUri)
    return message.uri.scheme


#: How each fact of the manifest is found in a message.
FACTS: dict[str, Any] = {
    "method": lambda m: m.method,
    "status": lambda m: m.status,
    "reason": lambda m: m.reason,
    "cseq": lambda m: m.cseq.number,
    "max_forwards": lambda m: m.max_forwards,
    "vias": lambda m: len(m.vias),
    "via_branches": lambda m: [via.branch for via in m.vias],
    "via_transports": lambda m: [via.transport for via in m.vias],
    "via_received": lambda m: m.top_via.received,
    "via_port": lambda m: m.top_via.port,
    "from_display_name": lambda m: m.from_.display_name,
    "to_display_name": lambda m: m.to.display_name,
    "from_tag": lambda m: m.from_tag,
    "to_tag": lambda m: m.to_tag,
    "subject": lambda m: m.get("Subject"),
    "content_length": lambda m: int(m.get("Content-Length")),
    "contains_nul": lambda m: "\0" in m.to.display_name,
    "ruri_user_decoded": lambda m: sip_uri(m).unescaped_user,
    "ruri_host": lambda m: bracketed(sip_uri(m).host),
    "ruri_port": lambda m: sip_uri(m).port,
    "ruri_params": lambda m: len(sip_uri(m).parameters),
    "ruri_scheme": scheme,
    "to_user_decoded": lambda m: user(m.to.uri),
    "from_user_decoded": lambda m: user(m.from_.uri),
    "to_scheme": lambda m: m.to.uri.scheme,
    "from_scheme": lambda m: m.from_.uri.scheme,
    "contact_scheme": lambda m: m.contacts[0].uri.scheme,
    "contact_param_lr": lambda m: contact_uri(m).is_loose_router,
    "contact_uri_params": lambda m: [p[0] for p in contact_uri(m).parameters],
    "contact_params": lambda m: [p[0] for p in m.contacts[0].parameters],
    "contact_uri_headers": lambda m: {
        name: contact_uri(m).header(name) for name, _ in contact_uri(m).headers
    },
    "contacts": lambda m: len(m.contacts),
    "body_length": lambda m: len(m.body),
    "content_type": lambda m: str(m.content_type),
    "unsupported": lambda m: m.require,
    "auth_scheme": lambda m: m.get("Authorization").split()[0],
}

#: Facts that need more than one message's parser, tested by hand below.
OTHER_FACTS = {"parts", "trailing_octets", "reason_starts"}


class ManifestTests(SynchronousTestCase):
    """Each message is accepted or refused as its entry says."""

    def test_files(self) -> None:
        """The files are the ones that the manifest describes."""
        for entry in load_manifest():
            octets = (DATA / entry["file"]).read_bytes()
            self.assertEqual(hashlib.sha256(octets).hexdigest(), entry["sha256"])

    def test_decisions(self) -> None:
        """There is one decision for each message that leaves the choice."""
        free = {e["name"] for e in load_manifest() if e["parser"] == "either"}
        self.assertEqual(free, set(DECISIONS))

    def test_accepted(self) -> None:
        """Every valid message is accepted, its facts as they are (4475-3.1.1-a)."""
        seen = 0
        for entry in load_manifest():
            name = entry["name"]
            if DECISIONS.get(name, entry["parser"]) != "accept":
                continue
            try:
                message = read(entry)
            except ParseError as error:
                self.fail(f"{name}: {error}")
            kind = Request if entry["kind"] == "request" else Response
            self.assertIsInstance(message, kind, name)
            for fact, expected in entry["facts"].items():
                if fact not in OTHER_FACTS:
                    self.assertEqual(FACTS[fact](message), expected, f"{name}: {fact}")
            seen += 1
        self.assertEqual(seen, 40)

    def test_refused(self) -> None:
        """Every message that must be refused is, as it should (4475-3.1.2-a)."""
        seen = 0
        for entry in load_manifest():
            name = entry["name"]
            if DECISIONS.get(name, entry["parser"]) != "reject":
                continue
            error = self.assertRaises(ParseError, read, entry)
            if entry["kind"] == "request":
                self.assertEqual(error.status_hint, entry["ua_status"], name)
            seen += 1
        self.assertEqual(seen, 21)

    def test_refused_in_words(self) -> None:
        """A refused request is answered where its fields can be read."""
        for entry in load_manifest():
            name = entry["name"]
            if DECISIONS.get(name, entry["parser"]) != "reject":
                continue
            request = salvage_request((DATA / entry["file"]).read_bytes())
            if entry["kind"] == "response" or name in UNANSWERABLE:
                self.assertIsNone(request, name)
                continue
            assert request is not None, name
            response = parse_message(response_to(request, 400, to_tag="t").render())
            self.assertTrue(
                response.call_id.startswith(name.split("-")[0]) or "-" in name
            )
            self.assertEqual(response.top_via, request.top_via)

    def test_written_again(self) -> None:
        """What was accepted is written so that it is read as the same again."""
        for entry in load_manifest():
            if DECISIONS.get(entry["name"], entry["parser"]) == "accept":
                message = read(entry)
                again = parse_message(message.render())
                check_received(again)
                self.assertEqual(again, message, entry["name"])


class PeculiarTests(SynchronousTestCase):
    """What the facts of the manifest do not say."""

    def message(self, name: str) -> Message:
        """The message of that name."""
        return read(next(entry for entry in load_manifest() if entry["name"] == name))

    def octets(self, name: str) -> bytes:
        """The octets of that message of RFC 4475."""
        return (DATA / "rfc4475" / f"{name}.dat").read_bytes()

    def test_tortuous_fields(self) -> None:
        """Odd values of unknown fields are kept, and unfolded (3261-7.3.1-a)."""
        message = self.message("wsinv")
        self.assertEqual(message.get("UnknownHeaderWithUnusualValue"), ";;,,;;,;")
        self.assertEqual(
            message.get("newfangledheader"),
            "newfangled value continued newfangled value",
        )
        self.assertEqual(message.contacts[0].q, 0.33)
        self.assertEqual(message.contacts[0].display_name, 'Quoted string ""')

    def test_trailing_octets(self) -> None:
        """What follows the body in a datagram is no second message (3261-18.3-a)."""
        octets = self.octets("dblreq")
        self.assertEqual(len(octets) - octets.index(b"\r\n\r\n") - 4, 450)
        self.assertEqual(self.message("dblreq").body, b"")

    def test_stream(self) -> None:
        """On a stream these are two messages, or a loss of framing (3261-18.3-c)."""
        frames = StreamFramer().feed(self.octets("dblreq"))
        methods = [frame.method for frame in frames if isinstance(frame, Request)]
        self.assertEqual(methods, ["REGISTER", "INVITE"])
        for name in ("ncl", "mcl01", "inv2543"):
            self.assertRaises(ParseError, StreamFramer().feed, self.octets(name))
        waiting = StreamFramer()
        self.assertEqual(waiting.feed(self.octets("clerr")), [])
        self.assertIsNone(waiting.error)

    def test_binary_body(self) -> None:
        """A body is octets: NUL, bare CR and bare LF in it mean nothing."""
        message = self.message("mpart01")
        parts = parts_of(message)
        self.assertEqual(
            [str(part.content_type) for part in parts],
            ["text/plain", "application/octet-stream"],
        )
        self.assertEqual(len(message.body), 553)
        self.assertIn(b"\0", parts[1].octets)

    def test_session_descriptions(self) -> None:
        """Addresses in SDP have no brackets, and may be of both kinds (5118-4-a)."""
        expected = {
            "ipv6-in-sdp": ["IN IP6 2001:db8::20"] * 2,
            "mult-ip-in-sdp": ["IN IP4 192.0.2.1", "IN IP6 2001:db8::1"],
            "ipv4-mapped-ipv6": ["IN IP6 ::ffff:192.0.2.2"] * 2,
            "wsinv": ["IN IP4 192.0.2.4"] * 2,
            "inv2543": ["IN IP4 192.0.2.5"],
        }
        for name, addresses in expected.items():
            octets = session_description(self.message(name))
            assert octets is not None
            media = SessionDescription.parse(octets).media
            self.assertEqual([str(one.connection) for one in media], addresses, name)

    def test_phrase(self) -> None:
        """A phrase may hold any UTF-8 text (3261-7.2-a)."""
        response = self.message("unreason")
        assert isinstance(response, Response)
        self.assertTrue(response.reason.startswith("= 2**3 * 5**2 но сто"))

    def test_escaped_header_in_the_request_uri(self) -> None:
        """Headers in a Request-URI become no header fields (3261-19.1.1-b)."""
        message = self.message("escruri")
        self.assertEqual(str(sip_uri(message)), "sip:user@example.com")
        self.assertIsNone(message.get("Route"))

    def test_different_contacts(self) -> None:
        """%00 and %00%00 are two users (RFC 4475 section 3.1.1.4)."""
        one, other = self.message("escnull").contacts
        self.assertFalse(one.uri.is_equivalent(other.uri))

    def test_three_colons(self) -> None:
        """Three colons are read as two (5118-4.10-a)."""
        bug = sip_uri(self.message("ipv6-bug-abnf-3-colons"))
        self.assertEqual(bug, sip_uri(self.message("ipv6-correct-abnf-2-colons")))

    def test_bad_branch(self) -> None:
        """A bare magic cookie is a branch that says nothing; it is handed up."""
        self.assertEqual(self.message("badbranch").branch, "z9hG4bK")

    def test_every_cut_point(self) -> None:
        """On a stream each message may come in any two pieces."""
        for name in ("wsinv", "intmeth", "mpart01", "unreason", "longreq"):
            octets = self.octets(name)
            expected = StreamFramer().feed(octets)
            self.assertEqual(len(expected), 1)
            for cut in range(len(octets)):
                framer = StreamFramer()
                frames = framer.feed(octets[:cut]) + framer.feed(octets[cut:])
                self.assertEqual(frames, expected, f"{name} cut at {cut}")
