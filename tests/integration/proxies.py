"""What the tests with Kamailios that challenge, redirect or die have in common."""

from __future__ import annotations

import re
from typing import Any

from sipuac.service.inviter_service import InviterService
from sipuac.ua.credentials import Credentials
from tests.integration.peer_case import PeerTestCase
from tests.integration.peers import (
    DOMAIN,
    HOST,
    Callee,
    Kamailio,
    ready,
    wait_until,
)
from tests.integration.processes import Program
from tests.integration.registrations import SippRegistration

CHALLENGER = {
    "ALGORITHM": "MD5",
    "NEXT": "",
    "NONCE_SECONDS": "300",
    "IPV6": "# ",
    "ADVERTISE": "",
}
"""Values of challenger.cfg where a test asks for no others."""

REGISTRAR = {"ALGORITHM": "MD5", "QOP": "auth", "VERIFY": "0"}
"""Values of registrar.cfg where a test asks for no others."""

_WRITTEN = re.compile(r"<script>: (.*)")


def written_by(kamailio: Kamailio) -> list[str]:
    """What the script of this Kamailio has written down, a line each."""
    return [line.rstrip() for line in _WRITTEN.findall(kamailio.output)]


class ProxyCase(PeerTestCase):
    """Calls of Alice through Kamailios with configurations of their own."""

    def proxy(self, configuration: str, name: str = "one", **values: str) -> Kamailio:
        """A Kamailio that is about to be ready.

        Args:
            configuration: The file beside this one.
            name: Of its folder, and of its realm where it has one of its own.
            values: What else to fill in.
        """
        defaults = CHALLENGER if configuration == "challenger.cfg" else REGISTRAR
        more = {"REALM": name, "MODE": "challenge", **defaults, **values}
        kamailio = Kamailio(self.folder / name, DOMAIN, configuration, more)
        self.addCleanup(kamailio.stop)
        return kamailio

    async def registrar(self, **values: str) -> Kamailio:
        """A registrar that is ready, and the phones with it."""
        kamailio = self.proxy("registrar.cfg", **values)
        await ready(self.clock, kamailio, *self.phones)
        return kamailio

    def alice(self, through: Kamailio | None, **options: Any) -> InviterService:
        """A service that calls as Alice, through this proxy over our transport."""
        arguments: dict[str, Any] = {
            "reactor": self.reactor,
            "bind": HOST,
            "hosts": {DOMAIN: HOST},
            "credentials": lambda *asked: Credentials("alice", "secret of alice"),
            "drain": 2.0,
        }
        if through is not None:
            arguments["proxy"] = through.uri(self.transport)
            arguments["tls_ca"] = str(through.ca_file)
        service = InviterService(f"sip:alice@{DOMAIN}", **{**arguments, **options})
        service.startService()
        self.addCleanup(service.stopService)
        return service

    def sipuac(self, *arguments: str, user: str = "alice") -> Program:
        """Start the console script as this user, who has a password."""
        password = self.folder / f"password of {user}"
        password.write_text(f"secret of {user}\n", "utf-8")
        password.chmod(0o600)
        command, *others = arguments
        program = Program.start(
            self.reactor,
            *("-m", "sipuac.cli", command, "--from", f"sip:{user}@{DOMAIN}"),
            *("--password-file", str(password), *others),
        )
        self.addCleanup(program.kill)
        return program

    async def ended(self, program: Program, status: int = 0) -> str:
        """What a program has printed that has ended with this status."""
        found = await program.ended
        printed = program.stdout + program.stderr
        self.assertEqual(found, status, f"{printed}\n{self.transcript()}")
        self.assertNotIn("secret", printed)
        return printed

    async def register(self, kamailio: Kamailio, user: str, phone: Callee) -> None:
        """Let a SIPp register this user where the phone is."""
        folder = self.folder / f"registration of {user}"
        registration = SippRegistration(kamailio, user, phone, folder)
        self.addCleanup(registration.stop)
        await wait_until(
            self.clock, lambda: registration.is_done, registration.transcript
        )
