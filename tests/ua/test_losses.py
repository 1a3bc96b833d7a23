"""Networks that lose, double, delay and reset: nobody is left in a call alone."""

from __future__ import annotations

from sipuac.errors import Cancelled, SipError
from sipuac.testing.packets import Conditions, Packet
from sipuac.testing.script import answer, ask, early_media, hang_up, ring
from tests.ua.world import HOP, CallTestCase


def begins(start: str, source: str = "") -> object:
    """A predicate for packets that begin so and come from there."""

    def is_it(packet: Packet) -> bool:
        return packet.first_line.startswith(start) and packet.source[0].startswith(
            source
        )

    return is_it


class LossTests(CallTestCase):
    """Single packets that are lost."""

    def lose(self, start: str, source: str = "", times: int = 1) -> None:
        """Lose the next packets that begin so."""
        self.network.drop_if(begins(start, source), times)  # type: ignore[arg-type]

    def answered(self) -> None:
        """The desk answers, and we hang up a second later."""
        desk = self.phone("desk", ring(0.1), answer(1.0))
        self.ring()
        call = self.invite()
        self.advance(6)
        session = self.successResultOf(call.established)
        self.assertTrue(desk.in_call)
        over = session.bye()
        self.advance(6)
        self.assertEqual(self.successResultOf(over).by, "local")
        self.assertTrue(desk.byed)
        self.settle()

    def test_a_lost_invite(self) -> None:
        """The INVITE is sent again after T1 (3261-17.1.1.2-a)."""
        self.lose("INVITE", "caller")
        self.answered()
        sent = self.network.packets("INVITE", "caller.invalid")
        self.assertEqual([packet.time for packet in sent], [0.0, 0.5])

    def test_a_lost_200(self) -> None:
        """The 2xx is repeated by the phone until the ACK comes."""
        self.lose("SIP/2.0 200", "proxy")
        self.answered()

    def test_a_lost_ack(self) -> None:
        """The retransmitted 2xx gets the same ACK again (3261-13.2.2.4-d)."""
        self.lose("ACK", "caller", 2)
        self.answered()
        acks = self.network.packets("ACK", "caller.invalid")
        self.assertEqual(len(acks), 3)
        self.assertEqual(len({packet.octets for packet in acks}), 1)

    def test_a_lost_bye(self) -> None:
        """BYE is sent again at T1, doubling (3261-17.1.2.2-a)."""
        self.lose("BYE", "caller", 2)
        self.answered()

    def test_a_lost_answer_to_bye(self) -> None:
        """The repeated BYE gets its answer again."""
        self.phone("desk", answer(0.1))
        self.ring()
        call = self.invite()
        self.advance(1)
        session = self.successResultOf(call.established)
        self.lose("SIP/2.0 200", "desk")
        session.bye()
        self.settle()
        self.successResultOf(session.ended)

    def test_a_lost_bye_of_the_callee(self) -> None:
        """The callee repeats it, and the call ends once."""
        self.phone("desk", answer(0.1), hang_up(1.0))
        self.lose("SIP/2.0 200", "caller", 2)
        self.ring()
        call = self.invite()
        self.advance(10)
        session = self.successResultOf(call.established)
        self.assertEqual(self.successResultOf(session.ended).by, "remote")
        self.assertEqual(len(self.events(call, "ended")), 1)
        self.settle()

    def test_a_lost_cancel(self) -> None:
        """CANCEL is sent again."""
        desk = self.phone("desk", ring(0.1))
        self.ring()
        call = self.invite()
        self.advance(1)
        self.lose("CANCEL", "caller", 2)
        call.cancel()
        self.advance(5)
        self.failureResultOf(call.final, Cancelled)
        self.assertTrue(desk.cancelled)
        self.settle()

    def test_a_lost_487(self) -> None:
        """The proxy repeats it until the ACK comes; the ACK is repeated, too."""
        self.phone("desk", ring(0.1))
        self.ring()
        call = self.invite()
        self.advance(1)
        self.lose("SIP/2.0 487", "proxy")
        self.lose("ACK", "caller")
        call.cancel()
        self.advance(5)
        self.failureResultOf(call.final, Cancelled)
        self.settle()

    def test_every_ack_is_refused_at_first(self) -> None:
        """An ACK that the system refuses to send is tried again at the next 2xx."""
        desk = self.phone("desk", answer(0.1))
        self.network.refuse_if(begins("ACK", "caller"), 2)  # type: ignore[arg-type]
        self.ring()
        call = self.invite()
        self.advance(5)
        self.successResultOf(call.established)
        self.assertTrue(desk.in_call)
        self.assertEqual(len(self.events(call, "warning")), 2)
        self.assertEqual(self.endpoint.counters["acks-undeliverable"], 2)
        call.hangup()
        self.settle()

    def test_the_phone_is_gone(self) -> None:
        """No answer to BYE: timer F ends the call (3261-15.1.1-b)."""
        self.phone("desk", answer(0.1))
        self.ring()
        call = self.invite()
        self.advance(1)
        session = self.successResultOf(call.established)
        self.network.partition(["caller.invalid"], ["proxy.invalid"])
        over = session.bye()
        self.advance(31)
        self.assertNoResult(over)
        self.advance(2)
        self.successResultOf(over)
        self.phones.clear()
        self.settle()


