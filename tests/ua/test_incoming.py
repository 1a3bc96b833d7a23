"""Requests of strangers: INVITEs answered by policy, floods turned away."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from sipuac.errors import LocalProtocolError
from sipuac.syntax.destination import Destination
from sipuac.syntax.message import Request, Response
from sipuac.ua.admission import AdmissionLimits
from sipuac.ua.incoming import PATIENCE, IncomingInvites, Refusal
from tests.ua.peer import HOST, PeerTestCase
from tests.ua.transaction_users import foreign


class StrangerTestCase(PeerTestCase):
    """A peer that knows a way to us."""

    def setUp(self) -> None:
        """Open the way."""
        super().setUp()
        connecting = self.peer.transport.connect(
            Destination(self.protocol, "caller.invalid", 5060, "caller.invalid")
        )
        self.advance()
        self.peer.flow = self.successResultOf(connecting)

    def send(self, request: Request) -> None:
        """The peer sends a request."""
        self.peer.send(request)
        self.advance()

    @property
    def responses(self) -> list[Response]:
        """All responses that came, in order."""
        return [m for m in self.peer.received if isinstance(m, Response)]

    def acknowledge(self) -> None:
        """The peer acknowledges the refusal of its INVITE, and all settles."""
        tag = self.responses[-1].to_tag
        self.send(foreign("ACK", to_tag=f";tag={tag}"))
        self.assert_nothing_left()


class PolicyTests(StrangerTestCase):
    """Tests of `IncomingInvites`."""

    def decide_by(self, policy: Callable[[Request], object]) -> None:
        """Let this decide."""
        IncomingInvites(self.endpoint, policy)  # type: ignore[arg-type]  # untyped ones, too

    def test_at_once(self) -> None:
        """The policy's answer is the answer, with its fields."""
        asked: list[Request] = []
        where = (("Contact", "<sip:desk@192.0.2.9>"),)

        def policy(request: Request) -> Refusal:
            asked.append(request)
            return Refusal(302, where)

        self.decide_by(policy)
        self.send(foreign("INVITE"))
        self.assertEqual(self.peer.statuses, [302])
        self.assertEqual(self.responses[-1].get("Contact"), "<sip:desk@192.0.2.9>")
        self.assertEqual(len(asked), 1)
        self.acknowledge()

    def test_later(self) -> None:
        """While it thinks the other side hears 180 with the same tag."""
        deciding: Deferred[Refusal] = Deferred()
        self.decide_by(lambda request: deciding)
        self.send(foreign("INVITE"))
        self.assertEqual(self.peer.statuses, [180])
        deciding.callback(Refusal(603, reason="Not today"))
        self.advance()
        self.assertEqual(self.peer.statuses, [180, 603])
        self.assertEqual(self.responses[-1].reason, "Not today")
        self.assertEqual(len({one.to_tag for one in self.responses}), 1)
        self.acknowledge()

    def test_same_branch(self) -> None:
        """Two INVITEs with one branch are two where "the host and port in the
        sent-by" differ (3261-17.2.3-a): each is answered, and each can be cancelled.
        """
        deciding: list[Deferred[Refusal]] = [Deferred() for _ in range(3)]
        waiting = iter(deciding)
        self.decide_by(lambda request: next(waiting))
        hosts = [f"SIP/2.0/UDP {host}" for host in (HOST, "a.invalid", "b.invalid")]
        for via in hosts:
            self.send(foreign("INVITE", via=via))
        self.send(foreign("CANCEL", via=hosts[1]))
        self.assertEqual(self.peer.statuses, [180, 180, 180, 200, 487])
        self.assertEqual([one.called for one in deciding], [False, True, False])
        deciding[0].callback(Refusal(603))
        deciding[2].callback(Refusal(603))
        self.advance()
        self.assertEqual(self.peer.statuses[5:], [603, 603])
        self.assert_nothing_left()

    def test_cancelled(self) -> None:
        """A CANCEL ends the thinking: 200 to it, 487 to the INVITE."""
        stopped: list[object] = []
        deciding: Deferred[Refusal] = Deferred(stopped.append)
        self.decide_by(lambda request: deciding)
        self.send(foreign("INVITE"))
        self.send(foreign("CANCEL"))
        self.assertEqual(sorted(self.peer.statuses), [180, 200, 487])
        self.assertEqual(stopped, [deciding])
        self.acknowledge()

    def test_never(self) -> None:
        """A policy that never decides has its limit: nobody waits for ever, and no
        transaction is left.
        """
        cancelled: list[object] = []
        deciding: Deferred[Refusal] = Deferred(cancelled.append)
        self.decide_by(lambda request: deciding)
        self.send(foreign("INVITE"))
        self.advance(PATIENCE)
        self.assertEqual(self.peer.statuses, [180, 480])
        self.assertEqual(len(cancelled), 1)
        self.acknowledge()

    def test_failures(self) -> None:
        """A policy that fails, or returns nonsense, means 500 and is logged."""

        def fail(request: Request) -> Refusal:
            raise ValueError("no")

        self.decide_by(fail)
        self.send(foreign("INVITE"))
        self.assertEqual(self.peer.statuses, [500])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.acknowledge()

    def test_nonsense(self) -> None:
        """What is no Refusal is none."""
        self.decide_by(lambda request: 42)
        self.send(foreign("INVITE"))
        self.assertEqual(self.peer.statuses, [500])
        self.acknowledge()

    def test_others_are_not_asked_about(self) -> None:
        """Only an initial INVITE is the policy's."""
        self.decide_by(lambda request: Refusal(600))
        self.send(foreign("OPTIONS"))
        self.send(foreign("INVITE", branch="z9hG4bKre", to_tag=";tag=x"))
        self.assertEqual(self.peer.statuses, [200, 481])
        self.send(foreign("ACK", branch="z9hG4bKre", to_tag=";tag=x"))
        self.assert_nothing_left()

    def test_stopped(self) -> None:
        """When the endpoint stops nobody thinks any more."""
        stopped: list[object] = []
        deciding: Deferred[Refusal] = Deferred(stopped.append)
        self.decide_by(lambda request: deciding)
        self.send(foreign("INVITE"))
        self.successResultOf(self.endpoint.stop())
        self.assertEqual(stopped, [deciding])

    def test_refusals_are_checked(self) -> None:
        """A Refusal refuses, and injects nothing."""
        for arguments in (
            (200,),
            (700,),
            (486, (("X", "a\r\nb"),)),
            (486, (), "a\nb"),
        ):
            self.assertRaises(LocalProtocolError, Refusal, *arguments)


