"""We change the session: hold, resume, glare, refusals, and requests of ours."""

from __future__ import annotations

from sipuac.errors import SessionNotModified
from tests.integration.scenarios import Behaviour
from tests.integration.session_scenarios import SessionCase
from tests.integration.steps import Ask, Collide, Take


class CallerChangeScenarios(SessionCase):
    """All of them."""

    async def test_hold_and_resume(self) -> None:
        """Hold offers sendonly and resume sendrecv, each with the next version."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Take("INVITE", direction="recvonly"),
                    Take("INVITE", direction="sendrecv"),
                )
            ),
            "tcp",
        )
        service = await self.start()
        invitation = await service.invite(self.kamailio.target("single", phone))
        session = await invitation.established
        await session.hold()
        self.assertIn("a=sendonly", session.local_sdp)
        self.assertIn("a=recvonly", session.remote_sdp)
        await session.resume()
        self.assertNotIn("a=sendonly", session.local_sdp)
        await self.until(lambda: phone.methods().count("ACK") == 3)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE")
        first, hold, resume = phone.received("INVITE")
        self.assertEqual((hold.direction, resume.direction), ("sendonly", "sendrecv"))
        self.assertEqual(
            [m.sdp_version - first.sdp_version for m in (hold, resume)], [1, 2]
        )
        self.assertEqual([m.cseq - first.cseq for m in (hold, resume)], [1, 2])
        tag = phone.sent("200 INVITE")[0].to_tag
        for reinvite in (hold, resume):
            self.assertEqual(reinvite.to_tag, tag)
            self.assertEqual(reinvite.from_tag, first.from_tag)
            self.assertEqual(reinvite.get("Call-ID"), first.get("Call-ID"))
            self.assertTrue(reinvite.get("Contact"))
            # Through the proxy, as all requests of the dialog.
            self.assertEqual(len(reinvite.get_all("Via")), 2)
        self.check_modified(invitation, "local", "INVITE", 2)
        self.check_no_complaints()

    async def test_hold_of_an_offerless_call(self) -> None:
        """Who made the first offer does not matter for the second."""
        phone = self.phone(Behaviour(talk=(Take("INVITE", direction="recvonly"),)))
        service = await self.start()
        session = await service.call(
            self.kamailio.target("single", phone), without_sdp=True
        )
        await session.hold()
        await self.until(lambda: phone.methods().count("ACK") == 2)
        answer, hold = phone.received("ACK")[0], phone.received("INVITE")[1]
        self.assertEqual(hold.direction, "sendonly")
        self.assertEqual(hold.sdp_version, answer.sdp_version + 1)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_no_complaints()

    async def test_hold_is_refused(self) -> None:
        """After 488 the session is what it was, and the next try counts on from it."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Take("INVITE", "488 Not Acceptable Here"),
                    Take("INVITE", direction="recvonly"),
                )
            )
        )
        service = await self.start()
        invitation = await service.invite(self.kamailio.target("single", phone))
        session = await invitation.established
        before = session.local_sdp, session.remote_sdp
        failure = await self.failure_of(session.hold(), SessionNotModified)
        self.assertEqual(failure.status, 488)
        self.assertEqual((session.local_sdp, session.remote_sdp), before)
        await session.hold()
        await self.until(lambda: phone.methods().count("ACK") == 3)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE")
        self.assertEqual(len(self.events(invitation, "modification-failed")), 1)
        self.check_no_complaints()

    async def test_hold_of_a_call_that_is_gone(self) -> None:
        """481 says that the dialog is gone: it is ended by BYE (12.2.1.2)."""
        phone = self.phone(
            Behaviour(talk=(Take("INVITE", "481 Call/Transaction Does Not Exist"),))
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await self.failure_of(session.hold(), SessionNotModified)
        await self.until(lambda: bool(phone.received("BYE")))
        await session.ended
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK", "BYE")

    async def test_pending_request(self) -> None:
        """After 491 we, who made the Call-ID, wait 2.1 to 4 s and try again (14.1)."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Take("INVITE", "491 Request Pending"),
                    Take("INVITE", direction="recvonly"),
                )
            )
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await session.hold()
        refusal = phone.sent("491 INVITE")[0]
        again = phone.received("INVITE")[-1]
        self.assertGreater(again.seconds - refusal.seconds, 2.05)
        self.assertLess(again.seconds - refusal.seconds, 4.5)
        self.assertEqual(again.direction, "sendonly")
        await self.until(lambda: phone.methods().count("ACK") == 3)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "INVITE", "ACK", "INVITE", "ACK", "BYE")
        self.check_no_complaints()

    async def test_glare(self) -> None:
        """Both re-INVITEs get 491; the callee's comes first again, then ours (14.1)."""
        phone = self.phone(
            Behaviour(
                talk=(
                    Collide("sendrecv"),
                    Ask("INVITE", after=0.5, direction="sendrecv"),
                    Take("INVITE", direction="recvonly"),
                )
            )
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await session.hold()
        await self.until(lambda: phone.methods().count("ACK") == 3)
        self.assertEqual(len(phone.received("491 INVITE")), 1)
        refusal = phone.sent("491 INVITE")[0]
        theirs = phone.received("200 INVITE")[0]
        ours = phone.received("INVITE")[-1]
        self.assertEqual((theirs.direction, ours.direction), ("sendrecv", "sendonly"))
        self.assertLess(theirs.when, ours.when)
        self.assertGreater(ours.seconds - refusal.seconds, 2.05)
        self.assertLess(ours.seconds - refusal.seconds, 4.5)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_no_complaints()

    async def test_lost_ack(self) -> None:
        """Each repeated 200 to our re-INVITE gets the same ACK again."""
        phone = self.phone(
            Behaviour(talk=(Take("INVITE", direction="recvonly", ignored_acks=2),)),
            "tcp",
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        await session.hold()
        await self.until(lambda: len(phone.received("ACK")) == 4)
        _, *acks = phone.received("ACK")
        self.assertEqual({ack.cseq for ack in acks}, {2})
        self.assertEqual(len(phone.sent("200 INVITE")), 4)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check_no_complaints()

    async def test_our_requests(self) -> None:
        """INFO and MESSAGE reach the callee; what it answers is what we are told."""
        phone = self.phone(
            Behaviour(talk=(Take("INFO", "415 Unsupported Media Type"),))
        )
        service = await self.start()
        session = await service.call(self.kamailio.target("single", phone))
        text = [("Content-Type", "text/plain")]
        refusal = await session.request("INFO", text, b"1")
        self.assertEqual(refusal.status, 415)
        answer = await session.request("MESSAGE", text, b"Hello")
        self.assertEqual(answer.status, 200)
        await session.bye()
        await self.until(lambda: bool(phone.sent("200 BYE")))
        self.check(phone, "INVITE", "ACK", "INFO", "MESSAGE", "BYE")
        self.assertEqual(phone.received("INFO")[0].body, "1")
        message = phone.received("MESSAGE")[0]
        self.assertEqual(message.body, "Hello")
        self.assertEqual(message.get("Content-Type"), "text/plain")
        self.check_no_complaints()
