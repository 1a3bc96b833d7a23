"""Tests of the control API, octet by octet over a connection in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from twisted.internet.testing import StringTransport

from sipuac import __version__
from sipuac.service.calls import Calls
from sipuac.service.control import MAX_BODY, control_site
from sipuac.service.requests import InviteOptions
from sipuac.testing.script import answer, early_media, ring
from tests.ua.world import CallTestCase

TARGET = "sip:bob@example.invalid"
JSON = "Content-Type: application/json\r\n"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        """The body, which is always JSON; Any, as JSON is."""
        return json.loads(self.text)


class ControlTestCase(CallTestCase):
    """The API over real calls in memory."""

    is_draining = False

    def setUp(self) -> None:
        """Serve the API."""
        super().setUp()
        numbers = iter(range(1, 10_000))
        self.calls = Calls(
            self.inviter.invite,
            self.clock,
            max_active=3,
            new_id=lambda: f"c{next(numbers)}",
        )
        options = InviteOptions({"plain": self.media}, {"early_media": False})
        self.site = control_site(
            self.calls, options, self.clock, is_draining=lambda: self.is_draining
        )

    def connection(self) -> tuple[Any, StringTransport]:
        """A new connection to the API."""
        channel = self.site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        return channel, transport

    def exchange(self, octets: bytes) -> Answer:
        """Send these octets over a connection of its own."""
        channel, transport = self.connection()
        channel.dataReceived(octets)
        return self.parsed(transport.value())

    def parsed(self, octets: bytes) -> Answer:
        """A response in its parts."""
        head, _, text = octets.partition(b"\r\n\r\n")
        first, *rows = head.decode("ascii").split("\r\n")
        headers = dict(row.split(": ", 1) for row in rows)
        return Answer(int(first.split()[1]), headers, text)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: str = JSON,
        host: str = "localhost:8080",
    ) -> Answer:
        """A request of HTTP/1.1."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}"
        if body:
            head += f"Content-Length: {len(body)}\r\n"
        return self.exchange(head.encode("utf-8") + b"\r\n" + body)

    def post(self, **entries: object) -> Answer:
        """Place a call with these keys."""
        return self.ask("POST", "/v1/calls", json.dumps(entries).encode("ascii"))

    def assertRefused(self, answer: Answer, status: int) -> None:
        """The answer is an error in JSON, of one line."""
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(list(answer.json), ["error"])
        self.assertNotIn("Traceback", answer.json["error"])
        self.assertNotIn("\n", answer.json["error"])


