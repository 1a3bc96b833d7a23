"""Users who act inside a callback, and the end of everything."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from sipuac.errors import (
    LocalProtocolError,
    TransportFailed,
)
from sipuac.syntax.message import Response
from sipuac.ua.trace import TraceEntry
from tests.ua.peer import PeerTestCase
from tests.ua.transaction_users import Handler, User, foreign, make


class ReentrancyTests(PeerTestCase):
    """Users who act inside a callback."""

    def test_effects_are_performed_before_the_next_input(self) -> None:
        """What a user asks for inside a callback waits for the effects of its input."""
        order: list[str] = []
        flow = self.flow()
        user, second = User(), User()

        def act(word: object) -> None:
            if word == 486:
                order.append("callback begins")
                self.endpoint.start_client(make("OPTIONS"), flow, second)
                self.endpoint.submit(order.append, "submitted")
                order.append("callback ends")

        user.react = act
        self.endpoint.add_tracer(
            lambda entry: order.append(entry.message.start_line.split()[0])
        )
        self.endpoint.start_client(make("INVITE"), flow, user)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        self.assertEqual(
            order,
            [
                "INVITE",
                "SIP/2.0",
                "ACK",
                "callback begins",
                "callback ends",
                "OPTIONS",
                "submitted",
            ],
        )

    def test_cancel_inside_the_provisional_response(self) -> None:
        """CANCEL asked for inside a callback goes over the flow of the INVITE with its
        branch (3261-9.1-c, 3261-9.1-g).
        """
        user = User()
        answers: list[Deferred[Response]] = []
        user.react = lambda word: (
            answers.append(invite.cancel([("Reason", "SIP;cause=487")]))
            if word == 180
            else None
        )
        invite = self.endpoint.start_client(make("INVITE"), self.flow(), user)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        cancel = self.peer.last("CANCEL")
        sent = invite.request
        self.assertEqual(cancel.get("Via"), self.peer.last("INVITE").get("Via"))
        self.assertEqual((len(cancel.vias), cancel.branch), (1, sent.branch))
        self.assertEqual(cancel.get("Reason"), "SIP;cause=487")
        self.peer.answer(cancel, 200)
        self.advance()
        self.assertEqual(self.successResultOf(answers[0]).status, 200)
        self.assertEqual(user.heard, [180])

    def test_a_cancel_that_cannot_be_sent_fails_its_deferred(self) -> None:
        """Also without room for another transaction, nothing is raised."""
        invite = self.endpoint.start_client(make("INVITE"), self.flow(), User())
        self.failureResultOf(invite.cancel([("Via", "x")]), LocalProtocolError)
        options = self.endpoint.start_client(make("OPTIONS"), self.flow(), User())
        self.failureResultOf(options.cancel(), LocalProtocolError)

    def test_a_user_who_raises_harms_nobody(self) -> None:
        """The user's exception is logged, and its transaction goes on."""
        user, other = User(), User()

        def fault(word: object) -> None:
            raise ValueError(word)

        user.react = fault
        flow = self.flow()
        self.endpoint.start_client(make("INVITE"), flow, user)
        self.endpoint.start_client(make("OPTIONS"), flow, other)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.peer.answer(self.peer.last("OPTIONS"), 200)
        self.advance(40)
        self.assertEqual(user.heard, [486, "terminated"])
        self.assertEqual(other.heard, [200, "terminated"])
        self.assertEqual(self.peer.methods.count("ACK"), 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.assert_nothing_left()

    def test_a_tracer_who_raises_harms_nobody(self) -> None:
        """The tracer's exception is logged; messages go on, in and out."""

        def fault(entry: TraceEntry) -> None:
            raise ValueError(entry)

        self.endpoint.add_tracer(fault)
        asked = self.endpoint.request(make("OPTIONS"), self.flow())
        self.advance()
        self.peer.answer(self.peer.last("OPTIONS"), 200)
        self.advance()
        self.successResultOf(asked)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.endpoint.remove_tracer(fault)
        self.endpoint.remove_tracer(fault)
        self.assert_nothing_left()

    def test_an_input_that_fails_ends_no_other(self) -> None:
        """A fault of ours is logged and counted, and what waits is performed."""
        done: list[int] = []

        def fault() -> None:
            self.endpoint.submit(done.append, 1)
            raise ValueError("ours")

        self.endpoint.submit(fault)
        self.assertEqual(done, [1])
        self.assertEqual(self.endpoint.counters["internal-errors"], 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_abandoning_inside_a_callback(self) -> None:
        """An abandoned transaction says and sends nothing more."""
        user = User()
        user.react = lambda word: invite.abandon()
        invite = self.endpoint.start_client(make("INVITE"), self.flow(), user)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 180)
        self.advance()
        self.assertEqual(user.heard, [180])
        self.assertTrue(invite.is_over)
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance(40)
        self.assertEqual(self.peer.methods, ["INVITE"])
        self.assert_nothing_left()


class StopTests(PeerTestCase):
    """`stop` ends everything."""

    def test_stop_ends_every_transaction(self) -> None:
        """Users hear of the end, waiting Deferreds fail, no timer is left."""
        user = User()
        flow = self.flow()
        self.endpoint.start_client(make("INVITE"), flow, user)
        asked = self.endpoint.request(make("OPTIONS"), flow)
        self.endpoint.add_handler(Handler("INFO"))
        self.advance()
        self.peer.send(foreign("INFO"))
        self.advance()
        self.successResultOf(self.endpoint.stop())
        self.assertEqual(user.heard, ["terminated"])
        self.failureResultOf(asked, TransportFailed)
        self.assertEqual(len(self.endpoint._queue), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.endpoint._transactions), 0)
        refused = self.endpoint.request(make("OPTIONS"), flow)
        self.failureResultOf(refused, LocalProtocolError)

    def test_stop_inside_a_callback(self) -> None:
        """The effects of the input before it are performed first."""
        user = User()
        stopped: list[Deferred[None]] = []
        user.react = lambda word: (
            stopped.append(self.endpoint.stop()) if word == 486 else None
        )
        self.endpoint.start_client(make("INVITE"), self.flow(), user)
        self.advance()
        self.peer.answer(self.peer.last("INVITE"), 486)
        self.advance()
        self.successResultOf(stopped[0])
        self.assertEqual(user.heard, [486, "terminated"])
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_start_again(self) -> None:
        """A stopped endpoint can be started again."""
        self.successResultOf(self.endpoint.stop())
        self.successResultOf(self.endpoint.start())
        asked = self.endpoint.request(make("OPTIONS"), self.flow())
        self.advance()
        self.peer.answer(self.peer.last("OPTIONS"), 200)
        self.advance()
        self.assertEqual(self.successResultOf(asked).status, 200)

    def test_stop_ends_the_calls(self) -> None:
        """Calls whose endpoint is stopped without a drain fail, and media is closed."""
        call = self.invite(early_media=True)
        self.peer.answer(self.peer.last("INVITE"), 183, sdp=True)
        self.advance()
        final = call.final
        self.successResultOf(self.endpoint.stop())
        self.failureResultOf(final)
        self.successResultOf(call.done)
        self.assertEqual(call.state, "Terminated")
        self.assertEqual(self.inviter.invitations, [])
        self.media.check()
