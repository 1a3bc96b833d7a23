"""From `invite` to the INVITE, and the end of everything."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from sipuac.errors import (
    LocalProtocolError,
    MediaRefused,
    ResolutionFailed,
    TransportFailed,
)
from sipuac.sdp.description import SessionDescription
from sipuac.testing import media as media_reactions
from sipuac.ua.session import Session
from tests.ua.peer import TARGET, PeerTestCase


class BeforeSendingTests(PeerTestCase):
    """What can happen between `invite` and the INVITE."""

    def assert_nothing_sent(self) -> None:
        """Nothing left, and the offer was closed."""
        self.advance(60)
        self.assertEqual(self.network.packets("INVITE"), [])
        self.assertEqual(self.inviter.invitations, [])
        offers, closed = (
            len(self.media.called("offer")),
            len(self.media.called("close")),
        )
        self.assertEqual(offers, closed)
        self.assert_nothing_left()

    def test_no_address(self) -> None:
        """A name without address fails the attempt."""
        asked = self.inviter.invite("sip:bob@nowhere.invalid")
        self.failureResultOf(asked, ResolutionFailed)
        self.assert_nothing_sent()

    def test_no_connection(self) -> None:
        """A connection that is refused fails the attempt."""
        asked = self.inviter.invite("sip:bob@dead.invalid;transport=tcp")
        self.advance()
        self.failureResultOf(asked, TransportFailed)
        self.assert_nothing_sent()

    def test_cancelled_while_connecting(self) -> None:
        """Cancelling `invite` before sending leaves nothing sent."""
        for ask in (self.inviter.invite, self.inviter.call):
            asked: Deferred[Any] = ask(f"{TARGET};transport=tcp")
            self.assertNoResult(asked)
            asked.cancel()
            self.failureResultOf(asked, CancelledError)
        self.assert_nothing_sent()

    def test_cancelled_while_the_media_makes_its_offer(self) -> None:
        """Then there is no offer yet, and there will be none."""
        self.media.react("offer", media_reactions.late(2.0))
        asked = self.inviter.invite(TARGET)
        self.advance(1)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.advance(5)
        self.assertEqual(self.network.packets("INVITE"), [])
        self.assertEqual(self.inviter._unsent, [])

    def test_the_media_has_no_offer(self) -> None:
        """What the media says is what the application hears."""
        self.media.react("offer", media_reactions.refuse("no microphone"))
        self.failureResultOf(self.inviter.invite(TARGET), MediaRefused)
        self.assertEqual(self.network.log, [])

    def test_cancelled_inside_a_callback_of_another_call(self) -> None:
        """Asked for and cancelled within one input: nothing leaves."""
        first = self.invite()

        def redial(ignored: object) -> None:
            asked = self.inviter.invite(TARGET)
            asked.cancel()
            self.failureResultOf(asked, CancelledError)

        first.final.addErrback(redial)
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance(40)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assert_nothing_left()

    def test_redialling_inside_a_callback(self) -> None:
        """A call may be placed inside a callback of another."""
        calls: list[Any] = []
        first = self.invite()
        first.final.addErrback(
            lambda _: self.inviter.invite(TARGET).addCallback(calls.append)
        )
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "INVITE"])
        self.assertEqual(len(calls), 1)
        self.peer.answer(self.peer.last("INVITE"), 603)
        self.advance()
        self.assert_nothing_left()

    def test_no_room_for_the_transaction(self) -> None:
        """`invite` fails, and nothing is kept."""
        self.endpoint._transactions._max_transactions = 0
        self.failureResultOf(self.inviter.invite(TARGET), LocalProtocolError)
        self.assert_nothing_sent()

    def test_the_endpoint_is_stopped(self) -> None:
        """After `stop` no call is placed."""
        self.endpoint.stop()
        self.assertIsInstance(
            self.failureResultOf(self.inviter.invite(TARGET)).value,
            (LocalProtocolError, TransportFailed),
        )
        self.assert_nothing_sent()


class ModifierTests(PeerTestCase):
    """Callables on our description and on theirs."""

    @staticmethod
    def named(name: str) -> Any:
        """A modifier that writes its name behind the description."""

        def modify(description: SessionDescription) -> SessionDescription:
            return SessionDescription.parse(
                description.render() + f"a={name}\r\n".encode()
            )

        return modify

    def test_modifiers_of_the_offer(self) -> None:
        """They are applied in order, waited for, and what they leave is sent."""
        waiting: Deferred[None] = Deferred()

        def late(description: SessionDescription) -> Deferred[SessionDescription]:
            return waiting.addCallback(lambda _: self.named("two")(description))

        asked = self.inviter.invite(TARGET, modifiers=[self.named("one"), late])
        self.advance(1)
        self.assertEqual(self.network.log, [])
        waiting.callback(None)
        self.advance()
        call = self.successResultOf(asked)
        invite = self.peer.last("INVITE")
        self.assertTrue(invite.body.endswith(b"a=one\r\na=two\r\n"))
        self.peer.answer(invite, 200, sdp=True)
        self.advance()
        session = self.successResultOf(call.established)
        self.assertEqual(session.local_sdp, invite.body.decode())
        self.close(session)

    def close(self, session: Session) -> None:
        """Hang up and see that nothing is left."""
        session.bye()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.assert_nothing_left()

    def test_a_failing_modifier_of_the_offer(self) -> None:
        """Nothing is sent, the offer is closed, the application hears why."""

        def fault(description: SessionDescription) -> SessionDescription:
            raise ValueError("a fault")

        self.failureResultOf(self.inviter.invite(TARGET, modifiers=[fault]), ValueError)
        self.assertEqual(self.network.log, [])
        self.assertEqual(len(self.media.called("close")), 1)

    def test_cancelled_while_a_modifier_works(self) -> None:
        """The modifier's Deferred is cancelled, the offer closed."""
        cancelled: list[object] = []
        waiting: Deferred[SessionDescription] = Deferred(cancelled.append)
        asked = self.inviter.invite(TARGET, modifiers=[lambda description: waiting])
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(cancelled, [waiting])
        self.assertEqual(len(self.media.called("close")), 1)
        self.assertEqual(self.network.log, [])

    def test_modifiers_of_the_answer(self) -> None:
        """The media gets what they leave; the session keeps what came."""
        call = self.invite(answer_modifiers=[self.named("theirs")])
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        given = self.media.called("apply_answer")[0].argument
        self.assertIn("a=theirs", str(given))
        self.close(self.successResultOf(call.established))

    def test_a_failing_modifier_of_the_answer(self) -> None:
        """It counts as a refusal of the media: ACK, BYE, MediaRefused."""

        def fault(description: SessionDescription) -> SessionDescription:
            raise MediaRefused("not this one")

        call = self.invite(answer_modifiers=[fault])
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "BYE"])
        self.failureResultOf(call.established, MediaRefused)
        self.peer.answer(self.peer.last("BYE"), 200)
        self.assert_nothing_left()


