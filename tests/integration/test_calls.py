"""All calls over UDP, TCP and TLS; what is particular to one transport is here."""

from __future__ import annotations

from sipuac.errors import TransportFailed
from tests.integration import call_scenarios, peer_case
from tests.integration.scenarios import Behaviour


class UdpCallTests(call_scenarios.CallScenarios):
    """sipuac speaks UDP with Kamailio."""

    transport = "UDP"


class TcpCallTests(call_scenarios.CallScenarios):
    """sipuac speaks TCP with Kamailio."""

    transport = "TCP"


class TlsCallTests(call_scenarios.CallScenarios):
    """sipuac speaks TLS with Kamailio."""

    transport = "TLS"


class TlsIdentityTests(peer_case.PeerTestCase):
    """The certificate decides before anything is said."""

    transport = "TLS"

    async def test_certificate_of_another_domain(self) -> None:
        """A proxy that shows another domain's certificate never gets the INVITE."""
        phone = self.phone(Behaviour())
        await self.start_kamailio("other.example")
        call = self.service().call(self.kamailio.target("single", phone))
        await self.failure_of(call, TransportFailed)
        self.assertEqual(phone.messages(), [])
