"""Credentials in the later requests of a call."""

from __future__ import annotations

from collections.abc import Iterable

from sipuac.errors import (
    AuthenticationProblem,
)
from sipuac.syntax.digest import ServerProof
from sipuac.syntax.message import Request
from sipuac.testing.digest_server import DigestServer, Verdict, read_answer
from sipuac.ua.authenticator import (
    MAX_ROUNDS,
    MAX_SESSIONS,
)
from sipuac.ua.credentials import (
    fixed_credentials,
)
from tests.transaction.messages import request_of, response_of
from tests.ua.authentication import (
    ALICE,
    AuthenticatorTestCase,
    proxy,
    registrar,
)


class DialogTests(AuthenticatorTestCase):
    """Later requests of the same call."""

    def test_preemptive(self) -> None:
        """Credentials are "in all subsequent requests that contain the same Call-ID",
        with the next nonce count, over the method and the Request-URI of each
        (3261-22.3-b, 7616-3.4-c).
        """
        first, second = proxy(), registrar()
        self.assertEqual(self.later("OPTIONS"), request_of("OPTIONS"))
        request = self.retry(self.invite, first.challenges())
        request = self.retry(request, second.challenges(), 401)
        self.assertIs(second.verdict(request), Verdict.RIGHT)
        for method in ("PRACK", "UPDATE", "BYE"):
            request = self.later(method)
            self.assertIs(first.verdict(request), Verdict.RIGHT)
            self.assertIs(second.verdict(request), Verdict.RIGHT)

    def test_worked_before(self) -> None:
        """Credentials that worked are used again for the next request there
        (3261-22.2-b): the next REGISTER needs no challenge.
        """
        server = registrar()
        self.retry(request_of("REGISTER"), server.challenges(), 401)
        for _ in range(3):
            self.assertIs(server.verdict(self.later("REGISTER")), Verdict.RIGHT)

    def test_across_calls(self) -> None:
        """Proxy credentials are never used for another call: its authenticator starts
        with none (3261-22.3-b).
        """
        self.retry(self.invite, proxy().challenges())
        other = self.make(fixed_credentials(ALICE))
        self.assertEqual(other.preemptive(self.invite), [])

    def test_preemptive_and_challenged(self) -> None:
        """A server that wants a new nonce for every request may not say so: credentials
        that nobody had asked for are not refused by its next challenge, unless with the
        same nonce; those after it are (3261-22.1-b).
        """
        for qop in ("auth", None):
            self.setUp()
            server = registrar(qop=qop)
            self.retry(self.invite, server.challenges(), 401)
            update = self.later("UPDATE")
            update = self.retry(update, server.challenges(), 401)
            self.assertIs(server.verdict(update), Verdict.RIGHT)
            rows = server.challenges()
            self.failure(update, rows, AuthenticationProblem.REFUSED, 401)

    def test_preemptive_and_refused(self) -> None:
        """The same nonce once more, and not stale, is a refusal of the credentials."""
        server = registrar()
        rows = server.challenges()
        self.retry(self.invite, rows, 401)
        update = self.later("UPDATE")
        self.failure(update, rows, AuthenticationProblem.REFUSED, 401)

    def test_preemptive_and_the_same(self) -> None:
        """So it is where the credentials are the same, letter by letter, as those that
        answered the last challenge: they have no nonce count.
        """
        server = registrar(qop=None)
        first = self.retry(request_of("REGISTER"), server.challenges(), 401)
        again = self.later("REGISTER")
        self.assertEqual(again.get("Authorization"), first.get("Authorization"))
        again = self.retry(again, server.challenges(), 401)
        self.assertIs(server.verdict(again), Verdict.RIGHT)

    def test_same_nonce_of_another_realm(self) -> None:
        """A nonce belongs to its realm: another realm's may happen to be the same."""
        for realm, count in (("a", 1), ("b", 2)):
            row = f'Digest realm="{realm}", nonce="n", qop="auth"'
            request = self.later("UPDATE")
            request = self.retry(request, [("Proxy-Authenticate", row)])
            answers = request.get_all("Proxy-Authorization")
            self.assertEqual(len(answers), count)

    def test_carried_and_challenged(self) -> None:
        """A proxy that has passed the request on, and then wants another nonce for the
        same request, gets it once.
        """
        first, second = proxy("a"), proxy("b")
        request = self.retry(self.invite, first.challenges())
        request = self.retry(request, second.challenges())
        request = self.retry(request, first.challenges())
        self.assertIs(first.verdict(request), Verdict.RIGHT)
        self.assertIs(second.verdict(request), Verdict.RIGHT)
        rows = first.challenges()
        self.failure(request, rows, AuthenticationProblem.REFUSED)

    def test_long_call(self) -> None:
        """Hours of session refreshes, each with a stale nonce, are no endless loop."""
        server = registrar()
        self.retry(self.invite, server.challenges(), 401)
        for _ in range(5 * MAX_ROUNDS):
            update = self.later("UPDATE")
            update = self.retry(update, server.challenges(is_stale=True), 401)
            self.assertIs(server.verdict(update), Verdict.RIGHT)

    def test_bounded(self) -> None:
        """However many realms come along, so many are remembered; the latest are."""
        for number in range(3 * MAX_SESSIONS + 5):
            request = request_of("OPTIONS")
            self.retry(request, proxy(f"r{number}").challenges())
        rows = self.later("BYE").get_all("Proxy-Authorization")
        self.assertEqual(len(rows), MAX_SESSIONS)
        self.assertEqual(read_answer(rows[-1])["realm"], f"r{number}")
        self.assertLess(len(self.authenticator.memory.tries), 3 * MAX_SESSIONS)
        self.assertLess(len(self.authenticator.memory.credentials), 3 * MAX_SESSIONS)

    def test_latest_challenge_is_remembered(self) -> None:
        """A realm that challenges again is none of the oldest any more."""
        servers = [proxy(f"r{number}") for number in range(MAX_SESSIONS + 1)]
        for server in [*servers[:-1], servers[0], servers[-1]]:
            self.retry(request_of("OPTIONS"), server.challenges(is_stale=True))
        answers = self.later("BYE").get_all("Proxy-Authorization")
        realms = [read_answer(row)["realm"] for row in answers]
        self.assertEqual(len(realms), MAX_SESSIONS)
        self.assertIn("r0", realms)
        self.assertNotIn("r1", realms)

    def test_many_servers_of_one_realm(self) -> None:
        """So it is where the challenges of several realms come together."""
        for realm in ("a", "b", "c"):
            servers = [proxy(realm, name=str(number)) for number in range(10)]
            rows = [row for server in servers for row in server.challenges()]
            self.retry(request_of("OPTIONS"), rows)
        answers = self.later("BYE").get_all("Proxy-Authorization")
        self.assertEqual([read_answer(row)["realm"] for row in answers], ["c"] * 10)

    def test_rounds_of_requests_at_a_time(self) -> None:
        """Two requests at a time, each with many stale challenges, both come to an
        end.
        """
        servers = [proxy(f"r{number}") for number in range(MAX_SESSIONS)]
        requests = [request_of("INFO"), request_of("UPDATE")]
        for _ in range(MAX_ROUNDS):
            rows = [row for s in servers for row in s.challenges(is_stale=True)]
            requests = [self.retry(request, rows) for request in requests]
        for request in requests:
            rows = [row for s in servers for row in s.challenges(is_stale=True)]
            self.failure(request, rows, AuthenticationProblem.TOO_MANY)

    def test_used_up_nonce(self) -> None:
        """A nonce whose count has no number left is not used."""
        self.retry(self.invite, proxy().challenges())
        (sessions,) = self.authenticator.memory.sessions.values()
        sessions[0]._count = 2**32 - 1
        self.assertEqual(self.authenticator.preemptive(request_of("BYE")), [])


