"""The challenges of one call, answered or not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sipuac.errors import (
    AuthenticationProblem,
    LocalProtocolError,
)
from sipuac.testing.digest_server import Verdict, read_answer
from sipuac.transaction.derived import ack_of, cancel_of
from sipuac.ua.authenticator import (
    MAX_ROUNDS,
    with_credentials,
)
from sipuac.ua.credentials import (
    Credentials,
    fixed_credentials,
)
from tests.transaction.messages import request_of, response_of
from tests.ua.authentication import (
    ALICE,
    PASSWORD,
    AuthenticatorTestCase,
    Rows,
    proxy,
    registrar,
)


class AnswerTests(AuthenticatorTestCase):
    """A challenge and its answer."""

    def test_401_and_407(self) -> None:
        """A 401 is answered with Authorization, a 407 with Proxy-Authorization
        (RFC 3261 section 22.2, 3261-22.3-a).
        """
        for server, field in (
            (registrar(), "Authorization"),
            (proxy(), "Proxy-Authorization"),
        ):
            self.setUp()
            request = self.retry(self.invite, server.challenges(), server.status)
            self.assertEqual(len(request.get_all(field)), 1)
            self.assertIs(server.verdict(request), Verdict.RIGHT)
            before = len(self.invite.header_items())
            self.assertEqual(len(request.header_items()), before + 1)

    def test_407_then_401(self) -> None:
        """A proxy challenges, then the server behind it: the next try has the answers
        for both, each with Authorization or Proxy-Authorization (3261-22.3-a).
        """
        first, second = proxy(), registrar()
        request = self.retry(self.invite, first.challenges())
        self.assertIs(first.verdict(request), Verdict.RIGHT)
        request = self.retry(request, second.challenges(), 401)
        self.assertIs(first.verdict(request), Verdict.RIGHT)
        self.assertIs(second.verdict(request), Verdict.RIGHT)
        (row,) = request.get_all("Proxy-Authorization")
        self.assertEqual(read_answer(row)["nc"], "00000002")

    def test_chain_of_proxies(self) -> None:
        """Proxies of different realms in a chain challenge one after the other."""
        proxies = [proxy(f"p{number}.example") for number in range(MAX_ROUNDS)]
        request = self.invite
        for index, server in enumerate(proxies):
            request = self.retry(request, server.challenges())
            self.assertEqual(len(request.get_all("Proxy-Authorization")), index + 1)
            for passed in proxies[: index + 1]:
                self.assertIs(passed.verdict(request), Verdict.RIGHT)

    def test_joined_by_a_forking_proxy(self) -> None:
        """A request has "an Authorization value for each WWW-Authenticate value and a
        Proxy-Authorization value for each Proxy-Authenticate value" (3261-22.3-a).
        """
        servers = [registrar("a"), registrar("b"), proxy("a"), proxy("c")]
        rows = [row for server in servers for row in server.challenges()]
        request = self.retry(self.invite, rows, 401)
        for server in servers:
            self.assertIs(server.verdict(request), Verdict.RIGHT)
        self.assertEqual(len(request.get_all("Authorization")), 2)
        self.assertEqual(len(request.get_all("Proxy-Authorization")), 2)

    def test_one_realm_of_several_servers(self) -> None:
        """A client may "supply multiple credentials ... with the same "realm"
        parameter value" (RFC 3261 section 22.3): an algorithm that comes again is that
        of another server.
        """
        servers = [
            proxy(algorithms=["SHA-256", "MD5"], name="a"),
            proxy(algorithms=["SHA-256", "MD5"], name="b"),
            proxy(name="c"),
        ]
        rows = [row for server in servers for row in server.challenges()]
        request = self.retry(self.invite, [*rows, *rows[:1], *rows[:1]])
        self.assertEqual(len(request.get_all("Proxy-Authorization")), 3)
        for server in servers:
            self.assertIs(server.verdict(request), Verdict.RIGHT)

    def test_topmost(self) -> None:
        """A client "SHOULD use the topmost header field that it supports unless a local
        policy dictates otherwise": MD5 can be forbidden (8760-2.4-a).
        """
        for order, allowed, expected in (
            (("SHA-256", "MD5"), ("MD5", "SHA-256"), "SHA-256"),
            (("MD5", "SHA-256"), ("MD5", "SHA-256"), "MD5"),
            (("MD5", "SHA-256"), ("SHA-512-256", "SHA-256"), "SHA-256"),
            (("MD5-sess", "SHA-512-256-sess"), ("SHA-512-256",), "SHA-512-256-sess"),
        ):
            self.authenticator = self.make(fixed_credentials(ALICE), allowed)
            server = proxy(algorithms=order)
            request = self.retry(self.invite, server.challenges())
            (row,) = request.get_all("Proxy-Authorization")
            self.assertEqual(read_answer(row)["algorithm"], expected)
            self.assertIs(server.verdict(request), Verdict.RIGHT)

    def test_ignored_challenges(self) -> None:
        """The client ignores "any challenge it does not understand" (8760-2.4-b)."""
        field = "Proxy-Authenticate"
        rows = [
            (field, 'Basic realm="proxy.example"'),
            (field, "garbage"),
            (field, 'Digest realm="proxy.example", nonce="n", algorithm=NEW'),
            *proxy().challenges(),
        ]
        request = self.retry(self.invite, rows)
        self.assertEqual(len(request.get_all("Proxy-Authorization")), 1)

    def test_qops(self) -> None:
        """Without auth in the challenge, or in the policy, it is auth-int over the body
        as it is sent (7616-3.4.2-a, 7616-3.4-b).
        """
        for qop, wanted, expected in (
            ("auth-int", ("auth", "auth-int"), "auth-int"),
            ("auth,auth-int", ("auth-int",), "auth-int"),
            ("auth-int,auth", ("auth", "auth-int"), "auth"),
        ):
            self.authenticator = self.make(fixed_credentials(ALICE), qops=wanted)
            server = proxy(qop=qop)
            request = self.retry(self.invite, server.challenges())
            (row,) = request.get_all("Proxy-Authorization")
            self.assertEqual(read_answer(row)["qop"], expected)
            self.assertIs(server.verdict(request), Verdict.RIGHT)

    def test_hashed_credentials(self) -> None:
        """The topmost challenge for which there is a hash is answered."""
        digits = hashlib.md5(f"alice:proxy.example:{PASSWORD}".encode()).hexdigest()
        self.authenticator = self.make(
            fixed_credentials(Credentials("alice", hashes={"MD5": digits}))
        )
        server = proxy(algorithms=("SHA-256", "MD5"))
        request = self.retry(self.invite, server.challenges())
        self.assertIs(server.verdict(request), Verdict.RIGHT)
        self.authenticator = self.make(
            fixed_credentials(Credentials("alice", hashes={"MD5": digits}))
        )
        rows = proxy(algorithms=["SHA-256"]).challenges()
        self.failure(self.invite, rows, AuthenticationProblem.NO_CREDENTIALS)

    def test_acknowledged_with_its_credentials(self) -> None:
        """The ACK will "duplicate all of the Authorization and
        Proxy-Authorization header field values that appeared in the INVITE"
        (3261-22.1-d); a CANCEL has none, and neither is asked for here.
        """
        rows = [*proxy().challenges(), *registrar().challenges()]
        request = self.retry(self.invite, rows)
        ack = ack_of(request, response_of(request, 486))
        for field in ("Authorization", "Proxy-Authorization"):
            self.assertEqual(len(ack.get_all(field)), 1)
            self.assertEqual(ack.get_all(field), request.get_all(field))
            self.assertEqual(cancel_of(request).get_all(field), [])
        self.assertEqual(self.authenticator.preemptive(ack), [])
        self.assertEqual(self.authenticator.preemptive(cancel_of(request)), [])

    def test_with_credentials(self) -> None:
        """The rows of the last try make way for those of the next."""
        old = self.invite.with_headers(
            [("Authorization", "Digest a=b"), ("proxy-authorization", "Digest c=d")]
        )
        rows = [("Authorization", "Digest e=f")]
        new = with_credentials(old, rows)
        self.assertEqual(new.get_all("Authorization"), ["Digest e=f"])
        self.assertEqual(new.get_all("Proxy-Authorization"), [])
        self.assertEqual(new.body, old.body)


class RefusalTests(AuthenticatorTestCase):
    """What is not answered, and why."""

    def test_wrong_password(self) -> None:
        """Nothing is tried again "with the credentials that have just been
        rejected", whatever the nonce (3261-22.1-b).
        """
        server = registrar()
        request = self.retry(self.invite, server.challenges(), 401)
        same = [
            ("WWW-Authenticate", row)
            for row in (
                'Digest realm="home.example", nonce='
                f'"{read_answer(request.get("Authorization") or "")["nonce"]}"',
            )
        ]
        for rows in (server.challenges(), same):
            error = self.failure(request, rows, AuthenticationProblem.REFUSED, 401)
            self.assertEqual(error.realms, ("home.example",))
            self.assertIn("'home.example' were refused", str(error))

    def test_refused_without_nonce_count(self) -> None:
        """So it is where the answers have no nonce count."""
        server = registrar(qop=None)
        request = self.retry(self.invite, server.challenges(), 401)
        rows = server.challenges()
        self.failure(request, rows, AuthenticationProblem.REFUSED, 401)

    def test_stale(self) -> None:
        """The request "may be retried if the nonce was stale": the new nonce is
        used without asking the user (3261-22.1-b).
        """
        asked = []

        def source(realm: str, method: str, uri: str) -> Credentials:
            asked.append(realm)
            return ALICE

        self.authenticator = self.make(source)
        server = registrar()
        request = self.retry(self.invite, server.challenges(), 401)
        request = self.retry(request, server.challenges(is_stale=True), 401)
        self.assertIs(server.verdict(request), Verdict.RIGHT)
        self.assertEqual(asked, ["home.example"])
        answer = read_answer(request.get("Authorization") or "")
        self.assertEqual(answer["nc"], "00000001")

    def test_no_endless_loop(self) -> None:
        """A server that calls every nonce stale, and an endless chain of proxies, are
        given up after so many rounds.
        """
        endless: list[Callable[[int], Rows]] = [
            lambda number: registrar().challenges(is_stale=True),
            lambda number: registrar(qop=None).challenges(is_stale=True),
            lambda number: registrar(f"r{number}").challenges(),
        ]
        for rows in endless:
            self.setUp()
            request = self.invite
            for number in range(MAX_ROUNDS):
                request = self.retry(request, rows(number), 401)
            self.failure(request, rows(-1), AuthenticationProblem.TOO_MANY, 401)

    def test_one_refuses_while_another_asks(self) -> None:
        """Who refused gets the same credentials no more, though others are answered."""
        bad, good = proxy("bad"), proxy("good")
        request = self.retry(self.invite, bad.challenges())
        request = self.retry(request, [*bad.challenges(), *good.challenges()])
        self.assertIs(good.verdict(request), Verdict.RIGHT)
        self.assertIs(bad.verdict(request), Verdict.ABSENT)
        rows = bad.challenges()
        self.failure(request, rows, AuthenticationProblem.REFUSED)

    def test_a_later_request_may_try_again(self) -> None:
        """A refusal is one of this request: for the next one the source is asked again
        and may know better by then.
        """
        found = [Credentials("alice", "wrong"), ALICE]
        self.authenticator = self.make(lambda realm, method, uri: found.pop(0))
        server = registrar()
        request = self.retry(request_of("REGISTER"), server.challenges(), 401)
        self.assertIs(server.verdict(request), Verdict.WRONG)
        rows = server.challenges()
        self.failure(request, rows, AuthenticationProblem.REFUSED, 401)
        request = self.later("REGISTER")
        self.assertIsNone(request.get("Authorization"))
        request = self.retry(request, server.challenges(), 401)
        self.assertIs(server.verdict(request), Verdict.RIGHT)

    def test_nothing_to_answer(self) -> None:
        """A client that cannot answer any challenge "SHOULD abandon attempts to send
        the request": nothing understood, a Basic challenge, no challenge at all,
        a forbidden algorithm or qop (8760-2.4-b,
        3261-22.4-c).
        """
        self.authenticator = self.make(
            fixed_credentials(ALICE), ["SHA-256"], qops=["auth"]
        )
        field = "Proxy-Authenticate"
        for rows, words in (
            ([], "it has no challenge"),
            ([(field, 'Basic realm="r"')], "scheme 'Basic' is not supported"),
            ([(field, "gar\0bage")], "CR, LF or NUL"),
            ([(field, f'Digest realm="{"x" * 2**20}"')], "a challenge of 10485"),
            (proxy().challenges(), "MD5 is not allowed"),
            (proxy(algorithms=["MD5-sess"]).challenges(), "MD5-sess is not allowed"),
            (proxy(algorithms=["X"]).challenges(), "algorithm 'X' is not supported"),
            (
                proxy(qop="auth-int", algorithms=["SHA-256"]).challenges(),
                "no allowed qop, only auth-int",
            ),
        ):
            error = self.failure(self.invite, rows, AuthenticationProblem.UNSUPPORTED)
            self.assertIn(words, str(error))
            self.assertLess(len(str(error)), 500)

    def test_absent_hash_function(self) -> None:
        """An algorithm that this system cannot compute is passed over, or told of."""
        new = hashlib.new

        def refuse(name: str, octets: bytes) -> object:
            if name == "sha512_256":
                raise ValueError("unsupported hash type")
            return new(name, octets)

        server = proxy(algorithms=["SHA-512-256", "SHA-256"])
        self.patch(hashlib, "new", refuse)
        request = self.retry(self.invite, server.challenges())
        self.assertIs(server.verdict(request), Verdict.RIGHT)
        rows = proxy(algorithms=["SHA-512-256"]).challenges()
        error = self.failure(self.invite, rows, AuthenticationProblem.UNSUPPORTED)
        self.assertIn("computes no SHA-512-256", str(error))

    def test_never_sent_again(self) -> None:
        """A challenge to CANCEL or ACK is not answered (3261-22.1-a)."""
        for method in ("CANCEL", "ACK"):
            rows = proxy().challenges()
            request = request_of(method)
            self.failure(request, rows, AuthenticationProblem.UNSUPPORTED)

    def test_reason_and_warning(self) -> None:
        """The failure has Reason and Warning of the response, as every failure has."""
        rows = [("Reason", "Q.850;cause=21"), ("Warning", '399 x "y"')]
        error = self.failure(self.invite, rows, AuthenticationProblem.UNSUPPORTED)
        self.assertEqual(error.reason, ("Q.850;cause=21",))
        self.assertEqual(error.warning, ('399 x "y"',))
        self.assertEqual(error.status, 407)

    def test_unusable_policy(self) -> None:
        """What nothing can be answered with is refused at once."""
        for algorithms, qops in (
            ((), ("auth",)),
            (("SHA-1",), ("auth",)),
            (("MD5",), ()),
            (("MD5",), ("auth-conf",)),
        ):
            self.assertRaises(
                LocalProtocolError, self.make, lambda r, m, u: None, algorithms, qops
            )
