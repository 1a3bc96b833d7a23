"""Session timers in the dialogs of an INVITE (RFC 4028): who refreshes, and how."""

from __future__ import annotations

from sipuac.dialog.effects import (
    Effect,
    EndSession,
    MakeAnswer,
    MakeOffer,
    Reply,
    RequestDone,
    SendInDialog,
    SendReInvite,
)
from sipuac.dialog.events import ModificationFailed
from sipuac.effects import StartTimer, StopTimer
from sipuac.errors import TransactionTimeout, TransportFailed
from sipuac.sdp.patterns import Carrier
from tests.dialog.messages import because, bye, reply
from tests.dialog.talk import (
    OURS,
    START_MEDIA,
    STOP_MEDIA,
    THEIRS,
    TalkCase,
    ack_of,
    described,
    re_invite,
    refreshed,
    update,
)

REFRESH, EXPIRY = "session-refresh a", "session-expiry a"
ASKED = ("Session-Expires", "180")
UPDATE_ALLOWED = ("Allow", "INVITE, ACK, BYE, UPDATE")


def expires(seconds: int, refresher: str) -> tuple[str, str]:
    """A Session-Expires field."""
    return ("Session-Expires", f"{seconds};refresher={refresher}")


def run(interval: int) -> list[Effect]:
    """We refresh, and the 2xx came just now."""
    return [
        StartTimer(REFRESH, interval / 2),
        StartTimer(EXPIRY, float(interval)),
    ]


