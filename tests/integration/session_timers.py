"""Session timers (RFC 4028) through Kamailio, on a clock that runs fast."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall

from sipuac.transaction.timers import Timers
from tests.integration.scenarios import Behaviour
from tests.integration.session_scenarios import SessionCase
from tests.integration.steps import Ask, Take
from tests.integration.wire_log import LoggedMessage

PACE = 30.0
"""How many times faster than others sipuac's clock runs: 90 s are over in 3."""

# The transactions' timers keep their time all the same.
_TIMERS = Timers(t1=0.5 * PACE, t2=4.0 * PACE, t4=5.0 * PACE)


class FastReactor:
    """The reactor, on which time runs faster."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def seconds(self) -> float:
        """See `IReactorTime`."""
        return float(self._reactor.seconds()) * PACE

    def callLater(self, delay: float, *args: Any, **kwargs: Any) -> IDelayedCall:
        """See `IReactorTime`."""
        call: IDelayedCall = self._reactor.callLater(delay / PACE, *args, **kwargs)
        return call


class SessionTimerScenarios(SessionCase):
    """All of them."""

    def check_waited(
        self, seconds: float, before: LoggedMessage, after: LoggedMessage
    ) -> None:
        """So many seconds of the fast clock lie between these two, and little more."""
        waited = (after.seconds - before.seconds) * PACE
        self.assertGreater(waited, seconds - 3)
        self.assertLess(waited, seconds + 20)

    async def test_interval_too_small(self) -> None:
        """422 says how long it must be: the call is placed again so (section 7.3)."""
        phone = self.phone(
            Behaviour(
                refusal=("422 Session Interval Too Small", "Min-SE: 120"),
                headers=("Session-Expires: 120;refresher=uac", "Require: timer"),
            )
        )
        service = await self.start()
        session = await service.call(
            self.kamailio.target("single", phone), session_expires=90
        )
        await self.until_acknowledged(phone)
        first, second = phone.received("INVITE")
        self.assertEqual(_interval(first.get("Session-Expires")), 90)
        self.assertIn("timer", first.get("Supported"))
        self.assertEqual(_interval(second.get("Session-Expires")), 120)
        self.assertEqual(second.get("Min-SE"), "120")
        self.assertEqual(second.get("Call-ID"), first.get("Call-ID"))
        self.assertEqual(second.from_tag, first.from_tag)
        self.assertEqual(second.cseq, first.cseq + 1)
        self.assertEqual(second.to_tag, "")
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK", "BYE")
        self.check_no_complaints()

    async def test_we_refresh(self) -> None:
        """As the refresher we send an UPDATE after half of the interval (7.2)."""
        agreed = "Session-Expires: 90;refresher=uac"
        phone = self.phone(
            Behaviour(
                headers=(agreed, "Require: timer"),
                talk=(
                    Take("UPDATE", headers=(agreed, "Require: timer")),
                    Take("UPDATE", headers=(agreed, "Require: timer")),
                ),
            )
        )
        service = await self.start(reactor=FastReactor(self.reactor), timers=_TIMERS)
        invitation = await service.invite(
            self.kamailio.target("single", phone), session_expires=90
        )
        session = await invitation.established
        await self.until(lambda: len(phone.sent("200 UPDATE")) == 2)
        answer = phone.sent("200 INVITE")[0]
        one, other = phone.received("UPDATE")
        for refresh in (one, other):
            self.assertEqual(_interval(refresh.get("Session-Expires")), 90)
            self.assertIn("refresher=uac", refresh.get("Session-Expires"))
            self.assertIn("timer", refresh.get("Supported"))
            self.assertEqual(refresh.body, "")
        self.check_waited(45, answer, one)
        self.check_waited(45, one, other)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.assertEqual(len(self.events(invitation, "session-refreshed")), 2)
        self.check_no_complaints()

    async def test_we_refresh_where_there_is_no_update(self) -> None:
        """By a re-INVITE with the same offer, whose version stays (section 7.4)."""
        agreed = "Session-Expires: 90;refresher=uac"
        phone = self.phone(
            Behaviour(
                has_update=False,
                headers=(agreed, "Require: timer"),
                talk=(
                    Take(
                        "INVITE",
                        direction="sendrecv",
                        headers=(agreed, "Require: timer"),
                    ),
                ),
            )
        )
        service = await self.start(reactor=FastReactor(self.reactor), timers=_TIMERS)
        session = await service.call(
            self.kamailio.target("single", phone), session_expires=90
        )
        await self.until(lambda: phone.methods().count("ACK") == 2)
        first, refresh = phone.received("INVITE")
        self.assertEqual(_interval(refresh.get("Session-Expires")), 90)
        self.assertEqual(refresh.body, first.body)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_no_complaints()

    async def test_refresh_by_hand(self) -> None:
        """The application refreshes when it likes."""
        phone = self.phone(Behaviour(talk=(Take("UPDATE"),)))
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        before = session.local_sdp, session.remote_sdp
        await session.refresh()
        self.assertEqual(len(phone.received("UPDATE")), 1, self.transcript())
        self.assertEqual((session.local_sdp, session.remote_sdp), before)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_no_complaints()

    async def test_callee_refreshes(self) -> None:
        """Its UPDATE gets what was agreed, and keeps the session alive (section 9)."""
        refresh = ("Session-Expires: 90;refresher=uac", "Supported: timer")
        phone = self.phone(
            Behaviour(
                headers=("Session-Expires: 90;refresher=uas", "Require: timer"),
                # Each before the 60 s are over at which we would hang up.
                talk=(
                    Ask("UPDATE", after=40 / PACE, headers=refresh),
                    Ask("UPDATE", after=40 / PACE, headers=refresh),
                ),
                hangs_up_after=0.1,
            )
        )
        service = await self.start(reactor=FastReactor(self.reactor), timers=_TIMERS)
        session = await service.call(
            self.kamailio.target("single", phone), session_expires=90
        )
        self.assertEqual((await session.ended).by, "remote")
        await self.until_hung_up(phone)
        answers = phone.received("200 UPDATE")
        self.assertEqual(len(answers), 2)
        for answer in answers:
            self.assertEqual(_interval(answer.get("Session-Expires")), 90)
            self.assertIn("refresher=uac", answer.get("Session-Expires"))
            self.assertIn("timer", answer.get("Require"))
        self.check(phone, "INVITE", "ACK")
        self.check_no_complaints()

    async def test_callee_does_not_refresh(self) -> None:
        """A BYE goes the lesser of 32 s and a third before the end (section 10)."""
        phone = self.phone(
            Behaviour(headers=("Session-Expires: 90;refresher=uas", "Require: timer"))
        )
        service = await self.start(reactor=FastReactor(self.reactor), timers=_TIMERS)
        session = await service.call(
            self.kamailio.target("single", phone), session_expires=90
        )
        self.assertEqual((await session.ended).by, "local")
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_waited(60, phone.sent("200 INVITE")[0], phone.received("BYE")[0])
        self.check(phone, "INVITE", "ACK", "BYE")
        self.check_no_complaints()

    async def test_callee_asks_too_little(self) -> None:
        """Its refresh below our minimum gets 422 with Min-SE (section 9)."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Ask("UPDATE", headers=("Session-Expires: 60", "Supported: timer")),
                ),
                hangs_up_after=0.1,
            )
        )
        service = await self.start()
        await service.call(self.kamailio.target("single", phone), session_expires=90)
        await self.until_hung_up(phone)
        self.assertEqual(phone.received("422 UPDATE")[0].get("Min-SE"), "90")


def _interval(value: str) -> int:
    return int(value.partition(";")[0])
