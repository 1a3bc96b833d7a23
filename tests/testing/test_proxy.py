"""The forking proxy, between a caller made by hand and scripted phones."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.message import Request, Response
from sipuac.testing.memory import MemoryNetwork
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import ForkingProxy, Targets, parallel, serial
from sipuac.testing.script import (
    Meeting,
    Script,
    Step,
    answer,
    ask,
    early_dialog_ended,
    early_media,
    reject,
    ring,
    trying,
)

from .caller import OFFER, Caller

SUPPORTS_199 = [("Supported", "199")]


class ProxyCase(SynchronousTestCase):
    """A proxy at 192.0.2.5, phones from 192.0.2.10 on, a caller at 192.0.2.100."""

    def setUp(self) -> None:
        """A network with nobody but the caller."""
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.caller = Caller(self.network, self.clock, "sip:192.0.2.5")
        self.phones: list[Phone] = []
        self.proxy: ForkingProxy | None = None

    def phone(self, *steps: Step, script: Script | None = None) -> Phone:
        """One more phone, started."""
        number = len(self.phones)
        phone = Phone(
            self.network.transport(f"192.0.2.{10 + number}"),
            self.clock,
            script or Script(*steps),
            name="abcdef"[number],
        )
        phone.start()
        self.phones.append(phone)
        return phone

    def start(self, targets: Targets | None = None, **options: object) -> ForkingProxy:
        """The proxy; without targets bob is all phones in parallel."""
        if targets is None:
            targets = parallel(*map(self.uri, self.phones))
        proxy = ForkingProxy(
            self.network.transport("192.0.2.5"),
            self.clock,
            {"bob": targets},
            **options,  # type: ignore[arg-type]  # whatever the test wants
        )
        proxy.start()
        self.proxy = proxy
        return proxy

    def uri(self, phone: Phone) -> str:
        """Where this phone is called."""
        return f"sip:{phone.name}@192.0.2.{10 + self.phones.index(phone)}"

    def call(
        self,
        seconds: float = 0.0,
        headers: Iterable[tuple[str, str]] = (),
        target: str = "sip:bob@192.0.2.5",
    ) -> Request:
        """Place a call, and let so many seconds pass."""
        invite = self.caller.invite(target, OFFER, headers)
        self.network.advance(seconds)
        return invite

    def finals(self) -> list[Response]:
        """The final responses to INVITE that the caller got."""
        return [r for r in self.caller.responses() if r.is_final]

    def acknowledge(self, invite: Request) -> None:
        """ACK every final response, once each."""
        seen = set()
        for response in self.finals():
            if response.to_tag not in seen:
                seen.add(response.to_tag)
                self.caller.ack(invite, response)

    def assert_all_over(self) -> None:
        """Everything ends by itself, and nobody has anything to complain about."""
        self.network.settle()
        assert self.proxy is not None
        self.assertEqual(len(self.proxy.transactions), 0)
        self.assertEqual(self.proxy.contexts, [])
        self.assertEqual(
            [phone.complaints for phone in self.phones if phone.complaints], []
        )


class ForwardingTests(ProxyCase):
    """What a request and its responses look like behind the proxy (16.6, 16.7)."""

    def test_request(self) -> None:
        """Request-URI replaced, Max-Forwards less one, Record-Route and Via on top."""
        phone = self.phone(ring())
        self.start()
        sent = self.call()
        invite = phone.invites[0]
        self.assertEqual(invite.uri_text, "sip:a@192.0.2.10")
        self.assertEqual(invite.max_forwards, 69)
        self.assertEqual(invite.get("Record-Route"), "<sip:192.0.2.5:5060;lr>")
        self.assertEqual(len(invite.vias), 2)
        self.assertEqual(invite.vias[0].sent_by, ("192.0.2.5", 5060))
        self.assertEqual(invite.vias[1].branch, sent.branch)
        self.assertEqual(invite.body.decode(), OFFER)

    def test_provisional(self) -> None:
        """Every provisional response but 100 is forwarded, as it is; 100 is not."""
        self.phone(trying(), ring(0.1), early_media(0.2))
        self.start()
        self.call(1.0)
        self.assertEqual(self.caller.statuses(), [100, 180, 183])
        self.assertIsNone(self.caller.responses()[0].to_tag)
        self.assertEqual(len(self.caller.responses()[1].vias), 1)

    def test_absorbs_100(self) -> None:
        """The proxy's own 100 is the only one: phones that only say 100 stay unseen."""
        self.phone(trying(0.3))
        self.start()
        self.call(5.0)
        self.assertEqual(self.caller.statuses(), [100])

    def test_ack_and_bye_follow_the_route(self) -> None:
        """ACK and BYE in the dialog go through the proxy by Route, to the Contact."""
        phone = self.phone(answer())
        self.start()
        invite = self.call()
        answered = self.finals()[0]
        self.caller.ack(invite, answered)
        self.caller.ask("BYE", invite, answered)
        self.network.advance()
        self.assertTrue(phone.acked)
        self.assertTrue(phone.byed)
        bye = phone.requests("BYE")[0]
        self.assertEqual(bye.routes, [])
        self.assertEqual(len(bye.vias), 2)
        self.assertEqual(self.caller.statuses("BYE"), [200])
        self.assert_all_over()

    def test_requests_of_the_phone(self) -> None:
        """A request of the phone in its dialog comes through the proxy too."""
        self.phone(answer(), ask(1.0, "INFO"))
        self.start()
        invite = self.call()
        self.acknowledge(invite)
        self.network.advance(1.0)
        info = self.caller.requests("INFO")[0]
        self.assertEqual(len(info.vias), 2)
        self.assertEqual(info.routes, [])

    def test_without_record_route(self) -> None:
        """Without Record-Route the dialog goes past the proxy."""
        phone = self.phone(answer())
        self.start(record_routes=False)
        invite = self.call()
        self.acknowledge(invite)
        self.network.advance()
        self.assertTrue(phone.acked)
        self.assertEqual(len(phone.requests("ACK")[0].vias), 1)

    def test_between_transports(self) -> None:
        """Between TCP and UDP it leaves two Record-Route values (RFC 5658)."""
        phone = self.phone(answer())
        proxy = ForkingProxy(
            self.network.transport("192.0.2.5", 5060, "UDP", "TCP"),
            self.clock,
            {"bob": parallel(self.uri(phone))},
        )
        proxy.start()
        hop = "sip:192.0.2.5;transport=tcp"
        caller = Caller(self.network, self.clock, hop, "192.0.2.101", "TCP")
        invite = caller.invite("sip:bob@192.0.2.5")
        self.network.advance()
        answered = caller.responses()[-1]
        self.assertEqual(
            [str(route) for route in answered.record_routes],
            ["<sip:192.0.2.5:5060;lr>", "<sip:192.0.2.5:5060;transport=tcp;lr>"],
        )
        caller.ack(invite, answered)
        caller.ask("BYE", invite, answered)
        self.network.advance()
        self.assertTrue(phone.acked)
        self.assertTrue(phone.byed)
        self.assertEqual(caller.statuses("BYE"), [200])

    def test_retransmitted_invite(self) -> None:
        """An INVITE that comes again is not forwarded again."""
        phone = self.phone(ring())
        self.start()
        self.caller.again(self.call())
        self.network.advance()
        self.assertEqual(len(phone.received), 1)
        self.assertEqual(self.caller.statuses(), [100, 180, 180])

    def test_lost_invite(self) -> None:
        """The proxy repeats the INVITE until something comes."""
        phone = self.phone(ring())
        self.start()
        self.network.drop_if(
            lambda packet: packet.destination[0] == "192.0.2.10", times=2
        )
        self.call(2.0)
        self.assertEqual(len(phone.invites), 1)
        self.assertEqual(self.caller.statuses(), [100, 180])

    def test_strict_router_next(self) -> None:
        """To a next hop without lr its URI is the Request-URI, the target a Route."""
        self.phone(ring())
        self.start()
        self.call(headers=[("Route", "<sip:strict@192.0.2.10>")], target="sip:x@far")
        invite = self.phones[0].invites[0]
        self.assertEqual(invite.uri_text, "sip:strict@192.0.2.10")
        self.assertEqual([str(r) for r in invite.routes], ["<sip:x@far>"])

    def test_strict_router_before(self) -> None:
        """Its own Record-Route URI as Request-URI is replaced by the last Route."""
        phone = self.phone(ring())
        self.start()
        routes = [("Route", "<sip:a@192.0.2.10>")]
        self.call(headers=routes, target="sip:192.0.2.5:5060;lr")
        self.assertEqual(phone.invites[0].uri_text, "sip:a@192.0.2.10")
        self.assertEqual(phone.invites[0].routes, [])


