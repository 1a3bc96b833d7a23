"""Calls whose requests are challenged by a proxy, by the callee, or by both."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from sipuac.errors import (
    AuthenticationFailed,
    AuthenticationProblem,
    Busy,
    Cancelled,
)
from sipuac.syntax.message import Request
from sipuac.testing.digest_server import DigestServer, Verdict
from sipuac.ua.credentials import Credentials, CredentialsSource, credentials_by_realm
from sipuac.ua.invitation import Invitation
from sipuac.ua.inviter import Inviter
from tests.ua.peer import HOST
from tests.ua.test_redirects import contacts
from tests.ua.test_retries import TOO_SMALL, Impatient, RetryTestCase

ALICE = {"alice": "secret"}


class ChallengeTestCase(RetryTestCase):
    """A caller with a name and a password at a proxy and at a registrar."""

    passwords = "secret"

    def setUp(self) -> None:
        """Give the caller its credentials."""
        super().setUp()
        self.asked: list[str] = []
        self.use(self.source)
        self.proxy = DigestServer("proxy", ALICE, is_proxy=True)
        self.callee = DigestServer("callee", ALICE)

    def source(self, realm: str, method: str, uri: str) -> Credentials:
        """The same for every realm."""
        self.asked.append(realm)
        return Credentials("alice", self.passwords)

    def use(self, source: CredentialsSource) -> None:
        """Place calls with these credentials from now on."""
        self.inviter = Inviter(
            self.endpoint,
            "sip:alice@example.invalid",
            media=self.media,
            credentials=source,
        )

    def challenge(self, *servers: DigestServer, is_stale: bool = False) -> None:
        """Challenge the last INVITE, and let the next one arrive."""
        rows: list[tuple[str, str]] = []
        for server in servers:
            rows += server.challenges(is_stale=is_stale)
        self.refuse(servers[0].status, headers=rows)

    def accepted(self, request: Request, *servers: DigestServer) -> None:
        """Every one of these accepts the credentials of the request."""
        for server in servers:
            self.assertIs(server.verdict(request), Verdict.RIGHT, server.realm)

    def standing(self, **options: Any) -> Invitation:
        """A call that the proxy has challenged, and that was answered then."""
        call = self.invite(**options)
        self.challenge(self.proxy)
        self.accepted(self.peer.last("INVITE"), self.proxy)
        self.answer(call)
        return call

    def hang_up(self, call: Invitation) -> Request:
        """Hang up; the BYE."""
        call.hangup()
        self.advance()
        return self.peer.last("BYE")


class InviteTests(ChallengeTestCase):
    """Challenges of the INVITE."""

    def test_a_proxy(self) -> None:
        """A 407 is answered with Proxy-Authorization in a new request with the next
        CSeq, the same Call-ID, To and From tag (3261-22.2-a, 3261-8.1.3.5-a,
        3261-8.1.3.5-f); the ACK of the 2xx has the same credentials
        (3261-13.2.2.4-b).
        """
        call = self.invite()
        self.challenge(self.proxy)
        first, second = self.sent()
        self.assertEqual(self.peer.methods, ["INVITE", "ACK", "INVITE"])
        self.accepted(second, self.proxy)
        for name in ("Call-ID", "From", "To", "Contact"):
            self.assertEqual(second.get_all(name), first.get_all(name), name)
        self.assertEqual(second.get("CSeq"), "2 INVITE")
        self.assertNotEqual(second.branch, first.branch)
        self.assertEqual(second.body, first.body)
        self.answer(call)
        ack = self.peer.last("ACK")
        credentials = second.get_all("Proxy-Authorization")
        self.assertEqual(ack.get_all("Proxy-Authorization"), credentials)
        self.assertEqual(ack.get("CSeq"), "2 ACK")
        self.assertEqual(
            self.retrying(call),
            [(407, "Proxy Authentication Required", "with credentials")],
        )
        self.end(call)

    def test_a_proxy_and_then_the_callee(self) -> None:
        """407, then 401: the third INVITE has the credentials of both
        (3261-22.3-a).
        """
        call = self.invite()
        self.challenge(self.proxy)
        self.challenge(self.callee)
        third = self.peer.last("INVITE")
        self.accepted(third, self.proxy, self.callee)
        self.assertEqual(third.get("CSeq"), "3 INVITE")
        self.answer(call)
        self.end(call)

    def test_several_at_once(self) -> None:
        """A forking proxy joins the challenges of its branches; all are answered
        (3261-22.3-a).
        """
        call = self.invite()
        self.challenge(self.callee, DigestServer("other", ALICE), self.proxy)
        second = self.peer.last("INVITE")
        self.accepted(second, self.callee, self.proxy)
        self.assertEqual(self.asked, ["callee", "other", "proxy"])
        self.answer(call)
        self.end(call)

    def test_a_wrong_password(self) -> None:
        """Credentials that were just refused are not sent again (3261-22.1-b)."""
        self.passwords = "wrong"
        call = self.invite()
        self.challenge(self.proxy)
        self.assertIs(self.proxy.verdict(self.peer.last("INVITE")), Verdict.WRONG)
        self.challenge(self.proxy)
        error = self.failureResultOf(call.established, AuthenticationFailed).value
        self.assertIs(error.problem, AuthenticationProblem.REFUSED)
        self.assertEqual(error.status, 407)
        self.assertEqual(len(self.sent()), 2)
        self.assertNotIn("wrong", str([event.as_dict() for event in call.events]))
        self.assert_nothing_left()

    def test_stale(self) -> None:
        """A stale nonce is replaced without asking anybody (3261-22.1-b)."""
        call = self.invite()
        self.challenge(self.proxy)
        self.challenge(self.proxy, is_stale=True)
        self.accepted(self.peer.last("INVITE"), self.proxy)
        self.assertEqual(self.asked, ["proxy"])
        self.answer(call)
        self.end(call)

    def test_no_credentials(self) -> None:
        """The failure names the realm for which there are none (3261-22.1-c)."""
        self.use(credentials_by_realm({"elsewhere": Credentials("a", "b")}))
        call = self.invite()
        self.challenge(self.proxy)
        error = self.failureResultOf(call.established, AuthenticationFailed).value
        self.assertIs(error.problem, AuthenticationProblem.NO_CREDENTIALS)
        self.assertEqual(error.realms, ("proxy",))
        self.assertEqual(call.events[-1].as_dict()["error"], "AuthenticationFailed")
        self.assert_nothing_left()

    def test_nobody_to_ask(self) -> None:
        """Without any source of credentials nothing is tried, and the realm is told."""
        self.inviter = Inviter(
            self.endpoint, "sip:alice@example.invalid", media=self.media
        )
        call = self.invite()
        self.challenge(self.proxy)
        error = self.failureResultOf(call.established, AuthenticationFailed).value
        self.assertIs(error.problem, AuthenticationProblem.NO_CREDENTIALS)
        self.assertEqual(
            str(error),
            "407 Proxy Authentication Required: no credentials for realm 'proxy'",
        )
        self.assertEqual(len(self.sent()), 1)
        self.assert_nothing_left()

    def test_basic(self) -> None:
        """A Basic challenge is not answered (3261-22.4-c)."""
        call = self.invite()
        self.refuse(401, headers=[("WWW-Authenticate", 'Basic realm="x"')])
        error = self.failureResultOf(call.established, AuthenticationFailed).value
        self.assertIs(error.problem, AuthenticationProblem.UNSUPPORTED)
        self.assertEqual(len(self.sent()), 1)
        self.assert_nothing_left()

    def test_endless_challenges(self) -> None:
        """A server that finds every nonce stale is not obeyed for ever."""
        call = self.invite()
        for _ in range(20):
            self.challenge(self.proxy, is_stale=True)
            if self.names(call)[-1] == "failed":
                break
        error = self.failureResultOf(call.established, AuthenticationFailed).value
        self.assertIs(error.problem, AuthenticationProblem.TOO_MANY)
        self.assertLess(len(self.sent()), 20)
        self.assert_nothing_left()

    def test_a_later_retry_has_credentials(self) -> None:
        """A 422 after the challenge: the third INVITE has credentials from the start,
        with the next nonce count (3261-22.3-b, 7616-3.4-c).
        """
        call = self.invite(session_expires=90)
        self.challenge(self.proxy)
        self.accepted(self.peer.last("INVITE"), self.proxy)
        self.refuse(422, headers=TOO_SMALL)
        third = self.peer.last("INVITE")
        self.assertEqual(third.get("CSeq"), "3 INVITE")
        self.accepted(third, self.proxy)
        self.assertIn("nc=00000002", third.get("Proxy-Authorization") or "")
        self.answer(call)
        self.end(call)

    def test_a_redirection(self) -> None:
        """The credentials are made anew for the new Request-URI (3261-22.4-a)."""
        call = self.invite(follow_redirects=True)
        self.challenge(self.proxy)
        self.refuse(302, headers=contacts(f"sip:bill@{HOST}"))
        third = self.peer.last("INVITE")
        self.assertEqual(third.uri_text, f"sip:bill@{HOST}")
        self.accepted(third, self.proxy)
        self.answer(call)
        self.end(call)

    def test_refused_at_one_target(self) -> None:
        """A Contact that refuses our credentials has failed; the next one is tried."""
        call = self.invite(follow_redirects=True)
        rows = contacts(f"sip:bill@{HOST}", f"sip:carol@{HOST}")
        self.refuse(302, headers=rows)
        self.refuse(401, headers=[("WWW-Authenticate", 'Basic realm="x"')])
        self.assertEqual(self.peer.last("INVITE").uri_text, f"sip:carol@{HOST}")
        self.refuse(486)
        self.failureResultOf(call.established, Busy)
        self.assert_nothing_left()

    def test_nextnonce(self) -> None:
        """Nextnonce in the 2xx is used for the next request (7616-3.5-a)."""
        call = self.invite()
        self.challenge(self.proxy)
        invite = self.peer.last("INVITE")
        self.accepted(invite, self.proxy)
        nonce = self.proxy.nonce()
        proof = self.proxy.proof(invite, nextnonce=nonce)
        body = self.peer.answer(invite, 183, sdp=True).body
        self.advance()
        proof = self.proxy.proof(invite, body, nextnonce=nonce)
        self.peer.answer(invite, 200, sdp=True, headers=[proof])
        self.advance()
        bye = self.hang_up(call)
        self.accepted(bye, self.proxy)
        self.assertIn(f'nonce="{nonce}"', bye.get("Proxy-Authorization") or "")
        self.peer.answer(bye, 200)
        self.advance()
        self.assert_nothing_left()


class SlowSourceTestCase(ChallengeTestCase):
    """A source of credentials that takes its time."""

    def setUp(self) -> None:
        """Let the source answer when the test says so."""
        super().setUp()
        self.waiting: list[Deferred[Credentials | None]] = []
        self.given_up = 0
        self.use(self.slow)

    def slow(self, realm: str, method: str, uri: str) -> Deferred[Credentials | None]:
        """Answer later."""

        def cancel(deferred: object) -> None:
            self.given_up += 1

        self.waiting.append(Deferred(cancel))
        return self.waiting[-1]


class WaitingTests(SlowSourceTestCase):
    """INVITEs whose credentials come later, or never."""

    def test_later(self) -> None:
        """The INVITE goes when the credentials are there."""
        call = self.invite()
        self.challenge(self.proxy)
        self.advance(3)
        self.assertEqual(len(self.sent()), 1)
        self.assertEqual(call.state, "Establishing")
        self.waiting[0].callback(Credentials("alice", "secret"))
        self.advance()
        self.accepted(self.peer.last("INVITE"), self.proxy)
        self.answer(call)
        self.end(call)

    def test_source_gives_up(self) -> None:
        """A source that cancels its own Deferred fails the call at once."""
        call = self.invite()
        self.challenge(self.proxy)
        self.waiting[0].cancel()
        self.advance()
        error = self.failureResultOf(call.established, AuthenticationFailed).value
        self.assertIs(error.problem, AuthenticationProblem.SOURCE_FAILED)
        self.flushLoggedErrors()
        self.assert_nothing_left()

    def test_cancelled(self) -> None:
        """Whoever cancels meanwhile sends no CANCEL, and no INVITE (3261-9.1-f)."""
        call = self.invite()
        self.challenge(self.proxy)
        call.cancel()
        self.advance()
        self.failureResultOf(call.established, Cancelled)
        self.assertEqual(self.given_up, 1)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assert_nothing_left()

    def test_cancelled_when_told(self) -> None:
        """A caller who cancels on hearing that it goes on: nothing more is sent."""
        impatient = Impatient()
        call = impatient.call = self.invite(delegate=impatient)
        self.challenge(self.proxy)
        self.waiting[0].callback(Credentials("alice", "secret"))
        self.advance()
        self.failureResultOf(call.established, Cancelled)
        self.assertEqual(self.peer.methods, ["INVITE", "ACK"])
        self.assert_nothing_left()

    def test_the_connection_closes_meanwhile(self) -> None:
        """The next INVITE goes to the same server over a new connection."""
        call = self.successResultOf(self.connected())
        self.challenge(self.proxy)
        self.network.reset(HOST)
        self.advance()
        self.waiting[0].callback(Credentials("alice", "secret"))
        self.advance()
        self.accepted(self.peer.last("INVITE"), self.proxy)
        self.answer(call)
        call.hangup()
        self.advance()
        self.peer.answer(self.peer.last("BYE"), 200)
        self.advance()
        self.assert_nothing_left()

    def connected(self) -> Deferred[Invitation]:
        """A call over TCP."""
        asked = self.inviter.invite(f"sip:bob@{HOST};transport=tcp")
        self.advance()
        return asked

    def test_the_service_stops(self) -> None:
        """The source of a BYE's credentials is told to stop as well."""
        call = self.invite()
        self.answer(call)
        self.peer.answer(self.hang_up(call), 407, headers=self.proxy.challenges())
        self.advance()
        self.assertEqual(len(self.waiting), 1)
        self.successResultOf(self.endpoint.stop())
        self.assertEqual(self.given_up, 1)
        self.assertEqual(len(self.endpoint._queue), 0)


