"""Redirections by a Kamailio, with phones that are wanted more and less."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.peers import DOMAIN, Callee, Kamailio, ready
from tests.integration.proxies import ProxyCase, written_by
from tests.integration.scenarios import Behaviour

BUSY = Behaviour(provisionals=(), final="486 Busy Here", after=0.05)


class RedirectionTests(ProxyCase):
    """`--follow-redirects` (3261-8.1.3.4-a)."""

    async def redirector(self) -> Kamailio:
        """The proxy, and the phones."""
        kamailio = self.proxy("redirector.cfg")
        await ready(self.clock, kamailio, *self.phones)
        return kamailio

    def away(self, *phones: tuple[int, Callee]) -> str:
        """A URI that is redirected to these phones, each with its q in tenths."""
        legs = [f"{tenths}{phone.name}" for tenths, phone in phones]
        return f"sip:{'.'.join(['away', *legs])}@{DOMAIN}"

    async def events_of(
        self, proxy: Kamailio, target: str, *more: str, status: int = 0
    ) -> list[dict[str, Any]]:
        """The events of a call through the proxy that ends with this exit status."""
        program = self.sipuac(
            *("call", target, "--proxy", proxy.uri("UDP"), "--duration", "0.2"),
            *("--json", *more),
        )
        await self.ended(program, status)
        return [json.loads(line) for line in program.stdout.splitlines()]

    async def test_order_of_q(self) -> None:
        """The contacts are tried one after the other, by their q and not by their
        place, until one answers; the rest is left alone (3261-8.1.3.4-a).
        """
        least, most = self.phone(Behaviour()), self.phone(BUSY)
        next_one = self.phone(Behaviour(), "tcp")
        proxy = await self.redirector()
        target = self.away((2, least), (9, most), (5, next_one))
        events = await self.events_of(proxy, target, "--follow-redirects")
        self.check(most, "INVITE", "ACK")
        self.check(next_one, "INVITE", "ACK", "BYE")
        self.check(least)
        self.assertLess(most.sent("486 INVITE")[0].when, next_one.received()[0].when)
        # One call, CSeq rising; the proxy had each of its INVITEs.
        invites = [phone.received("INVITE")[0] for phone in (most, next_one)]
        self.assertEqual([invite.cseq for invite in invites], [2, 3])
        self.assertEqual(len({invite.get("Call-ID") for invite in invites}), 1)
        self.assertEqual(len(written_by(proxy)), 3)
        tried = [
            (event["status"], event["action"].rpartition(":")[2])
            for event in events
            if event["event"] == "retrying"
        ]
        self.assertEqual(
            tried,
            [
                (302, f"{most.port};transport=udp"),
                (486, f"{next_one.port};transport=tcp"),
            ],
        )
        self.check_no_complaints()

    async def test_not_followed(self) -> None:
        """Without the option it is told where the callee is, and nobody is called."""
        phone = self.phone(Behaviour())
        proxy = await self.redirector()
        events = await self.events_of(proxy, self.away((5, phone)), status=5)
        contact = f"sip:phone@127.0.0.1:{phone.port};transport=udp"
        self.assertEqual(
            [(event["event"], event.get("contacts")) for event in events],
            [("invite-sent", None), ("redirected", [contact]), ("failed", None)],
        )
        self.assertEqual(events[-1]["error"], "Redirected")
        self.assertEqual(phone.received(), [])

    async def test_loop(self) -> None:
        """A proxy that redirects back to it is asked once (3261-8.1.3.4-b)."""
        proxy = await self.redirector()
        target = f"sip:loop.@{DOMAIN}"
        events = await self.events_of(proxy, target, "--follow-redirects", status=5)
        self.assertEqual(events[-1]["error"], "Redirected")
        self.assertEqual(written_by(proxy), [f"took INVITE 1 to {target}"])

    async def test_all_busy(self) -> None:
        """Where all contacts refuse, the call fails as the last of them says."""
        phones = [self.phone(BUSY), self.phone(BUSY)]
        proxy = await self.redirector()
        target = self.away((1, phones[0]), (8, phones[1]))
        events = await self.events_of(proxy, target, "--follow-redirects", status=3)
        self.assertEqual(events[-1]["error"], "Busy")
        for phone in phones:
            self.check(phone, "INVITE", "ACK")
        self.check_no_complaints()
