"""Tests of a call told in words."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog import events
from sipuac.dialog.fork_policy import Action
from sipuac.ua.events import CallEvent
from sipuac.ua.legend import describe, draw_legend, outcome

LETTERS = {"desk": "a", "mobile": "b", "third": "c"}


def stamped(*bodies: events.Event) -> list[CallEvent]:
    """Events of one call, a second apart."""
    return [
        CallEvent(float(number), "call1", "me", body)
        for number, body in enumerate(bodies)
    ]


FORKED_CALL = stamped(
    events.InviteSent(),
    events.Provisional(183, "Session Progress", "desk", False),
    events.EarlyMedia("desk"),
    events.Provisional(183, "Session Progress", "mobile", False),
    events.Forked("mobile", "hold", "<sip:mobile@192.0.2.4>"),
    events.Probe("desk", "UPDATE", "alive"),
    events.Forked("mobile", "cancel-extra", "<sip:mobile@192.0.2.4>"),
    events.ExtraEnded("mobile", "BYE", 200),
    events.Provisional(183, "Session Progress", "desk", False),
    events.Answered(200, "desk"),
    events.Established("desk", "v=0\r\n", "v=0\r\n"),
    events.Forked("third", "release"),
    events.ExtraEnded("third", "BYE", 0),
    events.Ended("local", 1.5),
)


class DrawLegendTests(SynchronousTestCase):
    """Tests of `draw_legend`."""

    def test_every_branch_and_its_fate(self) -> None:
        """The legend says of each branch who it was, what it did and how it ended."""
        names = {"desk": "the desk", "mobile": "the mobile"}
        text = draw_legend(FORKED_CALL, LETTERS, names=names, width=400)
        self.assertEqual(
            text.splitlines(),
            [
                "  a  the desk: 183 Session Progress; its early media was played; "
                "asked by UPDATE whether it lives: alive; answered with 200; "
                "became the call; hung up by us.",
                "  b  the mobile: 183 Session Progress; a further branch, held until "
                "it was known whether the first one lived; one fork too many; "
                "ended by our BYE, answered 200.",
                "  c  a further answer, released by ACK and BYE; ended by our BYE, no "
                "answer to it.",
                "  =  The call with branch a lasted 1.5 s and was hung up by us.",
            ],
        )

    def test_contact_where_there_is_no_name(self) -> None:
        """A branch that nobody names is told by its Contact."""
        lines = draw_legend(FORKED_CALL, LETTERS, width=400).splitlines()
        self.assertIn("<sip:mobile@192.0.2.4>: 183", lines[1])

    def test_fits_the_width(self) -> None:
        """Lines are wrapped at the width and go on below the words."""
        lines = draw_legend(FORKED_CALL, LETTERS, width=60).splitlines()
        self.assertLessEqual(max(map(len, lines)), 60)
        self.assertTrue(all(line[:5] == "     " or line[3:5] == "  " for line in lines))

    def test_branch_of_which_nothing_is_known(self) -> None:
        """A branch in the ladder without any event is not left out."""
        text = draw_legend(stamped(events.InviteSent()), {"x": "a"})
        self.assertIn("a  nothing is known of it.", text)


class OutcomeTests(SynchronousTestCase):
    """Tests of `outcome`."""

    def test_words(self) -> None:
        """The last event decides what is said of the whole call."""
        standing = events.Established("desk", "", "")
        for bodies, words in (
            ([events.InviteSent()], "The call is not over yet."),
            ([standing], "The call stands with branch a."),
            (
                [standing, events.Ended("remote", 2.0, "SIP;cause=200")],
                "The call with branch a lasted 2.0 s and was hung up by the callee "
                "(SIP;cause=200).",
            ),
            (
                [events.Ended("local")],
                "The call was cancelled before anybody had answered, as asked.",
            ),
            (
                [events.Failed("Busy", 486, "486 Busy Here")],
                "The call failed: Busy (486): 486 Busy Here.",
            ),
            (
                [events.Failed("TransportFailed", None, "")],
                "The call failed: TransportFailed.",
            ),
        ):
            self.assertEqual(outcome(stamped(*bodies), LETTERS), words)


class DescribeTests(SynchronousTestCase):
    """Tests of `describe`."""

    def test_every_event_has_words(self) -> None:
        """Each class of event is told as a line of its own."""
        for body, words in (
            (events.InviteSent(), "INVITE sent"),
            (events.Trying(), "100: the next hop has the INVITE"),
            (events.Provisional(180, "Ringing", None, False), "180 Ringing"),
            (
                events.Provisional(180, "Ringing", "desk", False),
                "branch a: 180 Ringing",
            ),
            (events.EarlyMedia("desk"), "branch a: its early media was played"),
            (
                events.MediaMoved("mobile", "desk"),
                "branch b: the media moved here from branch a",
            ),
            (
                events.Forked("mobile", "leave", "<sip:m@x>"),
                "branch b: a further branch, left alone (at <sip:m@x>)",
            ),
            (
                events.Probe("desk", "OPTIONS", "dead"),
                "branch a: asked by OPTIONS whether it lives: dead",
            ),
            (
                events.ExtraEnded("mobile", "none", 0),
                "branch b: not ended: it gave no address to send a BYE to",
            ),
            (
                events.EarlyDialogEnded("desk", "199"),
                "branch a: ended by a proxy's 199",
            ),
            (events.EarlyDialogEnded("desk", "magic"), "branch a: ended by magic"),
            (events.Answered(200, "desk"), "branch a: answered with 200"),
            (events.Established("desk", "", ""), "branch a: became the call"),
            (
                events.SessionModified("desk", "local", "INVITE", "", ""),
                "branch a: the session was changed by us (INVITE)",
            ),
            (
                events.SessionRefreshed("desk", "remote", "UPDATE", 90),
                "branch a: the session was refreshed by the callee (UPDATE)",
            ),
            (
                events.ModificationFailed("desk", "local", "INVITE", 488, "no"),
                "branch a: a change by us failed: no",
            ),
            (
                events.RequestReceived("desk", "INFO", None),
                "branch a: INFO of the callee",
            ),
            (
                events.RedirectedTo(302, ("sip:a@x", "sip:b@x")),
                "redirected (302) to sip:a@x, sip:b@x",
            ),
            (
                events.Retrying(420, "Bad Extension", "without 199"),
                "420 Bad Extension: tried again without 199",
            ),
            (events.Cancelling("as asked"), "cancelling: as asked"),
            (events.ProtocolWarning("odd"), "warning: odd"),
            (events.ProtocolWarning("odd", "desk"), "branch a: warning: odd"),
            (events.Ended("local"), "ended: cancelled before an answer"),
            (events.Ended("remote", 3.0), "ended: hung up by the callee after 3.0 s"),
            (events.Failed("Busy", 486, "busy"), "failed: Busy (486): busy"),
            (events.EarlyMedia("unknown"), "a branch: its early media was played"),
        ):
            self.assertEqual(describe(body, LETTERS), words)

    def test_no_class_is_forgotten(self) -> None:
        """Whatever a fork policy does has words of its own."""
        for action in Action:
            words = describe(events.Forked("desk", action.value), LETTERS)
            self.assertNotIn(f": {action.value}", words)
