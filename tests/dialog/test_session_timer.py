"""Tests of the session timer of a dialog."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.session_interval import Agreed, SessionAsk, TooShort
from sipuac.dialog.session_timer import (
    Effect,
    Event,
    Expire,
    Refresh,
    SessionTimer,
    SessionTimerName,
    State,
)
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.message import Request, Response

REFRESH = SessionTimerName.REFRESH
EXPIRY = SessionTimerName.EXPIRY

ASK = SessionAsk(1800)
EXPIRED = [StopTimer(REFRESH), Expire(408, "Session expired")]


def accepting(expires: str | None = None, require: bool = True) -> Response:
    """A 2xx with this Session-Expires."""
    rows = [("Require", "timer")] if require else []
    if expires is not None:
        rows.append(("Session-Expires", expires))
    return Response(200, None, rows)


def refusing(status: int, *rows: tuple[str, str]) -> Response:
    """A final response that is no 2xx."""
    return Response(status, None, rows)


def update(*rows: tuple[str, str]) -> Request:
    """An UPDATE of a peer that knows the timer."""
    return Request("UPDATE", "sip:a@b", [("Supported", "timer"), *rows])


def started(
    expires: str | None = "1800;refresher=uac", ask: SessionAsk = ASK
) -> SessionTimer:
    """A session timer after the 2xx to the INVITE."""
    timer = SessionTimer(ask)
    timer.accepted(accepting(expires))
    return timer


def refreshing(ask: SessionAsk = ASK) -> SessionTimer:
    """A session timer whose refresh is on its way."""
    timer = started(ask=ask)
    timer.fire(REFRESH)
    return timer


def plan(interval: float) -> list[Effect]:
    """What one who refreshes does after a 2xx."""
    return [StartTimer(REFRESH, interval / 2), StartTimer(EXPIRY, float(interval))]


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


class EndTests(SynchronousTestCase):
    """The end of the dialog."""

    def test_end(self) -> None:
        """Both timers are forgotten."""
        for timer in (started(), refreshing(), started("600;refresher=uas")):
            self.assertEqual(timer.end(), [StopTimer(REFRESH), StopTimer(EXPIRY)])
            self.assertIs(timer.state, State.OVER)
        timer = started(None)
        self.assertEqual(timer.end(), [])
        self.assertIs(timer.state, State.OVER)

    def test_over(self) -> None:
        """After the end nothing happens any more."""
        for name, feed in INPUTS.items():
            timer = started()
            timer.end()
            self.assertEqual(feed(timer), [], name)


def _answered(timer: SessionTimer) -> list[Effect]:
    answer = timer.answer(update(("Session-Expires", "600;refresher=uac")))
    assert isinstance(answer, Agreed)
    return timer.answered(answer)


#: An input for each event, and two ways of some.
INPUTS: dict[str, Callable[[SessionTimer], list[Effect]]] = {
    Event.OURS: lambda timer: timer.accepted(accepting("600;refresher=uac")),
    Event.PEERS: lambda timer: timer.accepted(accepting("600;refresher=uas")),
    "answered": _answered,
    Event.NO_TIMER: lambda timer: timer.accepted(accepting()),
    Event.TOO_SMALL: lambda timer: timer.refused(refusing(422, ("Min-SE", "700"))),
    Event.REFUSED: lambda timer: timer.refused(refusing(500)),
    Event.LOST: lambda timer: timer.refused(None),
    Event.POSTPONED: lambda timer: timer.postpone(1.0),
    Event.ENDED: lambda timer: timer.end(),
    REFRESH: lambda timer: timer.fire(REFRESH),
    EXPIRY: lambda timer: timer.fire(EXPIRY),
}


class WalkTests(SynchronousTestCase):
    """Every path of up to four inputs."""

    DEPTH = 4

    def setUp(self) -> None:
        """Walk: at each place all inputs, a timer only where it runs."""
        self.arrows: set[tuple[State, str, State]] = set()
        self.places: set[tuple[State, frozenset[str]]] = set()
        pending: list[list[str]] = [[]]
        while pending:
            path = pending.pop()
            running = self.replay(path)
            if len(path) < self.DEPTH:
                for name in INPUTS:
                    is_timer = isinstance(name, SessionTimerName)
                    if not is_timer or name in running:
                        pending.append([*path, name])

    def replay(self, path: list[str]) -> set[str]:
        """The timers that run after these inputs."""
        timer = SessionTimer(ASK)
        running: set[str] = set()
        for index, name in enumerate(path):
            running.discard(name)
            before = timer.state
            effects = INPUTS[name](timer)
            self.arrows.add((before, name, timer.state))
            for effect in effects:
                if isinstance(effect, StartTimer):
                    self.assertGreater(effect.seconds, 0)
                    running.add(effect.timer)
                elif isinstance(effect, StopTimer):
                    running.discard(effect.timer)
                elif isinstance(effect, Expire):
                    self.assertIs(timer.state, State.OVER)
                    self.assertIsNot(before, State.OVER)
            if index == len(path) - 1:
                self.places.add((timer.state, frozenset(running)))
        return running

    def test_every_state_is_reached(self) -> None:
        """Each state of the table can be reached."""
        self.assertEqual({state for state, _ in self.places}, set(State))

    def test_every_row_is_walked(self) -> None:
        """Each row leads where it says, and nothing else moves the machine; the row of
        a second refusal is further away and has a test of its own.
        """
        rows = {
            (state, event, row[0])
            for state, events in SessionTimer.transitions.items()
            for event, row in events.items()
            if event != Event.REFUSED_AGAIN
        }
        self.assertEqual(rows - self.arrows, set())
        for before, name, after in self.arrows:
            # The same 422 a second time demands nothing more: it is a plain refusal.
            other = {"answered": Event.PEERS, Event.TOO_SMALL: Event.REFUSED}.get(name)
            if not rows & {(before, name, after), (before, other, after)}:
                self.assertEqual(before, after, name)

    def test_timers(self) -> None:
        """The expiry runs wherever there is a session timer, the refresh only where its
        row is, and nothing runs in Off or Over.
        """
        for state, running in self.places:
            rows = set(SessionTimer.transitions[state])
            self.assertLessEqual(running, rows, state)
            has_timer = state not in (State.OFF, State.OVER)
            self.assertEqual(EXPIRY in running, has_timer, state)

    def test_every_state_can_end(self) -> None:
        """Each state but the last has a row for the end of the dialog."""
        for state, rows in SessionTimer.transitions.items():
            self.assertEqual(Event.ENDED in rows, state is not State.OVER)
