"""Names and passwords, and who gets to see them."""

from __future__ import annotations

import copy
import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sipuac.errors import LocalProtocolError
from sipuac.syntax.challenges import DigestChallenge, split_challenges
from sipuac.ua.credentials import (
    Credentials,
    credentials_by_realm,
    fixed_credentials,
    read_password,
)

PASSWORD = "correct horse"


def challenge_of(algorithm: str, extra: str = "") -> DigestChallenge:
    """A challenge of realm r with this algorithm."""
    row = f'Digest realm="r", nonce="n", algorithm={algorithm}{extra}'
    return DigestChallenge.of(split_challenges(row)[0])


class CredentialsTests(SynchronousTestCase):
    """A name and what proves it."""

    def test_password(self) -> None:
        """A password is hashed with name and realm, for every algorithm."""
        credentials = Credentials("u", PASSWORD)
        octets = f"u:r:{PASSWORD}".encode()
        for name, function in (
            ("MD5", "md5"),
            ("SHA-256-sess", "sha256"),
            ("SHA-512-256", "sha512_256"),
        ):
            expected = hashlib.new(function, octets).hexdigest()
            self.assertEqual(credentials.secret_for(challenge_of(name)), expected)
        self.assertEqual(credentials.username, "u")

    def test_empty_password(self) -> None:
        """A password of "" is one: that of "anonymous" (RFC 3261 section 22.1)."""
        secret = Credentials("anonymous", "").secret_for(challenge_of("MD5"))
        self.assertEqual(secret, hashlib.md5(b"anonymous:r:").hexdigest())

    def test_normalized(self) -> None:
        """charset=UTF-8 asks for Normalization Form C (RFC 7616 section 4); without it
        the password is hashed as it was given, octets that are no UTF-8 too.
        """
        credentials = Credentials("a\u0308", "o\u0308\udcff")
        for extra, octets in (
            (", charset=UTF-8", b"\xc3\xa4:r:\xc3\xb6\xff"),
            ("", b"a\xcc\x88:r:o\xcc\x88\xff"),
        ):
            self.assertEqual(
                credentials.secret_for(challenge_of("MD5", extra)),
                hashlib.md5(octets).hexdigest(),
            )

    def test_hashes(self) -> None:
        """Hashes stand in for the password, for their algorithms only."""
        md5 = hashlib.md5(f"u:r:{PASSWORD}".encode()).hexdigest()
        credentials = Credentials("u", hashes={"md5": md5.upper()})
        self.assertEqual(credentials.secret_for(challenge_of("MD5-sess")), md5)
        self.assertIsNone(credentials.secret_for(challenge_of("SHA-256")))

    def test_absent_algorithm(self) -> None:
        """Where this system lacks the hash function there is no secret."""

        def refuse(name: str, octets: bytes) -> None:
            raise ValueError("unsupported hash type")

        self.patch(hashlib, "new", refuse)
        secret = Credentials("u", PASSWORD).secret_for(challenge_of("SHA-512-256"))
        self.assertIsNone(secret)

    def test_unusable(self) -> None:
        """What cannot be sent or hashed is refused, and the error does not tell it."""
        md5 = "0" * 31 + "g"
        makers: list[Callable[[], Credentials]] = [
            lambda: Credentials("u"),
            lambda: Credentials("u", hashes={}),
            lambda: Credentials("u", PASSWORD, hashes={"MD5": "0" * 32}),
            lambda: Credentials("u\r\nX: y", PASSWORD),
            lambda: Credentials("u\0", PASSWORD),
            lambda: Credentials("\ud800", PASSWORD),
            lambda: Credentials("u", f"{PASSWORD}\ud800"),
            lambda: Credentials("u", hashes={"MD5": md5}),
            lambda: Credentials("u", hashes={"SHA-256": "0" * 32}),
            lambda: Credentials("u", hashes={"SHA-1": "0" * 40}),
        ]
        for make in makers:
            error = self.assertRaises(LocalProtocolError, make)
            for text in (str(error), repr(error), repr(error.__cause__)):
                self.assertNotIn(PASSWORD, text)
                self.assertNotIn(md5, text)

    def test_shown_to_nobody(self) -> None:
        """Neither name nor password is in its text, and it cannot be pickled
        (3261-22-a).
        """
        credentials = Credentials("bob", PASSWORD)
        for text in (repr(credentials), str(credentials), f"{[credentials]}"):
            self.assertNotIn(PASSWORD, text)
            self.assertNotIn("bob", text)
        self.assertRaises(TypeError, pickle.dumps, credentials)
        self.assertRaises(TypeError, copy.copy, credentials)
        self.assertRaises(TypeError, vars, credentials)


