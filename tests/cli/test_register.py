"""Tests of the one-shot registration and query: output, ends, exit statuses."""

from __future__ import annotations

import json
import signal
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from sipuac.cli.options import QueryOptions, RegisterOptions
from sipuac.cli.output import Lines
from sipuac.cli.query import OneShotQuery
from sipuac.cli.register import OneShotRegistration
from sipuac.service.inviter_service import InviterService
from sipuac.service.registerer_service import RegistererService
from sipuac.syntax.message import Request, response_to
from sipuac.syntax.parser import parse_message
from tests.cli.test_call import ClosedStream
from tests.transport.peers import FakeReactor

SERVER = ("192.0.2.5", 5060)


class CommandTestCase(SynchronousTestCase):
    """A service on a reactor in memory, with a server that the test plays."""

    def setUp(self) -> None:
        """Catch what is printed."""
        self.reactor = FakeReactor()
        self.stdout = StringIO()
        self.service = InviterService(
            "sip:caller@192.0.2.5", reactor=self.reactor, bind="192.0.2.1"
        )

    @property
    def protocol(self) -> Any:
        """The UDP socket that was opened last."""
        return self.reactor.udp_ports[-1][1]

    def sent(self) -> list[Any]:
        """All messages that were sent."""
        return [parse_message(octets) for octets, _ in self.protocol.transport.written]

    def answer(self, status: int = 200, *fields: tuple[str, str]) -> Request:
        """Answer the last request that was sent."""
        request = self.sent()[-1]
        assert isinstance(request, Request)
        rows = [*fields, ("Contact", request.get("Contact") or "")]
        response = response_to(request, status, to_tag="r", headers=rows)
        self.protocol.datagramReceived(response.render(), SERVER)
        return request

    def printed(self) -> list[dict[str, Any]]:
        """The JSON objects that were printed."""
        return [json.loads(line) for line in self.stdout.getvalue().splitlines()]


class RegisterTests(CommandTestCase):
    """Tests of `OneShotRegistration`."""

    def make(
        self, stdout: StringIO | None = None, **options: Any
    ) -> OneShotRegistration:
        """The command, with JSON output."""
        registration = RegistererService()
        registration.setServiceParent(self.service)
        output = Lines(stdout or self.stdout, is_json=True)
        return OneShotRegistration(
            self.reactor, self.service, registration, output, **options
        )

    def end(self, finished: Deferred[int]) -> int:
        """Answer the removal and take the exit status."""
        self.assertNoResult(finished)
        self.answer()
        status: int = self.successResultOf(finished)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return status

    def test_duration(self) -> None:
        """It stays for the duration, counted from the 2xx, and ends with 0."""
        finished = self.make(duration=5.0).run()
        self.answer()
        self.reactor.advance(4.9)
        self.assertEqual(len(self.sent()), 1)
        self.reactor.advance(0.2)
        self.assertEqual(self.end(finished), 0)
        self.assertEqual(
            [entry["event"] for entry in self.printed()], ["registered", "unregistered"]
        )

    def test_signal(self) -> None:
        """The first signal removes the binding, with status 128 and its number."""
        command = self.make()
        finished = command.run()
        self.answer()
        command.interrupt(signal.SIGINT)
        self.assertEqual(self.end(finished), 130)

    def test_second_signal(self) -> None:
        """The second signal leaves at once."""
        command = self.make()
        finished = command.run()
        self.answer()
        command.interrupt(signal.SIGINT)
        command.interrupt(signal.SIGINT)
        self.assertEqual(self.successResultOf(finished), 130)
        self.reactor.pump([1] * 40)

    def test_refused(self) -> None:
        """A refusal ends it, in words, with the status of its kind."""
        finished = self.make().run()
        self.answer(403)
        self.assertEqual(self.successResultOf(finished), 5)
        first = self.printed()[0]
        self.assertEqual(first["event"], "registration-failed")
        self.assertEqual(first["message"], "the registrar answered 403 Forbidden")
        # No other attempt follows, and nothing was bound that could be removed.
        self.assertIsNone(first["retry"])
        self.assertEqual(len(self.printed()), 1)

    def test_challenged(self) -> None:
        """Who has no password is told for what realm it is asked."""
        finished = self.make().run()
        self.answer(401, ("WWW-Authenticate", 'Digest realm="here", nonce="n"'))
        self.assertEqual(self.successResultOf(finished), 5)
        (entry,) = self.printed()
        self.assertEqual(
            entry["message"], "401 Unauthorized: no credentials for realm 'here'"
        )

    def test_unreachable(self) -> None:
        """Silence ends it with 6."""
        finished = self.make().run()
        self.reactor.pump([0.5] * 70)
        self.assertEqual(self.successResultOf(finished), 6)

    def test_retry(self) -> None:
        """With --retry it goes on."""
        finished = self.make(retries=True, duration=1.0).run()
        self.answer(503)
        self.assertNoResult(finished)
        self.reactor.advance(60)
        self.answer()
        self.reactor.advance(1)
        self.assertEqual(self.end(finished), 0)

    def test_nobody_reads(self) -> None:
        """Where nobody reads the output the binding is removed all the same."""
        finished = self.make(ClosedStream()).run()
        self.answer()
        self.assertIn("expires=0", self.sent()[-1].get("Contact"))
        self.answer()
        self.assertEqual(self.successResultOf(finished), 1)

    def test_words_of_a_failure(self) -> None:
        """A failure that ends it announces no other attempt."""
        registration = RegistererService()
        registration.setServiceParent(self.service)
        output = Lines(self.stdout, is_json=False)
        command = OneShotRegistration(self.reactor, self.service, registration, output)
        command.run()
        self.answer(403)
        (line,) = self.stdout.getvalue().splitlines()
        self.assertTrue(line.endswith("answered 403 Forbidden"), line)

    def test_words(self) -> None:
        """Without --json the same in words."""
        registration = RegistererService()
        registration.setServiceParent(self.service)
        output = Lines(self.stdout, is_json=False)
        command = OneShotRegistration(
            self.reactor, self.service, registration, output, retries=True
        )
        command.run()
        self.answer(500)
        self.reactor.advance(60)
        self.answer(200, ("Service-Route", "<sip:192.0.2.7;lr>"))
        self.reactor.advance(3560)
        self.answer(500)
        command.interrupt(signal.SIGINT)
        self.answer()
        text = self.stdout.getvalue()
        for words in (
            "not registered: the registrar answered 500 Server Internal Error; next",
            "over UDP for 3600 s, to be refreshed in ",
            "; calls go by <sip:192.0.2.7;lr>",
            "not refreshed: the registrar answered 500 Server Internal Error; the "
            "binding stands for now; next attempt in ",
            "no longer registered",
        ):
            self.assertIn(words, text)


