"""The machine that keeps an address-of-record registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import (
    LocalProtocolError,
    Redirected,
    RemoteProtocolError,
    RequestRejected,
    TransactionTimeout,
    TransportFailed,
)
from sipuac.registration.options import RegistrationOptions
from sipuac.registration.registration import (
    Bound,
    Effect,
    Missed,
    Registration,
    RegistrationTimer,
    SendRegister,
    State,
    Unbound,
    failure_of,
)
from sipuac.syntax.fields import NameAddress
from sipuac.syntax.message import Response
from sipuac.syntax.uri import SipUri, parse_uri

IDENTITY = NameAddress.parse("<sip:caller@example.com>")
OURS = (NameAddress.parse("<sip:caller@192.0.2.1>"),)
INSTANCE = "urn:uuid:00000000-0000-1000-8000-000A95A0E128"


def answer(status: int = 200, *fields: tuple[str, str]) -> Response:
    """A response; a 200 binds our address for 600 s unless it says otherwise."""
    if status == 200 and not fields:
        fields = (("Contact", "<sip:caller@192.0.2.1>;expires=600"),)
    return Response(status, "Answer", fields)


class RegistrationTests(SynchronousTestCase):
    """Tests of the machine, by its effects."""

    def setUp(self) -> None:
        """A registration that has not begun."""
        self.registration = self.make()

    def make(self, **options: object) -> Registration:
        """A registration without chance."""
        options = {"identity": IDENTITY, "expires": 600, **options}
        return Registration(RegistrationOptions(**options), lambda: 0.0)  # type: ignore[arg-type]  # of several types

    def finish(self, result: Response | Exception) -> list[Effect]:
        """The REGISTER on its way ends so."""
        return self.registration.finished(result, OURS)  # type: ignore[arg-type]  # a SipError

    def bind(self) -> None:
        """Register with success."""
        self.registration.start()
        self.finish(answer())

    def test_bound(self) -> None:
        """A 2xx binds; it is refreshed before the binding ends (3261-10.2.4-a)."""
        self.assertEqual(self.registration.start(), [SendRegister(600, False)])
        effects = self.finish(answer())
        self.assertEqual(
            effects[:2],
            [
                StartTimer(RegistrationTimer.REFRESH, 560),
                StartTimer(RegistrationTimer.EXPIRY, 600),
            ],
        )
        self.assertIsInstance(effects[2], Bound)
        self.assertTrue(self.registration.is_bound)
        self.assertEqual(
            self.registration.fire(RegistrationTimer.REFRESH),
            [SendRegister(600, False)],
        )

    def test_others_are_not_refreshed(self) -> None:
        """The bindings of others do not count (3261-10.2.4-b)."""
        self.registration.start()
        rows = "<sip:other@192.0.2.7>;expires=5, <sip:caller@192.0.2.1>;expires=300"
        effects = self.finish(answer(200, ("Contact", rows)))
        self.assertEqual(effects[1], StartTimer(RegistrationTimer.EXPIRY, 300))

    def test_not_bound(self) -> None:
        """A 2xx that does not name our address has registered nothing."""
        self.registration.start()
        rows = ("Contact", "<sip:other@192.0.2.7>;expires=500")
        for response in (answer(200, rows), answer(200, ("X", ""))):
            registration = self.registration = self.make()
            registration.start()
            effects = self.finish(response)
            self.assertEqual(effects[0], StartTimer(RegistrationTimer.RETRY, 30))
            assert isinstance(effects[1], Missed)
            self.assertIsInstance(effects[1].error, RemoteProtocolError)
            self.assertFalse(registration.is_bound)

    def test_423(self) -> None:
        """After 423 it asks for what is demanded (3261-10.2.8-a)."""
        self.registration.start()
        effects = self.finish(answer(423, ("Min-Expires", "7200")))
        self.assertEqual(effects, [SendRegister(7200, False)])

    def test_423_without_end(self) -> None:
        """Who demands ever more is given up; and who does not say what."""
        self.registration.start()
        for seconds in range(1000, 1004):
            effects = self.finish(answer(423, ("Min-Expires", str(seconds))))
            self.assertEqual(effects, [SendRegister(seconds, False)])
        effects = self.finish(answer(423, ("Min-Expires", "2000")))
        self.assertEqual(self.registration.state, State.WAITING)
        self.registration = self.make()
        self.registration.start()
        self.finish(answer(423))
        self.assertEqual(self.registration.state, State.WAITING)

    def test_439(self) -> None:
        """439: the first hop knows no outbound, so register without (5626-4.2.1-c)."""
        self.registration = self.make(instance=INSTANCE, reg_id=1)
        self.assertEqual(self.registration.start(), [SendRegister(600, True)])
        self.assertEqual(self.finish(answer(439)), [SendRegister(600, False)])

    def test_failure_waits(self) -> None:
        """After a failure it backs off, ever longer (3261-10.2.7-a, 5626-4.5-a)."""
        self.registration.start()
        for wait in (30, 60, 120, 240):
            error = TransactionTimeout("nothing")
            effects = self.finish(error)
            self.assertEqual(
                effects,
                [StartTimer(RegistrationTimer.RETRY, wait), Missed(error, wait)],
            )
            self.registration.fire(RegistrationTimer.RETRY)

    def test_retry_after(self) -> None:
        """Retry-After may make it wait longer than it would."""
        self.registration.start()
        effects = self.finish(answer(503, ("Retry-After", "300")))
        self.assertEqual(effects[0], StartTimer(RegistrationTimer.RETRY, 300))
        assert isinstance(effects[1], Missed)
        self.assertIsInstance(effects[1].error, RequestRejected)

    def test_refresh_fails(self) -> None:
        """While a refresh fails the binding stands, until it has run out."""
        self.bind()
        self.registration.fire(RegistrationTimer.REFRESH)
        self.finish(answer(500))
        self.assertEqual(self.registration.state, State.RETRYING)
        self.assertTrue(self.registration.is_bound)
        effects = self.registration.fire(RegistrationTimer.EXPIRY)
        self.assertEqual(effects, [Unbound(is_over=False)])
        self.assertFalse(self.registration.is_bound)
        effects = self.registration.fire(RegistrationTimer.RETRY)
        self.assertEqual(effects, [SendRegister(600, False)])

    def test_expiry_during_refresh(self) -> None:
        """A binding that ends while its refresh is on its way is told as ended."""
        self.bind()
        self.registration.fire(RegistrationTimer.REFRESH)
        effects = self.registration.fire(RegistrationTimer.EXPIRY)
        self.assertEqual(effects, [Unbound(is_over=False)])
        self.assertIsInstance(self.finish(answer())[2], Bound)

    def test_flow_lost(self) -> None:
        """A flow that is lost is replaced at once."""
        self.bind()
        lost = TransportFailed("closed")
        self.assertEqual(
            self.registration.flow_lost(lost),
            [StopTimer(RegistrationTimer.REFRESH), SendRegister(600, False)],
        )
        self.assertEqual(self.registration.flow_lost(lost), [])

    def test_flow_lost_soon(self) -> None:
        """The wait for a new flow "depends if the previous attempt at establishing a
        flow was successful", and grows where none was (5626-4.5-a).
        """
        self.bind()
        lost = TransportFailed("closed")
        waits = []
        for _ in range(3):
            effects = self.registration.flow_lost(lost, was_successful=False)
            self.assertEqual(self.registration.state, State.RETRYING)
            self.assertEqual(effects[0], StopTimer(RegistrationTimer.REFRESH))
            (missed,) = [one for one in effects if isinstance(one, Missed)]
            self.assertIs(missed.error, lost)
            waits.append(missed.wait)
            self.assertEqual(
                self.registration.flow_lost(lost, was_successful=False), []
            )
            self.registration.fire(RegistrationTimer.RETRY)
            self.finish(answer())
        self.assertEqual(waits, [30.0, 60.0, 120.0])
        self.registration.flow_lost(lost)
        self.finish(answer())
        effects = self.registration.flow_lost(lost, was_successful=False)
        self.assertEqual(effects[-1], Missed(lost, 30.0))

    def test_removal(self) -> None:
        """Own bindings are removed by an expiry of zero (3261-10.2.2-b)."""
        self.bind()
        effects = self.registration.stop()
        self.assertEqual(effects[-1], SendRegister(0, False))
        effects = self.finish(answer(200, ("X", "")))
        self.assertEqual(effects[-1], Unbound(is_over=True))

    def test_removal_refused(self) -> None:
        """A removal that fails is the end all the same, and told."""
        for result in (answer(500), TransactionTimeout("nothing")):
            self.registration = self.make()
            self.bind()
            self.registration.stop()
            effects = self.finish(result)
            self.assertIsInstance(effects[-2], Missed)
            self.assertEqual(effects[-1], Unbound(is_over=True))

    def test_stop_while_pending(self) -> None:
        """It sends no new REGISTER while one is pending (3261-10.2-d)."""
        self.registration.start()
        effects = self.registration.stop()
        self.assertEqual([e for e in effects if isinstance(e, SendRegister)], [])
        self.assertEqual(self.finish(answer())[-1], SendRegister(0, False))

    def test_stop_while_refused(self) -> None:
        """Where nothing was bound there is nothing to remove."""
        self.registration.start()
        self.registration.stop()
        self.assertEqual(self.finish(answer(403))[-1], Unbound(is_over=True))

    def test_stop_while_waiting(self) -> None:
        """Stopped while it waits, it ends."""
        self.registration.start()
        self.finish(answer(403))
        self.assertEqual(
            self.registration.stop(),
            [StopTimer(RegistrationTimer.RETRY), Unbound(is_over=True)],
        )

    def test_options(self) -> None:
        """What cannot be is refused before anything is sent (3261-10.2-b)."""
        wrong: Sequence[dict[str, object]] = (
            {"identity": NameAddress.parse("<tel:+1>")},
            {"expires": 0},
            {"expires": 2**32},
            {"reg_id": 1},
            {"instance": "no urn", "reg_id": 1},
            {"instance": INSTANCE, "reg_id": 0},
            {"base_wait": 0.0},
            {"base_wait": 90.0, "max_wait": 30.0},
        )
        for options in wrong:
            every = {"identity": IDENTITY, **options}
            checked = RegistrationOptions(**every)  # type: ignore[arg-type]  # as above
            self.assertRaises(LocalProtocolError, checked.check)

    def test_lives(self) -> None:
        """Whatever happens: one REGISTER at a time, and after the end nothing."""
        for seed in range(300):
            self.live(Random(seed), f"seed {seed}")

    def live(self, random: Random, message: str) -> None:
        """One random life."""
        registration = self.registration = self.make()
        running: set[str] = set()
        pending = 0
        ended = False

        def perform(effects: list[Effect]) -> None:
            nonlocal pending, ended
            for effect in effects:
                self.assertFalse(ended, message)
                if isinstance(effect, StartTimer):
                    running.add(effect.timer)
                elif isinstance(effect, StopTimer):
                    running.discard(effect.timer)
                elif isinstance(effect, SendRegister):
                    pending += 1
                    self.assertEqual(pending, 1, message)
                elif isinstance(effect, Unbound):
                    ended = effect.is_over

        def finish() -> None:
            nonlocal pending
            if pending:
                pending -= 1
                results = (answer(), answer(500), answer(423), TransactionTimeout(""))
                perform(self.finish(random.choice(results)))

        def fire() -> None:
            if running:
                timer = random.choice(sorted(running))
                running.remove(timer)
                perform(registration.fire(timer))

        acts: list[Callable[[], None]] = [
            finish,
            fire,
            lambda: perform(
                registration.flow_lost(
                    TransportFailed(""), was_successful=random.random() < 0.5
                )
            ),
        ]
        perform(registration.start())
        for _ in range(random.randrange(30)):
            random.choice(acts)()
        perform(registration.stop())
        while pending:
            finish()
        self.assertTrue(ended, message)
        self.assertEqual((registration.state, running), (State.OVER, set()), message)

    def test_redirected(self) -> None:
        """A 3xx that is left is a failure that says where else to look; what cannot be
        read in it is left out.
        """
        for text, expected in (
            ("<sip:other.example>", ("sip:other.example",)),
            ("<sip:other.example", ()),
        ):
            error = failure_of(answer(302, ("Contact", text)))
            assert isinstance(error, Redirected)
            self.assertEqual(error.contacts, expected)
            self.assertEqual(error.status, 302)

    def test_the_request_uri(self) -> None:
        """The Request-URI "names the domain", without a user; a registrar of its own
        may be named (3261-10.2-b).
        """
        identity = NameAddress.parse("<sip:caller@example.com:5070;transport=tcp>")
        options = RegistrationOptions(identity)
        self.assertEqual(str(options.request_uri), "sip:example.com:5070;transport=tcp")
        registrar = parse_uri("sips:me@registrar.example")
        assert isinstance(registrar, SipUri)
        options = RegistrationOptions(identity, registrar=registrar)
        self.assertEqual(str(options.request_uri), "sips:registrar.example")

    def test_good_options(self) -> None:
        """What can be is not refused."""
        for reg_id in (1, 2**31 - 1):
            options = RegistrationOptions(IDENTITY, instance=INSTANCE, reg_id=reg_id)
            options.check()
        RegistrationOptions(IDENTITY, base_wait=30.0, max_wait=30.0).check()
