"""What happens inside a call: with SIPp phones that have a script of their own.

Everything goes through Kamailio; the phones' logs are the verdict.
"""

from __future__ import annotations

from sipuac.ua.invitation import Invitation
from tests.integration.peer_case import PeerTestCase
from tests.integration.peers import Phone
from tests.integration.scenarios import Behaviour


class SessionCase(PeerTestCase):
    """Tests of what happens inside a call."""

    async def until_hung_up(self, phone: Phone) -> None:
        """Wait until the phone's own BYE has its 200."""
        await self.until(lambda: bool(phone.received("200 BYE")))

    def events(self, invitation: Invitation, name: str) -> list[dict[str, object]]:
        """The events of this name."""
        every = (event.as_dict() for event in invitation.events)
        return [event for event in every if event["event"] == name]

    def check_modified(
        self, invitation: Invitation, by: str, method: str, times: int
    ) -> None:
        """The session was modified so often, by "local" or "remote"."""
        modified = self.events(invitation, "session-modified")
        self.assertEqual(
            [(event["by"], event["method"]) for event in modified],
            [(by, method)] * times,
        )


class SessionScenarios(SessionCase):
    """What was there before sessions could be changed."""

    async def test_lost_ack_with_the_answer(self) -> None:
        """The 200 with the offer comes again and again; so does the ACK, unchanged.

        RFC 3261 section 13.2.2.4, and 6337 section 3.1 for the answer in it.
        """
        phone = self.phone(Behaviour(ignored_acks=2, hangs_up_after=0.2), "tcp")
        service = await self.start()
        session = await service.call(
            self.kamailio.target("single", phone), without_sdp=True
        )
        await self.until_hung_up(phone)
        acks = phone.received("ACK")
        self.assertEqual(len(phone.sent("200 INVITE")), 3)
        self.assertEqual(len(acks), 3, self.transcript())
        self.assertIn("m=audio ", acks[0].body)
        self.assertEqual({ack.body for ack in acks}, {acks[0].body})
        self.assertEqual({ack.cseq for ack in acks}, {1})
        self.assertIn(f"m=audio {phone.media_port} ", session.remote_sdp)
        self.assertEqual((await session.ended).by, "remote")
        self.check_no_complaints()

    async def test_lost_ack(self) -> None:
        """The same where the INVITE had the offer: the ACK comes again, empty."""
        phone = self.phone(Behaviour(ignored_acks=1, hangs_up_after=0.2), "tcp")
        service = await self.start()
        await service.call(self.kamailio.target("single", phone))
        await self.until_hung_up(phone)
        self.assertEqual([ack.body for ack in phone.received("ACK")], ["", ""])
        self.check_no_complaints()
