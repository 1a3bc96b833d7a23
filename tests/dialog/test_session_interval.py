"""Tests of the agreement on a session interval."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.session_interval import Agreed, SessionAsk, TooShort, answer_to
from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.message import Request, Response

HUGE = 2**32 - 1


def too_small(min_se: str | None) -> Response:
    """A 422 that demands this."""
    return Response(422, None, [] if min_se is None else [("Min-SE", min_se)])


def update(
    expires: str | None = None, *, supported: bool = True, min_se: str | None = None
) -> Request:
    """An UPDATE of the peer."""
    rows = []
    if supported:
        rows.append(("Supported", "100rel, timer"))
    if expires is not None:
        rows.append(("x", expires))
    if min_se is not None:
        rows.append(("Min-SE", min_se))
    return Request("UPDATE", "sip:alice@atlanta.com", rows)


def answer(
    request: Request,
    wanted: int | None = None,
    minimum: int = 90,
    is_refresher: bool = False,
) -> Agreed | TooShort:
    """The answer of one who wants this."""
    return answer_to(request, wanted=wanted, minimum=minimum, is_refresher=is_refresher)


def agreed(seconds: int, refresher: str, *, require: bool = True) -> Agreed:
    """What a 2xx of ours says."""
    rows: tuple[tuple[str, str], ...] = (
        ("Session-Expires", f"{seconds};refresher={refresher}"),
    )
    if require:
        rows = (("Require", "timer"), *rows)
    return Agreed(seconds, refresher == "uas", rows)


class AskTests(SynchronousTestCase):
    """What the initial INVITE asks for."""

    def test_fields(self) -> None:
        """Session-Expires without refresher, and Min-SE where there is one."""
        self.assertEqual(SessionAsk().fields(), ())
        self.assertEqual(SessionAsk(1800).fields(), (("Session-Expires", "1800"),))
        self.assertEqual(
            SessionAsk(1800, 120).fields(),
            (("Session-Expires", "1800"), ("Min-SE", "120")),
        )
        self.assertEqual(SessionAsk(None, 120).fields(), (("Min-SE", "120"),))

    def test_absolute_minimum(self) -> None:
        """The absolute minimum for the Session-Expires header field is 90 seconds
        (4028-4-a).
        """
        self.assertEqual(SessionAsk(90).interval, 90)
        for interval in (89, 0, -1):
            with self.assertRaises(LocalProtocolError):
                SessionAsk(interval)
        with self.assertRaises(LocalProtocolError):
            SessionAsk(1800, 89)

    def test_min_se(self) -> None:
        """The value of the Session-Expires MUST be greater than or equal to the value
        in Min-SE (4028-7.1-b).
        """
        self.assertEqual(SessionAsk(120, 120).minimum, 120)
        with self.assertRaises(LocalProtocolError):
            SessionAsk(119, 120)

    def test_raised(self) -> None:
        """After 422 both fields are raised to its Min-SE, and again by the next 422
        (4028-7.3-a).
        """
        ask = SessionAsk(90)
        ask = ask.raised(too_small("3600")) or ask
        self.assertEqual(ask, SessionAsk(3600, 3600))
        ask = ask.raised(too_small("4000")) or ask
        self.assertEqual(
            ask.fields(), (("Session-Expires", "4000"), ("Min-SE", "4000"))
        )

    def test_raised_below_the_interval(self) -> None:
        """The interval is never lowered (4028-7.1-b): a proxy may have lowered it on
        the way, which Min-SE forbids.
        """
        self.assertEqual(
            SessionAsk(1800).raised(too_small("600")), SessionAsk(1800, 600)
        )

    def test_raised_without_asking(self) -> None:
        """One who asked for nothing still names the minimum."""
        self.assertEqual(SessionAsk().raised(too_small("600")), SessionAsk(None, 600))

    def test_not_raised(self) -> None:
        """A 422 that demands nothing more, or nothing readable, is not followed."""
        ask = SessionAsk(1800, 600)
        for min_se in ("600", "90", "1", "0", "x", "", None):
            self.assertIsNone(ask.raised(too_small(min_se)), min_se)
        self.assertIsNone(SessionAsk(90).raised(too_small("90")))

    def test_absurd(self) -> None:
        """An absurd minimum is a minimum."""
        self.assertEqual(
            SessionAsk(90).raised(too_small("9" * 100)), SessionAsk(HUGE, HUGE)
        )


class AnswerTests(SynchronousTestCase):
    """As the side refreshed."""

    def test_table_2(self) -> None:
        """The refresher in the response, by table 2 of RFC 4028; roles stay where the
        peer leaves the choice (4028-9-a).
        """
        for supported, asked, is_refresher, expected in (
            (False, "", False, "uas"),
            (False, "", True, "uas"),
            (False, ";refresher=uac", False, "uas"),  # shouldn't happen
            (False, ";refresher=uas", False, "uas"),
            (True, "", False, "uac"),
            (True, "", True, "uas"),
            (True, ";refresher=uac", True, "uac"),
            (True, ";refresher=uas", False, "uas"),
            (True, ";refresher=both", True, "uas"),
        ):
            request = update(f"1800{asked}", supported=supported)
            self.assertEqual(
                answer(request, is_refresher=is_refresher),
                agreed(1800, expected, require=supported),
                (supported, asked, is_refresher),
            )

    def test_require(self) -> None:
        """If the refresher parameter has a value of 'uac', the UAS MUST place a Require
        header field into the response with the value 'timer' (4028-9-a).
        """
        found = answer(update("1800;refresher=uac"))
        self.assertEqual(found.fields[0], ("Require", "timer"))

    def test_never_raised(self) -> None:
        """The UAS MUST NOT increase the value of the Session-Expires header field, nor
        is it lowered (4028-9-a).
        """
        for seconds in (90, 91, 600, 86_400, HUGE):
            for wanted in (None, 90, 1800):
                found = answer(update(f"{seconds};refresher=uac"), wanted)
                self.assertEqual(found, agreed(seconds, "uac"))

    def test_too_short(self) -> None:
        """When sending the 422 response, the UAS MUST include a Min-SE header field
        with the value of its minimum interval (4028-9-a).
        """
        self.assertEqual(
            answer(update("599"), minimum=600), TooShort((("Min-SE", "600"),))
        )
        self.assertEqual(answer(update("600"), minimum=600), agreed(600, "uac"))

    def test_below_the_absolute_minimum(self) -> None:
        """This minimum interval MUST NOT be lower than 90 seconds (4028-9-a), for those
        either who do not know the timer.
        """
        for supported in (True, False):
            for seconds in (0, 1, 89):
                self.assertEqual(
                    answer(update(str(seconds), supported=supported)),
                    TooShort((("Min-SE", "90"),)),
                )

    def test_too_short_for_us_only(self) -> None:
        """One who does not know the timer cannot be told our minimum: MAY reject only
        if Supported lists it.
        """
        self.assertEqual(
            answer(update("120", supported=False), minimum=600),
            agreed(120, "uas", require=False),
        )

    def test_below_its_own_min_se(self) -> None:
        """What the response may neither raise nor leave below Min-SE is refused."""
        self.assertEqual(
            answer(update("100", min_se="200")), TooShort((("Min-SE", "200"),))
        )
        self.assertEqual(answer(update("200", min_se="200")), agreed(200, "uac"))
        self.assertEqual(answer(update("90", min_se="5")), agreed(90, "uac"))

    def test_not_asked(self) -> None:
        """Where the peer asks for none there is none, unless we want one and the peer
        knows the timer: not below the Min-SE of the request (4028-9-a).
        """
        self.assertEqual(answer(update()), Agreed(None, False, ()))
        self.assertEqual(answer(update(), 1800), agreed(1800, "uac"))
        self.assertEqual(answer(update(), 1800, is_refresher=True), agreed(1800, "uas"))
        self.assertEqual(answer(update(min_se="2000"), 1800), agreed(2000, "uac"))

    def test_not_known(self) -> None:
        """Where the peer does not know the timer we refresh alone, and say nothing."""
        self.assertEqual(answer(update(supported=False), 1800), Agreed(1800, True, ()))

    def test_malformed(self) -> None:
        """Fields that cannot be read make a bad request."""
        for request in (update("x"), update("1800", min_se="x"), update(min_se="-1")):
            with self.assertRaises(ParseError) as caught:
                answer(request)
            self.assertEqual(caught.exception.status_hint, 400)
