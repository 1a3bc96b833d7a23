"""Thousands of random lives of an INVITE: whatever happens, the rules hold.

The seed of a life that broke a rule is in the message of the failure; `Life(seed)`
lives it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.dialog.attempt import Phase
from sipuac.dialog.dialog_set import DialogSet
from sipuac.dialog.fork_policy import (
    POLICIES,
    Action,
    Decision,
    DialogSetView,
    ForkEvent,
    ForkPolicy,
)
from sipuac.dialog.options import InviteOptions
from sipuac.dialog.session_state import SessionState
from sipuac.errors import LocalProtocolError, TransactionTimeout, TransportFailed
from sipuac.syntax.message import Request, Response
from tests.dialog.messages import answer, invite, peer_request, response
from tests.dialog.monitor import Monitor
from tests.dialog.talk_life import TalkLife
from tests.dialog.violation import Violation

LIVES = 2_000

OUR_ANSWER = answer(1000)


class Dice:
    """A fork policy without sense."""

    name = "dice"
    needs_early_media = False
    needs_replaceable_answer = False
    needs_forkable_offer = False

    def __init__(self, random: Random) -> None:
        self._random = random

    def decide(self, event: ForkEvent, view: DialogSetView) -> Sequence[Decision]:
        """Anything."""
        tags = [branch.to_tag for branch in view.branches]
        if self._random.random() < 0.05:
            raise ValueError("the dice fell off the table")
        return [
            Decision(self._random.choice(list(Action)), self._random.choice(tags))
            for _ in range(self._random.randrange(4))
        ]


class Life:
    """One INVITE and all that happens to it."""

    def __init__(self, seed: int, *, takes_one_answer: bool = False) -> None:
        """Args: `takes_one_answer`: whether the media plays early, and can no more."""
        self.random = random = Random(seed)
        options = self._single() if takes_one_answer else self._options()
        self.is_offerless = options.is_offerless
        asked = random.choice([[], [("Session-Expires", "180")]])
        self.set = DialogSet(
            invite(*asked, is_offerless=self.is_offerless), options, random.random
        )
        may_fork = options.policy.name in ("keep-all", "collect", "adopt", "dice") and (
            options.can_fork_offer
        )
        self.monitor = Monitor(
            may_fork_media=may_fork or self.is_offerless,
            may_owe_ack=self.is_offerless,
        )
        self.talk = TalkLife(self)
        self.tags = ["a", "b", "c", "d"][: random.randint(1, 4)]
        if random.random() < 0.05:
            self.tags.append("")
        self.events = [
            (30, self._provisional),
            (10, self._success),
            (1, self._final),
            (6, self._media),
            (8, self._request_finished),
            (5, self._peer_request),
            (5, self._timer),
            (1, self._hang_up),
            (2, self._end_branch),
            (0.2, self._transaction_failed),
            *self.talk.events,
        ]
        self.log: list[str] = []
        self.rseqs: dict[str, int] = {}
        self.peer_numbers: dict[str, int] = {}

    def _options(self) -> InviteOptions:
        random = self.random
        policies: list[ForkPolicy] = [*POLICIES.values(), Dice(random)]
        while True:
            options = InviteOptions(
                policy=random.choice(policies),
                is_offerless=random.random() < 0.3,
                has_early_media=random.random() < 0.7,
                can_replace_answer=random.random() < 0.6,
                can_fork_offer=random.random() < 0.6,
                answer=random.choice(["first", "final"]),
                extra_ringing=random.choice(["end", "keep"]),
                max_extras=random.choice([0, 1, 8]),
                fork_grace=random.choice([4.0, 4.0, 100.0]),
            )
            try:
                options.check()
            except LocalProtocolError:
                continue
            return options

    def _single(self) -> InviteOptions:
        names = ("cancel-extras", "adopt", "adopt", "first-answer", "fail")
        return InviteOptions(
            policy=POLICIES[self.random.choice(names)],
            has_early_media=True,
            can_replace_answer=False,
            can_fork_offer=False,
            extra_ringing="keep",
        )

    def be_adopted(self, events: int) -> None:
        """One phone has the media, perhaps goes, and another one answers."""
        self.tags = ["a", "b", "c"]
        self.monitor.effects(self.set.sent())
        self._response(183, "a", has_sdp=True)
        if self.random.random() < 0.5:
            self._response(180, "c")
        if self.random.random() < 0.8:
            self._media()
        if self.random.random() < 0.5:
            self._response(199, "a")
        self._response(200, "b", has_sdp=True)
        self._talk(events, (1, self._success))

    def talk_only(self, events: int) -> None:
        """Call one phone, which answers, and talk; each side may end it."""
        self.tags = ["a"]
        self.monitor.effects(self.set.sent())
        self._response(200, "a", has_sdp=True)
        for tag in self.monitor.media:
            self.monitor.media[tag] = True
            if self.is_offerless:
                self.monitor.effects(self.set.answer_made(tag, OUR_ANSWER))
            else:
                self.monitor.effects(self.set.media_applied(tag))
        self._talk(events)

    def _talk(self, events: int, *others: tuple[float, Callable[[], None]]) -> None:
        happens = [
            *self.talk.events,
            (0.05, self._hang_up),
            (0.02, self._end_branch),
            (8, self._request_finished),
            (2, self._timer),
            (4, self._media),
            *others,
        ]
        weights = [weight for weight, _ in happens]
        happen = [event for _, event in happens]
        for event in self.random.choices(happen, weights, k=events):
            event()
            self._check_state()
        self._end()

    def live(self, events: int) -> None:
        """Begin, let so many things happen, and come to an end."""
        self.monitor.effects(self.set.sent())
        weights = [weight for weight, _ in self.events]
        happen = [event for _, event in self.events]
        for event in self.random.choices(happen, weights, k=events):
            event()
            self._check_state()
        self._end()

    # What may happen

    def _response(self, status: int, tag: str, *, has_sdp: bool = False) -> None:
        random = self.random
        port = random.choice([None, 2000, 2000, 3000])
        port = 2000 if has_sdp else port
        body = b"" if port else random.choice([b"", b"", b"", b"v=", b"hello"])
        contact = "default" if random.random() < 0.85 else None
        if not tag and contact:
            contact = "<sip:old@old.example>"
        said = response(
            status,
            tag or None,
            port=port,
            body=body,
            content_type=random.choice(["application/sdp"] * 5 + ["?"]),
            contact=contact,
            routes=random.choice([[], [], ["<sip:p.example;lr>"]]),
            headers=random.choice(
                [[], [("Allow", "UPDATE")], [("Session-Expires", "90;refresher=uas")]]
            ),
            rseq=self._rseq(status, tag),
        )
        self.log.append(f"{status} {tag} {'sdp' if port else ''} {contact}")
        self.monitor.response(said, self.set.response_received(said))

    def _rseq(self, status: int, tag: str) -> int | None:
        """Of a response that is sent reliably: mostly the next one of its dialog."""
        if status >= 200 or self.random.random() < 0.5:
            return None
        number = self.rseqs.get(tag, 0) + self.random.choice([0, 1, 1, 1, 2])
        self.rseqs[tag] = max(1, number)
        return self.rseqs[tag]

    def _provisional(self) -> None:
        if self.set.phase in (Phase.CALLING, Phase.PROCEEDING):
            status = self.random.choice([100, 180, 183, 183, 183, 199])
            self._response(status, self.random.choice(self.tags))

    def _success(self) -> None:
        self._response(200, self.random.choice(self.tags))

    def _final(self) -> None:
        if self.set.phase in (Phase.CALLING, Phase.PROCEEDING):
            status = self.random.choice([302, 404, 486, 487, 503, 603])
            self._response(status, self.random.choice(self.tags))

    def _media(self) -> None:
        working = [tag for tag, has in self.monitor.media.items() if not has]
        if not working:
            tag = self.random.choice(self.tags)
            if tag not in self.monitor.talks.asked:
                self.monitor.effects(self.set.media_applied(tag))
            return
        tag = self.random.choice(working)
        if self.random.random() < 0.75:
            self.log.append(f"applied {tag}")
            self.monitor.media[tag] = True
            if self.is_offerless:
                self.monitor.effects(self.set.answer_made(tag, OUR_ANSWER))
            else:
                self.monitor.effects(self.set.media_applied(tag))
        else:
            self.log.append(f"refused {tag}")
            self.monitor.effects(self.set.media_refused(tag, "no"))

    def _request_finished(self, number: int | None = None) -> None:
        pending = list(self.monitor.pending)
        if not pending:
            return
        number = self.random.choice(pending) if number is None else number
        status = self.random.choice([200, 200, 200, 408, 481, 491, 500, 0, 1])
        self.log.append(f"request {number}: {status}")
        if status > 1:
            result: Response | TransactionTimeout | TransportFailed = response(status)
        else:
            result = TransactionTimeout("F") if status else TransportFailed("broken")
        effects = self.set.request_finished(number, result)
        self.monitor.finished(number, status, effects)

    def _peer_request(self) -> None:
        method = self.random.choice(["BYE", "INVITE", "OPTIONS", "UPDATE", "X", "ACK"])
        tag = self.random.choice([*self.tags, "nobody"])
        self.peer_asks(method, tag)

    def peer_asks(
        self, method: str, tag: str, body: bytes = b"", number: int | None = None
    ) -> None:
        """A phone sends a request, mostly with the next number of its dialog."""
        last = self.peer_numbers.get(tag, 0)
        if number is None:
            number = last + self.random.choice([0, 1, 1, 1, 1, 1])
        self.peer_numbers[tag] = max(last, number)
        rows = [("Content-Type", "application/sdp")] if body else []
        if self.random.random() < 0.2:
            rows += [("Session-Expires", self.random.choice(["60", "120", "x"]))]
        bare = peer_request(method, tag, number, rows)
        request = Request(method, bare.uri, bare.header_items(), body)
        self.log.append(f"{method} {number} of {tag}{' sdp' if body else ''}")
        self.monitor.request(request, self.set.request_received(request))

    def _timer(self) -> None:
        # The long ones run out less often than the short ones.
        timers = [
            timer
            for timer, seconds in self.monitor.running.items()
            if self.random.random() < 4 / seconds
        ]
        for timer in timers[:1]:
            self._fire(timer)

    def _fire(self, timer: str) -> None:
        self.log.append(f"timer {timer}")
        self.monitor.fired(timer, self.set.fire(timer))

    def _hang_up(self) -> None:
        self.log.append("hang up")
        self.monitor.effects(self.set.hang_up())

    def _end_branch(self) -> None:
        tag = self.random.choice(self.tags)
        self.log.append(f"end {tag}")
        self.monitor.effects(self.set.end_branch(tag))

    def _transaction_failed(self) -> None:
        if self.set.phase in (Phase.CALLING, Phase.PROCEEDING):
            self.log.append("transaction failed")
            self.monitor.over(self.set.failed(TransactionTimeout("B")))

    # What must be

    def _check_state(self) -> None:
        self.monitor.need(not self.monitor.unended(), "a 2xx without BYE")
        if self.monitor.failed:
            is_over = self.set.session.state is SessionState.TERMINATED
            self.monitor.need(is_over, "the session is over with the attempt")

    def _end(self) -> None:
        """Whatever is left comes to its end by itself once the caller hangs up."""
        self._hang_up()
        for _ in range(400):
            if self.monitor.forgotten:
                break
            if self.monitor.pending:
                self._request_finished(next(iter(self.monitor.pending)))
            elif self.monitor.running:
                self._fire(
                    min(self.monitor.running, key=self.monitor.running.__getitem__)
                )
            elif self.monitor.talks.invites:
                self.talk.end_invite()
            else:
                self._transaction_failed()
        self.monitor.need(self.monitor.forgotten, "it comes to an end")
        self._success()
        self.peer_asks("OPTIONS", self.tags[0])
        for number in list(self.monitor.pending):
            self._request_finished(number)


class RandomLivesTests(SynchronousTestCase):
    """Tests of whole lives."""

    def live(
        self,
        seeds: range,
        events: int,
        live: Callable[[Life, int], None] = Life.live,
    ) -> None:
        """Live all these lives."""
        for seed in seeds:
            life = Life(seed, takes_one_answer=live is Life.be_adopted)
            try:
                live(life, events)
            except Violation as error:
                options = life.set.options
                log = "; ".join(life.log)
                self.fail(f"seed {seed}: {error}\n{options}\n{log}")

    def test_long_lives(self) -> None:
        """Each 2xx is acknowledged, what is no call is ended, one CANCEL at the right
        time, one media session, every timer stopped, and all comes to an end.
        """
        self.live(range(LIVES // 4), 60)

    def test_short_lives(self) -> None:
        """The same where less happens before the caller hangs up."""
        self.live(range(LIVES, 2 * LIVES), 10)

    def test_talks(self) -> None:
        """Calls that stand and are changed by both sides: one INVITE at a time, each
        request answered, the media asked for one thing at a time, everybody told.
        """
        self.live(range(3 * LIVES, 3 * LIVES + LIVES // 2), 120, Life.talk_only)

    def test_adopted_calls(self) -> None:
        """The same where a call is saved by a fresh offer: it stands, or both sides
        know that it does not.
        """
        self.live(range(5 * LIVES, 6 * LIVES), 40, Life.be_adopted)

    def test_the_monitor_sees(self) -> None:
        """A monitor that complains of nothing would prove nothing."""
        life = Life(1)
        life.monitor.effects(life.set.sent())
        said = response(200, port=2000)
        effects = life.set.response_received(said)
        for missing in ("SendAck", "StopTimer", "StartTimer"):
            monitor = Monitor(may_fork_media=False)
            monitor.effects(DialogSet(invite(), life.set.options).sent())
            kept = [e for e in effects if type(e).__name__ != missing]
            if missing == "SendAck":
                with self.assertRaises(Violation):
                    monitor.response(said, kept)
            else:
                monitor.response(said, kept)
                self.assertNotEqual(set(monitor.running), {"linger"})