class StormTests(CallTestCase):
    """Chance does its worst, from many seeds."""

    seeds = range(40)

    def storm(self, seed: int) -> None:
        """One forked call with early media in bad weather, ended by us."""
        self.network._random.seed(seed)
        self.network.conditions = Conditions(
            delay=HOP,
            jitter=0.05,
            loss=0.15,
            duplication=0.15,
            reordering=0.15,
            lateness=0.3,
        )
        has_early_media = seed % 2 == 0
        policy = ("cancel-extras", "follow", "fail")[seed % 3]
        call = self.invite(
            early_media=has_early_media,
            on_fork=policy if has_early_media else ("keep-all", None)[seed % 3 == 0],
        )
        self.advance((0.5, 3.0, 8.0, 20.0)[seed % 4])
        call.hangup()
        self.network.settle(2_000)
        self.successResultOf(call.done)
        call.established.addErrback(lambda failure: failure.trap(SipError))

    def test_no_phone_is_left_alone(self) -> None:
        """Whatever is lost, doubled or late: in the end nobody is in a call."""
        for seed in self.seeds:
            self.setUp()
            self.phone("desk", early_media(0.2), answer(2.0))
            self.phone("mobile", ring(0.1), early_media(0.4), answer(2.1))
            self.phone("home", ring(0.3), answer(6.0), ask(4.0, "BYE", after_ack=True))
            self.ring()
            try:
                self.storm(seed)
                for phone in self.phones:
                    # A phone's own patience may run out in such weather.
                    phone.complaints.clear()
                self.settle()
            except Exception as error:
                story = f"seed {seed}: {error}\n{self.network.transcript()}"
                raise AssertionError(story) from error


class ConnectionTests(CallTestCase):
    """TCP connections that break, and proxies that change the flow."""

    protocol = "TCP"

    def test_reset_while_it_rings_and_cancelled(self) -> None:
        """CANCEL goes over a new connection to the same proxy (3261-9.1-g)."""
        desk = self.phone("desk", ring(0.1))
        self.ring()
        call = self.invite()
        self.advance(1)
        self.network.reset("caller.invalid")
        self.advance(1)
        call.cancel()
        self.advance(1)
        self.assertTrue(desk.cancelled)
        self.failureResultOf(call.final, Cancelled)
        self.settle()

    def test_reset_while_it_rings_and_answered(self) -> None:
        """The proxy opens a connection for the 2xx; its ACK finds a way, too."""
        desk = self.phone("desk", ring(0.1), answer(2.0))
        self.ring()
        call = self.invite()
        self.advance(1)
        self.network.reset("caller.invalid")
        self.advance(3)
        self.successResultOf(call.established).bye()
        self.advance(1)
        self.assertEqual(self.methods(desk), ["INVITE", "ACK", "BYE"])
        self.settle()

    def test_reset_in_the_call(self) -> None:
        """BYE of either side goes over a new connection."""
        for is_ours in (True, False):
            self.setUp()
            desk = self.phone("desk", answer(0.1), *([] if is_ours else [hang_up(3.0)]))
            self.ring()
            call = self.invite()
            self.advance(1)
            session = self.successResultOf(call.established)
            self.network.reset("caller.invalid")
            self.advance(1)
            self.assertEqual(session.state, "Established")
            if is_ours:
                session.bye()
            self.advance(3)
            by = self.successResultOf(session.ended).by
            self.assertEqual(by, "local" if is_ours else "remote")
            self.assertTrue(desk.is_idle)
            self.settle()

    def test_reset_before_any_response(self) -> None:
        """In Calling the failure of the connection fails the attempt (3261-18.4-a)."""
        self.phone("desk", answer(1.0))
        self.ring()
        self.network.drop_if(begins("SIP/2.0 100"))  # type: ignore[arg-type]
        call = self.invite()
        self.network.reset("caller.invalid")
        self.advance(1)
        self.failureResultOf(call.final, SipError)
        self.settle()
        self.assertTrue(self.phones[0].is_idle)
