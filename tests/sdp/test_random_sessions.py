"""Random lives of a session between two sides that know the offer/answer model.

The seed of a life that broke a rule is in the message of the failure.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import NegotiationError
from sipuac.sdp.checks import check_answer, check_revision
from sipuac.sdp.description import SessionDescription
from sipuac.sdp.exchange import Exchange
from sipuac.sdp.negotiation import (
    answer_to,
    held,
    next_offer,
    plain_audio_offer,
    refusing_answer,
)
from sipuac.sdp.patterns import Carrier, Role, State
from tests.sdp import generator

LIVES = 200

_FAILING = (Carrier.INVITE, Carrier.UPDATE, Carrier.PRACK)


class Two:
    """Both ends of a dialog: what one may send, the other hears at once."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        keeps = self.random.random() < 0.5
        self.ends = (Exchange(keeps_preview=keeps), Exchange(keeps_preview=keeps))
        self.count = 0
        self.log: list[str] = []

    def step(self) -> None:
        """One side tries to send something, or a request of it fails."""
        mine, theirs = self.random.sample(self.ends, 2)
        carrier = self.random.choice(list(Carrier))
        if self.random.random() < 0.1:
            self.fail(self.random.choice(_FAILING))
            return
        description = None
        if self.random.random() < 0.6:
            self.count += 1
            description = plain_audio_offer("192.0.2.1", 2 * self.count)
        before = (mine.state, mine.agreed, mine.offer, mine.preview)
        try:
            role = mine.sent(carrier, description)
        except NegotiationError:
            after = (mine.state, mine.agreed, mine.offer, mine.preview)
            self.need(after == before, "a refusal changes nothing")
            return
        with_what = "" if description is None else " with SDP"
        self.log.append(f"{carrier.value}{with_what}: {role.value}")
        self.need(role is not Role.IGNORED, "nothing is sent to be ignored")
        heard = theirs.received(carrier, description)
        self.need(heard is role, f"{heard} is heard where {role} was said")

    def fail(self, carrier: Carrier) -> None:
        """A request gets no 2xx, and both sides know it."""
        self.log.append(f"{carrier.value} failed")
        for end in self.ends:
            end.failed(carrier)

    def check(self) -> None:
        """Both sides are of one mind."""
        one, other = self.ends
        self.need(one.state is other.state, f"{one.state} and {other.state}")
        self.need(one.offer is other.offer, "there is one offer")
        if one.offer is not None:
            self.need(one.is_open, "an offer is open")
            self.need(one.is_offer_ours is not other.is_offer_ours, "of one side")
        self.need((one.agreed is None) is (other.agreed is None), "both agreed")
        if one.agreed is not None and other.agreed is not None:
            self.need(one.agreed.local is other.agreed.remote, "to the same")
            self.need(one.agreed.remote is other.agreed.local, "to the same")

    def need(self, condition: object, rule: str) -> None:
        """Complain unless this is so."""
        if not condition:
            raise AssertionError(f"{rule}: {'; '.join(self.log)}")


class ExchangeTests(SynchronousTestCase):
    """Which message is what: both sides always think the same of it."""

    def test_random_messages(self) -> None:
        """What one side may send the other one understands, one offer is open at a time
        (6337-4-a), and both agree to the same descriptions (6337-2.2-b).
        """
        completed = set()
        for seed in range(LIVES):
            two = Two(seed)
            for _ in range(200):
                two.step()
                two.check()
                if two.ends[0].agreed is not None:
                    completed.add(two.ends[0].state)
        self.assertTrue({State.STABLE, State.EARLY, State.UPDATE} <= completed)


class Side:
    """One side of a session, and the description it sent last."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.last: SessionDescription | None = None

    def wish(self) -> SessionDescription:
        """What this side would like to have now."""
        wish = generator.description(self.random)
        return held(wish) if self.random.random() < 0.2 else wish

    def offer(self) -> SessionDescription:
        """The next offer; the first one where there is no session."""
        wish = self.wish()
        return wish if self.last is None else next_offer(self.last, wish)

    def answer(self, offer: SessionDescription) -> SessionDescription:
        """The answer to an offer of the other side."""
        return answer_to(offer, self.wish(), self.last)


class SessionTests(SynchronousTestCase):
    """What is in the descriptions, over a whole session of many exchanges."""

    def test_random_sessions(self) -> None:
        """However often either side changes the session or is refused, each answer fits
        its offer, each description follows the one before of its sender (3264-8-a), and
        no stream is ever lost (3264-8-b).
        """
        exchanges = 0
        for seed in range(LIVES):
            random = Random(seed)
            sides = [Side(random), Side(random)]
            streams = 0
            for _ in range(6):
                offerer, answerer = random.sample(sides, 2)
                try:
                    offer = offerer.offer()
                except NegotiationError as error:
                    self.assertEqual(error.rule, "RFC 3264 8.3.2", seed)
                    continue
                self.assertGreaterEqual(len(offer.media), streams, seed)
                if offerer.last is not None:
                    check_revision(offerer.last, offer)
                if random.random() < 0.2:
                    answer = refusing_answer(offer, answerer.last)
                else:
                    try:
                        answer = answerer.answer(offer)
                    except NegotiationError:
                        # 488: the session stays, but the version was used.
                        continue
                check_answer(offer, answer)
                if answerer.last is not None:
                    check_revision(answerer.last, answer)
                SessionDescription.parse(offer.render(), is_strict=True)
                SessionDescription.parse(answer.render(), is_strict=True)
                offerer.last, answerer.last = offer, answer
                streams = len(offer.media)
                exchanges += 1
        self.assertGreater(exchanges, 2 * LIVES)