class RefusalTests(ProxyCase):
    """What the proxy does not forward (16.3, 16.5)."""

    def refused(self, headers: Iterable[tuple[str, str]] = (), **kind: str) -> int:
        """Status of the refusal; the phone must hear nothing."""
        self.call(headers=headers, **kind)  # type: ignore[arg-type]  # only target
        self.assertEqual(self.phones[0].received, [])
        return self.finals()[0].status

    def test_max_forwards(self) -> None:
        """Max-Forwards 0 gets 483."""
        phone = self.phone(ring())
        self.start()
        invite = self.call()
        rows = [
            (name, "0" if name == "Max-Forwards" else value)
            for name, value in invite.header_items()
            if name not in ("Via", "Content-Length")
        ]
        self.caller.send("INVITE", invite.uri, rows)
        self.network.advance()
        self.assertEqual(self.finals()[0].status, 483)
        self.assertEqual(len(phone.invites), 1)

    def test_proxy_require(self) -> None:
        """An unknown Proxy-Require gets 420 with Unsupported."""
        self.phone(ring())
        self.start()
        self.assertEqual(self.refused([("Proxy-Require", "magic")]), 420)
        self.assertEqual(self.finals()[0].unsupported, ["magic"])

    def test_unknown_user(self) -> None:
        """A user of its own domain that it does not know gets 404."""
        self.phone(ring())
        self.start(domains=["example.com"])
        self.assertEqual(self.refused(target="sip:eve@example.com"), 404)

    def test_no_targets(self) -> None:
        """A user without targets gets 480."""
        self.phone(ring())
        self.start(targets=())
        self.assertEqual(self.refused(), 480)

    def test_scheme(self) -> None:
        """A Request-URI of a scheme that it does not know gets 416."""
        self.phone(ring())
        self.start()
        self.assertEqual(self.refused(target="tel:+4930123"), 416)

    def test_options_for_itself(self) -> None:
        """OPTIONS for the proxy itself gets 200."""
        self.start(targets=())
        invite = self.call()
        rows = [row for row in invite.header_items() if row[0] not in ("Via", "CSeq")]
        uri = self.caller.next_hop
        self.caller.send("OPTIONS", uri, [*rows, ("CSeq", "2 OPTIONS")])
        self.network.advance()
        self.assertEqual(self.caller.statuses("OPTIONS"), [200])


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

    def test_dead_target(self) -> None:
        """A target that never answers counts as 408, when timer B fires."""
        self.phone()
        self.start()
        invite = self.call(31.9)
        self.assertEqual(self.finals(), [])
        self.network.advance(0.1)
        self.assertEqual([r.status for r in self.finals()], [408])
        self.acknowledge(invite)
        self.assert_all_over()

    def test_unreachable_target(self) -> None:
        """A target that cannot be sent to counts as 503, so the caller gets 500."""
        self.phone(ring())
        self.start(parallel("sip:a@192.0.2.10;transport=tcp"))
        self.call()
        self.assertEqual([r.status for r in self.finals()], [500])

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