class LimitTests(StrangerTestCase):
    """Floods of strangers."""

    admission = AdmissionLimits(rate=1.0, burst=3.0)

    def ask(self, number: int) -> None:
        """One more OPTIONS."""
        request = foreign("OPTIONS", branch=f"z9hG4bKflood{number}")
        self.send(request.replacing("Call-ID", f"flood{number}"))

    def test_a_flood(self) -> None:
        """Who asks too much is told when to ask again, and no state is kept."""
        for number in range(5):
            self.ask(number)
        self.assertEqual(self.peer.statuses, [200, 200, 200, 503, 503])
        self.assertEqual(self.responses[-1].get("Retry-After"), "5")
        self.assertEqual(len(self.endpoint._intake.servers), 3)
        self.assertEqual(self.endpoint.counters["requests-over-limit"], 2)
        self.clock.advance(1.0)
        self.ask(9)
        self.assertEqual(self.peer.statuses[-1], 200)
        self.assert_nothing_left()

    def test_without_state(self) -> None:
        """Its To tags are made "in a manner that will generate the same tag for the
        same request consistently"; "A stateless UAS MUST ignore CANCEL requests" (RFC
        3261 section 8.2.7).
        """
        for number in range(3):
            self.ask(number)
        self.send(foreign("INVITE"))
        self.send(foreign("INVITE"))
        self.send(foreign("INVITE", branch="z9hG4bKanother"))
        self.assertEqual(self.peer.statuses, [200, 200, 200, 503, 503, 503])
        tags = [response.to_tag for response in self.responses[3:]]
        self.assertEqual(tags[0], tags[1])
        self.assertNotEqual(tags[0], tags[2])
        self.send(foreign("CANCEL"))
        self.assertEqual(len(self.peer.statuses), 6)
        self.assert_nothing_left()

    def test_calls_go_on(self) -> None:
        """What belongs to a call of ours is not limited."""
        call = self.invite()
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 200, sdp=True)
        self.advance()
        for number in range(8):
            self.ask(number)
        session = call.session
        assert session is not None
        self.peer.ask("BYE")
        self.advance()
        self.assertEqual(self.peer.statuses[-1], 200)
        self.assert_nothing_left()
