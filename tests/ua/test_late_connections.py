"""What has to wait for a connection, and comes too late or not at all."""

from __future__ import annotations

from sipuac.errors import Cancelled
from sipuac.testing.media import late
from sipuac.testing.packets import Conditions, Packet
from sipuac.testing.script import answer, ring
from sipuac.ua.invitation import Invitation
from tests.ua.world import CallTestCase


class LateCancelTests(CallTestCase):
    """The connection broke, and a new one is made for the CANCEL."""

    protocol = "TCP"

    def test_the_2xx_comes_while_the_cancel_waits(self) -> None:
        """After a final response "there is nothing to cancel": ACK and BYE end the
        call, and no CANCEL leaves (3261-9.1-f).
        """
        desk = self.phone("desk", ring(0.1), answer(2.0))
        self.ring()
        call = self.invite()
        self.advance(1)
        self.network.reset("caller.invalid")
        self.advance_to("SIP/2.0 200", "proxy")
        call.cancel()
        self.advance(1)
        self.failureResultOf(call.final, Cancelled)
        self.assertEqual(self.network.packets("CANCEL", "caller.invalid"), [])
        self.assertEqual(self.methods(desk), ["INVITE", "ACK", "BYE"])
        self.settle()


class LateAckTests(CallTestCase):
    """No connection can be made for the ACK."""

    protocol = "TCP"

    def test_the_bye_does_not_overtake_it(self) -> None:
        """The BYE finds a way that the ACK did not: the ACK goes first, all the same
        (3261-13.2.2.4-f).
        """
        desk = self.phone("desk", answer(0.1))
        self.media.react("make_answer", late(0.2))
        self.ring()
        call = self.invite(without_sdp=True)
        self.advance(0.2)
        self.network.reset("caller.invalid")
        self.network.partition(["caller.invalid"], ["proxy.invalid"])
        self.advance(1)
        call.hangup()
        self.advance(10)
        self.network.heal()
        self.network.hold_if(is_200_to_invite)  # nobody asks for the ACK again
        self.advance(19.9)
        sent = [packet.first_line for packet in self.network.packets("", CALLER)]
        methods = [line.split()[0] for line in sent]
        self.assertEqual(methods, ["INVITE", "ACK", "BYE"])
        self.assertEqual(self.methods(desk), ["INVITE", "ACK", "BYE"])
        self.settle()

    def test_the_call_is_forgotten_while_it_waits(self) -> None:
        """64*T1 after the first 2xx the call is forgotten; the ACK of one that came
        before still goes, when its connection is there (3261-13.2.2.4-f).
        """
        desk = self.phone("desk", answer(0.1))
        self.ring()
        lost = self.network.hold_if(lambda packet: packet.first_line[:3] == "ACK")
        self.end_late()
        before = len(self.network.packets("ACK", CALLER))
        lost.remove()
        while self.inviter.invitations:
            self.advance(0.001)
        self.assertEqual(len(self.network.packets("ACK", CALLER)), before)
        self.advance(0.5)
        self.assertEqual(len(self.network.packets("ACK", CALLER)), before + 1)
        self.assertEqual(self.methods(desk)[-1], "ACK")
        self.assertEqual(len(desk.complaints), 1)
        desk.complaints.clear()  # the ACKs before were lost
        self.settle()

    def test_a_connection_that_does_not_come_about(self) -> None:
        """The ACK of a call that is forgotten is counted, and nobody is told."""
        desk = self.phone("desk", answer(0.1))
        self.ring()
        self.network.hold_if(lambda packet: packet.first_line[:3] == "ACK")
        call = self.end_late()
        events = len(call.events)
        self.network.partition([CALLER], ["proxy.invalid"])
        self.advance(60)
        self.assertEqual(self.endpoint.counters["acks-undeliverable"], 1)
        self.assertEqual(len(call.events), events)
        self.assertEqual(len(desk.complaints), 1)
        desk.complaints.clear()
        self.settle()

    def end_late(self) -> Invitation:
        """A call whose connection breaks just before its 2xx is sent again."""
        call = self.invite()
        self.advance(0.5)
        call.hangup()
        self.advance(30.6)
        self.network.reset(CALLER)
        self.network.set_conditions(Conditions(delay=0.1))
        came = len(self.network.packets("SIP/2.0 200", "proxy.invalid"))
        while len(self.network.packets("SIP/2.0 200", "proxy.invalid")) == came:
            self.advance(0.01)
        return call


CALLER = "caller.invalid"


def is_200_to_invite(packet: Packet) -> bool:
    """Whether this is the 2xx, on its way to the caller."""
    return packet.destination[0] == CALLER and b"INVITE\r\n" in packet.octets
