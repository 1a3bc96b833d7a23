"""Registering at a Kamailio that challenges, and calling through it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.integration.peers import Kamailio, ready, require
from tests.integration.test_commands import ProgramTestCase, reactor


class RegistrationTests(ProgramTestCase):
    """`sipuac register` and `sipuac options` against a real registrar."""

    def setUp(self) -> None:
        """Skip where there is no Kamailio; make a folder."""
        require("kamailio")
        folder = tempfile.TemporaryDirectory(prefix="sipuac")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.password = self.folder / "password"
        self.write_password("secret of alice")

    def write_password(self, text: str) -> None:
        """Write the password file."""
        self.password.write_text(f"{text}\n", "utf-8")
        self.password.chmod(0o600)

    async def kamailio(self, **values: str) -> Kamailio:
        """A registrar that is ready."""
        values = {"ALGORITHM": "MD5", "QOP": "auth", "VERIFY": "0", **values}
        peer = Kamailio(
            self.folder / "kamailio", configuration="registrar.cfg", more=values
        )
        self.addCleanup(peer.stop)
        await ready(reactor, peer)
        return peer

    async def register(
        self, peer: Kamailio, transport: str, *more: str
    ) -> tuple[int, list[dict[str, Any]]]:
        """Register Alice for a moment; the exit status and the events."""
        program = self.sipuac(
            "register",
            *("--from", "sip:alice@localhost"),
            *("--proxy", peer.uri(transport)),
            *("--password-file", str(self.password)),
            *("--tls-ca", str(peer.ca_file)),
            *("--duration", "0.2", "--json"),
            *more,
        )
        status = await program.ended
        self.assertNotIn("secret", program.stdout + program.stderr)
        return status, [json.loads(line) for line in program.stdout.splitlines()]

    async def registers(self, **values: str) -> None:
        """Alice can register over every transport."""
        peer = await self.kamailio(**values)
        for transport in ("UDP", "TCP", "TLS"):
            status, events = await self.register(peer, transport)
            self.assertEqual(
                (status, [event["event"] for event in events]),
                (0, ["registered", "unregistered"]),
                peer.output,
            )
            self.assertEqual(events[0]["transport"], transport)
            self.assertEqual(events[0]["expires"], 600)

    async def test_md5(self) -> None:
        """A challenge of MD5, over UDP, TCP and TLS."""
        await self.registers()

    async def test_sha_256(self) -> None:
        """A challenge of SHA-256."""
        await self.registers(ALGORITHM="SHA-256")

    async def test_auth_int(self) -> None:
        """A challenge that protects the body."""
        await self.registers(QOP="auth-int")

    async def test_refusals(self) -> None:
        """423 is met, a wrong password is told in words."""
        peer = await self.kamailio()
        status, events = await self.register(peer, "UDP", "--expires", "10")
        self.assertEqual((status, events[0]["expires"]), (0, 60))
        self.write_password("of somebody else")
        status, events = await self.register(peer, "UDP")
        self.assertEqual((status, events[0]["error"]), (5, "AuthenticationFailed"))
        self.assertIn("were refused", events[0]["message"])

    async def test_options(self) -> None:
        """Who is there: over TLS with a certificate that is verified, or not at all."""
        peer = await self.kamailio()
        asked = ("options", "sip:localhost", "--proxy", peer.uri("TLS"), "--json")
        program = self.sipuac(*asked, "--tls-ca", str(peer.ca_file))
        self.assertEqual(await program.ended, 0, program.stderr)
        answer = json.loads(program.stdout)
        self.assertEqual(
            (answer["status"], answer["transport"], answer["certificate"]),
            (200, "TLS", "verified (RFC 5922)"),
        )
        program = self.sipuac(*asked)
        self.assertEqual(await program.ended, 6)
        self.assertIn("unknown root", json.loads(program.stdout)["message"])