class DialogTests(ChallengeTestCase):
    """Requests inside the dialog."""

    def test_bye_has_credentials(self) -> None:
        """Credentials go into all later requests with the same Call-ID
        (3261-22.3-b).
        """
        call = self.standing()
        bye = self.hang_up(call)
        self.accepted(bye, self.proxy)
        self.assertEqual(bye.get("CSeq"), "3 BYE")
        self.peer.answer(bye, 200)
        self.advance()
        self.successResultOf(call.done)
        self.assert_nothing_left()

    def test_bye_is_challenged(self) -> None:
        """A challenge to BYE is answered with credentials (3261-15.1.1-b), in a new
        request with the next CSeq (3261-22.2-a).
        """
        call = self.invite()
        self.answer(call)
        first = self.hang_up(call)
        self.peer.answer(first, 407, headers=self.proxy.challenges())
        self.advance()
        second = self.peer.last("BYE")
        self.accepted(second, self.proxy)
        self.assertEqual((first.get("CSeq"), second.get("CSeq")), ("2 BYE", "3 BYE"))
        self.assertNotEqual(first.branch, second.branch)
        self.assertFalse(call._done.is_set)
        self.peer.answer(second, 200)
        self.advance()
        self.successResultOf(call.done)
        self.assert_nothing_left()

    def test_bye_is_refused(self) -> None:
        """Where that fails too the dialog is over all the same."""
        self.passwords = "wrong"
        call = self.invite()
        self.answer(call)
        self.hang_up(call)
        for _ in range(2):
            bye = self.peer.last("BYE")
            self.peer.answer(bye, 407, headers=self.proxy.challenges())
            self.advance()
        self.assertEqual(self.peer.methods.count("BYE"), 2)
        self.successResultOf(call.done)
        warnings = [one for one in self.names(call) if one == "warning"]
        self.assertEqual(len(warnings), 1)
        self.assert_nothing_left()

    def test_stale_in_the_dialog(self) -> None:
        """The nonce of the INVITE has become stale until the BYE: another one."""
        call = self.standing()
        first = self.hang_up(call)
        self.peer.answer(first, 407, headers=self.proxy.challenges(is_stale=True))
        self.advance()
        second = self.peer.last("BYE")
        self.accepted(second, self.proxy)
        self.assertEqual(len(second.get_all("Proxy-Authorization")), 1)
        self.peer.answer(second, 200)
        self.advance()
        self.assert_nothing_left()

    def test_prack_is_challenged(self) -> None:
        """A PRACK that gets 401 is sent again with credentials, and the same RAck."""
        call = self.invite()
        invite = self.peer.last("INVITE")
        reliable = [("Require", "100rel"), ("RSeq", "1")]
        self.peer.answer(invite, 180, headers=reliable)
        self.advance()
        first = self.peer.last("PRACK")
        self.peer.answer(first, 401, headers=self.callee.challenges())
        self.advance()
        second = self.peer.last("PRACK")
        self.accepted(second, self.callee)
        self.assertEqual(second.get("RAck"), first.get("RAck"))
        self.assertEqual(second.get("CSeq"), "3 PRACK")
        self.peer.answer(second, 200)
        self.answer(call)
        bye = self.hang_up(call)
        self.accepted(bye, self.callee)
        self.peer.answer(bye, 200)
        self.advance()
        self.assert_nothing_left()

    def test_nextnonce_of_a_prack(self) -> None:
        """Nextnonce in the 2xx to a request in the dialog counts too
        (7616-3.5-a).
        """
        call = self.invite()
        self.challenge(self.proxy)
        reliable = [("Require", "100rel"), ("RSeq", "1")]
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 180, headers=reliable)
        self.advance()
        prack = self.peer.last("PRACK")
        self.accepted(prack, self.proxy)
        nonce = self.proxy.nonce()
        proof = self.proxy.proof(prack, nextnonce=nonce)
        self.peer.answer(prack, 200, headers=[proof])
        self.answer(call)
        bye = self.hang_up(call)
        self.accepted(bye, self.proxy)
        self.assertIn(f'nonce="{nonce}"', bye.get("Proxy-Authorization") or "")
        self.peer.answer(bye, 200)
        self.advance()
        self.assert_nothing_left()

    def test_cancel_has_none(self) -> None:
        """A CANCEL carries no credentials, and no challenge to it is answered
        (3261-22.1-a).
        """
        call = self.invite()
        self.challenge(self.proxy)
        invite = self.peer.last("INVITE")
        self.peer.answer(invite, 180)
        self.advance()
        call.cancel()
        self.advance()
        cancel = self.peer.last("CANCEL")
        self.assertIsNone(cancel.get("Proxy-Authorization"))
        self.peer.answer(cancel, 407, headers=self.proxy.challenges())
        self.advance()
        self.assertEqual(self.peer.methods.count("CANCEL"), 1)
        self.peer.answer(invite, 487)
        self.advance()
        self.failureResultOf(call.established, Cancelled)
        self.assertEqual(
            self.peer.last("ACK").get_all("Proxy-Authorization"),
            invite.get_all("Proxy-Authorization"),
        )
        self.assert_nothing_left()

    def test_calls_know_nothing_of_each_other(self) -> None:
        """Credentials are not kept across dialogs (3261-22.3-b)."""
        call = self.standing()
        self.end(call)
        call = self.invite()
        self.assertIsNone(self.peer.last("INVITE").get("Proxy-Authorization"))
        self.answer(call)
        self.end(call)
