"""Tests of the call drawn as text."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.events import Forked
from sipuac.ua.events import CallEvent
from sipuac.ua.ladder import branch_letters, branch_names, draw_ladder
from tests.ua.wire import (
    CALLER,
    DESK,
    MOBILE,
    NAMES,
    PROXY,
    TABLET,
    Wire,
    request,
    response,
)

SDP = b"v=0\r\n"


def forked_call(*, is_seen_twice: bool) -> Wire:
    """A call to two phones: both ring with media, one is ended, one answers twice."""
    wire = Wire(is_seen_twice=is_seen_twice)
    wire.say(CALLER, PROXY, request("INVITE", "1", body=SDP))
    wire.say(PROXY, CALLER, response(100, "1"))
    wire.say(PROXY, DESK, request("INVITE", "p1", body=SDP))
    wire.say(PROXY, MOBILE, request("INVITE", "p2", body=SDP))
    wire.say(DESK, PROXY, response(183, "p1", "desktag", body=SDP))
    wire.say(PROXY, CALLER, response(183, "1", "desktag", body=SDP))
    wire.say(MOBILE, PROXY, response(180, "p2", "mobiletag"))
    wire.say(PROXY, CALLER, response(180, "1", "mobiletag"))
    wire.say(CALLER, MOBILE, request("BYE", "2", "mobiletag", 2))
    wire.say(MOBILE, CALLER, response(200, "2", "mobiletag", "2 BYE"))
    wire.say(DESK, PROXY, response(200, "p1", "desktag", body=SDP))
    wire.say(PROXY, CALLER, response(200, "1", "desktag", body=SDP))
    wire.say(CALLER, DESK, request("ACK", "3", "desktag"))
    wire.say(PROXY, CALLER, response(200, "1", "desktag", body=SDP))
    wire.say(CALLER, DESK, request("ACK", "3", "desktag"))
    return wire


class DrawLadderTests(SynchronousTestCase):
    """Tests of `draw_ladder`."""

    def lines(
        self, wire: Wire, names: dict[tuple[str, int], str] | None = None
    ) -> list[str]:
        """The ladder of a wire, line by line."""
        return draw_ladder(wire.entries, names=names).splitlines()

    def test_heading_names_the_participants_in_order(self) -> None:
        """The columns are us first, then the named ones in the order given."""
        heading = self.lines(forked_call(is_seen_twice=False), names=NAMES)[0]
        self.assertEqual(heading.split(), ["sipuac", "proxy", "desk", "mobile"])

    def test_one_line_a_message(self) -> None:
        """Every message has a line with its time, its arrow and its branch."""
        lines = self.lines(forked_call(is_seen_twice=False), names=NAMES)
        texts = [
            (line.split()[0], line.replace("-", " ").replace("|", " ").split()[1:])
            for line in lines[1:]
        ]
        self.assertEqual(
            texts[:9],
            [
                ("0.000", ["INVITE", "sdp", ">"]),
                ("0.010", ["<", "100", "Trying"]),
                ("0.020", ["INVITE", "sdp", ">"]),
                ("0.030", ["INVITE", "sdp", ">"]),
                ("0.040", ["<", "183", "sdp", "[a]"]),
                ("0.050", ["<", "183", "sdp", "[a]"]),
                ("0.060", ["<", "180", "Ringing", "[b]"]),
                ("0.070", ["<", "180", "Ringing", "[b]"]),
                ("0.080", ["BYE", "[b]", ">"]),
            ],
        )

    def test_arrow_spans_its_columns(self) -> None:
        """An arrow goes from the column of its sender to that of its receiver."""
        lines = self.lines(forked_call(is_seen_twice=False), names=NAMES)
        heading, bye = lines[0], lines[9]
        self.assertEqual(bye[heading.index("mobile") + 2 :].count("|"), 1)
        self.assertEqual(bye.count("|"), 2)
        self.assertTrue(bye.rstrip().endswith(">|"))

    def test_seen_by_both_ends_is_drawn_once(self) -> None:
        """A message in the trace of its sender and of its receiver is one arrow."""
        once = self.lines(forked_call(is_seen_twice=False), names=NAMES)
        twice = self.lines(forked_call(is_seen_twice=True), names=NAMES)
        self.assertEqual(
            [line[9:] for line in once],
            [line[9:] for line in twice],
        )

    def test_retransmissions_are_marked(self) -> None:
        """A message that was on the same hop before is marked, and no other one."""
        lines = self.lines(forked_call(is_seen_twice=True), names=NAMES)
        self.assertEqual(
            [index for index, line in enumerate(lines) if "again" in line], [14, 15]
        )

    def test_repeated_after_loss(self) -> None:
        """A datagram that was lost is drawn, and its retransmission is marked."""
        wire = Wire()
        wire.say(CALLER, PROXY, request("INVITE", "1"))
        wire.say(CALLER, PROXY, request("INVITE", "1"))
        wire.hear(PROXY, CALLER, request("INVITE", "1"))
        lines = self.lines(wire, names=NAMES)
        self.assertEqual(len(lines), 3)
        self.assertEqual([("again" in line) for line in lines], [False, False, True])

    def test_another_transaction_is_no_repeat(self) -> None:
        """The same request with another branch is another request."""
        wire = Wire()
        wire.say(CALLER, PROXY, request("INVITE", "1"))
        wire.say(CALLER, PROXY, request("INVITE", "2"))
        self.assertFalse(any("again" in line for line in self.lines(wire)))

    def test_one_hundred_columns(self) -> None:
        """Five participants fit into 100 columns, every label readable."""
        wire = forked_call(is_seen_twice=True)
        wire.say(TABLET, PROXY, response(200, "p3", "tablettag", body=SDP))
        lines = self.lines(wire, names=NAMES)
        self.assertLessEqual(max(len(line) for line in lines), 100)
        self.assertIn("200 sdp [a] again", "\n".join(lines))
        self.assertIn("200 OK sdp [c]", lines[-1])
        self.assertTrue(all(line.isascii() for line in lines))

    def test_two_participants_have_room_for_words(self) -> None:
        """With one peer the reason phrase is there, and the peer goes by address."""
        wire = Wire()
        wire.say(CALLER, PROXY, request("INVITE", "1", body=SDP))
        wire.hear(CALLER, PROXY, response(183, "1", "x", body=SDP))
        wire.say(CALLER, PROXY, request("BYE", "2", "x", 2))
        wire.hear(CALLER, PROXY, response(200, "2", "x", "2 BYE"))
        lines = self.lines(wire)
        self.assertEqual(lines[0].split(), ["sipuac", "192.0.2.2:5060"])
        self.assertIn("183 Session Progress sdp [a]", lines[2])
        self.assertIn("200 OK (BYE) [a]", lines[4])

    def test_ipv6_address_has_brackets(self) -> None:
        """An IPv6 peer is written as in a URI."""
        wire = Wire()
        wire.say(("::1", 5060), ("2001:db8::1", 5070), request("OPTIONS", "1"))
        self.assertIn("[2001:db8::1]:5070", self.lines(wire)[0])

    def test_request_over_the_peers_connection(self) -> None:
        """A request from an ephemeral port is its sender's, as Via says (18.1.1)."""
        wire = Wire()
        wire.say(CALLER, PROXY, request("INVITE", "1"))
        wire.hear(
            CALLER,
            (PROXY[0], 40123),
            request("BYE", "9", "me", from_tag="x", via=PROXY[0]),
        )
        self.assertEqual(self.lines(wire)[0].split(), ["sipuac", "192.0.2.2:5060"])

    def test_callees_request_has_the_letter_of_its_branch(self) -> None:
        """In a request of the callee the From tag names the branch."""
        wire = Wire()
        wire.say(CALLER, PROXY, request("INVITE", "1"))
        wire.hear(CALLER, PROXY, response(180, "1", "x"))
        wire.hear(CALLER, PROXY, request("BYE", "9", "me", from_tag="x"))
        self.assertIn("BYE [a]", self.lines(wire)[3])

    def test_body_that_is_no_sdp(self) -> None:
        """A body of another type is not called sdp."""
        wire = Wire()
        message = request("INFO", "1").with_body(b"5", "application/dtmf-relay")
        wire.say(CALLER, PROXY, message)
        self.assertIn("INFO body", self.lines(wire)[1])

    def test_long_names_do_not_collide(self) -> None:
        """A name too long for its column is cut."""
        wire = forked_call(is_seen_twice=False)
        names = {
            address: f"{name} on the third floor, left"
            for address, name in NAMES.items()
        }
        heading = self.lines(wire, names=names)[0]
        self.assertLessEqual(len(heading), 100)
        self.assertEqual(heading.count("~"), 3)

    def test_message_that_does_not_parse(self) -> None:
        """A message with unreadable fields is drawn as far as it can be read."""
        wire = Wire()
        broken = response(200, "1", "x")
        for name in ("CSeq", "From", "To", "Via"):
            broken = broken.replacing(name, "\x01")
        wire.hear(CALLER, PROXY, broken)
        self.assertIn("200", self.lines(wire)[1])

    def test_nothing_to_draw(self) -> None:
        """No messages, no ladder."""
        self.assertEqual(draw_ladder([]), "")


