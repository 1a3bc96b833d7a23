"""Calls as most people place them: no early media, answered, refused or given up."""

from __future__ import annotations

from sipuac.errors import (
    AnswerTimeout,
    Busy,
    Cancelled,
    TransactionTimeout,
    TransportFailed,
)
from sipuac.testing.script import answer, hang_up, reject, ring
from tests.ua.world import CallTestCase, Listener


class PlainCallTests(CallTestCase):
    """One phone, no early media."""

    def test_a_call_is_answered_acknowledged_and_hung_up(self) -> None:
        """A call stands, its ACK with a branch of its own (3261-13.2.2.4-c)."""
        desk = self.phone("desk", ring(0.1), answer(1.0))
        self.ring()
        listener = Listener()
        call = self.invite(delegate=listener)
        self.advance(2)
        session = self.successResultOf(call.established)
        self.assertEqual(self.successResultOf(call.final).status, 200)
        self.assertEqual(session.state, "Established")
        self.assertTrue(desk.acked)
        ack = self.network.packets("ACK", source="caller.invalid")[0].message
        invite = self.network.packets("INVITE", source="caller.invalid")[0].message
        assert ack is not None and invite is not None
        self.assertNotEqual(ack.branch, invite.branch)
        over = session.bye()
        self.advance(1)
        self.assertEqual(self.successResultOf(over).by, "local")
        self.assertEqual(self.methods(desk), ["INVITE", "ACK", "BYE"])
        self.assertEqual(listener.heard, ["trying", "progress", "accept"])
        self.successResultOf(call.done)
        self.settle()

    def test_the_callee_hangs_up(self) -> None:
        """A BYE of the callee is answered 200 and ends the session."""
        desk = self.phone("desk", answer(0.1), hang_up(3.0))
        self.ring()
        call = self.invite()
        self.advance(1)
        session = self.successResultOf(call.established)
        self.advance(5)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")
        self.assertEqual(session.state, "Terminated")
        self.assertTrue(desk.is_idle)
        self.settle()

    def test_busy(self) -> None:
        """486 is Busy; its ACK goes where the INVITE went (3261-17.1.1.2-e)."""
        self.phone("desk", reject(0.1, 486))
        self.ring()
        call = self.invite()
        self.advance(1)
        error = self.failureResultOf(call.final, Busy).value
        self.assertEqual(error.status, 486)
        self.assertEqual(self.events(call)[-1]["event"], "failed")
        invites = self.network.packets("INVITE", source="caller.invalid")
        acks = self.network.packets("ACK", source="caller.invalid")
        self.assertEqual(acks[0].destination, invites[0].destination)
        self.settle()

    def test_cancel_waits_for_a_provisional_response(self) -> None:
        """No CANCEL is sent before a provisional response has come (3261-9.1-e)."""
        desk = self.phone("desk", ring(0.5))
        self.ring()
        call = self.invite()
        call.cancel()
        self.assertEqual(self.network.packets("CANCEL"), [])
        self.advance(3)
        self.failureResultOf(call.final, Cancelled)
        self.assertEqual(self.methods(desk), ["INVITE", "CANCEL", "ACK"])
        self.settle()

    def test_nobody_answers(self) -> None:
        """When the answer timeout runs out a CANCEL is sent (3261-13.2.1-b)."""
        desk = self.phone("desk", ring(0.5))
        self.ring()
        call = self.invite(answer_timeout=20)
        self.advance(25)
        self.failureResultOf(call.final, AnswerTimeout)
        self.assertTrue(desk.cancelled)
        self.settle()

    def test_the_proxy_is_dead(self) -> None:
        """Without any response timer B ends it as a timeout (3261-17.1.1.2-b)."""
        self.ring([])
        self.network.partition(["caller.invalid"], ["proxy.invalid"])
        call = self.invite()
        self.advance(40)
        self.failureResultOf(call.final, TransactionTimeout)
        self.settle()


class PlainTcpCallTests(PlainCallTests):
    """The same over TCP."""

    protocol = "TCP"

    def test_the_proxy_is_dead(self) -> None:
        """A connection that cannot be made fails the attempt before it is sent."""
        self.network.partition(["caller.invalid"], ["proxy.invalid"])
        asked = self.inviter.invite("sip:bob@example.invalid")
        self.advance(40)
        self.failureResultOf(asked, TransportFailed)
        self.settle()