class CancelTests(ProxyCase):
    """CANCEL and timer C (16.8, 16.10)."""

    def test_cancel(self) -> None:
        """CANCEL gets 200 at once, the branches are cancelled, and 487 comes back."""
        phones = [self.phone(ring()), self.phone(ring())]
        self.start()
        invite = self.call()
        self.caller.cancel(invite)
        self.network.advance()
        self.assertEqual(self.caller.statuses("CANCEL"), [200])
        self.assertTrue(all(phone.cancelled for phone in phones))
        self.assertEqual([r.status for r in self.finals()], [487])
        self.acknowledge(invite)
        self.assert_all_over()

    def test_cancel_stops_hunting(self) -> None:
        """After a CANCEL no further target is tried."""
        self.phone(ring())
        second = self.phone(ring())
        self.start(serial(*map(self.uri, self.phones)))
        self.caller.cancel(self.call())
        self.network.advance(1.0)
        self.assertEqual(second.invites, [])

    def test_answer_crosses_cancel(self) -> None:
        """A 2xx that crosses the CANCEL is forwarded."""
        phone = self.phone(script=Script(ring(), on_cancel="answer"))
        self.start()
        invite = self.call()
        self.caller.cancel(invite)
        self.network.advance()
        self.assertEqual([r.status for r in self.finals()], [200])
        self.acknowledge(invite)
        self.network.advance()
        self.assertTrue(phone.acked)

    def test_cancel_for_nothing(self) -> None:
        """A CANCEL that matches no INVITE gets 481."""
        self.start(targets=())
        invite = self.call()
        via = invite.top_via.with_parameter("branch", "z9hG4bK-other")
        self.caller.cancel(invite.with_top_via(via))
        self.network.advance()
        self.assertEqual(self.caller.statuses("CANCEL"), [481])

    def test_cancelled_branch_without_final(self) -> None:
        """A cancelled branch without final response is given up after 64*T1 (9.1)."""
        self.phone(script=Script(ring(), on_cancel="go on"))
        self.start()
        invite = self.call()
        self.caller.cancel(invite)
        self.network.advance(31.9)
        self.assertEqual(self.finals(), [])
        self.network.advance(0.1)
        self.assertEqual([r.status for r in self.finals()], [487])

    def test_timer_c(self) -> None:
        """Timer C cancels a branch that rings for ever; each 1xx but 100 resets it."""
        phone = self.phone(ring(), ring(100.0), trying(120.0))
        self.start()
        self.call(280.9)
        self.assertFalse(phone.cancelled)
        self.network.advance(0.1)
        self.assertTrue(phone.cancelled)
        self.assertEqual([r.status for r in self.finals()], [487])

    def test_timer_c_without_response(self) -> None:
        """If nothing came at all, timer C acts as a 408."""
        self.phone()
        self.start(timer_c=10.0)
        self.call(10.0)
        self.assertEqual([r.status for r in self.finals()], [408])

    def test_late_response_is_dropped(self) -> None:
        """A response that matches no transaction is not forwarded (RFC 6026 7.3)."""
        self.phone(script=Script(ring(), answer(200.0), on_cancel="go on"))
        proxy = self.start()
        self.caller.cancel(self.call())
        self.network.advance(201.0)
        self.assertEqual([r.status for r in proxy.dropped], [200, 200])
        self.assertNotIn(200, self.caller.statuses())