class BranchLettersTests(SynchronousTestCase):
    """Tests of `branch_letters` and `branch_names`."""

    def test_in_order_of_their_tags(self) -> None:
        """Branches are named in the order in which their To tags showed."""
        wire = forked_call(is_seen_twice=True)
        self.assertEqual(
            branch_letters(wire.entries), {"desktag": "a", "mobiletag": "b"}
        )

    def test_only_what_makes_a_dialog(self) -> None:
        """100, rejections and responses to other requests name no branch (12.1)."""
        wire = Wire()
        wire.hear(CALLER, PROXY, response(100, "1", "t1"))
        wire.hear(CALLER, PROXY, response(486, "1", "t2"))
        wire.hear(CALLER, PROXY, response(200, "2", "t3", "2 OPTIONS"))
        wire.hear(CALLER, PROXY, response(200, "1", "t4"))
        self.assertEqual(branch_letters(wire.entries), {"t4": "a"})

    def test_events_add_branches(self) -> None:
        """A branch that only an event tells of gets the next letter."""
        wire = forked_call(is_seen_twice=True)
        event = CallEvent(1.0, "call1", "me", Forked("third", "leave"))
        self.assertEqual(branch_letters(wire.entries, [event])["third"], "c")

    def test_more_than_an_alphabet(self) -> None:
        """After z comes aa."""
        events = [
            CallEvent(1.0, "call1", "me", Forked(f"t{number}", "leave"))
            for number in range(28)
        ]
        letters = branch_letters([], events)
        self.assertEqual(
            (letters["t25"], letters["t26"], letters["t27"]), ("z", "aa", "ab")
        )

    def test_names_by_first_sender(self) -> None:
        """A branch is whoever sent its tag first."""
        wire = forked_call(is_seen_twice=True)
        self.assertEqual(
            branch_names(wire.entries, NAMES),
            {"desktag": "desk", "mobiletag": "mobile"},
        )

    def test_no_names_from_the_callers_view(self) -> None:
        """Where everything comes from the proxy, nobody is named."""
        entries = [
            entry
            for entry in forked_call(is_seen_twice=True).entries
            if entry.local == CALLER
        ]
        self.assertEqual(branch_names(entries, {PROXY: "proxy"}), {})