class DrainTests(PeerTestCase):
    """`drain` ends what is left."""

    def test_nothing_to_drain(self) -> None:
        """Without calls it fires at once."""
        self.successResultOf(self.inviter.drain(10))
        self.failureResultOf(self.inviter.invite(TARGET), LocalProtocolError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_call_and_an_attempt(self) -> None:
        """BYE and CANCEL, and it fires when both are answered."""
        first = self.invite()
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        session = self.successResultOf(first.established)
        second = self.invite()
        ringing = self.peer.last("INVITE")
        self.peer.answer(ringing, 180)
        self.advance()
        drained = self.inviter.drain(10)
        self.advance()
        self.assertEqual(self.peer.methods[-2:], ["BYE", "CANCEL"])
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        self.assertNoResult(drained)
        self.peer.answer(self.peer.last("CANCEL"), 200)
        self.peer.answer(ringing, 487)
        self.advance()
        self.successResultOf(drained)
        self.assertEqual(session.state, "Terminated")
        self.failureResultOf(second.final)
        self.assertEqual(self.inviter.invitations, [])

    def test_the_drain_is_bounded(self) -> None:
        """What is left then is closed: everybody who waits hears of it."""
        call = self.invite()
        over = self.successResultOf(self.established(call)).ended
        silent = self.invite()
        events = silent.events
        drained = self.inviter.drain(10)
        self.advance(9)
        self.assertNoResult(drained)
        self.advance(1)
        self.successResultOf(drained)
        self.assertEqual(self.successResultOf(over).by, "local")
        self.failureResultOf(silent.final)
        self.assertEqual(events[-1].as_dict()["event"], "failed")
        self.successResultOf(silent.done)
        sent = len(self.network.log)
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance(1)
        self.assertEqual(len(self.network.packets("ACK")), 1)
        self.assertLess(len(self.network.log) - sent, 4)
        self.assert_nothing_left()

    def established(self, call: Any) -> Deferred[Session]:
        """The callee answers."""
        self.peer.answer(self.peer.last("INVITE"), 200, sdp=True)
        self.advance()
        deferred: Deferred[Session] = call.established
        return deferred

    def test_what_is_not_sent_yet_never_is(self) -> None:
        """An `invite` that still waits fails, and its INVITE does not leave."""
        asked = self.inviter.invite(f"{TARGET};transport=tcp")
        drained = self.inviter.drain(10)
        self.failureResultOf(asked, LocalProtocolError)
        self.successResultOf(drained)
        self.advance(5)
        self.assertEqual(self.network.packets("INVITE"), [])
        self.assert_nothing_left()
