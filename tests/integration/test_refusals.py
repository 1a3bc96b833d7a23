"""Calls through Kamailios that challenge, that are down, or that are killed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from twisted.names import dns

from sipuac.testing.phone import Phone
from sipuac.testing.script import answer, redirect, ring
from tests.integration.name_servers import LocalNameServer
from tests.integration.peers import Kamailio, ready, require, wait_until
from tests.integration.processes import Program
from tests.integration.proxies import CHALLENGER
from tests.integration.test_commands import ProgramTestCase, reactor


class RefusalTestCase(ProgramTestCase):
    """`sipuac call` through Kamailios to a phone in this process."""

    def setUp(self) -> None:
        """Skip where there is no Kamailio; make a folder and a password in it."""
        require("kamailio")
        folder = tempfile.TemporaryDirectory(prefix="sipuac")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.password = self.folder / "password"
        self.password.write_text("secret of alice\n", "utf-8")
        self.password.chmod(0o600)

    def kamailio(self, realm: str, mode: str = "challenge", **more: str) -> Kamailio:
        """A proxy that is about to be ready."""
        values = {"REALM": realm, "MODE": mode, **CHALLENGER, **more}
        peer = Kamailio(
            self.folder / realm, configuration="challenger.cfg", more=values
        )
        self.addCleanup(peer.stop)
        return peer

    def call(self, *arguments: str) -> Program:
        """Call as Alice."""
        return self.sipuac(
            "call",
            *("--from", "sip:alice@localhost", "--password-file", str(self.password)),
            *("--duration", "0.2", "--json"),
            *arguments,
        )

    async def events(self, program: Program) -> list[dict[str, Any]]:
        """What it has said, when it has ended well."""
        status = await program.ended
        self.assertEqual(status, 0, program.stdout + program.stderr)
        self.assertNotIn("secret", program.stdout + program.stderr)
        return [json.loads(line) for line in program.stdout.splitlines()]

    def actions(self, events: list[dict[str, Any]]) -> list[tuple[int, str]]:
        """Status and action of each further attempt."""
        return [
            (event["status"], event["action"])
            for event in events
            if event["event"] == "retrying"
        ]


class ChallengeTests(RefusalTestCase):
    """Digest on INVITE and BYE."""

    async def challenged(self, transport: str = "UDP", **values: str) -> None:
        """A call through one proxy that challenges."""
        phone, target = await self.phone(ring(0.1), answer(0.1))
        proxy = self.kamailio("one", **values)
        await ready(reactor, proxy)
        events = await self.events(
            self.call(target, "--proxy", proxy.uri(transport), "--early-media")
        )
        self.assertEqual(self.actions(events), [(407, "with credentials")])
        self.assertEqual(events[-1]["event"], "ended")
        self.assert_one_call(phone)

    def assert_one_call(self, phone: Phone) -> None:
        """The phone had one call, which was ended by a BYE that was let through."""
        methods = [request.method for request in phone.requests()]
        self.assertEqual(methods, ["INVITE", "ACK", "BYE"])
        for method in ("INVITE", "BYE"):
            (request,) = phone.requests(method)
            self.assertIsNone(request.get("Proxy-Authorization"))

    async def test_md5(self) -> None:
        """MD5 over UDP."""
        await self.challenged()

    async def test_sha_256(self) -> None:
        """SHA-256 over TCP."""
        await self.challenged("TCP", ALGORITHM="SHA-256")

    async def test_two_proxies(self) -> None:
        """Two in a chain, each of a realm of its own; the credentials of the first are
        not for the second.
        """
        phone, target = await self.phone(answer(0.1))
        second = self.kamailio("two", ALGORITHM="SHA-256")
        first = self.kamailio("one", NEXT=f"sip:127.0.0.1:{second.port}")
        await ready(reactor, first, second)
        events = await self.events(self.call(target, "--proxy", first.uri("UDP")))
        self.assertEqual(self.actions(events), [(407, "with credentials")] * 2)
        self.assert_one_call(phone)


class FailoverTests(RefusalTestCase):
    """A domain with two servers, of which the first fails."""

    async def call_of(self, transport: str, mode: str) -> Program:
        """A call to the domain, whose second server is well."""
        self.callee, target = await self.phone(answer(0.1))
        uri = target.replace("desk@", "")
        self.first = self.kamailio("one", mode, NEXT=uri)
        self.second = self.kamailio("two", "relay", NEXT=uri)
        await ready(reactor, self.first, self.second)
        name = f"_sip._{transport}.cluster.example"
        ports = (self.first.port, self.second.port)
        records: dict[str, list[Any]] = {
            name: [
                dns.Record_SRV(order, 0, port, "host.example", 60)
                for order, port in enumerate(ports)
            ],
            "host.example": [dns.Record_A("127.0.0.1", 60)],
        }
        server = LocalNameServer(reactor, records)
        self.addCleanup(server.stop)
        host, port = server.address
        target = f"sip:bob@cluster.example;transport={transport}"
        return self.call(target, "--nameserver", f"{host}:{port}")

    async def test_unavailable(self) -> None:
        """503: the second server takes the call at once (3263-4.3-a)."""
        program = await self.call_of("udp", "unavailable")
        ((status, action),) = self.actions(await self.events(program))
        self.assertEqual(status, 503)
        self.assertIn(f"127.0.0.1 port {self.second.port}", action)
        self.assertEqual(len(self.callee.requests("INVITE")), 1)

    async def test_killed(self) -> None:
        """A server that dies with the INVITE in its hands: the connection breaks, and
        the second server takes the call (3263-4.3-a).
        """
        program = await self.call_of("tcp", "silent")
        await wait_until(
            reactor,
            lambda: "taken and not answered: INVITE" in self.first.output,
            lambda: self.first.output + program.stdout,
        )
        self.first.stop()
        ((status, action),) = self.actions(await self.events(program))
        self.assertEqual(status, 503)
        self.assertIn(f"127.0.0.1 port {self.second.port}", action)
        self.assertEqual(len(self.callee.requests("INVITE")), 1)


class RedirectTests(RefusalTestCase):
    """A phone that redirects us to another one."""

    async def test_followed(self) -> None:
        """Through the same proxy, whose challenge is answered for the new URI too."""
        phone, target = await self.phone(answer(0.1))
        forwarder, first = await self.phone(redirect(0.1, f"<{target}>"))
        proxy = self.kamailio("one")
        await ready(reactor, proxy)
        events = await self.events(
            self.call(first, "--proxy", proxy.uri("UDP"), "--follow-redirects")
        )
        self.assertEqual(
            self.actions(events), [(407, "with credentials"), (302, f"at {target}")]
        )
        self.assertEqual(forwarder.complaints, [])
        methods = [request.method for request in phone.requests()]
        self.assertEqual(methods, ["INVITE", "ACK", "BYE"])
