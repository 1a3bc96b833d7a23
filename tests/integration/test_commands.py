"""The console script, the service under twistd and the example, from outside."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from sipuac.syntax.destination import Destination
from sipuac.testing.phone import Phone
from sipuac.testing.script import answer, hang_up, reject, ring, vanish
from sipuac.transport.layer import TransportLayer
from sipuac.transport.listener import default_listeners
from tests.integration.processes import TWISTD, Program

reactor: Any = _reactor


class _Exchange(Protocol):
    """One HTTP request, and all that comes back."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.received = b""
        self.finished: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        """Send the request."""
        assert self.transport is not None
        self.transport.write(self.request)

    def dataReceived(self, data: bytes) -> None:
        """Keep what comes."""
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        """That was all."""
        self.finished.callback(self.received)


class ProgramTestCase(TestCase):
    """Tests that run programs of ours against phones in this process."""

    timeout = 40

    def run_program(self, *arguments: str) -> Program:
        """Start a program that does not outlive the test."""
        program = Program.start(reactor, *arguments)
        self.addCleanup(program.kill)
        return program

    def sipuac(self, *arguments: str) -> Program:
        """Start the console script."""
        return self.run_program("-m", "sipuac.cli", *arguments)

    async def phone(self, *steps: Any) -> tuple[Phone, str]:
        """A phone on loopback, and its URI."""
        transport = TransportLayer(reactor, default_listeners("127.0.0.1"))
        phone = Phone(transport, reactor, steps, name="desk")
        await phone.start()
        self.addCleanup(phone.stop)
        flow = await transport.connect(_nowhere())
        return phone, f"sip:desk@127.0.0.1:{flow.sent_by[1]}"


def _nowhere() -> Destination:
    return Destination("UDP", "127.0.0.1", 9, "127.0.0.1")


class DemoTests(ProgramTestCase):
    """`sipuac demo`."""

    async def test_story(self) -> None:
        """The ladder shows the forks, and the words say what became of them."""
        demo = self.sipuac("demo")
        self.assertEqual(await demo.ended, 0, demo.stderr)
        self.assertEqual(demo.stderr, "")
        lines = demo.stdout.splitlines()
        self.assertLessEqual(max(map(len, lines)), 100)
        heading = next(line for line in lines if line.split()[:1] == ["sipuac"])
        self.assertEqual(
            heading.split(), ["sipuac", "proxy", "desk", "mobile", "third"]
        )
        for text in (
            "183 sdp [a]",
            "183 sdp [b]",
            "BYE [b]",
            "CANCEL",
            "ACK [c]",
            "BYE [c]",
            "BYE [a]",
            "  =  The call with branch a lasted",
            "  b  mobile, by BYE on its early dialog",
            "  c  third, by ACK and BYE: its 200 had crossed the proxy's CANCEL",
        ):
            self.assertIn(text, demo.stdout)
        legend = [line[:5].strip() for line in lines if re.match(r"  [abc=]  ", line)]
        self.assertEqual(legend, ["a", "b", "c", "=", "b", "c"])

    async def test_offerless(self) -> None:
        """Each offer is answered in the PRACK of its fork, the crossing one in ACK."""
        demo = self.sipuac("demo", "--offerless")
        self.assertEqual(await demo.ended, 0, demo.stderr)
        self.assertEqual(demo.stderr, "")
        for text in (
            "-INVITE-",
            "PRACK sdp [a]",
            "PRACK sdp [b]",
            "ACK [a]",
            "ACK sdp [c]",
            "BYE [c]",
            "BYE [a]",
            "  =  The call with branch a lasted",
        ):
            self.assertIn(text, demo.stdout)
        self.assertNotIn("INVITE sdp", demo.stdout)

    async def test_interrupted(self) -> None:
        """Ctrl-C cancels the demo's call; what was seen is drawn, the status 130."""
        demo = self.sipuac("demo")
        await demo.wait_for("One INVITE")
        await deferLater(reactor, 0.6)
        demo.send_signal("INT")
        self.assertEqual(await demo.ended, 130, demo.stderr)
        self.assertIn("CANCEL", demo.stdout)
        self.assertNotIn("Traceback", demo.stderr)


