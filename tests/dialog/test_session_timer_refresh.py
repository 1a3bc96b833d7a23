"""Tests of the session timer of a dialog: our refreshes, and how they fail."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.session_timer import Expire, Refresh, SessionTimer, State
from sipuac.effects import StartTimer, StopTimer
from tests.dialog.session_timers import (
    ASK,
    EXPIRED,
    EXPIRY,
    REFRESH,
    accepting,
    plan,
    refreshing,
    refusing,
    started,
)


class RefreshTests(SynchronousTestCase):
    """As refresher."""

    def test_refresh(self) -> None:
        """At half of the interval a refresh is sent, and its 2xx counts anew
        (4028-7.2-c, 4028-7.4-b).
        """
        timer = started("4000;refresher=uac")
        self.assertEqual(
            timer.fire(REFRESH),
            [Refresh((("Session-Expires", "4000;refresher=uac"),))],
        )
        self.assertIs(timer.state, State.REFRESHING)
        self.assertEqual(timer.accepted(accepting("4000;refresher=uac")), plan(4000))
        self.assertIs(timer.state, State.REFRESHER)

    def test_lost(self) -> None:
        """If the session refresh request transaction times out or generates a 408 or
        481 response, then the UAC sends a BYE request (4028-10-a).
        """
        for response, cause in (
            (None, 408),
            (refusing(408), 408),
            (refusing(481), 481),
        ):
            timer = refreshing()
            self.assertEqual(
                timer.refused(response),
                [StopTimer(EXPIRY), Expire(cause, "Session refresh failed")],
            )
            self.assertIs(timer.state, State.OVER)

    def test_too_small(self) -> None:
        """Only a 2xx response extends the session expiration: after a 422 the refresh
        is sent again, with its Min-SE, and the expiry stays (4028-10-a, 4028-7.3-a).
        """
        timer = refreshing()
        self.assertEqual(
            timer.refused(refusing(422, ("Min-SE", "5000"))),
            [
                Refresh(
                    (("Session-Expires", "5000;refresher=uac"), ("Min-SE", "5000")),
                )
            ],
        )
        self.assertEqual((timer.state, timer.interval), (State.REFRESHING, 1800))

    def test_too_small_for_nothing(self) -> None:
        """A 422 that demands no more is a failure like others."""
        for rows in ((), (("Min-SE", "90"),), (("Min-SE", "x"),)):
            effects = refreshing().refused(refusing(422, *rows))
            self.assertEqual(effects, [StartTimer(REFRESH, 225.0)])

    def test_too_small_for_ever(self) -> None:
        """A peer that raises its minimum each time is not followed for ever."""
        timer = refreshing()
        refreshes = 0
        for seconds in range(2000, 2100):
            effects = timer.refused(refusing(422, ("Min-SE", str(seconds))))
            if not effects or not isinstance(effects[0], Refresh):
                break
            refreshes += 1
        self.assertEqual(refreshes, 8)
        self.assertEqual(effects, [StartTimer(REFRESH, 225.0)])

    def test_too_small_after_a_success(self) -> None:
        """Each refresh follows as many 422 as the one before: a 2xx begins anew."""
        timer = refreshing()
        for seconds in range(2000, 2020):
            effects = timer.refused(refusing(422, ("Min-SE", str(seconds))))
            self.assertIsInstance(effects[0], Refresh, seconds)
            timer.accepted(accepting("1800;refresher=uac"))
            timer.fire(REFRESH)

    def test_refused(self) -> None:
        """On other failures the old expiry is kept, and the refresh is tried again when
        the response says so (4028-10-a).
        """
        timer = refreshing()
        self.assertEqual(timer.refused(refusing(500)), [StartTimer(REFRESH, 225.0)])
        self.assertIs(timer.state, State.REFRESHER)
        self.assertEqual(len(timer.fire(REFRESH)), 1)
        busy = refusing(503, ("Retry-After", "7"))
        self.assertEqual(timer.refused(busy), [StartTimer(REFRESH, 7.0)])
        timer.fire(REFRESH)
        unreadable = refusing(504, ("Retry-After", "x"))
        self.assertEqual(timer.refused(unreadable), [StartTimer(REFRESH, 225.0)])

    def test_refused_again(self) -> None:
        """The UAC SHOULD NOT continuously retry the request if the server indicates the
        same error response: the expiry ends the session (4028-10-a).
        """
        timer = refreshing()
        for status in (500, 503):
            self.assertEqual(len(timer.refused(refusing(status))), 1)
            timer.fire(REFRESH)
        self.assertEqual(timer.refused(refusing(500, ("Retry-After", "0"))), [])
        self.assertIs(timer.state, State.REFRESHER)
        self.assertEqual(timer.fire(EXPIRY), EXPIRED)

    def test_refused_after_a_success(self) -> None:
        """A 2xx forgets what was refused before."""
        timer = refreshing()
        timer.refused(refusing(500))
        timer.accepted(accepting("1800;refresher=uac"))
        timer.fire(REFRESH)
        self.assertEqual(timer.refused(refusing(500)), [StartTimer(REFRESH, 225.0)])

    def test_postponed(self) -> None:
        """A refresh that met another request waits as long as it is told, any number of
        times.
        """
        timer = refreshing()
        for _ in range(3):
            self.assertEqual(timer.postpone(2.5), [StartTimer(REFRESH, 2.5)])
            self.assertEqual(timer.postpone(2.5), [])  # none is due
            self.assertEqual(len(timer.fire(REFRESH)), 1)

    def test_expiry(self) -> None:
        """When no refresh succeeds the session is over, whether one is on its way or
        not.
        """
        for timer in (started(), refreshing()):
            self.assertEqual(timer.fire(EXPIRY), EXPIRED)
            self.assertIs(timer.state, State.OVER)

    def test_refresh_has_time_to_end(self) -> None:
        """At the shortest interval a refresh at half of it can time out before the
        session expires (RFC 4028 section 4): our own expiry has no margin.
        """
        effects = SessionTimer(ASK).accepted(accepting("90;refresher=uac"))
        self.assertEqual(effects, [StartTimer(REFRESH, 45.0), StartTimer(EXPIRY, 90.0)])

    def test_other_requests_refused(self) -> None:
        """A refusal while no refresh of ours is on its way means nothing here."""
        for timer in (started(), started("1800;refresher=uas"), started(None)):
            state = timer.state
            for response in (None, refusing(481), refusing(500)):
                self.assertEqual(timer.refused(response), [])
            self.assertIs(timer.state, state)