class Response199Tests(ProxyCase):
    """Telling which early dialogs have ended (RFC 6228 section 6)."""

    def told(self) -> list[Response]:
        """The 199 that the caller got."""
        return [r for r in self.caller.responses() if r.status == 199]

    def test_failed_branch(self) -> None:
        """A final response that is kept back ends its early dialogs by a 199."""
        self.phone(ring(), reject(1.0, 486))
        self.phone(ring())
        self.start(sends_199=True)
        self.call(headers=SUPPORTS_199, seconds=1.0)
        early = self.caller.responses()[1]
        self.assertEqual([r.to_tag for r in self.told()], [early.to_tag])
        self.assertEqual(self.told()[0].reasons[0].cause, 486)
        self.assertEqual(self.told()[0].contacts, [])
        self.assertEqual(self.told()[0].record_routes, [])

    def test_only_if_supported(self) -> None:
        """Only a caller that supports 199 gets one."""
        self.phone(ring(), reject(1.0))
        self.phone(ring())
        self.start(sends_199=True)
        self.call(1.0)
        self.assertEqual(self.told(), [])

    def test_not_if_100rel_is_required(self) -> None:
        """It is not sent where provisional responses have to be reliable."""
        self.phone(ring(), reject(1.0))
        self.phone(ring())
        self.start(sends_199=True)
        self.call(headers=[*SUPPORTS_199, ("Require", "100rel")], seconds=1.0)
        self.assertEqual(self.told(), [])

    def test_not_twice(self) -> None:
        """A 199 of the phone itself is forwarded, and none is added to it."""
        self.phone(ring(), early_dialog_ended(0.5), reject(1.0))
        self.phone(ring())
        self.start(sends_199=True)
        self.call(headers=SUPPORTS_199, seconds=1.0)
        self.assertEqual(len(self.told()), 1)

    def test_not_with_the_final_response(self) -> None:
        """It is not sent where the final response is forwarded at once."""
        self.phone(ring(), reject(1.0))
        self.start(sends_199=True)
        self.call(headers=SUPPORTS_199, seconds=1.0)
        self.assertEqual(self.told(), [])

    def test_serial(self) -> None:
        """A hunting proxy tells of a phone that refused before it tries the next."""
        self.phone(early_media(), reject(1.0))
        self.phone(early_media())
        self.start(serial(*map(self.uri, self.phones)), sends_199=True)
        self.call(headers=SUPPORTS_199, seconds=1.0)
        self.assertEqual(self.caller.statuses(), [100, 183, 199, 183])
