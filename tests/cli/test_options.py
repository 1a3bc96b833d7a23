"""Tests of the command line of the console script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from sipuac import __version__
from sipuac.cli import main
from sipuac.cli.options import CallOptions, Options
from tests.transport.certificates import dns, issue

PACKAGE_FOLDER = Path(__file__).resolve().parent.parent.parent
TARGET = "sip:bob@example.com"


class CallOptionsTests(SynchronousTestCase):
    """Tests of `CallOptions`."""

    def parsed(self, *arguments: str) -> CallOptions:
        """The options of `sipuac call`."""
        options = CallOptions()
        options.parseOptions(list(arguments))
        return options

    def test_defaults(self) -> None:
        """A target is all that must be given."""
        options = self.parsed(TARGET)
        self.assertEqual(options["target"], TARGET)
        arguments = options.inviter_arguments()
        self.assertIn("anonymous.invalid", arguments["identity"])
        self.assertNotIn("bind", arguments)
        self.assertTrue(arguments["media"].can_replace_answer)
        self.assertEqual(
            options.invite_arguments(),
            {
                "early_media": False,
                "without_sdp": False,
                "on_fork": None,
                "answer_timeout": 180.0,
                "session_expires": None,
                "follow_redirects": False,
            },
        )

    def test_offerless(self) -> None:
        """It lets the callees make the offers."""
        arguments = self.parsed("--offerless", TARGET).invite_arguments()
        self.assertEqual(
            (arguments["without_sdp"], arguments["early_media"]), (True, False)
        )

    def test_all_options(self) -> None:
        """Each option arrives where it has its effect."""
        sdp = self.mktemp()
        ca = issue([dns("example.com")]).write(self.mktemp()).certificate
        Path(sdp).write_text(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\n"
            "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
        )
        options = self.parsed(
            "--from", "Alice <sip:alice@example.com>", "--proxy", "sip:192.0.2.1",
            "--bind", "[::1]", "--advertise", "a.example.com", "--tls-ca", ca,
            "--early-media", "--on-fork", "follow", "--media", "single-answer",
            "--sdp", sdp, "--duration", "1.5", "--cancel-after", "2",
            "--answer-timeout", "30", "--header", "Subject: a: b", "--header",
            "X-Two:2", "--resolve", "Example.com=192.0.2.7", "--resolve",
            "b.example=2001:db8::1", "--nameserver", "192.0.2.53", "--nameserver",
            "192.0.2.53:5353", "--nameserver", "2001:db8::53", "--nameserver",
            "[2001:db8::53]", "--nameserver", "[2001:db8::53]:5353",
            "--json", "--ladder", "--session-expires", "1800",
            "--follow-redirects", TARGET,
        )  # fmt: skip
        arguments = options.inviter_arguments()
        self.assertEqual(arguments["identity"], "Alice <sip:alice@example.com>")
        self.assertEqual(arguments["proxy"], "sip:192.0.2.1")
        self.assertEqual(arguments["bind"], "::1")
        self.assertEqual(arguments["advertise"], "a.example.com")
        self.assertEqual(arguments["tls_ca"], ca)
        self.assertEqual(
            arguments["hosts"],
            {"example.com": "192.0.2.7", "b.example": "2001:db8::1"},
        )
        self.assertEqual(
            arguments["nameservers"],
            [
                ("192.0.2.53", 53),
                ("192.0.2.53", 5353),
                ("2001:db8::53", 53),
                ("2001:db8::53", 53),
                ("2001:db8::53", 5353),
            ],
        )
        self.assertFalse(arguments["media"].can_replace_answer)
        self.assertIn("192.0.2.9", str(arguments["media"].description))
        self.assertEqual(
            options.invite_arguments(),
            {
                "early_media": True,
                "without_sdp": False,
                "on_fork": "follow",
                "answer_timeout": 30.0,
                "session_expires": 1800,
                "follow_redirects": True,
            },
        )
        self.assertEqual(options["headers"], [("Subject", "a: b"), ("X-Two", "2")])
        self.assertEqual((options["duration"], options["cancel-after"]), (1.5, 2.0))
        self.assertTrue(options["json"] and options["ladder"])

    def test_wire_options(self) -> None:
        """How we are reached, who we are to TLS servers, and what holds the way."""
        files = issue([dns("example.com")]).write(self.mktemp())
        arguments = self.parsed(
            "--proxy", "sip:192.0.2.1", "--tls-cert", files.certificate,
            "--tls-key", files.private_key, "--keepalive", "25", "--keepalive-pong",
            "--learn-address", "--repeat-invite", "20", TARGET,
        ).inviter_arguments()  # fmt: skip
        self.assertEqual(arguments["tls_cert"], files.certificate)
        self.assertEqual(arguments["tls_key"], files.private_key)
        self.assertEqual(arguments["keepalive"], 25.0)
        self.assertIs(arguments["keepalive_pong"], True)
        self.assertIs(arguments["learn_address"], True)
        self.assertEqual(arguments["repeat_invite"], 20.0)
        self.assertIsNone(arguments["advertise"])

    def test_options_after_the_target(self) -> None:
        """The target may stand before, between and after the options."""
        options = self.parsed("--duration=1", TARGET, "--json", "--from", "sip:a@b.c")
        self.assertEqual(options["target"], TARGET)
        self.assertEqual(options["duration"], 1.0)
        self.assertTrue(options["json"])

    def test_offer_has_our_address(self) -> None:
        """The plain audio offer is made at the address that we were given."""
        media = self.parsed("--bind", "192.0.2.44", TARGET).inviter_arguments()["media"]
        self.assertIn("192.0.2.44", str(media.description))

    def test_refused(self) -> None:
        """Each bad value is a usage error of one line that names the option."""
        missing = self.mktemp()
        for arguments, word in (
            ([], "TARGET"),
            ([TARGET, "sip:carol@example.com"], "TARGET"),
            (["bob"], "TARGET"),
            (["http://example.com"], "TARGET"),
            (["sip:"], "TARGET"),
            (["sip:bob@example.com\r\nX: y"], "TARGET"),
            (["tel:+4930123456"], "--proxy"),
            (["--proxy", "192.0.2.1", TARGET], "--proxy"),
            (["--proxy", "tel:+49", TARGET], "--proxy"),
            (["--from", "alice", TARGET], "--from"),
            (["--from", "Alice <sip:a@b", TARGET], "--from"),
            (["--from", "sip:a@b.c\r\nX: y", TARGET], "--from"),
            (["--bind", "example.com", TARGET], "--bind"),
            (["--bind", "192.0.2.999", TARGET], "--bind"),
            (["--advertise", "a b", TARGET], "--advertise"),
            (["--advertise", "a\r\nb", TARGET], "--advertise"),
            (["--tls-ca", missing, TARGET], "--tls-ca"),
            (["--tls-ca", __file__, TARGET], "--tls-ca"),
            (["--tls-cert", missing, TARGET], "--tls-cert"),
            (["--tls-key", missing, TARGET], "--tls-cert"),
            (["--keepalive", "30", TARGET], "--proxy"),
            (["--keepalive", "0", "--proxy", "sip:192.0.2.1", TARGET], "--keepalive"),
            (["--keepalive-pong", TARGET], "--keepalive"),
            (["--repeat-invite", "0", TARGET], "--repeat-invite"),
            (["--learn-address", "--advertise", "a", TARGET], "--learn-address"),
            (["--sdp", missing, TARGET], "--sdp"),
            (["--sdp", __file__, TARGET], "--sdp"),
            (["--sdp", "/", TARGET], "--sdp"),
            (["--sdp", "a\0b", TARGET], "--sdp"),
            (["--on-fork", "panic", TARGET], "--on-fork"),
            (["--media", "opus", TARGET], "--media"),
            (["--duration", "soon", TARGET], "--duration"),
            (["--duration", "-1", TARGET], "--duration"),
            (["--duration", "nan", TARGET], "--duration"),
            (["--duration", "1e999", TARGET], "--duration"),
            (["--cancel-after", "", TARGET], "--cancel-after"),
            (["--answer-timeout", "0", TARGET], "--answer-timeout"),
            (["--session-expires", "89", TARGET], "--session-expires"),
            (["--session-expires", "1e3", TARGET], "--session-expires"),
            (["--session-expires", "9999999", TARGET], "--session-expires"),
            (["--header", "Subject", TARGET], "--header"),
            (["--header", "Sub ject: x", TARGET], "--header"),
            (["--header", ": x", TARGET], "--header"),
            (["--header", "Subject: x\r\nVia: y", TARGET], "--header"),
            (["--header", "Subject: x\nVia: y", TARGET], "--header"),
            (["--header", "Subject: x\ry", TARGET], "--header"),
            (["--header", "Subject: x\0", TARGET], "--header"),
            (["--header", "Subject\r\n: x", TARGET], "--header"),
            (["--resolve", "example.com", TARGET], "--resolve"),
            (["--resolve", "example.com=there", TARGET], "--resolve"),
            (["--resolve", "=192.0.2.1", TARGET], "--resolve"),
            *(
                (["--nameserver", server, TARGET], "--nameserver")
                for server in (
                    "",
                    "ns.example",
                    "192.0.2.53:",
                    "192.0.2.53:dns",
                    "192.0.2.53:0",
                    "192.0.2.53:65536",
                    "192.0.2.53:53:53",
                    "[::1",
                    "[::1]:",
                    "[::1]53",
                    "[]",
                )
            ),
            (["--auth-user", "me", TARGET], "--auth-user"),
            (["--offerless", "--early-media", TARGET], "--offerless"),
            (["--json=1", TARGET], "--json"),
            (["--duration"], "--duration"),
        ):
            with self.subTest(arguments=arguments):
                error = self.assertRaises(UsageError, self.parsed, *arguments)
                self.assertIn(word, str(error))


class MainTests(SynchronousTestCase):
    """Tests of `main`."""

    def output_of(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of the console script."""
        done = subprocess.run(
            [sys.executable, "-m", "sipuac.cli", *arguments],
            cwd=PACKAGE_FOLDER,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def refusal_of(self, *arguments: str) -> str:
        """The one line on standard error of a command line that is refused."""
        stderr = _Capture()
        self.patch(sys, "stderr", stderr)
        error = self.assertRaises(SystemExit, main, list(arguments))
        self.assertEqual(error.code, 2)
        self.assertEqual(stderr.text.count("\n"), 1)
        return stderr.text

    def test_usage_error_is_one_line(self) -> None:
        """A usage error is one line on standard error, status 2, no traceback."""
        self.assertEqual(
            self.refusal_of("call"),
            "sipuac call: TARGET is missing: the URI to call "
            "(see 'sipuac call --help')\n",
        )
        for arguments in (
            (),
            ("dial", TARGET),
            ("--nonsense",),
            ("call", "--header", "a: b\r\nc: d", TARGET),
            ("call", "bob\nalice"),
            ("demo", "extra"),
        ):
            with self.subTest(arguments=arguments):
                self.assertTrue(self.refusal_of(*arguments).startswith("sipuac"))

    def test_refused_before_anything_is_sent(self) -> None:
        """What cannot be is a usage error too, and nothing is on standard output."""
        status, stdout, stderr = self.output_of(
            "call", "sip:bob@127.0.0.1:9", "--on-fork", "cancel-extras", "--json"
        )
        self.assertEqual((status, stdout), (2, ""))
        self.assertEqual(stderr.count("\n"), 1)
        self.assertTrue(stderr.startswith("sipuac call: "), stderr)

    def test_own_header_is_refused(self) -> None:
        """A field that the user agent writes itself cannot be given."""
        status, stdout, stderr = self.output_of(
            "call", "sip:bob@127.0.0.1:9", "--header", "Via: x", "--json"
        )
        self.assertEqual((status, stdout, stderr.count("\n")), (2, "", 1))

    def test_help_and_version(self) -> None:
        """--help and --version print to standard output, with status 0."""
        for arguments, words in (
            (("--version",), f"sipuac {__version__}"),
            (("--help",), "call          Call somebody"),
            (("call", "--help"), "--cancel-after="),
            (("call", "--version"), f"sipuac {__version__}"),
            (("demo", "--help"), "Needs no server"),
        ):
            stdout = _Capture()
            self.patch(sys, "stdout", stdout)
            error = self.assertRaises(SystemExit, main, list(arguments))
            self.assertIn(error.code, (0, None))
            self.assertIn(words, stdout.text)

    def test_help_names_every_option(self) -> None:
        """No option of `call` is without words."""
        options = CallOptions()
        self.assertNotIn(None, options.docs.values())
        for name in options.docs:
            self.assertIn(f"--{name}", str(options))

    def test_synopsis(self) -> None:
        """The help begins with how the command is called."""
        options = Options()
        self.patch(sys, "stdout", _Capture())
        with self.assertRaises(SystemExit):
            options.parseOptions(["call", "--help"])
        self.assertTrue(
            str(options.subOptions).startswith("Usage: sipuac call [options] TARGET")
        )


class ImportTests(SynchronousTestCase):
    """Tests of what importing costs."""

    def test_no_reactor(self) -> None:
        """Importing the console script, service and demo installs no reactor."""
        code = (
            "import sys, sipuac.cli, sipuac.cli.demo, sipuac.service.tap\n"
            "print('twisted.internet.reactor' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=PACKAGE_FOLDER,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        self.assertEqual(done.stdout.strip(), "False")


class _Capture:
    """Stands in for a standard stream."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Keep the text."""
        self.text += text
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""


class ClosedOutputTests(SynchronousTestCase):
    """A reader that has read enough."""

    def test_help_into_a_closed_pipe(self) -> None:
        """Help whose reader has gone ends quietly, with status 0."""
        program = [sys.executable, "-u", "-m", "sipuac.cli", "call", "--help"]
        with subprocess.Popen(
            program, cwd=PACKAGE_FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            assert running.stdout is not None and running.stderr is not None
            running.stdout.close()
            self.assertEqual(running.stderr.read(), b"")
        self.assertEqual(running.returncode, 0)
