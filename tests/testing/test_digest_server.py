"""The server that checks answers to challenges, by answers made by hand."""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from sipuac.syntax.message import Request
from sipuac.testing.digest_server import DigestServer, Verdict, read_answer

PROTECTED = {"u": "p"}


def md5(text: str) -> str:
    """The hash that the tests make by hand."""
    return hashlib.md5(text.encode()).hexdigest()


class DigestServerTests(SynchronousTestCase):
    """What a server says to credentials."""

    def setUp(self) -> None:
        """A server that has challenged."""
        self.server = DigestServer("r", PROTECTED, opaque=None)
        self.nonce = self.server.nonce()

    def request(self, password: str = "p", **changes: str) -> Request:
        """A request with credentials that are right but for the changes."""
        ha1 = md5(f"u:r:{password}")
        ha2 = md5("BYE:sip:x")
        response = md5(f"{ha1}:{self.nonce}:00000001:c:auth:{ha2}")
        pairs = {
            "username": '"u"',
            "realm": '"r"',
            "nonce": f'"{self.nonce}"',
            "uri": '"sip:x"',
            "response": f'"{response}"',
            "qop": "auth",
            "nc": "00000001",
            "cnonce": '"c"',
        } | changes
        row = "Digest " + ", ".join(f"{name}={text}" for name, text in pairs.items())
        return Request("BYE", "sip:x", [("Authorization", row)])

    def test_right(self) -> None:
        """Right credentials are taken, once."""
        self.assertIs(self.server.verdict(self.request()), Verdict.RIGHT)
        self.assertIs(self.server.verdict(self.request()), Verdict.REPLAYED)

    def test_wrong(self) -> None:
        """A wrong password, user, uri, opaque or algorithm is wrong."""
        for request in (
            self.request("q"),
            self.request(username='"v"'),
            self.request(uri='"sip:y"'),
            self.request(opaque='"o"'),
            self.request(algorithm="SHA-256"),
        ):
            self.assertIs(self.server.verdict(request), Verdict.WRONG)

    def test_absent(self) -> None:
        """No credentials, those of another realm, and an unknown nonce are none."""
        for request in (
            Request("BYE", "sip:x", []),
            self.request(realm='"s"'),
            self.request(nonce='"n"'),
        ):
            self.assertIs(self.server.verdict(request), Verdict.ABSENT)

    def test_stale(self) -> None:
        """Right credentials with an expired nonce are stale, wrong ones are wrong."""
        self.server.expired.add(self.nonce)
        self.assertIs(self.server.verdict(self.request()), Verdict.STALE)
        self.assertIs(self.server.verdict(self.request("q")), Verdict.WRONG)

    def test_form(self) -> None:
        """Credentials that are not in the form of RFC 7616 section 3.4 are refused."""
        good = 'username="u", realm="r", nonce="n", uri="x", response="0"'
        self.assertEqual(read_answer(f"Digest {good}")["uri"], "x")
        for row in (
            f"Basic {good}",
            f'Digest {good}, nonce="n"',
            f'Digest {good}, algorithm="MD5"',
            f"Digest {good}, opaque=o",
            f"Digest {good}, nc=00000001",
            f'Digest {good}, nc=1, qop=auth, cnonce="c"',
            f"Digest {good}; x=y",
            'Digest username="u"',
        ):
            self.assertRaises(AssertionError, read_answer, row)

    def test_challenges(self) -> None:
        """A challenge for each algorithm, with one nonce, in the field of its kind."""
        server = DigestServer(
            "r", PROTECTED, algorithms=("SHA-256", "MD5"), is_proxy=True, qop=None
        )
        first, second = server.challenges(is_stale=True)
        self.assertEqual(server.status, 407)
        self.assertEqual(first[0], "Proxy-Authenticate")
        self.assertIn("algorithm=SHA-256", first[1])
        self.assertIn("algorithm=MD5", second[1])
        self.assertIn("stale=TRUE", second[1])
        self.assertNotIn("qop", second[1])
