"""The callee changes the session: re-INVITE, UPDATE, and what else it may say."""

from __future__ import annotations

from sipuac.testing.media import ScriptedMedia, late
from sipuac.transaction.timers import Timers
from tests.integration.peer_case import only
from tests.integration.scenarios import EARLY_MEDIA, Behaviour
from tests.integration.session_scenarios import SessionCase
from tests.integration.steps import Ask

# What the phone says when it has nothing to say but text.
_TEXT = ("Content-Type: text/plain",)


class CalleeChangeScenarios(SessionCase):
    """All of them."""

    async def test_hold_and_resume(self) -> None:
        """Its re-INVITEs get answers that fit (RFC 3264 section 8.4)."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Ask("INVITE", direction="sendonly"),
                    Ask("INVITE", direction="inactive"),
                    Ask("INVITE", direction="sendrecv"),
                ),
                hangs_up_after=0.2,
            ),
            "tcp",
        )
        service = await self.start()
        invitation = await service.invite(self.kamailio.target("single", phone))
        session = await invitation.established
        await self.until_hung_up(phone)
        answers = phone.received("200 INVITE")
        self.assertEqual(
            [answer.direction for answer in answers],
            ["recvonly", "inactive", "sendrecv"],
        )
        # "the version in the origin field MUST increment by one from the previous
        # SDP" where the description changes (RFC 3264 section 8).
        versions = [m.sdp_version for m in (phone.received("INVITE")[0], *answers)]
        first = versions[0]
        self.assertEqual(versions, [first, first + 1, first + 2, first + 3])
        for answer in answers:
            self.assertTrue(answer.get("Contact"))
            self.assertGreater(answer.media_port, 0)
        self.assertIn("a=sendrecv", session.remote_sdp)
        self.check_modified(invitation, "remote", "INVITE", 3)
        self.check(phone, "INVITE", "ACK")
        self.check_no_complaints()

    async def test_it_asks_for_an_offer(self) -> None:
        """A re-INVITE without an offer gets ours in the 200, and the ACK answers it."""
        phone = self.phone(Behaviour(talk=(Ask("INVITE"),), hangs_up_after=0.2))
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await self.until_hung_up(phone)
        offer = only(phone, "200 INVITE")
        # RFC 3261 14.2: a new offer, all that we can do, and not a hold.
        self.assertEqual(offer.direction, "sendrecv")
        self.assertGreater(offer.media_port, 0)
        self.assertGreaterEqual(
            offer.sdp_version, phone.received("INVITE")[0].sdp_version
        )
        ack = phone.sent("ACK")[0]
        self.assertIn(f"o=phone 1 {ack.sdp_version} ", session.remote_sdp)
        self.assertIn(f"o=- 1 {offer.sdp_version} ", session.local_sdp)
        self.check_no_complaints()

    async def test_update(self) -> None:
        """UPDATE changes the session too; without an offer it changes nothing."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Ask("UPDATE", direction="sendonly"),
                    Ask("UPDATE"),
                    Ask("UPDATE", direction="sendrecv"),
                ),
                hangs_up_after=0.2,
            )
        )
        service = await self.start()
        invitation = await service.invite(self.kamailio.target("single", phone))
        await invitation.established
        await self.until_hung_up(phone)
        answers = phone.received("200 UPDATE")
        self.assertEqual(
            [answer.direction for answer in answers], ["recvonly", "", "sendrecv"]
        )
        self.check_modified(invitation, "remote", "UPDATE", 2)
        self.check_no_complaints()

    async def test_early_update_while_our_offer_is_open(self) -> None:
        """An offer meets ours: 491 (RFC 3311 5.2); without one it is taken."""
        phone = self.phone(
            Behaviour(
                early=(Ask("UPDATE", direction="sendonly"), Ask("UPDATE")),
                hangs_up_after=0.2,
            )
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await self.until_hung_up(phone)
        refused, taken = (m for m in phone.received() if m.kind.endswith(" UPDATE"))
        self.assertEqual(refused.kind, "491 UPDATE")
        self.assertEqual((taken.kind, taken.body), ("200 UPDATE", ""))
        self.assertEqual((await session.ended).by, "remote")
        self.check_no_complaints()

    async def test_early_update_after_the_answer(self) -> None:
        """The one exchange is over: 488 with a Warning, and the call goes on."""
        phone = self.phone(
            Behaviour(
                EARLY_MEDIA,
                is_reliable=True,
                early=(Ask("UPDATE", direction="sendonly"), Ask("UPDATE")),
                hangs_up_after=0.2,
            )
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await self.until_hung_up(phone)
        refused, taken = (m for m in phone.received() if m.kind.endswith(" UPDATE"))
        self.assertEqual(refused.kind, "488 UPDATE")
        self.assertNotEqual(refused.get("Warning"), "")
        self.assertEqual((taken.kind, taken.body), ("200 UPDATE", ""))
        self.assertNotIn("a=sendonly", session.remote_sdp)
        self.check(phone, "INVITE", "PRACK", "ACK")
        self.check_no_complaints()

    async def test_it_cancels_its_reinvite(self) -> None:
        """While our media works on the answer: 487, and the session is what it was."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Ask("INVITE", direction="sendonly", cancel_after=0.2),
                    Ask("INVITE", direction="sendonly", after=1.0),
                ),
                hangs_up_after=0.2,
            )
        )
        media = ScriptedMedia(self.clock)
        media.react("make_answer", late(0.8), late(0.0))
        service = await self.start(media)
        session = await service.call(self.kamailio.target("single", phone))
        before = session.local_sdp, session.remote_sdp
        await self.until(lambda: bool(phone.received("487 INVITE")))
        self.assertEqual((session.local_sdp, session.remote_sdp), before)
        await self.until_hung_up(phone)
        self.assertEqual(len(phone.received("200 CANCEL")), 1)
        self.assertEqual(only(phone, "200 INVITE").direction, "recvonly")
        self.check_no_complaints()
        media.check()

    async def test_it_never_acknowledges(self) -> None:
        """Our 200 is repeated for 64*T1, and then the dialog ends by BYE (13.3.1.4)."""
        phone = self.phone(
            Behaviour(talk=(Ask("INVITE", direction="sendonly", acknowledges=False),))
        )
        service = await self.start(timers=Timers(t1=0.05))
        session = await service.call(self.kamailio.target("single", phone))
        await self.until(lambda: bool(phone.sent("200 BYE")))
        answers = phone.received("200 INVITE")
        self.assertGreater(len(answers), 3)
        self.assertEqual({answer.body for answer in answers}, {answers[0].body})
        bye = phone.received("BYE")[0]
        waited = bye.seconds - answers[0].seconds
        self.assertGreater(waited, 64 * 0.05 - 0.1)
        self.assertLess(waited, 64 * 0.05 + 1.0)
        self.assertEqual((await session.ended).by, "local")

    async def test_its_other_requests(self) -> None:
        """OPTIONS, INFO and MESSAGE are answered; what we cannot do is refused."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Ask("OPTIONS"),
                    Ask("INFO", headers=_TEXT, body="1"),
                    Ask("MESSAGE", headers=_TEXT, body="Hello"),
                    Ask("REFER", headers=("Refer-To: <sip:a@example.com>",)),
                    Ask("UNHEARDOF"),
                ),
                hangs_up_after=0.2,
            )
        )
        service = await self.start()
        invitation = await service.invite(self.kamailio.target("single", phone))
        await invitation.established
        await self.until_hung_up(phone)
        kinds = [m.kind for m in phone.received() if m.kind[0].isdigit()]
        self.assertEqual(
            kinds,
            [
                "200 OPTIONS",
                "200 INFO",
                "200 MESSAGE",
                "405 REFER",
                "501 UNHEARDOF",
                "200 BYE",
            ],
        )
        self.assertIn("UPDATE", phone.received("200 OPTIONS")[0].get("Allow"))
        self.assertIn("INVITE", phone.received("405 REFER")[0].get("Allow"))
        heard = self.events(invitation, "request-received")
        self.assertEqual([event["method"] for event in heard], ["INFO", "MESSAGE"])
        self.check_no_complaints()
