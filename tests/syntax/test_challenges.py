"""Reading WWW-Authenticate and Proxy-Authenticate."""

from __future__ import annotations

import hashlib
import random
import time

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError, ParseError
from sipuac.syntax.challenges import (
    AUTH,
    AUTH_INT,
    MAX_CHALLENGES,
    MAX_ROW,
    MAX_ROWS,
    Algorithm,
    DigestChallenge,
    read_challenges,
    read_parameters,
    split_challenges,
)

PLAIN = 'Digest realm="a", nonce="n"'


def digest(text: str) -> DigestChallenge:
    """The one challenge of a row."""
    (challenge,) = split_challenges(text)
    return DigestChallenge.of(challenge)


class RowTests(SynchronousTestCase):
    """One row, and what is in it."""

    def test_commas_separate_parameters(self) -> None:
        """A row is one challenge, commas and all (3261-7.3.1-c)."""
        row = 'Digest realm="a, Digest b=c", qop="auth,auth-int", nonce="n"'
        (challenge,) = split_challenges(row)
        self.assertEqual(challenge.scheme, "Digest")
        self.assertEqual(challenge.parameter("realm"), "a, Digest b=c")
        self.assertEqual(challenge.parameter("qop"), "auth,auth-int")
        self.assertEqual(challenge.parameter("nonce"), "n")

    def test_joined_rows(self) -> None:
        """Several challenges that somebody joined into one row are told apart, as a
        scheme stands in front of a parameter only where a challenge begins.
        """
        row = f'Negotiate, Basic realm="x", {PLAIN}, algorithm=MD5, Digest realm = "b"'
        found = split_challenges(row)
        self.assertEqual([one.scheme for one in found], ["Basic", "Digest", "Digest"])
        self.assertEqual([one.parameter("realm") for one in found], ["x", "a", "b"])
        self.assertEqual(found[1].parameter("algorithm"), "MD5")

    def test_white_space_and_empty_elements(self) -> None:
        """White space round equals signs and commas, and empty elements, do no harm."""
        row = ' Digest\trealm = "a" ,, nonce= "n",'
        self.assertEqual(digest(row), digest(PLAIN))

    def test_unquoted_values(self) -> None:
        """Values that ought to be quoted and are not, as some devices send them."""
        challenge = digest("Digest realm=a.example, nonce=bm9uY2U=, qop=auth,auth-int")
        self.assertEqual(challenge.realm, "a.example")
        self.assertEqual(challenge.nonce, "bm9uY2U=")
        self.assertEqual(challenge.nonce_text, '"bm9uY2U="')
        self.assertEqual(challenge.qops, (AUTH,))

    def test_garbage(self) -> None:
        """What is no challenge is a ParseError."""
        for row in (
            'realm="a", nonce="n"',
            'Digest realm="a',
            'Digest realm="a" nonce="n"',
            'Digest "a"',
            'Digest realm="a", =x',
            'Digest realm="a", b=c d',
            'Digest realm="a\r\nX: y", nonce="n"',
            'Digest realm="a\0", nonce="n"',
            '"',
        ):
            self.assertRaises(ParseError, split_challenges, row)

    def test_too_long(self) -> None:
        """A nonce or realm of a megabyte is not read."""
        for name in ("realm", "nonce", "opaque"):
            row = f'{PLAIN}, {name}="{"x" * 2**20}"'
            self.assertRaises(ParseError, split_challenges, row)

    def test_random_rows(self) -> None:
        """Whatever the row, it is read or a ParseError, and nothing is answered that
        could not be sent.
        """
        pieces = ("Digest ", "realm", "nonce", "=", '"', ",", " ", "a", "\\", "\t")
        for seed in range(3000):
            chance = random.Random(seed)
            row = "".join(chance.choices(pieces, k=chance.randint(0, 40)))
            try:
                found = split_challenges(row)
            except ParseError:
                continue
            for challenge in found:
                self.assertEqual(
                    split_challenges(str(challenge)), [challenge], f"seed {seed}"
                )

    def test_mutated_rows(self) -> None:
        """Any single character of a challenge may be another one."""
        row = f'{PLAIN}, qop="auth", algorithm=SHA-256, opaque="", stale=false'
        for index in range(len(row)):
            for character in ("", '"', "\\", ",", "=", " ", "\n", "\udcff", "é"):
                mutated = row[:index] + character + row[index + 1 :]
                challenges, ignored = read_challenges([mutated])
                self.assertTrue(challenges or ignored, mutated)

    def test_linear_time(self) -> None:
        """The longest rows take no longer than their length allows."""
        started = time.process_time()
        for piece in ("a ", "a=", "a b=", ",", " ", '"', "\\", 'a="', "a\t", "\\\\"):
            row = "Digest " + piece * ((MAX_ROWS - 7) // len(piece))
            try:
                read_parameters(row)
            except ParseError:
                continue
        self.assertLess(time.process_time() - started, 1.0)


class ChallengeTests(SynchronousTestCase):
    """What a Digest challenge asks for."""

    def test_all_parameters(self) -> None:
        """All that RFC 7616 section 3.3 names; what it does not name is ignored."""
        challenge = digest(
            'DIGEST Realm="a\\"b", domain="sip:x", NONCE="n", opaque="o\\p", '
            'stale=TRUE, algorithm=sha-256-SESS, qop="auth-int, foo ,AUTH", '
            "charset=utf-8, userhash=true, x=y"
        )
        expected = DigestChallenge(
            realm='a"b',
            nonce="n",
            algorithm=Algorithm.SHA_256,
            is_session=True,
            qops=(AUTH, AUTH_INT),
            is_stale=True,
            has_userhash=True,
            is_utf8=True,
            realm_text='"a\\"b"',
            nonce_text='"n"',
            opaque_text='"o\\p"',
            algorithm_text="sha-256-SESS",
        )
        self.assertEqual(challenge, expected)
        self.assertEqual(challenge.algorithm_name, "SHA-256-sess")

    def test_missing_algorithm(self) -> None:
        """A missing algorithm is MD5; it may be quoted or not (7616-3.3-a)."""
        challenge = digest(PLAIN)
        self.assertEqual(challenge.algorithm, Algorithm.MD5)
        self.assertFalse(challenge.is_session)
        self.assertIsNone(challenge.algorithm_text)
        for text in ('"MD5-sess"', "MD5-sess"):
            challenge = digest(f"{PLAIN}, algorithm={text}")
            self.assertTrue(challenge.is_session)
            self.assertEqual(challenge.algorithm_text, "MD5-sess")

    def test_unknown_is_ignored(self) -> None:
        """A challenge with an unknown algorithm or scheme is ignored, and one that
        cannot be read (7616-3.3-a, 8760-2.4-b).
        """
        challenges, ignored = read_challenges(
            [
                f"{PLAIN}, algorithm=SHA-1024",
                f"{PLAIN}, algorithm=AKAv1-MD5",
                'Basic realm="a"',
                "Negotiate",
                f'{PLAIN}, qop="auth-conf"',
                'Digest realm="a"',
                'Digest nonce="n"',
                f'{PLAIN}, realm="b"',
                'Digest realm="',
                f"{PLAIN}, algorithm=MD5",
            ]
        )
        self.assertEqual([one.algorithm_text for one in challenges], ["MD5"])
        self.assertEqual(len(ignored), 9)

    def test_repeated_parameter(self) -> None:
        """A parameter that stands there twice is harmless if it says the same."""
        self.assertEqual(digest(f'{PLAIN}, nonce="n"'), digest(PLAIN))
        self.assertEqual(digest(f"{PLAIN}, x=y, x=z"), digest(PLAIN))
        self.assertRaises(ParseError, digest, f'{PLAIN}, nonce="m"')

    def test_choice_of_qop(self) -> None:
        """One of the known qops is chosen, unknown ones are ignored (7616-3.4-b)."""
        both = digest(f'{PLAIN}, qop="foo, auth-int, auth"')
        self.assertEqual(both.choose_qop(), AUTH)
        self.assertEqual(both.choose_qop((AUTH_INT, AUTH)), AUTH_INT)
        self.assertEqual(both.choose_qop((AUTH_INT,)), AUTH_INT)
        integrity = digest(f'{PLAIN}, qop="auth-int"')
        self.assertEqual(integrity.choose_qop(), AUTH_INT)
        self.assertRaises(ParseError, integrity.choose_qop, (AUTH,))

    def test_no_qop(self) -> None:
        """MD5 without qop has the form of RFC 2069; "If the "qop" parameter is not
        specified, then the default value is "auth"" for what is newer (8760-2.6-a,
        3261-22.4-b).
        """
        self.assertIsNone(digest(PLAIN).choose_qop())
        self.assertIsNone(digest(f'{PLAIN}, qop=""').choose_qop())
        for name in ("MD5-sess", "SHA-256", "SHA-512-256"):
            challenge = digest(f"{PLAIN}, algorithm={name}")
            self.assertEqual(challenge.choose_qop(), AUTH, name)

    def test_bounds(self) -> None:
        """So many challenges are answered, and so many characters, and no more."""
        rows = [f'Digest realm="r{number}", nonce="n"' for number in range(100)]
        challenges, ignored = read_challenges(rows)
        self.assertEqual(len(challenges), MAX_CHALLENGES)
        self.assertEqual(ignored, ["too many challenges"])
        challenges, _ = read_challenges([", ".join(rows)])
        self.assertEqual(len(challenges), MAX_CHALLENGES)
        filler = "x" * (MAX_ROW - 100)
        rows = [f'{PLAIN}, opaque="{filler}"'] * 6
        challenges, ignored = read_challenges(rows)
        self.assertEqual(len(challenges), MAX_ROWS // len(rows[0]))
        self.assertEqual(ignored, ["too many challenges"])
        _, ignored = read_challenges(["Basic a=b"] * 1000)
        self.assertLess(len(ignored), MAX_CHALLENGES + 2)


class ParametersTests(SynchronousTestCase):
    """Parameters of credentials and of Authentication-Info."""

    def test_with_and_without_scheme(self) -> None:
        """A scheme in front of them makes no difference; the first of a name counts."""
        expected = {"a": "b c", "d": "e"}
        self.assertEqual(read_parameters('Digest A="b c", d=e, d=f'), expected)
        self.assertEqual(read_parameters('A="b c", d=e, d=f'), expected)
        self.assertRaises(ParseError, read_parameters, 'a="')
        self.assertRaises(ParseError, read_parameters, f"a={'x' * 2**20}")


class AlgorithmTests(SynchronousTestCase):
    """The hash functions."""

    def test_digests(self) -> None:
        """Digests are lower case hex: 32 digits for MD5, 64 for SHA-256 and SHA-512-256
        (8760-2.2-a).
        """
        empty = {
            Algorithm.MD5: "d41d8cd98f00b204e9800998ecf8427e",
            Algorithm.SHA_256: (
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            ),
            Algorithm.SHA_512_256: (
                "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
            ),
        }
        for algorithm, expected in empty.items():
            self.assertTrue(algorithm.is_available)
            self.assertEqual(algorithm.digest(b""), expected)
            self.assertEqual(len(expected), algorithm.digits)

    def test_absent(self) -> None:
        """Where OpenSSL has no such hash there is a clear error, and no crash."""
        self.patch(hashlib, "new", _refuse)
        self.assertFalse(Algorithm.SHA_512_256.is_available)
        error = self.assertRaises(
            LocalProtocolError, Algorithm.SHA_512_256.digest, b"secret"
        )
        self.assertEqual(
            str(error), "the OpenSSL of this Python computes no SHA-512-256"
        )


def _refuse(name: str, octets: bytes) -> None:
    raise ValueError(f"unsupported hash type {name}")