class QueryTests(CommandTestCase):
    """Tests of `OneShotQuery`."""

    def ask(self, target: str = "sip:192.0.2.5") -> tuple[OneShotQuery, Deferred[int]]:
        """The command, under way."""
        command = OneShotQuery(self.service, Lines(self.stdout, is_json=True), target)
        return command, command.run()

    def test_answer(self) -> None:
        """It tells transport, certificate and answer."""
        _, finished = self.ask()
        request = self.answer(200, ("Server", "there/1"), ("Allow", "INVITE, BYE"))
        self.assertEqual(
            (request.method, request.get("Accept")), ("OPTIONS", "application/sdp")
        )
        self.assertEqual(self.successResultOf(finished), 0)
        (entry,) = self.printed()
        del entry["seconds"]
        self.assertEqual(
            entry,
            {
                "event": "options",
                "status": 200,
                "reason": "OK",
                "transport": "UDP",
                "remote": "192.0.2.5:5060",
                "certificate": "none: the way is not encrypted",
                "server": "there/1",
                "allow": ["INVITE", "BYE"],
                "supported": [],
                "accept": [],
            },
        )
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_refusals(self) -> None:
        """Another answer has the status of its kind."""
        for status, code in ((486, 3), (480, 4), (404, 5)):
            _, finished = self.ask()
            self.answer(status)
            self.assertEqual(self.successResultOf(finished), code)

    def test_silence(self) -> None:
        """Silence ends with 6, in words."""
        _, finished = self.ask()
        self.reactor.pump([0.5] * 70)
        self.assertEqual(self.successResultOf(finished), 6)
        self.assertEqual(self.printed()[0]["error"], "TransactionTimeout")

    def test_signal(self) -> None:
        """A signal ends the wait."""
        command, finished = self.ask()
        command.interrupt(signal.SIGINT)
        self.assertEqual(self.successResultOf(finished), 130)

    def test_refused_here(self) -> None:
        """What cannot be asked is refused before anything is sent."""
        command, finished = self.ask("tel:+1")
        self.successResultOf(finished)
        self.assertIn("tel", command.refusal or "")


class OptionsTests(SynchronousTestCase):
    """Tests of the command lines."""

    def test_register(self) -> None:
        """Each option arrives where it has its effect."""
        password = Path(self.mktemp())
        password.write_text("secret\n")
        password.chmod(0o600)
        options = RegisterOptions()
        options.parseOptions(
            ["--from=sip:me@example.com", "--registrar=sip:r.example.com"]
            + ["--expires=600", "--contact=sip:desk@192.0.2.7", "--instance=urn:uuid:1"]
            + ["--reg-id=1", f"--password-file={password}", "--duration=3"]
        )
        self.assertEqual(
            options.registration_arguments(),
            {
                "registrar": "sip:r.example.com",
                "contacts": ("sip:desk@192.0.2.7",),
                "expires": 600,
                "instance": "urn:uuid:1",
                "reg_id": 1,
            },
        )
        self.assertIsNotNone(options.credentials)
        self.assertNotIn("secret", repr(options.credentials))

    def test_register_refused(self) -> None:
        """One line says what is wrong."""
        for arguments, words in (
            ([], "--from is missing"),
            (["sip:a@b"], "what to register goes after --from"),
            (["--from=tel:+1"], "only a sip or sips URI"),
            (["--from=sip:a@b", "--expires=x"], "--expires: 'x' is not a whole number"),
            (["--from=sip:a@b", "--expires=0"], "expires of 0 s"),
            (["--from=sip:a@b", "--reg-id=1"], "outbound needs the URN"),
            (["--from=sip:a@b", "--contact=<<"], "unusable contact"),
            (["--from=sip:a@b", "--auth-user=x"], "needs a --password-file"),
            (["--from=sip:a@b", "--password-file=/nowhere/x"], "--password-file:"),
            (["--from=sip:b", "--password-file=/dev/null"], "needs an --auth-user"),
        ):
            options = RegisterOptions()
            error = self.assertRaises(UsageError, options.parseOptions, arguments)
            self.assertIn(words, str(error))
            self.assertNotIn("\n", str(error))

    def test_query(self) -> None:
        """One target; options may follow it."""
        options = QueryOptions()
        options.parseOptions(["sip:b@example.com", "--json"])
        self.assertEqual((options["target"], options["json"]), ("sip:b@example.com", 1))
        for arguments, words in (
            ([], "TARGET is missing"),
            (["sip:a@b", "sip:c@d"], "one TARGET only"),
            (["tel:+1"], "through a --proxy only"),
        ):
            error = self.assertRaises(
                UsageError, QueryOptions().parseOptions, arguments
            )
            self.assertIn(words, str(error))
