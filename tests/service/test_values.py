"""Values of command line options that name who we are."""

from __future__ import annotations

from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from sipuac.service import values
from sipuac.syntax.uri import parse_uri
from sipuac.ua.credentials import Credentials

ALICE = parse_uri("sip:al%40ice@example.com")


class CredentialsTests(SynchronousTestCase):
    """`--auth-user` and `--password-file`."""

    def file(self, text: str = "secret\n") -> str:
        """A password file."""
        path = Path(self.mktemp())
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def test_none(self) -> None:
        """Without either there are no credentials."""
        self.assertIsNone(values.credentials(None, None, ALICE))

    def test_name(self) -> None:
        """The name is that of --auth-user, or else the user part of --from."""
        for auth_user, expected in ((None, "al@ice"), ("1001", "1001")):
            made = values.credentials(auth_user, self.file(), ALICE)
            assert isinstance(made, Credentials)
            self.assertEqual(made.username, expected)

    def test_refused(self) -> None:
        """What is of no use is one line that names the option, and no secret."""
        for arguments, start in (
            (("1001", None, ALICE), "--auth-user needs a --password-file"),
            (("", self.file(), ALICE), "--password-file needs"),
            (
                (None, self.file(), parse_uri("sip:example.com")),
                "--password-file needs",
            ),
            ((None, self.file(), parse_uri("tel:+49")), "--password-file needs"),
            ((None, self.mktemp(), ALICE), "--password-file: password file "),
            ((None, self.file("secret\nmore"), ALICE), "--password-file: password "),
            (("a\nb", self.file(), ALICE), "--auth-user: the name"),
        ):
            error = self.assertRaises(UsageError, values.credentials, *arguments)
            self.assertTrue(str(error).startswith(start), str(error))
            self.assertNotIn("secret", str(error))
            self.assertNotIn("\n", str(error))


class TargetTests(SynchronousTestCase):
    """The URI to call."""

    def test_without_scheme(self) -> None:
        """Who leaves the scheme away is told what was meant."""
        error = self.assertRaises(
            UsageError, values.target, "bob@example.com", has_proxy=True
        )
        self.assertIn("; perhaps 'sip:bob@example.com'?", str(error))
        error = self.assertRaises(
            UsageError, values.target, "mailto:bob@example.com", has_proxy=True
        )
        self.assertNotIn("perhaps", str(error))