class LearnTests(AuthenticatorTestCase):
    """Authentication-Info of a 2xx."""

    def accepted(self, server: DigestServer) -> Request:
        """A request that this server has accepted."""
        request = self.retry(self.invite, server.challenges(), server.status)
        self.assertIs(server.verdict(request), Verdict.RIGHT)
        return request

    def learn(
        self, request: Request, rows: Iterable[tuple[str, str]], status: int = 200
    ) -> ServerProof:
        """What a response with these rows says."""
        response = response_of(request, status).with_headers(rows)
        return self.authenticator.learn(request, response)

    def test_nextnonce(self) -> None:
        """The nextnonce of a 2xx is used for the next request, once, however often the
        2xx comes; rspauth is checked (7616-3.5-a).
        """
        for server, field in (
            (registrar(), "Authorization"),
            (proxy(), "Proxy-Authorization"),
        ):
            self.setUp()
            request = self.accepted(server)
            following = server.nonce()
            rows = [server.proof(request, nextnonce=following)]
            for count in ("00000001", "00000002", "00000003"):
                self.assertIs(self.learn(request, rows), ServerProof.RIGHT)
                later = self.later("UPDATE")
                answer = read_answer(later.get(field) or "")
                self.assertEqual((answer["nonce"], answer["nc"]), (following, count))
                self.assertIs(server.verdict(later), Verdict.RIGHT)

    def test_nextnonce_without_nonce_count(self) -> None:
        """So it is with a server of RFC 2069 (7616-3.5-a)."""
        server = registrar(qop=None)
        request = self.accepted(server)
        rows = [server.proof(request, nextnonce=server.nonce())]
        self.assertIs(self.learn(request, rows), ServerProof.RIGHT)
        self.assertIs(self.learn(request, rows), ServerProof.ABSENT)
        later = self.later("UPDATE")
        self.assertNotEqual(later.get("Authorization"), request.get("Authorization"))
        self.assertIs(server.verdict(later), Verdict.RIGHT)

    def test_whom_it_is_for(self) -> None:
        """With several answers of one kind in the request, the cnonce says which server
        speaks; without one nobody is meant.
        """
        first, second = proxy("a"), proxy("b")
        rows = [*first.challenges(), *second.challenges()]
        request = self.retry(self.invite, rows)
        self.assertIs(first.verdict(request), Verdict.RIGHT)
        self.assertIs(second.verdict(request), Verdict.RIGHT)
        proof = second.proof(request, nextnonce="x")
        self.assertIs(self.learn(request, [proof]), ServerProof.RIGHT)
        nameless = ("Proxy-Authentication-Info", 'nextnonce="y"')
        self.assertIs(self.learn(request, [nameless]), ServerProof.ABSENT)
        nonces = [
            read_answer(row)["nonce"]
            for row in self.later("BYE").get_all("Proxy-Authorization")
        ]
        self.assertNotIn("y", nonces)
        self.assertEqual(nonces[1], "x")
        self.assertNotEqual(nonces[0], "x")

    def test_nextnonce_alone(self) -> None:
        """The example of RFC 3261 section 20.6 has nothing but a nextnonce."""
        request = self.accepted(registrar())
        rows = [("Authentication-Info", 'nextnonce="47364c23432d2e131a5fb210812c"')]
        self.assertIs(self.learn(request, rows), ServerProof.ABSENT)
        text = self.later("BYE").get("Authorization") or ""
        self.assertEqual(read_answer(text)["nonce"], "47364c23432d2e131a5fb210812c")

    def test_wrong_proof(self) -> None:
        """A server that does not know the secret is told apart (7616-3.5-a)."""
        server = registrar()
        request = self.accepted(server)
        field, text = server.proof(request, nextnonce="evil")
        wrong = (field, text.replace('rspauth="', 'rspauth="0'))
        self.assertIs(self.learn(request, [wrong]), ServerProof.WRONG)
        text = self.later("BYE").get("Authorization") or ""
        self.assertNotEqual(read_answer(text)["nonce"], "evil")
        both = [(field, server.proof(request)[1]), wrong]
        self.assertIs(self.learn(request, both), ServerProof.WRONG)

    def test_nothing_learned(self) -> None:
        """Other responses than 2xx, requests without our credentials, fields that
        nobody can read, and answers of a session that is over say nothing.
        """
        server = registrar()
        request = self.accepted(server)
        proof = server.proof(request)
        self.assertIs(self.learn(request, [proof], 180), ServerProof.ABSENT)
        self.assertIs(self.learn(request, [proof], 486), ServerProof.ABSENT)
        self.assertIs(self.learn(self.invite, [proof]), ServerProof.ABSENT)
        own = self.invite.with_headers([("Authorization", 'Digest a="')])
        self.assertIs(self.learn(own, [proof]), ServerProof.ABSENT)
        for text in ('"', "x" * 2**20, "", "rspauth"):
            rows = [("Authentication-Info", text)]
            self.assertIs(self.learn(request, rows), ServerProof.ABSENT)
        self.retry(request, server.challenges(is_stale=True), 401)
        self.assertIs(self.learn(request, [proof]), ServerProof.ABSENT)
