"""Failures, CANCEL, timer C and 199 at the forking proxy."""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.syntax.message import Request, Response
from sipuac.syntax.uri import parse_uri
from sipuac.testing.phone import Phone
from sipuac.testing.proxy import parallel, serial
from sipuac.testing.resolver import LiteralResolver
from sipuac.testing.script import (
    Script,
    answer,
    early_dialog_ended,
    early_media,
    reject,
    ring,
    trying,
)

from .proxy_case import ProxyCase

SUPPORTS_199 = [("Supported", "199")]


class FailureTests(ProxyCase):
    """Targets that cannot be reached (16.6 item 7, 16.9)."""

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

    def two_servers(self) -> LiteralResolver:
        """A resolver that has two servers for `two`: a dead host, and the phone."""
        return LiteralResolver({"two": ("192.0.2.66", "192.0.2.10")})

    def test_next_server_after_refusal(self) -> None:
        """A server that refuses to connect is followed by the next (16.6 item 7)."""
        transport = self.network.transport("192.0.2.10", 5060, "TCP")
        phone = Phone(transport, self.clock, [ring(), reject(1.0)], name="a")
        phone.start()
        target = "sip:a@two;transport=tcp"
        self.start(parallel(target), resolver=self.two_servers())
        invite = self.call(1.0)
        self.assertEqual(self.caller.statuses(), [100, 180, 486])
        self.acknowledge(invite)
        self.assert_all_over()

    def test_next_server_after_silence(self) -> None:
        """A server that says nothing is followed by the next when timer B fires."""
        phone = self.phone(ring(), reject(1.0))
        self.start(parallel("sip:a@two"), resolver=self.two_servers())
        invite = self.call(31.9)
        self.assertEqual(phone.invites, [])
        self.network.advance(1.2)
        self.assertEqual(self.finals()[0].status, 486)
        self.acknowledge(invite)
        self.assert_all_over()

    def test_all_servers_dead(self) -> None:
        """Only when the last server has failed the target counts as 503."""
        resolver = LiteralResolver({"two": ("192.0.2.66", "192.0.2.67")})
        targets = parallel("sip:a@two;transport=tcp")
        self.start(targets, resolver=resolver)
        invite = self.call()
        self.assertEqual([r.status for r in self.finals()], [500])
        self.acknowledge(invite)
        self.assert_all_over()

    def test_cancelled_while_connecting(self) -> None:
        """A branch that has no connection yet is over when it is cancelled."""
        proxy = self.start(parallel("sip:a@192.0.2.10;transport=tcp"))
        self.network.partition(["192.0.2.5"], ["192.0.2.10"])
        invite = self.call()
        self.caller.cancel(invite)
        self.network.advance()
        self.assertEqual([r.status for r in self.finals()], [487])
        self.acknowledge(invite)
        self.network.heal()
        self.assert_all_over()
        self.assertEqual(proxy.trouble, [])

    def test_context_is_kept(self) -> None:
        """The context is kept until all its transactions have ended (16.7 item 9)."""
        self.phone(ring(), answer(1.0))
        proxy = self.start()
        invite = self.call(1.0)
        self.acknowledge(invite)
        self.network.advance(31.9)
        self.assertEqual(len(proxy.contexts), 1)
        self.network.advance(0.1)
        self.assertEqual(proxy.contexts, [])

    def test_system_refuses(self) -> None:
        """A request that the system refuses to send counts as 503 (16.9)."""
        self.phone(ring())
        proxy = self.start()
        self.network.refuse_if(lambda packet: packet.destination[0] == "192.0.2.10")
        invite = self.call()
        self.assertEqual([r.status for r in self.finals()], [500])
        self.assertEqual(len(proxy.trouble), 1)
        self.acknowledge(invite)
        self.assert_all_over()

    def test_refusal_without_ack(self) -> None:
        """A refusal that the caller does not ACK is repeated until timer H."""
        self.phone(reject())
        proxy = self.start()
        self.call(31.9)
        self.assertEqual(proxy.trouble, [])
        self.assertGreater(len(self.finals()), 8)
        self.network.advance(0.1)
        self.assertEqual(len(proxy.trouble), 1)
        self.assert_all_over()

    def test_ack_with_the_branch_of_its_invite(self) -> None:
        """An ACK for a 2xx on the branch of the INVITE is forwarded too (RFC 6026)."""
        phone = self.phone(answer())
        self.start()
        invite = self.call()
        answered = self.finals()[0]
        rows = [("Max-Forwards", "70"), ("Route", "<sip:192.0.2.5;lr>")]
        rows += [("From", invite.get("From") or ""), ("To", answered.get("To") or "")]
        rows += [("Call-ID", invite.call_id), ("CSeq", "1 ACK")]
        target = answered.contacts[0].uri
        self.caller.send("ACK", target, rows, via=invite.top_via)
        self.network.advance()
        self.assertTrue(phone.acked)

    def test_unresolvable_target(self) -> None:
        """A target without address counts as 503; its ACK goes nowhere."""
        proxy = self.start(parallel("sip:a@gone"), resolver=LiteralResolver({}, "gone"))
        invite = self.call()
        self.assertEqual([r.status for r in self.finals()], [500])
        self.caller.send("ACK", parse_uri("sip:a@gone"), list(_ack_rows(invite)))
        self.network.advance()
        self.assertEqual(len(proxy.trouble), 1)

    def test_connection_breaks(self) -> None:
        """A connection that breaks before any response counts as 503 (16.9)."""
        transport = self.network.transport("192.0.2.10", 5060, "TCP")
        Phone(transport, self.clock, [ring(10.0)], name="a").start()
        self.start(parallel("sip:a@192.0.2.10;transport=tcp"))
        self.call()
        self.network.reset("192.0.2.10")
        self.network.advance()
        self.assertEqual([r.status for r in self.finals()], [500])


def _ack_rows(invite: Request) -> Iterable[tuple[str, str]]:
    yield "Max-Forwards", "70"
    for name in ("From", "To", "Call-ID"):
        yield name, invite.get(name) or ""
    yield "CSeq", "1 ACK"


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