class CallTests(ProgramTestCase):
    """`sipuac call`."""

    async def test_json(self) -> None:
        """A call of a phone that answers and hangs up: its events, status 0."""
        phone, uri = await self.phone(ring(0.1), answer(0.3), hang_up(0.3))
        call = self.sipuac("call", uri, "--json", "--ladder", "--bind", "127.0.0.1")
        self.assertEqual(await call.ended, 0, call.stderr)
        names = [json.loads(line)["event"] for line in call.stdout.splitlines()]
        self.assertEqual(
            names, ["invite-sent", "provisional", "answered", "established", "ended"]
        )
        self.assertIn("200 OK sdp [a]", call.stderr)
        self.assertTrue(phone.acked)
        self.assertEqual(phone.complaints, [])

    async def test_busy(self) -> None:
        """A phone that is busy is status 3."""
        _, uri = await self.phone(reject(0.1))
        call = self.sipuac("call", uri)
        self.assertEqual(await call.ended, 3, call.stderr)
        self.assertIn("failed: Busy (486)", call.stdout)

    async def test_interrupted(self) -> None:
        """The first Ctrl-C hangs up; the status is 130."""
        phone, uri = await self.phone(answer(0.1))
        call = self.sipuac("call", uri, "--json")
        await call.wait_for("established")
        call.send_signal("INT")
        self.assertEqual(await call.ended, 130, call.stderr)
        self.assertTrue(phone.byed)
        self.assertEqual(json.loads(call.stdout.splitlines()[-1])["by"], "local")

    async def test_interrupted_twice(self) -> None:
        """The second Ctrl-C leaves at once."""
        _, uri = await self.phone()
        call = self.sipuac("call", uri, "--json")
        await call.wait_for("invite-sent")
        call.send_signal("INT")
        await call.wait_for("cancelling")
        call.send_signal("INT")
        self.assertEqual(await call.ended, 130, call.stderr)
        self.assertEqual(json.loads(call.stdout.splitlines()[-1])["event"], "failed")

    async def test_no_way(self) -> None:
        """A name that is nowhere is status 6, with a last line that says so."""
        call = self.sipuac(
            "call", "sip:bob@127.0.0.1:9;transport=tcp", "--json", "--bind", "127.0.0.1"
        )
        self.assertEqual(await call.ended, 6, call.stderr)
        self.assertEqual(json.loads(call.stdout)["error"], "TransportFailed")