class SourceTests(SynchronousTestCase):
    """Sources that know all their realms."""

    def test_by_realm(self) -> None:
        """Realms are compared with regard to case; "*" is for all others."""
        alice, other = Credentials("alice", "a"), Credentials("other", "o")
        source = credentials_by_realm({"example.com": alice})
        self.assertIs(source("example.com", "INVITE", "sip:x"), alice)
        self.assertIsNone(source("Example.com", "INVITE", "sip:x"))
        self.assertIsNone(source("*", "INVITE", "sip:x"))
        source = credentials_by_realm({"example.com": alice, "*": other})
        self.assertIs(source("example.com", "INVITE", "sip:x"), alice)
        self.assertIs(source("Example.com", "INVITE", "sip:x"), other)

    def test_fixed(self) -> None:
        """One for every realm."""
        alice = Credentials("alice", "a")
        self.assertIs(fixed_credentials(alice)("any", "BYE", "sip:x"), alice)


class PasswordFileTests(SynchronousTestCase):
    """`read_password`."""

    def file(self, octets: bytes, mode: int = 0o600) -> str:
        """A file with this in it."""
        path = Path(self.mktemp())
        path.write_bytes(octets)
        path.chmod(mode)
        return str(path)

    def test_line_end(self) -> None:
        """One line end after the password is none of it; spaces are."""
        for octets in (b" pass word ", b" pass word \n", b" pass word \r\n"):
            self.assertEqual(read_password(self.file(octets)), " pass word ")

    def test_octets(self) -> None:
        """UTF-8 is read as such, and other octets are kept."""
        self.assertEqual(read_password(self.file("ä\n".encode())), "ä")
        self.assertEqual(read_password(self.file(b"\xff")), "\udcff")

    def test_not_one_line(self) -> None:
        """An empty file, one of several lines and a very long one are refused, and the
        error does not tell what is in them.
        """
        for octets in (
            b"",
            b"\n",
            b"secret\n\n",
            b"secret\nmore",
            b"secret\r",
            b"secret\0",
            b"secret" * 1000,
        ):
            path = self.file(octets)
            error = self.assertRaises(LocalProtocolError, read_password, path)
            self.assertIn(path, str(error))
            self.assertNotIn("secret", str(error))

    def test_permissions(self) -> None:
        """A file that everybody can read or that others can write is refused; one that
        its group can read is not.
        """
        for mode in (0o604, 0o644, 0o602, 0o620, 0o666):
            path = self.file(b"p", mode)
            error = self.assertRaises(LocalProtocolError, read_password, path)
            self.assertIn("chmod", str(error))
        for mode in (0o600, 0o400, 0o640, 0o440):
            self.assertEqual(read_password(self.file(b"p", mode)), "p")

    def test_unreadable(self) -> None:
        """What cannot be opened is one line that says why."""
        for path, why in (
            (self.mktemp(), "No such file or directory"),
            ("/", "Is a directory"),
            ("a\0b", "embedded null byte"),
            ("/dev/null", "it is empty"),
        ):
            error = self.assertRaises(LocalProtocolError, read_password, path)
            self.assertEqual(str(error), f"password file {path}: {why}")

    def test_pipe(self) -> None:
        """A pipe is read to its end, as of `--password-file <(pass show sip)`."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.write(writing, b"from a pipe\n")
        os.close(writing)
        self.assertEqual(read_password(f"/dev/fd/{reading}"), "from a pipe")
