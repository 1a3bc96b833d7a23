"""How the forking proxy forks, and which response it chooses."""

from __future__ import annotations

from sipuac.syntax.message import Response
from sipuac.testing.proxy import parallel, serial
from sipuac.testing.script import (
    Meeting,
    Script,
    answer,
    reject,
    ring,
)

from .proxy_case import ProxyCase


class ForkingTests(ProxyCase):
    """Parallel and serial forks (16.6, 16.7)."""

    def test_loser_is_cancelled(self) -> None:
        """After a 2xx the proxy cancels the pending branches and keeps their 487."""
        winner, loser = self.phone(ring(), answer(1.0)), self.phone(ring())
        self.start()
        invite = self.call(1.0)
        self.acknowledge(invite)
        self.network.advance()
        self.assertTrue(winner.acked)
        self.assertTrue(loser.cancelled)
        reason = loser.requests("CANCEL")[0].reasons[0]
        self.assertEqual((reason.protocol, reason.cause), ("SIP", 200))
        self.assertEqual(self.caller.statuses(), [100, 180, 180, 200])
        self.caller.ask("BYE", invite, self.finals()[0])
        self.assert_all_over()

    def test_each_branch_has_its_own(self) -> None:
        """Each branch has a branch parameter of its own, and a dialog of its own."""
        first, second = self.phone(ring()), self.phone(ring())
        self.start()
        self.call()
        self.assertNotEqual(first.invites[0].branch, second.invites[0].branch)
        self.assertEqual(len({r.to_tag for r in self.caller.responses()[1:]}), 2)

    def test_crossing_answers(self) -> None:
        """Every 2xx is forwarded at once, also one that crosses the proxy's CANCEL."""
        meeting = Meeting(2)
        phones = [self.phone(ring(), answer(1.0, meeting=meeting)) for _ in range(2)]
        self.start()
        invite = self.call(1.0)
        self.assertEqual(len(self.finals()), 2)
        self.assertEqual(len(phones[1].requests("CANCEL")), 1)
        self.assertFalse(phones[1].cancelled)
        self.acknowledge(invite)
        self.network.advance()
        self.assertTrue(phones[0].acked and phones[1].acked)

    def test_late_2xx_of_the_same_branch(self) -> None:
        """A second 2xx on one branch, from a fork further on, is forwarded too."""
        self.phone(answer(), answer(2.0, to_tag="twin"))
        self.start()
        invite = self.call()
        self.acknowledge(invite)
        self.network.advance(2.0)
        self.assertEqual(len({response.to_tag for response in self.finals()}), 2)

    def test_cancel_waits_for_provisional(self) -> None:
        """A branch without a response is cancelled when its first one comes (9.1)."""
        self.phone(answer(1.0))
        late = self.phone(ring(3.0))
        self.start()
        self.call(2.0)
        self.assertEqual(late.requests("CANCEL"), [])
        self.network.advance(1.0)
        self.assertTrue(late.cancelled)

    def test_best_response(self) -> None:
        """The best is of the lowest class, and waits for the last branch."""
        self.phone(reject(0.0, 503))
        self.phone(reject(1.0, 486))
        self.phone(reject(0.5, 501))
        self.start()
        invite = self.call(0.9)
        self.assertEqual(self.finals(), [])
        self.network.advance(0.1)
        self.assertEqual([r.status for r in self.finals()], [486])
        self.acknowledge(invite)
        self.assert_all_over()

    def best_of(self, *statuses: int) -> Response:
        """What the caller gets when phones refuse with these."""
        for status in statuses:
            challenge = ("WWW-Authenticate", f'Digest realm="{len(self.phones)}"')
            headers = [challenge] if status in (401, 407) else []
            self.phone(reject(0.0, status, headers=headers))
        self.start()
        self.call()
        return self.finals()[0]

    def test_6xx_beats_all(self) -> None:
        """It chooses from the 6xx class if there is any."""
        self.assertEqual(self.best_of(302, 486, 603).status, 603)

    def test_3xx_beats_4xx(self) -> None:
        """Without 6xx it chooses from the lowest class."""
        self.assertEqual(self.best_of(486, 302, 500).status, 302)

    def test_preferred_4xx(self) -> None:
        """Within 4xx it prefers what tells how to ask again."""
        self.assertEqual(self.best_of(404, 486, 415).status, 415)

    def test_408_and_487_last(self) -> None:
        """Within 4xx it forwards 408 and 487 only where there is nothing better."""
        self.assertEqual(self.best_of(487, 408, 480).status, 480)

    def test_503_becomes_500(self) -> None:
        """A 503 alone is not forwarded: the caller gets 500."""
        self.assertEqual(self.best_of(503).status, 500)

    def test_challenges_are_collected(self) -> None:
        """A 401 brings the challenges of all branches, each in a row of its own."""
        best = self.best_of(401, 404, 401)
        self.assertEqual(
            best.get_all("WWW-Authenticate"),
            ['Digest realm="0"', 'Digest realm="2"'],
        )

    def test_6xx_cancels(self) -> None:
        """A 6xx cancels the pending branches and is forwarded when they have ended."""
        self.phone(reject(1.0, 603))
        other = self.phone(ring())
        self.start()
        self.call(1.0)
        self.assertTrue(other.cancelled)
        self.assertEqual([r.status for r in self.finals()], [603])

    def test_2xx_after_6xx(self) -> None:
        """A 2xx that crosses the CANCEL after a 6xx is forwarded in its place."""
        self.phone(reject(1.0, 603))
        self.phone(script=Script(ring(), on_cancel="answer"))
        self.start()
        self.call(1.0)
        self.assertEqual([r.status for r in self.finals()], [200])

    def test_serial(self) -> None:
        """Serial targets are tried in turn, until one answers."""
        first = self.phone(ring(), reject(1.0))
        second = self.phone(ring(), answer(1.0))
        third = self.phone(ring())
        self.start(serial(*map(self.uri, self.phones)))
        self.call(0.9)
        self.assertEqual(len(second.invites), 0)
        self.network.advance(1.1)
        self.assertEqual(self.caller.statuses(), [100, 180, 180, 200])
        self.assertEqual(len(first.invites), 1)
        self.assertEqual(len(third.invites), 0)

    def test_serial_stops_at_6xx(self) -> None:
        """After a 6xx no further target is tried."""
        self.phone(reject(0.0, 603))
        second = self.phone(ring())
        self.start(serial(*map(self.uri, self.phones)))
        self.call(0.4)
        self.assertEqual(second.invites, [])
        self.assertEqual([r.status for r in self.finals()], [603])

    def test_serial_hunting(self) -> None:
        """With a ring time it cancels who rings too long, and tries the next."""
        first = self.phone(ring())
        second = self.phone(ring(), answer(1.0))
        self.start(serial(*map(self.uri, self.phones)), ring_time=2.0)
        self.call(2.0)
        self.assertTrue(first.cancelled)
        self.assertEqual(len(second.invites), 1)
        self.network.advance(1.0)
        self.assertEqual(self.caller.statuses(), [100, 180, 180, 200])

    def test_same_target_twice(self) -> None:
        """A target is placed in the target set only once."""
        phone = self.phone(ring())
        self.start(parallel(self.uri(phone), self.uri(phone)))
        self.call()
        self.assertEqual(len(phone.invites), 1)

    def test_no_fork(self) -> None:
        """no-fork is ignored, as most proxies do, unless it is told to honour it."""
        wish = [("Request-Disposition", "no-fork")]
        first, second = self.phone(ring()), self.phone(ring())
        proxy = self.start()
        self.call(headers=wish)
        self.assertEqual((len(first.invites), len(second.invites)), (1, 1))
        proxy.honours_no_fork = True
        self.call(headers=wish)
        self.assertEqual((len(first.invites), len(second.invites)), (2, 1))

    def test_sequential(self) -> None:
        """A proxy that honours preferences forks serially if asked."""
        self.phone(reject(1.0))
        second = self.phone(ring())
        self.start(honours_no_fork=True)
        self.call(headers=[("Request-Disposition", "sequential")])
        self.assertEqual(second.invites, [])
        self.network.advance(1.0)
        self.assertEqual(len(second.invites), 1)

    def test_early_bye_is_kept_back(self) -> None:
        """The 487 after BYE on an early dialog is kept back while another rings."""
        self.phone(ring(), answer(5.0))
        self.phone(ring())
        self.start()
        invite = self.call()
        self.caller.ask("BYE", invite, self.caller.responses()[2])
        self.network.advance(1.0)
        self.assertEqual(self.caller.statuses("BYE"), [200])
        self.assertEqual(self.finals(), [])
        self.assertEqual(self.phones[1].calls[0].final.status, 487)  # type: ignore[union-attr]  # it has one
