"""Tests of the session timer of a dialog: our requests, and the 2xx to them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.session_interval import SessionAsk
from sipuac.dialog.session_timer import Refresh, SessionTimer, State
from sipuac.effects import StartTimer, StopTimer
from tests.dialog.session_timers import (
    ASK,
    EXPIRY,
    REFRESH,
    accepting,
    plan,
    refusing,
    started,
    update,
)


class AcceptedTests(SynchronousTestCase):
    """A 2xx to a request of ours."""

    def test_we_refresh(self) -> None:
        """If the parameter contains the value 'uac', the UAC will perform the
        refreshes: once half the session interval has elapsed (4028-7.2-a, 4028-7.2-c).
        """
        timer = SessionTimer(ASK)
        effects = timer.accepted(accepting("4000;refresher=uac"))
        self.assertEqual(
            effects, [StartTimer(REFRESH, 2000.0), StartTimer(EXPIRY, 4000.0)]
        )
        self.assertEqual((timer.state, timer.interval), (State.REFRESHER, 4000))

    def test_peer_refreshes(self) -> None:
        """The UAC MUST set the identity of the refresher to the value of this parameter
        (4028-7.2-a); it sends BYE 32 s before the end (4028-10-b).
        """
        timer = SessionTimer(ASK)
        effects = timer.accepted(accepting("4000;refresher=uas"))
        self.assertEqual(effects, [StopTimer(REFRESH), StartTimer(EXPIRY, 3968.0)])
        self.assertEqual((timer.state, timer.interval), (State.WATCHING, 4000))

    def test_margin(self) -> None:
        """The minimum of 32 seconds and one third of the session interval is
        RECOMMENDED (4028-10-b).
        """
        for interval, seconds in ((90, 60.0), (93, 62.0), (96, 64.0), (99, 67.0)):
            effects = SessionTimer(ASK).accepted(accepting(f"{interval};refresher=uas"))
            self.assertEqual(effects[1:], [StartTimer(EXPIRY, seconds)])

    def test_not_asked(self) -> None:
        """UACs MUST be prepared to receive a Session-Expires header field in a
        response, even if none were present in the request (4028-7.2-a).
        """
        timer = SessionTimer(SessionAsk())
        self.assertEqual(timer.accepted(accepting("600;refresher=uac")), plan(600))

    def test_alone(self) -> None:
        """A 2xx with neither Require nor Session-Expires: as if its value was the same
        as that in the request, but with a refresher parameter of 'uac' (4028-7.2-b).
        """
        timer = SessionTimer(SessionAsk(3600))
        self.assertEqual(timer.accepted(accepting(require=False)), plan(3600))
        self.assertEqual(timer.fire(REFRESH), [Refresh(timer.request_fields())])
        self.assertEqual(timer.accepted(accepting(require=False)), plan(3600))

    def test_none(self) -> None:
        """If the 2xx response did not contain a Session-Expires header field, there is
        no session expiration (4028-7.2-b).
        """
        for ask, require in ((SessionAsk(), False), (SessionAsk(), True), (ASK, True)):
            timer = SessionTimer(ask)
            self.assertEqual(timer.accepted(accepting(require=require)), [])
            self.assertEqual((timer.state, timer.interval), (State.OFF, None))

    def test_turned_off(self) -> None:
        """The session timer can be 'turned-off' in mid dialog by receiving a response
        without a Session-Expires header field (4028-7.2-b).
        """
        for expires in ("600;refresher=uac", "600;refresher=uas"):
            timer = started(expires, SessionAsk())
            effects = timer.accepted(accepting(require=False))
            self.assertEqual(effects, [StopTimer(REFRESH), StopTimer(EXPIRY)])
            self.assertEqual((timer.state, timer.interval), (State.OFF, None))

    def test_roles_change(self) -> None:
        """The refresher is who the most recent 2xx names, from its reception on
        (4028-7.2-c).
        """
        timer = started("600;refresher=uas")
        self.assertEqual(timer.accepted(accepting("700;refresher=uac")), plan(700))
        self.assertEqual(
            timer.accepted(accepting("800;refresher=uas")),
            [StopTimer(REFRESH), StartTimer(EXPIRY, 768.0)],
        )

    def test_no_refresher(self) -> None:
        """Where a 2xx forgets who refreshes we do: that harms nobody."""
        for expires in ("600", "600;refresher=who"):
            self.assertEqual(SessionTimer(ASK).accepted(accepting(expires)), plan(600))

    def test_too_short(self) -> None:
        """An interval below the absolute minimum would make us flood the peer: it is
        read as 90 (4028-4-a).
        """
        for seconds in (0, 1, 89):
            effects = SessionTimer(ASK).accepted(accepting(f"{seconds};refresher=uac"))
            self.assertEqual(effects, plan(90))

    def test_any_duration(self) -> None:
        """SIP entities MUST be prepared to handle values of any duration greater than
        90 seconds (4028-4-a).
        """
        for seconds in (91, 1799, 10**6, 2**32 - 1):
            effects = SessionTimer(ASK).accepted(accepting(f"{seconds};refresher=uac"))
            self.assertEqual(effects, plan(seconds))
        effects = SessionTimer(ASK).accepted(accepting("9" * 400))
        self.assertEqual(effects, plan(2**32 - 1))

    def test_malformed(self) -> None:
        """A Session-Expires that cannot be read counts as absent."""
        self.assertEqual(SessionTimer(ASK).accepted(accepting("x", False)), plan(1800))
        self.assertEqual(SessionTimer(SessionAsk()).accepted(accepting("x")), [])

    def test_forks(self) -> None:
        """It is explicitly allowed for there to be differing session intervals (or none
        at all) on differing dialogs of a single INVITE (4028-7.2-d).
        """
        ask = SessionAsk()
        first, second, third = SessionTimer(ask), SessionTimer(ask), SessionTimer(ask)
        first.accepted(accepting("600;refresher=uac"))
        second.accepted(accepting("700;refresher=uas"))
        third.accepted(accepting(require=False))
        self.assertEqual(
            [(timer.state, timer.interval) for timer in (first, second, third)],
            [(State.REFRESHER, 600), (State.WATCHING, 700), (State.OFF, None)],
        )


class RequestTests(SynchronousTestCase):
    """What our requests in the dialog carry."""

    def test_roles_stay(self) -> None:
        """The refresher parameter is 'uac' if the element sending the request is
        currently performing refreshes, 'uas' if its peer is (4028-7.4-b).
        """
        self.assertEqual(
            started("4000;refresher=uac").request_fields(),
            (("Session-Expires", "4000;refresher=uac"),),
        )
        self.assertEqual(
            started("4000;refresher=uas").request_fields(),
            (("Session-Expires", "4000;refresher=uas"),),
        )

    def test_without_timer(self) -> None:
        """Without a session timer what is wanted is asked for again, without a
        refresher; nothing where nothing is wanted.
        """
        self.assertEqual(started(None).request_fields(), (("Session-Expires", "1800"),))
        self.assertEqual(started(None, SessionAsk()).request_fields(), ())

    def test_min_se_of_the_invite_is_cleared(self) -> None:
        """The maximum value of the Min-SE is effectively 'cleared' once the dialog is
        established (4028-7.4-a).
        """
        timer = started("4000;refresher=uac", SessionAsk(4000, 4000))
        self.assertEqual(
            timer.request_fields(), (("Session-Expires", "4000;refresher=uac"),)
        )

    def test_min_se_of_a_422(self) -> None:
        """The UAC MUST insert the Min-SE header field if it has ever received a 422
        response on the same dialog: the largest value (4028-7.4-a); Session-Expires is
        not below it (4028-7.1-b).
        """
        timer = started("600;refresher=uac")
        self.assertTrue(timer.raise_minimum(refusing(422, ("Min-SE", "700"))))
        self.assertFalse(timer.raise_minimum(refusing(422, ("Min-SE", "650"))))
        self.assertEqual(
            timer.request_fields(),
            (("Session-Expires", "700;refresher=uac"), ("Min-SE", "700")),
        )
        timer.accepted(accepting("900;refresher=uac"))
        self.assertEqual(
            timer.request_fields(),
            (("Session-Expires", "900;refresher=uac"), ("Min-SE", "700")),
        )

    def test_min_se_of_the_peer(self) -> None:
        """Or if it has received a session refresh request on that dialog that contained
        a Min-SE header field (4028-7.4-a).
        """
        timer = started(None, SessionAsk())
        timer.answer(update(("Min-SE", "300")))
        timer.answer(update(("Min-SE", "200")))
        self.assertEqual(timer.request_fields(), (("Min-SE", "300"),))

    def test_min_se_is_never_below_90(self) -> None:
        """The value of Min-SE MUST NOT be less than 90 seconds."""
        timer = started(None, SessionAsk())
        timer.answer(update(("Min-SE", "5")))
        self.assertEqual(timer.request_fields(), (("Min-SE", "90"),))
