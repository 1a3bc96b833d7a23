"""All calls to a baresip, over UDP and over TCP; and straight to it over TLS."""

from __future__ import annotations

from tests.integration import baresip_scenarios, baresip_sessions, peer_case
from tests.integration.peer_case import only
from tests.integration.peers import ready


class UdpBaresipTests(baresip_scenarios.BaresipScenarios):
    """UDP on both sides of Kamailio."""

    transport = "UDP"


class TcpBaresipTests(baresip_scenarios.BaresipScenarios):
    """TCP on both sides of Kamailio."""

    transport = "TCP"


class UdpBaresipSessionTests(baresip_sessions.BaresipSessionScenarios):
    """Sessions that change, over UDP."""

    transport = "UDP"


class TcpBaresipSessionTests(baresip_sessions.BaresipSessionScenarios):
    """Sessions that change, over TCP."""

    transport = "TCP"


class TlsBaresipTests(peer_case.PeerTestCase):
    """TLS, with no proxy between."""

    programs = ("baresip",)

    async def test_call(self) -> None:
        """A call over one TLS connection, on which both sides speak."""
        phone = self.baresip()
        await ready(self.clock, phone)
        service = self.service(proxy=None, tls_ca=str(phone.ca_file))
        session = await service.call(
            f"sip:phone@localhost:{phone.tls_port};transport=tls"
        )
        await self.until_acknowledged(phone)
        for message in phone.received():
            self.assertTrue(message.get("Via").startswith("SIP/2.0/TLS"))
        self.assertTrue(phone.is_in_call)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "BYE")
        self.assertEqual(only(phone, "BYE").cseq, 2)
