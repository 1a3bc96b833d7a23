"""What the forking proxy forwards, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.testing.proxy import ForkingProxy, parallel
from sipuac.testing.script import (
    answer,
    ask,
    early_media,
    ring,
    trying,
)

from .caller import OFFER, Caller
from .proxy_case import ProxyCase


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