class RefresherTests(TalkCase):
    """We refresh."""

    def setUp(self) -> None:
        """The INVITE asked for 180 s, and the peer agrees."""
        self.call(ASKED, answer=(UPDATE_ALLOWED, expires(180, "uac")))

    def test_it_runs(self) -> None:
        """The 2xx starts the timers of its dialog: half the interval, and the whole
        (4028-7.2-c).
        """
        self.begin(ASKED)
        effects = self.receive(200, "a", port=2000, headers=[expires(180, "uac")])[1]
        timers = [one for one in effects if isinstance(one, StartTimer)]
        self.assertEqual([one for one in timers if "session" in one.timer], run(180))

    def test_update(self) -> None:
        """The refresh is an UPDATE without offer where the peer allows it, naming the
        refresher as it stands (4028-7.4-b).
        """
        effects = self.set.fire(REFRESH)
        self.assertEqual(effects, [update(1, 2, expires(180, "uac"))])
        effects = self.answer_request(1, 200, headers=[expires(180, "uac")])
        self.assertEqual(effects, [*run(180), *refreshed("local", "UPDATE", 180)])

    def test_re_invite(self) -> None:
        """Elsewhere it is a re-INVITE with the offer unchanged (4028-7.4-b)."""
        self.call(ASKED, answer=(expires(180, "uac"),))
        effects = self.set.fire(REFRESH)
        self.assertEqual(effects, [re_invite(1, 2, OURS, expires(180, "uac"))])
        effects = self.answered(1, 200, THEIRS, expires(180, "uac"))
        expected = [*ack_of(2), *run(180), *refreshed("local", "INVITE", 180)]
        self.assertEqual(effects, expected)

    def test_every_re_invite_refreshes(self) -> None:
        """A re-INVITE for another purpose carries the fields, and its 2xx counts."""
        self.ask(1, True)
        effects = self.offered(1000, "sendonly")
        (sent,) = self.of_kind(effects, SendReInvite)
        self.assertEqual(sent.request.get("Session-Expires"), "180;refresher=uac")
        held = described(2000, 2, "recvonly")
        effects = self.answered(1, 200, held, expires(180, "uac"))
        self.assertEqual(effects[2:4], run(180))

    def test_not_twice(self) -> None:
        """A refresh that waits for such a re-INVITE is not sent after it."""
        self.ask(1, True)
        self.assertEqual(self.set.fire(REFRESH), [])
        self.offered(1000, "sendonly")
        held = described(2000, 2, "recvonly")
        self.answered(1, 200, held, expires(180, "uac"))
        effects = self.set.media_applied("a")
        self.assertEqual(effects[-1], RequestDone(1, None))

    def test_after_a_failed_one(self) -> None:
        """It is sent where that re-INVITE has failed."""
        self.ask(1, True)
        self.set.fire(REFRESH)
        self.offered(1000, "sendonly")
        effects = self.answered(1, 488)
        self.assertEqual(effects[-1], update(2, 3, expires(180, "uac")))

    def test_too_small(self) -> None:
        """422 raises the interval, and the refresh is sent again (4028-7.3-a,
        4028-7.4-a).
        """
        self.set.fire(REFRESH)
        effects = self.answer_request(1, 422, headers=[("Min-SE", "300")])
        rows = [expires(300, "uac"), ("Min-SE", "300")]
        self.assertEqual(effects[-1], update(2, 3, *rows))

    def test_too_small_for_another_purpose(self) -> None:
        """A re-INVITE of the application follows a 422 as well (4028-7.3-a)."""
        self.ask()
        self.offered(1002)
        effects = self.answered(1, 422, None, ("Min-SE", "300"))
        self.assertEqual(effects[-2:], [MakeOffer("a", False), START_MEDIA])
        rows = [expires(300, "uac"), ("Min-SE", "300")]
        effects = self.offered(1002)
        self.assertEqual(effects[-1], re_invite(2, 3, described(1002, 2), *rows))
        effects = self.answered(2, 422, None, ("Min-SE", "300"), cseq=3)
        self.assertEqual(self.failure_of(effects).status, 422)

    def test_too_small_without_end(self) -> None:
        """Eight times is enough, however much more is demanded each time."""
        self.ask()
        for number in range(1, 9):
            self.offered(1002)
            demanded = ("Min-SE", str(200 + number))
            effects = self.answered(number, 422, None, demanded, cseq=number + 1)
            self.assertEqual(effects[-1], START_MEDIA)
        self.offered(1002)
        effects = self.answered(9, 422, None, ("Min-SE", "999"), cseq=10)
        self.assertEqual(self.failure_of(effects).status, 422)

    def test_lost(self) -> None:
        """If the session refresh request transaction times out or generates a 408 or
        481, the UAC sends a BYE (4028-10-a).
        """
        for result in (TransactionTimeout("F"), 408, 481):
            self.setUp()
            self.set.fire(REFRESH)
            if isinstance(result, int):
                effects = self.answer_request(1, result)
            else:
                effects = self.set.request_finished(1, result)
            status = result if isinstance(result, int) else 408
            reason = because(status, "Session refresh failed")
            self.assertEqual(effects[-1], bye("a", 2, reason, 3))

    def test_refused(self) -> None:
        """Other failures are followed, and the old expiry stands (4028-10-a)."""
        self.set.fire(REFRESH)
        effects = self.answer_request(1, 500)
        self.assertEqual(len(self.events(effects, ModificationFailed)), 1)
        self.assertEqual(effects[-1], StartTimer(REFRESH, 22.5))
        effects = self.set.fire(EXPIRY)
        reason = because(408, "Session expired")
        self.assertEqual(effects[-1], bye("a", 2, reason, 3))
        effects = self.answer_request(2, 200)
        (ended,) = self.of_kind(effects, EndSession)
        self.assertEqual(ended, EndSession("a", "local", "Session expired"))

    def test_crossed(self) -> None:
        """After 491 the refresh waits as long as a re-INVITE would."""
        self.set.fire(REFRESH)
        effects = self.answer_request(1, 491)
        self.assertEqual(effects, [StartTimer(REFRESH, 2.1)])
        effects = self.set.fire(REFRESH)
        self.assertEqual(effects, [update(2, 3, expires(180, "uac"))])

    def test_no_way(self) -> None:
        """A connection that is broken is tried again before the session expires."""
        self.set.fire(REFRESH)
        effects = self.set.request_finished(1, TransportFailed("broken"))
        self.assertEqual(effects[-1], StartTimer(REFRESH, 10.0))

    def test_an_exchange_that_is_open(self) -> None:
        """A refresh that the exchange forbids is put off."""
        self.call(ASKED, answer=(expires(180, "uac"),))
        self.set.branches["a"].exchange.received(Carrier.UPDATE, THEIRS)
        effects = self.set.fire(REFRESH)
        self.assertEqual(effects[-1], StartTimer(REFRESH, 10.0))
        self.assertEqual(self.of_kind(effects, SendReInvite), [])

    def test_gone(self) -> None:
        """What RFC 5057 says ends the dialog ends it here as well."""
        self.set.fire(REFRESH)
        effects = self.answer_request(1, 404)
        (sent,) = self.of_kind(effects, SendInDialog)
        self.assertIn("cause=404;", sent.request.get("Reason") or "")

    def test_the_end_of_the_call(self) -> None:
        """Its timers end with the dialog."""
        effects = self.set.hang_up()
        self.assertEqual(effects[:2], [StopTimer(REFRESH), StopTimer(EXPIRY)])
        self.call(ASKED, answer=(expires(180, "uac"),))
        effects = self.comes("BYE")[1]
        self.assertEqual(effects[1:3], [StopTimer(REFRESH), StopTimer(EXPIRY)])


