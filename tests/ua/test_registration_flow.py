"""What a registrar says of the flow that it has us at."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.message import Response
from sipuac.ua.registration_flow import RegistrationFlow, flow_timer, is_outbound
from tests.transport.test_keepalive import FakeFlow

OUTBOUND = ("Require", "path, Outbound")


def answer(*rows: tuple[str, str], status: int = 200) -> Response:
    """The response to a REGISTER."""
    return Response(status, "", list(rows))


class RegistrationFlowTests(SynchronousTestCase):
    """Tests of `RegistrationFlow`."""

    def setUp(self) -> None:
        """No flow yet."""
        self.clock = Clock()
        self.way = RegistrationFlow(self.clock, lambda: 1.0)

    def test_one_keepalive(self) -> None:
        """Refreshes over the same flow leave its keep-alives as they are, and so does
        a refusal; another flow takes over.
        """
        flow, other = FakeFlow(self.clock), FakeFlow(self.clock)
        for status in (200, 200, 503):
            self.way.answered(answer(OUTBOUND, status=status), flow)
            self.clock.advance(30)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(30)
        self.assertEqual(flow.pings, [120.0])
        self.way.answered(answer(OUTBOUND), other)
        self.clock.advance(120)
        self.assertEqual((len(flow.pings), len(other.pings)), (1, 1))
        self.assertFalse(flow.watchers)
        self.way.leave()
        self.way.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(self.way.flow)

    def test_success(self) -> None:
        """Success is a registration "and if keep-alives are in use on this flow, at
        least one subsequent keep-alive response"; without them the flow has to last for
        a while (5626-4.5-a).
        """
        flow, other = FakeFlow(self.clock), FakeFlow(self.clock)
        self.assertFalse(self.way.is_successful)
        self.way.answered(answer(), flow)
        self.clock.advance(29)
        self.way.answered(answer(), flow)
        self.assertFalse(self.way.is_successful)
        self.clock.advance(1)
        self.assertTrue(self.way.is_successful)
        self.way.answered(answer(OUTBOUND), other)
        self.clock.advance(60)
        self.assertFalse(self.way.is_successful)
        other.pongs += 1
        self.assertTrue(self.way.is_successful)
        self.way.leave()

    def test_outbound_no_more(self) -> None:
        """Where the registrar follows outbound no longer, nothing is sent."""
        flow = FakeFlow(self.clock)
        self.way.answered(answer(OUTBOUND), flow)
        self.way.answered(answer(), flow)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIs(self.way.flow, flow)

    def test_fields(self) -> None:
        """Flow-Timer is a number of seconds; what makes no sense is none."""
        for text, seconds in (
            ("120", 120.0),
            (" 120 ", 120.0),
            ("", None),
            ("-5", None),
            ("0", None),
            ("\u0661\u0662", None),
            ("9" * 1_000_000, None),
        ):
            self.assertEqual(flow_timer(answer(("Flow-Timer", text))), seconds)
        self.assertIsNone(flow_timer(answer()))
        self.assertTrue(is_outbound(answer(("Require", "a"), OUTBOUND)))
        self.assertFalse(is_outbound(answer(("Supported", "outbound"))))