class CallsResourceTests(ControlTestCase):
    """Tests of `/v1/calls` and below."""

    def test_place_a_call(self) -> None:
        """POST answers 201 with the place of the call, before anybody has answered."""
        self.phone("desk", ring(0.1))
        self.ring()
        placed = self.post(to=TARGET, headers={"Subject": "Lunch"})
        self.assertEqual(placed.status, 201)
        self.assertEqual(placed.headers["Location"], "/v1/calls/c1")
        self.assertEqual(placed.json["id"], "c1")
        self.assertEqual(placed.json["location"], "/v1/calls/c1")
        self.advance(1.0)
        [invite] = self.phones[0].invites
        self.assertEqual(invite.get("Subject"), "Lunch")
        self.ask("DELETE", "/v1/calls/c1")
        self.settle()

    def test_look_at_a_call(self) -> None:
        """GET of a call has its state, every branch and its fate, and the events."""
        self.phone("desk", early_media(0.1), answer(3.0))
        self.phone("mobile", early_media(0.5))
        self.ring()
        self.post(to=TARGET, early_media=True)
        self.advance(2.0)
        answer_ = self.ask("GET", "/v1/calls/c1", headers="")
        self.assertEqual(answer_.status, 200)
        call = answer_.json
        self.assertEqual((call["state"], call["to"]), ("Establishing", TARGET))
        self.assertEqual(
            [(branch["to_tag"], branch["fate"]) for branch in call["branches"]],
            [("desk-tag1", "ringing"), ("mobile-tag1", "ended as an extra")],
        )
        self.assertEqual(call["branches"][0]["has_media"], True)
        self.assertIn("extra-ended", [event["event"] for event in call["events"]])
        self.ask("DELETE", "/v1/calls/c1")
        self.settle()

    def test_list(self) -> None:
        """GET of the calls has all of them, in short."""
        self.assertEqual(self.ask("GET", "/v1/calls").json, {"calls": []})
        self.phone("desk", answer(0.1))
        self.ring()
        self.post(to=TARGET)
        self.advance(1.0)
        self.post(to=TARGET)
        [first, second] = self.ask("GET", "/v1/calls/").json["calls"]
        self.assertEqual((first["id"], first["state"]), ("c1", "Established"))
        self.assertEqual((second["id"], second["state"]), ("c2", "Establishing"))
        self.assertNotIn("events", first)
        self.ask("DELETE", "/v1/calls/c1")
        self.ask("DELETE", "/v1/calls/c2")
        self.settle()

    def test_end_a_call(self) -> None:
        """DELETE ends the call, 202; the record stays, and says how it ended."""
        desk = self.phone("desk", answer(0.1))
        self.ring()
        self.post(to=TARGET)
        self.advance(1.0)
        deleted = self.ask("DELETE", "/v1/calls/c1", headers="")
        self.assertEqual((deleted.status, deleted.json["id"]), (202, "c1"))
        self.settle()
        self.assertTrue(desk.byed)
        call = self.ask("GET", "/v1/calls/c1").json
        self.assertEqual(call["state"], "Terminated")
        self.assertEqual(call["outcome"]["by"], "local")
        self.assertEqual(self.ask("DELETE", "/v1/calls/c1").status, 202)

    def test_cancel_a_call(self) -> None:
        """DELETE of a call that rings cancels it."""
        desk = self.phone("desk", ring(0.1))
        self.ring()
        self.post(to=TARGET)
        self.advance(1.0)
        self.assertEqual(self.ask("DELETE", "/v1/calls/c1").status, 202)
        self.settle()
        self.assertIn("CANCEL", self.methods(desk))

    def test_unknown_call(self) -> None:
        """A call that is not known is 404, and nothing is below a call."""
        self.phone("desk", answer(0.1))
        self.ring()
        self.post(to=TARGET)
        for path in (
            "/v1/calls/c2",
            "/v1/calls/c1/x",
            "/v1/calls/c1/",
            "/v1/calls/%FF",
        ):
            self.assertRefused(self.ask("GET", path), 404)
            self.assertRefused(self.ask("DELETE", path), 404)
        self.ask("DELETE", "/v1/calls/c1")
        self.settle()

    def test_unreachable(self) -> None:
        """A call that finds no way is 201 all the same: the record says why."""
        self.inviter.proxy = None
        placed = self.post(to="sip:bob@nowhere.invalid")
        self.assertEqual(placed.status, 201)
        self.assertEqual(placed.json["outcome"]["error"], "ResolutionFailed")

    def test_refused_call(self) -> None:
        """What cannot be called so is 400, and no call is kept."""
        for entries in (
            {},
            {"to": "bob"},
            {"to": "mailto:bob@example.com"},
            {"to": TARGET, "early_media": "yes"},
            {"to": TARGET, "colour": "red"},
            {"to": TARGET, "on_fork": "follow"},
            {"to": TARGET, "headers": {"A": "b\r\nVia: c"}},
            {"to": TARGET, "headers": {"Via": "c"}},
            {"to": TARGET + "\r\nVia: c"},
            {"to": TARGET, "without_sdp": True, "early_media": True},
        ):
            with self.subTest(entries=entries):
                self.assertRefused(self.post(**entries), 400)
        self.assertEqual(len(self.calls), 0)
        self.assertEqual(self.network.packets(), [])

    def test_not_json(self) -> None:
        """A body that is no JSON object is 400."""
        for body in (b"{", b"[]", b"\xff", b"[" * 50_000):
            self.assertRefused(self.ask("POST", "/v1/calls", body), 400)
        self.assertRefused(self.ask("POST", "/v1/calls"), 400)

    def test_too_many(self) -> None:
        """More calls than the service may have are 503."""
        self.phone("desk", answer(0.1))
        self.ring()
        for _ in range(3):
            self.assertEqual(self.post(to=TARGET).status, 201)
        refused = self.post(to=TARGET)
        self.assertRefused(refused, 503)
        self.assertIn("Retry-After", refused.headers)
        for call in list(self.calls):
            call.hang_up()
        self.settle()

    def test_draining(self) -> None:
        """A service that is stopping takes no calls, and says so."""
        self.is_draining = True
        self.assertRefused(self.post(to=TARGET), 503)
        health = self.ask("GET", "/healthz")
        self.assertEqual((health.status, health.json["status"]), (503, "draining"))


