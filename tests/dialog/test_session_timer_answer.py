"""Tests of the session timer of a dialog: the peer's requests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.session_interval import Agreed, SessionAsk, TooShort
from sipuac.dialog.session_timer import SessionTimer, State
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.message import Request
from tests.dialog.session_timers import (
    ASK,
    EXPIRY,
    REFRESH,
    accepting,
    plan,
    refreshing,
    refusing,
    started,
    update,
)


class AnswerTests(SynchronousTestCase):
    """As the side refreshed."""

    def test_peer_refreshes(self) -> None:
        """The peer's refresh is answered, and the time counts from our 2xx on
        (4028-9-a, 4028-10-b).
        """
        timer = started("600;refresher=uas")
        answer = timer.answer(update(("Session-Expires", "600;refresher=uac")))
        assert isinstance(answer, Agreed)
        self.assertEqual(
            answer.fields,
            (("Require", "timer"), ("Session-Expires", "600;refresher=uac")),
        )
        self.assertEqual(
            timer.answered(answer), [StopTimer(REFRESH), StartTimer(EXPIRY, 568.0)]
        )

    def test_peer_makes_us_refresh(self) -> None:
        """The UAS cannot override the UAC's choice of refresher (4028-9-a)."""
        timer = started("600;refresher=uas")
        answer = timer.answer(update(("Session-Expires", "700;refresher=uas")))
        assert isinstance(answer, Agreed)
        self.assertEqual(timer.answered(answer), plan(700))

    def test_roles_stay(self) -> None:
        """Where the peer leaves the choice the refresher stays who it is."""
        for timer, refresher in (
            (started(), "uas"),
            (refreshing(), "uas"),
            (started("1800;refresher=uas"), "uac"),
        ):
            answer = timer.answer(update(("Session-Expires", "700")))
            expected = ("Session-Expires", f"700;refresher={refresher}")
            self.assertEqual(answer.fields[1], expected)

    def test_no_effect_before_the_2xx(self) -> None:
        """A request that is refused in the end has changed nothing but the Min-SE."""
        timer = started("600;refresher=uas")
        timer.answer(update(("Session-Expires", "700;refresher=uas")))
        self.assertEqual((timer.state, timer.interval), (State.WATCHING, 600))

    def test_too_short(self) -> None:
        """A refresh below our minimum gets 422, and the timer runs on (4028-9-a)."""
        timer = SessionTimer(ASK, minimum=600)
        timer.accepted(accepting("1800;refresher=uas"))
        self.assertEqual(
            timer.answer(update(("Session-Expires", "599"))),
            TooShort((("Min-SE", "600"),)),
        )
        self.assertEqual((timer.state, timer.interval), (State.WATCHING, 1800))

    def test_turned_off(self) -> None:
        """If the most recent 2xx response had no Session-Expires header field, there is
        no session expiration.
        """
        timer = started("600;refresher=uas", SessionAsk())
        answer = timer.answer(update())
        assert isinstance(answer, Agreed)
        self.assertEqual(answer.fields, ())
        self.assertEqual(
            timer.answered(answer), [StopTimer(REFRESH), StopTimer(EXPIRY)]
        )

    def test_wanted(self) -> None:
        """Who wants the timer asks for it in the 2xx, with the interval that is."""
        timer = started("600;refresher=uac")
        answer = timer.answer(update())
        self.assertEqual(
            answer.fields,
            (("Require", "timer"), ("Session-Expires", "600;refresher=uas")),
        )

    def test_alone(self) -> None:
        """The request of a peer that does not know the timer leaves us refreshing."""
        timer = SessionTimer(ASK)
        timer.accepted(accepting(require=False))
        answer = timer.answer(Request("UPDATE", "sip:a@b", []))
        assert isinstance(answer, Agreed)
        self.assertEqual(answer.fields, ())
        self.assertEqual(timer.answered(answer), plan(1800))

    def test_crossing(self) -> None:
        """The peer's refresh while ours is on its way counts; the late failure of ours
        then ends nothing.
        """
        timer = refreshing()
        answer = timer.answer(update(("Session-Expires", "700;refresher=uac")))
        assert isinstance(answer, Agreed)
        timer.answered(answer)
        self.assertEqual(timer.refused(refusing(500)), [])
        self.assertIs(timer.state, State.WATCHING)

    def test_malformed(self) -> None:
        """A request whose fields cannot be read changes nothing."""
        timer = started("600;refresher=uas")
        for row in (("Session-Expires", "x"), ("Min-SE", "x")):
            with self.assertRaises(ParseError):
                timer.answer(update(row))
        self.assertEqual(
            timer.request_fields(), (("Session-Expires", "600;refresher=uas"),)
        )

    def test_minimum(self) -> None:
        """This minimum interval MUST NOT be lower than 90 seconds (4028-9-a)."""
        with self.assertRaises(LocalProtocolError):
            SessionTimer(ASK, minimum=89)