class OtherTests(TalkCase):
    """The peer refreshes, or nobody does."""

    def test_unasked(self) -> None:
        """Session-Expires of a 2xx counts also where the INVITE had none (4028-7.2-a);
        as non-refresher we end the session shortly before its expiry (4028-10-b).
        """
        self.call(answer=(expires(90, "uas"),))
        effects = self.set.fire(EXPIRY)
        reason = because(408, "Session expired")
        self.assertEqual(effects[-1], bye("a", 1, reason))

    def test_not_known_to_the_peer(self) -> None:
        """Where the 2xx says nothing we refresh alone, if we want the timer
        (4028-7.2-b).
        """
        self.call(ASKED)
        effects = self.set.fire(REFRESH)
        self.assertEqual(effects, [re_invite(1, 2, OURS, expires(180, "uac"))])
        self.call()
        self.assertEqual(self.set.fire(REFRESH), [])

    def test_each_fork_has_its_own(self) -> None:
        """Interval and refresher are each dialog's own; one that is not wanted has none
        (4028-7.2-d).
        """
        self.begin(ASKED)
        self.receive(200, "a", port=2000, headers=[expires(180, "uas")])
        self.set.media_applied("a")
        effects = self.receive(200, "b", port=3000, headers=[expires(90, "uac")])[1]
        timers = [one.timer for one in effects if isinstance(one, StartTimer)]
        self.assertEqual([one for one in timers if "session" in one], [])

    def test_the_peers_update(self) -> None:
        """The 2xx to the peer's refresh names the refresher, and Require: timer where
        that is the UAC; the expiry begins anew (4028-9-a).
        """
        self.call(answer=(expires(180, "uas"),))
        rows = [("Supported", "timer"), expires(180, "uac")]
        request, effects = self.comes("UPDATE", 1, None, *rows)
        answer = [("Require", "timer"), expires(180, "uac")]
        self.assertEqual(
            effects,
            [
                self.accepted(request, None, *answer),
                StartTimer(EXPIRY, 148.0),
                *refreshed("remote", "UPDATE", 180),
            ],
        )

    def test_the_peers_re_invite(self) -> None:
        """The same in the 2xx to its re-INVITE, counted from that 2xx (4028-9-a)."""
        self.call(answer=(expires(180, "uas"),))
        rows = [("Supported", "timer"), expires(120, "uac")]
        request, effects = self.comes("INVITE", 1, THEIRS, *rows)
        self.assertEqual(effects, [MakeAnswer("a", THEIRS), START_MEDIA])
        effects = self.set.answer_made("a", OURS)
        answer = [("Require", "timer"), expires(120, "uac")]
        self.assertEqual(
            effects[:2], [STOP_MEDIA, self.accepted(request, OURS, *answer)]
        )
        self.assertEqual(effects[2], StartTimer(EXPIRY, 88.0))
        self.assertEqual(effects[-2:], refreshed("remote", "INVITE", 120))

    def test_too_short(self) -> None:
        """422 with Min-SE of at least 90 where the peer's interval is too short
        (4028-9-a).
        """
        rows = [("Supported", "timer"), ("Session-Expires", "60")]
        for number, method in enumerate(("UPDATE", "INVITE"), 1):
            request, effects = self.comes(method, number, THEIRS, *rows)
            self.assertEqual(effects, [reply(request, 422, ("Min-SE", "90"))])
        self.call(("Min-SE", "120"))
        rows = [("Supported", "timer"), ("Session-Expires", "100")]
        request, effects = self.comes("UPDATE", 1, None, *rows)
        self.assertEqual(effects, [reply(request, 422, ("Min-SE", "120"))])

    def test_malformed(self) -> None:
        """400 where it cannot be read, and the call goes on."""
        request, effects = self.comes("UPDATE", 1, None, ("Session-Expires", "soon"))
        self.assertEqual(effects, [reply(request, 400)])
        self.assertEqual(self.of_kind(effects, Reply)[0].response.status, 400)

    def test_an_invite_that_makes_no_sense(self) -> None:
        """Fields of the application's own that contradict themselves are as none."""
        for rows in ([("Session-Expires", "10")], [("Min-SE", "x")]):
            self.call(*rows)
            self.assertEqual(self.set.fire(REFRESH), [])
            self.assertEqual(len(self.set.refresh("a", 1)), 1)
