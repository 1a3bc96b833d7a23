"""Sessions with a baresip that change, while its audio travels."""

from __future__ import annotations

from typing import cast

from twisted.internet import task
from twisted.internet.interfaces import IReactorUDP
from twisted.internet.protocol import DatagramProtocol

from sipuac.media.static import StaticMedia
from sipuac.sdp.negotiation import plain_audio_offer
from sipuac.service.inviter_service import InviterService
from tests.integration.baresip import Baresip
from tests.integration.peers import HOST, free_port
from tests.integration.session_scenarios import SessionCase


class Listener(DatagramProtocol):
    """Counts the datagrams that come to our media port.

    Attributes:
        heard: How many have come.
    """

    def __init__(self) -> None:
        self.heard = 0

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        """See `DatagramProtocol`."""
        self.heard += 1


class BaresipSessionScenarios(SessionCase):
    """All of them; baresip sends a packet each 20 ms where it may."""

    programs = ("kamailio", "baresip")

    def listen(self) -> tuple[Listener, StaticMedia]:
        """Somebody at the port of our offers, and the media that makes them."""
        listener, port = Listener(), free_port()
        reactor = cast(IReactorUDP, self.reactor)
        listening = reactor.listenUDP(port, listener, HOST, 8192)
        self.addCleanup(listening.stopListening)
        return listener, StaticMedia(plain_audio_offer(HOST, port))

    async def is_speaking(self, listener: Listener) -> bool:
        """Whether audio comes to us, as heard for a moment."""
        # What is under way yet does not count.
        await task.deferLater(self.clock, 0.1)
        before = listener.heard
        await task.deferLater(self.clock, 0.3)
        return listener.heard > before + 2

    async def prepare(self) -> tuple[Baresip, Listener, InviterService]:
        """Start everybody."""
        phone = self.baresip(
            "udp" if self.transport == "UDP" else "tcp", has_audio=True
        )
        listener, media = self.listen()
        return phone, listener, await self.start(media)

    async def test_it_holds_and_resumes(self) -> None:
        """Our answers let it send or not; it thinks that it is in a call all along."""
        phone, listener, service = await self.prepare()
        invitation = await service.invite(self.kamailio.target("single", phone))
        session = await invitation.established
        self.assertTrue(await self.is_speaking(listener))
        phone.hold()
        await self.until(lambda: len(phone.sent("ACK")) == 1)
        phone.resume()
        await self.until(lambda: len(phone.sent("ACK")) == 2)
        offers, answers = phone.sent("INVITE"), phone.received("200 INVITE")
        self.assertEqual([m.direction for m in offers], ["sendonly", "sendrecv"])
        self.assertEqual([m.direction for m in answers], ["recvonly", "sendrecv"])
        self.assertTrue(await self.is_speaking(listener))
        self.check_modified(invitation, "remote", "INVITE", 2)
        self.assertTrue(phone.is_in_call)
        phone.hang_up()
        self.assertEqual((await session.ended).by, "remote")

    async def test_we_hold_and_resume(self) -> None:
        """On hold by sendonly it still may not speak: its audio stops, and returns."""
        phone, listener, service = await self.prepare()
        session = await service.call(self.kamailio.target("single", phone))
        self.assertTrue(await self.is_speaking(listener))
        await session.hold()
        await self.until(lambda: phone.methods().count("ACK") == 2)
        self.assertEqual(phone.sent("200 INVITE")[-1].direction, "recvonly")
        self.assertFalse(await self.is_speaking(listener))
        await session.resume()
        await self.until(lambda: phone.methods().count("ACK") == 3)
        self.assertEqual(phone.sent("200 INVITE")[-1].direction, "sendrecv")
        self.assertTrue(await self.is_speaking(listener))
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE")

    async def test_both_hold(self) -> None:
        """Each on hold by the other: inactive both ways, and silence."""
        phone, listener, service = await self.prepare()
        session = await service.call(
            self.kamailio.target("single", phone), without_sdp=True
        )
        self.assertTrue(await self.is_speaking(listener))
        await session.hold()
        phone.hold()
        await self.until(lambda: len(phone.sent("ACK")) == 1)
        self.assertIn(phone.sent("INVITE")[0].direction, ("sendonly", "inactive"))
        self.assertEqual(phone.received("200 INVITE")[0].direction, "inactive")
        self.assertFalse(await self.is_speaking(listener))
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))

    async def test_refresh(self) -> None:
        """It knows no UPDATE: a re-INVITE that changes nothing refreshes."""
        phone, listener, service = await self.prepare()
        session = await service.call(self.kamailio.target("single", phone))
        await session.refresh()
        await self.until(lambda: phone.methods().count("ACK") == 2)
        first, refresh = phone.received("INVITE")
        self.assertEqual(refresh.body, first.body)
        self.assertEqual(phone.received("UPDATE"), [])
        phone.reinvite()
        await self.until(lambda: len(phone.sent("ACK")) == 1)
        self.assertTrue(await self.is_speaking(listener))
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))

    async def test_message(self) -> None:
        """It takes a MESSAGE inside the call."""
        phone, _, service = await self.prepare()
        session = await service.call(self.kamailio.target("single", phone))
        text = [("Content-Type", "text/plain")]
        response = await session.request("MESSAGE", text, b"Hello")
        [message] = phone.received("MESSAGE")
        self.assertEqual(message.body, "Hello")
        self.assertEqual(f"{response.status} MESSAGE", phone.sent()[-1].kind)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