class GuardTests(ControlTestCase):
    """Tests of who may ask."""

    def test_content_type(self) -> None:
        """POST of anything but JSON is 415: a form of a web page is no JSON."""
        body = b'{"to": "sip:bob@example.invalid"}'
        for kind in (
            "",
            "Content-Type: text/plain\r\n",
            "Content-Type: application/x-www-form-urlencoded\r\n",
            "Content-Type: application/jsonp\r\n",
            "Content-Type: text/plain; application/json\r\n",
        ):
            with self.subTest(kind=kind):
                answer_ = self.ask("POST", "/v1/calls", body, kind)
                self.assertRefused(answer_, 415)
        self.assertEqual(len(self.calls), 0)

    def test_content_type_with_parameters(self) -> None:
        """The media type counts, not its parameters nor the case."""
        for kind in (
            "Content-Type: application/json; charset=utf-8\r\n",
            "content-type: Application/JSON\r\n",
        ):
            answer_ = self.ask("POST", "/v1/calls", b"{}", kind)
            self.assertEqual(answer_.status, 400)

    def test_origin(self) -> None:
        """A request with an Origin comes from a web page, and is 403."""
        for origin in ("http://localhost:8080", "null", "http://evil.example", ""):
            for method, path in (
                ("POST", "/v1/calls"),
                ("GET", "/v1/calls"),
                ("DELETE", "/v1/calls/c1"),
                ("GET", "/healthz"),
                ("OPTIONS", "/v1/calls"),
            ):
                with self.subTest(origin=origin, method=method):
                    headers = f"{JSON}Origin: {origin}\r\n"
                    answer_ = self.ask(method, path, b"{}", headers)
                    self.assertRefused(answer_, 403)
                    self.assertNotIn("Access-Control-Allow-Origin", answer_.headers)

    def test_host(self) -> None:
        """The Host must name this machine to itself, against DNS rebinding."""
        for host in (
            "localhost",
            "localhost:8080",
            "LOCALHOST.",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]",
            "[::1]:8080",
        ):
            with self.subTest(host=host):
                self.assertEqual(self.ask("GET", "/healthz", host=host).status, 200)
        for host in (
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "0.0.0.0",
            "[2001:db8::1]",
            "localhost@evil.example",
            "[::1",
            "",
            "\u00e4",
        ):
            with self.subTest(host=host):
                self.assertRefused(self.ask("GET", "/healthz", host=host), 403)
                self.assertRefused(self.ask("POST", "/v1/calls", b"{}", host=host), 403)

    def test_host_is_needed_once(self) -> None:
        """No Host at all, or two of them, is refused."""
        for head in (
            b"GET /healthz HTTP/1.0\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        ):
            self.assertRefused(self.exchange(head), 403)

    def test_size(self) -> None:
        """A body over the limit is 413, whether its length is announced or not."""
        body = b'{"to": "' + b"x" * MAX_BODY + b'"}'
        self.assertRefused(self.ask("POST", "/v1/calls", body), 413)
        chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        head = f"POST /v1/calls HTTP/1.1\r\nHost: localhost\r\n{JSON}".encode()
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 20
        self.assertRefused(self.exchange(chunked + b"0\r\n\r\n"), 413)

    def test_size_is_not_kept(self) -> None:
        """Of a body over the limit no more than the limit is ever kept."""
        channel, _ = self.connection()
        head = f"POST /v1/calls HTTP/1.1\r\nHost: localhost\r\n{JSON}"
        head += f"Content-Length: {100 * MAX_BODY}\r\n\r\n"
        channel.dataReceived(head.encode("ascii"))
        for _ in range(99):
            channel.dataReceived(b"x" * MAX_BODY)
        self.assertLessEqual(channel._channel.requests[0].content.tell(), MAX_BODY)

    def test_body_in_pieces(self) -> None:
        """A body that comes octet by octet is the same body."""
        self.phone("desk", answer(0.1))
        self.ring()
        body = json.dumps({"to": TARGET}).encode("ascii")
        head = f"POST /v1/calls HTTP/1.1\r\nHost: localhost\r\n{JSON}"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        channel, transport = self.connection()
        for octet in head.encode("ascii") + body:
            channel.dataReceived(bytes([octet]))
        self.assertEqual(self.parsed(transport.value()).status, 201)
        self.ask("DELETE", "/v1/calls/c1")
        self.settle()


class TreeTests(ControlTestCase):
    """Tests of paths and methods."""

    def test_nothing_there(self) -> None:
        """A path that means nothing is 404, in JSON."""
        for path in (
            "/",
            "/v1",
            "/v1/",
            "/v2/calls",
            "/v1/call",
            "/healthz/x",
            "/healthz/",
            "//",
            "/v1/calls//c1",
            "/%2e%2e/etc/passwd",
        ):
            with self.subTest(path=path):
                self.assertRefused(self.ask("GET", path), 404)

    def test_method_not_allowed(self) -> None:
        """A method that means nothing there is 405, with Allow."""
        self.phone("desk", answer(0.1))
        self.ring()
        self.post(to=TARGET)
        for method, path, allow in (
            ("PUT", "/v1/calls", "GET, HEAD, POST"),
            ("DELETE", "/v1/calls", "GET, HEAD, POST"),
            ("POST", "/v1/calls/c1", "DELETE, GET, HEAD"),
            ("OPTIONS", "/v1/calls/c1", "DELETE, GET, HEAD"),
            ("POST", "/healthz", "GET, HEAD"),
            ("render", "/healthz", "GET, HEAD"),
        ):
            with self.subTest(method=method, path=path):
                refused = self.ask(method, path, b"{}")
                self.assertRefused(refused, 405)
                self.assertEqual(refused.headers["Allow"], allow)
        self.ask("DELETE", "/v1/calls/c1")
        self.settle()

    def test_health(self) -> None:
        """The health says that the service takes calls."""
        health = self.ask("GET", "/healthz")
        self.assertEqual(health.status, 200)
        self.assertEqual(
            health.json,
            {"status": "ok", "version": __version__, "active_calls": 0, "load": {}},
        )

    def test_head(self) -> None:
        """HEAD has the head of GET, and no body."""
        full = self.ask("GET", "/healthz")
        head = self.ask("HEAD", "/healthz")
        self.assertEqual((head.status, head.text), (200, b""))
        self.assertEqual(head.headers["Content-Length"], str(len(full.text)))

    def test_our_own_mistake(self) -> None:
        """An error of ours is 500 without its text, is logged, and ends nothing."""

        def fail(*arguments: object, **options: object) -> None:
            raise ZeroDivisionError("secret")

        self.patch(self.calls, "place", fail)
        failed = self.post(to=TARGET)
        self.assertRefused(failed, 500)
        self.assertNotIn(b"secret", failed.text)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.ask("GET", "/healthz").status, 200)

    def test_not_http(self) -> None:
        """What is no HTTP gets no call and does no harm."""
        channel, transport = self.connection()
        channel.dataReceived(b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertNotIn(b"Traceback", transport.value())
        self.assertEqual(len(self.calls), 0)
