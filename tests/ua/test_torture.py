"""The torture messages of RFC 4475 and RFC 5118, as a whole user agent treats them."""

from __future__ import annotations

from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Response
from sipuac.syntax.parser import parse_message
from tests.syntax.test_torture import (
    DATA,
    DECISIONS,
    UNANSWERABLE,
    Entry,
    load_manifest,
)
from tests.ua.peer import PeerTestCase

SOURCE = ("192.0.2.99", 5060)
US = ("caller.invalid", 5060)

#: What a request gets whose entry names no status: no call is expected here (486), what
#: has a To tag belongs to no dialog (481), and we are no registrar (405).
POLICY = {
    "wsinv": 481,
    "esc01": 486,
    "escnull": 405,
    "lwsdisp": 200,
    "longreq": 486,
    "dblreq": 405,
    "semiuri": 200,
    "transports": 200,
    "mpart01": 405,
    "escruri": 486,
    "baddate": 486,
    "badbranch": 200,
    "cparam01": 405,
    "cparam02": 405,
    "regescrt": 405,
    "inv2543": 486,
    "ipv6-good": 405,
    "port-ambiguous": 405,
    "port-unambiguous": 405,
    "via-received-param-with-delim": 481,
    "via-received-param-no-delim": 200,
    "ipv6-in-sdp": 486,
    "mult-ip-in-header": 481,
    "mult-ip-in-sdp": 486,
    "ipv4-mapped-ipv6": 486,
    "ipv6-bug-abnf-3-colons": 200,
    "ipv6-correct-abnf-2-colons": 200,
}

#: Of these the RFC leaves the choice, and we do not refuse what the status is for.
CHOSEN = {"escruri", "badbranch"}


class TortureTests(PeerTestCase):
    """Each message arrives at an endpoint over UDP."""

    def receive(self, entry: Entry) -> list[Response]:
        """What a new endpoint says to this message.

        Two of them have the same branch, so that one would be taken as the other.
        """
        self.setUp()
        octets = (DATA / entry["file"]).read_bytes()
        self.network.inject(octets, SOURCE, US)
        self.advance()
        self.assertEqual(self.endpoint.counters["requests-malformed"], 0)
        self.assert_nothing_left()
        sent = [p for p in self.network.log if p.source == US]
        responses = [parse_message(packet.octets) for packet in sent]
        return list(
            dict.fromkeys(one for one in responses if isinstance(one, Response))
        )

    def test_requests(self) -> None:
        """Every request gets the status that its entry, or else our policy, asks for
        (4475-3.1.1-a, 4475-3.1.2-a, 5118-4-a).
        """
        entries = [e for e in load_manifest() if e["kind"] == "request"]
        self.assertEqual(len(entries), 56)
        for entry in entries:
            name = entry["name"]
            status = POLICY.get(name, entry["ua_status"])
            if entry["ua_status"] is not None and name not in CHOSEN:
                self.assertEqual(status, entry["ua_status"], name)
            expected = [] if name in UNANSWERABLE else [status]
            got = [response.status for response in self.receive(entry)]
            self.assertEqual(got, expected, name)

    def test_streams(self) -> None:
        """On a stream a message that cannot be framed costs the connection, one that
        is not whole is waited for, and two at once are two (3261-18.3-c).
        """
        expected: dict[str, tuple[bool, list[int]]] = {
            "ncl": (False, []),
            "mcl01": (False, []),
            "inv2543": (False, []),
            "clerr": (True, []),
            "dblreq": (True, [405, 486]),
            "wsinv": (True, [481]),
        }
        for entry in load_manifest():
            if entry["name"] in expected:
                self.setUp()
                octets = (DATA / entry["file"]).read_bytes()
                connecting = self.peer.transport.connect(Destination("TCP", *US, "x"))
                self.advance()
                flow = self.successResultOf(connecting)
                flow.send(octets)
                self.advance()
                outcome = (flow.is_open, self.peer.statuses)
                self.assertEqual(outcome, expected[entry["name"]], entry["name"])

    def test_what_the_answers_say(self) -> None:
        """Each answer names what its status has to (3261-8.2.6.2-a)."""
        named = {501: "Allow", 405: "Allow", 415: "Accept", 420: "Unsupported"}
        for entry in load_manifest():
            for response in self.receive(entry):
                field = named.get(response.status)
                # 501 to what is refused before anyone has looked at it says nothing.
                if field is not None and entry["name"] != "mismatch02":
                    self.assertIsNotNone(response.get(field), entry["name"])
                if DECISIONS.get(entry["name"], entry["parser"]) == "accept":
                    self.assertIsNotNone(response.to_tag, entry["name"])

    def test_unsupported(self) -> None:
        """Unsupported names the tags of Require and not those of Proxy-Require."""
        entry = next(e for e in load_manifest() if e["name"] == "bext01")
        (response,) = self.receive(entry)
        self.assertEqual(response.unsupported, entry["facts"]["unsupported"])

    def test_responses(self) -> None:
        """Nothing is said to a response; each is dropped and counted (6026-7.2-a)."""
        malformed = {"scalarlg", "bigcode"}
        names = []
        for entry in load_manifest():
            if entry["kind"] != "response":
                continue
            names.append(entry["name"])
            self.assertEqual(self.receive(entry), [], entry["name"])
            counted = (
                self.endpoint.counters["responses-unmatched"],
                self.endpoint.transport.counters["malformed"],
            )
            self.assertEqual(counted, (0, 1) if entry["name"] in malformed else (1, 0))
        self.assertEqual(len(names), 5)
