"""Answers to Digest challenges, by the examples of the RFCs."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError
from sipuac.syntax.challenges import (
    AUTH,
    AUTH_INT,
    Algorithm,
    DigestChallenge,
    read_parameters,
    split_challenges,
)
from sipuac.syntax.digest import DigestSession, ServerProof, user_hash
from sipuac.syntax.lexical import quote
from sipuac.syntax.message import Request
from sipuac.syntax.parser import parse_message
from sipuac.testing.digest_server import DigestServer, Verdict, read_answer
from tests.transaction.messages import request_of

CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
MUFASA = (
    f'Digest realm="http-auth@example.org", qop="auth, auth-int", '
    f'nonce="{NONCE}", opaque="{OPAQUE}"'
)


def session_of(
    row: str,
    username: str = "Mufasa",
    password: str = "Circle of Life",
    cnonce: str = CNONCE,
    qop: str | None = None,
) -> DigestSession:
    """A session with the challenge of this row."""
    challenge = DigestChallenge.of(split_challenges(row)[0])
    secret = user_hash(
        challenge.algorithm,
        username,
        challenge.realm,
        password,
        is_normalized=challenge.is_utf8,
    )
    chosen = qop or challenge.choose_qop()
    return DigestSession(challenge, username, secret, cnonce, chosen)


def get(uri: str) -> Request:
    """The request of the examples."""
    return Request("GET", uri, [])


class ExampleTests(SynchronousTestCase):
    """The examples of the RFCs (7616-3.9-a)."""

    def test_rfc_7616_md5(self) -> None:
        """RFC 7616 section 3.9.1 with MD5 (7616-3.9-a, 7616-3.4.2-a)."""
        answer = session_of(f"{MUFASA}, algorithm=MD5").answer(get("/dir/index.html"))
        self.assertEqual(
            read_answer(answer),
            {
                "username": "Mufasa",
                "realm": "http-auth@example.org",
                "uri": "/dir/index.html",
                "algorithm": "MD5",
                "nonce": NONCE,
                "nc": "00000001",
                "cnonce": CNONCE,
                "qop": "auth",
                "response": "8ca523f5e9506fed4657c9700eebdbec",
                "opaque": OPAQUE,
            },
        )

    def test_rfc_7616_sha_256(self) -> None:
        """RFC 7616 section 3.9.1 with SHA-256 (7616-3.9-a, 7616-3.4.2-a)."""
        session = session_of(f"{MUFASA}, algorithm=SHA-256")
        answer = read_answer(session.answer(get("/dir/index.html")))
        self.assertEqual(
            answer["response"],
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        )
        self.assertEqual(answer["algorithm"], "SHA-256")

    def test_rfc_7616_sha_512_256(self) -> None:
        """RFC 7616 section 3.9.2 with the right SHA-512/256, and the hash of the name:
        "the client MUST calculate a hash of the username after any other hash
        calculation and include the userhash parameter" (7616-3.9-a, 7616-3.4.4-a).
        """
        row = (
            'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
            'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
            'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", '
            "charset=UTF-8, userhash=true"
        )
        cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
        # The second has its letters and marks apart: charset=UTF-8 asks to join them.
        for name in ("J\u00e4s\u00f8n Doe", "Ja\u0308s\u00f8n Doe"):
            session = session_of(row, name, "Secret, or not?", cnonce)
            answer = read_answer(session.answer(get("/doe.json")))
            self.assertEqual(
                answer["username"],
                "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
            )
            self.assertEqual(
                answer["response"],
                "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
            )
            self.assertEqual(answer["userhash"], "true")

    def test_name_in_the_clear(self) -> None:
        """The response is the same where the name is not hashed."""
        row = (
            'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
            'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", userhash=false'
        )
        cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
        session = session_of(row, "J\u00e4s\u00f8n Doe", "Secret, or not?", cnonce)
        answer = read_answer(session.answer(get("/doe.json")))
        self.assertEqual(answer["username"], "J\u00e4s\u00f8n Doe")
        self.assertEqual(
            answer["response"],
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
        )
        self.assertNotIn("userhash", answer)

    def test_rfc_2617(self) -> None:
        """RFC 2617 section 3.5 (7616-3.9-a)."""
        row = (
            'Digest realm="testrealm@host.com", qop="auth,auth-int", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
            'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        )
        session = session_of(row, password="Circle Of Life", cnonce="0a4f113b")
        answer = read_answer(session.answer(get("/dir/index.html")))
        self.assertEqual(answer["response"], "6629fae49393a05397450978507c4ef1")
        self.assertNotIn("algorithm", answer)

    def test_rfc_2069(self) -> None:
        """The example of RFC 2069 section 2.4, as its erratum corrects it: no cnonce
        and no nc (3261-22.4-b).
        """
        row = (
            'Digest realm="testrealm@host.com", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
            'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        )
        session = session_of(row, password="CircleOfLife")
        answer = read_answer(session.answer(get("/dir/index.html")))
        self.assertEqual(answer["response"], "1949323746fe6a43ef61f9606e7febea")
        self.assertEqual(
            set(answer), {"username", "realm", "nonce", "uri", "response", "opaque"}
        )


class FormTests(SynchronousTestCase):
    """How an answer is written."""

    def test_quotes(self) -> None:
        """Username, realm, nonce, uri, response, cnonce and opaque are quoted,
        algorithm, qop and nc are not, and nc has eight digits (7616-3.4-a).
        """
        answer = session_of(f"{MUFASA}, algorithm=MD5").answer(get("/"))
        for name in "username realm nonce uri response cnonce opaque".split():
            self.assertRegex(answer, f'[ ,]{name}="')
        for name in ("algorithm=MD5", "qop=auth", "nc=00000001"):
            self.assertRegex(answer, f"[ ,]{name}(,|$)")

    def test_returned_unchanged(self) -> None:
        """Opaque, nonce and realm come back as they were, escapes and odd octets
        included (7616-3.4-b).
        """
        row = 'Digest realm="a\\"\\b", nonce="\\n\udcff ", opaque="", qop="auth"'
        answer = session_of(row).answer(get("/"))
        for part in ('realm="a\\"\\b"', 'nonce="\\n\udcff "', 'opaque=""'):
            self.assertIn(f"{part},", answer + ",")

    def test_uri(self) -> None:
        """The uri is quoted, and the Request-URI as it is written (3261-22.4-a)."""
        uri = "sip:bob%20b@Biloxi.COM:5060;transport=tcp?not=kept"
        request = Request("INVITE", uri, [])
        answer = session_of(MUFASA).answer(request)
        self.assertIn(f'uri="{request.uri_text}"', answer)

    def test_name_with_quotes(self) -> None:
        """A name is quoted as the grammar wants, and hashed as it is."""
        server = DigestServer("r", {'a"b\\c': "p"})
        session = session_of(server.challenges()[0][1], 'a"b\\c', "p")
        request = request_of("INVITE")
        signed = request.with_headers([("Authorization", session.answer(request))])
        self.assertIs(server.verdict(signed), Verdict.RIGHT)

    def test_secrets_stay_inside(self) -> None:
        """Neither password nor the hash of it is in the text of a session."""
        session = session_of(MUFASA)
        secret = user_hash(
            Algorithm.MD5, "Mufasa", "http-auth@example.org", "Circle of Life"
        )
        for text in (repr(session), str(session), session.answer(get("/"))):
            self.assertNotIn("Circle", text)
            self.assertNotIn(secret, text)


class CountTests(SynchronousTestCase):
    """The nonce count (RFC 7616 section 3.4)."""

    def test_count(self) -> None:
        """The nc rises by one for each request with the nonce, from 00000001, across
        methods (7616-3.4-c).
        """
        session = session_of(MUFASA)
        methods = ("INVITE", "PRACK", "UPDATE", "BYE")
        counts = [
            read_answer(session.answer(request_of(method)))["nc"] for method in methods
        ]
        self.assertEqual(counts, ["00000001", "00000002", "00000003", "00000004"])

    def test_used_up(self) -> None:
        """There is no ninth digit."""
        session = session_of(MUFASA)
        session._count = 0xFFFFFFFE
        self.assertFalse(session.is_used_up)
        self.assertEqual(read_answer(session.answer(get("/")))["nc"], "ffffffff")
        self.assertTrue(session.is_used_up)
        self.assertRaises(LocalProtocolError, session.answer, get("/"))


class ServerTests(SynchronousTestCase):
    """A server that was written apart takes the answers."""

    def test_all_forms(self) -> None:
        """Every algorithm, -sess or not, with auth and auth-int over the body as sent,
        and with an empty body (7616-3.4.2-a, 8760-2.6-a).
        """
        for algorithm in Algorithm:
            for name in (algorithm.value, f"{algorithm.value}-sess"):
                for qop in (AUTH, AUTH_INT):
                    for body in (b"", b"v=0\r\n\xff"):
                        self.check(name, qop, body)

    def check(self, name: str, qop: str, body: bytes) -> None:
        """Three requests are taken; another body is not, if that is protected."""
        server = DigestServer("r", {"u": "p"}, algorithms=[name], qop=qop)
        session = session_of(server.challenges()[0][1], "u", "p")
        for method in ("INVITE", "INVITE", "BYE"):
            request = request_of(method, body=body)
            signed = request.with_headers([("Authorization", session.answer(request))])
            self.assertIs(server.verdict(signed), Verdict.RIGHT, (name, qop))
            self.assertIs(server.verdict(signed), Verdict.REPLAYED)
        request = request_of("INVITE", body=body)
        signed = request.with_headers([("Authorization", session.answer(request))])
        changed = signed.with_body(b"other", "text/plain")
        expected = Verdict.WRONG if qop == AUTH_INT else Verdict.RIGHT
        self.assertIs(server.verdict(changed), expected)

    def test_random(self) -> None:
        """Whatever realm, name and password, the answer survives the wire and is taken;
        another password is not.
        """
        characters = "ab\"\\,;:= é☎\t'%"
        for seed in range(300):
            chance = random.Random(seed)

            def text(chance: random.Random = chance) -> str:
                return "".join(chance.choices(characters, k=chance.randint(0, 12)))

            realm, user, password = text(), text(), text()
            name = chance.choice(list(Algorithm)).value
            server = DigestServer("r", {user: password}, algorithms=[name])
            server.realm = realm
            row = f'Digest realm={quote(realm)}, nonce="{server.nonce()}", qop="auth"'
            row += f', opaque="5ccc069c", algorithm={name}'
            for given, verdict in (
                (password, Verdict.RIGHT),
                (password + "x", Verdict.WRONG),
            ):
                session = session_of(row, user, given, cnonce="c")
                request = request_of("INVITE")
                answer = session.answer(request)
                sent = request.with_headers([("Authorization", answer)])
                received = parse_message(sent.render())
                assert isinstance(received, Request)
                self.assertIs(server.verdict(received), verdict, f"seed {seed}")


class InfoTests(SynchronousTestCase):
    """Authentication-Info (RFC 7616 section 3.5)."""

    def setUp(self) -> None:
        """A session whose first request was accepted."""
        self.begin("SHA-256", "auth")

    def begin(self, algorithm: str, qop: str | None) -> None:
        """Begin a session of this kind."""
        self.server = DigestServer("r", {"u": "p"}, algorithms=[algorithm], qop=qop)
        self.session = session_of(self.server.challenges()[0][1], "u", "p")
        self.request = self.sign()
        self.assertIs(self.server.verdict(self.request), Verdict.RIGHT)
        self.own = read_parameters(self.request.get("Authorization") or "")

    def sign(self) -> Request:
        """A request with the session's answer."""
        request = request_of("INVITE")
        answer = self.session.answer(request)
        return request.with_headers([("Authorization", answer)])

    def learn(self, text: str, body: bytes = b"") -> ServerProof:
        """What the session makes of Authentication-Info."""
        return self.session.learn(self.own, text, body)

    def test_proof(self) -> None:
        """The rspauth is checked where present, with auth, auth-int and neither
        (7616-3.5-a).
        """
        for algorithm, qop in (
            ("SHA-256", "auth"),
            ("MD5-sess", "auth-int"),
            ("MD5", None),
        ):
            self.begin(algorithm, qop)
            _, info = self.server.proof(self.request, b"body")
            self.assertIs(self.learn(info, b"body"), ServerProof.RIGHT)
            changed = ServerProof.WRONG if qop == "auth-int" else ServerProof.RIGHT
            self.assertIs(self.learn(info, b"another"), changed)
            self.assertIs(self.learn('rspauth="00"', b"body"), ServerProof.WRONG)
        self.assertIs(self.learn("x=y"), ServerProof.ABSENT)
        self.assertIs(self.learn('"'), ServerProof.ABSENT)

    def test_proof_for_another_request(self) -> None:
        """Its cnonce and nc "MUST be the ones for the client request" (7616-3.5-a)."""
        _, info = self.server.proof(self.request)
        self.assertIs(
            self.learn(info.replace("nc=00000001", "nc=00000002")), ServerProof.WRONG
        )
        self.assertIs(self.learn(info.replace(CNONCE, "other")), ServerProof.WRONG)

    def test_nextnonce(self) -> None:
        """The nextnonce is used for the next request, and its count starts over
        (7616-3.5-a, 7616-3.4-c).
        """
        self.sign()
        following = self.server.nonce()
        _, info = self.server.proof(self.request, nextnonce=following)
        self.assertIs(self.learn(info), ServerProof.RIGHT)
        self.assertEqual(self.session.nonce, following)
        request = self.sign()
        answer = read_answer(request.get("Authorization") or "")
        self.assertEqual((answer["nonce"], answer["nc"]), (following, "00000001"))
        self.assertIs(self.server.verdict(request), Verdict.RIGHT)
        self.assertIs(self.learn('nextnonce="late"'), ServerProof.ABSENT)
        self.assertEqual(self.session.nonce, following)

    def test_whose_answer(self) -> None:
        """An answer of this session is known by its cnonce; without qop, where there is
        none, by its nonce.
        """
        self.assertTrue(self.session.gave(self.own))
        self.assertFalse(self.session.gave({**self.own, "cnonce": "another"}))
        self.begin("MD5", None)
        self.assertNotIn("cnonce", self.own)
        self.assertTrue(self.session.gave(self.own))
        self.assertFalse(self.session.gave({**self.own, "nonce": "another"}))

    def test_key_of_the_session(self) -> None:
        """The key of a -sess algorithm stays that of the first nonce: "nonce-prime"
        (7616-3.4.2-a).
        """
        self.begin("SHA-256-sess", "auth")
        key = self.session._key
        self.assertIs(self.learn('nextnonce="n2"'), ServerProof.ABSENT)
        self.sign()
        self.assertEqual(self.session.nonce, "n2")
        self.assertEqual(self.session._key, key)

    def test_nextnonce_of_a_stranger(self) -> None:
        """A server that could not prove itself does not choose our nonce, and nobody
        chooses one of a megabyte or none.
        """
        nonce = self.session.nonce
        for info in (
            'rspauth="00", nextnonce="evil"',
            f'nextnonce="{"x" * 5000}"',
            f'nextnonce="{"x" * 2**20}"',
            'nextnonce=""',
            f'nextnonce="{nonce}"',
        ):
            self.learn(info)
            self.assertEqual(self.session.nonce, nonce)
        self.assertEqual(
            read_answer(self.sign().get("Authorization") or "")["nc"], "00000002"
        )