class ServiceTests(ProgramTestCase):
    """`twistd sipuac`."""

    async def ask(self, path: str, method: str, target: str, body: bytes = b"") -> Any:
        """A request over the service's unix socket; the body of the answer."""
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        exchange = _Exchange(head.encode("ascii") + body)
        await connectProtocol(UNIXClientEndpoint(reactor, path), exchange)
        return json.loads((await exchange.finished).partition(b"\r\n\r\n")[2])

    async def service(self, *arguments: str) -> tuple[Program, str]:
        """The service, and its unix socket, which is short enough for the system."""
        folder = tempfile.mkdtemp(prefix="sipuac")
        self.addCleanup(shutil.rmtree, folder)
        path = f"{folder}/http"
        service = self.run_program(
            *TWISTD, "sipuac", "--http", f"unix:{path}", *arguments
        )
        await service.wait_for("Site")
        await deferLater(reactor, 0.2)
        return service, path

    async def stopped_by(self, *signals: str) -> Program:
        """A service that got these signals while a call stood; the last ends it."""
        phone, uri = await self.phone(answer(0.1))
        service, path = await self.service()
        placed = await self.ask(
            path, "POST", "/v1/calls", json.dumps({"to": uri}).encode("ascii")
        )
        await deferLater(reactor, 0.5)
        call = await self.ask(path, "GET", placed["location"])
        self.assertEqual(call["state"], "Established")
        for signal in signals[:-1]:
            service.send_signal(signal)
            await deferLater(reactor, 0.3)
            self.assertFalse(phone.byed)
        service.send_signal(signals[-1])
        await service.ended
        self.assertTrue(phone.byed)
        self.assertTrue(phone.is_idle)
        self.assertNotIn("Traceback", service.stdout + service.stderr)
        return service

    async def test_sigterm(self) -> None:
        """SIGTERM hangs up what stands."""
        await self.stopped_by("TERM")

    async def test_sighup(self) -> None:
        """SIGHUP of a daemon reads the certificates again, and calls go on."""
        service = await self.stopped_by("HUP", "TERM")
        self.assertIn("certificates are read again", service.stdout + service.stderr)

    async def test_second_signal(self) -> None:
        """The second signal does not wait for a call that nobody ends."""
        _, uri = await self.phone(answer(0.1), vanish(0.4))
        service, path = await self.service("--drain", "30")
        await self.ask(
            path, "POST", "/v1/calls", json.dumps({"to": uri}).encode("ascii")
        )
        await deferLater(reactor, 0.5)
        service.send_signal("TERM")
        await service.wait_for("stopping")
        health = await self.ask(path, "GET", "/healthz")
        self.assertEqual(health["status"], "draining")
        service.send_signal("TERM")
        await service.ended
        self.assertNotIn("Traceback", service.stdout + service.stderr)

    async def test_demo(self) -> None:
        """With --demo a forked call can be placed over HTTP, without any server."""
        service, path = await self.service(
            "--demo", "--early-media", "--media", "single-answer"
        )
        found = re.search(r"demo: call (sip:\S+)", service.stdout)
        assert found is not None
        placed = await self.ask(
            path, "POST", "/v1/calls", json.dumps({"to": found[1]}).encode("ascii")
        )
        await deferLater(reactor, 2.6)
        await self.ask(path, "DELETE", placed["location"])
        await deferLater(reactor, 0.5)
        call = await self.ask(path, "GET", placed["location"])
        self.assertEqual(call["state"], "Terminated")
        self.assertEqual(call["outcome"]["event"], "ended")
        self.assertEqual(len(call["branches"]), 3)
        ended = [e["to_tag"] for e in call["events"] if e["event"] == "extra-ended"]
        self.assertEqual(len(ended), 2)
        service.send_signal("INT")
        await service.ended
        self.assertNotIn("Traceback", service.stdout + service.stderr)

    async def test_port_is_taken(self) -> None:
        """A port that is taken ends the start: one line says so, status 1."""
        _, uri = await self.phone()
        port = uri.rpartition(":")[2]
        service = self.run_program(
            *TWISTD, "sipuac", "--listen", f"udp:{port}:interface=127.0.0.1"
        )
        self.assertEqual(await service.ended, 1)
        self.assertIn("cannot start: ", service.stdout)
        self.assertNotIn("Traceback", service.stdout + service.stderr)

    async def test_usage(self) -> None:
        """A bad option prints the usage and the reason, status 1."""
        service = self.run_program(*TWISTD, "sipuac", "--listen", "sctp:5060")
        self.assertEqual(await service.ended, 1)
        self.assertIn("--listen: cannot listen on 'sctp:5060'", service.stdout)
        self.assertNotIn("Traceback", service.stdout + service.stderr)


class ExampleTests(ProgramTestCase):
    """The examples."""

    async def test_embedding(self) -> None:
        """The example places a call and hangs up, in 25 lines at most."""
        example = self.run_program("examples/embedding.py")
        self.assertEqual(await example.ended, 0, example.stderr)
        self.assertIn("Ended(by='local'", example.stdout)
